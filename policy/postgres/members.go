package postgres

import "github.com/purser/purser/policy"

// Memberships. Filters: team_id, user_id, role, budget_id, model, created_at,
// updated_at, created_by, updated_by, fields.*. Orders: those of every kind with
// limits, team_id, user_id, spend.
func init() {
	register(table[policy.Membership, *policy.Membership]{
		kind: policy.EntityMembership, name: "memberships", scope: policy.ScopeMember, scopeID: "team_id || E'\\x1f' || user_id",
		keys: []string{"team_id", "user_id"}, key: memberKey,
		columns: append(append([]column[policy.Membership]{
			shared("team_id", func(m *policy.Membership) *string { return &m.TeamID }),
			shared("user_id", func(m *policy.Membership) *string { return &m.UserID }),
			shared("role", func(m *policy.Membership) *string { return &m.Role }),
		}, ruleColumns(func(m *policy.Membership) *policy.Rules { return &m.Rules })...),
			recordColumns(func(m *policy.Membership) *policy.Record { return &m.Record })...),
		filter: with(ruleFilters, map[string]filter{"team_id": onText("team_id"), "user_id": onText("user_id"), "role": onText("role")}),
		sort:   with(ruleSorts, map[string]string{"team_id": "team_id", "user_id": "user_id"}),
	})
}

// Members of organizations. Filters: organization_id, user_id, role, and as above.
func init() {
	register(table[policy.OrganizationMember, *policy.OrganizationMember]{
		kind: policy.EntityOrganizationMember, name: "organization_members",
		keys: []string{"organization_id", "user_id"}, key: memberKey,
		columns: append(append([]column[policy.OrganizationMember]{
			shared("organization_id", func(m *policy.OrganizationMember) *string { return &m.OrganizationID }),
			shared("user_id", func(m *policy.OrganizationMember) *string { return &m.UserID }),
			shared("role", func(m *policy.OrganizationMember) *string { return &m.Role }),
		}, ruleColumns(func(m *policy.OrganizationMember) *policy.Rules { return &m.Rules })...),
			recordColumns(func(m *policy.OrganizationMember) *policy.Record { return &m.Record })...),
		filter: with(ruleFilters, map[string]filter{
			"organization_id": onText("organization_id"), "user_id": onText("user_id"), "role": onText("role"),
		}),
		sort: with(ruleSorts, map[string]string{"organization_id": "organization_id", "user_id": "user_id"}),
	})
}
