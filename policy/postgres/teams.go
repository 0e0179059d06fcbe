package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Teams. Filters: id, alias, organization_id, blocked, budget_id, model, tag,
// member (a user id among its members), admin (the same, as an admin),
// created_by, updated_by, created_at, updated_at, search (alias, id), fields.*.
// Orders: those of every kind with limits, id, alias, organization_id, spend.
func init() {
	register(table[policy.Team, *policy.Team]{
		kind: policy.EntityTeam, name: "teams", archive: "deleted_teams", scope: policy.ScopeTeam, scopeID: "id",
		keys: []string{"id"}, key: textKey,
		columns: append(append([]column[policy.Team]{
			text("id", func(t *policy.Team) *string { return &t.ID }),
			text("alias", func(t *policy.Team) *string { return &t.Alias }),
			shared("organization_id", func(t *policy.Team) *string { return &t.OrganizationID }),
			doc("aliases", func(t *policy.Team) *map[string]string { return &t.Aliases }, func(m map[string]string) bool { return len(m) == 0 }),
			flag("blocked", func(t *policy.Team) *bool { return &t.Blocked }),
			membersColumn(),
			limits("member_limits", func(t *policy.Team) *policy.Limits { return &t.MemberLimits }),
			list("member_models", func(t *policy.Team) *[]string { return &t.MemberModels }),
			list("tags", func(t *policy.Team) *[]string { return &t.Tags }),
		}, ruleColumns(func(t *policy.Team) *policy.Rules { return &t.Rules })...),
			recordColumns(func(t *policy.Team) *policy.Record { return &t.Record })...),
		filter: with(ruleFilters, map[string]filter{
			"id": onText("id"), "alias": onText("alias"), "access_group": onFieldList("access_group_ids"), "organization_id": onText("organization_id"), "blocked": onFlag("blocked"),
			"tag": onList("tags"), "member": onMembers(""), "admin": onMembers("admin"), "search": onSearch("alias", "id"),
		}),
		sort: with(ruleSorts, map[string]string{"id": "id", "alias": "alias", "organization_id": "organization_id"}),
	})
}

// membersColumn is jsonb, so that an index finds a user's teams; its wire format
// has a version byte before the text.
func membersColumn() column[policy.Team] {
	c := doc("members", func(t *policy.Team) *[]policy.Member { return &t.Members }, func([]policy.Member) bool { return false })
	c.value = func(t *policy.Team) any {
		if t.Members == nil {
			return []policy.Member{}
		}
		return t.Members
	}
	c.wire = func(b []byte, t *policy.Team) ([]byte, bool) {
		return appendJSON(append(b, 1), t.Members), t.Members == nil
	}
	read := c.read
	c.read = func(t *policy.Team, b []byte, in *interner) error {
		if len(b) < 3 || string(b[1:]) == "[]" {
			t.Members = nil
			return nil
		}
		return read(t, b[1:], in)
	}
	return c
}

// TeamKeys counts the keys in force of some teams; those that have none are left out.
func (s *Store) TeamKeys(ctx context.Context, teams []string) (map[string]int, error) {
	out := map[string]int{}
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `SELECT team_id, count(*) FROM keys WHERE team_id = ANY($1::text[]) AND revoked_at IS NULL GROUP BY team_id`, teams)
		if err != nil {
			return err
		}
		var team string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&team, &n}, func() error { out[team] = n; return nil })
		return err
	})
	return out, err
}
