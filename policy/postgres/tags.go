package postgres

import "github.com/purser/purser/policy"

// Tags. Filters: name, budget_id, model, created_at, updated_at, created_by,
// updated_by, search (name), fields.*. Orders: those of every kind with limits,
// name, spend.
func init() {
	register(table[policy.Tag, *policy.Tag]{
		kind: policy.EntityTag, name: "tags", scope: policy.ScopeTag, scopeID: "name",
		keys: []string{"name"}, key: textKey,
		columns: append(append([]column[policy.Tag]{
			text("name", func(t *policy.Tag) *string { return &t.Name }),
		}, ruleColumns(func(t *policy.Tag) *policy.Rules { return &t.Rules })...),
			recordColumns(func(t *policy.Tag) *policy.Record { return &t.Record })...),
		filter: with(ruleFilters, map[string]filter{"name": onText("name"), "search": onSearch("name")}),
		sort:   with(ruleSorts, map[string]string{"name": "name"}),
	})
}
