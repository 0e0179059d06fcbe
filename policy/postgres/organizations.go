package postgres

import "github.com/purser/purser/policy"

// Organizations. Filters: id, alias, member (a user id), budget_id, model,
// created_at, updated_at, created_by, updated_by, search (alias, id), fields.*.
// Orders: those of every kind with limits, id, alias, spend.
func init() {
	register(table[policy.Organization, *policy.Organization]{
		kind: policy.EntityOrganization, name: "organizations", scope: policy.ScopeOrganization, scopeID: "id",
		keys: []string{"id"}, key: textKey,
		columns: append(append([]column[policy.Organization]{
			text("id", func(o *policy.Organization) *string { return &o.ID }),
			text("alias", func(o *policy.Organization) *string { return &o.Alias }),
		}, ruleColumns(func(o *policy.Organization) *policy.Rules { return &o.Rules })...),
			recordColumns(func(o *policy.Organization) *policy.Record { return &o.Record })...),
		filter: with(ruleFilters, map[string]filter{
			"id": onText("id"), "alias": onText("alias"), "search": onSearch("alias", "id"),
			"member": onIDs("id IN (SELECT organization_id FROM organization_members WHERE user_id = ANY(%s))"),
		}),
		sort: with(ruleSorts, map[string]string{"id": "id", "alias": "alias"}),
	})
}
