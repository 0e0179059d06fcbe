package chaos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/policy/redis"
)

// pid of a child that runs now; 0 if it does not.
func (s *stack) pid(name string) int {
	text, err := os.ReadFile(s.file(name + ".pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// children are the names of all that run now.
func (s *stack) children() []string {
	files, _ := filepath.Glob(s.file("*.pid"))
	var out []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".pid"); name != "supervisor" {
			out = append(out, name)
		}
	}
	return out
}

// signal reaches a child and all that it has started: PostgreSQL's backends are
// in groups of their own.
func (s *stack) signal(sig syscall.Signal, name string) {
	pid := s.pid(name)
	if pid == 0 {
		return
	}
	_ = syscall.Kill(pid, sig)
	for _, child := range descendants(pid) {
		_ = syscall.Kill(child, sig)
	}
}

// kill ends children at once, as a crash does, and returns when the supervisor has
// started them again.
func (s *stack) kill(names ...string) {
	s.t.Helper()
	old := map[string]int{}
	for _, name := range names {
		old[name] = s.pid(name)
	}
	for _, name := range names {
		if err := syscall.Kill(old[name], syscall.SIGKILL); err != nil {
			s.t.Fatalf("kill %s (pid %d): %v", name, old[name], err)
		}
	}
	for _, name := range names {
		eventually(s.t, time.Minute, name+" runs again", func() bool { now := s.pid(name); return now != 0 && now != old[name] })
	}
}

// takeAway kills children and keeps them from being started again for as long as f
// runs: the supervisor is frozen.
func (s *stack) takeAway(f func(), names ...string) {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	for _, name := range names {
		_ = syscall.Kill(s.pid(name), syscall.SIGKILL)
	}
	defer func() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }()
	f()
}

// freeze stops children in their tracks for as long as f runs: connections stay,
// nothing is answered.
func (s *stack) freeze(f func(), names ...string) {
	for _, name := range names {
		s.signal(syscall.SIGSTOP, name)
	}
	defer func() {
		for _, name := range names {
			s.signal(syscall.SIGCONT, name)
		}
	}()
	f()
}

// flush has Redis forget everything.
func (s *stack) flush() {
	s.t.Helper()
	client, err := redis.Connect(s.info.RedisURL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	if err := client.FlushAll(s.t.Context()).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// descendants of a process, by /proc.
func descendants(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	children := map[int][]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		own, rest, _ := strings.Cut(string(text), " (")
		_, after, _ := strings.Cut(rest[strings.LastIndexByte(rest, ')'):], " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(after, &state, &parent); err != nil {
			continue
		}
		id, _ := strconv.Atoi(own)
		children[parent] = append(children[parent], id)
	}
	var out []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		out = append(out, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return out
}

// resident is a process's memory in bytes; 0 if it is gone.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize())
}

func TestDescendants(t *testing.T) {
	found := false
	for _, pid := range descendants(1) {
		found = found || pid == os.Getpid()
	}
	if !found {
		t.Errorf("process %d is not found below process 1", os.Getpid())
	}
}
