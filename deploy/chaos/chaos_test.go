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

// How long things are away that are not started again at once.
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
	for _, name := range []string{"postgres", "redis", "adminsvc"} {
		l.fault(t, p, fmt.Sprintf("without %s for %s", name, away), 3*time.Second, func() {
			s.takeAway(func() { time.Sleep(away) }, name)
		})
	}
	for _, name := range []string{"postgres", "redis"} {
		l.fault(t, p, fmt.Sprintf("%s frozen for %s", name, away), 3*time.Second, func() {
			s.freeze(func() { time.Sleep(away) }, name)
		})
	}
	l.end()
	b.check(t, l.since(time.Time{}))
}
