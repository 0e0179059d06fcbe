package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// maxDays bounds an activity query.
const maxDays = 3700

// days are the calendar days of a query in its zone, as arrays.
type days struct {
	day                    []string
	h1, h2, a1, a2, b1, b2 []*time.Time
	ragged                 bool // a day begins or ends within an hour
}

// daysOf lists the days from one date to another, which is not included, each from
// midnight to midnight in the zone.
func daysOf(from, until time.Time, zone *time.Location) (d days) {
	y, m, first := from.Date()
	uy, um, uday := until.Date()
	end := time.Date(uy, um, uday, 0, 0, 0, 0, time.UTC)
	for i := range maxDays {
		date := time.Date(y, m, first+i, 0, 0, 0, 0, time.UTC)
		if !date.Before(end) {
			break
		}
		begin, next := time.Date(y, m, first+i, 0, 0, 0, 0, zone), time.Date(y, m, first+i+1, 0, 0, 0, 0, zone)
		s := spansOf(begin, next)
		d.day = append(d.day, date.Format(dayFormat))
		d.h1, d.h2 = appendSpan(d.h1, d.h2, s.wantHours, s.from, s.until)
		d.a1, d.a2 = appendSpan(d.a1, d.a2, s.wantHead, s.head, s.headEnd)
		d.b1, d.b2 = appendSpan(d.b1, d.b2, s.wantTail, s.tail, s.tailEnd)
		d.ragged = d.ragged || s.wantHead || s.wantTail
	}
	return d
}

// Activity sums requests by day and dimensions, oldest day first. From and Until are
// dates, as they read in their own location; the days are those of Zone (UTC where
// nil). Requests that have no entity of the scope's kind are left out: ask for
// ScopeProxy to have all. Adjustments are no activity. In zones half an hour off,
// the days' ends are exact for as long as their rows are kept.
func (s *Store) Activity(ctx context.Context, q policy.ActivityQuery) ([]policy.ActivityRow, error) {
	if q.From.IsZero() || q.Until.IsZero() || q.Until.Sub(q.From) > maxDays*24*time.Hour {
		return nil, &policy.Invalid{Field: "start_date", Message: "give a first and a last day, at most ten years apart"}
	}
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	d := daysOf(q.From, q.Until, zone)
	if len(d.day) == 0 || q.IDs != nil && len(q.IDs) == 0 {
		return nil, nil
	}
	var b conditions
	for _, list := range [][]*time.Time{d.h1, d.h2, d.a1, d.a2, d.b1, d.b2} {
		b.arg(list)
	}
	hole := b.arg(d.day)
	g := groupOf(q.Scope)
	filters := func(entity string) string {
		tests := []string{"true"}
		if q.IDs != nil {
			tests = append(tests, entity+" = ANY("+b.arg(cleanAll(q.Scope, q.IDs))+"::text[])")
		}
		if len(q.Exclude) > 0 {
			tests = append(tests, entity+" <> ALL("+b.arg(cleanAll(q.Scope, q.Exclude))+"::text[])")
		}
		if q.Model != "" {
			m := b.arg(clean(q.Model, maxID))
			tests = append(tests, "(model = "+m+" OR model_asked = "+m+" OR model_group = "+m+")")
		}
		if q.KeyHash != "" {
			tests = append(tests, "key_hash = "+b.arg(q.KeyHash))
		}
		return strings.Join(tests, " AND ")
	}
	sql := `SELECT d.day, ` + g.hours + ` AS entity, key_hash, model, model_group, provider, route, ` + strings.Join(measureNames, ", ") + `
		FROM d JOIN ` + g.table + ` ON hour >= d.h1 AND hour < d.h2 WHERE adjusted = '' AND ` + g.hoursWhere + ` AND ` + filters(g.hours)
	if d.ragged {
		sql += ` UNION ALL SELECT d.day, ` + g.rows + `, coalesce(key_hash, ''), coalesce(model, ''), coalesce(model_group, ''), coalesce(provider, ''), coalesce(route, ''), ` +
			strings.Join(rowMeasures, ", ") + `
		FROM d JOIN spend_logs AS l ON
				(reserved_at >= d.a1 AND reserved_at < d.a2 OR reserved_at >= d.b1 AND reserved_at < d.b2)
				AND l.day >= (coalesce(d.a1, d.b1) AT TIME ZONE 'UTC')::date AND l.day <= (coalesce(d.b2, d.a2) AT TIME ZONE 'UTC')::date
			CROSS JOIN LATERAL (SELECT l.type = '` + string(policy.EntryRequest) + `' AS request) AS is_request` + g.rowsJoin + `
		WHERE request AND ` + g.rowsWhere + ` AND ` + filters(g.rows)
	}
	sums := make([]string, len(measureNames))
	for i, m := range measureNames {
		sums[i] = "sum(" + m + ")::bigint"
	}
	sql = `WITH d AS MATERIALIZED (SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], ` +
		hole + `::text[]) AS t(h1, h2, a1, a2, b1, b2, day))
		SELECT day, entity, key_hash, model, model_group, provider, route, ` + strings.Join(sums, ", ") + `
		FROM (` + sql + `) AS parts GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7`
	var out []policy.ActivityRow
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, sql, b.args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r policy.ActivityRow, err error) {
			err = row.Scan(&r.Day, &r.Entity, &r.KeyHash, &r.Model, &r.ModelGroup, &r.Provider, &r.Route, &r.Spend, &r.Input, &r.Output,
				&r.CacheRead, &r.CacheWrite, &r.Requests, &r.Succeeded, &r.Failed, &r.Millis)
			return r, err
		})
		return err
	})
	return out, err
}

func cleanAll(kind policy.ScopeKind, ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = scopeID(policy.Scope{Kind: kind, ID: id})
	}
	return out
}
