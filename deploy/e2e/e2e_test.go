package e2e

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy/redis/redistest"
)

// programs is the folder with purser, extproc and adminsvc of this checkout.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = build(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
		defer os.RemoveAll(programs)
		return m.Run()
	}())
}

// build puts the programs into a folder of this checkout. The look at one of them
// is for go test: what it has seen in the module and finds gone, it does not take
// for a result that still holds, though this package imports none of the programs.
func build() (string, error) {
	local, err := filepath.Abs("../../.local")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(local, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(local, "e2e-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+"/", "../../cmd/purser", "../../cmd/extproc", "../../cmd/adminsvc").CombinedOutput()
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "purser"))
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

func TestCountingInTheProcess(t *testing.T) { suite(t, "off", nil) }

func TestCountingInRedis(t *testing.T) {
	// The suite's further stacks run servers of their own, as this is one ledger's.
	redis, err := redistest.Start("", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Stop()
	suite(t, "auto", []string{"REDIS_URL=redis://" + redis.Addr})
}

// suite runs all of python/ on a stack started with --redis and env.
func suite(t *testing.T, redis string, env []string) {
	state, stop := start(t, redis, env)
	defer stop()
	runPython(t, state, env)
}

// runPython runs all of python/, or what args choose, on the stack of a state folder.
func runPython(t *testing.T, state string, env []string, args ...string) {
	t.Helper()
	pytest, err := filepath.Abs("../../.local/venv/bin/pytest")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pytest); err != nil {
		t.Fatalf("%v: `make venv` makes it", err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	args = append([]string{"-c", "pytest.ini", "-q", "-p", "no:cacheprovider", "-n", "4", "--dist", "loadgroup", "--junitxml", report}, args...)
	cmd := exec.CommandContext(t.Context(), pytest, args...)
	cmd.Env = append(environment(env), "PURSER_BIN="+filepath.Join(programs, "purser"), "PURSER_STATE_DIR="+state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, runErr := cmd.CombinedOutput()
	cases, err := results(report)
	if err != nil || len(cases) == 0 {
		t.Fatalf("pytest reported nothing: %v, %v\n%s", runErr, err, out)
	}
	failed := 0
	for _, c := range cases {
		t.Run(c.Class+"/"+c.Name, func(t *testing.T) {
			for _, f := range slices.Concat(c.Failures, c.Errors) {
				failed++
				t.Errorf("%s\n%s", f.Message, f.Text)
			}
		})
	}
	if runErr != nil && failed == 0 {
		t.Errorf("pytest: %v\n%s", runErr, out)
	}
}

// start runs `purser up` until stop, which checks that it ends in order.
func start(t *testing.T, redis string, env []string) (state string, stop func()) {
	t.Helper()
	return startWith(t, redis, env, "--config", "../local/config.yaml")
}

// startWith is start with flags of its own.
func startWith(t *testing.T, redis string, env []string, flags ...string) (state string, stop func()) {
	t.Helper()
	bin, err := envoy.FindBinary()
	if err != nil {
		t.Fatalf("%v: `make envoy` fetches it", err)
	}
	state = filepath.Join(t.TempDir(), "state")
	var out bytes.Buffer
	cmd := exec.Command(filepath.Join(programs, "purser"), append([]string{"up", "--port", "0", "--state-dir", state, "--envoy", bin, "--redis", redis}, flags...)...)
	cmd.Env = environment(env)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // the first start fetches PostgreSQL
	defer cancel()
	for {
		if _, err := os.Stat(filepath.Join(state, "stack.json")); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("purser up ended: %v\n%s", err, &out)
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-ended
			t.Fatalf("the stack is not ready\n%s", &out)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return state, func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("purser up: %v\n%s", err, &out)
			}
		case <-time.After(90 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("purser up did not end\n%s", &out)
		}
	}
}

// environment is ours without what would point the stack at other servers. Writes wait for
// the replicas for as long as a machine takes that has other work.
func environment(more []string) []string {
	return append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, prefix := range []string{"DATABASE_", "REDIS_", "FAKE_PROVIDER_", "PURSER_", "CONFIG_FILE="} {
			if strings.HasPrefix(v, prefix) {
				return true
			}
		}
		return false
	}), append([]string{"WRITE_BARRIER=20s"}, more...)...)
}

// testCase is one test in pytest's report.
type testCase struct {
	Class    string    `xml:"classname,attr"`
	Name     string    `xml:"name,attr"`
	Failures []problem `xml:"failure"`
	Errors   []problem `xml:"error"`
}

type problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func results(file string) ([]testCase, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var report struct {
		Suites []struct {
			Cases []testCase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	var all []testCase
	for _, s := range report.Suites {
		all = append(all, s.Cases...)
	}
	if len(all) == 0 {
		return nil, errors.New("no tests")
	}
	return all, nil
}
