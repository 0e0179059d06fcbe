package policytest

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

var randomTests = []ledgerTest{
	{"random schedules keep bound and invariant", testRandom},
	{"random schedules with crashes and a clock that steps back keep bound and invariant", testRandomRough},
	{"random schedules side by side keep bound and invariant", testRandomTogether},
}

// schedules is how many random schedules are tried of each sort: SCHEDULES, for who has time.
func schedules() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SCHEDULES"), 10, 32); err == nil {
		return n
	}
	return 15
}

func testRandom(b *bench) { b.schedules(false) }

func testRandomRough(b *bench) { b.schedules(true) }

func (b *bench) schedules(rough bool) {
	for seed := range schedules() {
		b.each(itoa(int(seed)), func(b *bench) {
			w := newWorld(b, seed)
			w.rough = rough
			for i := range 250 {
				w.step()
				w.check()
				if i%25 == 0 {
					w.audit(len(w.live))
				}
			}
			w.finish()
		})
	}
}

// hold is a limit as it stands at this time, taking something at random.
func (w *world) hold(i int) policy.Hold {
	h := w.limits[i]
	if h.Window.Kind == policy.WindowCalendar {
		h.Start, h.End = h.Window.Bounds(w.clock.Now(), policy.Calendar{})
	}
	switch h.Kind {
	case policy.KindRequests, policy.KindParallel:
		h.Fixed = 1
	case policy.KindTokens:
		h.Fixed, h.PerToken = w.rnd.Int64N(200), 1+w.rnd.Int64N(2)
	default:
		h.Fixed, h.PerToken = w.rnd.Int64N(2000), 1+w.rnd.Int64N(20)
	}
	return h
}

func (w *world) step() {
	if w.rough && w.rnd.IntN(8) == 0 {
		w.trouble()
		return
	}
	switch w.rnd.IntN(20) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		w.reserve()
	case 8, 9, 10, 11:
		if id, ok := pick(w.rnd, w.served()); ok {
			w.settleTrue(id, w.live[id])
		}
	case 12:
		if id, ok := pick(w.rnd, w.expired); ok {
			w.settleTrue(id, w.expired[id])
		}
	case 13:
		if id, ok := pick(w.rnd, w.over); ok { // again, and differently
			e := Took(id, w.rnd.Int64N(999), 0, policy.Money(w.rnd.Int64N(9999)))
			if w.latest.Sub(w.over[id].entry.EndedAt) < 5*time.Minute {
				w.settle(e)
			}
		}
	case 14:
		w.renew()
	case 15:
		w.reapDue()
	case 16:
		i := w.rnd.IntN(len(w.limits))
		w.limits[i].Limit = max(w.limits[i].Limit*int64(70+w.rnd.IntN(70))/100, 1)
	default:
		w.advance()
	}
}

func (w *world) advance() {
	switch w.rnd.IntN(30) {
	case 0:
		w.clock.Advance(time.Duration(w.rnd.Int64N(int64(9 * time.Hour))))
	case 1, 2:
		w.clock.Advance(time.Duration(w.rnd.Int64N(int64(10 * time.Minute))))
	case 3, 4, 5, 6:
		w.clock.Advance(time.Duration(w.rnd.Int64N(int64(20 * time.Second))))
	default:
		w.clock.Advance(time.Duration(w.rnd.Int64N(int64(900 * time.Millisecond))).Truncate(time.Microsecond))
	}
	if now := w.clock.Now(); now.After(w.latest) {
		w.latest = now
	}
	for id, r := range w.expired { // beyond what a ledger must remember
		if w.latest.Sub(r.expires) > 20*time.Hour {
			delete(w.expired, id)
			w.gone[id] = r
		}
	}
}

// pick takes one of a map at random, the same for the same seed.
func pick(rnd *rand.Rand, m map[string]*request) (string, bool) {
	if len(m) == 0 {
		return "", false
	}
	ids := slices.Sorted(maps.Keys(m))
	return ids[rnd.IntN(len(ids))], true
}

// reserve asks for some holds at random, and compares the answer with what the
// rule says of the oracle's counters. Of a rolling minute the rule gives two
// answers: for what was taken in sixty seconds, and in half a second more.
func (w *world) reserve() {
	w.Helper()
	ask := w.ask()
	for i := range w.limits {
		if w.rnd.IntN(3) == 0 {
			ask.Holds = append(ask.Holds, w.hold(i))
		}
	}
	ask.Want = []int64{0, 50, 500, 4000}[w.rnd.IntN(4)]
	ask.Usual = min(w.rnd.Int64N(300), ask.Want)
	ask.Least = []int64{min(1, ask.Want), ask.Usual, ask.Want}[w.rnd.IntN(3)]
	ask.TTL = time.Duration(5+w.rnd.IntN(60)) * time.Second
	ask.Draft = draft(ask.ID, w.rnd.Int64N(200), 1+w.rnd.Int64N(2))
	now := w.clock.Now()
	out := w.bench.reserve(ask)

	w.dated(ask.Holds)
	most, least := ask.Want, ask.Want // the longest answer, by sixty seconds and by the half second more
	for i, h := range ask.Holds {
		failed := slices.Contains(out.Failed, i)
		var high, low int64
		if h.Window.Kind == policy.WindowMinute {
			t := w.minute(h)
			high, low = policy.Grantable(&h, t.least(now), &ask), policy.Grantable(&h, t.most(now), &ask)
		} else {
			c := w.counter(h)
			high = policy.Grantable(&h, c.Used+c.Held, &ask)
			low = high
		}
		if failed && low >= 0 || !failed && high < 0 {
			w.Fatalf("hold %d, %+v: failed %v; the rule grants %d to %d", i, h, failed, low, high)
		}
		most, least = min(most, high), min(least, low)
	}
	if out.Granted != (len(out.Failed) == 0) {
		w.Fatalf("granted %v, but failed %v", out.Granted, out.Failed)
	}
	if !out.Granted {
		return
	}
	if out.Output > most || out.Output < max(least, 0) && least != -1 || out.Output < ask.Least {
		w.Fatalf("granted an answer of %d, want %d to %d", out.Output, least, most)
	}
	r := &request{id: ask.ID, at: now, expires: now.Add(ask.TTL), output: out.Output, holds: ask.Holds, takes: make([]*take, len(ask.Holds)), charged: make([]int64, len(ask.Holds))}
	r.entry, r.owner = ask.Draft.Estimated(now, out.Output, now), w.rnd.IntN(processes)
	for i, h := range ask.Holds {
		amount := h.Amount(out.Output)
		r.charged[i] = amount
		if h.Window.Kind == policy.WindowMinute {
			r.takes[i] = taken(now, amount)
			t := w.minute(h)
			*t = append(*t, r.takes[i])
			continue
		}
		w.counter(h).Held += amount
	}
	w.live[ask.ID] = r
	w.admitted++
}

// settleTrue settles a live or an expired request at what it took.
func (w *world) settleTrue(id string, r *request) {
	w.Helper()
	tokens, cost := int64(1000), int64(100_000)
	for _, h := range r.holds {
		switch h.Kind {
		case policy.KindTokens:
			tokens = min(tokens, h.Amount(r.output))
		case policy.KindSpend:
			cost = min(cost, h.Amount(r.output))
		}
	}
	if w.rnd.IntN(10) == 0 {
		tokens, cost = tokens*2, cost*2 // more than was held: a provider that ignores its cap
	}
	e := Took(id, w.rnd.Int64N(tokens+1), 0, policy.Money(w.rnd.Int64N(cost+1)))
	e.ReservedAt, e.EndedAt = r.at, w.clock.Now()
	w.settle(e)
	w.charge(id, r, e)
}

func (w *world) renew() {
	w.Helper()
	var ids []string
	for range 3 {
		if id, ok := pick(w.rnd, w.served()); ok {
			ids = append(ids, id)
		}
	}
	until := w.clock.Now().Add(30 * time.Second)
	if err := w.ledger.Renew(w.Context(), 30*time.Second, ids...); err != nil {
		w.Fatal(err)
	}
	for _, id := range ids {
		if r := w.live[id]; until.After(r.expires) {
			r.expires = until
		}
	}
}

func (w *world) reapDue() {
	w.Helper()
	now := w.clock.Now()
	var due []string
	for id, r := range w.live {
		if d := now.Sub(r.expires); d.Abs() < 2*time.Millisecond {
			return // too close to call
		} else if d > 0 {
			due = append(due, id)
		}
	}
	w.reap(len(due))
	for _, id := range due {
		r := w.live[id]
		e := r.entry
		e.EndedAt = now
		w.charge(id, r, e)
	}
}

// Many at once reserve, settle, let expire and reap, while the clock runs: what is
// then held is nothing, and what is used is what the journal says.
func testRandomTogether(b *bench) {
	life, slot := Hold(policy.KindSpend, 1<<40, 100, 3), Hold(policy.KindParallel, 6, 1, 0)
	minute := Hold(policy.KindRequests, 100, 1, 0)
	var mu sync.Mutex
	admitted := map[string]bool{}
	b.together(8, func(worker string) {
		rnd := rand.New(rand.NewPCG(uint64(len(worker)), uint64(worker[len(worker)-1])))
		for i := range 60 {
			id := worker + "/" + itoa(i)
			ask := policy.Ask{ID: id, Holds: []policy.Hold{life, slot, minute}, Want: 100, Usual: 10, Least: 1, TTL: 20 * time.Second, Draft: draft(id, 10, 1)}
			out, err := b.ledger.Reserve(b.Context(), ask)
			if err != nil {
				b.Error(err)
				return
			}
			b.clock.Advance(time.Duration(rnd.Int64N(int64(4*time.Second))) - 500*time.Millisecond)
			if out.Granted {
				mu.Lock()
				admitted[id] = true
				mu.Unlock()
			}
			switch rnd.IntN(4) {
			case 0:
				if _, err := b.ledger.(Reaper).Reap(b.Context()); err != nil {
					b.Error(err)
				}
			case 1: // left to expire
			default:
				if !out.Granted {
					continue
				}
				for range 1 + rnd.IntN(2) {
					if err := b.ledger.Settle(b.Context(), policy.Settlement{ID: id, Entry: Took(id, 5, 5, policy.Money(rnd.Int64N(400)))}); err != nil {
						b.Error(err)
					}
				}
			}
		}
	})
	b.clock.Advance(time.Minute)
	if _, err := b.ledger.(Reaper).Reap(b.Context()); err != nil {
		b.Fatal(err)
	}
	final := map[string]policy.Money{}
	for _, e := range b.journal.Entries() {
		final[e.CallID] = e.Cost.Total // the true count is journalled after the estimate
	}
	var spent policy.Money
	for id, cost := range final {
		spent += cost
		if !admitted[id] {
			b.Errorf("%s is journalled, but was not admitted", id)
		}
	}
	if len(final) != len(admitted) || len(admitted) < 20 {
		b.Errorf("%d journalled of %d admitted", len(final), len(admitted))
	}
	b.stands(life, int64(spent), 0)
	b.stands(slot, 0, 0)
	b.audit(0)
}
