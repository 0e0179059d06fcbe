package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// parentEnv makes this test binary a supervisor of a sleep, for a test to kill.
const parentEnv = "SUPERVISE_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentEnv); dir != "" {
		os.Exit(parent(dir))
	}
	os.Exit(m.Run())
}

func parent(dir string) int {
	release, err := Claim(dir)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer release()
	s, err := New(Config{Dir: dir})
	if err != nil {
		return 1
	}
	if err := s.Start(context.Background(), Spec{Name: "sleeper", Command: command("sleep 1000")}); err != nil {
		return 1
	}
	fmt.Println(s.PID("sleeper"))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	return 0
}

// command runs a line of shell.
func command(line string) func(context.Context) (*exec.Cmd, error) {
	return func(context.Context) (*exec.Cmd, error) { return exec.Command("sh", "-c", "exec "+line), nil }
}

// script runs several lines of shell.
func script(text string) func(context.Context) (*exec.Cmd, error) {
	return func(context.Context) (*exec.Cmd, error) { return exec.Command("sh", "-c", text), nil }
}

// heard collects what a supervisor says.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) say(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

func (h *heard) has(text string) bool {
	return slices.ContainsFunc(h.all(), func(line string) bool { return strings.Contains(line, text) })
}

func newSupervisor(t *testing.T, change func(*Config)) (*Supervisor, *heard, string) {
	t.Helper()
	h := &heard{}
	cfg := Config{Dir: t.TempDir(), Say: h.say}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s, h, cfg.Dir
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func alive(pid int) bool {
	// A zombie counts as dead: nobody may have reaped an orphan yet.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func pidIn(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func TestKilledChildIsRestartedAtOnce(t *testing.T) {
	s, h, dir := newSupervisor(t, nil)
	if err := s.Start(t.Context(), Spec{Name: "a", Command: command("sleep 1000")}); err != nil {
		t.Fatal(err)
	}
	first := pidIn(filepath.Join(dir, "a.pid"))
	if first == 0 || first != s.PID("a") || !alive(first) {
		t.Fatalf("the pid file says %d, the supervisor %d", first, s.PID("a"))
	}
	killed := time.Now()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another pid in the file", func() bool {
		pid := pidIn(filepath.Join(dir, "a.pid"))
		return pid != 0 && pid != first
	})
	if took := time.Since(killed); took > 200*time.Millisecond {
		t.Errorf("the restart took %s", took)
	}
	eventually(t, "word of it", func() bool { return h.has(fmt.Sprintf("a (pid %d) died: signal: killed; restarted as pid", first)) })
}

func TestChildThatKeepsDyingIsRestartedEverMoreSlowly(t *testing.T) {
	s, h, dir := newSupervisor(t, func(c *Config) { c.Backoff, c.MaxBackoff = 10*time.Millisecond, 40*time.Millisecond })
	lives := filepath.Join(dir, "lives")
	if err := s.Start(t.Context(), Spec{Name: "a", Command: script("echo x >>" + lives + "; exit 3")}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"exit status 3; restarted", "again in 10ms", "again in 20ms", "again in 40ms"} {
		eventually(t, want, func() bool { return h.has(want) })
	}
	if h.has("again in 80ms") {
		t.Error("the pause exceeds its bound")
	}
}

func TestDeathsAreForgottenAfterAWhile(t *testing.T) {
	s, h, dir := newSupervisor(t, func(c *Config) { c.Settled = time.Nanosecond; c.Backoff = time.Hour })
	if err := s.Start(t.Context(), Spec{Name: "a", Command: command("sleep 1000")}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // each restart is at once, since each life was long enough
		pid := s.PID("a")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another pid", func() bool { now := s.PID("a"); return now != 0 && now != pid })
		eventually(t, "its pid file", func() bool { return pidIn(filepath.Join(dir, "a.pid")) == s.PID("a") })
	}
	if h.has("again in") {
		t.Errorf("paused: %q", h.all())
	}
}

func TestStopIsInReverseOrderAndLeavesNothing(t *testing.T) {
	s, h, dir := newSupervisor(t, nil)
	var pids []int
	for _, name := range []string{"first", "second", "third"} {
		if err := s.Start(t.Context(), Spec{Name: name, Command: command("sleep 1000")}); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, s.PID(name))
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.all(); !slices.Equal(got, []string{"third stopped", "second stopped", "first stopped"}) {
		t.Errorf("said %q", got)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("pid %d lives on", pid)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.pid")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestChildThatWillNotStopIsKilled(t *testing.T) {
	s, _, dir := newSupervisor(t, nil)
	deaf := script(`trap "" TERM; echo up; while :; do sleep 0.05; done`)
	ready := func(ctx context.Context) error { return waitLog(ctx, filepath.Join(dir, "logs", "deaf.log"), "up") }
	if err := s.Start(t.Context(), Spec{Name: "deaf", Command: deaf, Ready: ready, StopTimeout: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	pid := s.PID("deaf")
	began := time.Now()
	err := s.Stop(t.Context())
	if err == nil || !strings.Contains(err.Error(), "deaf did not stop") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 5*time.Second || alive(pid) {
		t.Errorf("after %s, alive: %v", took, alive(pid))
	}
}

func TestEndOfContextKillsWhatIsStillThere(t *testing.T) {
	s, _, dir := newSupervisor(t, nil)
	deaf := script(`trap "" TERM; echo up; while :; do sleep 0.05; done`)
	for _, name := range []string{"one", "two"} {
		ready := func(ctx context.Context) error {
			return waitLog(ctx, filepath.Join(dir, "logs", name+".log"), "up")
		}
		if err := s.Start(t.Context(), Spec{Name: name, Command: deaf, Ready: ready, StopTimeout: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); err == nil {
		t.Error("no word of the kills")
	}
}

func TestStopDuringAPauseDoesNotWaitForIt(t *testing.T) {
	s, h, _ := newSupervisor(t, func(c *Config) { c.Backoff, c.MaxBackoff = time.Hour, time.Hour })
	if err := s.Start(t.Context(), Spec{Name: "a", Command: command("false")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pause", func() bool { return h.has("again in 1h0m0s") })
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStopSignalIsTheChildsOwn(t *testing.T) {
	s, _, dir := newSupervisor(t, nil)
	log := filepath.Join(dir, "logs", "a.log")
	spec := Spec{
		Name:       "a",
		Command:    script(`trap "echo fast; exit" INT; trap "" TERM; echo up; while :; do sleep 0.01; done`),
		StopSignal: syscall.SIGINT,
		Ready:      func(ctx context.Context) error { return waitLog(ctx, log, "up") },
	}
	if err := s.Start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(log); !strings.Contains(string(text), "fast") {
		t.Errorf("the log reads %q", text)
	}
}

func TestDrainComesBeforeTheSignalAndIsBounded(t *testing.T) {
	s, _, _ := newSupervisor(t, nil)
	drained := false
	spec := Spec{Name: "a", Command: command("sleep 1000"), DrainTimeout: 20 * time.Millisecond}
	spec.Drain = func(ctx context.Context) {
		drained = alive(s.PID("a"))
		<-ctx.Done()
	}
	if err := s.Start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil || !drained {
		t.Errorf("drained %v, %v", drained, err)
	}
}

func TestChildThatEndsBeforeItIsReadyIsNotRestarted(t *testing.T) {
	s, h, dir := newSupervisor(t, nil)
	err := s.Start(t.Context(), Spec{
		Name:    "a",
		Command: script("echo 'no such model' >&2; exit 1"),
		Ready:   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	})
	if err == nil || !strings.Contains(err.Error(), "no such model") || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("got %v", err)
	}
	if h.has("restarted") || pidIn(filepath.Join(dir, "a.pid")) != 0 {
		t.Errorf("said %q", h.all())
	}
}

func TestChildThatIsNeverReadyIsEnded(t *testing.T) {
	s, _, dir := newSupervisor(t, nil)
	var pid int
	err := s.Start(t.Context(), Spec{
		Name:         "a",
		Command:      command("sleep 1000"),
		ReadyTimeout: 50 * time.Millisecond,
		Ready: func(ctx context.Context) error {
			pid = pidIn(filepath.Join(dir, "a.pid"))
			<-ctx.Done()
			return errors.New("nobody answers")
		},
	})
	if err == nil || !strings.Contains(err.Error(), "nobody answers") {
		t.Errorf("got %v", err)
	}
	if pid == 0 || alive(pid) {
		t.Errorf("pid %d lives on", pid)
	}
}

func TestTroubleIsSaidAloudAndEverythingLogged(t *testing.T) {
	s, h, dir := newSupervisor(t, nil)
	text := `echo "time=1 level=INFO msg=fine"; echo "time=1 level=WARN msg=strange" >&2; i=0; while [ $i -lt 100 ]; do echo "level=ERROR n=$i"; i=$((i+1)); done; sleep 1000`
	log := filepath.Join(dir, "logs", "a.log")
	ready := func(ctx context.Context) error { return waitLog(ctx, log, "n=99") }
	if err := s.Start(t.Context(), Spec{Name: "a", Command: script(text), Ready: ready}); err != nil {
		t.Fatal(err)
	}
	if !h.has("a: time=1 level=WARN msg=strange") || h.has("msg=fine") {
		t.Errorf("said %q", h.all())
	}
	if n := len(h.all()); n > aloudBurst {
		t.Errorf("%d lines were said aloud", n)
	}
}

func TestChildrenDieWithTheSupervisor(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), parentEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !alive(pid) {
		t.Fatalf("the supervisor said %q", line)
	}

	if _, err := Claim(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)) {
		t.Errorf("the folder of a live supervisor was claimed: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the child's death", func() bool { return !alive(pid) })
	release, err := Claim(dir)
	if err != nil {
		t.Fatalf("the folder of a dead supervisor cannot be claimed: %v", err)
	}
	if got := pidIn(filepath.Join(dir, claimFile)); got != os.Getpid() {
		t.Errorf("the file says %d", got)
	}
	release()
	if _, err := os.Stat(filepath.Join(dir, claimFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

func TestTrouble(t *testing.T) {
	for line, want := range map[string]bool{
		`time=2026-11-22T05:00:00Z level=WARN msg="config: x"`:                                 true,
		`{"time":"…","level":"ERROR","msg":"x"}`:                                               true,
		`2026-11-22 05:00:00.000 UTC [1] FATAL:  could not bind`:                               true,
		`[2026-11-22 05:00:00.000][1][critical][main] x`:                                       true,
		`panic: runtime error`:                                                                 true,
		`time=2026-11-22T05:00:00Z level=INFO msg="no warning"`:                                false,
		`2026-11-22 05:00:00.000 UTC [1] LOG:  database system is ready to accept connections`: false,
	} {
		if Trouble(line) != want {
			t.Errorf("%v for %s", !want, line)
		}
	}
}

func waitLog(ctx context.Context, path, text string) error {
	for {
		if got, _ := os.ReadFile(path); strings.Contains(string(got), text) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}
