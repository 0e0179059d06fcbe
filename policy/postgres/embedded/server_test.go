package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// start runs a server in dir until the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query[T any](t *testing.T, s *Server, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func exec1(t *testing.T, s *Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestDataSurvivesRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := start(t, Config{DataDir: dir, Durable: true})
	if got := query[string](t, first, "SHOW fsync"); got != "on" {
		t.Errorf("fsync of a durable server is %s", got)
	}
	exec1(t, first, "CREATE TABLE kept AS SELECT 42 AS n")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, Config{DataDir: dir, Durable: true})
	if got := query[int32](t, second, "SELECT n FROM kept"); got != 42 {
		t.Errorf("read %d after a restart, want 42", got)
	}
}

func TestServerNeverRunsAsRoot(t *testing.T) {
	s := start(t, Config{DataDir: filepath.Join(t.TempDir(), "data")})
	info, err := os.Stat(fmt.Sprintf("/proc/%d", s.PID()))
	if err != nil {
		t.Skip("no /proc on this system") // the rule is PostgreSQL's own; here we only look
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("the server runs as root")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err != nil || caps&^0b110 != 0 { // CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
				t.Errorf("the server holds capabilities %s (%v)", hex, err)
			}
		}
	}
}

func TestFolderClosedToOthers(t *testing.T) {
	// As a checkout in /root is for the account that runs the server.
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{DataDir: filepath.Join(closed, "data")})
	if got := query[int32](t, s, "SELECT 1"); got != 1 {
		t.Errorf("got %d", got)
	}
	info, err := os.Stat(closed)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder above was opened to %v", info.Mode())
	}
}

func TestKilledServerStartsAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := start(t, Config{DataDir: dir})
	exec1(t, first, "CREATE TABLE kept AS SELECT 42 AS n")
	if err := syscall.Kill(first.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("Done is not closed by the server's death")
	}
	if _, err := os.Stat(filepath.Join(dir, "postmaster.pid")); err != nil {
		t.Fatalf("a killed server leaves its pid file: %v", err)
	}
	second := start(t, Config{DataDir: dir})
	if got := query[int32](t, second, "SELECT n FROM kept"); got != 42 {
		t.Errorf("read %d after a kill, want 42", got)
	}
}

func TestPidFileOfStranger(t *testing.T) {
	// The machine was restarted, and the number in the file now belongs to a
	// process of the same account.
	dir := filepath.Join(t.TempDir(), "data")
	if err := start(t, Config{DataDir: dir}).Stop(); err != nil {
		t.Fatal(err)
	}
	acc, err := currentAccount()
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.CommandContext(t.Context(), "sleep", "300")
	if err := acc.confine(stranger, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	for _, tc := range []struct{ name, text string }{
		{"recycled number", strconv.Itoa(stranger.Process.Pid) + "\n/somewhere\n"},
		{"dead number", "4194301\n/somewhere\n"},
		{"empty", ""},
		{"nonsense", "x\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "postmaster.pid"), []byte(tc.text), 0o644); err != nil {
				t.Fatal(err)
			}
			s := start(t, Config{DataDir: dir})
			if got := query[int32](t, s, "SELECT 1"); got != 1 {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestServerDiesWithItsParent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(testContext(t), exe)
	parent.Env = append(os.Environ(), ownerEnv+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, convErr := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || convErr != nil {
		t.Fatalf("the parent said %q (%v)", line, err)
	}
	if !isServerOf(pid, dir) {
		t.Errorf("pid %d is not recognised as the server of %s", pid, dir)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	deadline := time.Now().Add(15 * time.Second)
	for isServerOf(pid, dir) {
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL (pid %d) outlived its parent", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := os.Stat(filepath.Join(dir, "postmaster.pid")); !os.IsNotExist(err) {
		t.Errorf("the server did not shut down in order: its pid file is still there (%v)", err)
	}
}

func TestSecondServerInTheSameFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := start(t, Config{DataDir: dir})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	second, err := Start(ctx, Config{DataDir: dir})
	if err == nil {
		_ = second.Stop()
		t.Fatal("two servers run in one folder")
	}
	if got := query[int32](t, first, "SELECT 1"); got != 1 {
		t.Errorf("the first one was harmed: %d", got)
	}
}

func TestTakenPortIsAnError(t *testing.T) {
	first := start(t, Config{DataDir: filepath.Join(t.TempDir(), "data")})
	second, err := Start(testContext(t), Config{DataDir: filepath.Join(t.TempDir(), "data"), Port: first.Port()})
	if err == nil {
		_ = second.Stop()
		t.Fatal("two servers share a port")
	}
	if !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("the error does not say why: %v", err)
	}
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	for _, tc := range []struct{ name, file, text, want string }{
		{"something else's files", "precious.txt", "data", "neither empty"},
		{"another major version", "PG_VERSION", "15\n", "PostgreSQL 15"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, tc.file)
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Start(testContext(t), Config{DataDir: dir})
			if err == nil {
				_ = s.Stop()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one about %q", err, tc.want)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != tc.text {
				t.Errorf("the file now reads %q (%v)", got, err)
			}
		})
	}
}
