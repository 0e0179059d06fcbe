package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// maxCounted is where counting the rows of a listing stops.
const maxCounted = 10_000

// logSorts are what rows may be listed by.
var logSorts = map[string]string{
	"": "started_at", "startTime": "started_at", "endTime": "ended_at", "spend": "spend", "total_tokens": "(input + output)",
	"prompt_tokens": "input", "completion_tokens": "output", "request_duration_ms": "(ended_at - started_at)", "model": "model", "status": "status",
}

// Logs lists rows of the journal, and tells how many there are: capped says that
// there are more than total, which stops at 10 000. RequestID finds our call ids as
// well as the providers' ids; Model finds the provider's name and the one asked
// for. Adjustments are listed only when asked for by id.
func (s *Store) Logs(ctx context.Context, q policy.LogQuery) (entries []policy.Entry, total int, capped bool, err error) {
	by, ok := logSorts[q.Sort]
	if !ok {
		return nil, 0, false, &policy.Invalid{Field: "sort_by", Message: fmt.Sprintf("logs cannot be sorted by %q", q.Sort)}
	}
	if q.Teams != nil && len(q.Teams) == 0 {
		return nil, 0, false, nil
	}
	if q.Sort == "" && q.RequestID == "" && (q.KeyHash != "" || q.UserID != "" || q.TeamID != "" || q.ProjectID != "" || q.Customer != "") {
		// Where no order is asked for, newest first goes by the reservation, a moment after
		// the start: the indexes of whose the rows are know it, so that a page reads a page.
		by = "reserved_at"
	}
	var b conditions
	where := " WHERE " + logConditions(&b, q)
	counted := len(b.args)
	direction := " DESC NULLS LAST"
	if by == "started_at" || by == "reserved_at" { // never NULL, and their indexes know no NULLS LAST
		direction = " DESC"
	}
	if q.Ascending {
		direction = ""
	}
	sql := "SELECT " + entryList + " FROM spend_logs" + where + " ORDER BY " + by + direction + ", call_id" + strings.TrimSuffix(direction, " NULLS LAST")
	if q.Limit > 0 {
		sql += " LIMIT " + b.arg(q.Limit)
	}
	if q.Offset > 0 {
		sql += " OFFSET " + b.arg(q.Offset)
	}
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		if entries, err = readEntries(ctx, c, sql, b.args...); err != nil {
			return err
		}
		total = q.Offset + len(entries)
		if q.Limit == 0 || 0 < len(entries) && len(entries) < q.Limit {
			return nil // the last page tells
		}
		return c.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM spend_logs"+where+" LIMIT "+itoa(maxCounted+1)+") AS found", b.args[:counted]...).Scan(&total)
	})
	if err != nil {
		return nil, 0, false, err
	}
	if q.Limit > 0 && total > maxCounted {
		total, capped = max(maxCounted, q.Offset+len(entries)), true
	}
	return entries, total, capped, nil
}

func logConditions(b *conditions, q policy.LogQuery) string {
	var tests []string
	is := func(value string, columns ...string) {
		if value == "" {
			return
		}
		hole := b.arg(clean(value, maxID))
		tests = append(tests, "("+strings.Join(columns, " = "+hole+" OR ")+" = "+hole+")")
	}
	is(q.RequestID, "call_id", "request_id")
	is(q.KeyHash, "key_hash")
	is(q.UserID, "user_id")
	is(q.TeamID, "team_id")
	is(q.ProjectID, "project_id")
	is(q.OrganizationID, "organization_id")
	is(q.Customer, "customer_id")
	is(q.Session, "session_id")
	is(q.Model, "model", "model_asked")
	is(q.ModelGroup, "model_group", "model_asked")
	is(q.Deployment, "deployment")
	is(q.KeyAlias, "key_alias")
	is(string(q.Status), "status")
	if q.RequestID == "" {
		tests = append(tests, "type = '"+string(policy.EntryRequest)+"'")
	}
	if q.Tag != "" {
		tests = append(tests, "tags @> ARRAY["+b.arg(clean(q.Tag, maxID))+"::text]")
	}
	if q.Teams != nil {
		teams := make([]string, len(q.Teams))
		for i, t := range q.Teams {
			teams[i] = clean(t, maxID)
		}
		tests = append(tests, "team_id = ANY("+b.arg(teams)+"::text[])")
	}
	if q.MinCost != nil {
		tests = append(tests, "spend >= "+b.arg(int64(*q.MinCost)))
	}
	if q.HTTPStatus != 0 {
		tests = append(tests, "status <> '"+string(policy.StatusSuccess)+"' AND http_status = "+b.arg(q.HTTPStatus))
	}
	if q.ErrorText != "" {
		tests = append(tests, "error ILIKE "+b.arg("%"+escapeLike(clean(q.ErrorText, maxID))+"%"))
	}
	if q.MaxCost != nil {
		tests = append(tests, "spend <= "+b.arg(int64(*q.MaxCost)))
	}
	// A request is reserved soon after its start: a day to either side leaves out
	// the tables that cannot have it.
	if !q.From.IsZero() {
		tests = append(tests, "started_at >= "+b.arg(q.From), "day >= "+b.arg(dayOf(q.From.Add(-24*time.Hour)))+"::text::date")
	}
	if !q.Until.IsZero() {
		tests = append(tests, "started_at < "+b.arg(q.Until), "day <= "+b.arg(dayOf(q.Until.Add(24*time.Hour)))+"::text::date")
	}
	if len(tests) == 0 {
		return "true"
	}
	return strings.Join(tests, " AND ")
}
