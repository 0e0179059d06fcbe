package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// childEnv holds a fetchTask when a program runs itself again as the account.
const childEnv = "PURSER_EMBEDDED_POSTGRES_CHILD"

// hooked records that this program would recognise itself as the child. Without
// it, running ourselves again would start the whole program a second time.
var hooked atomic.Bool

// fetchTask is the child's work: get the programs and try them once.
type fetchTask struct {
	Archive string // folder of the downloaded archive
	Into    string // folder to extract to
	Scratch string // folder for a trial data folder, removed by the parent
	Port    uint32 // a free port for the trial
}

// RunChildIfAsked must be the first call in main (or TestMain) of a program that
// uses this package. It returns at once, except in a process that the package
// itself has started to fetch the programs: there it does that and exits.
func RunChildIfAsked() {
	hooked.Store(true)
	text, asked := os.LookupEnv(childEnv)
	if !asked {
		return
	}
	if err := runFetch(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runFetch(text string) error {
	var task fetchTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return fmt.Errorf("%s: %w", childEnv, err)
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).
		CachePath(task.Archive).
		BinariesPath(task.Into).
		RuntimePath(filepath.Join(task.Scratch, "run")).
		DataPath(filepath.Join(task.Scratch, "data")).
		Port(task.Port).
		Locale("C").
		StartTimeout(time.Minute).
		StartParameters(map[string]string{"unix_socket_directories": "", "fsync": "off"}).
		Logger(os.Stdout))
	// Start alone extracts what we need; that the server then runs is the proof
	// that this machine can (libraries, memory, permissions).
	if err := server.Start(); err != nil {
		return err
	}
	return server.Stop()
}

// fetch runs the task in a child process as the account.
func fetch(ctx context.Context, acc account, task fetchTask) error {
	// A copy, because the original may lie where the account cannot reach it: below
	// /root, or in the private folder where `go test` puts its binaries.
	exe := filepath.Join(task.Scratch, "fetch")
	if err := copySelf(exe); err != nil {
		return err
	}
	if err := acc.own(exe); err != nil {
		return err
	}
	text, err := json.Marshal(task)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "HOME="+task.Scratch, "TMPDIR="+task.Scratch)
	cmd.Dir = "/"
	cmd.WaitDelay = 5 * time.Second
	log := newTail(nil)
	cmd.Stdout, cmd.Stderr = log, log
	if err := acc.confine(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	if err := runLocked(cmd, nil); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("fetching PostgreSQL %s: %w\n%s", version, err, log)
	}
	return nil
}

// copySelf copies the running program to path.
func copySelf(path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	from, err := os.Open(self)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

// freePort asks the kernel for a port nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
