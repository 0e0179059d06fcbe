package redis_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// However many replicas find a cold Redis, one seeds it, once.
func TestManyReplicasSeedOnce(t *testing.T) {
	client, prefix := redistest.Client(t)
	h := policytest.Hold(policy.KindSpend, 1000, 10, 0)
	var seeded atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range 12 {
		l := redis.New(redis.Config{Client: client, Prefix: prefix})
		all.Go(func() {
			<-start
			for {
				ok, err := l.Restore(t.Context(), string(rune('a'+i)), func(ctx context.Context) error {
					seeded.Add(1)
					if _, _, err := l.Begin(ctx, h.Counter()); err != nil {
						return err
					}
					return l.Seed(ctx, h.Counter(), 40)
				})
				if err != nil {
					t.Error(err)
					return
				}
				if ok {
					return
				}
			}
		})
	}
	close(start)
	all.Wait()
	if n := seeded.Load(); n != 1 {
		t.Errorf("seeded %d times", n)
	}
	stands(t, redis.New(redis.Config{Client: client, Prefix: prefix}), h, 40, 0)
}

func TestASeedingThatFailsIsTriedAgain(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := redis.New(redis.Config{Client: client, Prefix: prefix})
	broken := errors.New("no tables")
	if ok, err := l.Restore(t.Context(), "a", func(context.Context) error { return broken }); ok || !errors.Is(err, broken) {
		t.Fatalf("%v, %v; want the failure", ok, err)
	}
	if _, err := l.Reserve(t.Context(), policy.Ask{ID: "x"}); !errors.Is(err, redis.ErrNoEpoch) {
		t.Errorf("reserved in a ledger that nobody seeded: %v", err)
	}
	if ok, err := l.Restore(t.Context(), "b", nothing); !ok || err != nil {
		t.Errorf("another replica: %v, %v; the lease was not given back", ok, err)
	}
}

// What is left of a life before is forgotten: half of the counters would be worse than none.
func TestRestoreForgetsWhatWasThere(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	h, slot := policytest.Hold(policy.KindSpend, 1000, 10, 0), policytest.Hold(policy.KindParallel, 9, 1, 0)
	borrow(t, "old", 5, h, l)
	borrow(t, "slot", 5, slot, l)
	if err := client.Del(t.Context(), prefix+":epoch").Err(); err != nil {
		t.Fatal(err)
	}
	if ok, err := l.Restore(t.Context(), "a", nothing); !ok || err != nil {
		t.Fatal(ok, err)
	}
	stands(t, l, h, 0, 0)
	stands(t, l, slot, 0, 0)
	if n, err := client.ZCard(t.Context(), prefix+":expiry").Result(); n != 0 || err != nil {
		t.Errorf("%d reservations, %v", n, err)
	}
}
