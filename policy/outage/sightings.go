package outage

import (
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// sightings remember how counters stood when they were last seen: the most
// recently touched ones, in two generations of bounded size.
type sightings struct {
	mu       sync.Mutex
	now, old map[policy.Counter]sighting
}

// sighting is what was used and held of a counter at a time of the shared ledger's clock.
type sighting struct {
	taken int64
	at    time.Time
}

// sightingsKept bounds a generation.
const sightingsKept = 200_000

// reorder is how much later than its answer another's may come that was given before it.
// A clock that is further behind was set back.
const reorder = time.Second

// note is what an answer said. One that was overtaken by a later one is no news.
func (s *sightings) note(c policy.Counter, taken int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.find(c); ok && at.Before(last.at) && last.at.Sub(at) < reorder {
		return
	}
	s.put(c, sighting{taken, at})
}

// more notes that a counter stands higher than when it was last seen, as it does for what
// the shared ledger may have been told unheard. The next answer tells the truth.
func (s *sightings) more(c policy.Counter, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, _ := s.find(c)
	last.taken += amount
	s.put(c, last)
}

// last is how a counter stood; false: it was never seen.
func (s *sightings) last(c policy.Counter) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, ok := s.find(c)
	return seen.taken, ok
}

func (s *sightings) put(c policy.Counter, seen sighting) {
	if s.now == nil || len(s.now) >= sightingsKept {
		s.old, s.now = s.now, make(map[policy.Counter]sighting)
	}
	s.now[c] = seen
}

func (s *sightings) find(c policy.Counter) (sighting, bool) {
	if seen, ok := s.now[c]; ok {
		return seen, true
	}
	seen, ok := s.old[c]
	return seen, ok
}
