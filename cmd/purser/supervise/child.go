package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// child is one supervised process through all its lives.
type child struct {
	spec Spec
	dir  string
	say  func(format string, args ...any)

	life       context.Context // ends when the child is to end
	signalStop func()
	ended      chan struct{} // closed when it has ended for good
	pid        atomic.Int64  // 0 between lives
	killed     atomic.Bool   // it had to be killed at the stop
}

// running is one life of a child.
type running struct {
	pid   int
	began time.Time
	log   *logWriter
	done  chan struct{} // closed at its end
	err   error         // valid then
}

// start begins a life. The process's thread is kept for as long as it runs: the
// kernel sends a death signal when the thread that forked ends, not the process.
func (c *child) start(ctx context.Context) (*running, error) {
	cmd, err := c.spec.Command(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.spec.Name, err)
	}
	log, err := openLog(filepath.Join(c.dir, "logs", c.spec.Name+".log"), func(line string) bool {
		aloud := c.spec.Aloud(line)
		if aloud {
			c.say("%s: %s", c.spec.Name, line)
		}
		return aloud
	})
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log // one pipe, since they are equal
	cmd.WaitDelay = 2 * time.Second   // for grandchildren that keep it open
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = ownGroup(c.spec.DeathSignal)
	}
	run := &running{began: time.Now(), log: log, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		run.pid = cmd.Process.Pid
		c.pid.Store(int64(run.pid))
		started <- nil
		run.err = cmd.Wait()
		// What it may have left behind in its group has no owner any more.
		_ = syscall.Kill(-run.pid, syscall.SIGKILL)
		c.pid.CompareAndSwap(int64(run.pid), 0)
		_ = log.Close()
		close(run.done)
	}()
	if err := <-started; err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("%s: %w", c.spec.Name, err)
	}
	if err := writeFile(c.pidFile(), strconv.Itoa(run.pid)+"\n"); err != nil {
		c.say("%s: its pid file: %v", c.spec.Name, err)
	}
	return run, nil
}

// awaitReady returns nil when the child is ready, else what became of it.
func (c *child) awaitReady(ctx context.Context, run *running) error {
	if c.spec.Ready == nil {
		return nil
	}
	ready, cancel := context.WithTimeout(ctx, c.spec.ReadyTimeout)
	defer cancel()
	go func() {
		select {
		case <-run.done:
			cancel()
		case <-ready.Done():
		}
	}()
	err := c.spec.Ready(ready)
	select {
	case <-run.done:
		return fmt.Errorf("%s ended while starting (%s):\n%s", c.spec.Name, describe(run.err), run.log.Tail())
	default:
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%s is not ready after %s: %w\n%s", c.spec.Name, c.spec.ReadyTimeout, err, run.log.Tail())
}

// drain lets the work of a child that runs end, within its bound.
func (c *child) drain(ctx context.Context) {
	if c.spec.Drain == nil || c.pid.Load() == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, c.spec.DrainTimeout)
	defer cancel()
	c.spec.Drain(bounded)
}

// end stops a life: its signal, its time, then SIGKILL for its whole group.
func (c *child) end(ctx context.Context, run *running) {
	defer c.removePid()
	_ = syscall.Kill(run.pid, c.spec.StopSignal)
	timer := time.NewTimer(c.spec.StopTimeout)
	defer timer.Stop()
	select {
	case <-run.done:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	c.kill()
	<-run.done
}

// kill ends the process that runs now, if any, without asking.
func (c *child) kill() {
	if pid := int(c.pid.Load()); pid > 0 {
		c.killed.Store(true)
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (c *child) pidFile() string { return filepath.Join(c.dir, c.spec.Name+".pid") }

func (c *child) removePid() {
	if err := os.Remove(c.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.say("%s: its pid file: %v", c.spec.Name, err)
	}
}

// writeFile replaces a file at once: a reader sees the old text or the new.
func writeFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
