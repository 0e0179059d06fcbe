package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// open makes a store on a database of the test's own.
func open(t testing.TB, change ...func(*postgres.Config)) *postgres.Store {
	t.Helper()
	return openAt(t, postgrestest.URL(t), change...)
}

func openAt(t testing.TB, url string, change ...func(*postgres.Config)) *postgres.Store {
	t.Helper()
	// Longer than in production: these tests are about what holds, on a machine that may be busy.
	cfg := postgres.Config{URL: url, Barrier: 20 * time.Second, Timeout: 30 * time.Second, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&cfg)
	}
	s, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func write(t testing.TB, s *postgres.Store, f func(policy.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), policy.Actor{UserID: "admin", KeyHash: "abc"}, f); err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, s *postgres.Store, es ...policy.Entity) {
	t.Helper()
	write(t, s, func(tx policy.Tx) error {
		for _, e := range es {
			if err := tx.Create(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	})
}

// eventually polls until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// run follows changes into a directory until the test ends.
func run(t testing.TB, s *postgres.Store, change ...func(*postgres.FeedConfig)) (*postgres.Feed, *policy.Directory) {
	t.Helper()
	d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	cfg := postgres.FeedConfig{Store: s, Directory: d, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&cfg)
	}
	cfg.ReplicaID = cmp.Or(cfg.ReplicaID, fmt.Sprintf("replica-%p", d))
	feed := postgres.NewFeed(cfg)
	follow(t, feed)
	return feed, cfg.Directory
}

// follow runs a feed until the test ends, and waits until writers wait for it.
func follow(t testing.TB, feed *postgres.Feed) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = feed.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	eventually(t, "the feed is ready", feed.Ready)
	return stop
}

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 891_000, time.UTC)

func record(n int) policy.Record {
	at := epoch.Add(time.Duration(n) * time.Second)
	return policy.Record{CreatedAt: at, UpdatedAt: at, CreatedBy: "admin", UpdatedBy: "admin", Fields: []byte(fmt.Sprintf(`{"n": %d}`, n))}
}

func key(n int) *policy.Key {
	return &policy.Key{Hash: policy.HashKey(fmt.Sprint("sk-", n)), Name: fmt.Sprintf("sk-...%04d", n), Record: record(n)}
}

func ptr[T any](v T) *T { return &v }
