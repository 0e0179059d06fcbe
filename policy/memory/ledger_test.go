package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

func newLedger(_ testing.TB, clock *policytest.Clock, journal *policytest.Journal) policy.Ledger {
	return memory.New(memory.Config{Journal: journal, Clock: clock.Now})
}

func TestLedger(t *testing.T) { policytest.Ledger(t, newLedger) }

func BenchmarkLedger(b *testing.B) { policytest.Bench(b, newLedger) }

// opener is a journal that is told of requests under way, or refuses to be.
type opener struct {
	policytest.Journal
	opened []policy.Draft
	fail   error
}

func (o *opener) Open(_ context.Context, _ time.Time, _ int64, d policy.Draft) error {
	if o.fail == nil {
		o.opened = append(o.opened, d)
	}
	return o.fail
}

// A request that could not be recorded as under way was never admitted.
func TestReserveThatCannotBeOpened(t *testing.T) {
	clock, journal := policytest.NewClock(policytest.Epoch), &opener{}
	l := memory.New(memory.Config{Journal: journal, Clock: clock.Now})
	holds := []policy.Hold{
		policytest.Hold(policy.KindSpend, 100, 60, 0), policytest.Hold(policy.KindParallel, 1, 1, 0), policytest.Hold(policy.KindRequests, 1, 1, 0),
	}
	ask := policy.Ask{ID: "a", Holds: holds, Draft: policy.Draft{Input: 42}}
	journal.fail = errors.New("the disk is full")
	for range 3 {
		if out, err := l.Reserve(t.Context(), ask); !errors.Is(err, journal.fail) {
			t.Fatalf("Reserve = %+v, %v; want the journal's error", out, err)
		}
	}
	if s := l.Stats(); s.Live != 0 {
		t.Errorf("%d reservations live, want 0", s.Live)
	}
	journal.fail = nil
	if out, err := l.Reserve(t.Context(), ask); err != nil || !out.Granted {
		t.Fatalf("Reserve = %+v, %v; want granted: what failed held nothing", out, err)
	}
	if len(journal.opened) != 1 || journal.opened[0].Input != 42 {
		t.Errorf("opened %+v, want the draft once", journal.opened)
	}
	ask.ID = "b"
	if out, err := l.Reserve(t.Context(), ask); err != nil || out.Granted {
		t.Fatalf("Reserve = %+v, %v; want refused", out, err)
	} else if len(journal.opened) != 1 {
		t.Error("a refused request was recorded as under way")
	}
}

// gate is a journal whose Append waits to be let through.
type gate struct {
	policytest.Journal
	reached chan string
	open    chan struct{}
}

func (g *gate) Append(ctx context.Context, e policy.Entry) error {
	g.reached <- e.CallID
	<-g.open
	return g.Journal.Append(ctx, e)
}

func newGate() *gate { return &gate{reached: make(chan string, 10), open: make(chan struct{}, 10)} }

// While the reaper journals an estimate, the true count comes in: it waits, and wins.
func TestSettleWhileReaping(t *testing.T) { synctest.Test(t, settleWhileReaping) }

func settleWhileReaping(t *testing.T) {
	clock, journal := policytest.NewClock(policytest.Epoch), newGate()
	l := memory.New(memory.Config{Journal: journal, Clock: clock.Now})
	h := policytest.Hold(policy.KindSpend, 1000, 500, 0)
	if out, err := l.Reserve(t.Context(), policy.Ask{ID: "a", Holds: []policy.Hold{h}, TTL: time.Second}); err != nil || !out.Granted {
		t.Fatal(out, err)
	}
	clock.Advance(2 * time.Second)
	reaped, settled := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := l.Reap(t.Context())
		reaped <- err
	}()
	<-journal.reached
	go func() {
		settled <- l.Settle(t.Context(), policy.Settlement{ID: "a", Entry: policytest.Took("a", 1, 1, 7)})
	}()
	synctest.Wait() // until it waits for the reaper
	journal.open <- struct{}{}
	journal.open <- struct{}{}
	if err := errors.Join(<-reaped, <-settled); err != nil {
		t.Fatal(err)
	}
	if b, _ := l.Standings(t.Context(), []policy.Hold{h}); b[0].Used != 7 || b[0].Held != 0 {
		t.Errorf("%+v, want the true count of 7", b[0])
	}
	if e := journal.Of("a"); len(e) != 2 || e[1].Usage.Source != policy.UsageReported {
		t.Errorf("journalled %+v, want the estimate and then the true count", e)
	}
}

// One that waits for another's settlement gives up with its context.
func TestSettleGivesUpWaiting(t *testing.T) {
	journal := newGate()
	l := memory.New(memory.Config{Journal: journal})
	if _, err := l.Reserve(t.Context(), policy.Ask{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() { first <- l.Settle(t.Context(), policy.Settlement{ID: "a"}) }()
	<-journal.reached
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Settle(ctx, policy.Settlement{ID: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Settle = %v, want context.Canceled", err)
	}
	journal.open <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// What is renewed while the reaper is at work on another is not reaped.
func TestRenewWhileReaping(t *testing.T) {
	clock, journal := policytest.NewClock(policytest.Epoch), newGate()
	l := memory.New(memory.Config{Journal: journal, Clock: clock.Now})
	other := map[string]string{"a": "b", "b": "a"}
	for id := range other {
		if _, err := l.Reserve(t.Context(), policy.Ask{ID: id, TTL: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(2 * time.Second)
	reaped := make(chan int, 1)
	go func() {
		n, _ := l.Reap(t.Context())
		reaped <- n
	}()
	renewed := other[<-journal.reached]
	if err := l.Renew(t.Context(), time.Minute, renewed); err != nil {
		t.Fatal(err)
	}
	journal.open <- struct{}{}
	journal.open <- struct{}{}
	if n := <-reaped; n != 1 || len(journal.Of(renewed)) != 0 {
		t.Errorf("reaped %d, and journalled %+v for the one that was renewed", n, journal.Of(renewed))
	}
	if s := l.Stats(); s.Expired != 1 || s.Live != 1 {
		t.Errorf("%+v, want one expired and one live", s)
	}
}

// What is over is forgotten: memory does not grow with the requests served.
func TestForgets(t *testing.T) {
	clock, journal := policytest.NewClock(policytest.Epoch), &policytest.Journal{Discard: true}
	l := memory.New(memory.Config{Journal: journal, Clock: clock.Now})
	counters := func() int {
		n := 0
		if err := l.Each(t.Context(), func(policy.Standing) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	most := 0
	for day := range 20 {
		for i := range 50 {
			id := fmt.Sprintf("%d/%d", day, i)
			holds := []policy.Hold{
				policytest.In("1h", clock.Now(), policytest.Hold(policy.KindSpend, 1<<40, 1, 0)),
				policytest.Of(policy.ScopeCustomer, id, policytest.Hold(policy.KindRequests, 9, 1, 0)),
				policytest.Of(policy.ScopeCustomer, id, policytest.Hold(policy.KindParallel, 9, 1, 0)),
			}
			if out, err := l.Reserve(t.Context(), policy.Ask{ID: id, Holds: holds, TTL: time.Hour}); err != nil || !out.Granted {
				t.Fatal(out, err)
			}
			if _, _, err := l.Begin(t.Context(), policytest.Of(policy.ScopeTeam, "t", holds[0]).Counter()); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				if err := l.Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, 1)}); err != nil {
					t.Fatal(err)
				}
			}
			clock.Advance(24 * time.Hour / 50)
			if _, err := l.Reap(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, counters())
	}
	// Hours of the day before and of this one, twice over; the counter that Begin made
	// ends some days later; a few minutes of customers.
	if most > 24*2+24*6+20 {
		t.Errorf("%d counters after twenty days", most)
	}
	if n := l.Remembered(); n > 60 {
		t.Errorf("%d settled ids remembered after twenty days of 50", n)
	}
}
