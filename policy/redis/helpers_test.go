package redis_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

func nothing(context.Context) error { return nil }

// patience is for a machine that is busy with other tests.
const patience = 20 * time.Second

// eventually waits for a condition without sleeping past it.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// connect makes a client the way the services do.
func connect(t testing.TB, url string) goredis.UniversalClient {
	t.Helper()
	c, err := redis.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// believed is a ledger by Redis's own clock whose counters are to be believed.
func believed(t testing.TB, c goredis.UniversalClient, prefix string) *redis.Ledger {
	t.Helper()
	l := redis.New(redis.Config{Client: c, Prefix: prefix})
	eventually(t, "the counters are believed", func() bool {
		ok, err := l.Restore(t.Context(), "test", nothing)
		return err == nil && ok
	})
	return l
}

func server(t testing.TB, args ...string) *redistest.Server {
	t.Helper()
	s, err := redistest.Start("", args)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// borrow has many at once ask for the hold, each of the ledgers in turn, and returns
// the ids of those who got it. Who gets an error asks again, under an id of its own.
func borrow(t testing.TB, name string, n int, h policy.Hold, ledgers ...*redis.Ledger) []string {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	var passed []string
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			until := time.Now().Add(3 * time.Minute) // a failover is many errors, each at once
			for try := 0; time.Now().Before(until); try++ {
				id := fmt.Sprintf("%s-%d-%d", name, i, try)
				out, err := ledgers[i%len(ledgers)].Reserve(t.Context(), policy.Ask{ID: id, Holds: []policy.Hold{h}, TTL: time.Minute})
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				if out.Granted {
					mu.Lock()
					passed = append(passed, id)
					mu.Unlock()
				}
				return
			}
			t.Errorf("borrower %d never had an answer", i)
		})
	}
	close(start)
	all.Wait()
	return passed
}

// settleAll settles each for the cost, all at once.
func settleAll(t testing.TB, ids []string, cost policy.Money, ledgers ...*redis.Ledger) {
	t.Helper()
	var all sync.WaitGroup
	var failed atomic.Int64
	for i, id := range ids {
		all.Go(func() {
			if err := ledgers[i%len(ledgers)].Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, cost)}); err != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d settlements failed", n, len(ids))
	}
}

func stands(t testing.TB, l *redis.Ledger, h policy.Hold, used, held int64) {
	t.Helper()
	b, err := l.Standings(t.Context(), []policy.Hold{h})
	if err != nil {
		t.Fatal(err)
	}
	if b[0].Used != used || b[0].Held != held {
		t.Errorf("%s: used %d, held %d; want %d, %d", h.Kind, b[0].Used, b[0].Held, used, held)
	}
}

// exactly has more borrowers than a limit has room for, through several clients, and
// wants as many to pass as there is room, and nothing left over when they are done.
func exactly(t *testing.T, prefix string, clients ...goredis.UniversalClient) {
	t.Helper()
	const n, k = 64, 20
	ledgers := make([]*redis.Ledger, len(clients))
	for i, c := range clients {
		ledgers[i] = believed(t, c, prefix)
	}
	spend, slot := policytest.Hold(policy.KindSpend, k*1000, 1000, 0), policytest.Hold(policy.KindParallel, k, 1, 0)
	ids := borrow(t, "spend", n, spend, ledgers...)
	if len(ids) != k {
		t.Errorf("%d of %d borrowers passed, want %d", len(ids), n, k)
	}
	stands(t, ledgers[0], spend, 0, k*1000)
	settleAll(t, ids, 1000, ledgers...)
	stands(t, ledgers[0], spend, k*1000, 0)
	if again := borrow(t, "again", n, spend, ledgers...); len(again) != 0 {
		t.Errorf("%d passed with a balance of 0", len(again))
	}
	slots := borrow(t, "slot", n, slot, ledgers...)
	if len(slots) != k {
		t.Errorf("%d of %d got one of %d slots", len(slots), n, k)
	}
	settleAll(t, slots, 0, ledgers...)
	stands(t, ledgers[0], slot, 0, 0)
}
