package adminsvc

import (
	"context"

	"github.com/purser/purser/policy"
)

type teamInfoQuery struct {
	TeamID   Opt[string] `query:"team_id" required:"true"`
	KeyLimit Opt[int64]  `query:"key_limit" doc:"At most this many keys"`
}

// teamInfo is the flat row and members as documented, and beside them what LiteLLM answers with.
type teamInfo struct {
	teamRow
	TeamInfo    Opt[Fields] `json:"team_info"`
	Keys        Opt[rows]   `json:"keys"`
	Memberships Opt[rows]   `json:"team_memberships"`
}

func (s *server) teamInfo(ctx context.Context, c *Caller, in *teamInfoQuery) (any, error) {
	t, err := loadTeam(ctx, s.Store, in.TeamID.Value)
	if e := (*Error)(nil); asNotFound(err, &e) {
		if !c.Sees() {
			return nil, forbidden("None", "You are not allowed to %s", teamRead)
		}
		e.Type = "not_found_error"
	}
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, c, teamRead, target{Team: t}); err != nil {
		return nil, err
	}
	if limit, ok := in.KeyLimit.Get(); ok && limit < 0 {
		return nil, badRequest("key_limit", "key_limit must not be negative")
	}
	keys, err := s.teamKeys(ctx, c, t)
	if err != nil {
		return nil, err
	}
	rows, err := s.teamRows(ctx, t)
	if err != nil {
		return nil, err
	}
	spentOn, err := s.Spend.ModelSpend(ctx, teamSpender(t).scope)
	if err != nil {
		return nil, err
	}
	row := rows[0]
	row.Set("model_spend", moneyMap(spentOn))
	members := membersAndKeys(t, keys)
	if limit, ok := in.KeyLimit.Get(); ok && int64(len(keys)) > limit {
		keys = keys[:limit]
	}
	keyRows, err := s.keyRows(ctx, keys...)
	if err != nil {
		return nil, err
	}
	memberships, err := s.membershipRows(ctx, t, t.Members)
	if err != nil {
		return nil, err
	}
	flat := append(Object{}, row...)
	flat.Set("members", members)
	return append(flat, Member{"team_info", row}, Member{"keys", keyRows}, Member{"team_memberships", memberships}), nil
}

// teamKeys lists a team's keys, in the order they were made, as far as the caller may read them.
func (s *server) teamKeys(ctx context.Context, c *Caller, t *policy.Team) ([]*policy.Key, error) {
	list, _, err := policy.List[*policy.Key](ctx, s.Store, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
		{Field: "team_id", Op: policy.Is, Value: t.ID}, {Field: "revoked_at", Op: policy.Is, Value: nil},
	}})
	if err != nil || c.Sees() {
		return list, err
	}
	var out []*policy.Key
	for _, k := range list {
		err := s.authorize(ctx, c, keyRead, target{Key: k, UserID: k.UserID, Team: t})
		if err == nil {
			out = append(out, k)
		} else if e := asError(err); e.Status >= 500 {
			return nil, err
		}
	}
	return out, nil
}

// membersAndKeys are a team's members as documented: one entry for each key, and
// one for each member without a key.
func membersAndKeys(t *policy.Team, keys []*policy.Key) []Object {
	out := []Object{}
	seen := map[string]bool{}
	role := map[string]policy.Member{}
	for _, m := range t.Members {
		role[m.UserID] = m
	}
	for _, k := range keys {
		m := role[k.UserID]
		seen[k.UserID] = true
		out = append(out, Object{{"user_id", orNull(k.UserID)}, {"user_email", orNull(m.Email)}, {"role", orNull(m.Role)},
			{"key", k.Name}, {"key_alias", orNull(k.Alias)}, {"token", k.Hash.String()}})
	}
	for _, m := range t.Members {
		if !seen[m.UserID] {
			out = append(out, Object{{"user_id", orNull(m.UserID)}, {"user_email", orNull(m.Email)}, {"role", m.Role}, {"key", nil}})
		}
	}
	return out
}

type teamListQuery struct {
	UserID         Opt[string] `query:"user_id"`
	OrganizationID Opt[string] `query:"organization_id"`
	Format         Opt[string] `query:"format" enum:"object,array" doc:"object is {\"teams\":[…]}, array the bare list"`
	Names          Opt[bool]   `query:"names" doc:"Of each only team_id, team_alias, organization_id and models: what a page needs to name and to offer them"`
	listPage
}

// mostKeysInList bounds the keys that a bare list of teams carries.
const mostKeysInList = 1000

func (s *server) listTeams(ctx context.Context, c *Caller, in *teamListQuery) (any, error) {
	q, err := s.teamQuery(ctx, c, in.UserID.Or(""), in.OrganizationID.Or(""))
	if err != nil {
		return nil, err
	}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	list, total, err := policy.List[*policy.Team](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	if in.Names.Or(false) {
		rows := make([]Object, len(list))
		for i, t := range list {
			rows[i] = Object{{"team_id", t.ID}, {"team_alias", orNull(t.Alias)}, {"organization_id", orNull(t.OrganizationID)}, {"models", append([]string{}, t.Models...)}}
		}
		if in.Format.Or(s.TeamListFormat) == "array" {
			return listed(total, rows), nil
		}
		return listed(total, Object{{"teams", rows}}), nil
	}
	rows, err := s.teamRows(ctx, list...)
	if err != nil {
		return nil, err
	}
	if in.Format.Or(s.TeamListFormat) != "array" {
		return listed(total, Object{{"teams", rows}}), nil
	}
	for i, t := range list {
		memberships, err := s.membershipRows(ctx, t, t.Members)
		if err != nil {
			return nil, err
		}
		keys, err := s.teamKeys(ctx, c, t)
		if err != nil {
			return nil, err
		}
		keyRows, err := s.keyRows(ctx, keys[:min(len(keys), mostKeysInList)]...)
		if err != nil {
			return nil, err
		}
		rows[i] = append(rows[i], Member{"team_memberships", memberships}, Member{"keys", keyRows})
	}
	return listed(total, rows), nil
}

// teamQuery is the teams of a user and an organization, as far as the caller may see them.
func (s *server) teamQuery(ctx context.Context, c *Caller, user, organization string) (policy.Query, error) {
	q := policy.Query{Kind: policy.EntityTeam}
	if organization != "" {
		q.Where = append(q.Where, policy.Condition{Field: "organization_id", Op: policy.Is, Value: organization})
	}
	if c.Sees() {
		if user != "" {
			q.Where = append(q.Where, policy.Condition{Field: "member", Op: policy.Is, Value: user})
		}
		return q, nil
	}
	if user != "" && user != c.UserID {
		return q, detailError(401, "You may only list your own teams. Your user_id=%s", c.UserID)
	}
	scope, err := s.ownTeams(ctx, c)
	q.Any = scope
	return q, err
}

// ownTeams are the conditions of which a team must meet one, for a caller who
// does not see all to see it.
func (s *server) ownTeams(ctx context.Context, c *Caller) ([]policy.Condition, error) {
	if c.UserID == "" || s.confined(c) {
		return []policy.Condition{{Field: "id", Op: policy.In, Value: nonEmpty(c.Key.TeamID)}}, nil
	}
	scope := []policy.Condition{{Field: "member", Op: policy.Is, Value: c.UserID}}
	organizations, err := s.administered(ctx, c)
	if err == nil && len(organizations) > 0 {
		scope = append(scope, policy.Condition{Field: "organization_id", Op: policy.In, Value: organizations})
	}
	return scope, err
}

func nonEmpty(ids ...string) []string {
	out := []string{}
	for _, id := range ids {
		if id != "" {
			out = append(out, id)
		}
	}
	return out
}

type teamPageQuery struct {
	Page           Opt[int64]  `query:"page"`
	PageSize       Opt[int64]  `query:"page_size" doc:"1 to 100, default 10"`
	TeamID         Opt[string] `query:"team_id"`
	TeamAlias      Opt[string] `query:"team_alias" doc:"Part of the alias"`
	Search         Opt[string] `query:"search" doc:"Part of the alias or the id"`
	OrganizationID Opt[string] `query:"organization_id"`
	UserID         Opt[string] `query:"user_id"`
	SortBy         Opt[string] `query:"sort_by" doc:"team_id, team_alias, created_at, updated_at, max_budget, organization_id, tpm_limit, rpm_limit, budget_duration; spend, of the budget's current window; runs_out, when at the window's pace the budget is used up"`
	SortOrder      Opt[string] `query:"sort_order"`
	Status         Opt[string] `query:"status" doc:"deleted lists what was deleted"`
}

type teamPage struct {
	Teams      Opt[rows]  `json:"teams"`
	Total      Opt[int64] `json:"total"`
	Page       Opt[int64] `json:"page"`
	PageSize   Opt[int64] `json:"page_size"`
	TotalPages Opt[int64] `json:"total_pages"`
}

var teamSorts = map[string]string{
	"team_id": "id", "team_alias": "alias", "created_at": "created_at", "updated_at": "updated_at", bySpend: bySpend, byRunsOut: byRunsOut, "max_budget": "max_budget",
	"organization_id": "organization_id", "tpm_limit": "tpm_limit", "rpm_limit": "rpm_limit", "budget_duration": "budget_duration",
}

func (s *server) pageTeams(ctx context.Context, c *Caller, in *teamPageQuery) (any, error) {
	p, err := pageOf(in.Page, in.PageSize, "page_size", 10, 100)
	if err != nil {
		return nil, err
	}
	q, err := s.teamQuery(ctx, c, in.UserID.Or(""), in.OrganizationID.Or(""))
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		field string
		op    policy.Op
		v     Opt[string]
	}{{"id", policy.Is, in.TeamID}, {"alias", policy.Contains, in.TeamAlias}, {"search", policy.Contains, in.Search}} {
		if v := f.v.Or(""); v != "" {
			q.Where = append(q.Where, policy.Condition{Field: f.field, Op: f.op, Value: v})
		}
	}
	switch in.Status.Or("") {
	case "":
	case "deleted":
		q.Deleted = true
	default:
		return nil, badRequest("status", "status is deleted, or absent")
	}
	if q.Sort, q.Descending, err = sortOf(in.SortBy, in.SortOrder, teamSorts); err != nil {
		return nil, err
	}
	q.Limit, q.Offset = p.limit(), p.offset()
	list, total, err := listBySpend(ctx, s, q, teamSpender)
	if err != nil {
		return nil, err
	}
	rows, err := s.teamRows(ctx, list...)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, t := range list {
		ids[i] = t.ID
	}
	keys, err := s.Spend.TeamKeys(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, t := range list {
		rows[i].Set("members_count", len(t.Members))
		rows[i].Set("keys_count", keys[t.ID])
	}
	return Object{{"teams", rows}, {"total", total}, {"page", p.number}, {"page_size", p.size}, {"total_pages", p.pages(total)}}, nil
}

func (s *server) availableTeams(context.Context, *Caller, *nothing) (any, error) {
	return []string{}, nil
}
