package adminsvc

import (
	"context"
	"slices"

	"github.com/purser/purser/policy"
)

type userQuery struct {
	UserID Opt[string] `query:"user_id" doc:"Absent: the caller; in /user/info, for who sees all, with the newest 1000 keys and teams of everybody"`
}

type userInfo struct {
	UserID   Opt[string] `json:"user_id"`
	UserInfo Opt[Fields] `json:"user_info" doc:"The row of /v2/user/info; null where nobody made the user"`
	Keys     Opt[rows]   `json:"keys"`
	Teams    Opt[rows]   `json:"teams"`
}

// readableUser reads a user the caller may see. One that has no row is nil: keys
// may name users that nobody made, and the master key's own needs none.
func (s *server) readableUser(ctx context.Context, c *Caller, in *userQuery) (string, *policy.User, error) {
	id := in.UserID.Or("")
	if id == "" {
		id = c.UserID
	}
	if id == "" {
		return "", nil, badRequest("user_id", "The calling key belongs to no user: name one with ?user_id=")
	}
	u, err := s.userFor(ctx, s.Store, c, id, "", userRead)
	if e := (*Error)(nil); asNotFound(err, &e) {
		named := id == c.UserID
		if !named {
			page, listErr := s.Store.List(ctx, policy.Query{Kind: policy.EntityKey, Limit: 1, Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: id}}})
			if listErr != nil {
				return id, nil, listErr
			}
			named = page.Total > 0
		}
		if named {
			return id, nil, nil
		}
	}
	return id, u, err
}

func (s *server) userInfo(ctx context.Context, c *Caller, in *userQuery) (any, error) {
	id, u, err := s.readableUser(ctx, c, in)
	if err != nil {
		return nil, err
	}
	var info any
	if u != nil {
		row, err := s.userDetails(ctx, u)
		if err != nil {
			return nil, err
		}
		info = row
	}
	everyone := c.Sees() && in.UserID.Or("") == ""
	q := policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "revoked_at", Op: policy.Is, Value: nil}}}
	if everyone {
		q.Limit, q.Descending = mostAtOnce, true
	} else {
		q.Where = append(q.Where, policy.Condition{Field: "user_id", Op: policy.Is, Value: id})
	}
	keys, _, err := policy.List[*policy.Key](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	if !c.Sees() && id != c.UserID {
		// An org_admin sees the user, and of their keys those of the organization.
		keys = slices.DeleteFunc(keys, func(k *policy.Key) bool {
			on, err := keyTarget(ctx, s.Store, k)
			return err != nil || s.authorize(ctx, c, keyRead, on) != nil
		})
	}
	keyRows, err := s.keyRows(ctx, keys...)
	if err != nil {
		return nil, err
	}
	if err := s.nameTeams(ctx, keys, keyRows); err != nil {
		return nil, err
	}
	var mine []*policy.Team
	if everyone {
		mine, _, err = policy.List[*policy.Team](ctx, s.Store, policy.Query{Kind: policy.EntityTeam, Limit: mostAtOnce, Descending: true})
	} else {
		var teams map[string][]*policy.Team
		teams, err = s.teamsOf(ctx, id)
		mine = teams[id]
	}
	if err != nil {
		return nil, err
	}
	if !c.Sees() && id != c.UserID {
		mine = slices.DeleteFunc(mine, func(t *policy.Team) bool { return s.authorize(ctx, c, teamRead, target{Team: t}) != nil })
	}
	teamRows, err := s.teamRows(ctx, mine...)
	if err != nil {
		return nil, err
	}
	return Object{{"user_id", id}, {"user_info", info}, {"keys", keyRows}, {"teams", teamRows}}, nil
}

// nameTeams adds to keys' rows what their teams are called, null without one.
func (s *server) nameTeams(ctx context.Context, keys []*policy.Key, rows []Object) error {
	var ids []string
	for _, k := range keys {
		ids = union(ids, nonEmpty(k.TeamID))
	}
	names, err := s.entityNames(ctx, policy.ScopeTeam, ids)
	if err != nil {
		return err
	}
	for i, k := range keys {
		rows[i].Set("team_alias", names[k.TeamID].Get("team_alias"))
	}
	return nil
}

// userDetails is a user's row with what they spent by model.
func (s *server) userDetails(ctx context.Context, u *policy.User) (Object, error) {
	rows, err := s.userRows(ctx, u)
	if err != nil {
		return nil, err
	}
	spentOn, err := s.Spend.ModelSpend(ctx, userSpender(u).scope)
	if err != nil {
		return nil, err
	}
	rows[0].Set("model_spend", moneyMap(spentOn))
	return rows[0], nil
}

func (s *server) userInfoRow(ctx context.Context, c *Caller, in *userQuery) (any, error) {
	id, u, err := s.readableUser(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, notFound("user_id", "User not found: %s", clip(id))
	}
	return s.userDetails(ctx, u)
}

type userListQuery struct {
	Role            Opt[string] `query:"role"`
	UserIDs         Opt[string] `query:"user_ids" doc:"Comma-separated"`
	SSOUserIDs      Opt[string] `query:"sso_user_ids" doc:"Comma-separated"`
	UserEmail       Opt[string] `query:"user_email" doc:"Part of it, whatever its case"`
	Search          Opt[string] `query:"search" doc:"Part of the id, alias or email"`
	Team            Opt[string] `query:"team" doc:"Members of this team"`
	OrganizationIDs Opt[string] `query:"organization_ids" doc:"Comma-separated: members of any"`
	Page            Opt[int64]  `query:"page"`
	PageSize        Opt[int64]  `query:"page_size" doc:"1 to 100, default 25"`
	SortBy          Opt[string] `query:"sort_by" doc:"user_id, user_email, user_alias, user_role, created_at, updated_at, spend, max_budget"`
	SortOrder       Opt[string] `query:"sort_order" doc:"asc or desc; default asc"`
}

type userList struct {
	Users      Opt[rows]  `json:"users" doc:"Rows of /v2/user/info, each with its key_count"`
	Total      Opt[int64] `json:"total"`
	Page       Opt[int64] `json:"page"`
	PageSize   Opt[int64] `json:"page_size"`
	TotalPages Opt[int64] `json:"total_pages"`
}

var userSorts = map[string]string{
	"user_id": "id", "user_email": "email", "user_alias": "alias", "user_role": "role", "created_at": "created_at", "updated_at": "updated_at",
	"spend": "spend", "max_budget": "max_budget",
}

func (s *server) listUsers(ctx context.Context, c *Caller, in *userListQuery) (any, error) {
	p, err := pageOf(in.Page, in.PageSize, "page_size", 25, 100)
	if err != nil {
		return nil, err
	}
	q, err := s.userListed(ctx, c, in)
	if err != nil {
		return nil, err
	}
	order := in.SortOrder
	if !order.Sent {
		order = Opt[string]{Value: "asc", Sent: true}
	}
	if q.Sort, q.Descending, err = sortOf(in.SortBy, order, userSorts); err != nil {
		return nil, err
	}
	q.Limit, q.Offset = p.limit(), p.offset()
	list, total, err := policy.List[*policy.User](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.userRows(ctx, list...)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, u := range list {
		ids[i] = u.ID
	}
	keys, err := s.keyCounts(ctx, "user_id", ids)
	if err != nil {
		return nil, err
	}
	for i, u := range list {
		rows[i].Set("key_count", keys[u.ID])
	}
	return Object{{"users", rows}, {"total", total}, {"page", p.number}, {"page_size", p.size}, {"total_pages", p.pages(total)}}, nil
}

// userListed turns the filters into a query that cannot see beyond the caller:
// who does not see all sees the members of organizations they administer.
func (s *server) userListed(ctx context.Context, c *Caller, in *userListQuery) (policy.Query, error) {
	q := policy.Query{Kind: policy.EntityUser}
	where := func(field string, op policy.Op, v any) {
		q.Where = append(q.Where, policy.Condition{Field: field, Op: op, Value: v})
	}
	orgs := csvList(in.OrganizationIDs)
	if !c.Sees() {
		mine, err := s.administered(ctx, c)
		if err != nil {
			return q, err
		}
		if s.confined(c) || len(mine) == 0 {
			return q, s.authorize(ctx, c, userListAll, target{})
		}
		if i := slices.IndexFunc(orgs, func(id string) bool { return !slices.Contains(mine, id) }); i >= 0 {
			return q, forbidden("organization_ids", "You are not allowed to list the users of organization %s", clip(orgs[i]))
		}
		if len(orgs) == 0 {
			orgs = mine
		}
	}
	if len(orgs) > 0 {
		where("organization_id", policy.In, orgs)
	}
	if ids := csvList(in.UserIDs); ids != nil {
		where("id", policy.In, ids)
	}
	if ids := csvList(in.SSOUserIDs); ids != nil {
		where("fields.sso_user_id", policy.In, ids)
	}
	if v := in.Role.Or(""); v != "" {
		where("role", policy.Is, v)
	}
	if v := in.Team.Or(""); v != "" {
		where("team_id", policy.Is, v)
	}
	if v := in.UserEmail.Or(""); v != "" {
		where("email", policy.Contains, v)
	}
	if v := in.Search.Or(""); v != "" {
		where("search", policy.Contains, v)
	}
	return q, nil
}

type userFilterQuery struct {
	UserID    Opt[string] `query:"user_id"`
	UserEmail Opt[string] `query:"user_email"`
	PageSize  Opt[int64]  `query:"page_size"`
	Page      Opt[int64]  `query:"page"`
}

func (s *server) filterUsers(ctx context.Context, c *Caller, in *userFilterQuery) (any, error) {
	p, err := pageOf(in.Page, in.PageSize, "page_size", 50, 100)
	if err != nil {
		return nil, err
	}
	q, err := s.userListed(ctx, c, &userListQuery{UserEmail: in.UserEmail})
	if err != nil {
		return nil, err
	}
	if id := in.UserID.Or(""); id != "" {
		q.Where = append(q.Where, policy.Condition{Field: "search", Op: policy.Contains, Value: id})
	}
	q.Limit, q.Offset = p.limit(), p.offset()
	list, _, err := policy.List[*policy.User](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	return s.userRows(ctx, list...)
}

// userRoles describes the roles as LiteLLM's UI wants them.
func (s *server) userRoles(context.Context, *Caller, *nothing) (any, error) {
	role := func(label, description string) Object {
		return Object{{"description", description}, {"ui_label", label}}
	}
	return Object{
		{policy.RoleAdmin, role("Admin (All Permissions)", "manages everything: keys, teams, users, models, spend")},
		{policy.RoleAdminViewer, role("Admin (View Only)", "sees everything, changes nothing")},
		{policy.RoleUser, role("Internal User (Create/Delete/View)", "manages their own keys, sees their own spend")},
		{policy.RoleUserViewer, role("Internal User (View Only)", "sees their own keys and spend")},
	}, nil
}

type userSeats struct {
	TotalUsers     Opt[int64] `json:"total_users" doc:"null: as many as you like"`
	UsersUsed      Opt[int64] `json:"total_users_used"`
	UsersRemaining Opt[int64] `json:"total_users_remaining"`
	TotalTeams     Opt[int64] `json:"total_teams"`
	TeamsUsed      Opt[int64] `json:"total_teams_used"`
	TeamsRemaining Opt[int64] `json:"total_teams_remaining"`
}

func (s *server) userSeats(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, userListAll, target{}); err != nil {
		return nil, err
	}
	used := map[policy.EntityKind]int{}
	for _, kind := range []policy.EntityKind{policy.EntityUser, policy.EntityTeam} {
		page, err := s.Store.List(ctx, policy.Query{Kind: kind, Limit: 1})
		if err != nil {
			return nil, err
		}
		used[kind] = page.Total
	}
	return render[userSeats](nil, Object{{"total_users_used", used[policy.EntityUser]}, {"total_teams_used", used[policy.EntityTeam]}}), nil
}
