package redis_test

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// A Cluster of three masters with a replica each: the suite, borrowers, a failover.
func TestCluster(t *testing.T) {
	cluster, err := redistest.StartCluster(3, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	client := connect(t, cluster.URL()).(*goredis.ClusterClient)

	t.Run("conformance", func(t *testing.T) {
		// Every test has a prefix of its own, and so a slot, on whichever node that is.
		make := func(t testing.TB, clock *policytest.Clock, journal *policytest.Journal) policy.Ledger {
			prefix := redistest.Prefix()
			l := redis.New(redis.Config{Client: client, Prefix: prefix, Clock: clock.Now})
			eventually(t, "the counters are believed", func() bool {
				ok, err := l.Restore(t.Context(), "test", nothing)
				return ok && err == nil
			})
			journal.Pull = redistest.Pull(t, client, prefix)
			return l
		}
		long := "long, and the same script as on one server"
		policytest.Ledger(t, make, policytest.Except("a failing journal loses nothing", "the journal is Redis itself, written in the same step"),
			policytest.Except("no rolling minute exceeds the limit", long), policytest.Except("a steady caller gets at least 98 percent", long),
			policytest.Except("a caller who waits as told gets at least 98 percent", long), policytest.Except("a burst across any edge is held to one limit", long),
			policytest.Except("random schedules keep bound and invariant", long),
			policytest.Except("random schedules with crashes and a clock that steps back keep bound and invariant", long))
	})
	t.Run("borrowers", func(t *testing.T) {
		exactly(t, "{purser}", client, connect(t, cluster.URL()), connect(t, cluster.URL()))
	})
	t.Run("its time is that of the node that counts", func(t *testing.T) {
		// Reap reads the time apart from the script: a reservation is not expired before it is.
		l := believed(t, client, "{time}")
		if out, err := l.Reserve(t.Context(), policy.Ask{ID: "a", TTL: time.Hour}); err != nil || !out.Granted || time.Since(out.At).Abs() > time.Minute {
			t.Fatal(out, err)
		}
		if n, err := l.Reap(t.Context()); n != 0 || err != nil {
			t.Errorf("reaped %d, %v", n, err)
		}
	})
	t.Run("failover", func(t *testing.T) {
		const prefix, k = "{failover}", 30
		l := believed(t, client, prefix)
		h := policytest.Hold(policy.KindSpend, k*10, 10, 0)
		before := borrow(t, "before", 12, h, l)
		settleAll(t, before[:6], 10, l)
		master, err := client.MasterForKey(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := master.Wait(t.Context(), 1, patience).Result(); err != nil || n != 1 {
			t.Fatalf("replicated to %d, %v", n, err)
		}
		cluster.At(master.Options().Addr).Kill()
		// Borrowers during the failover wait, and then meet the same counters.
		during := borrow(t, "during", 64, h, l)
		b, err := l.Standings(t.Context(), []policy.Hold{h})
		if err != nil {
			t.Fatal(err)
		}
		// Whose answer was lost holds too: never more than the limit, and all that passed.
		if total := b[0].Used + b[0].Held; total != h.Limit || len(before)+len(during) > k {
			t.Errorf("%d of %d taken, %d passed of %d", total, h.Limit, len(before)+len(during), k)
		}
		settleAll(t, append(before[6:], during...), 10, l)
		if ok, err := l.Believed(t.Context()); err != nil || !ok {
			t.Errorf("believed after the failover: %v, %v", ok, err)
		}
	})
}
