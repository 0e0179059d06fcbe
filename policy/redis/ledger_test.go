package redis_test

import (
	"context"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// newLedger is a ledger in a database of its own on a real redis-server.
func newLedger(t testing.TB, clock *policytest.Clock, journal *policytest.Journal) policy.Ledger {
	client, prefix := redistest.Client(t)
	l := redis.New(redis.Config{Client: client, Prefix: prefix, Clock: clock.Now})
	if ok, err := l.Restore(context.Background(), "test", func(context.Context) error { return nil }); err != nil || !ok {
		t.Fatalf("restore: %v, %v", ok, err)
	}
	journal.Pull = redistest.Pull(t, client, prefix)
	return l
}

func TestLedger(t *testing.T) {
	policytest.Ledger(t, newLedger, policytest.Except("a failing journal loses nothing", "the journal is Redis itself, written in the same step"))
}

func BenchmarkLedger(b *testing.B) { policytest.Bench(b, newLedger) }

func TestMain(m *testing.M) { redistest.Main(m) }
