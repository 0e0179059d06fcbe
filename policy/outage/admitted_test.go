package outage_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/policytest"
)

// replayed is a spool: what is in it is told to the shared ledger when somebody waits for it.
type replayed struct {
	policytest.Journal
	mu     sync.Mutex
	ledger *outage.Ledger
	told   int
}

func (r *replayed) Flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.Entries()[r.told:]
	if err := r.ledger.Replay(ctx, waiting); err != nil {
		return err
	}
	r.told += len(waiting)
	return nil
}

// What was admitted while the shared ledger was away is counted there when the outage is
// over, before it decides of anybody else.
func TestWhatWasAdmittedInTheOutageCountsAfterIt(t *testing.T) {
	spend, requests, parallel := policytest.Hold(policy.KindSpend, 10, 10, 0), policytest.Hold(policy.KindRequests, 1, 1, 0), policytest.Hold(policy.KindParallel, 1, 1, 0)
	took := func(cost policy.Money) policy.Entry { return policytest.Took("in the outage", 1, 1, cost) }
	for _, c := range []struct {
		name     string
		hold     policy.Hold
		ends     string // when the request does: in the outage, after it, or not yet
		cost     policy.Money
		lasts    time.Duration
		admitted bool // the next one, when the outage is over
	}{
		{"a budget, spent", spend, "in", 10, 0, false},
		{"a budget, less spent than was held", spend, "in", 0, 0, true},
		{"a budget, held", spend, "not yet", 0, 0, false},
		{"a budget, spent after the outage", spend, "after", 10, 0, false},
		{"a budget, held through the outage and given back", spend, "after", 0, 0, true},
		{"a rate", requests, "in", 0, 0, false},
		{"a rate, of a minute ago", requests, "in", 0, time.Minute, true},
		{"a slot, in use", parallel, "not yet", 0, 0, false},
		{"a slot, in use for longer than a minute", parallel, "not yet", 0, 2 * time.Minute, false},
		{"a slot, given back in the outage", parallel, "in", 0, 0, true},
		{"a slot, given back after it", parallel, "after", 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			told, clock, back := &policytest.Journal{}, policytest.NewClock(policytest.Epoch), make(chan struct{}, 1)
			shared := &flaky{Ledger: memory.New(memory.Config{Journal: told, Clock: clock.Now})}
			spool := &replayed{}
			spool.ledger = outage.New(outage.Config{
				Shared: shared, Journal: spool, Clock: clock.Now, Every: time.Millisecond, OnBack: func() { back <- struct{}{} },
				Probe: func(context.Context) error {
					if shared.away.Load() {
						return errAway
					}
					return nil
				},
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); spool.ledger.Run(ctx) }()
			defer func() { cancel(); <-ended }()
			ask := func(id string) bool {
				out, err := spool.ledger.Reserve(t.Context(), policy.Ask{ID: id, Holds: []policy.Hold{c.hold}, TTL: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				return out.Granted
			}
			end := func() {
				if err := spool.ledger.Settle(t.Context(), policy.Settlement{ID: "in the outage", Entry: took(c.cost)}); err != nil {
					t.Fatal(err)
				}
			}

			shared.away.Store(true)
			if !ask("in the outage") {
				t.Fatal("refused in the outage, with nothing taken")
			}
			if c.ends == "in" {
				end()
			}
			clock.Advance(c.lasts)
			shared.away.Store(false)
			<-back
			if c.ends == "after" {
				if ask("meanwhile") {
					t.Error("admitted while the other is under way")
				}
				end()
			}
			if got := ask("after"); got != c.admitted {
				t.Errorf("the next one admitted: %v, want %v", got, c.admitted)
			}
			if err := spool.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, want := len(told.Of("in the outage")), map[string]int{"in": 1, "after": 1}[c.ends]; n != want {
				t.Errorf("%d rows of the request, want %d", n, want)
			}
		})
	}
}

// A spool that cannot be told to the shared ledger, as one of days, does not keep it away for ever.
func TestAnOutageIsOverWithALongSpool(t *testing.T) {
	b := setup(t, outage.Share, 1)
	clock, back := policytest.NewClock(policytest.Epoch), make(chan struct{}, 1)
	l := outage.New(outage.Config{
		Shared: b.shared, Journal: &stuck{}, Clock: clock.Now, Every: time.Millisecond, Timeout: time.Millisecond, Handover: time.Minute,
		OnBack: func() { back <- struct{}{} },
		Probe:  func(context.Context) error { clock.Advance(10 * time.Second); return nil },
	})
	go l.Run(t.Context())
	b.shared.away.Store(true)
	if out, err := l.Reserve(t.Context(), policy.Ask{ID: "a"}); err != nil || !out.Granted {
		t.Fatal(out, err)
	}
	<-back
	if since := clock.Now().Sub(policytest.Epoch); since < time.Minute {
		t.Errorf("over after %v, want a minute for the spool", since)
	}
}

// stuck is a spool that is never told.
type stuck struct{ policytest.Journal }

func (*stuck) Flush(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
