package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/purser/purser/policy"
)

// Caller is who calls, authenticated.
type Caller struct {
	Master bool
	Role   string // of policy's roles; "" for a key that belongs to no user
	UserID string
	Key    *policy.Key  // nil for the master key, and within a session
	User   *policy.User // nil for the master key, and where the key's user has no row
	Actor  policy.Actor // for the audit log
	// Session is set for who is signed in, and calls with no key.
	Session *policy.Session

	orgs  map[string]string // organization → role, once asked for
	asked bool
}

// Admin reports whether the caller may do everything.
func (c *Caller) Admin() bool { return c.Master || c.Role == policy.RoleAdmin }

// Sees reports whether the caller may read everything.
func (c *Caller) Sees() bool { return c.Admin() || c.Role == policy.RoleAdminViewer }

// credentialHeaders may carry a key, in this order.
var credentialHeaders = []string{"x-litellm-api-key", "Authorization", "API-Key", "x-api-key", "x-goog-api-key", "Ocp-Apim-Subscription-Key"}

func credential(h http.Header) string {
	for _, name := range credentialHeaders {
		v := strings.TrimSpace(h.Get(name))
		for _, prefix := range []string{"Bearer ", "Basic "} {
			if len(v) > len(prefix) && strings.EqualFold(v[:len(prefix)], prefix) {
				v = strings.TrimSpace(v[len(prefix):])
			}
		}
		if v != "" {
			return v
		}
	}
	return ""
}

// authenticate finds out who calls, and refuses keys that may not be used.
func (s *server) authenticate(ctx context.Context, r *http.Request) (*Caller, error) {
	plain := credential(r.Header)
	if token := sessionToken(r); plain == "" && token != "" {
		return s.authenticateSession(ctx, r, token)
	}
	if plain == "" {
		return nil, unauthorized("auth_error", "Authentication Error, No api key passed in.")
	}
	settings := s.Settings()
	if ip := s.clientIP(r); !policy.IPAllowed(settings.AllowedIPs, ip) {
		return nil, forbidden("None", "Access forbidden: IP address %s is not allowed", ip)
	}
	hash := policy.HashKey(plain)
	if settings.HasMasterKey && hash.Equal(settings.MasterKey) {
		c := &Caller{Master: true, Role: policy.RoleAdmin, UserID: settings.MasterUserID}
		c.Actor = policy.Actor{UserID: c.UserID}
		if by := r.Header.Get("litellm-changed-by"); by != "" && len(by) <= maxID {
			c.Actor.UserID = strings.ToValidUTF8(by, "")
		}
		return c, nil
	}
	if !strings.HasPrefix(plain, "sk-") {
		return nil, unauthorized("auth_error", "Authentication Error, a key starts with 'sk-'. Received %s", maskKey(plain))
	}
	key, err := policy.Get[*policy.Key](ctx, s.Store, policy.Ref{Kind: policy.EntityKey, ID: hash.String()})
	if errors.Is(err, policy.ErrNotFound) {
		e := unauthorized("token_not_found_in_db", "Authentication Error, Invalid proxy server token passed. Received API Key = %s, Key Hash (Token) =%s", maskKey(plain), hash)
		e.Param = "key"
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	var old *policy.Key
	if key.Successor != (policy.KeyHash{}) { // an old secret in its grace period is the new key by another name
		if old = key; !s.now().Before(old.RevokedAt) {
			return nil, refused((&policy.Grant{Key: key, Old: old, Settings: settings}).Authenticate(s.now()))
		}
		if key, err = policy.Get[*policy.Key](ctx, s.Store, policy.Ref{Kind: policy.EntityKey, ID: old.Successor.String()}); err != nil {
			return nil, err
		}
		hash = key.Hash
	}
	c := &Caller{Key: key, UserID: key.UserID, Actor: policy.Actor{UserID: key.UserID, KeyHash: hash.String()}}
	grant := policy.Grant{Key: key, Old: old, Settings: settings}
	if grant.Team, err = find[*policy.Team](ctx, s.Store, policy.EntityTeam, key.TeamID); err != nil {
		return nil, err
	}
	if grant.Project, err = find[*policy.Project](ctx, s.Store, policy.EntityProject, key.ProjectID); err != nil {
		return nil, err
	}
	if grant.User, err = find[*policy.User](ctx, s.Store, policy.EntityUser, key.UserID); err != nil {
		return nil, err
	}
	if refusal := grant.Authenticate(s.now()); refusal != nil {
		return nil, refused(refusal)
	}
	if !policy.RouteAllowed(key.AllowedRoutes, r.URL.Path, false) {
		return nil, forbidden("None", "Virtual key is not allowed to call this route. Only allowed to call routes: [%s]. Tried to call route: %s",
			strings.Join(key.AllowedRoutes, ", "), r.Pattern)
	}
	if ip := s.clientIP(r); !policy.IPAllowed(key.AllowedIPs, ip) {
		return nil, forbidden("None", "Access forbidden: IP address %s is not allowed for this key", ip)
	}
	if c.User = grant.User; c.User != nil {
		c.Role = c.User.Role
		if c.Role == "" {
			c.Role = policy.RoleUser
		}
	} else if key.UserID == settings.MasterUserID {
		c.UserID = "" // LiteLLM puts the master key's user on what it makes: that shares no rights
	} else if key.UserID != "" {
		c.Role = policy.RoleUser // named by a key, never created: /key/generate allows it
	}
	if s.confined(c) && c.Role != "" {
		if c.Role == policy.RoleAdminViewer || c.Role == policy.RoleUserViewer {
			c.Role = policy.RoleUserViewer
		} else {
			c.Role = policy.RoleUser
		}
	}
	return c, nil
}

// maskKey is a key as messages may show it.
func maskKey(plain string) string {
	if len(plain) < 12 {
		return "sk-..." // a short one would be half told by its last four
	}
	return "sk-..." + strings.ToValidUTF8(plain[len(plain)-4:], "?")
}

// find reads an entity that may be absent: an empty id, or one that is not there, is nil.
func find[E policy.Entity](ctx context.Context, r policy.Reader, kind policy.EntityKind, id string) (E, error) {
	var none E
	if id == "" {
		return none, nil
	}
	e, err := policy.Get[E](ctx, r, policy.Ref{Kind: kind, ID: id})
	if errors.Is(err, policy.ErrNotFound) {
		return none, nil
	}
	return e, err
}

// orgRole is the caller's role in an organization, "" for none.
func (s *server) orgRole(ctx context.Context, c *Caller, organization string) (string, error) {
	if organization == "" || c.UserID == "" {
		return "", nil
	}
	if err := s.loadOrganizations(ctx, c); err != nil {
		return "", err
	}
	return c.orgs[organization], nil
}

func (s *server) loadOrganizations(ctx context.Context, c *Caller) error {
	if c.asked || c.UserID == "" {
		return nil
	}
	members, _, err := policy.List[*policy.OrganizationMember](ctx, s.Store, policy.Query{
		Kind: policy.EntityOrganizationMember, Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: c.UserID}},
	})
	if err != nil {
		return err
	}
	c.orgs, c.asked = map[string]string{}, true
	for _, m := range members {
		c.orgs[m.OrganizationID] = m.Role
	}
	return nil
}

// administered lists the organizations the caller administers.
func (s *server) administered(ctx context.Context, c *Caller) ([]string, error) {
	if err := s.loadOrganizations(ctx, c); err != nil {
		return nil, err
	}
	var out []string
	for id, role := range c.orgs {
		if role == policy.RoleOrgAdmin {
			out = append(out, id)
		}
	}
	return out, nil
}

// teams lists the teams the caller is a member of, or whose organization the caller administers.
func (s *server) teams(ctx context.Context, c *Caller) ([]*policy.Team, error) {
	var out []*policy.Team
	if c.UserID == "" {
		return nil, nil
	}
	if s.confined(c) {
		t, err := find[*policy.Team](ctx, s.Store, policy.EntityTeam, c.Key.TeamID)
		if err == nil && t != nil {
			out = append(out, t)
		}
		return out, err
	}
	mine, _, err := policy.List[*policy.Team](ctx, s.Store, policy.Query{
		Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "member", Op: policy.Is, Value: c.UserID}},
	})
	if err != nil {
		return nil, err
	}
	out = append(out, mine...)
	orgs, err := s.administered(ctx, c)
	if err != nil || len(orgs) == 0 {
		return out, err
	}
	theirs, _, err := policy.List[*policy.Team](ctx, s.Store, policy.Query{
		Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "organization_id", Op: policy.In, Value: orgs}},
	})
	if err != nil {
		return nil, err
	}
	for _, t := range theirs {
		if memberOf(t, c) == "" {
			out = append(out, t)
		}
	}
	return out, nil
}

// memberOf is the caller's role in a team: "admin", "user", or "" for none.
func memberOf(t *policy.Team, c *Caller) string {
	if c.UserID == "" {
		return ""
	}
	for _, m := range t.Members {
		if m.UserID == c.UserID || m.UserID == "" && c.User != nil && c.User.Email != "" && strings.EqualFold(m.Email, c.User.Email) {
			return m.Role
		}
	}
	return ""
}
