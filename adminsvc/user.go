package adminsvc

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// userFields are the documented fields of an internal user.
type userFields struct {
	limitFields
	UserAlias Opt[string]   `json:"user_alias"`
	UserEmail Opt[string]   `json:"user_email" doc:"Unique among all users, whatever its case"`
	UserRole  Opt[string]   `json:"user_role" enum:"proxy_admin,proxy_admin_viewer,internal_user,internal_user_viewer" doc:"Absent: internal_user"`
	SSOUserID Opt[string]   `json:"sso_user_id"`
	Models    Opt[[]string] `json:"models" doc:"What all of the user's keys may call; empty is all, no-default-models none but what a team gives"`
	BudgetID  Opt[string]   `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	Blocked   Opt[bool]     `json:"blocked" doc:"Refuse the calls of all of the user's keys"`

	AllowedCacheControls Opt[Unenforced] `json:"allowed_cache_controls"`
	BudgetFallbacks      Opt[Unenforced] `json:"budget_fallbacks"`
	Config               Opt[Unenforced] `json:"config"`
	Guardrails           Opt[Unenforced] `json:"guardrails"`
	MCPRPMLimit          Opt[Unenforced] `json:"mcp_rpm_limit"`
	ObjectPermission     Opt[Unenforced] `json:"object_permission"`
	Policies             Opt[Unenforced] `json:"policies"`
	Prompts              Opt[Unenforced] `json:"prompts"`
	TagRPMLimit          Opt[Unenforced] `json:"tag_rpm_limit"`
}

// userIDs are fields in which "" is the same as absent, on creation.
var userIDs = []string{"user_id", "user_alias", "user_email", "user_role", "sso_user_id", "budget_id", "budget_duration", "team_id", "key_alias", "duration"}

// userRow is a user as it reads back.
type userRow struct {
	UserID               Opt[string]       `json:"user_id"`
	UserAlias            Opt[string]       `json:"user_alias"`
	UserEmail            Opt[string]       `json:"user_email"`
	UserRole             Opt[string]       `json:"user_role"`
	SSOUserID            Opt[string]       `json:"sso_user_id"`
	Teams                Opt[[]string]     `json:"teams" default:"[]"`
	Organizations        Opt[[]string]     `json:"organizations" default:"[]"`
	MaxBudget            Opt[policy.Money] `json:"max_budget"`
	SoftBudget           Opt[policy.Money] `json:"soft_budget"`
	Spend                Opt[policy.Money] `json:"spend" default:"0.0"`
	BudgetDuration       Opt[string]       `json:"budget_duration"`
	BudgetResetAt        Opt[time.Time]    `json:"budget_reset_at"`
	BudgetID             Opt[string]       `json:"budget_id"`
	Models               Opt[[]string]     `json:"models" default:"[]"`
	Metadata             Opt[Fields]       `json:"metadata" default:"{}"`
	MaxParallel          Opt[int64]        `json:"max_parallel_requests"`
	TPM                  Opt[int64]        `json:"tpm_limit"`
	RPM                  Opt[int64]        `json:"rpm_limit"`
	TPD                  Opt[int64]        `json:"tpd_limit"`
	AllowedCacheControls Opt[Unenforced]   `json:"allowed_cache_controls" default:"[]"`
	Policies             Opt[Unenforced]   `json:"policies" default:"[]"`
	ModelSpend           Opt[Fields]       `json:"model_spend" default:"{}"`
	ModelMaxBudget       Opt[modelBudgets] `json:"model_max_budget" default:"{}"`
	Blocked              Opt[bool]         `json:"blocked" default:"false"`
	CreatedAt            Opt[time.Time]    `json:"created_at"`
	CreatedBy            Opt[string]       `json:"created_by"`
	UpdatedAt            Opt[time.Time]    `json:"updated_at"`
	UpdatedBy            Opt[string]       `json:"updated_by"`
}

// users: the people keys belong to. Their limits hold over all their keys, those in teams included.
func users(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "users", Summary: summary, Reply: reply}
	}
	route(s, creating(op(http.MethodPost, "/user/new", "Make a user, and with it a key", userMade{})), s.newUser)
	route(s, op(http.MethodPost, "/user/update", "Change a user: absent stays, null clears", userUpdated{}), s.updateUser)
	route(s, op(http.MethodPost, "/user/bulk_update", "Change up to 500 users, and hear of each", usersUpdated{}), s.bulkUpdateUsers)
	route(s, op(http.MethodPost, "/user/delete", "Delete users with their keys and memberships, all or none", nil), s.deleteUsers)
	route(s, op(http.MethodGet, "/user/info", "A user with keys and teams; without a parameter, the caller", userInfo{}), s.userInfo)
	route(s, op(http.MethodGet, "/v2/user/info", "A user; without a parameter, the caller", userRow{}), s.userInfoRow)
	route(s, op(http.MethodGet, "/user/list", "A page of users", userList{}), s.listUsers)
	route(s, op(http.MethodGet, "/user/filter/ui", "Users by a part of their id or email", []userRow{}), s.filterUsers)
	route(s, op(http.MethodGet, "/user/available_roles", "The roles a user can have", nil), s.userRoles)
	route(s, op(http.MethodGet, "/user/available_users", "How many users and teams there are: no licence bounds them", userSeats{}), s.userSeats)
}

// compileUser sets a user's rules from its fields.
func compileUser(u *policy.User, f *userFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	for field, id := range map[string]string{
		"user_alias": f.UserAlias.Or(""), "user_email": f.UserEmail.Or(""), "sso_user_id": f.SSOUserID.Or(""), "budget_id": f.BudgetID.Or(""),
	} {
		if err := validID(field, id); err != nil {
			return err
		}
	}
	u.Alias, u.Email, u.Role = f.UserAlias.Or(""), f.UserEmail.Or(""), f.UserRole.Or("")
	u.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	u.Blocked = f.Blocked.Or(false)
	return nil
}

// checkUser refuses references to what is not there, and an email that is taken.
func (s *server) checkUser(ctx context.Context, tx policy.Tx, u *policy.User) error {
	if err := mustExistBudget(ctx, tx, "budget_id", u.BudgetID); err != nil {
		return err
	}
	if u.Email == "" {
		return nil
	}
	same, _, err := policy.List[*policy.User](ctx, tx, policy.Query{Kind: policy.EntityUser,
		Where: []policy.Condition{{Field: "email_folded", Op: policy.Is, Value: strings.ToLower(u.Email)}}})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(same, func(o *policy.User) bool { return o.ID != u.ID }) {
		return userExists("user_email", "User with email %s already exists", clip(u.Email))
	}
	return nil
}

func userExists(param, format string, args ...any) *Error {
	e := badRequest(param, format, args...)
	e.Status = http.StatusConflict
	return e
}

func userSpender(u *policy.User) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeUser, ID: u.ID}, limits: &u.Limits, budgetID: u.BudgetID, created: u.CreatedAt}
}

// userRows renders users with their spend, teams and organizations.
func (s *server) userRows(ctx context.Context, list ...*policy.User) ([]Object, error) {
	if len(list) == 0 {
		return []Object{}, nil
	}
	spenders := make([]spender, len(list))
	ids := make([]string, len(list))
	for i, u := range list {
		spenders[i], ids[i] = userSpender(u), u.ID
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	teams, err := s.teamsOf(ctx, ids...)
	if err != nil {
		return nil, err
	}
	memberships := map[string][]string{}
	err = eachOf(ctx, s.Store, policy.EntityOrganizationMember, "user_id", ids, false, func(m *policy.OrganizationMember) {
		memberships[m.UserID] = append(memberships[m.UserID], m.OrganizationID)
	})
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, u := range list {
		mine := []string{}
		for _, t := range teams[u.ID] {
			mine = append(mine, t.ID)
		}
		set := Object{{"user_id", u.ID}, {"user_email", orNull(u.Email)}, {"user_role", orNull(u.Role)}, {"teams", mine}, {"spend", dollars(spends[i])},
			{"organizations", append([]string{}, memberships[u.ID]...)}, {"budget_reset_at", s.resetAt(&u.Limits, u.CreatedAt)}}
		set.record(u.Record)
		out[i] = render[userRow](storedFields(u.Fields), set)
	}
	return out, nil
}

// teamsOf lists the teams that users are members of.
func (s *server) teamsOf(ctx context.Context, ids ...string) (map[string][]*policy.Team, error) {
	out := map[string][]*policy.Team{}
	err := eachOf(ctx, s.Store, policy.EntityTeam, "member", ids, false, func(t *policy.Team) {
		for _, m := range t.Members {
			if slices.Contains(ids, m.UserID) && !slices.Contains(out[m.UserID], t) {
				out[m.UserID] = append(out[m.UserID], t)
			}
		}
	})
	return out, err
}

// loadUser reads a user that must be there, by its id or else its email.
func loadUser(ctx context.Context, r policy.Reader, id, email string) (*policy.User, error) {
	if id == "" && email != "" {
		found, _, err := policy.List[*policy.User](ctx, r, policy.Query{Kind: policy.EntityUser, Limit: 2,
			Where: []policy.Condition{{Field: "email_folded", Op: policy.Is, Value: strings.ToLower(email)}}})
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, notFound("user_email", "User not found: %s", clip(email))
		}
		return found[0], nil
	}
	u, err := find[*policy.User](ctx, r, policy.EntityUser, id)
	if err == nil && u == nil {
		err = notFound("user_id", "User not found: %s", clip(id))
	}
	return u, err
}
