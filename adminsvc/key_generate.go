package adminsvc

import (
	"context"
	"errors"
	"strings"

	"github.com/purser/purser/policy"
)

type keyNew struct {
	Body
	Key             Opt[string] `json:"key" doc:"Your own key: sk- and at least 13 more characters"`
	KeyType         Opt[string] `json:"key_type" enum:"default,llm_api,management,read_only" doc:"A preset of allowed_routes"`
	SendInviteEmail Opt[bool]   `json:"send_invite_email"`
	keyFields
}

// keyGenerated is a key's row with the key itself, which only the reply that made it has.
type keyGenerated struct {
	Key     Opt[string] `json:"key"`
	TokenID Opt[string] `json:"token_id"`
	KeyType Opt[string] `json:"key_type" optional:"true"`
	keyRow
}

func (s *server) generateKey(ctx context.Context, c *Caller, in *keyNew) (any, error) {
	return s.makeKey(ctx, c, in.Sent, false)
}

func (s *server) generateServiceKey(ctx context.Context, c *Caller, in *keyNew) (any, error) {
	if in.TeamID.Or("") == "" {
		return nil, badRequest("team_id", "team_id is required for service account keys")
	}
	return s.makeKey(ctx, c, in.Sent, true)
}

func (s *server) makeKey(ctx context.Context, c *Caller, sent Fields, service bool) (any, error) {
	var k *policy.Key
	var plain string
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		var err error
		k, plain, err = s.createKey(ctx, tx, c, sent, service)
		return err
	})
	if err != nil {
		return nil, err
	}
	in, err := decodeStored[struct {
		Spend Opt[policy.Money] `json:"spend"`
	}](sent)
	if err != nil {
		return nil, err
	}
	return s.generatedRow(ctx, k, plain, in.Spend.Or(0))
}

// generatedRow is the one reply that shows a key; spent is what came along with a regenerated one.
func (s *server) generatedRow(ctx context.Context, k *policy.Key, plain string, spent policy.Money) (any, error) {
	row, err := s.keyRow(ctx, k, spent)
	if err != nil {
		return nil, err
	}
	return render[keyGenerated](storedFields(k.Fields), append(Object{{"key", plain}, {"token_id", k.Hash.String()}}, row...)), nil
}

// createKey makes a key from the fields of a /key/generate body, in a write under
// way. Other resources that make keys (a user's first one) call it too.
func (s *server) createKey(ctx context.Context, tx policy.Tx, c *Caller, sent Fields, service bool) (*policy.Key, string, error) {
	sent = s.keyDefaults(blankIDs(sent, keyIDs...))
	in, err := decodeStored[keyNew](sent)
	if err != nil {
		return nil, "", err
	}
	if in.Spend.Or(0) < 0 {
		return nil, "", badRequest("spend", "spend must not be negative")
	}
	plain, err := s.plainKey(ctx, in.Key)
	if err != nil {
		return nil, "", err
	}
	fields := sent.Without(transientKeyFields...)
	if !in.UserID.Sent && !service && !c.Admin() && c.UserID != "" {
		// Whoever may only act for themselves makes keys for themselves.
		in.UserID = Opt[string]{Value: c.UserID, Sent: true}
		fields = fields.With("user_id", quote(c.UserID))
	}
	if service {
		if in.UserID.Or("") != "" {
			return nil, "", badRequest("user_id", "A service account key belongs to its team, not to a user")
		}
		fields = s.serviceAccount(fields, in)
	}
	k := &policy.Key{Hash: policy.HashKey(plain), Name: maskKey(plain)}
	now := s.now()
	k.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID}
	if err := compileKey(k, &in.keyFields); err != nil {
		return nil, "", err
	}
	if err := s.checkKeyBounds(sent, &k.Limits, in.Duration); err != nil {
		return nil, "", err
	}
	if preset := keyTypes[in.KeyType.Or("default")]; preset != nil {
		if len(k.AllowedRoutes) > 0 {
			return nil, "", badRequest("key_type", "key_type and allowed_routes are two ways to say the same: send one of them")
		}
		k.AllowedRoutes = preset
	}
	if k.Expires, err = s.expiry(in.Duration); err != nil {
		return nil, "", err
	}
	create := keyCreate
	if service {
		create = keyCreateService
	}
	if err := s.admitKey(ctx, tx, c, create, nil, k, &in.keyFields); err != nil {
		return nil, "", err
	}
	k.Fields = fields.Stored()
	if err := tx.Create(ctx, k); err != nil {
		if errors.Is(err, policy.ErrConflict) {
			return nil, "", badRequest("key", "This key exists already")
		}
		return nil, "", err
	}
	if spent := in.Spend.Or(0); spent != 0 { // as of a key that comes over from another proxy
		if _, err := s.setSpendIn(ctx, tx, c, keySpender(k), spent); err != nil {
			return nil, "", err
		}
	}
	return k, plain, nil
}

// admitKey checks a key that is about to be written against everything around
// it; old is what it was, nil for a new one. Who may do it comes first: create is
// the right that a new key, or one that moves, takes.
func (s *server) admitKey(ctx context.Context, tx policy.Tx, c *Caller, create action, old, k *policy.Key, in *keyFields) error {
	f, err := resolveFamily(ctx, tx, k)
	if err != nil {
		return s.hideUnlessAllowed(ctx, c, err)
	}
	on := target{UserID: k.UserID, Team: f.team, ProjectID: k.ProjectID, OrganizationID: k.OrganizationID}
	moved := old == nil || old.TeamID != k.TeamID || old.ProjectID != k.ProjectID || old.OrganizationID != k.OrganizationID || old.UserID != k.UserID
	if moved {
		if err := s.authorize(ctx, c, create, on); err != nil {
			return err
		}
	}
	if err := s.capKeyLife(old, k, f.team); err != nil {
		return err
	}
	if !c.Admin() {
		if err := s.checkOwner(ctx, tx, c, k, f); err != nil {
			return err
		}
		if len(in.Permissions.Or(nil)) > 0 && (old == nil || string(mustField(old, "permissions")) != string(in.Permissions.Value.Stored())) {
			return forbidden("permissions", "Only proxy admins may set permissions")
		}
		groups, err := grantedGroups(ctx, tx, in.AccessGroupIDs)
		if err != nil {
			return err
		}
		whole := *k
		whole.Models = grant(k.Models, groups)
		if err := s.within(ctx, tx, &whole, c.Key); err != nil {
			return err
		}
	}
	return s.checkKey(ctx, tx, k, f, in)
}

// capKeyLife holds members' keys to the longest life their team gives them.
func (s *server) capKeyLife(old, k *policy.Key, t *policy.Team) error {
	if t == nil || k.UserID == "" || old != nil && old.Expires.Equal(k.Expires) {
		return nil
	}
	in, err := decodeStored[struct {
		Duration Opt[string] `json:"team_member_key_duration"`
	}](storedFields(t.Fields))
	if err != nil || in.Duration.Or("") == "" {
		return err
	}
	latest, err := s.expiry(in.Duration)
	switch {
	case err != nil:
		return err
	case k.Expires.IsZero() && old == nil:
		k.Expires = latest
	case k.Expires.IsZero() || k.Expires.After(latest):
		return badRequest("duration", "Keys of members of team %s live at most %s", t.ID, in.Duration.Value)
	}
	return nil
}

func mustField(k *policy.Key, name string) []byte {
	v, _ := storedFields(k.Fields).Get(name)
	return v
}

// hideUnlessAllowed keeps from a caller who could not use a thing anyway whether it is there.
func (s *server) hideUnlessAllowed(ctx context.Context, c *Caller, err error) error {
	if c.Sees() || c.Role == policy.RoleOrgAdmin {
		return err
	}
	var e *Error
	if errors.As(err, &e) && e.Param != "" {
		if denied := s.authorize(ctx, c, keyCreate, target{}); denied != nil {
			return denied
		}
	}
	return err
}

// checkOwner keeps who is no proxy admin from making keys that act as somebody
// else: only for themselves, or within a team for one of its members who is
// nobody special.
func (s *server) checkOwner(ctx context.Context, tx policy.Tx, c *Caller, k *policy.Key, f family) error {
	if k.UserID == "" || k.UserID == c.UserID {
		return nil
	}
	if f.team == nil {
		return forbidden("user_id", "Only proxy admins may make keys for other users")
	}
	if is, err := s.relationTo(ctx, c, target{Team: f.team}); err != nil || is&managers == 0 {
		if err == nil {
			err = forbidden("user_id", "Only admins of team %s may make keys for its other members", f.team.ID)
		}
		return err
	}
	if !isTeamUser(f.team, k.UserID) {
		return forbidden("user_id", "User %s is not a member of team %s", clip(k.UserID), f.team.ID)
	}
	u, err := find[*policy.User](ctx, tx, policy.EntityUser, k.UserID)
	if err != nil {
		return err
	}
	if k.UserID == s.Settings().MasterUserID || u != nil && (u.Role == policy.RoleAdmin || u.Role == policy.RoleAdminViewer || u.Role == policy.RoleOrgAdmin) {
		return forbidden("user_id", "Only proxy admins may make keys for user %s", clip(k.UserID))
	}
	return nil
}

func isTeamUser(t *policy.Team, user string) bool {
	for _, m := range t.Members {
		if m.UserID == user {
			return true
		}
	}
	return false
}

// plainKey is the key to be: the caller's own, or a new one.
func (s *server) plainKey(ctx context.Context, own Opt[string]) (string, error) {
	plain := own.Or("")
	if plain == "" {
		return s.NewKey(), nil
	}
	if off, err := s.flag(ctx, "disable_custom_api_keys"); err != nil {
		return "", err
	} else if off {
		return "", forbidden("key", "Keys of your own choice are switched off here (disable_custom_api_keys): leave key out")
	}
	if !strings.HasPrefix(plain, "sk-") || len(plain) < 16 {
		return "", badRequest("key", "A key of your own starts with 'sk-' and has at least 16 characters")
	}
	if len(plain) > maxID || strings.ContainsFunc(plain, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", badRequest("key", "A key of your own has at most %d characters, printable ASCII without spaces", maxID)
	}
	if settings := s.Settings(); settings.HasMasterKey && policy.HashKey(plain).Equal(settings.MasterKey) {
		return "", badRequest("key", "This key exists already")
	}
	return plain, nil
}

// serviceAccount names the account in the key's metadata, as LiteLLM does.
func (s *server) serviceAccount(fields Fields, in *keyNew) Fields {
	meta := in.Metadata.Or(nil)
	if !meta.Has("service_account_id") {
		id := in.KeyAlias.Or("")
		if id == "" {
			id = s.NewID()
		}
		meta = meta.With("service_account_id", quote(id))
		in.Metadata = Opt[Fields]{Value: meta, Sent: true}
		fields = fields.With("metadata", meta.Stored())
	}
	return fields.Without("user_id")
}
