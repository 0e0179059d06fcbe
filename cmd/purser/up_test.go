package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/cmd/purser/supervise"
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// programsDir is set by programs, for TestMain to remove.
var programsDir string

// programs builds purser, extproc and adminsvc, once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "purser-programs-")
	if err != nil {
		return "", err
	}
	programsDir = dir
	out, err := exec.Command("go", "build", "-o", dir+"/", "../purser", "../extproc", "../adminsvc").CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// up is a `purser up` that runs.
type up struct {
	t     *testing.T
	cmd   *exec.Cmd
	state string
	out   *lockedBuffer
	ended chan struct{}
	info  stackInfo
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

// launch runs `purser up` with a port of its own.
func launch(t *testing.T, state string, env []string, args ...string) *up {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := envoy.FindBinary()
	if err != nil {
		t.Fatal(err)
	}
	u := &up{t: t, state: state, out: &lockedBuffer{}, ended: make(chan struct{})}
	flags := []string{"up", "--port", "0", "--state-dir", state, "--envoy", bin, "--config", filepath.Join("..", "..", defaultConfig)}
	u.cmd = exec.Command(filepath.Join(dir, "purser"), slices.Concat(flags, args)...)
	u.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "DATABASE_") || strings.HasPrefix(v, "REDIS_") || strings.HasPrefix(v, "FAKE_")
	}), env...)
	u.cmd.Stdout, u.cmd.Stderr = u.out, u.out
	u.cmd.WaitDelay = time.Second
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = u.cmd.Wait()
		close(u.ended)
	}()
	t.Cleanup(func() {
		_ = u.cmd.Process.Kill()
		<-u.ended
	})
	return u
}

// ready waits for the stack to be up.
func (u *up) ready() *up {
	u.t.Helper()
	eventually(u.t, 2*time.Minute, "the stack is ready", func() bool {
		select {
		case <-u.ended:
			u.t.Fatalf("purser up ended: %s", u.out)
		default:
		}
		text, err := os.ReadFile(filepath.Join(u.state, "stack.json"))
		return err == nil && json.Unmarshal(text, &u.info) == nil
	})
	return u
}

// status waits for the end and returns the exit status.
func (u *up) status(bound time.Duration) int {
	u.t.Helper()
	select {
	case <-u.ended:
		return u.cmd.ProcessState.ExitCode()
	case <-time.After(bound):
		u.t.Fatalf("purser up does not end: %s", u.out)
		return -1
	}
}

// stop asks the stack to end, and sees that it does, wholly.
func (u *up) stop() {
	u.t.Helper()
	pids := u.pids()
	_ = u.cmd.Process.Signal(syscall.SIGTERM)
	if code := u.status(time.Minute); code != 0 {
		u.t.Errorf("exit status %d: %s", code, u.out)
	}
	u.gone(pids)
	if left, _ := filepath.Glob(filepath.Join(u.state, "*.pid")); len(left) > 0 {
		u.t.Errorf("left behind: %v", left)
	}
}

var childNames = []string{"postgres", "fake-provider", "adminsvc", "extproc", "envoy"}

func (u *up) pid(name string) int {
	text, err := os.ReadFile(filepath.Join(u.state, name+".pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func (u *up) pids() map[string]int {
	pids := map[string]int{}
	for _, name := range childNames {
		if pid := u.pid(name); pid != 0 {
			pids[name] = pid
		}
	}
	return pids
}

// gone sees that no such process is left.
func (u *up) gone(pids map[string]int) {
	u.t.Helper()
	for name, pid := range pids {
		eventually(u.t, 20*time.Second, name+" is gone", func() bool { return !runs(pid) })
	}
}

// runs reports whether a process exists and is no zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func eventually(t *testing.T, bound time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(bound); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// call sends JSON to the stack as the master.
func (u *up) call(method, path, body string) (int, string) {
	u.t.Helper()
	req, err := http.NewRequestWithContext(u.t.Context(), method, u.info.URL+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+u.info.MasterKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := localClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(got)
}

const chatBody = `{"model":"gpt-4","messages":[{"role":"user","content":"hi"}]}`

func (u *up) mustChat() {
	u.t.Helper()
	if status, got := u.call("POST", "/v1/chat/completions", chatBody); status != http.StatusOK {
		u.t.Errorf("a call was answered %d %s", status, got)
	}
}

func TestUp(t *testing.T) {
	state := filepath.Join(t.TempDir(), "one")
	other := launch(t, filepath.Join(t.TempDir(), "two"), nil) // starts meanwhile
	one := launch(t, state, nil).ready()
	other.ready()

	t.Run("two stacks run side by side", func(t *testing.T) {
		for _, u := range []*up{one, other} {
			u.mustChat()
			if len(u.pids()) != len(childNames) {
				t.Errorf("pid files of %v", u.pids())
			}
		}
		if one.info.URL == other.info.URL || one.info.DatabaseURL == other.info.DatabaseURL {
			t.Error("they share something")
		}
	})
	t.Run("it says how to use it", func(t *testing.T) {
		for _, want := range []string{"Purser is ready:  " + one.info.URL, "sk-1234", `"model": "gpt-4"`, "curl " + one.info.URL, "Ctrl-C"} {
			if !strings.Contains(one.out.String(), want) {
				t.Errorf("no %q in: %s", want, one.out)
			}
		}
	})
	t.Run("secrets are the owner's alone", func(t *testing.T) {
		for _, name := range []string{"stack.json", "envoy.yaml"} {
			if info, err := os.Stat(filepath.Join(state, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
		if strings.Contains(one.out.String(), one.info.FakeProviderKey) {
			t.Error("the provider's key was printed")
		}
	})
	t.Run("the ledger agrees, and verify says where it does not", func(t *testing.T) {
		verify := func(want int, text string, flags ...string) {
			t.Helper()
			var out, errOut bytes.Buffer
			if code := dispatch(t.Context(), append([]string{"verify", "--state-dir", state}, flags...), &out, &errOut); code != want || !strings.Contains(out.String(), text) {
				t.Errorf("status %d, want %d and %q: %s%s", code, want, text, out.String(), errOut.String())
			}
		}
		if status, got := one.call("POST", "/customer/new", `{"user_id":"verified","max_budget":1}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, got)
		}
		if status, got := one.call("POST", "/v1/chat/completions", strings.Replace(chatBody, "{", `{"user":"verified",`, 1)); status != http.StatusOK {
			t.Fatalf("%d %s", status, got)
		}
		verify(0, "customer:verified spend", "--all")
		verify(0, `"booked": `, "--json")
		conn, err := pgx.Connect(t.Context(), one.info.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		for _, by := range []string{"+", "-"} {
			if _, err := conn.Exec(t.Context(), "UPDATE spend_totals SET spend = spend "+by+" 7 WHERE scope_kind = 'customer'"); err != nil {
				t.Fatal(err)
			}
			if by == "+" {
				verify(1, "SETTLED differs by $0.000000007")
				verify(1, "tables differ")
			}
		}
		verify(0, "All agrees")
		var out, errOut bytes.Buffer
		t.Setenv("LITELLM_MASTER_KEY", "")
		if code := dispatch(t.Context(), []string{"verify", "--extproc", one.info.ExtprocURL}, &out, &errOut); code != 2 || !strings.Contains(errOut.String(), "LITELLM_MASTER_KEY") {
			t.Errorf("without a key: %d %s", code, errOut.String())
		}
		t.Setenv("LITELLM_MASTER_KEY", "sk-another")
		if code := dispatch(t.Context(), []string{"verify", "--extproc", one.info.ExtprocURL}, &out, &errOut); code != 1 || !strings.Contains(errOut.String(), "master key") {
			t.Errorf("with another key: %d %s", code, errOut.String())
		}
	})
	t.Run("a state folder in use is refused", func(t *testing.T) {
		second := launch(t, state, nil)
		if code := second.status(30 * time.Second); code != 1 || !strings.Contains(second.out.String(), strconv.Itoa(one.cmd.Process.Pid)) || !strings.Contains(second.out.String(), "--state-dir") {
			t.Errorf("status %d: %s", code, second.out)
		}
		one.mustChat()
	})
	t.Run("a taken port is named with its flag", func(t *testing.T) {
		_, port, _ := strings.Cut(strings.TrimPrefix(one.info.URL, "http://"), ":")
		second := launch(t, t.TempDir(), nil, "--port", port)
		if code := second.status(30 * time.Second); code != 1 || !strings.Contains(second.out.String(), "port "+port+" is taken") || !strings.Contains(second.out.String(), "--port") {
			t.Errorf("status %d: %s", code, second.out)
		}
	})
	t.Run("a killed child is restarted and said so", func(t *testing.T) {
		for _, name := range childNames {
			old := one.pid(name)
			killed := time.Now()
			if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, 10*time.Second, name+" has another pid", func() bool { now := one.pid(name); return now != 0 && now != old })
			if took := time.Since(killed); name != "postgres" && took > time.Second {
				t.Errorf("%s was started again after %s", name, took)
			}
			eventually(t, 10*time.Second, "word of it", func() bool {
				return strings.Contains(one.out.String(), fmt.Sprintf("%s (pid %d) died: signal: killed; restarted as pid", name, old))
			})
		}
		eventually(t, time.Minute, "all is well again", func() bool {
			status, _ := one.call("GET", "/health/readiness", "")
			return status == http.StatusOK
		})
		eventually(t, 30*time.Second, "a call is served again", func() bool {
			status, _ := one.call("POST", "/v1/chat/completions", chatBody)
			return status == http.StatusOK
		})
	})
	t.Run("a call under way is finished before the stop, and data survive it", func(t *testing.T) {
		if status, got := one.call("POST", "/team/new", `{"team_id":"kept","team_alias":"kept"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, got)
		}
		body := `{"model":"gpt-4","stream":true,"messages":[{"role":"user","content":"fake:{\"output_tokens\":20,\"delay_ms\":50}"}]}`
		req, err := http.NewRequestWithContext(t.Context(), "POST", one.info.URL+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+one.info.MasterKey)
		req.Header.Set("Content-Type", "application/json")
		resp, err := localClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewReader(resp.Body)
		first, err := lines.ReadString('\n')
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %q %v", resp.StatusCode, first, err)
		}
		stopped := make(chan struct{})
		go func() { defer close(stopped); one.stop() }()
		rest, err := io.ReadAll(lines)
		if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
			t.Errorf("the stream was cut: %v %q", err, rest)
		}
		<-stopped
		order := []string{"envoy stopped", "extproc stopped", "adminsvc stopped", "fake-provider stopped", "postgres stopped"}
		text := one.out.String()
		for _, want := range order {
			_, after, found := strings.Cut(text, want)
			if !found {
				t.Fatalf("%q is missing or out of order in: %s", want, one.out)
			}
			text = after
		}

		again := launch(t, state, nil).ready()
		if status, got := again.call("GET", "/team/info?team_id=kept", ""); status != http.StatusOK {
			t.Errorf("the team is gone: %d %s", status, got)
		}
		again.stop()
	})
	t.Run("children die with a killed supervisor", func(t *testing.T) {
		pids := other.pids()
		if err := other.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-other.ended
		other.gone(pids)
		// What it left (pid files, stack.json) is in nobody's way.
		_ = os.Remove(filepath.Join(other.state, "stack.json"))
		launch(t, other.state, nil).ready().stop()
	})
}

func TestUpAsLongAsACommand(t *testing.T) {
	url := postgrestest.URL(t)
	state := t.TempDir()
	script := `test -n "$PURSER_URL" && test "$PURSER_MASTER_KEY" = sk-1234 && ls "$PURSER_STATE_DIR" && exit 7`
	u := launch(t, state, []string{"DATABASE_URL=" + url}, "--", "sh", "-c", script)
	if code := u.status(time.Minute); code != 7 {
		t.Errorf("status %d, not the command's: %s", code, u.out)
	}
	if text := u.out.String(); !strings.Contains(text, "extproc.pid") || strings.Contains(text, "postgres.pid") || !strings.Contains(text, "using DATABASE_URL") {
		t.Errorf("a server of its own, or no stack: %s", text)
	}
	if _, err := os.Stat(filepath.Join(state, "postgres")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a data folder was made: %v", err)
	}
}

func TestUpExplainsWhyItCannotStart(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("model_list: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"configuration", nil, []string{"--config", bad}, "model_list"},
		{"database", []string{"DATABASE_URL=postgres://nobody:secret-word@127.0.0.1:1/x"}, nil, "connect"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			state := t.TempDir()
			u := launch(t, state, tc.env, tc.args...)
			if code := u.status(30 * time.Second); code != 1 || !strings.Contains(u.out.String(), tc.want) {
				t.Errorf("status %d: %s", code, u.out)
			}
			if strings.Contains(u.out.String(), "secret-word") {
				t.Errorf("a password was printed: %s", u.out)
			}
			release, err := supervise.Claim(state)
			if err != nil {
				t.Fatalf("the folder is still taken: %v", err)
			}
			release()
		})
	}
}
