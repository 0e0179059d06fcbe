package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// barrier lets writes wait until every live replica has applied them. One
// goroutine listens for reports, one asks the table for all waiters together; both
// start with the first wait.
type barrier struct {
	store *Store
	poke  chan struct{} // ask the table
	start sync.Once
	stop  context.CancelFunc
	ctx   context.Context
	done  sync.WaitGroup

	mu      sync.Mutex
	waiters map[*waiter]struct{}

	late atomic.Int64
}

type waiter struct {
	revision int64
	applied  chan struct{}
}

// askAgain is how often the table is asked while somebody waits and no report came.
const askAgain = 100 * time.Millisecond

func newBarrier(s *Store) *barrier {
	b := &barrier{store: s, poke: make(chan struct{}, 1), waiters: map[*waiter]struct{}{}}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

func (b *barrier) close() {
	b.start.Do(func() {}) // none starts after this
	b.stop()
	b.done.Wait()
}

// BarrierTimeouts counts the writes that were answered before every live replica
// had applied them.
func (s *Store) BarrierTimeouts() int64 { return s.barrier.late.Load() }

// wait returns when every live replica has applied the revision, or the time for
// it is over.
func (b *barrier) wait(ctx context.Context, revision int64, limit time.Duration) {
	if limit < 0 {
		return
	}
	b.start.Do(func() {
		b.done.Add(2)
		go b.listen()
		go b.ask()
	})
	w := &waiter{revision, make(chan struct{})}
	b.mu.Lock()
	b.waiters[w] = struct{}{}
	b.mu.Unlock()
	b.wake()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.applied:
		return
	case <-timer.C:
		b.late.Add(1)
		b.store.cfg.Log.Warn("a write was answered before every replica had applied it", "revision", revision, "waited", limit)
	case <-ctx.Done():
	case <-b.ctx.Done():
	}
	b.mu.Lock()
	delete(b.waiters, w)
	b.mu.Unlock()
}

func (b *barrier) wake() {
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

func (b *barrier) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiters) > 0
}

// ask reads how far the replicas are and releases who need not wait any more.
func (b *barrier) ask() {
	defer b.done.Done()
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.poke:
		case <-tick.C:
		}
		if !b.waiting() {
			continue
		}
		var applied *int64
		err := b.store.with(b.ctx, b.store.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
			return c.QueryRow(ctx, `SELECT min(revision) FROM replicas WHERE kind = $1 AND seen_at > now() - $2::interval`,
				b.store.cfg.WaitFor, b.store.cfg.Live).Scan(&applied)
		})
		if err != nil {
			continue // the waiters' own limit ends it
		}
		b.mu.Lock()
		for w := range b.waiters {
			if applied == nil || w.revision <= *applied {
				close(w.applied)
				delete(b.waiters, w)
			}
		}
		b.mu.Unlock()
	}
}

// listen wakes ask whenever a replica reports.
func (b *barrier) listen() {
	defer b.done.Done()
	for b.ctx.Err() == nil {
		err := func() error {
			conn, err := pgx.ConnectConfig(b.ctx, b.store.direct.Copy())
			if err != nil {
				return err
			}
			defer closeConn(conn)
			if _, err := conn.Exec(b.ctx, "LISTEN "+channelApplied); err != nil {
				return err
			}
			for {
				if _, err := conn.WaitForNotification(b.ctx); err != nil {
					return err
				}
				b.wake()
			}
		}()
		if b.ctx.Err() == nil {
			b.store.cfg.Log.Warn("no notifications from PostgreSQL, asking instead", "error", err)
			pause(b.ctx, time.Second)
		}
	}
}

// closeConn says goodbye without waiting long for a server that does not listen.
func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
