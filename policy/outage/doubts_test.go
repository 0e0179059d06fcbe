package outage_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// Once its answer was lost a request is not asked of the shared ledger any more, also
// when that is back: what is taken back there could be what it was just granted.
func TestWhoIsInDoubtIsDecidedHere(t *testing.T) {
	h := policytest.Hold(policy.KindSpend, 100, 10, 1)
	b := setup(t, outage.Share, 1)
	b.shared.mute.Store(true)
	whole := policy.Ask{ID: "a", Holds: []policy.Hold{h}, Want: 50, Usual: 5, Least: 51}
	if out, err := b.ledger.Reserve(t.Context(), whole); err != nil || out.Granted {
		t.Fatalf("%+v, %v; want no more than an eighth granted whole", out, err)
	}
	b.shared.mute.Store(false)
	<-b.back
	less := whole
	less.Least = 1
	if out, err := b.ledger.Reserve(t.Context(), less); err != nil || !out.Granted {
		t.Fatalf("%+v, %v; want less granted", out, err)
	}
	if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: "a", Entry: policytest.Took("a", 1, 1, 4)}); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.spool.Entries() { // as the spool replays it
		if err := b.shared.Settle(t.Context(), policy.Settlement{ID: e.CallID, Entry: e}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.shared.Ledger.(policy.Inspector).Standings(t.Context(), []policy.Hold{h})
	if n := len(b.told.Of("a")); n != 1 || err != nil || got[0].Held != 0 {
		t.Errorf("%d rows, %+v, %v; want one, and nothing held", n, got, err)
	}
}

// crowded takes no more than a few back before its caller's patience is over.
type crowded struct{ *flaky }

func (c crowded) Release(ctx context.Context, ids ...string) error {
	if len(ids) > 500 {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.flaky.Release(ctx, ids...)
}

func TestManyInDoubtAreTakenBackInBatches(t *testing.T) {
	const n = 1200
	h := policytest.Hold(policy.KindSpend, 1<<40, 10, 0)
	b := setup(t, outage.Deny, 1)
	l := outage.New(outage.Config{
		Shared: crowded{b.shared}, Journal: b.spool, Rule: outage.Deny, Clock: b.clock.Now, Every: time.Millisecond,
		Probe: func(context.Context) error { return nil },
	})
	b.shared.mute.Store(true)
	for i := range n { // all of them before the first failure is noticed
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Reserve(ctx, policy.Ask{ID: strconv.Itoa(i), Holds: []policy.Hold{h}}); err == nil {
			t.Fatal("admitted without an answer")
		}
	}
	b.shared.mute.Store(false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go l.Run(ctx)
	until(t, "all are taken back", func() bool {
		got, err := b.shared.Ledger.(policy.Inspector).Standings(t.Context(), []policy.Hold{h})
		return err == nil && got[0].Held == 0
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A call to a real Redis that was given up arrives when the outage it began is long
// over: nobody is charged for what was refused, nor twice for what was granted here.
func TestACallThatArrivesAfterTheOutage(t *testing.T) {
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	for name, c := range map[string]struct {
		limit   int64
		rule    outage.Rule
		granted bool
	}{
		"granted here":            {100, outage.Share, true},
		"refused here":            {5, outage.Share, false},
		"refused, whatever it is": {100, outage.Deny, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := redistest.Start("", nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			proxy := redistest.NewProxy(t, server.Addr)
			connect := func(addr string) (goredis.UniversalClient, *redis.Ledger) {
				client, err := redis.Connect("redis://" + addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = client.Close() })
				return client, redis.New(redis.Config{Client: client})
			}
			client, direct := connect(server.Addr)
			_, slow := connect(proxy.Addr)
			if ok, err := direct.Restore(t.Context(), "test", func(context.Context) error { return nil }); err != nil || !ok {
				t.Fatal(ok, err)
			}
			// So that the scripts are known, and the next trip is the call itself.
			if _, err := direct.Reserve(t.Context(), policy.Ask{ID: "warm", Holds: []policy.Hold{h}}); err != nil {
				t.Fatal(err)
			}
			if err := direct.Release(t.Context(), "warm"); err != nil {
				t.Fatal(err)
			}
			spool, back := &policytest.Journal{}, make(chan struct{}, 100)
			l := outage.New(outage.Config{
				Shared: slow, Journal: spool, Rule: c.rule, Every: time.Millisecond, OnBack: func() { back <- struct{}{} },
				Probe: func(ctx context.Context) error { _, err := slow.Believed(ctx); return err },
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			kept := proxy.Keep("{call}")
			h := h
			h.Limit = c.limit
			out, err := l.Reserve(t.Context(), policy.Ask{ID: "{call}", Holds: []policy.Hold{h}, TTL: time.Minute})
			if out.Granted != c.granted || (err != nil) != (c.rule == outage.Deny) {
				t.Fatalf("%+v, %v", out, err)
			}
			go l.Run(ctx)
			<-back
			rows, used := int64(0), int64(0)
			if c.granted {
				if err := l.Settle(t.Context(), policy.Settlement{ID: "{call}", Entry: policytest.Took("{call}", 1, 1, 4)}); err != nil {
					t.Fatal(err)
				}
				for _, e := range spool.Entries() { // as the spool replays it
					if err := direct.Settle(t.Context(), policy.Settlement{ID: e.CallID, Entry: e}); err != nil {
						t.Fatal(err)
					}
				}
				rows, used = 1, 4
			}
			until(t, "it is settled, or taken back", func() bool {
				n, err := client.Exists(t.Context(), "{purser}:t:{call}").Result()
				return err == nil && n == 1
			})
			kept.Arrive()
			got, err := direct.Standings(t.Context(), []policy.Hold{h})
			if err != nil || got[0] != (policy.Balance{Used: used}) {
				t.Errorf("%+v, %v; want %d used, nothing held", got, err, used)
			}
			if n, err := client.XLen(t.Context(), "{purser}:journal").Result(); err != nil || n != rows {
				t.Errorf("%d rows, %v; want %d", n, err, rows)
			}
		})
	}
}
