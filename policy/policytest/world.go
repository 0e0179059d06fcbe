package policytest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/purser/purser/policy"
)

// world is the oracle: everything that happened, and what the counters must be.
type world struct {
	*bench
	rnd      *rand.Rand
	latest   time.Time // that the clock has shown
	rough    bool      // processes crash, and the clock steps back
	limits   []policy.Hold
	counters map[policy.Counter]*policy.Balance // of all windows but the minute
	minutes  map[policy.Counter]*takes
	live     map[string]*request
	expired  map[string]*request // settled at their estimate
	over     map[string]*request
	gone     map[string]*request // expired so long ago that a ledger may have forgotten them
	admitted int
}

// request is one reservation as the oracle remembers it.
type request struct {
	id      string
	at      time.Time
	expires time.Time
	output  int64
	holds   []policy.Hold
	takes   []*take // of holds in a minute, else nil
	charged []int64 // by hold, once it is settled
	entry   policy.Entry
	owner   int  // the process that serves it
	dead    bool // that crashed: nobody renews it or knows what it took
}

func newWorld(b *bench, seed uint64) *world {
	with := func(model string, h policy.Hold) policy.Hold { h.Model = model; return h }
	return &world{
		bench: b, rnd: rand.New(rand.NewPCG(seed, 99)), latest: b.clock.Now(),
		counters: map[policy.Counter]*policy.Balance{}, minutes: map[policy.Counter]*takes{},
		live: map[string]*request{}, expired: map[string]*request{}, over: map[string]*request{}, gone: map[string]*request{},
		limits: []policy.Hold{
			Of(policy.ScopeKey, "a", Hold(policy.KindSpend, 150_000, 0, 0)),
			Of(policy.ScopeKey, "a", with("gpt-4o", Hold(policy.KindSpend, 90_000, 0, 0))),
			Of(policy.ScopeTeam, "t", In("1d", Epoch, Hold(policy.KindSpend, 100_000, 0, 0))),
			Of(policy.ScopeTeam, "t", In("1h", Epoch, Hold(policy.KindSpend, 50_000, 0, 0))),
			Of(policy.ScopeKey, "a", Hold(policy.KindParallel, 5, 0, 0)),
			Of(policy.ScopeKey, "b", Hold(policy.KindTokens, 4000, 0, 0)),
			Of(policy.ScopeTeam, "t", Hold(policy.KindRequests, 20, 0, 0)),
			Of(policy.ScopeUser, "u", In("1d", Epoch, Hold(policy.KindTokens, 20_000, 0, 0))),
		},
	}
}

func (w *world) counter(h policy.Hold) *policy.Balance {
	c := w.counters[h.Counter()]
	if c == nil {
		c = &policy.Balance{}
		w.counters[h.Counter()] = c
	}
	return c
}

func (w *world) minute(h policy.Hold) *takes {
	t := w.minutes[h.Counter()]
	if t == nil {
		t = &takes{}
		w.minutes[h.Counter()] = t
	}
	return t
}

// charge is what settling does to the oracle's counters.
func (w *world) charge(id string, r *request, e policy.Entry) {
	_, live := w.live[id]
	for i, h := range r.holds {
		actual := policy.ActualOf(h.Kind, e.Usage, e.Cost)
		switch {
		case r.takes[i] != nil:
			r.takes[i].n = actual
		case live:
			c := w.counter(h)
			c.Held -= r.charged[i]
			c.Used += actual
		default:
			w.counter(h).Used += actual - r.charged[i]
		}
		r.charged[i] = actual
	}
	r.entry = e
	delete(w.live, id)
	delete(w.expired, id)
	if e.Usage.Source == policy.UsageEstimated {
		w.expired[id] = r
	} else {
		w.over[id] = r
	}
}

// check compares every counter of the windows that now is in.
func (w *world) check() {
	w.Helper()
	now := w.clock.Now()
	w.dated(nil)
	holds := make([]policy.Hold, len(w.limits))
	for i := range holds {
		holds[i] = w.hold(i)
	}
	for i, got := range w.balances(holds...) {
		h := holds[i]
		if h.Window.Kind == policy.WindowMinute {
			t := w.minute(h)
			if n, low, high := got.Used+got.Held, t.least(now), t.most(now); n < low || n > high {
				w.Fatalf("%s of %s a minute: %d counted, want %d to %d", h.Kind, h.Scope, n, low, high)
			}
			continue
		}
		if want := w.counter(h); got.Used != want.Used || got.Held != want.Held {
			w.Fatalf("%s of %s in %q: %+v, want %+v", h.Kind, h.Scope, h.Window.Name(), got, *want)
		}
	}
}

// finish ends everything and sums the journal up.
func (w *world) finish() {
	w.Helper()
	for _, id := range slices.Sorted(maps.Keys(w.live)) {
		if w.live[id].dead {
			w.guess(id, w.live[id])
		} else {
			w.settleTrue(id, w.live[id])
		}
	}
	w.check()
	w.audit(0)
	final := map[string]policy.Entry{}
	entries := map[string]int{}
	for _, e := range w.journal.Entries() {
		if entries[e.CallID]++; entries[e.CallID] > 2 {
			w.Fatalf("%s is journalled a third time", e.CallID)
		}
		if before, ok := final[e.CallID]; ok && (before.Usage.Source != policy.UsageEstimated || e.Usage.Source == policy.UsageEstimated) {
			w.Fatalf("%s is journalled as %v and then as %v", e.CallID, before.Usage.Source, e.Usage.Source)
		}
		final[e.CallID] = e
	}
	sums := map[policy.Counter]int64{}
	for id, r := range w.all() {
		e, ok := final[id]
		if !ok {
			w.Fatalf("%s is not journalled", id)
		}
		for _, h := range r.holds {
			sums[h.Counter()] += policy.ActualOf(h.Kind, e.Usage, e.Cost)
		}
	}
	if len(final) != w.admitted {
		w.Errorf("%d calls journalled, %d admitted", len(final), w.admitted)
	}
	for i := range w.limits {
		h := w.hold(i)
		if h.Window.Kind != policy.WindowLifetime {
			continue
		}
		if got := w.balance(h); got.Held != 0 || got.Used != sums[h.Counter()] {
			w.Errorf("%s of %s: %+v, and the journal says %d", h.Kind, h.Scope, got, sums[h.Counter()])
		}
	}
}

// all are the requests that were admitted and are over.
func (w *world) all() map[string]*request {
	all := maps.Clone(w.over)
	maps.Copy(all, w.expired)
	maps.Copy(all, w.gone)
	return all
}
