package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Facets lists the different users or customers that requests of a time were of, in
// order. It reads the sums by hour, of which there are few where the log has many rows:
// so its times are those of whole hours.
func (s *Store) Facets(ctx context.Context, q policy.FacetQuery) ([]string, error) {
	column := map[policy.ScopeKind]string{policy.ScopeUser: "user_id", policy.ScopeCustomer: "customer_id"}[q.Of]
	if column == "" {
		return nil, &policy.Invalid{Field: "of", Message: "only users and customers can be listed"}
	}
	var b conditions
	tests := []string{"adjusted = ''", column + " <> ''"}
	for name, value := range map[string]string{
		"key_hash": q.KeyHash, "user_id": q.UserID, "team_id": q.TeamID, "project_id": q.ProjectID, "organization_id": q.OrganizationID,
	} {
		if value != "" {
			tests = append(tests, name+" = "+b.arg(clean(value, maxID)))
		}
	}
	if q.Teams != nil {
		teams := make([]string, len(q.Teams))
		for i, t := range q.Teams {
			teams[i] = clean(t, maxID)
		}
		tests = append(tests, "team_id = ANY("+b.arg(teams)+"::text[])")
	}
	if !q.From.IsZero() {
		tests = append(tests, "hour >= "+b.arg(q.From.UTC().Truncate(time.Hour)))
	}
	if !q.Until.IsZero() {
		tests = append(tests, "hour < "+b.arg(q.Until.UTC()))
	}
	if q.Contains != "" {
		tests = append(tests, column+contains(&b, clean(q.Contains, maxID)))
	}
	sql := "SELECT DISTINCT " + column + " FROM spend_hourly WHERE " + strings.Join(tests, " AND ") + " ORDER BY 1"
	if q.Limit > 0 {
		sql += " LIMIT " + b.arg(q.Limit)
	}
	if q.Offset > 0 {
		sql += " OFFSET " + b.arg(q.Offset)
	}
	var out []string
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, sql, b.args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return out, err
}
