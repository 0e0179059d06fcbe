package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// strict has every look be too old at once, so that each call of Fresh waits for one.
func strict(c *postgres.Config) { c.Barrier, c.Live = time.Nanosecond, time.Hour }

// Writers that wait for nobody stand for those that gave up on a replica which was
// stopped, starved or cut off: what they wrote holds on it all the same.
func TestFreshFindsWhatNobodyWaitedFor(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	writer := openAt(t, url, func(c *postgres.Config) { c.Barrier = -1 })
	feed, d := run(t, openAt(t, url, strict), func(c *postgres.FeedConfig) { c.FreshWait = time.Minute })
	k := key(1)
	create(t, writer, k)
	for range 100 {
		k.Blocked = !k.Blocked
		write(t, writer, func(tx policy.Tx) error { return tx.Update(t.Context(), k) })
		if !feed.Fresh(t.Context()) {
			t.Fatal("no look can be had")
		}
		if got, ok := d.Key(k.Hash); !ok || got.Blocked != k.Blocked {
			t.Fatalf("found %v, blocked %v, want %v", ok, got != nil && got.Blocked, k.Blocked)
		}
	}
}

// While no look can be had, one request waits, not each.
func TestFreshGivesUpTogether(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	writer := openAt(t, url, func(c *postgres.Config) { c.Barrier = -1 })
	stuck, entered := make(chan struct{}), make(chan struct{}, 10)
	feed, _ := run(t, openAt(t, url, strict), func(c *postgres.FeedConfig) {
		c.FreshWait = 50 * time.Millisecond
		c.OnChange = func([]policy.Entity, []policy.Ref) { entered <- struct{}{}; <-stuck }
	})
	create(t, writer, key(1))
	<-entered
	eventually(t, "what waits gives up", func() bool { return !feed.Fresh(t.Context()) })
	for range 1000 { // each for FreshWait would be most of a minute
		if feed.Fresh(t.Context()) {
			t.Fatal("a feed that is stuck was taken to be fresh")
		}
	}
	close(stuck)
	eventually(t, "looks are had again", func() bool { return feed.Fresh(t.Context()) })
}

func TestFreshWithoutAFeed(t *testing.T) {
	t.Parallel()
	s := openAt(t, postgrestest.URL(t), strict)
	feed := postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: policy.NewDirectory(policy.Settings{}.Compile(), nil), ReplicaID: "r", FreshWait: time.Hour})
	left, leave := context.WithCancel(t.Context())
	leave()
	if feed.Fresh(left) {
		t.Error("a client that left waited for a feed that does not run")
	}
	stop := follow(t, feed)
	if !feed.Fresh(t.Context()) {
		t.Error("not fresh")
	}
	stop()
	if feed.Fresh(t.Context()) {
		t.Error("fresh by a feed that has ended")
	}
}
