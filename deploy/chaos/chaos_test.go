package chaos_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// clients is how many requests are under way at once.
const clients = 16

// What is killed is missed by nobody: single processes and pairs of them.
func TestKill(t *testing.T) {
	chaos(t)
	s := up(t, nil, "--replicas", "2")
	callers := s.callersOf()
	b := &books{s, s.provider()}
	p := s.prober()
	l := s.traffic(callers, clients)
	time.Sleep(time.Second)
	victims := [][]string{
		{"extproc"}, {"adminsvc"}, {"redis"}, {"postgres"}, {"extproc", "redis"}, {"adminsvc", "postgres"},
	}
	if long() {
		victims = append(victims, [][]string{
			{"extproc", "adminsvc"}, {"extproc-2", "postgres"}, {"adminsvc", "redis"}, {"redis", "postgres"}, {"extproc", "extproc-2"},
			{"adminsvc", "adminsvc-2"}, {"extproc-2", "redis"}, {"redis", "postgres"},
		}...)
	}
	for _, names := range victims {
		l.fault(t, p, "kill -9 "+strings.Join(names, " and "), 3*time.Second, func() { s.kill(names...) })
	}
	s.t = t
	l.end()
	b.check(t, l.since(time.Time{}))
}

// While one of these is away or frozen, and when it comes back, no request fails.
func TestAway(t *testing.T) {
	chaos(t)
	s := up(t, nil, "--replicas", "2")
	callers := s.callersOf()
	b := &books{s, s.provider()}
	p := s.prober()
	l := s.traffic(callers, clients)
	time.Sleep(time.Second)
	away := 4 * time.Second
	if long() {
		away = 8 * time.Second
	}
	fault := func(name string, do func()) {
		t.Helper()
		if bad := failures(l.fault(t, p, name, 3*time.Second, do)); len(bad) > 0 {
			t.Errorf("%s: %d requests failed, as: %d %s", name, len(bad), bad[0].status, bad[0].why)
		}
	}
	for _, name := range []string{"postgres", "redis", "adminsvc"} {
		fault(fmt.Sprintf("without %s for %s", name, away), func() { s.takeAway(func() { time.Sleep(away) }, name) })
	}
	for _, name := range []string{"postgres", "redis"} {
		fault(fmt.Sprintf("%s frozen for %s", name, away), func() { s.freeze(func() { time.Sleep(away) }, name) })
	}
	l.end()
	b.check(t, l.since(time.Time{}))
}
