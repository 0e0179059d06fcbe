package postgres

import "github.com/purser/purser/policy"

// Budgets. Filters: id, model, created_at, updated_at, created_by, updated_by,
// search (id), fields.*. Orders: those of every kind with limits, id.
func init() {
	register(table[policy.Budget, *policy.Budget]{
		kind: policy.EntityBudget, name: "budgets", keys: []string{"id"}, key: textKey,
		columns: append(append([]column[policy.Budget]{
			text("id", func(b *policy.Budget) *string { return &b.ID }),
		}, ruleColumns(func(b *policy.Budget) *policy.Rules { return &b.Rules })...),
			recordColumns(func(b *policy.Budget) *policy.Record { return &b.Record })...),
		filter: with(ruleFilters, map[string]filter{"id": onText("id"), "search": onSearch("id")}),
		sort:   with(ruleSorts, map[string]string{"id": "id"}),
	})
}
