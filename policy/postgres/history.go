package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// column that a kind of scope is found by in spend_logs and spend_hourly. Tags have
// a table of their own, members two columns, the proxy none.
var scopeColumns = map[policy.ScopeKind]string{
	policy.ScopeOrganization: "organization_id", policy.ScopeTeam: "team_id", policy.ScopeProject: "project_id", policy.ScopeUser: "user_id",
	policy.ScopeKey: "key_hash", policy.ScopeCustomer: "customer_id",
}

// spans is how a time range is added up: whole hours from the sums, what sticks out
// at either end from the rows.
type spans struct {
	from, until         time.Time // whole hours [from, until)
	head, headEnd       time.Time // rows [head, headEnd)
	tail, tailEnd       time.Time // rows [tail, tailEnd)
	wantHead, wantHours bool
	wantTail            bool
}

// forever stands for the end of a range that has none.
var forever = latest.AddDate(100, 0, 0)

func spansOf(from, until time.Time) (s spans) {
	from, until = ceilMicro(from), ceilMicro(until)
	if until.IsZero() || until.After(forever) {
		until = forever
	}
	if from.Before(earliest) {
		from = earliest.Truncate(time.Hour)
	}
	if !from.Before(until) {
		return s
	}
	first, last := from.Truncate(time.Hour), until.Truncate(time.Hour)
	if !first.Equal(from) {
		first = first.Add(time.Hour)
	}
	if first.After(last) { // within one hour
		s.head, s.headEnd, s.wantHead = from, until, true
		return s
	}
	s.head, s.headEnd, s.wantHead = from, first, from.Before(first)
	s.tail, s.tailEnd, s.wantTail = last, until, last.Before(until)
	s.from, s.until, s.wantHours = first, last, first.Before(last)
	return s
}

// ceilMicro is the first microsecond not before t: rows have whole ones, cut down.
func ceilMicro(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	if c := t.UTC().Truncate(time.Microsecond); c.Before(t) {
		return c.Add(time.Microsecond)
	}
	return t.UTC()
}

// matcher selects what is of one scope kind, in the tables of rows, hours and
// totals. The query's arguments are the columns of q: id, team (of a member), model
// (a LIKE pattern, NULL for all).
type matcher struct{ rows, hours, hoursTable string }

func matcherOf(kind policy.ScopeKind) matcher {
	const model = ` AND (q.model IS NULL OR nullif(coalesce(nullif(model_asked, ''), nullif(model_group, ''), model), '') LIKE q.model)`
	m := matcher{hoursTable: "spend_hourly"}
	switch kind {
	case policy.ScopeProxy:
		m.rows, m.hours = "true", "true"
	case policy.ScopeMember:
		m.rows = "team_id = q.team AND user_id = q.usr"
		m.hours = m.rows + " AND user_id <> ''"
	case policy.ScopeTag:
		m.rows, m.hours, m.hoursTable = "tags @> ARRAY[q.id]", "tag = q.id", "spend_hourly_tag"
	default:
		c := scopeColumns[kind]
		m.rows, m.hours = c+" = q.id", c+" = q.id AND "+c+" <> ''"
	}
	m.rows += rowsOf(kind) + model
	m.hours += fmt.Sprintf(" AND adjusted IN ('', '%s')", kind) + model
	return m
}

// rowsOf leaves out adjustments of other kinds of scope.
func rowsOf(kind policy.ScopeKind) string {
	return fmt.Sprintf(" AND (adjusted_kind IS NULL OR adjusted_kind = '%s')", kind)
}

// spentSQL sums one kind of scope. Ranges that are not wanted are NULL, and match
// nothing. The days beside the times let whole partitions be left out.
func spentSQL(kind policy.ScopeKind) string {
	const measured = "CASE WHEN q.tokens THEN input + output ELSE spend END"
	m := matcherOf(kind)
	rows := func(from, until string) string {
		return `coalesce((SELECT sum(` + measured + `) FROM spend_logs WHERE q.` + from + ` IS NOT NULL AND reserved_at >= q.` + from + ` AND reserved_at < q.` + until +
			` AND day >= (q.` + from + ` AT TIME ZONE 'UTC')::date AND day <= (q.` + until + ` AT TIME ZONE 'UTC')::date AND ` + m.rows + `), 0)`
	}
	hours := func(from, until string) string {
		return `coalesce((SELECT sum(` + measured + `) FROM ` + m.hoursTable + ` WHERE q.` + from + ` IS NOT NULL AND hour >= q.` + from + ` AND hour < q.` + until + ` AND ` + m.hours + `), 0)`
	}
	days := "0"
	if kind != policy.ScopeCustomer {
		days = `coalesce((SELECT sum(CASE WHEN q.tokens THEN ` + ofQuarters("input", wholeDay) + ` + ` + ofQuarters("output", wholeDay) + ` ELSE ` + ofQuarters("spend", wholeDay) + ` END)
			FROM ` + dailyTables[m.hoursTable].name + ` WHERE q.d1 IS NOT NULL AND day >= q.d1 AND day < q.d2 AND ` + m.hours + `), 0)`
	}
	return `SELECT q.n,
		(coalesce((SELECT sum(` + measured + `) FROM spend_totals WHERE q.total AND scope_kind = '` + kind.String() + `' AND scope_id = q.id
			AND CASE WHEN q.model IS NULL THEN spend_totals.model = '' ELSE spend_totals.model <> '' AND spend_totals.model LIKE q.model END), 0)
		+ CASE WHEN q.total THEN -1 ELSE 1 END * (
			` + days + ` + ` + hours("h1", "h2") + ` + ` + hours("k1", "k2") + ` + ` + rows("a1", "a2") + ` + ` + rows("b1", "b2") + `))::bigint
		FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::timestamptz[],
			$9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::boolean[],
			$14::date[], $15::date[], $16::timestamptz[], $17::timestamptz[])
			AS q(n, id, team, usr, model, total, h1, h2, a1, a2, b1, b2, tokens, d1, d2, k1, k2)`
}

var spentStatements = func() map[policy.ScopeKind]string {
	m := map[policy.ScopeKind]string{}
	for k := policy.ScopeProxy; k <= policy.ScopeTag; k++ {
		m[k] = spentSQL(k)
	}
	return m
}()

// spentQueries are the queries of one kind of scope, as arrays.
type spentQueries struct {
	n                      []int
	id, team, usr          []string
	model                  []*string
	total, tokens          []bool
	h1, h2, a1, a2, b1, b2 []*time.Time
	d1, d2, k1, k2         []*time.Time // whole days, and the hours after them
}

func (s *spentQueries) add(n int, q policy.SpendQuery, began time.Time) {
	id := scopeID(q.Scope)
	team, user, _ := strings.Cut(id, "\x1f")
	var model *string
	if q.Model != "" {
		m := likePattern(clean(q.Model, maxID))
		model = &m
	}
	// From the beginning: all there ever was, less what came since. So it stays
	// exact when the oldest rows are dropped.
	r, total := spansOf(later(q.From, began), q.Until), q.From.IsZero()
	if total {
		r = spans{}
		if !q.Until.IsZero() {
			r = spansOf(later(q.Until, began), time.Time{})
		}
	}
	s.n = append(s.n, n)
	s.id, s.team, s.usr, s.model, s.total = append(s.id, id), append(s.team, team), append(s.usr, user), append(s.model, model), append(s.total, total)
	s.tokens = append(s.tokens, q.Tokens)
	// Whole days (UTC) are summed up already, but for customers.
	first, last := r.until, r.until
	if r.wantHours && q.Scope.Kind != policy.ScopeCustomer {
		from, until := r.from.Add(24*time.Hour-time.Nanosecond).Truncate(24*time.Hour), r.until.Truncate(24*time.Hour)
		if from.Before(until) {
			first, last = from, until
		}
	}
	s.h1, s.h2 = appendSpan(s.h1, s.h2, r.wantHours && r.from.Before(first), r.from, first)
	s.d1, s.d2 = appendSpan(s.d1, s.d2, r.wantHours && first.Before(last), first, last)
	s.k1, s.k2 = appendSpan(s.k1, s.k2, r.wantHours && last.Before(r.until), last, r.until)
	s.a1, s.a2 = appendSpan(s.a1, s.a2, r.wantHead, r.head, r.headEnd)
	s.b1, s.b2 = appendSpan(s.b1, s.b2, r.wantTail, r.tail, r.tailEnd)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func appendSpan(from, until []*time.Time, want bool, a, b time.Time) ([]*time.Time, []*time.Time) {
	if !want {
		return append(from, nil), append(until, nil)
	}
	return append(from, &a), append(until, &b)
}

// likePattern is a model's name, where * stands for anything, as LIKE writes it.
func likePattern(model string) string { return strings.ReplaceAll(escapeLike(model), "*", "%") }

// Spent answers each query exactly, from sums and, for parts of hours, from rows.
// The answers agree with each other: they are all of one moment.
func (s *Store) Spent(ctx context.Context, queries []policy.SpendQuery) ([]policy.Money, error) {
	out := make([]policy.Money, len(queries))
	if len(queries) == 0 {
		return out, nil
	}
	err := s.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		began, err := startsOf(ctx, tx, queries)
		if err != nil {
			return err
		}
		spenders, err := spendersOf(ctx, tx, queries)
		if err != nil {
			return err
		}
		kinds := map[policy.ScopeKind]*spentQueries{}
		for n, q := range queries {
			if spenders != nil && !spenders[policy.Scope{Kind: q.Scope.Kind, ID: scopeID(q.Scope)}] {
				continue
			}
			if kinds[q.Scope.Kind] == nil {
				kinds[q.Scope.Kind] = &spentQueries{}
			}
			kinds[q.Scope.Kind].add(n, q, began.of(policy.Scope{Kind: q.Scope.Kind, ID: scopeID(q.Scope)}))
		}
		for kind, q := range kinds {
			rows, err := tx.Query(ctx, spentStatements[kind], q.n, q.id, q.team, q.usr, q.model, q.total, q.h1, q.h2, q.a1, q.a2, q.b1, q.b2, q.tokens, q.d1, q.d2, q.k1, q.k2)
			if err != nil {
				return err
			}
			var n int
			var spent int64
			if _, err := pgx.ForEachRow(rows, []any{&n, &spent}, func() error {
				out[n] = policy.Money(spent)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// spendersOf tells which scopes have ever spent or used anything, where there are so
// many queries that it pays: of a million keys most may be idle. nil: not asked.
func spendersOf(ctx context.Context, tx pgx.Tx, queries []policy.SpendQuery) (map[policy.Scope]bool, error) {
	if len(queries) < 100 {
		return nil, nil
	}
	ids := map[policy.ScopeKind][]string{}
	for _, q := range queries {
		ids[q.Scope.Kind] = append(ids[q.Scope.Kind], scopeID(q.Scope))
	}
	found := map[policy.Scope]bool{}
	for kind, of := range ids {
		rows, err := tx.Query(ctx, `SELECT q.id FROM unnest($2::text[]) AS q(id) JOIN spend_totals AS t ON t.scope_kind = $1 AND t.scope_id = q.id AND t.model = ''`, kind.String(), of)
		if err != nil {
			return nil, err
		}
		var id string
		if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { found[policy.Scope{Kind: kind, ID: id}] = true; return nil }); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// snapshot runs f in a read-only transaction that sees one moment.
func (s *Store) snapshot(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	return s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			return f(ctx, tx)
		})
	})
}

// grouping is how the scopes of a kind are told apart in sums and rows.
type grouping struct{ table, hours, hoursWhere, rows, rowsJoin, rowsWhere string }

func groupOf(kind policy.ScopeKind) grouping {
	g := grouping{table: "spend_hourly"}
	switch kind {
	case policy.ScopeProxy:
		g.hours, g.hoursWhere = "''", "true"
		g.rows, g.rowsWhere = "''", "true"
	case policy.ScopeMember:
		g.hours, g.hoursWhere = "team_id || E'\\x1f' || user_id", "team_id <> '' AND user_id <> ''"
		g.rows, g.rowsWhere = g.hours, "team_id IS NOT NULL AND user_id IS NOT NULL"
	case policy.ScopeTag:
		g.table, g.hours, g.hoursWhere = "spend_hourly_tag", "tag", "true"
		g.rows, g.rowsJoin, g.rowsWhere = "tag", " CROSS JOIN unnest(tags) AS tag", "true"
	default:
		g.hours, g.hoursWhere = scopeColumns[kind], scopeColumns[kind]+" <> ''"
		g.rows, g.rowsWhere = g.hours, g.hours+" IS NOT NULL"
	}
	return g
}

// ModelSpend is what a scope ever spent on each model, by its public name.
func (s *Store) ModelSpend(ctx context.Context, scope policy.Scope) (map[string]policy.Money, error) {
	out := map[string]policy.Money{}
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `SELECT model, spend FROM spend_totals WHERE scope_kind = $1 AND scope_id = $2 AND model <> ''`,
			scope.Kind.String(), scopeID(scope))
		if err != nil {
			return err
		}
		var model string
		var spent int64
		_, err = pgx.ForEachRow(rows, []any{&model, &spent}, func() error {
			out[model] = policy.Money(spent)
			return nil
		})
		return err
	})
	return out, err
}

// Totals is what each scope ever spent. Scopes that never did are not in the answer.
func (s *Store) Totals(ctx context.Context, scopes []policy.Scope) (map[policy.Scope]policy.Money, error) {
	out := map[policy.Scope]policy.Money{}
	kinds, ids, n := make([]string, len(scopes)), make([]string, len(scopes)), make([]int, len(scopes))
	for i, scope := range scopes {
		kinds[i], ids[i], n[i] = scope.Kind.String(), scopeID(scope), i
	}
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `SELECT n, spend FROM unnest($1::text[], $2::text[], $3::int[]) AS q(scope_kind, scope_id, n)
			JOIN spend_totals USING (scope_kind, scope_id) WHERE model = ''`, kinds, ids, n)
		if err != nil {
			return err
		}
		var at int
		var spent int64
		_, err = pgx.ForEachRow(rows, []any{&at, &spent}, func() error {
			out[scopes[at]] = policy.Money(spent)
			return nil
		})
		return err
	})
	return out, err
}
