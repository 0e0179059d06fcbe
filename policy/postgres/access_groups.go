package postgres

import "github.com/purser/purser/policy"

// Access groups. Filters: id, name, model, created_at, updated_at, created_by,
// updated_by, search (name, id), fields.*. Orders: created_at, updated_at,
// created_by, id, name.
func init() {
	register(table[policy.AccessGroup, *policy.AccessGroup]{
		kind: policy.EntityAccessGroup, name: "access_groups", keys: []string{"id"}, key: textKey,
		columns: append([]column[policy.AccessGroup]{
			text("id", func(g *policy.AccessGroup) *string { return &g.ID }),
			text("name", func(g *policy.AccessGroup) *string { return &g.Name }),
			list("models", func(g *policy.AccessGroup) *[]string { return &g.Models }),
		}, recordColumns(func(g *policy.AccessGroup) *policy.Record { return &g.Record })...),
		unique: unique[policy.AccessGroup]{
			constraint: "access_groups_name_unique",
			sql:        "SELECT EXISTS (SELECT FROM access_groups WHERE name = $1 AND id <> $2)",
			args:       func(g *policy.AccessGroup) []any { return []any{g.Name, g.ID} },
		},
		filter: with(recordFilters, map[string]filter{"id": onText("id"), "name": onText("name"), "search": onSearch("name", "id")}),
		sort:   with(recordSorts, map[string]string{"id": "id", "name": "name"}),
	})
}
