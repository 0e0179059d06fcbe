package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
)

// repository is the checkout, from this package's folder.
const repository = "../.."

// programsDir is set by programs, for TestMain to remove.
var programsDir string

// programs is a folder with purser, extproc and adminsvc.
var programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("PURSER_BIN_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.MkdirTemp("", "purser-chaos-")
	if err != nil {
		return "", err
	}
	programsDir = dir
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/purser", "./cmd/extproc", "./cmd/adminsvc")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if programsDir != "" {
		_ = os.RemoveAll(programsDir)
	}
	os.Exit(code)
}

// chaos is for tests of kills and outages, which take minutes: `make test-all` sets
// CHAOS=short.
func chaos(t *testing.T) {
	t.Helper()
	if os.Getenv("CHAOS") == "" {
		t.Skip("set CHAOS=short or CHAOS=long to run")
	}
}

// long asks for what takes longer than `make test` may.
func long() bool { return os.Getenv("CHAOS") == "long" }

// stackInfo is what a test needs of <state>/stack.json.
type stackInfo struct {
	URL             string `json:"url"`
	MasterKey       string `json:"master_key"`
	DatabaseURL     string `json:"database_url"`
	RedisURL        string `json:"redis_url"`
	EnvoyAdminURL   string `json:"envoy_admin_url"`
	FakeProviderURL string `json:"fake_provider_url"`
	FakeProviderKey string `json:"fake_provider_key"`
	Ports           struct {
		Adminsvc    int      `json:"adminsvc"`
		ExtprocHTTP int      `json:"extproc_http"`
		More        [][3]int `json:"more"`
	} `json:"ports"`
}

// stack is a `purser up` that runs.
type stack struct {
	t     testing.TB
	state string
	info  stackInfo
	cmd   *exec.Cmd
	out   *lockedBuffer
	ended chan struct{}
}

// lockedBuffer is written by the process's pipe and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// up starts a stack with replicas and Redis, and waits until it serves.
func up(t testing.TB, env []string, args ...string) *stack {
	t.Helper()
	// Not t.TempDir: a data folder of another account's is removed by us, not by its checks.
	state, err := os.MkdirTemp("", "purser-chaos-state-")
	if err != nil {
		t.Fatal(err)
	}
	return upIn(t, state, env, args...)
}

// upIn is up in a folder that is there, and goes with the stack.
func upIn(t testing.TB, state string, env []string, args ...string) *stack {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := envoy.FindBinary()
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{t: t, state: state, out: &lockedBuffer{}, ended: make(chan struct{})}
	flags := []string{"up", "--port", "0", "--state-dir", state, "--envoy", bin, "--config", filepath.Join(repository, "deploy/local/config.yaml")}
	s.cmd = exec.Command(filepath.Join(dir, "purser"), slices.Concat(flags, args)...)
	s.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "DATABASE_") || strings.HasPrefix(v, "REDIS_") || strings.HasPrefix(v, "FAKE_")
	}), env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.WaitDelay = time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(s.remove)
	eventually(t, 3*time.Minute, "the stack is ready", func() bool {
		select {
		case <-s.ended:
			t.Fatalf("purser up ended: %s", s.out)
		default:
		}
		text, err := os.ReadFile(filepath.Join(state, "stack.json"))
		return err == nil && json.Unmarshal(text, &s.info) == nil
	})
	return s
}

// remove ends the stack; what its parts said is shown if the test failed.
func (s *stack) remove() {
	for _, name := range s.children() { // what a failed test has frozen
		s.signal(syscall.SIGCONT, name)
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(90 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	if s.t.Failed() {
		s.t.Logf("purser up said:\n%s", s.out)
		if keep := os.Getenv("CHAOS_KEEP"); keep != "" {
			_ = os.RemoveAll(keep)
			if err := os.Rename(s.state, keep); err == nil {
				s.t.Logf("its state is in %s", keep)
			}
		}
	}
	_ = os.RemoveAll(s.state)
}

func (s *stack) file(name ...string) string {
	return filepath.Join(append([]string{s.state}, name...)...)
}

// replicas of a service: its name, and the name with a number.
func (s *stack) replicas(service string) []string {
	out := []string{service}
	for i := range s.info.Ports.More {
		out = append(out, fmt.Sprintf("%s-%d", service, i+2))
	}
	return out
}

// extprocHTTP lists the health and metrics ports of the extprocs.
func (s *stack) extprocHTTP() []int {
	out := []int{s.info.Ports.ExtprocHTTP}
	for _, more := range s.info.Ports.More {
		out = append(out, more[2])
	}
	return out
}

// adminsvcs lists their ports.
func (s *stack) adminsvcs() []int {
	out := []int{s.info.Ports.Adminsvc}
	for _, more := range s.info.Ports.More {
		out = append(out, more[0])
	}
	return out
}

var client = &http.Client{Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 64, DisableCompression: true}}

// call sends JSON to the stack as the master; status 0 is no answer.
func (s *stack) call(method, path, body string) (int, string) {
	status, got, _ := s.send(context.Background(), method, s.info.URL+path, s.info.MasterKey, body)
	return status, got
}

func (s *stack) send(ctx context.Context, method, url, key, body string) (int, string, http.Header) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error(), nil
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return resp.StatusCode, string(got), resp.Header
}

// must is call, which has to succeed.
func (s *stack) must(method, path, body string) string {
	s.t.Helper()
	status, got := s.call(method, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s %s: %d %s", method, path, body, status, got)
	}
	return got
}

// metric reads one of an extproc's metrics; false if it cannot be had.
func metric(port int, name string) (value float64, ok bool) {
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			_, err := fmt.Sscan(rest, &value)
			return value, err == nil
		}
	}
	return 0, false
}

// eventually polls until f holds, or fails the test.
func eventually(t testing.TB, bound time.Duration, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(bound); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
