package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
	w := newLogWalk(s, q, by)
	for range 2 {
		err = s.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, plannedAnew); err != nil {
				return err
			}
			entries, total, err = w.read(ctx, tx)
			return err
		})
		if !gone(err) { // else retention has dropped a day between two of the queries
			break
		}
	}
	if err != nil {
		return nil, 0, false, err
	}
	if q.Limit > 0 && total > maxCounted {
		total, capped = max(maxCounted, q.Offset+len(entries)), true
	}
	return entries, total, capped, nil
}

// plannedAnew: after five times PostgreSQL makes one plan for all values, which of a team
// with many rows or a time of a few minutes reads a table from end to end.
const plannedAnew = `SET LOCAL plan_cache_mode = force_custom_plan`

// gone: a table that was there is not.
func gone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42P01"
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
	switch q.Status {
	case policy.StatusFailure, policy.StatusAbandoned: // written out: an index is of these alone
		tests = append(tests, "status <> '"+string(policy.StatusSuccess)+"' AND status = '"+string(q.Status)+"'")
	default:
		is(string(q.Status), "status")
	}
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
