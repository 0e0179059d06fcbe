package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// maxDays bounds an activity query.
const maxDays = 3700

// partsOf are the days from one date to another, which is not included, each from
// midnight to midnight in the zone; or, told apart or not, all of them as one.
func partsOf(from, until time.Time, zone *time.Location, apart, daily bool) (p parts) {
	y, m, first := from.Date()
	uy, um, uday := until.Date()
	end := time.Date(uy, um, uday, 0, 0, 0, 0, time.UTC)
	if !apart {
		p.add("", time.Date(y, m, first, 0, 0, 0, 0, zone), time.Date(uy, um, uday, 0, 0, 0, 0, zone), daily)
		return p
	}
	for i := range maxDays {
		date := time.Date(y, m, first+i, 0, 0, 0, 0, time.UTC)
		if !date.Before(end) {
			break
		}
		p.add(date.Format(dayFormat), time.Date(y, m, first+i, 0, 0, 0, 0, zone), time.Date(y, m, first+i+1, 0, 0, 0, 0, zone), daily)
	}
	return p
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
	if q.IDs != nil && len(q.IDs) == 0 {
		return nil, nil
	}
	out, ok, behind, err := s.cachedActivity(ctx, q, zone)
	if ok || err != nil {
		return out, err
	}
	if behind != nil {
		defer s.loadBehind(*behind)
	}
	p := partsOf(q.From, q.Until, zone, q.By.Has(policy.ByDay), q.Scope != policy.ScopeCustomer)
	var b conditions
	sql := activitySQL(&b, q, &p)
	if sql == "" {
		return nil, nil
	}
	err = s.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, inMemory); err != nil {
			return err
		}
		out, err = readActivity(ctx, tx, sql, b.args)
		return err
	})
	return out, err
}

// inMemory: some ten thousand groups of seven texts are hashed in a fifth of the time they
// are sorted in, which is what the planner likes better; in memory; and before code made
// for it would be ready.
const inMemory = `SELECT set_config('work_mem', '64MB', true), set_config('enable_sort', 'off', true), set_config('jit', 'off', true)`

// activitySQL is the query for some parts; empty where there are none.
func activitySQL(b *conditions, q policy.ActivityQuery, p *parts) string {
	var keys string
	if q.Keys != nil && q.By.Has(policy.ByKey) {
		keys = b.arg(q.Keys) + "::text[]"
	}
	// What a part's rows are told apart by: name is how it calls a column.
	union := p.union(b, groupOf(q.Scope), func(entity string, name func(string) string) string {
		out := []string{"t.label AS day"}
		add := func(by policy.Dimensions, as, sql string) {
			if !q.By.Has(by) {
				sql = "''"
			}
			out = append(out, sql+" AS "+as)
		}
		add(policy.ByEntity, "entity", entity)
		key := name("key_hash")
		if keys != "" {
			key = "CASE WHEN " + key + " = ANY(" + keys + ") THEN " + key + " ELSE '' END"
		}
		add(policy.ByKey, "key_hash", key)
		add(policy.ByModel, "model", name("model"))
		add(policy.ByModel, "model_group", name("model_group"))
		add(policy.ByProvider, "provider", name("provider"))
		add(policy.ByRoute, "route", name("route"))
		return strings.Join(out, ", ")
	}, activityFilters(b, q))
	if union == "" {
		return ""
	}
	sums := make([]string, len(measureNames))
	for i, m := range measureNames {
		sums[i] = "sum(" + m + ")::bigint"
	}
	// Quarters have what the hours take out: what nothing is left of was never there.
	return "SELECT day, entity, key_hash, model, model_group, provider, route, " + strings.Join(sums, ", ") +
		" FROM (" + union + ") AS parts GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(requests) <> 0"
}

// activityFilters are the conditions of a query, given how its entity is called.
func activityFilters(b *conditions, q policy.ActivityQuery) func(entity string) string {
	var ids, exclude, model, key string
	if q.IDs != nil {
		ids = b.arg(cleanAll(q.Scope, q.IDs)) + "::text[]"
	}
	if len(q.Exclude) > 0 {
		exclude = b.arg(cleanAll(q.Scope, q.Exclude)) + "::text[]"
	}
	if q.Model != "" {
		model = b.arg(clean(q.Model, maxID)) + "::text"
	}
	if q.KeyHash != "" {
		key = b.arg(q.KeyHash) + "::text"
	}
	return func(entity string) string {
		tests := []string{"true"}
		if ids != "" {
			tests = append(tests, entity+" = ANY("+ids+")")
		}
		if exclude != "" {
			tests = append(tests, entity+" <> ALL("+exclude+")")
		}
		if model != "" {
			tests = append(tests, "(model = "+model+" OR model_asked = "+model+" OR model_group = "+model+")")
		}
		if key != "" {
			tests = append(tests, "key_hash = "+key)
		}
		return strings.Join(tests, " AND ")
	}
}

// readActivity reads rows as they come: there may be tens of thousands, of few names.
func readActivity(ctx context.Context, q querier, sql string, args []any) ([]policy.ActivityRow, error) {
	rows, err := q.Query(ctx, sql, append([]any{binaryFormat}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	in := newInterner()
	var out []policy.ActivityRow
	for rows.Next() {
		v := rows.RawValues()
		var r policy.ActivityRow
		names := [...]*string{&r.Day, &r.Entity, &r.KeyHash, &r.Model, &r.ModelGroup, &r.Provider, &r.Route}
		counts := [...]*int64{(*int64)(&r.Spend), &r.Input, &r.Output, &r.CacheRead, &r.CacheWrite, &r.Requests, &r.Succeeded, &r.Failed, &r.Millis}
		for i, at := range names {
			*at = in.text(v[i])
		}
		for i, at := range counts {
			b := v[len(names)+i]
			if len(b) != 8 {
				return nil, fmt.Errorf("a sum of %d bytes", len(b))
			}
			*at = int64(binary.BigEndian.Uint64(b))
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b policy.ActivityRow) int { return strings.Compare(a.Day, b.Day) })
	return out, rows.Err()
}

func cleanAll(kind policy.ScopeKind, ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = scopeID(policy.Scope{Kind: kind, ID: id})
	}
	return out
}
