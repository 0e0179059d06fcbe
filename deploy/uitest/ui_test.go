package uitest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const ui = "../../adminsvc/ui"

// run builds the programs, starts a stack of its own, and in it Node's test runner
// with one file of tests.
func run(t *testing.T, file string, limit time.Duration, env ...string) {
	for _, need := range []struct{ path, do string }{
		{ui + "/dist/index.html", "make ui"}, {ui + "/node_modules/playwright-core", "make ui"}, {"../../.local/envoy", "make envoy"},
	} {
		if _, err := os.Stat(need.path); err != nil { // a browser that is missing the tests say themselves
			t.Fatalf("%s is missing: run `%s` first", need.path, need.do)
		}
	}
	programs, err := os.MkdirTemp(mustAbs(t, "../../.local"), "uitest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(programs) })
	if out, err := exec.Command("go", "build", "-o", programs+"/", "../../cmd/purser", "../../cmd/extproc", "../../cmd/adminsvc").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "purser"), "up", "--port", "0", "--state-dir", t.TempDir(), "--",
		"node", "--test", "--test-reporter=spec", filepath.Join(mustAbs(t, ui), "e2e", file))
	cmd.Env = append(append(os.Environ(), "NODE_OPTIONS=", "WRITE_BARRIER=20s"), env...)
	cmd.Dir = mustAbs(t, "../..")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out) // what each page took is in there
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// TestCore is the documented walk-through, a key and its first call, and what roles see: a minute in every run.
func TestCore(t *testing.T) { run(t, "core.test.mjs", 5*time.Minute) }

// TestUI is the rest, every page in light and dark, wide and narrow, among it: in test-all and with UITEST set.
func TestUI(t *testing.T) {
	if os.Getenv("UITEST") == "" {
		t.Skip("UITEST is not set")
	}
	run(t, "ui.test.mjs", 10*time.Minute)
}

// TestScale is what the pages do with 200 teams, 2,000 projects and 50,000 keys; it runs
// in test-all, as making them takes minutes.
func TestScale(t *testing.T) {
	if os.Getenv("UISCALE") == "" {
		t.Skip("UISCALE is not set")
	}
	run(t, "scale.test.mjs", 25*time.Minute)
}
