package chaos_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// prober asks the admin API all the time for something that needs the database.
type prober struct {
	mu      sync.Mutex
	results []result
}

func (s *stack) prober() *prober {
	p := &prober{}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			r := result{began: time.Now(), outcome: failed}
			status, got, _ := s.send(ctx, http.MethodGet, s.info.URL+"/team/info?team_id=deck", s.info.MasterKey, "")
			r.status, r.end = status, time.Now()
			if status == http.StatusOK {
				r.outcome = served
			} else {
				r.why = fmt.Sprintf("%d %s", status, message([]byte(got)))
			}
			p.mu.Lock()
			p.results = append(p.results, r)
			p.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(25 * time.Millisecond):
			}
		}
	})
	s.t.Cleanup(func() { stop(); done.Wait() })
	return p
}

func (p *prober) since(from time.Time) []result {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []result
	for _, r := range p.results {
		if !r.began.Before(from) {
			out = append(out, r)
		}
	}
	return out
}

// line tells how requests fared since a fault: how many failed and why, and how
// long after it the last of them began.
func line(results []result, fault time.Time) string {
	bad, why, last, limits := 0, map[string]int{}, time.Time{}, 0
	var slowest time.Duration
	for _, r := range results {
		slowest = max(slowest, r.end.Sub(r.began))
		switch r.outcome {
		case limited:
			limits++
		case failed:
			bad++
			why[r.why]++
			if r.began.After(last) {
				last = r.began
			}
		}
	}
	text := fmt.Sprintf("%4d requests, %3d failed", len(results), bad)
	if limits > 0 {
		text += fmt.Sprintf(", %d limited", limits)
	}
	if bad > 0 {
		// What was under way at the fault began before it.
		text += fmt.Sprintf(", well again after %.1f s", max(last.Sub(fault).Seconds(), 0))
	}
	text += fmt.Sprintf(", slowest %.1f s", slowest.Seconds())
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		text += fmt.Sprintf("\n      %d × %s", why[reason], strings.TrimSpace(reason))
	}
	return text
}

// fault does something to the stack under load, waits, and tells what it did to
// callers. It returns the requests from then on.
func (l *load) fault(t testing.TB, p *prober, name string, watch time.Duration, do func()) []result {
	t.Helper()
	l.s.t = t
	began := time.Now()
	lead := began.Add(-300 * time.Millisecond) // what was under way belongs to it
	do()
	took := time.Since(began)
	time.Sleep(watch)
	results := l.since(lead)
	t.Logf("%s (%.1f s)\n    inference: %s\n    admin API: %s", name, took.Seconds(), line(results, began), line(p.since(lead), began))
	return results
}
