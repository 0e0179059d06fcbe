package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/spool"
)

// reaper settles expired reservations.
type reaper interface {
	Reap(ctx context.Context) (int, error)
}

// counting is where this process counts, and how what it settles reaches the tables.
type counting struct {
	name     string // for people
	ledger   policy.Ledger
	seeder   policy.Seeder
	counters policy.Corrector
	auditor  policy.Auditor
	reaper   reaper
	spool    *spool.Spool
	// flush waits until what is settled has reached the tables.
	flush func(ctx context.Context) error
	// restore sees to it that the counters may be believed, seeding them where they
	// were lost; nil where they live and die with the process.
	restore func(ctx context.Context, seed func(context.Context) error) (bool, error)
	// believed reports whether the counters outlived the last extproc.
	believed func(ctx context.Context) bool
	close    func()
	alone    func() bool               // the shared ledger is away
	replicas func() int                // that share the limits while it is
	run      func(ctx context.Context) // in the background; nil: nothing
	back     <-chan struct{}           // an outage of the shared ledger is over; nil: there is none
}

// newCounting counts in Redis where one is given, else in this process. allowed is told
// of each request that passes unlimited because Redis is away.
func newCounting(ctx context.Context, cfg config, store *postgres.Store, log *slog.Logger, clock func() time.Time, replica string, allowed func()) (*counting, error) {
	dir := filepath.Join(cfg.StateDir, "spool")
	if cfg.RedisURL == "" {
		sp, err := spool.New(spool.Config{Dir: dir, Sink: intoTables(store), Log: log})
		if err != nil {
			return nil, err
		}
		l := memory.New(memory.Config{Journal: spool.Tolerant{Spool: sp}, Clock: clock})
		return &counting{name: "memory, of this process", ledger: l, seeder: l, counters: l, auditor: l, reaper: l, spool: sp, flush: sp.Flush, close: func() {},
			believed: func(context.Context) bool { return false }, alone: func() bool { return false }, replicas: func() int { return 1 }}, nil
	}
	client, err := redis.Connect(cfg.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if warning, err := redis.Check(bounded, client); err != nil {
		log.Warn("redis could not be checked yet", "err", err)
	} else if warning != "" {
		log.Warn(warning)
	}
	l := redis.New(redis.Config{Client: client})
	// What is in the spool from before is told once there is somebody to tell it to.
	var shared *outage.Ledger
	made := make(chan struct{})
	replay := func(ctx context.Context, entries []policy.Entry) error {
		select {
		case <-made:
			return shared.Replay(ctx, entries)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	sp, err := spool.New(spool.Config{Dir: dir, Sink: replay, Log: log})
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	drain := redis.NewDrain(redis.DrainConfig{Client: client, Consumer: replica, Sink: store.WriteEntries, Log: log})
	rule, err := outage.ParseRule(cfg.RedisDown)
	if err != nil {
		return nil, fmt.Errorf("REDIS_DOWN=%w", err)
	}
	back := make(chan struct{}, 1)
	var replicas atomic.Int64
	replicas.Store(1)
	count := func() int { return int(replicas.Load()) }
	shared = outage.New(outage.Config{
		Shared: l, Journal: spool.Tolerant{Spool: sp}, Rule: rule, Replicas: count, Clock: clock, Log: log,
		Probe: func(ctx context.Context) error {
			ok, err := l.Believed(ctx)
			if err == nil && !ok {
				err = redis.ErrNoEpoch
			}
			return err
		},
		Identity: l.Identity, OnAllow: allowed,
		OnBack: func() {
			select {
			case back <- struct{}{}:
			default:
			}
		},
	})
	close(made)
	return &counting{
		name: "redis", ledger: shared, seeder: l, counters: l, auditor: l, reaper: l, spool: sp, back: back, alone: shared.Down, replicas: count,
		run: func(ctx context.Context) {
			go countReplicas(ctx, store, &replicas)
			shared.Run(ctx)
		},
		flush: func(ctx context.Context) error {
			if err := sp.Flush(ctx); err != nil {
				return err
			}
			return drain.Flushed(ctx)
		},
		restore: func(ctx context.Context, seed func(context.Context) error) (bool, error) {
			return l.Restore(ctx, replica, seed)
		},
		believed: func(ctx context.Context) bool {
			bounded, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			ok, err := l.Believed(bounded)
			return err == nil && ok
		},
		close: func() { _ = client.Close() },
	}, nil
}

// intoTables writes entries; one that the tables can never hold is told apart, so
// that the spool puts it aside instead of trying for ever.
func intoTables(store *postgres.Store) func(context.Context, []policy.Entry) error {
	return func(ctx context.Context, entries []policy.Entry) error {
		err := store.WriteEntries(ctx, entries)
		var rejected *postgres.Rejected
		if errors.As(err, &rejected) {
			return &spool.BadEntry{CallID: rejected.Entries[0].CallID, Err: rejected.Reasons[0]}
		}
		return err
	}
}

// countReplicas keeps count of who shares the limits. While the database is away
// the last count stands.
func countReplicas(ctx context.Context, store *postgres.Store, into *atomic.Int64) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		if n, err := store.LiveReplicas(ctx); err == nil {
			into.Store(int64(max(n, 1)))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
