package outage

import (
	"sync"

	"github.com/purser/purser/policy"
)

// sightings remember how counters stood when they were last seen: the most
// recently touched ones, in two generations of bounded size.
type sightings struct {
	mu       sync.Mutex
	now, old map[policy.Counter]int64
}

// sightingsKept bounds a generation.
const sightingsKept = 200_000

func (s *sightings) note(c policy.Counter, taken int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || len(s.now) >= sightingsKept {
		s.old, s.now = s.now, make(map[policy.Counter]int64)
	}
	s.now[c] = taken
}

func (s *sightings) last(c policy.Counter) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taken, ok := s.now[c]; ok {
		return taken, true
	}
	taken, ok := s.old[c]
	return taken, ok
}
