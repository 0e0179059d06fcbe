package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// maxWalked bounds the rows that are passed over by the walk: it remembers them.
const maxWalked = 10 * maxCounted

// logWalk reads a page of the journal. By time it goes from day to day, a day being a
// table, and stops where the page is full: the other days are neither planned nor
// opened, which for a month took longer than to read the page. Where the sums know how
// many rows a day has, days that have none are left out, and whole days are not counted.
type logWalk struct {
	s     *Store
	q     policy.LogQuery
	by    string
	b     conditions
	where string
}

func newLogWalk(s *Store, q policy.LogQuery, by string) *logWalk {
	if q.Sort == "" && (q.KeyHash != "" || q.UserID != "" || q.TeamID != "" || q.ProjectID != "" || q.Customer != "") {
		// Where no order is asked for, newest first goes by the reservation, a moment after
		// the start: the indexes of whose the rows are know it, so that a page reads a page.
		by = "reserved_at"
	}
	w := &logWalk{s: s, q: q, by: by}
	w.where = logConditions(&w.b, q)
	return w
}

func (w *logWalk) byTime() bool { return w.by == "started_at" || w.by == "reserved_at" }

// order is how the rows are sorted.
func (w *logWalk) order() string {
	direction := " DESC NULLS LAST"
	if w.byTime() { // never NULL, and their indexes know no NULLS LAST
		direction = " DESC"
	}
	if w.q.Ascending {
		direction = ""
	}
	return " ORDER BY " + w.by + direction + ", call_id" + strings.TrimSuffix(direction, " NULLS LAST")
}

// read returns the page, and how many rows there are: at most one more than maxCounted.
func (w *logWalk) read(ctx context.Context, tx pgx.Tx) (entries []policy.Entry, total int, err error) {
	if w.q.RequestID != "" {
		// First find, then sort: to find one id in the order of time is to read everything.
		return w.whole(ctx, tx, "WITH found AS MATERIALIZED (SELECT "+entryList+" FROM spend_logs WHERE "+w.where+") SELECT "+entryList+" FROM found")
	}
	if !w.byTime() || w.q.Limit == 0 || w.q.Session != "" || w.q.Offset > maxWalked {
		return w.whole(ctx, tx, "SELECT "+entryList+" FROM spend_logs WHERE "+w.where)
	}
	days, err := w.days(ctx, tx)
	if err != nil {
		return nil, 0, err
	}
	found, err := w.find(ctx, tx, days)
	if err != nil {
		return nil, 0, err
	}
	page := found[min(w.q.Offset, len(found)):]
	if entries, err = w.fetch(ctx, tx, page); err != nil {
		return nil, 0, err
	}
	if w.last(len(entries)) {
		return entries, w.q.Offset + len(entries), nil
	}
	total, err = w.count(ctx, tx, days)
	return entries, total, err
}

// last: a page that is not full tells how many there are.
func (w *logWalk) last(shown int) bool {
	return w.q.Limit == 0 || 0 < shown && shown < w.q.Limit
}

// whole reads a page from all days at once.
func (w *logWalk) whole(ctx context.Context, tx pgx.Tx, sql string) (entries []policy.Entry, total int, err error) {
	b := conditions{args: slices.Clone(w.b.args)}
	sql += w.order()
	if w.q.Limit > 0 {
		sql += " LIMIT " + b.arg(w.q.Limit)
	}
	if w.q.Offset > 0 {
		sql += " OFFSET " + b.arg(w.q.Offset)
	}
	if entries, err = readEntries(ctx, tx, sql, b.args...); err != nil || w.last(len(entries)) {
		return entries, w.q.Offset + len(entries), err
	}
	if w.q.RequestID != "" || w.q.Session != "" {
		err = tx.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM spend_logs WHERE "+w.where+" LIMIT "+itoa(maxCounted+1)+") AS found", w.b.args...).Scan(&total)
		return entries, total, err
	}
	days, err := w.days(ctx, tx)
	if err != nil {
		return nil, 0, err
	}
	total, err = w.count(ctx, tx, days)
	return entries, total, err
}

// logDay is a day that may have rows of the query.
type logDay struct {
	day   time.Time
	table string
	rows  int64 // how many, where that is known; else -1
	whole bool  // the query's times leave nothing of it out
}

// days lists those that may have rows, in the order of the walk.
func (w *logWalk) days(ctx context.Context, tx pgx.Tx) ([]logDay, error) {
	rows, err := tx.Query(ctx, `SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'spend_logs'::regclass AND NOT inhdetachpending`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	known, exact, err := w.known(ctx, tx)
	if err != nil {
		return nil, err
	}
	var out []logDay
	for _, name := range names {
		at, err := time.Parse("20060102", strings.TrimPrefix(name, "spend_logs_"))
		if err != nil {
			continue // not one of ours
		}
		// As logConditions: a request is reserved within a day of its start.
		d := logDay{day: at, table: pgx.Identifier{name}.Sanitize(), rows: -1}
		if !w.q.From.IsZero() && at.Before(w.q.From.Add(-24*time.Hour).UTC().Truncate(24*time.Hour)) || !w.q.Until.IsZero() && at.After(w.q.Until.Add(24*time.Hour)) {
			continue
		}
		d.whole = (w.q.From.IsZero() || !at.AddDate(0, 0, -1).Before(w.q.From)) && (w.q.Until.IsZero() || !at.AddDate(0, 0, 2).After(w.q.Until))
		if known != nil {
			if d.rows = known[at.Format(dayFormat)]; d.rows == 0 {
				continue
			}
			if !exact {
				d.rows = -1
			}
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b logDay) int { return b.day.Compare(a.day) })
	if w.q.Ascending {
		slices.Reverse(out)
	}
	return out, nil
}

// foundRow is where a row is.
type foundRow struct {
	table string
	at    time.Time
	call  string
}

// find walks until it has the rows up to the page's end, and returns these in order.
func (w *logWalk) find(ctx context.Context, tx pgx.Tx, days []logDay) (found []foundRow, err error) {
	want := w.q.Offset + w.q.Limit
	sign := -1
	if w.q.Ascending {
		sign = 1
	}
	for size := 1; len(days) > 0; size *= 2 {
		if len(found) >= want && !w.mayPrecede(days[0], found[want-1].at) {
			break
		}
		part := days[:min(size, len(days))]
		days = days[len(part):]
		if w.q.Model != "" || w.q.ModelGroup != "" || w.q.Status != "" { // else most days have some
			if err := w.know(ctx, tx, part); err != nil {
				return nil, err
			}
			part = slices.DeleteFunc(slices.Clone(part), func(d logDay) bool { return d.rows == 0 })
		}
		b, where := conditions{args: slices.Clone(w.b.args)}, w.where
		if len(found) >= want { // only what comes before those we have
			where += " AND " + w.by + map[bool]string{false: " >= ", true: " <= "}[w.q.Ascending] + b.arg(found[want-1].at)
		}
		var batch pgx.Batch
		for _, d := range part {
			batch.Queue("SELECT "+w.by+", call_id FROM "+d.table+" WHERE "+where+w.order()+" LIMIT "+itoa(want), b.args...)
		}
		results := tx.SendBatch(ctx, &batch)
		for _, d := range part {
			rows, err := results.Query()
			if err == nil {
				r := foundRow{table: d.table}
				_, err = pgx.ForEachRow(rows, []any{&r.at, &r.call}, func() error { found = append(found, r); return nil })
			}
			if err != nil {
				_ = results.Close()
				return nil, err
			}
		}
		if err := results.Close(); err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b foundRow) int { return sign * cmp.Or(a.at.Compare(b.at), strings.Compare(a.call, b.call)) })
		found = found[:min(len(found), want)]
	}
	return found, nil
}

// mayPrecede reports whether a row of a day, or of one behind it, could come before a
// moment: reservations are of their day, starts within a day of it.
func (w *logWalk) mayPrecede(d logDay, at time.Time) bool {
	slack := 0
	if w.by == "started_at" {
		slack = 1
	}
	if w.q.Ascending {
		return !d.day.AddDate(0, 0, -slack).After(at)
	}
	return d.day.AddDate(0, 0, 1+slack).After(at)
}

// fetch reads the rows of a page.
func (w *logWalk) fetch(ctx context.Context, tx pgx.Tx, page []foundRow) ([]policy.Entry, error) {
	calls := map[string][]string{}
	var tables []string
	for _, r := range page {
		if calls[r.table] == nil {
			tables = append(tables, r.table)
		}
		calls[r.table] = append(calls[r.table], r.call)
	}
	type place struct{ table, call string }
	at := make(map[place]int, len(page))
	for i, r := range page {
		at[place{r.table, r.call}] = i
	}
	out := make([]policy.Entry, len(page))
	for _, table := range tables {
		list, err := readEntries(ctx, tx, "SELECT "+entryList+" FROM "+table+" WHERE call_id = ANY($1::text[])", calls[table])
		if err != nil {
			return nil, err
		}
		for i := range list {
			if n, ok := at[place{table, list[i].CallID}]; ok {
				out[n] = list[i]
			}
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// count tells how many rows there are, until there are more than maxCounted.
func (w *logWalk) count(ctx context.Context, tx pgx.Tx, days []logDay) (total int, err error) {
	var unknown []logDay
	for _, d := range days {
		if d.rows >= 0 && d.whole {
			if total += int(min(d.rows, maxCounted+1)); total > maxCounted {
				return total, nil
			}
			continue
		}
		unknown = append(unknown, d)
	}
	for size := 1; len(unknown) > 0 && total <= maxCounted; size *= 2 {
		part := unknown[:min(size, len(unknown))]
		unknown = unknown[len(part):]
		if err := w.know(ctx, tx, part); err != nil {
			return 0, err
		}
		part = slices.DeleteFunc(part, func(d logDay) bool {
			if d.rows > 0 && d.whole {
				total += int(min(d.rows, maxCounted+1))
			}
			return d.rows == 0 || d.rows > 0 && d.whole
		})
		if total > maxCounted {
			return total, nil
		}
		b := conditions{args: slices.Clone(w.b.args)}
		limit := b.arg(maxCounted + 1 - total)
		var batch pgx.Batch
		for _, d := range part {
			batch.Queue("SELECT count(*) FROM (SELECT FROM "+d.table+" WHERE "+w.where+" LIMIT "+limit+") AS found", b.args...)
		}
		results := tx.SendBatch(ctx, &batch)
		for range part {
			var n int
			if err := results.QueryRow().Scan(&n); err != nil {
				_ = results.Close()
				return 0, err
			}
			total += n
		}
		if err := results.Close(); err != nil {
			return 0, err
		}
	}
	return total, nil
}
