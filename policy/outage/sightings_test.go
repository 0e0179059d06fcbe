package outage

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestSightings(t *testing.T) {
	c := policy.Counter{Scope: policy.Scope{Kind: policy.ScopeKey, ID: "a"}, Kind: policy.KindSpend}
	at := time.Unix(1000, 0)
	for _, tt := range []struct {
		name string
		see  func(s *sightings)
		want int64
		ok   bool
	}{
		{"never seen", func(*sightings) {}, 0, false},
		{"the last answer", func(s *sightings) { s.note(c, 10, at); s.note(c, 5, at.Add(time.Millisecond)) }, 5, true},
		{"an answer that was overtaken", func(s *sightings) { s.note(c, 20, at); s.note(c, 10, at.Add(-time.Millisecond)) }, 20, true},
		{"a clock that was set back", func(s *sightings) { s.note(c, 20, at); s.note(c, 10, at.Add(-time.Hour)) }, 10, true},
		{"more than was seen", func(s *sightings) { s.note(c, 20, at); s.more(c, 7) }, 27, true},
		{"more, of what was never seen", func(s *sightings) { s.more(c, 7) }, 7, true},
		{"the truth after that", func(s *sightings) { s.note(c, 20, at); s.more(c, 7); s.note(c, 22, at) }, 22, true},
		{"after as many others", func(s *sightings) {
			s.note(c, 20, at)
			for i := range int64(sightingsKept) {
				s.note(policy.Counter{Start: i + 1}, 1, at)
			}
		}, 20, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s sightings
			tt.see(&s)
			if got, ok := s.last(c); got != tt.want || ok != tt.ok {
				t.Errorf("%d, %v; want %d, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}
