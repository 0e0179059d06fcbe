package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// BulkTx is what a policy.Tx of this package can do besides.
type BulkTx interface {
	policy.Tx
	// CreateAll creates many entities much faster than one by one. Where one of
	// them conflicts, none is created.
	CreateAll(ctx context.Context, es []policy.Entity) error
}

// lockWait bounds the wait for other writers.
const lockWait = 10 * time.Second

// lockSQL makes writers of this schema take turns until the transaction ends.
const lockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('purser writes ' || current_schema(), 0))`

// Get reads one entity; policy.ErrNotFound where it is not there.
func (s *Store) Get(ctx context.Context, ref policy.Ref) (e policy.Entity, err error) {
	t, err := tableOf(ref.Kind)
	if err != nil {
		return nil, err
	}
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) (err error) {
		e, err = t.get(ctx, c, ref.ID)
		return err
	})
	return e, err
}

// List reads the entities of a query. An unknown field is an error.
func (s *Store) List(ctx context.Context, q policy.Query) (page policy.Page, err error) {
	t, err := tableOf(q.Kind)
	if err != nil {
		return page, err
	}
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) (err error) {
		page, err = t.list(ctx, c, q)
		return err
	})
	return page, err
}

// CountBy is policy.Store's.
func (s *Store) CountBy(ctx context.Context, q policy.Query, field string) (counts map[string]int, err error) {
	t, err := tableOf(q.Kind)
	if err != nil {
		return nil, err
	}
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) (err error) {
		counts, err = t.countBy(ctx, c, q, field)
		return err
	})
	return counts, err
}

func tableOf(kind policy.EntityKind) (entityTable, error) {
	t, ok := tables[kind]
	if !ok {
		return nil, fmt.Errorf("no kind of entity %q", kind)
	}
	return t, nil
}

// Write runs f in one transaction, beside which no other write runs, and returns
// when every live replica has applied what it changed, or Config.Barrier after the
// commit. Where f or the commit fails, nothing changed; but see the package's
// comment on connections that break during COMMIT.
func (s *Store) Write(ctx context.Context, by policy.Actor, f func(policy.Tx) error) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	var revision int64
	err = func() error {
		defer conn.Release()
		ptx, err := s.begin(ctx, conn.Conn())
		if err != nil {
			return err
		}
		tx := &writeTx{store: s, tx: ptx, by: by}
		if err := tx.run(ctx, f); err != nil {
			// Not on ctx, which may be over; a broken connection rolls back by itself.
			short, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
			defer cancel()
			_ = ptx.Rollback(short)
			return err
		}
		revision = tx.last
		return nil
	}()
	if err != nil || revision == 0 {
		return err
	}
	s.barrier.wait(ctx, revision, s.cfg.Barrier)
	return nil
}

func (s *Store) begin(ctx context.Context, c *pgx.Conn) (pgx.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	// Whatever the server's default: the revision must be read as it is once the lock is held.
	tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	return tx, s.fail(ctx, err)
}

// writeTx is one Write under way. Changes and audit rows are gathered and written
// at its end.
type writeTx struct {
	store *Store
	tx    pgx.Tx
	by    policy.Actor
	first int64 // the last revision before this write
	last  int64 // of this write; 0: nothing changed
	log   changeLog

	adjusted []policy.Entry // journal entries of this write
}

func (t *writeTx) run(ctx context.Context, f func(policy.Tx) error) (err error) {
	// A panic in f must not leave the transaction and its lock behind.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write: panic: %v", p)
		}
	}()
	if err := t.lock(ctx); err != nil {
		return err
	}
	if err := f(t); err != nil {
		return err
	}
	return t.within(ctx, t.store.cfg.LongTimeout, func(ctx context.Context) error {
		if err := t.book(ctx); err != nil {
			return err
		}
		if t.log.len() > 0 {
			if err := t.log.write(ctx, t.tx, t.first, t.by); err != nil {
				return err
			}
			t.last = t.first + int64(t.log.len())
		}
		return t.tx.Commit(ctx)
	})
}

// lock waits for this write's turn and reads the revision it starts from.
func (t *writeTx) lock(ctx context.Context) error {
	return t.within(ctx, lockWait, func(ctx context.Context) error {
		var batch pgx.Batch
		batch.Queue(lockSQL)
		batch.Queue(`SELECT value FROM revision`)
		results := t.tx.SendBatch(ctx, &batch)
		_, lockErr := results.Exec()
		scanErr := results.QueryRow().Scan(&t.first)
		return errors.Join(lockErr, scanErr, results.Close())
	})
}

// within bounds one step and translates its error.
func (t *writeTx) within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return t.store.fail(ctx, f(ctx))
}

func (t *writeTx) next() int64 { return t.first + int64(t.log.len()) + 1 }

func (t *writeTx) Get(ctx context.Context, ref policy.Ref) (e policy.Entity, err error) {
	table, err := tableOf(ref.Kind)
	if err != nil {
		return nil, err
	}
	err = t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) (err error) {
		e, err = table.get(ctx, t.tx, ref.ID)
		return err
	})
	return e, err
}

func (t *writeTx) List(ctx context.Context, q policy.Query) (page policy.Page, err error) {
	table, err := tableOf(q.Kind)
	if err != nil {
		return page, err
	}
	err = t.within(ctx, t.store.cfg.LongTimeout, func(ctx context.Context) (err error) {
		page, err = table.list(ctx, t.tx, q)
		return err
	})
	return page, err
}

func (t *writeTx) Create(ctx context.Context, e policy.Entity) error {
	ref := e.Ref()
	table, err := tableOf(ref.Kind)
	if err != nil {
		return err
	}
	err = t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) error {
		if err := table.create(ctx, t.tx, e, t.next()); err != nil {
			return err
		}
		return t.startSpend(ctx, []policy.Entity{e})
	})
	if err == nil {
		t.log.add(ref, created, nil, policy.RecordOf(e).Fields)
	}
	return err
}

// CreateAll is Create for many; they are copied in kind by kind.
func (t *writeTx) CreateAll(ctx context.Context, es []policy.Entity) error {
	byKind := map[policy.EntityKind][]policy.Entity{}
	for _, e := range es {
		k := e.Ref().Kind
		byKind[k] = append(byKind[k], e)
	}
	for _, kind := range order {
		group := byKind[kind]
		if len(group) == 0 {
			continue
		}
		err := t.within(ctx, t.store.cfg.LongTimeout, func(ctx context.Context) error {
			if err := tables[kind].createAll(ctx, t.tx, group, t.next()); err != nil {
				return err
			}
			return t.startSpend(ctx, group)
		})
		if err != nil {
			return err
		}
		for _, e := range group {
			t.log.add(e.Ref(), created, nil, policy.RecordOf(e).Fields)
		}
	}
	return nil
}

func (t *writeTx) Update(ctx context.Context, e policy.Entity) error {
	ref := e.Ref()
	table, err := tableOf(ref.Kind)
	if err != nil {
		return err
	}
	return t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) error {
		before, err := table.update(ctx, t.tx, e, t.next())
		if err == nil {
			t.log.add(ref, updated, before, policy.RecordOf(e).Fields)
		}
		return err
	})
}

func (t *writeTx) Delete(ctx context.Context, ref policy.Ref) error {
	table, err := tableOf(ref.Kind)
	if err != nil {
		return err
	}
	return t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) error {
		now := time.Now()
		before, err := table.delete(ctx, t.tx, ref.ID, deletion{now, t.by.UserID})
		if err != nil {
			return err
		}
		t.log.add(ref, deleted, before, nil)
		return t.deletedSpend(ctx, ref, now)
	})
}
