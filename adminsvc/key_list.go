package adminsvc

import (
	"context"

	"github.com/purser/purser/policy"
)

type keyListQuery struct {
	Page              Opt[int64]    `query:"page" doc:"From 1"`
	Size              Opt[int64]    `query:"size" doc:"1 to 100, default 10"`
	UserID            Opt[string]   `query:"user_id"`
	TeamID            Opt[string]   `query:"team_id"`
	ProjectID         Opt[string]   `query:"project_id"`
	OrganizationID    Opt[string]   `query:"organization_id"`
	KeyHash           Opt[string]   `query:"key_hash"`
	KeyAlias          Opt[string]   `query:"key_alias"`
	Search            Opt[string]   `query:"search" doc:"Anywhere in the alias, the name or the hash"`
	SubstringMatching Opt[bool]     `query:"substring_matching" doc:"key_alias and user_id may be part of the whole"`
	FullObject        Opt[bool]     `query:"return_full_object" doc:"Rows instead of hashes"`
	IncludeTeamKeys   Opt[bool]     `query:"include_team_keys" doc:"Also the keys of teams that the user administers"`
	IncludeCreatedBy  Opt[bool]     `query:"include_created_by_keys" doc:"Also the keys that the user made"`
	SortBy            Opt[string]   `query:"sort_by"`
	SortOrder         Opt[string]   `query:"sort_order" doc:"asc or desc, default desc"`
	Expand            Opt[[]string] `query:"expand" doc:"user adds each key's user"`
	Status            Opt[string]   `query:"status" enum:"active,expired,revoked,deleted"`
	AccessGroupID     Opt[string]   `query:"access_group_id"`
	AgentID           Opt[string]   `query:"agent_id"`
	Expires           Opt[string]   `query:"expires" doc:"Keys that expire by then: a time, or a duration from now such as 7d; never: those that do not expire"`
}

type keyList struct {
	Keys        Opt[rows]  `json:"keys" doc:"Hashes, or rows"`
	TotalCount  Opt[int64] `json:"total_count"`
	CurrentPage Opt[int64] `json:"current_page"`
	TotalPages  Opt[int64] `json:"total_pages"`
}

var keySorts = map[string]string{
	"spend": "spend", "max_budget": "max_budget", "created_at": "created_at", "updated_at": "updated_at", "key_alias": "alias", "key_name": "name",
	"user_id": "user_id", "team_id": "team_id", "project_id": "project_id", "organization_id": "organization_id", "expires": "expires",
	"token": "hash", "tpm_limit": "tpm_limit", "rpm_limit": "rpm_limit", "budget_duration": "budget_duration", "created_by": "created_by",
}

func (s *server) listKeys(ctx context.Context, c *Caller, in *keyListQuery) (any, error) {
	p, err := pageOf(in.Page, in.Size, "size", 10, 100)
	if err != nil {
		return nil, err
	}
	q, err := s.keyQuery(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if q.Sort, q.Descending, err = sortOf(in.SortBy, in.SortOrder, keySorts); err != nil {
		return nil, err
	}
	q.Limit, q.Offset = p.limit(), p.offset()
	list, total, err := policy.List[*policy.Key](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	var out any
	if in.FullObject.Or(false) || in.Expand.Sent {
		rows, err := s.keyRows(ctx, list...)
		if err != nil {
			return nil, err
		}
		used, err := s.lastUsed(ctx, list...)
		if err != nil {
			return nil, err
		}
		for i, k := range list {
			rows[i].Set("last_active", when(used[k.Hash.String()]))
			status := s.keyStatus(k)
			if q.Deleted {
				status = "deleted"
			}
			rows[i].Set("status", status)
		}
		if contains(in.Expand.Or(nil), "user") {
			if err := s.expandUsers(ctx, list, rows); err != nil {
				return nil, err
			}
		}
		out = rows
	} else {
		hashes := make([]string, len(list))
		for i, k := range list {
			hashes[i] = k.Hash.String()
		}
		out = hashes
	}
	return Object{{"keys", out}, {"total_count", total}, {"current_page", p.number}, {"total_pages", p.pages(total)}}, nil
}

// keyQuery turns the filters into a query that cannot see beyond the caller.
func (s *server) keyQuery(ctx context.Context, c *Caller, in *keyListQuery) (policy.Query, error) {
	q := policy.Query{Kind: policy.EntityKey}
	where := func(field string, op policy.Op, v any) {
		q.Where = append(q.Where, policy.Condition{Field: field, Op: op, Value: v})
	}
	match := policy.Is
	if in.SubstringMatching.Or(false) {
		match = policy.Contains
	}
	for _, f := range []struct {
		field string
		op    policy.Op
		v     Opt[string]
	}{
		{"team_id", policy.Is, in.TeamID}, {"project_id", policy.Is, in.ProjectID}, {"organization_id", policy.Is, in.OrganizationID},
		{"alias", match, in.KeyAlias}, {"search", policy.Contains, in.Search}, {"access_group", policy.Is, in.AccessGroupID}, {"fields.agent_id", policy.Is, in.AgentID},
	} {
		if v := f.v.Or(""); v != "" {
			where(f.field, f.op, v)
		}
	}
	switch e := in.Expires.Or(""); e {
	case "":
	case "never":
		where("expires", policy.Is, nil)
	default:
		by, ok := parseTime(e)
		if d, err := policy.ParseDuration(e); err == nil {
			by, ok = d.After(s.now()), true
		}
		if !ok {
			return q, badRequest("expires", "expires is a time as 2026-01-31T12:00:00Z, a duration as 7d, or never")
		}
		where("expires", policy.IsNot, nil)
		where("expires", policy.Before, by)
	}
	if h := in.KeyHash.Or(""); h != "" {
		where("hash", policy.Is, keyHash(h).String())
	}
	scope, err := s.keyScope(ctx, c, in, match)
	if err != nil {
		return q, err
	}
	if len(scope) == 1 {
		q.Where, scope = append(q.Where, scope...), nil
	}
	q.Any = scope
	switch in.Status.Or("") {
	case "deleted":
		q.Deleted = true
		return q, nil
	case "expired":
		where("expires", policy.Before, s.now())
	case "revoked":
		where("blocked", policy.Is, true)
	case "active":
		if len(q.Any) > 0 {
			return q, badRequest("status", "status=active cannot be asked for together with include_team_keys or include_created_by_keys")
		}
		where("blocked", policy.Is, false)
		q.Any = []policy.Condition{{Field: "expires", Op: policy.Is}, {Field: "expires", Op: policy.After, Value: s.now()}}
	}
	where("revoked_at", policy.Is, nil) // replaced keys in their grace period are not keys of their own
	return q, nil
}

// keyScope are the conditions of which one must hold, for the caller to see a
// key; none is all keys. A foreign scope asked for is an error.
func (s *server) keyScope(ctx context.Context, c *Caller, in *keyListQuery, match policy.Op) ([]policy.Condition, error) {
	user := in.UserID.Or("")
	if !c.Sees() {
		if c.UserID == "" {
			return []policy.Condition{{Field: "hash", Op: policy.Is, Value: c.Key.Hash.String()}}, nil
		}
		whole, err := s.listsWhole(ctx, c, in)
		if err != nil {
			return nil, err
		}
		if whole {
			if user == "" {
				return nil, nil
			}
			return []policy.Condition{{Field: "user_id", Op: match, Value: user}}, nil
		}
		if user != "" && user != c.UserID {
			return nil, forbidden("user_id", "You are not allowed to list the keys of user %s", clip(user))
		}
		user, match = c.UserID, policy.Is
	}
	if user == "" {
		return nil, nil
	}
	scope := []policy.Condition{{Field: "user_id", Op: match, Value: user}}
	if in.IncludeCreatedBy.Or(false) {
		scope = append(scope, policy.Condition{Field: "created_by", Op: policy.Is, Value: user})
	}
	if in.IncludeTeamKeys.Or(false) {
		teams, _, err := policy.List[*policy.Team](ctx, s.Store, policy.Query{Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "admin", Op: policy.Is, Value: user}}})
		if err != nil {
			return nil, err
		}
		ids := []string{}
		for _, t := range teams {
			if c.Sees() || s.actsIn(c, t.ID) {
				ids = append(ids, t.ID)
			}
		}
		scope = append(scope, policy.Condition{Field: "team_id", Op: policy.In, Value: ids})
	}
	return scope, nil
}

// listsWhole reports whether the filters name a team, project or organization
// all of whose keys the caller may list; an error where they name a foreign one.
func (s *server) listsWhole(ctx context.Context, c *Caller, in *keyListQuery) (bool, error) {
	team, organization := in.TeamID.Or(""), in.OrganizationID.Or("")
	if project := in.ProjectID.Or(""); project != "" && team == "" {
		p, err := find[*policy.Project](ctx, s.Store, policy.EntityProject, project)
		if err != nil {
			return false, err
		}
		if p == nil {
			return false, nil
		}
		team = p.TeamID
	}
	if team == "" && organization == "" {
		return false, nil
	}
	t, err := find[*policy.Team](ctx, s.Store, policy.EntityTeam, team)
	if err != nil {
		return false, err
	}
	is, err := s.relationTo(ctx, c, target{Team: t, OrganizationID: organization})
	if err != nil {
		return false, err
	}
	switch {
	case is&(isTeamAdmin|isOrgAdmin) != 0:
		return true, nil
	case t != nil && is&isMember != 0:
		return contains(memberPermissions(t), "/key/list"), nil
	case team != "":
		return false, forbidden("team_id", "You are not allowed to list the keys of team %s", clip(team))
	}
	return false, forbidden("organization_id", "You are not allowed to list the keys of organization %s", clip(organization))
}

// keyCounts is how many keys each of a page's users has, without those replaced.
func (s *server) keyCounts(ctx context.Context, field string, ids []string) (map[string]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return s.Store.CountBy(ctx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
		{Field: field, Op: policy.In, Value: ids}, {Field: "revoked_at", Op: policy.Is, Value: nil},
	}}, field)
}

func (s *server) expandUsers(ctx context.Context, list []*policy.Key, rows []Object) error {
	var ids []string
	for _, k := range list {
		ids = union(ids, nonEmpty(k.UserID))
	}
	users := map[string]*policy.User{}
	if err := eachOf(ctx, s.Store, policy.EntityUser, "id", ids, false, func(u *policy.User) { users[u.ID] = u }); err != nil {
		return err
	}
	for i, k := range list {
		if u := users[k.UserID]; u != nil {
			rows[i].Set("user", Object{{"user_id", u.ID}, {"user_email", orNull(u.Email)}, {"user_alias", orNull(u.Alias)}})
		}
	}
	return nil
}

type keyAliasQuery struct {
	Page   Opt[int64]  `query:"page"`
	Size   Opt[int64]  `query:"size" doc:"1 to 100, default 50"`
	Search Opt[string] `query:"search"`
	TeamID Opt[string] `query:"team_id"`
}

type keyAliases struct {
	Aliases     Opt[[]string] `json:"aliases"`
	TotalCount  Opt[int64]    `json:"total_count"`
	CurrentPage Opt[int64]    `json:"current_page"`
	TotalPages  Opt[int64]    `json:"total_pages"`
	Size        Opt[int64]    `json:"size"`
}

func (s *server) keyAliases(ctx context.Context, c *Caller, in *keyAliasQuery) (any, error) {
	p, err := pageOf(in.Page, in.Size, "size", 50, 100)
	if err != nil {
		return nil, err
	}
	filters := &keyListQuery{TeamID: in.TeamID}
	if in.Search.Or("") != "" {
		filters.KeyAlias, filters.SubstringMatching = in.Search, Opt[bool]{Value: true, Sent: true}
	}
	q, err := s.keyQuery(ctx, c, filters)
	if err != nil {
		return nil, err
	}
	q.Where = append(q.Where, policy.Condition{Field: "alias", Op: policy.IsNot, Value: nil})
	q.Sort, q.Limit, q.Offset = "alias", p.limit(), p.offset()
	list, total, err := policy.List[*policy.Key](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	aliases := make([]string, len(list))
	for i, k := range list {
		aliases[i] = k.Alias
	}
	return Object{{"aliases", aliases}, {"total_count", total}, {"current_page", p.number}, {"total_pages", p.pages(total)}, {"size", p.size}}, nil
}
