package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/purser/purser/policy"
)

// sessionRow says who calls, and what they may do.
type sessionRow struct {
	UserID        Opt[string]    `json:"user_id"`
	UserEmail     Opt[string]    `json:"user_email"`
	UserAlias     Opt[string]    `json:"user_alias"`
	UserRole      Opt[string]    `json:"user_role" doc:"proxy_admin, proxy_admin_viewer, internal_user or internal_user_viewer; null for a key of nobody"`
	LoginMethod   Opt[string]    `json:"login_method" doc:"master_key, username_password, invitation, or api_key where no session but a key asks"`
	ExpiresAt     Opt[time.Time] `json:"expires_at" doc:"When the session ends by itself"`
	HasPassword   Opt[bool]      `json:"has_password"`
	Permissions   Opt[[]string]  `json:"permissions" doc:"What the caller may do somewhere: create_key, create_team, …"`
	Teams         Opt[rows]      `json:"teams" doc:"The caller's teams: team_id, team_alias, organization_id, role (admin, user, org_admin) and permissions"`
	Organizations Opt[rows]      `json:"organizations" doc:"organization_id, organization_alias and role"`
	UISettings    Opt[Fields]    `json:"ui_settings"`
}

// sessions: signing in, and who is signed in.
func sessions(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "sign-in", Summary: summary, Reply: reply}
	}
	public := func(o operation) operation { o.Public = true; return o }
	route(s, public(op(http.MethodPost, "/v2/login", "Sign in with name and password, or the master key", loginReply{})), s.signIn)
	form := public(op(http.MethodPost, "/login", "Sign in by a form, and be sent to the UI", nil))
	form.Form, form.Status = true, http.StatusSeeOther
	route(s, form, s.signInByForm)
	route(s, public(op(http.MethodPost, "/session/logout", "Sign out", ended{})), s.signOut)
	route(s, op(http.MethodGet, "/session", "Who calls, and what they may do", sessionRow{}), s.whoAmI)
	route(s, op(http.MethodPost, "/user/password/change", "Change one's own password; other sessions end", ended{}), s.changePassword)
}

// abilities are what the UI asks about: each is an action of the rules, and holds
// where the caller may do it somewhere.
var abilities = []struct {
	name string
	do   action
}{
	{"create_key", keyCreate}, {"create_service_account_key", keyCreateService}, {"create_team", teamCreate}, {"change_team", teamUpdateIt},
	{"manage_team_members", teamSetMembers}, {"create_project", projectWrite}, {"delete_project", projectDelete}, {"create_user", userCreate},
	{"list_users", userListAll}, {"create_organization", organizationWrite}, {"change_organization", organizationChange},
	{"read_all_spend", spendReadAll}, {"change_settings", settingsChange}, {"invite_user", userInvite}, {"read_audit", auditRead},
}

func (s *server) whoAmI(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	out := Object{{"user_id", orNull(c.UserID)}, {"user_role", orNull(c.Role)}, {"login_method", "api_key"}, {"has_password", false}}
	if c.Master && c.Session == nil {
		out.Set("login_method", policy.SignInMaster)
	}
	if c.Session != nil {
		out.Set("login_method", c.Session.Method)
		out.Set("expires_at", when(c.Session.ExpiresAt))
	}
	if c.User != nil {
		out.Set("user_email", orNull(c.User.Email))
		out.Set("user_alias", orNull(c.User.Alias))
		if s.SignIn != nil {
			_, err := s.SignIn.Password(ctx, c.User.ID)
			if err != nil && !errors.Is(err, policy.ErrNotFound) {
				return nil, err
			}
			out.Set("has_password", err == nil)
		}
	}
	teams, err := s.teams(ctx, c)
	if err != nil {
		return nil, err
	}
	teamRows := make([]Object, 0, len(teams))
	targets := []target{{}, {UserID: c.UserID}}
	for _, t := range teams {
		role, may := memberOf(t, c), memberPermissions(t)
		if role == "" {
			role = policy.RoleOrgAdmin
		}
		if role != "user" {
			may = nil // everything of their team
		}
		teamRows = append(teamRows, Object{{"team_id", t.ID}, {"team_alias", orNull(t.Alias)}, {"organization_id", orNull(t.OrganizationID)}, {"role", role}, {"permissions", nonNil(may)}})
		targets = append(targets, target{Team: t, UserID: c.UserID})
	}
	if err := s.loadOrganizations(ctx, c); err != nil {
		return nil, err
	}
	orgRows := make([]Object, 0, len(c.orgs))
	for _, id := range sortedNames(c.orgs) {
		o, err := find[*policy.Organization](ctx, s.Store, policy.EntityOrganization, id)
		if err != nil {
			return nil, err
		}
		alias := ""
		if o != nil {
			alias = o.Alias
		}
		orgRows = append(orgRows, Object{{"organization_id", id}, {"organization_alias", orNull(alias)}, {"role", c.orgs[id]}})
		targets = append(targets, target{OrganizationID: id})
	}
	may := []string{}
	for _, a := range abilities {
		for _, on := range targets {
			err := s.authorize(ctx, c, a.do, on)
			if err == nil {
				may = append(may, a.name)
				break
			}
			if asError(err).Status >= http.StatusInternalServerError {
				return nil, err
			}
		}
	}
	settings, err := s.uiSettings(ctx)
	if err != nil {
		return nil, err
	}
	out = append(out, Member{"permissions", may}, Member{"teams", teamRows}, Member{"organizations", orgRows}, Member{"ui_settings", settings})
	return render[sessionRow](nil, out), nil
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return slices.Clone(list)
}
