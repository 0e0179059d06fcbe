package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "purser"
	database     = "purser"
	passwordFile = "purser.password"
)

// Cluster is a data folder with the programs to run it: what a supervisor needs
// to start the server, again and again, as a child of its own.
type Cluster struct {
	cfg      Config
	acc      account
	home     string // the programs
	port     int
	password string
}

// Prepare fetches the programs if they are missing, creates the data folder if
// it is absent, and chooses the port. It does not start the server.
func Prepare(ctx context.Context, cfg Config) (*Cluster, error) {
	if !hooked.Load() {
		return nil, errors.New("embedded: RunChildIfAsked was not called first thing in main (TestMain)")
	}
	if cfg.DataDir == "" {
		return nil, errors.New("embedded: DataDir is empty")
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	cfg.CacheDir = cmp.Or(cfg.CacheDir, DefaultCacheDir())
	for _, dir := range []*string{&cfg.DataDir, &cfg.CacheDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, err
		}
		*dir = abs
	}
	acc, err := currentAccount()
	if err != nil {
		return nil, err
	}
	home, err := binaries(ctx, acc, cfg.CacheDir, cfg.Progress)
	if err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, acc: acc, home: home, port: cfg.Port}
	if c.port == 0 {
		if c.port, err = freePort(); err != nil {
			return nil, err
		}
	}
	if err := c.initialise(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// URL is the connection string, password included.
func (c *Cluster) URL() string { return c.url(database) }

// Port is where the server listens on 127.0.0.1.
func (c *Cluster) Port() int { return c.port }

func (c *Cluster) url(db string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     fmt.Sprintf("127.0.0.1:%d", c.port),
		Path:     "/" + db,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// initialise makes the data folder, or checks the one that is there.
func (c *Cluster) initialise(ctx context.Context) error {
	dir := c.cfg.DataDir
	got, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	switch {
	case err == nil && strings.TrimSpace(string(got)) != majorVersion:
		return fmt.Errorf("%s was made by PostgreSQL %s, this is %s: dump it with that version, or remove the folder to start afresh",
			dir, strings.TrimSpace(string(got)), majorVersion)
	case err == nil:
		password, err := os.ReadFile(filepath.Join(dir, passwordFile))
		c.password = strings.TrimSpace(string(password))
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is neither empty nor a PostgreSQL data folder", dir)
	}

	fresh, password := dir+".new", dir+".new.password"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := c.acc.makeDir(fresh); err != nil {
		return err
	}
	c.password = rand.Text()
	if err := os.WriteFile(password, []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(password)
	if err := c.acc.own(password); err != nil {
		return err
	}

	args := []string{
		"-D", fresh, "-U", superuser, "--pwfile", password, "-A", "scram-sha-256", "--no-instructions",
		// The built-in provider orders and folds case the same on every machine,
		// whatever locales are installed.
		"--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
	}
	if !c.cfg.Durable {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.home, "bin", "initdb"), args...)
	cmd.WaitDelay = 5 * time.Second
	log := newTail(c.cfg.Log)
	cmd.Stdout, cmd.Stderr = log, log
	if err := c.confine(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	if err := runLocked(cmd, nil); err != nil {
		return fmt.Errorf("creating %s: %w\n%s", dir, err, log)
	}
	if err := os.Rename(password, filepath.Join(fresh, passwordFile)); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(fresh, dir)
}

func (c *Cluster) confine(cmd *exec.Cmd, deathSignal syscall.Signal) error {
	// Neither our secrets nor the caller's locale are the server's business.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.cfg.DataDir, "LC_ALL=C", "TZ=UTC"}
	cmd.Dir = "/"
	return c.acc.confine(cmd, deathSignal, c.cfg.DataDir)
}

// Command returns the server, ready to start: its user, process group and death
// signal are set, its output is not. It waits for a server that is just shutting
// down in the same folder, and fails naming one that stays. Whoever starts it
// keeps the starting thread alive (the death signal is tied to it), and stops it
// with [StopSignal].
func (c *Cluster) Command(ctx context.Context) (*exec.Cmd, error) {
	if err := c.awaitVacancy(ctx); err != nil {
		return nil, err
	}
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"jit=off",
	}
	if c.cfg.Durable && runtime.GOOS == "linux" {
		// After a crash, the whole folder is written out before anything else. In one call
		// it takes no time; file by file, a thousand of them, it took most of a restart.
		settings = append(settings, "recovery_init_sync_method=syncfs")
	}
	if !c.cfg.Durable {
		// Commits stay synchronous: they survive a killed server, as on a durable one.
		settings = append(settings, "fsync=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0", "autovacuum=off", "io_method=sync")
	}
	args := []string{"-D", c.cfg.DataDir, "-p", strconv.Itoa(c.port)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := exec.Command(filepath.Join(c.home, "bin", "postgres"), args...)
	return cmd, c.confine(cmd, StopSignal)
}

// StopSignal asks the server for a fast shutdown: transactions are rolled back,
// everything is written. (SIGTERM would wait for every client to leave.)
const StopSignal = syscall.SIGINT

// vacancyWait bounds the wait for a server whose parent has just died.
const vacancyWait = 15 * time.Second

func (c *Cluster) awaitVacancy(ctx context.Context) error {
	file := filepath.Join(c.cfg.DataDir, "postmaster.pid")
	deadline := time.Now().Add(vacancyWait)
	for {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(first))
		if err != nil || pid <= 0 {
			// Cut short by a crash of the machine; PostgreSQL would refuse it.
			return os.Remove(file)
		}
		if !isServerOf(pid, c.cfg.DataDir) {
			// Where the process is gone, the file stays: PostgreSQL reads from it
			// whether orphans of the old server still use the shared memory.
			if syscall.Kill(pid, 0) == nil {
				return os.Remove(file)
			}
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a PostgreSQL server (pid %d) is already running in %s", pid, c.cfg.DataDir)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// WaitReady returns once the server answers and its database exists.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for {
		err := c.ensureDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL on port %d does not answer: %w", c.port, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *Cluster) ensureDatabase(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(attempt, c.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	if err := conn.QueryRow(attempt, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(attempt, "CREATE DATABASE "+database)
	return err
}
