package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// What the audit log is asked and answers.
type (
	AuditEntry = policy.AuditEntry
	AuditQuery = policy.AuditQuery
	AuditPage  = policy.AuditPage
)

// Audit lists changes.
func (s *Store) Audit(ctx context.Context, q AuditQuery) (page AuditPage, err error) {
	var b conditions
	tests := []string{"true"}
	is := func(column, value string) {
		if value != "" {
			tests = append(tests, column+" = "+b.arg(clean(value, 2*maxID+1)))
		}
	}
	if q.ID != 0 {
		tests = append(tests, "id = "+b.arg(q.ID))
	}
	is("changed_by", q.ChangedBy)
	is("changed_by_key", q.ChangedByKey)
	is("action", q.Action)
	is("object_id", q.ObjectID)
	if q.BelowID != 0 {
		tests = append(tests, "id < "+b.arg(q.BelowID))
	}
	if q.TeamID != "" {
		id := b.arg(clean(q.TeamID, 2*maxID))
		tests = append(tests, "(kind = 'team' AND object_id = "+id+" OR kind = 'membership' AND starts_with(object_id, "+id+" || E'\\x1f') OR coalesce(after, before) ->> 'team_id' = "+id+" AND kind <> 'setting')")
	}
	if q.Search != "" {
		text := b.arg(strings.ToLower(clean(q.Search, 2*maxID)))
		tests = append(tests, "(strpos(lower(object_id), "+text+") > 0 OR strpos(lower(changed_by), "+text+") > 0)")
	}
	if q.Kinds != nil {
		tests = append(tests, "kind = ANY("+b.arg(q.Kinds)+"::text[])")
	}
	if !q.From.IsZero() {
		tests = append(tests, "at >= "+b.arg(q.From))
	}
	if !q.Until.IsZero() {
		tests = append(tests, "at < "+b.arg(q.Until))
	}
	by := "at"
	switch q.Sort {
	case "changed_by", "action", "kind", "object_id":
		by = q.Sort
	}
	direction := " DESC"
	if q.Ascending {
		direction = ""
	}
	where := " WHERE " + strings.Join(tests, " AND ")
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		if err := c.QueryRow(ctx, "SELECT count(*) FROM audit_log"+where, b.args...).Scan(&page.Total); err != nil {
			return err
		}
		sql := "SELECT id, at, changed_by, changed_by_key, action, kind, object_id, before, after FROM audit_log" + where +
			" ORDER BY " + by + direction + ", id" + direction
		if q.Limit > 0 {
			sql += " LIMIT " + b.arg(q.Limit)
		}
		sql += " OFFSET " + b.arg(q.Offset)
		rows, err := c.Query(ctx, sql, b.args...)
		if err != nil {
			return err
		}
		page.Entries, err = pgx.CollectRows(rows, pgx.RowToStructByPos[AuditEntry])
		return err
	})
	return page, err
}
