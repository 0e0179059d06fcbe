package postgres

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// AuditEntry is one change of one entity. Before and After are its documented
// fields, without secrets; nil where it did not exist.
type AuditEntry struct {
	ID           int64
	At           time.Time
	ChangedBy    string
	ChangedByKey string
	Action       string // created, updated, deleted
	Kind         policy.EntityKind
	ObjectID     string
	Before       json.RawMessage
	After        json.RawMessage
}

// AuditQuery selects audit entries, newest first unless Ascending. Zero fields
// select all.
type AuditQuery struct {
	ID                      int64
	ChangedBy, ChangedByKey string
	Action                  string
	Kinds                   []policy.EntityKind
	ObjectID                string
	From, Until             time.Time
	Sort                    string // "" or "at", "changed_by", "action", "kind", "object_id"
	Ascending               bool
	Limit, Offset           int
}

// AuditPage is what a query found; Total is without Limit and Offset.
type AuditPage struct {
	Entries []AuditEntry
	Total   int
}

// Audit lists changes.
func (s *Store) Audit(ctx context.Context, q AuditQuery) (page AuditPage, err error) {
	var b conditions
	tests := []string{"true"}
	is := func(column, value string) {
		if value != "" {
			tests = append(tests, column+" = "+b.arg(value))
		}
	}
	if q.ID != 0 {
		tests = append(tests, "id = "+b.arg(q.ID))
	}
	is("changed_by", q.ChangedBy)
	is("changed_by_key", q.ChangedByKey)
	is("action", q.Action)
	is("object_id", q.ObjectID)
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
