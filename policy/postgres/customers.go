package postgres

import "github.com/purser/purser/policy"

// Customers. Filters: id, alias, blocked, budget_id, model, created_at, updated_at,
// created_by, updated_by, search (id, alias), fields.*. Orders: those of every kind
// with limits, id, alias, spend.
func init() {
	register(table[policy.Customer, *policy.Customer]{
		kind: policy.EntityCustomer, name: "customers", scope: policy.ScopeCustomer, scopeID: "id",
		keys: []string{"id"}, key: textKey,
		columns: append(append([]column[policy.Customer]{
			text("id", func(c *policy.Customer) *string { return &c.ID }),
			text("alias", func(c *policy.Customer) *string { return &c.Alias }),
			shared("default_model", func(c *policy.Customer) *string { return &c.DefaultModel }),
			flag("blocked", func(c *policy.Customer) *bool { return &c.Blocked }),
		}, ruleColumns(func(c *policy.Customer) *policy.Rules { return &c.Rules })...),
			recordColumns(func(c *policy.Customer) *policy.Record { return &c.Record })...),
		filter: with(ruleFilters, map[string]filter{
			"id": onText("id"), "alias": onText("alias"), "blocked": onFlag("blocked"), "search": onSearch("id", "alias"),
		}),
		sort: with(ruleSorts, map[string]string{"id": "id", "alias": "alias"}),
	})
}
