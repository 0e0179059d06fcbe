package adminsvc

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
)

// Sessions keeps who is signed in. Session answers policy.ErrNotFound for what is
// not there. NewSession replaces old (zero: none), and answers policy.ErrConflict
// where the user no longer has that role and that password's hash.
type Sessions interface {
	Session(ctx context.Context, token policy.KeyHash) (policy.Session, error)
	NewSession(ctx context.Context, session policy.Session, old policy.KeyHash, password string) error
	EndSession(ctx context.Context, token policy.KeyHash) error
}

// SignInStore is Sessions, and what people sign in with; policy.ErrNotFound for
// what is not there.
type SignInStore interface {
	Sessions
	Password(ctx context.Context, user string) (hash string, err error)
	Invitation(ctx context.Context, id policy.KeyHash) (policy.Invitation, error)
	Guesses
}

// Guesses counts sign-ins over all servers: Guess says how long to wait where there were
// too many of somebody's, 0 where it may be tried.
type Guesses interface {
	Guess(ctx context.Context, who policy.KeyHash, burst int, refill time.Duration, now time.Time) (wait time.Duration, err error)
	Forgive(ctx context.Context, who policy.KeyHash, burst int) error
}

// sessionCookie holds a token of 256 random bits; its hash is all that is kept.
const sessionCookie = "purser_session"

// requestKey is where a handler finds the request it serves.
type requestKey struct{}

func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// answered is a reply with headers, or a status, of its own.
type answered struct {
	header http.Header
	status int // 0: the operation's
	body   any // nil: none
}

// crossOrigin tells requests that another site makes a browser send: by what the
// browser says of them. Programs that are no browsers say nothing, and need no cookie.
var crossOrigin = http.NewCrossOriginProtection()

// sameOrigin refuses what another site may have sent. A browser that says nothing of
// where a request comes from must send X-Requested-With, which other sites cannot.
func sameOrigin(r *http.Request) error {
	silent := r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if crossOrigin.Check(r) != nil || silent && !safe && r.Header.Get("X-Requested-With") == "" {
		return forbidden("None", "This request comes from another site, or does not say where from: send it from this one, with the header X-Requested-With, or use a key")
	}
	return nil
}

// sessionToken is the token that a request carries, "" for none.
func sessionToken(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil || len(c.Value) > 128 {
		return ""
	}
	return c.Value
}

// secure reports whether the caller came by https.
func (s *server) secure(r *http.Request) bool {
	return r.TLS != nil || s.TrustForwarded && r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookie is the Set-Cookie of a token; "" takes it away.
func (s *server) cookie(r *http.Request, token string, life time.Duration) http.Header {
	c := &http.Cookie{Name: sessionCookie, Value: token, Path: "/", HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode, MaxAge: int(life / time.Second)}
	if token == "" {
		c.MaxAge = -1
	}
	return http.Header{"Set-Cookie": {c.String()}, "Cache-Control": {"no-store"}}
}

// masterBound is what a session of the master key's holder rests on: with another
// master key, or another UI_PASSWORD, it is over.
func (s *server) masterBound() string {
	settings := s.Settings()
	mac := hmac.New(sha256.New, settings.MasterKey[:])
	mac.Write([]byte(s.UIUsername + "\x00" + s.UIPassword))
	return hex.EncodeToString(mac.Sum(nil))
}

// sessionOver is the answer to a token that lets nobody in, and takes the cookie away.
func (s *server) sessionOver(r *http.Request) error {
	e := unauthorized("auth_error", "Authentication Error, Your session is over. Sign in again.")
	e.Header = s.cookie(r, "", 0)
	return e
}

// authenticateSession finds out who is signed in.
func (s *server) authenticateSession(ctx context.Context, r *http.Request, token string) (*Caller, error) {
	if s.SignIn == nil {
		return nil, s.sessionOver(r)
	}
	settings := s.Settings()
	if ip := s.clientIP(r); !policy.IPAllowed(settings.AllowedIPs, ip) {
		return nil, forbidden("None", "Access forbidden: IP address %s is not allowed", ip)
	}
	if err := sameOrigin(r); err != nil {
		return nil, err
	}
	session, err := s.SignIn.Session(ctx, policy.HashKey(token))
	if errors.Is(err, policy.ErrNotFound) {
		return nil, s.sessionOver(r)
	}
	if err != nil {
		return nil, err
	}
	if !s.now().Before(session.ExpiresAt) {
		return nil, s.sessionOver(r)
	}
	c := &Caller{Session: &session}
	if session.UserID == "" {
		if !settings.HasMasterKey || !hmac.Equal([]byte(session.Bound), []byte(s.masterBound())) {
			return nil, s.sessionOver(r)
		}
		c.Master, c.Role, c.UserID = true, policy.RoleAdmin, settings.MasterUserID
		c.Actor = policy.Actor{UserID: c.UserID}
		return c, nil
	}
	u, err := find[*policy.User](ctx, s.Store, policy.EntityUser, session.UserID)
	if err != nil {
		return nil, err
	}
	if u == nil || u.Blocked || u.Role != session.Role {
		return nil, s.sessionOver(r)
	}
	c.User, c.UserID, c.Role = u, u.ID, u.Role
	if c.Role == "" {
		c.Role = policy.RoleUser
	}
	c.Actor = policy.Actor{UserID: u.ID}
	return c, nil
}

// begin starts a session in the place of the one the request carries, and returns
// its cookie.
func (s *server) begin(ctx context.Context, session policy.Session, password string) (policy.Session, http.Header, error) {
	r := requestOf(ctx)
	var raw [32]byte
	_, _ = rand.Read(raw[:])
	token := base64.RawURLEncoding.EncodeToString(raw[:])
	session.Token = policy.HashKey(token)
	session.CreatedAt = s.now()
	session.ExpiresAt = session.CreatedAt.Add(s.SessionLife)
	var old policy.KeyHash
	if t := sessionToken(r); t != "" {
		old = policy.HashKey(t)
	}
	if err := s.SignIn.NewSession(ctx, session, old, password); err != nil {
		return session, nil, err
	}
	return session, s.cookie(r, token, s.SessionLife), nil
}

type ended struct {
	Message Opt[string] `json:"message"`
}

// signOut ends the session, if there is one: who is not signed in is signed out.
func (s *server) signOut(ctx context.Context, _ *Caller, _ *nothing) (any, error) {
	r := requestOf(ctx)
	if err := sameOrigin(r); err != nil {
		return nil, err
	}
	if token := sessionToken(r); token != "" && s.SignIn != nil {
		if err := s.SignIn.EndSession(ctx, policy.HashKey(token)); err != nil {
			return nil, err
		}
	}
	return &answered{header: s.cookie(r, "", 0), body: Object{{"message", "Signed out"}}}, nil
}
