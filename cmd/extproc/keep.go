package main

import (
	"context"
	"math"
	"time"

	"github.com/purser/purser/policy"
)

// reap settles expired reservations until ctx ends. It has a goroutine of its own:
// nothing that waits for the tables may hold it up.
func (s *service) reap(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		n, err := s.counting.reaper.Reap(bounded)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			s.log.Warn("expired reservations cannot be settled now", "err", err)
		}
		failing = err != nil
		expired.Add(float64(n))
		if n > 0 {
			s.log.Warn("reservations expired and were charged at their holds", "count", n)
		}
	}
}

// healEvery is how often the counters are compared with the tables where nothing
// says that they differ; less often where that takes long.
const healEvery = time.Minute

// healAgain is when they are compared once more after something said so, or they did
// differ: requests that were under way then settle where no counter learns of it.
const healAgain = 5 * time.Second

// seedWithin bounds one attempt to complete the counters, of a million budgets too:
// one that a cut began anew each time would never end.
const seedWithin = 10 * time.Minute

// keep sees to it that the counters can be believed, until ctx ends: it seeds a Redis
// that lost its memory, completes what waits for the tables, and compares the two.
func (s *service) keep(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var next time.Time // when what failed is tried again
	wait := time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.counting.back:
			// What was served meanwhile is on its way to the tables; the counters learn it from there.
			s.unhealed.Store(true)
		case <-tick.C:
		}
		now := time.Now()
		if now.Before(next) {
			continue
		}
		if s.complete(ctx) {
			wait = time.Second
			next = now.Add(wait / 2)
		} else {
			next = time.Now().Add(wait)
			wait = min(2*wait, 8*time.Second)
		}
	}
}

// complete reports whether nothing is left to be done.
func (s *service) complete(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, seedWithin)
	defer cancel()
	if s.counting.restore != nil {
		if ok, err := s.counting.restore(bounded, s.seed); err != nil {
			s.log.Warn("redis cannot be seeded yet", "err", err)
			return false
		} else if !ok {
			return true // another replica is at it
		}
	}
	if s.unset.CompareAndSwap(true, false) {
		s.readEnforcement()
	}
	if s.unseeded.CompareAndSwap(true, false) {
		if err := s.seeding.All(bounded); err != nil {
			s.unseeded.Store(true)
			s.log.Warn("the counters are not complete yet", "err", err)
			return false
		}
	}
	if s.unhealed.Load() || s.clock().Sub(s.healed) > max(s.healEvery, healEvery) {
		return s.heal(bounded)
	}
	return true
}

// heal sets right what the counters and the tables do not agree on.
func (s *service) heal(ctx context.Context) bool {
	began := s.clock()
	told := s.unhealed.Swap(false)
	drifts, err := s.healing.All(ctx, true)
	if err != nil {
		s.unhealed.Store(true)
		s.log.Warn("the counters cannot be compared with the tables now", "err", err)
		return false
	}
	s.healed = s.clock()
	took := s.healed.Sub(began)
	s.healEvery = max(healEvery, 10*took) // of a million counters it takes its time
	if told || len(drifts) > 0 {
		s.healed = s.healed.Add(healAgain - s.healEvery)
	}
	var sum float64
	found := comparison{at: s.clock(), differing: len(drifts)}
	for _, d := range drifts {
		counted, booked := any(d.Counted), any(d.Booked)
		if d.Counter.Kind == policy.KindSpend {
			sum += math.Abs(float64(d.Booked - d.Counted))
			found.drift += policy.Money(max(d.Booked-d.Counted, d.Counted-d.Booked))
			counted, booked = policy.Money(d.Counted), policy.Money(d.Booked)
		}
		s.log.Warn("a counter differed from the tables and was set right", "scope", d.Counter.Scope.String(), "kind", d.Counter.Kind.String(), "window", d.Counter.Window,
			"counted", counted, "booked", booked)
	}
	drift.Set(sum)
	compared.Set(took.Seconds())
	s.compared.Store(&found)
	return true
}
