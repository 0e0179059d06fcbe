package policytest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// New makes an empty ledger that takes its time from the clock and journals to
// the journal, or sets the journal's Pull.
type New func(t testing.TB, clock *Clock, journal *Journal) policy.Ledger

// Reaper settles, at their estimates, the reservations that expired.
type Reaper interface {
	Reap(ctx context.Context) (int, error)
}

// Exception is a test of the suite that does not apply to an implementation.
type Exception struct{ Test, Reason string }

// Except names a test that does not apply, and why.
func Except(test, reason string) Exception { return Exception{test, reason} }

// Ledger runs the suite. Each test gets a ledger of its own.
func Ledger(t *testing.T, make New, except ...Exception) {
	t.Helper()
	tests := slices.Concat(reserveTests, settleTests, expiryTests, minuteTests, windowTests, inspectTests, correctTests, randomTests)
	for _, e := range except {
		if !slices.ContainsFunc(tests, func(c ledgerTest) bool { return c.name == e.Test }) {
			t.Errorf("an exception for a test there is not: %q", e.Test)
		}
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			for _, e := range except {
				if e.Test == c.name {
					t.Skip(e.Reason)
				}
			}
			c.run(setup(t, make))
		})
	}
}

type ledgerTest struct {
	name string
	run  func(*bench)
}

// bench is a ledger on the bench, with what the tests say most.
type bench struct {
	*testing.T
	clock   *Clock
	journal *Journal
	ledger  policy.Ledger
	fresh   func(*testing.T) *bench // another one, for subtests
	ids     int
}

func setup(t *testing.T, make New) *bench {
	b := &bench{T: t, clock: NewClock(Epoch), journal: &Journal{}}
	b.ledger = make(t, b.clock, b.journal)
	b.fresh = func(t *testing.T) *bench { return setup(t, make) }
	return b
}

// each runs a subtest on a ledger of its own.
func (b *bench) each(name string, f func(*bench)) {
	b.Run(name, func(t *testing.T) { f(b.fresh(t)) })
}

// id is one not used before.
func (b *bench) id() string {
	b.ids++
	return fmt.Sprintf("call-%d", b.ids)
}

// ask is a request for holds whose answer's length does not matter.
func (b *bench) ask(holds ...policy.Hold) policy.Ask {
	return policy.Ask{ID: b.id(), Holds: holds, TTL: 30 * time.Second}
}

// reserve asks for holds and fails the test only on errors.
func (b *bench) reserve(ask policy.Ask) policy.Outcome {
	b.Helper()
	out, err := b.ledger.Reserve(b.Context(), ask)
	if err != nil {
		b.Fatalf("Reserve(%s): %v", ask.ID, err)
	}
	return out
}

// granted reserves what must be granted, and returns its id.
func (b *bench) granted(holds ...policy.Hold) string {
	b.Helper()
	ask := b.ask(holds...)
	if out := b.reserve(ask); !out.Granted {
		b.Fatalf("refused by %v with balances %+v, want granted", out.Failed, out.Balances)
	}
	return ask.ID
}

// refused reserves what must be refused by the hold at an index.
func (b *bench) refused(by int, holds ...policy.Hold) policy.Outcome {
	b.Helper()
	out := b.reserve(b.ask(holds...))
	if out.Granted {
		b.Fatalf("granted with balances %+v, want refused", out.Balances)
	}
	if !slices.Equal(out.Failed, []int{by}) {
		b.Fatalf("refused by holds %v, want %d", out.Failed, by)
	}
	return out
}

// passes reports whether a request for the holds passes; what it holds it keeps.
func (b *bench) passes(holds ...policy.Hold) bool {
	b.Helper()
	return b.reserve(b.ask(holds...)).Granted
}

func (b *bench) settle(e policy.Entry) {
	b.Helper()
	if e.ReservedAt.IsZero() {
		e.ReservedAt = b.clock.Now()
	}
	if err := b.ledger.Settle(b.Context(), policy.Settlement{ID: e.CallID, Entry: e}); err != nil {
		b.Fatalf("Settle(%s): %v", e.CallID, err)
	}
}

// reap settles what expired and wants it to be so many.
func (b *bench) reap(want int) {
	b.Helper()
	r, ok := b.ledger.(Reaper)
	if !ok {
		b.Fatalf("a %T is no Reaper", b.ledger)
	}
	if n, err := r.Reap(b.Context()); err != nil || n != want {
		b.Fatalf("Reap() = %d, %v; want %d", n, err, want)
	}
}

// stands wants a counter to have so much used and held.
func (b *bench) stands(h policy.Hold, used, held int64) {
	b.Helper()
	if got := b.balance(h); got.Used != used || got.Held != held {
		b.Fatalf("%s of %s in %q: used %d, held %d; want %d, %d", h.Kind, h.Scope, h.Window.Name(), got.Used, got.Held, used, held)
	}
}

func (b *bench) balance(h policy.Hold) policy.Balance {
	b.Helper()
	return b.balances(h)[0]
}

func (b *bench) balances(holds ...policy.Hold) []policy.Balance {
	b.Helper()
	i, ok := b.ledger.(policy.Inspector)
	if !ok {
		b.Fatalf("a %T is no policy.Inspector", b.ledger)
	}
	out, err := i.Standings(b.Context(), holds)
	if err != nil || len(out) != len(holds) {
		b.Fatalf("Standings() = %d, %v; want %d", len(out), err, len(holds))
	}
	return out
}

// journalled wants the entries of a call, by who counted.
func (b *bench) journalled(id string, want ...policy.UsageSource) []policy.Entry {
	b.Helper()
	got := b.journal.Of(id)
	sources := make([]policy.UsageSource, len(got))
	for i, e := range got {
		sources[i] = e.Usage.Source
	}
	if !slices.Equal(sources, want) {
		b.Fatalf("journal of %s: entries %v, want %v", id, sources, want)
	}
	return got
}
