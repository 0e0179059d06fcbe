package postgres

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// FeedConfig says what to keep up to date, and who is told.
type FeedConfig struct {
	Store     *Store
	Directory *policy.Directory
	// ReplicaID is this process's, unlike any other's. Kind is what writers wait
	// for: default "extproc".
	ReplicaID, Kind string
	// Only is what the directory holds; nil: everything. Revisions are reported for
	// all changes all the same.
	Only []policy.EntityKind
	// After is the kind of replicas that apply changes of models first: those that
	// have Envoy reach a new deployment before anything is sent there. "": none. They
	// are waited for AfterWait at most, default 2 s.
	After     string
	AfterWait time.Duration
	// OnChange is called with what a batch of changes put into the directory or
	// removed from it (and the scopes whose spend was changed by hand, as refs of kind
	// policy.EntitySpend), and OnLoad after everything was loaded; both before the
	// revision is reported, so that a write is answered after they have returned.
	OnChange func([]policy.Entity, []policy.Ref)
	OnLoad   func()
	// OnLimits is called after OnChange with those that have a limit of spend again, or
	// for the first time, and were there before. nil: nobody asks.
	OnLimits func([]policy.Entity)
	// Poll is how often changes are looked for when no notification came, and how
	// often this replica says that it lives. Default 1 s.
	Poll time.Duration
	// FreshWait is how long Fresh waits at most. Default 500 ms.
	FreshWait time.Duration
	// CopyPath is a file to keep a copy of the directory in, for a start while
	// PostgreSQL is away; "" keeps none. It is written when the feed starts, ends,
	// and at most every CopyEvery (default 1 min) where something changed.
	CopyPath  string
	CopyEvery time.Duration
	Log       *slog.Logger
}

// Feed keeps a Directory equal to the tables. Load, LoadSnapshot and Run are not for
// concurrent use; Age and Snapshot may be called at any time.
type Feed struct {
	cfg    FeedConfig
	at     atomic.Pointer[position] // nil: nothing was loaded
	polled atomic.Int64             // Unix nanoseconds of the last successful look
	ready  atomic.Bool
	fresh  *fresh
	// When the last report on this connection began, as fresh has it; of Run's goroutine.
	// Negative: there was none.
	reported int64
	copies   copies
}

// NewFeed makes a feed that has loaded nothing.
func NewFeed(cfg FeedConfig) *Feed {
	cfg.Kind = cmp.Or(cfg.Kind, "extproc")
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	cfg.CopyEvery = cmp.Or(cfg.CopyEvery, time.Minute)
	cfg.AfterWait = cmp.Or(cfg.AfterWait, 2*time.Second)
	if cfg.Only == nil {
		cfg.Only = order
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func([]policy.Entity, []policy.Ref) {}
	}
	if cfg.OnLoad == nil {
		cfg.OnLoad = func() {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.FreshWait = cmp.Or(cfg.FreshWait, 500*time.Millisecond)
	return &Feed{cfg: cfg, fresh: newFresh()}
}

// Age is how long ago the feed last knew the directory to be current; a very long
// time before the first look.
func (f *Feed) Age() time.Duration {
	at := f.polled.Load()
	if at == 0 {
		return time.Duration(1<<63 - 1)
	}
	return time.Since(time.Unix(0, at))
}

// Ready reports whether writers wait for this replica, so that nothing it decides
// is older than the last answer of the API. A data plane that started from the copy
// on disk, because PostgreSQL is away, serves without being ready.
func (f *Feed) Ready() bool { return f.ready.Load() }

// Current reports whether the directory was ever read from the tables, rather than
// from the copy on disk alone.
func (f *Feed) Current() bool { return f.polled.Load() != 0 }

// Load fills the directory. Run does it too where Load was not called or failed.
func (f *Feed) Load(ctx context.Context) error {
	conn, err := f.connect(ctx)
	if err != nil {
		return f.cfg.Store.fail(ctx, err)
	}
	defer closeConn(conn)
	return f.cfg.Store.fail(ctx, f.load(ctx, conn))
}

// Start fills the directory from the tables or, where they cannot be reached, from
// the copy on disk.
func (f *Feed) Start(ctx context.Context) error {
	err := f.Load(ctx)
	if err == nil || f.cfg.CopyPath == "" || !errors.Is(err, policy.ErrUnavailable) {
		return err
	}
	if copyErr := f.LoadSnapshot(f.cfg.CopyPath); copyErr != nil {
		return errors.Join(err, copyErr)
	}
	f.fresh.none()
	f.cfg.Log.Warn("PostgreSQL cannot be reached: starting from the copy on disk", "path", f.cfg.CopyPath, "error", err)
	return nil
}

// Run follows the changes until the context is done, reconnecting for as long as it takes.
func (f *Feed) Run(ctx context.Context) error {
	wait := 50 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > 5*time.Second {
			wait = 50 * time.Millisecond // it worked for a while
		}
		f.cfg.Log.Warn("the feed of changes broke; decisions go on from memory", "error", err, "again_in", wait)
		pause(ctx, wait)
		wait = min(2*wait, time.Second)
	}
	f.fresh.none()
	f.leave()
	f.copies.running.Wait()
	f.copy(0)
	f.copies.running.Wait()
	return nil
}

// leave spares writers the wait for a replica that has gone.
func (f *Feed) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), f.cfg.Store.cfg.Timeout)
	defer cancel()
	_ = f.cfg.Store.with(ctx, f.cfg.Store.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `DELETE FROM replicas WHERE id = $1`, f.cfg.ReplicaID)
		return err
	})
}

func (f *Feed) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, f.cfg.Store.direct.Copy())
}

func (f *Feed) follow(ctx context.Context) error {
	f.reported = -1
	conn, err := f.connect(ctx)
	if err != nil {
		f.fresh.none()
		return err
	}
	defer closeConn(conn)
	// Listening comes first: what is committed after this is notified, what was
	// before is found by looking. A report that a crash of the server undoes is
	// made again a second later, so it need not wait for the disk.
	if _, err := conn.Exec(ctx, "SET synchronous_commit = off; LISTEN "+channelChanges); err != nil {
		return err
	}
	if f.at.Load() == nil || !f.continues(ctx, conn) {
		if err := f.load(ctx, conn); err != nil {
			return err
		}
	}
	beating, stop := context.WithCancel(ctx)
	var beat sync.WaitGroup
	defer func() { stop(); beat.Wait() }()
	beat.Go(func() { f.beat(beating) })
	applied := int64(-1) // as reported
	for {
		if err := f.catchUp(ctx, conn); err != nil {
			return err
		}
		// A look after a report: what was committed before the report was found by the
		// look, and whoever commits after it waits for us.
		first := applied < 0
		if !first {
			f.ready.Store(true)
		}
		at, began := f.at.Load().revision, f.fresh.now()
		if err := f.report(ctx, conn, at, applied != at); err != nil {
			return err
		}
		applied, f.reported = at, began
		f.polled.Store(time.Now().UnixNano())
		f.copy(f.cfg.CopyEvery)
		if first {
			continue
		}
		if err := f.waitForChange(ctx, conn); err != nil {
			return err
		}
	}
}

// beat says that this replica lives while a change takes it long to apply: writers
// stop waiting for one that is silent, and it goes on deciding by what held before.
func (f *Feed) beat(ctx context.Context) {
	tick := time.NewTicker(f.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// What cannot be said now is said by the next beat, or the feed finds out.
		_ = f.cfg.Store.with(ctx, f.cfg.Store.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, `UPDATE replicas SET seen_at = now() WHERE id = $1`, f.cfg.ReplicaID)
			return err
		})
	}
}

// waitForChange returns when something may have changed, or after Poll.
func (f *Feed) waitForChange(ctx context.Context, conn *pgx.Conn) error {
	timed, cancel := context.WithTimeout(ctx, f.cfg.Poll)
	defer cancel()
	defer f.fresh.sleeping(nil)
	if !f.fresh.sleeping(cancel) {
		return nil
	}
	_, err := conn.WaitForNotification(timed)
	if err != nil && ctx.Err() == nil && timed.Err() != nil && !conn.IsClosed() {
		return nil
	}
	return err
}

// lookedAt notes that a look which began then found everything there was. It counts
// if writers waited for us since before it, and still do.
func (f *Feed) lookedAt(at int64) {
	if f.reported >= 0 && at-f.reported < int64(f.cfg.Store.cfg.Live-f.cfg.Store.cfg.Barrier) {
		f.fresh.seen(at)
	}
}

// within bounds a step, so that a server that froze is noticed.
func (f *Feed) within(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*f.cfg.Store.cfg.Timeout)
	defer cancel()
	return step(ctx)
}

// continues reports whether the log of changes goes on from where the directory is.
func (f *Feed) continues(ctx context.Context, conn *pgx.Conn) bool {
	var epoch [16]byte
	var last int64
	var first *int64
	err := f.within(ctx, func(ctx context.Context) error {
		return conn.QueryRow(ctx, `SELECT epoch, value, (SELECT min(revision) FROM changes) FROM revision`).Scan(&epoch, &last, &first)
	})
	at := f.at.Load()
	if err != nil || epoch != at.epoch || last < at.revision {
		return false
	}
	return last == at.revision || first != nil && *first <= at.revision+1
}

// load fills the directory and removes from it what is not in the tables.
func (f *Feed) load(ctx context.Context, conn *pgx.Conn) error {
	began := time.Now()
	into := f.cfg.Directory
	again := f.at.Load() != nil || into.Revision() > 0
	if again {
		into = policy.NewDirectory(nil, nil) // what is gone must go; decisions go on meanwhile
	}
	at, err := load(ctx, conn, into, f.cfg.Only)
	if err != nil {
		return err
	}
	if again {
		f.cfg.Directory.Replace(into)
	}
	f.cfg.OnLoad()
	f.at.Store(&at)
	f.cfg.Directory.SetRevision(at.revision)
	f.polled.Store(time.Now().UnixNano())
	f.cfg.Log.Info("directory loaded", "revision", at.revision, "keys", f.cfg.Directory.Keys(), "took", time.Since(began))
	return nil
}

// report says how far this replica is, and that it lives.
func (f *Feed) report(ctx context.Context, conn *pgx.Conn, revision int64, news bool) error {
	return f.within(ctx, func(ctx context.Context) error {
		sql := `WITH report AS (
				INSERT INTO replicas AS r (id, kind, revision, seen_at) VALUES ($1, $2, $3, now())
				ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, revision = excluded.revision, seen_at = now()
				RETURNING 1)
			SELECT count(*) FROM report`
		if news {
			sql = `WITH report AS (
				INSERT INTO replicas AS r (id, kind, revision, seen_at) VALUES ($1, $2, $3, now())
				ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, revision = excluded.revision, seen_at = now()
				RETURNING 1)
			SELECT pg_notify('` + channelApplied + `', '') FROM report`
		}
		_, err := conn.Exec(ctx, sql, f.cfg.ReplicaID, f.cfg.Kind, revision)
		return err
	})
}
