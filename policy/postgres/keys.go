package postgres

import (
	"fmt"
	"time"

	"github.com/purser/purser/policy"
)

// Keys. Filters: hash (hex), name, alias, user_id, team_id, project_id,
// organization_id, created_by, updated_by, blocked, expires, revoked_at, successor (hex), budget_id,
// customer_budget_id, model, tag, access_group (an id in access_group_ids),
// created_at, updated_at, search (in alias and name, or how the hash begins), fields.*.
// Orders: those of every kind with limits, alias, name, hash, user_id, team_id,
// project_id, organization_id, expires, spend.
func init() {
	register(table[policy.Key, *policy.Key]{
		kind: policy.EntityKey, name: "keys", archive: "deleted_keys",
		scope: policy.ScopeKey, scopeID: "encode(hash, 'hex')",
		keys: []string{"hash"},
		key: func(id string) ([]any, bool) {
			h, ok := policy.ParseKeyHash(id)
			return []any{h[:]}, ok
		},
		columns: append(append([]column[policy.Key]{
			hashColumn("hash", false, func(k *policy.Key) *policy.KeyHash { return &k.Hash }),
			text("name", func(k *policy.Key) *string { return &k.Name }),
			text("alias", func(k *policy.Key) *string { return &k.Alias }),
			shared("user_id", func(k *policy.Key) *string { return &k.UserID }),
			shared("team_id", func(k *policy.Key) *string { return &k.TeamID }),
			shared("project_id", func(k *policy.Key) *string { return &k.ProjectID }),
			shared("organization_id", func(k *policy.Key) *string { return &k.OrganizationID }),
			doc("aliases", func(k *policy.Key) *map[string]string { return &k.Aliases }, func(m map[string]string) bool { return len(m) == 0 }),
			list("allowed_routes", func(k *policy.Key) *[]string { return &k.AllowedRoutes }),
			list("allowed_ips", func(k *policy.Key) *[]string { return &k.AllowedIPs }),
			list("tags", func(k *policy.Key) *[]string { return &k.Tags }),
			shared("customer_budget_id", func(k *policy.Key) *string { return &k.CustomerBudgetID }),
			flag("blocked", func(k *policy.Key) *bool { return &k.Blocked }),
			moment("expires", func(k *policy.Key) *time.Time { return &k.Expires }),
			moment("revoked_at", func(k *policy.Key) *time.Time { return &k.RevokedAt }),
			hashColumn("successor", true, func(k *policy.Key) *policy.KeyHash { return &k.Successor }),
		}, ruleColumns(func(k *policy.Key) *policy.Rules { return &k.Rules })...),
			recordColumns(func(k *policy.Key) *policy.Record { return &k.Record })...),
		unique: unique[policy.Key]{
			constraint: "keys_alias_unique",
			sql:        "SELECT EXISTS (SELECT FROM keys WHERE alias = $1 AND revoked_at IS NULL AND hash <> $2)",
			args: func(k *policy.Key) []any {
				if k.Alias == "" || !k.RevokedAt.IsZero() {
					return nil
				}
				return []any{k.Alias, k.Hash[:]}
			},
		},
		filter: with(ruleFilters, map[string]filter{
			"hash": onHash("hash"), "successor": onHash("successor"), "name": onText("name"), "alias": onText("alias"), "user_id": onText("user_id"), "team_id": onText("team_id"),
			"project_id": onText("project_id"), "organization_id": onText("organization_id"), "blocked": onFlag("blocked"),
			"expires": onTime("expires"), "revoked_at": onTime("revoked_at"), "customer_budget_id": onText("customer_budget_id"),
			"tag": onList("tags"), "access_group": onFieldList("access_group_ids"), "search": onKeySearch,
		}),
		sort: with(ruleSorts, map[string]string{
			"hash": "hash", "alias": "alias", "name": "name", "user_id": "user_id", "team_id": "team_id", "project_id": "project_id",
			"organization_id": "organization_id", "expires": "expires",
		}),
	})
}

// hashColumn is a key's hash; one of zeros is NULL, where that may be.
func hashColumn(name string, nullable bool, at func(*policy.Key) *policy.KeyHash) column[policy.Key] {
	none := policy.KeyHash{}
	return column[policy.Key]{name: name, typ: "bytea",
		value: func(k *policy.Key) any {
			if nullable && *at(k) == none {
				return nil
			}
			return at(k)[:]
		},
		read: func(k *policy.Key, b []byte, _ *interner) error {
			if *at(k) = none; b != nil && copy(at(k)[:], b) != len(none) {
				return fmt.Errorf("%d bytes", len(b))
			}
			return nil
		},
		wire: func(b []byte, k *policy.Key) ([]byte, bool) {
			if nullable && *at(k) == none {
				return b, true
			}
			return append(b, at(k)[:]...), false
		}}
}
