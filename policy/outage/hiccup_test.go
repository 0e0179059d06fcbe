package outage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
	"github.com/purser/purser/policy/spool"
)

// A shared ledger that comes and goes overruns nothing: what one replica admits, in outages
// and between them, never takes more than the limit, and in the end the counter is what was spent.
func TestHiccupsOverrunNothing(t *testing.T) {
	server, err := redistest.Start("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	client, err := redis.Connect("redis://" + server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			real := redis.New(redis.Config{Client: client, Prefix: fmt.Sprintf("{hiccup%d}", seed)})
			if ok, err := real.Restore(t.Context(), "test", func(context.Context) error { return nil }); err != nil || !ok {
				t.Fatal(ok, err)
			}
			hiccups(t, real, rand.New(rand.NewPCG(seed, 7)))
		})
	}
}

func hiccups(t *testing.T, real *redis.Ledger, rng *rand.Rand) {
	shared := &flaky{Ledger: real}
	var l *outage.Ledger
	sp, err := spool.New(spool.Config{Dir: t.TempDir(), BatchWait: time.Millisecond, Sink: func(ctx context.Context, e []policy.Entry) error { return l.Replay(ctx, e) }})
	if err != nil {
		t.Fatal(err)
	}
	l = outage.New(outage.Config{
		Shared: shared, Journal: spool.Tolerant{Spool: sp}, Every: time.Millisecond, Timeout: 10 * time.Second,
		Probe: func(context.Context) error {
			if shared.away.Load() || shared.mute.Load() {
				return errAway
			}
			return nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	defer func() { cancel(); <-ended; _ = sp.Close(context.Background()) }()

	const limit = 40
	type request struct {
		id     string
		amount int64
	}
	var open []request
	taken, spent, served := int64(0), int64(0), 0
	settle := func(i int) {
		r := open[i]
		open = append(open[:i], open[i+1:]...)
		cost := rng.Int64N(r.amount + 1)
		taken -= r.amount - cost
		spent += cost
		if err := l.Settle(t.Context(), policy.Settlement{ID: r.id, Entry: policytest.Took(r.id, 1, 1, policy.Money(cost))}); err != nil {
			t.Fatal(err)
		}
	}
	back := func() {
		shared.away.Store(false)
		shared.mute.Store(false)
		until(t, "the outage is over", func() bool { return !l.Down() })
	}
	for step := range 120 {
		switch dice := rng.IntN(10); {
		case dice == 0:
			shared.away.Store(true)
		case dice == 1:
			shared.mute.Store(true)
		case dice <= 3:
			back()
		case dice <= 5 && len(open) > 0:
			settle(rng.IntN(len(open)))
		default:
			r := request{fmt.Sprint("r", step), 1 + rng.Int64N(5)}
			out, err := l.Reserve(t.Context(), policy.Ask{ID: r.id, Holds: []policy.Hold{policytest.Hold(policy.KindSpend, limit, r.amount, 0)}, TTL: time.Hour, Draft: policy.Draft{Entry: policy.Entry{CallID: r.id}}})
			if err != nil {
				t.Fatal(err)
			}
			if out.Granted {
				open, taken, served = append(open, r), taken+r.amount, served+1
			}
			if taken > limit {
				t.Fatalf("step %d: %d of %d are taken", step, taken, limit)
			}
		}
	}
	for len(open) > 0 {
		settle(0)
	}
	back()
	if err := sp.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []policy.Balance
	until(t, "nothing is held", func() bool {
		if got, err = real.Standings(t.Context(), []policy.Hold{policytest.Hold(policy.KindSpend, limit, 1, 0)}); err != nil {
			t.Fatal(err)
		}
		return got[0].Held == 0
	})
	if got[0].Used != spent || served == 0 {
		t.Errorf("the counter is at %d, and %d was spent by %d requests", got[0].Used, spent, served)
	}
}
