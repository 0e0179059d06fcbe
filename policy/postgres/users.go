package postgres

import "github.com/purser/purser/policy"

// Users. Filters: id, alias, email, email_folded (lower case), role, blocked,
// budget_id, model, team_id (of a team they are a member of), organization_id (the
// same), created_at, updated_at, created_by, updated_by, search (id, alias, email),
// fields.*. Orders: those of every kind with limits, id, alias, email, role, spend.
func init() {
	register(table[policy.User, *policy.User]{
		kind: policy.EntityUser, name: "users", scope: policy.ScopeUser, scopeID: "id",
		keys: []string{"id"}, key: textKey,
		columns: append(append([]column[policy.User]{
			text("id", func(u *policy.User) *string { return &u.ID }),
			text("alias", func(u *policy.User) *string { return &u.Alias }),
			text("email", func(u *policy.User) *string { return &u.Email }),
			shared("role", func(u *policy.User) *string { return &u.Role }),
			flag("blocked", func(u *policy.User) *bool { return &u.Blocked }),
		}, ruleColumns(func(u *policy.User) *policy.Rules { return &u.Rules })...),
			recordColumns(func(u *policy.User) *policy.Record { return &u.Record })...),
		filter: with(ruleFilters, map[string]filter{
			"id": onText("id"), "alias": onText("alias"), "email": onText("email"), "email_folded": onText("lower(email)"),
			"role": onText("role"), "blocked": onFlag("blocked"), "search": onSearch("id", "alias", "email"),
			"team_id":         onIDs("id IN (SELECT member ->> 'user_id' FROM teams, jsonb_array_elements(members) AS member WHERE teams.id = ANY(%s))"),
			"organization_id": onIDs("id IN (SELECT user_id FROM organization_members WHERE organization_id = ANY(%s))"),
		}),
		sort: with(ruleSorts, map[string]string{"id": "id", "alias": "alias", "email": "email", "role": "role"}),
	})
}
