package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/purser/purser/policy"
)

func itoa(n int) string { return strconv.Itoa(n) }

// maxBatch bounds the entries written in one transaction.
const maxBatch = 10_000

// Rejected says which entries can never be stored, and why. All others were.
type Rejected struct {
	Entries []policy.Entry
	Reasons []error
}

func (r *Rejected) Error() string {
	return fmt.Sprintf("%d journal entries cannot be stored; the first, %s: %v", len(r.Entries), r.Entries[0].CallID, r.Reasons[0])
}

// RejectedEntries lists them, for who knows no more than that there can be some.
func (r *Rejected) RejectedEntries() []policy.Entry { return r.Entries }

func (r *Rejected) add(e policy.Entry, err error) {
	r.Entries = append(r.Entries, e)
	r.Reasons = append(r.Reasons, err)
}

// WriteEntries stores entries and adds them to the sums. Writing an entry again
// changes nothing; of two for one call (the same CallID on the same day, UTC, of
// ReservedAt) the one with the better Usage.Source stays, whichever comes first.
// A *Rejected names entries that cannot be stored, so that one of them does not
// hold up all; after any other error nothing of the failed transaction is stored
// and the whole may be written again.
func (s *Store) WriteEntries(ctx context.Context, entries []policy.Entry) error {
	var rejected Rejected
	batch := prepare(entries, &rejected)
	for part := range slices.Chunk(batch, maxBatch) {
		if err := s.writeEntries(ctx, part, &rejected); err != nil {
			return err
		}
	}
	if len(rejected.Entries) > 0 {
		return &rejected
	}
	return nil
}

// better reports whether an entry counted by a replaces one counted by b.
func better(a, b policy.UsageSource) bool { return a < b }

// prepare normalizes the entries, keeps the best of each call, and sorts them.
func prepare(entries []policy.Entry, rejected *Rejected) []policy.Entry {
	type id struct {
		day  int64
		call string
	}
	at := make(map[id]int, len(entries))
	batch := make([]policy.Entry, 0, len(entries))
	for _, e := range entries {
		n := normalize(e)
		if err := check(&n); err != nil {
			rejected.add(e, err)
			continue
		}
		k := id{dayNumber(&n), n.CallID}
		if i, ok := at[k]; !ok {
			at[k] = len(batch)
			batch = append(batch, n)
		} else if better(n.Usage.Source, batch[i].Usage.Source) {
			batch[i] = n
		}
	}
	slices.SortFunc(batch, func(a, b policy.Entry) int {
		return cmp.Or(cmp.Compare(dayNumber(&a), dayNumber(&b)), strings.Compare(a.CallID, b.CallID))
	})
	return batch
}

// No request costs ten million dollars or uses 10^15 tokens: such an entry is a
// provider's nonsense, and a few of them would exhaust the sums for good.
const (
	maxSpend  = 10_000_000 * policy.Dollar
	maxTokens = 1_000_000_000_000_000
)

func check(e *policy.Entry) error {
	if e.CallID == "" {
		return errors.New("no call id")
	}
	u := e.Usage
	if e.Type == policy.EntryRequest && (e.Cost.Total > maxSpend || e.Cost.Total < -maxSpend || max(u.Input, u.Output, u.Cached, u.CacheWrite5m, u.CacheWrite1h) > maxTokens) {
		return fmt.Errorf("an impossible cost of %v dollars, or an impossible usage", e.Cost.Total)
	}
	if e.Type == policy.EntryAdjustment {
		kind, ok := policy.ParseScopeKind(e.AdjustedKind)
		if !ok || (e.AdjustedID == "") != (kind == policy.ScopeProxy) {
			return fmt.Errorf("adjustment of no scope: %q %q", e.AdjustedKind, e.AdjustedID)
		}
	}
	return nil
}

// writeEntries writes a batch, in halves where the data of some of it is refused.
func (s *Store) writeEntries(ctx context.Context, batch []policy.Entry, rejected *Rejected) error {
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		err := s.writeBatch(ctx, c, batch)
		if noPartition(err) {
			s.days.forget()
			err = s.writeBatch(ctx, c, batch)
		}
		return err
	})
	if !ofData(err) || noPartition(err) {
		return err
	}
	if len(batch) == 1 {
		rejected.add(batch[0], err)
		return nil
	}
	if err := s.writeEntries(ctx, batch[:len(batch)/2], rejected); err != nil {
		return err
	}
	return s.writeEntries(ctx, batch[len(batch)/2:], rejected)
}

// noPartition: the day's table was dropped since it was made.
func noPartition(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23514" && pg.ConstraintName == ""
}

// ofData tells errors in what was to be stored from all others.
func ofData(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errOverflow) || errors.As(err, &pg) && (pg.Code[:2] == "22" || pg.Code[:2] == "23" || pg.Code == "54000")
}

// A batch that is not all new goes through a table of the session's own: copying is
// the fastest way in, and cannot skip what exists.
var (
	batchTable = `CREATE TEMP TABLE IF NOT EXISTS journal_batch (LIKE spend_logs INCLUDING DEFAULTS) ON COMMIT DELETE ROWS`
	batchStore = `INSERT INTO spend_logs (` + entryList + `) SELECT ` + entryList + ` FROM journal_batch ORDER BY day, call_id
		ON CONFLICT (day, call_id) DO NOTHING RETURNING day, call_id`
	batchExisting = `SELECT ` + prefixed("l.", entryNames) + ` FROM spend_logs AS l
		WHERE (day, call_id) IN (SELECT * FROM unnest($1::text[]::date[], $2::text[])) ORDER BY day, call_id FOR UPDATE`
	batchReplace = `UPDATE spend_logs AS l SET (` + entryList + `) = (` + prefixed("b.", entryNames) + `) FROM journal_batch AS b
		WHERE l.day = b.day AND l.call_id = b.call_id AND (b.day, b.call_id) IN (SELECT * FROM unnest($1::text[]::date[], $2::text[]))`
)

func prefixed(prefix string, names []string) string {
	return prefix + strings.Join(names, ", "+prefix)
}

// calls are the keys of some rows, as arrays.
type calls struct{ days, ids []string }

func (c *calls) add(e *policy.Entry) {
	c.days = append(c.days, dayOf(e.ReservedAt))
	c.ids = append(c.ids, e.CallID)
}

func (s *Store) writeBatch(ctx context.Context, c *pgx.Conn, batch []policy.Entry) error {
	if err := s.days.ensure(ctx, c, daysOf(batch)); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error { return writeIn(ctx, tx, batch) })
}

// daysOf lists the days of a batch, which is in their order.
func daysOf(batch []policy.Entry) (days []string) {
	for i := range batch {
		if i == 0 || dayNumber(&batch[i]) != dayNumber(&batch[i-1]) {
			days = append(days, dayOf(batch[i].ReservedAt))
		}
	}
	return days
}

// writeIn stores a batch and adds it to the sums in a transaction. Of what writers of
// entries lock it locks in their order, so nothing else of theirs may be locked later.
func writeIn(ctx context.Context, tx pgx.Tx, batch []policy.Entry) error {
	first := batch[0].ReservedAt
	for i := range batch {
		if batch[i].ReservedAt.Before(first) {
			first = batch[i].ReservedAt
		}
	}
	began, err := startsSince(ctx, tx, first)
	if err != nil {
		return err
	}
	sums, err := storeNew(ctx, tx, batch, began)
	if known(err) {
		sums, err = store(ctx, tx, batch, began)
	}
	if err != nil {
		return err
	}
	return sums.write(ctx, tx)
}

// storeNew copies the batch straight in, which takes half the time, and fails whole
// where one of its calls has a row. Few batches hold one: a process died, or an
// estimate is corrected.
func storeNew(ctx context.Context, tx pgx.Tx, batch []policy.Entry, began starts) (*sums, error) {
	// In a savepoint, so that the transaction outlives it.
	if err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return copyIn(ctx, tx, "spend_logs", batch) }); err != nil {
		return nil, err
	}
	sums := newSums(began)
	for i := range batch {
		sums.add(&batch[i], 1)
	}
	return sums, nil
}

// known: a row of the batch exists.
func known(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

func copyIn(ctx context.Context, tx pgx.Tx, table string, batch []policy.Entry) error {
	values := make([]any, len(entryColumns))
	_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, entryNames, pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
		for c := range entryColumns {
			values[c] = entryColumns[c].value(&batch[i])
		}
		return values, nil
	}))
	return err
}

// store puts those of the batch's rows into spend_logs that are new or better than
// what is there, and returns by how much that changes the sums.
func store(ctx context.Context, tx pgx.Tx, batch []policy.Entry, began starts) (*sums, error) {
	if _, err := tx.Exec(ctx, batchTable); err != nil {
		return nil, err
	}
	if err := copyIn(ctx, tx, "journal_batch", batch); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, batchStore, binaryFormat)
	if err != nil {
		return nil, err
	}
	stored := make(map[string]bool, len(batch)) // by the day's bytes and the call's
	for rows.Next() {
		v := rows.RawValues()
		stored[string(v[0])+string(v[1])] = true
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	sums := newSums(began)
	var existing calls
	fresh := map[string]*policy.Entry{}
	for i := range batch {
		e := &batch[i]
		if stored[dayBytes(e)+e.CallID] {
			sums.add(e, 1)
			continue
		}
		existing.add(e)
		fresh[dayBytes(e)+e.CallID] = e
	}
	if len(existing.ids) == 0 {
		return sums, nil
	}
	old, err := readEntries(ctx, tx, batchExisting, existing.days, existing.ids)
	if err != nil {
		return nil, err
	}
	var replaced calls
	for i := range old {
		o := &old[i]
		n, ok := fresh[dayBytes(o)+o.CallID]
		if !ok || !better(n.Usage.Source, o.Usage.Source) {
			continue
		}
		sums.add(o, -1)
		sums.add(n, 1)
		replaced.add(n)
	}
	if len(replaced.ids) > 0 {
		_, err = tx.Exec(ctx, batchReplace, replaced.days, replaced.ids)
	}
	return sums, err
}

// dayNumber is the day that an entry is unique in, since 1970. Entries are of later.
func dayNumber(e *policy.Entry) int64 { return e.ReservedAt.Unix() / 86400 }

// dayBytes is an entry's day as PostgreSQL's wire has it: days since 2000.
func dayBytes(e *policy.Entry) string {
	const epoch = 10957 // days from 1970 to 2000
	d := uint32(dayNumber(e) - epoch)
	return string([]byte{byte(d >> 24), byte(d >> 16), byte(d >> 8), byte(d)})
}

// readEntries reads rows of spend_logs selected as entryList.
func readEntries(ctx context.Context, q querier, sql string, args ...any) ([]policy.Entry, error) {
	rows, err := q.Query(ctx, sql, append([]any{binaryFormat}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	in := newInterner()
	var out []policy.Entry
	for rows.Next() {
		var e policy.Entry
		values := rows.RawValues()
		for c := range entryColumns {
			if err := entryColumns[c].read(&e, values[c], in); err != nil {
				return nil, fmt.Errorf("spend_logs.%s: %w", entryColumns[c].name, err)
			}
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
