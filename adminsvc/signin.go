package adminsvc

import (
	"context"
	"crypto/subtle"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// How often somebody may guess, at all servers together: an account's password ten times at
// once and then every half minute; from one address forty times and every 5 seconds.
const (
	guessesPerAccount, accountRefill = 10, 30 * time.Second
	guessesPerAddress, addressRefill = 40, 5 * time.Second
	mostThrottled                    = 20_000
)

type login struct {
	Body
	Username Opt[string] `json:"username" doc:"UI_USERNAME (admin), or a user's id or e-mail"`
	Password Opt[string] `json:"password" doc:"UI_PASSWORD (the master key where there is none), or the user's own"`
	Key      Opt[string] `json:"master_key" doc:"Alone, in the place of name and password"`
}

type loginReply struct {
	RedirectURL Opt[string]    `json:"redirect_url"`
	UserID      Opt[string]    `json:"user_id"`
	UserRole    Opt[string]    `json:"user_role"`
	LoginMethod Opt[string]    `json:"login_method"`
	ExpiresAt   Opt[time.Time] `json:"expires_at"`
}

const afterLogin = "/ui/?login=success"

// signIn answers with the session's cookie. The token itself is in no body: no
// script can read it.
func (s *server) signIn(ctx context.Context, _ *Caller, in *login) (any, error) {
	session, header, err := s.signInWith(ctx, in)
	if err != nil {
		return nil, err
	}
	return &answered{header: header, body: s.signedIn(session)}, nil
}

func (s *server) signedIn(session policy.Session) Object {
	user, role := session.UserID, session.Role
	if user == "" {
		user, role = s.Settings().MasterUserID, policy.RoleAdmin
	}
	if role == "" {
		role = policy.RoleUser
	}
	return Object{{"redirect_url", afterLogin}, {"user_id", user}, {"user_role", role}, {"login_method", session.Method}, {"expires_at", when(session.ExpiresAt)}}
}

func (s *server) signInByForm(ctx context.Context, _ *Caller, in *login) (any, error) {
	_, header, err := s.signInWith(ctx, in)
	if err != nil {
		return nil, err
	}
	header.Set("Location", afterLogin)
	return &answered{header: header}, nil
}

// wrongPassword is the one answer to everything that does not fit.
func wrongPassword() error {
	e := unauthorized("auth_error", "Invalid credentials: no user has this name and password")
	e.Param = "invalid_credentials"
	return e
}

func (s *server) signInWith(ctx context.Context, in *login) (policy.Session, http.Header, error) {
	var none policy.Session
	r := requestOf(ctx)
	if s.SignIn == nil {
		return none, nil, &Error{Status: http.StatusBadRequest, Type: "no_db_connection", Message: "Nobody can sign in here: there is no database to keep sessions in"}
	}
	if err := sameOrigin(r); err != nil {
		return none, nil, err
	}
	if ip := s.clientIP(r); !policy.IPAllowed(s.Settings().AllowedIPs, ip) {
		return none, nil, forbidden("None", "Access forbidden: IP address %s is not allowed", ip)
	}
	name, password, key := in.Username.Or(""), in.Password.Or(""), in.Key.Or("")
	if key == "" && (name == "" || password == "") {
		return none, nil, badRequest("password", "Send username and password, or master_key")
	}
	account, address := "name "+strings.ToLower(name), s.clientIP(r)
	if key != "" {
		account = "master"
	}
	now := s.now()
	if err := s.mayGuess(ctx, account, address, now); err != nil {
		return none, nil, err
	}
	session, hash, err := s.check(ctx, name, password, key)
	if err == nil {
		s.guessed(ctx, account, address, now)
		var header http.Header
		session, header, err = s.begin(ctx, session, hash)
		if errors.Is(err, policy.ErrConflict) {
			return none, nil, wrongPassword()
		}
		if err == nil {
			s.log.Info("somebody signed in", "user_id", session.UserID, "method", session.Method, "address", address)
		}
		return session, header, err
	}
	return none, nil, err
}

func accountBucket(name string) policy.KeyHash    { return policy.HashKey("account " + name) }
func addressBucket(address string) policy.KeyHash { return policy.HashKey("address " + address) }

// mayGuess counts a guess of an account and an address: first of this process, which
// keeps a flood from the database, then of all servers.
func (s *server) mayGuess(ctx context.Context, account, address string, now time.Time) error {
	wait := s.addresses.take(address, now)
	if wait == 0 {
		wait = s.accounts.take(account, now)
	}
	var err error
	if wait == 0 {
		wait, err = s.SignIn.Guess(ctx, addressBucket(address), guessesPerAddress, addressRefill, now)
	}
	if wait == 0 && err == nil {
		wait, err = s.SignIn.Guess(ctx, accountBucket(account), guessesPerAccount, accountRefill, now)
	}
	if wait == 0 || err != nil {
		return err
	}
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	return &Error{Status: http.StatusTooManyRequests, Type: "throttling_error", Message: "Too many failed sign-ins. Try again in " + seconds + " s.",
		Header: http.Header{"Retry-After": {seconds}}}
}

// guessed takes a guess back: it was right. Where that fails one is lost, which comes back with time.
func (s *server) guessed(ctx context.Context, account, address string, now time.Time) {
	s.accounts.give(account, now)
	s.addresses.give(address, now)
	for who, burst := range map[policy.KeyHash]int{accountBucket(account): guessesPerAccount, addressBucket(address): guessesPerAddress} {
		if err := s.SignIn.Forgive(ctx, who, burst); err != nil {
			s.log.Warn("a right sign-in stays counted as a guess", "error", err)
		}
	}
}

// check finds out whom a name and password, or a master key, belong to.
func (s *server) check(ctx context.Context, name, password, key string) (policy.Session, string, error) {
	settings := s.Settings()
	master := policy.Session{Method: policy.SignInMaster, Role: policy.RoleAdmin, Bound: s.masterBound()}
	if key != "" {
		if settings.HasMasterKey && policy.HashKey(key).Equal(settings.MasterKey) {
			return master, "", nil
		}
		return policy.Session{}, "", wrongPassword()
	}
	if name == s.UIUsername && settings.HasMasterKey {
		right := policy.HashKey(password).Equal(settings.MasterKey)
		if s.UIPassword != "" {
			given, want := policy.HashKey(password), policy.HashKey(s.UIPassword)
			right = subtle.ConstantTimeCompare(given[:], want[:]) == 1
		}
		if right {
			master.Method = policy.SignInPassword
			return master, "", nil
		}
	}
	u, err := s.userByName(ctx, name)
	if err != nil {
		return policy.Session{}, "", err
	}
	hash := ""
	if u != nil {
		if hash, err = s.passwordOf(ctx, u.ID); err != nil {
			return policy.Session{}, "", err
		}
	}
	ok, err := passwordIs(ctx, hash, password)
	if err != nil {
		return policy.Session{}, "", err
	}
	if !ok {
		return policy.Session{}, "", wrongPassword()
	}
	if u.Blocked {
		return policy.Session{}, "", unauthorized("auth_error", "Authentication Error, User=%s is blocked", u.ID)
	}
	return policy.Session{UserID: u.ID, Role: u.Role, Method: policy.SignInPassword}, hash, nil
}

// userByName finds a user by id, else by e-mail; nil for nobody.
func (s *server) userByName(ctx context.Context, name string) (*policy.User, error) {
	if validID("username", name) != nil {
		return nil, nil
	}
	u, err := find[*policy.User](ctx, s.Store, policy.EntityUser, name)
	if u != nil || err != nil {
		return u, err
	}
	same, _, err := policy.List[*policy.User](ctx, s.Store, policy.Query{Kind: policy.EntityUser, Limit: 2,
		Where: []policy.Condition{{Field: "email_folded", Op: policy.Is, Value: strings.ToLower(name)}}})
	if err != nil || len(same) != 1 {
		return nil, err
	}
	return same[0], nil
}

type passwordChange struct {
	Body
	Current Opt[string] `json:"current_password" required:"true"`
	New     Opt[string] `json:"new_password" required:"true"`
}

// changePassword is for who is signed in as a user of their own.
func (s *server) changePassword(ctx context.Context, c *Caller, in *passwordChange) (any, error) {
	if c.User == nil || s.SignIn == nil {
		return nil, forbidden("None", "Only users have passwords: sign in as one. The master key's is in the configuration.")
	}
	if c.Key != nil && c.Key.TeamID != "" {
		return nil, forbidden("None", "A key of a team cannot change its user's password")
	}
	now, address := s.now(), s.clientIP(requestOf(ctx))
	account := "name " + strings.ToLower(c.User.ID)
	if err := s.mayGuess(ctx, account, address, now); err != nil {
		return nil, err
	}
	hash, err := s.passwordOf(ctx, c.User.ID)
	if err != nil {
		return nil, err
	}
	ok, err := passwordIs(ctx, hash, in.Current.Value)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, badRequest("current_password", "The current password is another one")
	}
	s.guessed(ctx, account, address, now)
	fresh, err := newPassword(ctx, "new_password", in.New.Value)
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		return tx.Keep(ctx, policy.NewPassword{UserID: c.User.ID, Hash: fresh, At: now})
	})
	if err != nil {
		return nil, err
	}
	out := &answered{body: Object{{"message", "The password was changed. Other sessions are over."}}}
	if c.Session != nil {
		_, header, err := s.begin(ctx, policy.Session{UserID: c.User.ID, Role: c.User.Role, Method: c.Session.Method}, fresh)
		if err != nil {
			return nil, err
		}
		out.header = header
	}
	return out, nil
}
