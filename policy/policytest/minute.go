package policytest

import (
	"math/rand/v2"
	"time"

	"github.com/purser/purser/policy"
)

var minuteTests = []ledgerTest{
	{"no rolling minute exceeds the limit", testMinute},
	{"a burst across any edge is held to one limit", testBurst},
	{"a steady caller gets at least 98 percent", testSteady},
	{"a caller who waits as told gets at least 98 percent", testObedient},
	{"after the wait it passes, and not before", testRetryIn},
	{"tokens that were not used come back", testMinuteSettle},
	{"tokens come back however late", testMinuteSettleLate},
	{"a clock that steps back admits nothing twice", testMinuteStepBack},
	{"a clock that was ahead holds nobody up", testMinuteAhead},
}

// takes is the oracle of a rolling minute: everything taken, and when.
type takes []*take

// take counts from some moment on between from and to: a ledger may date what was
// taken before its clock stepped back by either time.
type take struct {
	from, to time.Time
	n        int64
}

func taken(now time.Time, n int64) *take { return &take{now, now, n} }

// least sums what counts for certain: what was taken in (now-minute, now].
func (t takes) least(now time.Time) int64 {
	return t.sum(func(t *take) bool { return now.Sub(t.from) < time.Minute })
}

// most sums what may still count.
func (t takes) most(now time.Time) int64 {
	return t.sum(func(t *take) bool { return now.Sub(t.to) < slack })
}

func (t takes) sum(counts func(*take) bool) (sum int64) {
	for _, t := range t {
		if counts(t) {
			sum += t.n
		}
	}
	return sum
}

// A sub-window may keep what it counts for up to half a second more than a minute.
const slack = time.Minute + 500*time.Millisecond + time.Millisecond

func testMinute(b *bench) {
	for seed := range uint64(12) {
		b.each(itoa(int(seed)), func(b *bench) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			limit := 1 + rnd.Int64N(200)
			biggest := 1 + rnd.Int64N(max(limit/4, 1))
			gap := time.Duration(1+rnd.Int64N(int64(120*time.Second)/limit)) * 2
			var all takes
			live := map[string]*take{}
			for range 400 {
				if rnd.IntN(12) > 0 { // else several at the same moment
					b.clock.Advance(time.Duration(rnd.Int64N(int64(gap))))
				}
				now := b.clock.Now()
				h := Hold(policy.KindTokens, limit, 1+rnd.Int64N(biggest), 0)
				ask := b.ask(h)
				out := b.reserve(ask)
				exact, most := all.least(now), all.most(now)
				if out.Granted {
					if exact+h.Fixed > limit {
						b.Fatalf("admitted %d at %v, over %d already taken in this minute, limit %d", h.Fixed, now, exact, limit)
					}
					t := taken(now, h.Fixed)
					all, live[ask.ID] = append(all, t), t
				} else if most+h.Fixed <= limit {
					b.Fatalf("refused %d at %v, though only %d are taken in this minute and a bit, limit %d", h.Fixed, now, most, limit)
				}
				if got := b.balance(h); got.Used+got.Held < all.least(now) || got.Used+got.Held > all.most(now) {
					b.Fatalf("%+v counted at %v, want %d to %d", got, now, all.least(now), all.most(now))
				}
				for id, t := range live { // some settle, at what they took or less
					if rnd.IntN(4) == 0 {
						t.n = rnd.Int64N(t.n + 1)
						e := Took(id, t.n, 0, 0)
						e.ReservedAt = t.from
						b.settle(e)
						delete(live, id)
					}
				}
			}
		})
	}
}

// Whatever the phase of the first burst, a second one within the minute gets nothing.
func testBurst(b *bench) {
	const limit = 40
	h := Hold(policy.KindRequests, limit, 1, 0)
	burst := func() int {
		n := 0
		for range 2 * limit {
			if b.passes(h) {
				n++
			}
		}
		return n
	}
	for phase := time.Duration(0); phase < time.Second; phase += 91 * time.Millisecond {
		b.clock.Advance(2*time.Minute + phase)
		start := b.clock.Now()
		if n := burst(); n != limit {
			b.Fatalf("phase %v: a burst got %d of %d", phase, n, limit)
		}
		for _, later := range []time.Duration{time.Second, 29 * time.Second, 58 * time.Second, 59_900 * time.Millisecond, 59_999 * time.Millisecond} {
			b.clock.Set(start.Add(later))
			if n := burst(); n != 0 {
				b.Fatalf("phase %v: a burst %v after the first got %d more", phase, later, n)
			}
		}
		b.clock.Set(start.Add(slack))
		if n := burst(); n != limit {
			b.Fatalf("phase %v: a burst after the minute got %d of %d", phase, n, limit)
		}
	}
}

// One call every 60/limit seconds: exactly the limit, without ever retrying.
func testSteady(b *bench) {
	for _, limit := range []int64{1, 2, 7, 10, 50, 100, 121, 150, 240, 600} {
		b.each(itoa(int(limit))+" a minute", func(b *bench) {
			h := Hold(policy.KindRequests, limit, 1, 0)
			every := (time.Minute + time.Duration(limit) - 1) / time.Duration(limit)
			calls, passed := max(4*limit, 50), int64(0)
			for range calls {
				if b.passes(h) {
					passed++
				}
				b.clock.Advance(every)
			}
			if passed*100 < calls*98 {
				b.Errorf("%d of %d calls passed", passed, calls)
			}
		})
	}
}

// One who always wants more, and asks again when told to.
func testObedient(b *bench) {
	for _, limit := range []int64{1, 5, 60, 300} {
		b.each(itoa(int(limit))+" a minute", func(b *bench) {
			h := Hold(policy.KindRequests, limit, 1, 0)
			const minutes = 20
			end := b.clock.Now().Add(minutes * time.Minute)
			passed, tries := int64(0), int64(0)
			for b.clock.Now().Before(end) {
				tries++
				out := b.reserve(b.ask(h))
				if out.Granted {
					passed++
					b.clock.Advance(time.Millisecond)
					continue
				}
				wait := out.Balances[0].RetryIn
				if wait <= 0 || wait > slack {
					b.Fatalf("RetryIn = %v", wait)
				}
				b.clock.Advance(wait)
			}
			if passed*100 < limit*minutes*98 || tries > 2*passed+10 {
				b.Errorf("%d of %d passed, in %d tries", passed, limit*minutes, tries)
			}
		})
	}
}

func testRetryIn(b *bench) {
	rnd := rand.New(rand.NewPCG(7, 7))
	refusals := 0
	for range 400 {
		b.clock.Advance(time.Duration(rnd.Int64N(int64(3 * time.Second))))
		h := Hold(policy.KindTokens, 100, 1+rnd.Int64N(30), rnd.Int64N(2))
		ask := b.ask(h)
		ask.Want, ask.Usual, ask.Least = 20, 10, 5
		out := b.reserve(ask)
		if out.Granted {
			continue
		}
		refusals++
		wait := out.Balances[0].RetryIn
		if wait <= 0 || wait > slack {
			b.Fatalf("RetryIn = %v", wait)
		}
		// The ask that is tried is granted only the least, so the next sees the same again.
		now := b.clock.Now()
		ask.Want, ask.Usual = ask.Least, ask.Least
		if wait > 2*time.Millisecond {
			ask.ID, ask.At = b.id(), now.Add(wait-2*time.Millisecond)
			if out := b.reserve(ask); out.Granted {
				b.Fatalf("told to wait %v, passes 2 ms earlier", wait)
			}
		}
		ask.ID, ask.At = b.id(), now.Add(wait)
		if out := b.reserve(ask); !out.Granted {
			b.Fatalf("told to wait %v, and is then told to wait %v", wait, out.Balances[0].RetryIn)
		}
		b.clock.Set(ask.At)
	}
	if refusals < 50 {
		b.Errorf("only %d refusals: the test tests nothing", refusals)
	}
}

func testMinuteSettle(b *bench) {
	h := Hold(policy.KindTokens, 1000, 400, 0)
	first := b.granted(h)
	b.clock.Advance(700 * time.Millisecond)
	b.granted(h)
	b.refused(0, h)
	b.settle(Took(first, 50, 0, 0))
	b.granted(h) // 50 + 400 + 400
	b.refused(0, h)
	b.clock.Advance(59_301 * time.Millisecond)
	b.clock.Advance(500 * time.Millisecond)
	b.refused(0, Hold(policy.KindTokens, 1000, 201, 0)) // only the 50 are gone
	b.granted(Hold(policy.KindTokens, 1000, 200, 0))
}

// A long answer that is settled after its minute is over changes no other minute.
func testMinuteSettleLate(b *bench) {
	h := Hold(policy.KindTokens, 1000, 400, 0)
	first := b.granted(h)
	for range 4 {
		b.clock.Advance(slack)
		b.granted(h)
		b.granted(h)
	}
	b.clock.Advance(20 * time.Minute)
	b.passes(Of(policy.ScopeTeam, "wakes the housekeeping", h))
	b.granted(h)
	b.granted(h)
	b.settle(Took(first, 1, 0, 0))
	if got := b.balance(h); got.Used+got.Held != 800 {
		b.Errorf("%+v counted, want 800", got)
	}
	b.refused(0, h)
}

func testMinuteStepBack(b *bench) {
	h := Hold(policy.KindRequests, 20, 1, 0)
	rnd := rand.New(rand.NewPCG(3, 3))
	passed := 0
	for range 200 {
		b.clock.Advance(time.Duration(rnd.Int64N(int64(60*time.Millisecond))) - 30*time.Millisecond)
		if b.passes(h) {
			passed++
		}
	}
	if passed != 20 {
		b.Errorf("%d of 20 passed while the clock went back and forth", passed)
	}
	b.clock.Advance(-10 * time.Second)
	b.refused(0, h)
	b.clock.Advance(9 * time.Second)
	b.refused(0, h)

	// What was taken before a small step back counts for its whole minute.
	b.clock.Advance(5 * time.Minute)
	last := b.clock.Advance(400 * time.Millisecond)
	for range 19 {
		b.granted(h)
	}
	b.clock.Advance(-350 * time.Millisecond)
	b.granted(h)
	b.clock.Set(last.Add(time.Minute - time.Millisecond))
	b.refused(0, Hold(policy.KindRequests, 20, 19, 0))
}

func testMinuteAhead(b *bench) {
	h := Hold(policy.KindRequests, 20, 1, 0)
	take := func() (n int) {
		for range 40 {
			if b.passes(h) {
				n++
			}
		}
		return n
	}
	take()
	right := b.clock.Now()
	b.clock.Advance(time.Hour) // somebody set the clock wrong
	if n := take(); n != 20 {
		b.Fatalf("an hour later %d of 20 passed", n)
	}
	b.clock.Set(right.Add(time.Second)) // and right again
	if n := take(); n != 0 {
		b.Errorf("%d passed within a second of the last 20", n)
	}
	passed := 0
	for b.clock.Now().Before(right.Add(3 * time.Minute)) {
		b.clock.Advance(3 * time.Second)
		if b.passes(h) {
			passed++
		}
	}
	if passed < 38 { // of 60 less the minute it takes to forget
		b.Errorf("%d passed in the three minutes after a clock that was ahead was set right", passed)
	}
}
