package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// refusalKey is what refusals are counted by, in the order of the table's columns.
type refusalKey struct {
	minute time.Time
	dims   [9]string
}

var refusalDims = []string{"key_hash", "team_id", "project_id", "code", "scope_kind", "scope_id", "kind", "model", "mode"}

func refusalKeyOf(r policy.RefusalCount) refusalKey {
	k := refusalKey{minute: r.Minute.UTC().Truncate(time.Minute)}
	if k.minute.Before(earliest) || k.minute.After(latest) {
		k.minute = time.Now().UTC().Truncate(time.Minute)
	}
	k.dims = [9]string{r.KeyHash, r.TeamID, r.Project, string(r.Code), r.Scope.Kind.String(), scopeID(r.Scope), r.Kind, r.Model, modeOf(r.Shadow)}
	for i := range k.dims {
		k.dims[i] = clean(k.dims[i], 2*maxID+1)
	}
	return k
}

// modeOf is how the table tells refusals from those that shadow mode kept from
// happening. Rows from before it was there are of the first kind.
func modeOf(shadow bool) string {
	if shadow {
		return string(policy.Shadow)
	}
	return ""
}

// WriteRefusals adds counts to those of their minute; the newest sample stays.
// Unlike entries, counts written twice count twice.
func (s *Store) WriteRefusals(ctx context.Context, counts []policy.RefusalCount) error {
	if len(counts) == 0 {
		return nil
	}
	type row struct {
		id     [16]byte
		key    refusalKey
		count  int64
		sample policy.RefusalSample
	}
	found := map[refusalKey]*row{}
	for _, c := range counts {
		k := refusalKeyOf(c)
		r, ok := found[k]
		if !ok {
			h := hourKey{}
			copy(h.dims[:], k.dims[:])
			r = &row{id: h.combination([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}), key: k}
			found[k] = r
		}
		r.count += c.Count
		if !c.Sample.At.Before(r.sample.At) {
			r.sample = c.Sample
		}
	}
	rows := make([]*row, 0, len(found))
	for _, r := range found {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int {
		return cmp.Or(a.key.minute.Compare(b.key.minute), slices.Compare(a.id[:], b.id[:]))
	})
	minutes, ids, n, samples := make([]time.Time, len(rows)), make([][16]byte, len(rows)), make([]int64, len(rows)), make([]string, len(rows))
	texts := columnsOf[string](len(refusalDims), len(rows))
	for i, r := range rows {
		r.sample.CallID, r.sample.Route = clean(r.sample.CallID, maxID), clean(r.sample.Route, maxID)
		r.sample.Message, r.sample.Limits = clean(r.sample.Message, maxText), clean(r.sample.Limits, maxText)
		sample, err := json.Marshal(r.sample)
		if err != nil {
			return err
		}
		minutes[i], ids[i], n[i], samples[i] = r.key.minute, r.id, r.count, string(sample)
		for c := range texts {
			texts[c][i] = r.key.dims[c]
		}
	}
	return s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `INSERT INTO refusals (minute, combination, count, sample, `+strings.Join(refusalDims, ", ")+`)
			SELECT minute, combination, count, sample::json, `+strings.Join(refusalDims, ", ")+`
			FROM unnest($1::timestamptz[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
				AS t(minute, combination, count, sample, `+strings.Join(refusalDims, ", ")+`)
			ON CONFLICT (minute, combination) DO UPDATE SET count = refusals.count + excluded.count,
				sample = CASE WHEN (excluded.sample ->> 'at')::timestamptz >= (refusals.sample ->> 'at')::timestamptz THEN excluded.sample ELSE refusals.sample END`,
			arguments([]any{minutes, ids, n, samples}, texts, nil)...)
		return err
	})
}

// RefusalQuery selects counts of refusals.
type RefusalQuery = policy.RefusalQuery

// Refusals lists counts, and how many rows there are in all.
func (s *Store) Refusals(ctx context.Context, q RefusalQuery) (counts []policy.RefusalCount, total int, err error) {
	var b conditions
	tests := []string{"true"}
	is := func(column, value string) {
		if value != "" {
			tests = append(tests, column+" = "+b.arg(clean(value, 2*maxID+1)))
		}
	}
	is("key_hash", q.KeyHash)
	is("team_id", q.TeamID)
	is("project_id", q.Project)
	is("code", string(q.Code))
	is("kind", q.Kind)
	is("model", q.Model)
	if q.Shadow != nil {
		tests = append(tests, "mode = "+b.arg(modeOf(*q.Shadow)))
	}
	if q.Scope != nil {
		tests = append(tests, "scope_kind = "+b.arg(q.Scope.Kind.String()), "scope_id = "+b.arg(scopeID(*q.Scope)))
	}
	if q.Teams != nil {
		tests = append(tests, "team_id = ANY("+b.arg(q.Teams)+"::text[])")
	}
	if q.Keys != nil {
		tests = append(tests, "key_hash = ANY("+b.arg(q.Keys)+"::text[])")
	}
	if !q.From.IsZero() {
		tests = append(tests, "minute >= "+b.arg(q.From))
	}
	if !q.Until.IsZero() {
		tests = append(tests, "minute < "+b.arg(q.Until))
	}
	where := " WHERE " + strings.Join(tests, " AND ")
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		if err := c.QueryRow(ctx, "SELECT count(*) FROM refusals"+where, b.args...).Scan(&total); err != nil {
			return err
		}
		sql := "SELECT minute, count, sample, " + strings.Join(refusalDims, ", ") + " FROM refusals" + where + " ORDER BY minute DESC, combination"
		if q.Limit > 0 {
			sql += " LIMIT " + b.arg(q.Limit)
		}
		sql += " OFFSET " + b.arg(q.Offset)
		rows, err := c.Query(ctx, sql, b.args...)
		if err != nil {
			return err
		}
		counts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r policy.RefusalCount, err error) {
			var kind, mode string
			err = row.Scan(&r.Minute, &r.Count, &r.Sample, &r.KeyHash, &r.TeamID, &r.Project, &r.Code, &kind, &r.Scope.ID, &r.Kind, &r.Model, &mode)
			r.Shadow = mode == modeOf(true)
			r.Scope.Kind, _ = policy.ParseScopeKind(kind)
			r.Minute = r.Minute.UTC()
			return r, err
		})
		return err
	})
	return counts, total, err
}

// RefusalSums adds up refusals of [from, until) by what refused, those that happened
// most first; shadow selects those that did not happen.
func (s *Store) RefusalSums(ctx context.Context, shadow bool, from, until time.Time) (sums []policy.RefusalSum, err error) {
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `SELECT code, scope_kind, scope_id, kind, sum(count)::bigint AS n,
				count(DISTINCT key_hash) FILTER (WHERE key_hash <> ''), min(minute), max(minute),
				(array_agg(sample ORDER BY minute DESC, combination))[1]
			FROM refusals WHERE mode = $1 AND minute >= $2 AND minute < $3
			GROUP BY code, scope_kind, scope_id, kind ORDER BY n DESC, code, scope_kind, scope_id, kind LIMIT 1000`, modeOf(shadow), from, until)
		if err != nil {
			return err
		}
		sums, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r policy.RefusalSum, err error) {
			var kind string
			err = row.Scan(&r.Code, &kind, &r.Scope.ID, &r.Kind, &r.Count, &r.Callers, &r.First, &r.Last, &r.Sample)
			r.Scope.Kind, _ = policy.ParseScopeKind(kind)
			r.First, r.Last = r.First.UTC(), r.Last.UTC()
			return r, err
		})
		return err
	})
	return sums, err
}
