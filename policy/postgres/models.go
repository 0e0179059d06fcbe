package postgres

import (
	"encoding/json"
	"maps"

	"github.com/purser/purser/policy"
)

// Models. Filters: id, name, blocked, created_at, updated_at, created_by,
// updated_by, search (name, id), fields.*. Orders: created_at, updated_at,
// created_by, id, name.
func init() {
	common := maps.Clone(recordFilters)
	delete(common, "model") // it has no list of models
	register(table[policy.StoredModel, *policy.StoredModel]{
		kind: policy.EntityModel, name: "models", keys: []string{"id"}, key: textKey,
		columns: append([]column[policy.StoredModel]{
			text("id", func(m *policy.StoredModel) *string { return &m.ID }),
			text("name", func(m *policy.StoredModel) *string { return &m.Name }),
			raw("params", func(m *policy.StoredModel) *json.RawMessage { return &m.Params }),
			raw("info", func(m *policy.StoredModel) *json.RawMessage { return &m.Info }),
			flag("blocked", func(m *policy.StoredModel) *bool { return &m.Blocked }),
		}, recordColumns(func(m *policy.StoredModel) *policy.Record { return &m.Record })...),
		filter: with(common, map[string]filter{
			"id": onText("id"), "name": onText("name"), "blocked": onFlag("blocked"), "search": onSearch("name", "id"),
		}),
		sort: with(recordSorts, map[string]string{"id": "id", "name": "name"}),
	})
}
