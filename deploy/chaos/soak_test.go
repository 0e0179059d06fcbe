package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// memory is what the processes that live through a soak held, over time.
type memory struct {
	name    string
	samples []int64 // bytes
}

// Random faults for as long as CHAOS_SOAK says. The first replica of each service is
// spared, so that what it holds in memory can be watched.
func TestSoak(t *testing.T) {
	text := os.Getenv("CHAOS_SOAK")
	if text == "" {
		t.Skip("set CHAOS_SOAK=10m to run")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	s := up(t, nil, "--replicas", "2")
	callers := s.callersOf()
	b := &books{s, s.provider()}
	p := s.prober()
	seed := uint64(time.Now().UnixNano())
	t.Logf("CHAOS_SOAK=%s, faults by seed %d", length, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	l := s.traffic(callers, clients)
	watched := []*memory{{name: "extproc"}, {name: "adminsvc"}}
	pids := []int{s.pid("extproc"), s.pid("adminsvc")}
	ctx, stop := context.WithCancel(t.Context())
	sampled := make(chan struct{})
	go func() {
		defer close(sampled)
		for tick := time.NewTicker(max(length/120, time.Second)); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			for i, m := range watched {
				if n := resident(pids[i]); n > 0 {
					m.samples = append(m.samples, n)
				}
			}
		}
	}()
	t.Cleanup(func() { stop(); <-sampled })
	killed := []string{"extproc-2", "adminsvc-2", "redis", "postgres"}
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	for began := time.Now(); time.Since(began) < length; {
		away := time.Duration(500+rng.IntN(4000)) * time.Millisecond
		calm := time.Duration(2000+rng.IntN(5000)) * time.Millisecond
		switch rng.IntN(5) {
		case 0, 1:
			name := pick(killed...)
			l.fault(t, p, "kill -9 "+name, calm, func() { s.kill(name) })
		case 2:
			names := []string{pick("extproc-2", "adminsvc-2"), pick("redis", "postgres")}
			l.fault(t, p, fmt.Sprintf("kill -9 %s and %s", names[0], names[1]), calm, func() { s.kill(names...) })
		case 3:
			name := pick(killed...)
			l.fault(t, p, fmt.Sprintf("without %s for %s", name, away), calm, func() { s.takeAway(func() { time.Sleep(away) }, name) })
		case 4:
			name := pick("redis", "postgres")
			l.fault(t, p, fmt.Sprintf("%s frozen for %s", name, away), calm, func() { s.freeze(func() { time.Sleep(away) }, name) })
		}
	}
	l.end()
	stop()
	<-sampled
	all := l.since(time.Time{})
	b.check(t, all)
	s.verify()
	t.Logf("%d requests, %d failed over the whole soak", len(all), len(failures(all)))
	for i, m := range watched {
		if s.pid(m.name) != pids[i] {
			t.Errorf("%s died by itself", m.name)
		}
		if what := m.grows(); what != "" {
			t.Error(what)
		}
	}
}

// verify is `purser verify`: every counter against the tables. Counters that moved are
// healed within a minute.
func (s *stack) verify() {
	s.t.Helper()
	dir, err := programs()
	if err != nil {
		s.t.Fatal(err)
	}
	var out []byte
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Second) {
		if out, err = exec.Command(filepath.Join(dir, "purser"), "verify", "--state-dir", s.state).CombinedOutput(); err == nil {
			s.t.Logf("purser verify:\n%s", out)
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("purser verify: %v\n%s", err, out)
			return
		}
	}
}

// grows says how much more a process holds in the last quarter than in the second,
// when it has warmed up; "" where that is within bounds.
func (m *memory) grows() string {
	if len(m.samples) < 8 {
		return ""
	}
	quarter := len(m.samples) / 4
	median := func(part []int64) int64 { part = slices.Sorted(slices.Values(part)); return part[len(part)/2] }
	early, late := median(m.samples[quarter:2*quarter]), median(m.samples[3*quarter:])
	said := fmt.Sprintf("%s held %d MB in the second quarter and %d MB in the last", m.name, early>>20, late>>20)
	fmt.Println("    " + said)
	if late > early+early/4+(16<<20) {
		return said
	}
	return ""
}

func TestGrowingMemoryIsNoticed(t *testing.T) {
	flat, growing := &memory{name: "flat"}, &memory{name: "growing"}
	for i := range int64(40) {
		flat.samples = append(flat.samples, (100+i%7)<<20)
		growing.samples = append(growing.samples, (100+3*i)<<20)
	}
	if what := flat.grows(); what != "" {
		t.Error(what)
	}
	if growing.grows() == "" {
		t.Error("a process that grows was not noticed")
	}
}
