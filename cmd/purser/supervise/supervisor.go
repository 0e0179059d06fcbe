package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Spec describes a child.
type Spec struct {
	// Name is used for the pid file, the log and messages.
	Name string
	// Command makes the process, anew for each start. Its output must be unset. Where
	// its SysProcAttr is nil, it gets a process group of its own and DeathSignal.
	Command func(ctx context.Context) (*exec.Cmd, error)
	// Ready returns when the child can be used, or its context ends. Default: at once.
	Ready func(ctx context.Context) error
	// ReadyTimeout bounds Ready at the first start. Default 60 s.
	ReadyTimeout time.Duration
	// Drain is called before StopSignal, to let work under way end. Default: nothing.
	Drain func(ctx context.Context)
	// DrainTimeout bounds Drain. Default 10 s.
	DrainTimeout time.Duration
	// StopSignal asks it to end. Default SIGTERM.
	StopSignal syscall.Signal
	// StopTimeout is how long it may take to end before it is killed. Default 10 s.
	StopTimeout time.Duration
	// DeathSignal is sent by the kernel when the supervisor dies. Default SIGKILL.
	DeathSignal syscall.Signal
	// Aloud picks the lines of output that are also said. Default: [Trouble].
	Aloud func(line string) bool
}

// Config of a Supervisor.
type Config struct {
	// Dir gets the pid files and the folder logs. It must exist.
	Dir string
	// Say is told what happens, in a line each. It is called from several goroutines,
	// one at a time. Default: nobody.
	Say func(line string)
	// Backoff is the pause before the second restart; it doubles up to MaxBackoff.
	// Default 200 ms and 10 s.
	Backoff, MaxBackoff time.Duration
	// Settled is how long a child must run for its deaths to be forgotten. Default 30 s.
	Settled time.Duration
}

// Supervisor runs children. Its methods may be called from any goroutine, but Start
// and Stop not at the same time.
type Supervisor struct {
	cfg Config

	sayMu    sync.Mutex
	children []*child // in the order of their start
}

// New returns a supervisor without children.
func New(cfg Config) (*Supervisor, error) {
	cfg.Backoff = cmp.Or(cfg.Backoff, 200*time.Millisecond)
	cfg.MaxBackoff = cmp.Or(cfg.MaxBackoff, 10*time.Second)
	cfg.Settled = cmp.Or(cfg.Settled, 30*time.Second)
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "logs"), 0o755); err != nil {
		return nil, err
	}
	return &Supervisor{cfg: cfg}, nil
}

func (s *Supervisor) say(format string, args ...any) {
	if s.cfg.Say == nil {
		return
	}
	s.sayMu.Lock()
	defer s.sayMu.Unlock()
	s.cfg.Say(fmt.Sprintf(format, args...))
}

// Start runs a child and returns when it is ready. If it does not become ready, it
// is gone when Start returns, and the error carries the end of its output.
func (s *Supervisor) Start(ctx context.Context, spec Spec) error {
	spec.ReadyTimeout = cmp.Or(spec.ReadyTimeout, time.Minute)
	spec.StopSignal = cmp.Or(spec.StopSignal, syscall.SIGTERM)
	spec.DrainTimeout = cmp.Or(spec.DrainTimeout, 10*time.Second)
	spec.StopTimeout = cmp.Or(spec.StopTimeout, 10*time.Second)
	spec.DeathSignal = cmp.Or(spec.DeathSignal, syscall.SIGKILL)
	if spec.Aloud == nil {
		spec.Aloud = Trouble
	}
	c := &child{spec: spec, dir: s.cfg.Dir, say: s.say, ended: make(chan struct{})}
	c.life, c.signalStop = context.WithCancel(context.Background())
	run, err := c.start(ctx)
	if err != nil {
		return err
	}
	if err := c.awaitReady(ctx, run); err != nil {
		c.signalStop()
		c.end(ctx, run)
		return err
	}
	s.children = append(s.children, c)
	go s.watch(c, run)
	return nil
}

// watch restarts the child whenever it ends, until it is to stop.
func (s *Supervisor) watch(c *child, run *running) {
	defer close(c.ended)
	deaths := 0
	for {
		select {
		case <-c.life.Done():
			c.end(context.Background(), run)
			return
		case <-run.done:
		}
		c.removePid()
		if time.Since(run.began) > s.cfg.Settled {
			deaths = 0
		}
		next, ok := s.revive(c, run, &deaths)
		if !ok {
			return
		}
		run = next
	}
}

// revive starts a dead child until one start succeeds; false when it is to stop.
func (s *Supervisor) revive(c *child, dead *running, deaths *int) (*running, bool) {
	died := time.Now()
	what := fmt.Sprintf("%s (pid %d) died: %s", c.spec.Name, dead.pid, describe(dead.err))
	for {
		if pause := s.pause(*deaths); pause > 0 {
			s.say("%s; starting it again in %s", what, pause)
			select {
			case <-c.life.Done():
				return nil, false
			case <-time.After(pause):
			}
		}
		*deaths++
		run, err := c.start(c.life)
		if err == nil {
			s.say("%s; restarted as pid %d after %s", what, run.pid, time.Since(died).Round(time.Millisecond))
			return run, true
		}
		what = fmt.Sprintf("%s does not start: %v", c.spec.Name, err)
		if c.life.Err() != nil {
			return nil, false
		}
	}
}

// pause before the next restart, after so many deaths in a row.
func (s *Supervisor) pause(deaths int) time.Duration {
	if deaths == 0 {
		return 0
	}
	pause := s.cfg.Backoff
	for range deaths - 1 {
		if pause *= 2; pause >= s.cfg.MaxBackoff {
			return s.cfg.MaxBackoff
		}
	}
	return pause
}

// Stop ends all children, the last started first, and returns when none is left.
// Each gets its DrainTimeout and its StopTimeout; when ctx ends, those that remain are killed at once. The
// error names the children that had to be killed.
func (s *Supervisor) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(s.children) {
		began := time.Now()
		stop := context.AfterFunc(ctx, c.kill)
		c.drain(ctx)
		c.signalStop()
		<-c.ended
		stop()
		switch {
		case c.killed.Load():
			errs = append(errs, fmt.Errorf("%s did not stop within %s and was killed", c.spec.Name, time.Since(began).Round(10*time.Millisecond)))
			s.say("%s killed", c.spec.Name)
		default:
			s.say("%s stopped", c.spec.Name)
		}
	}
	s.children = nil
	return errors.Join(errs...)
}

// PID of a child that runs now; 0 if there is none of that name.
func (s *Supervisor) PID(name string) int {
	for _, c := range s.children {
		if c.spec.Name == name {
			return int(c.pid.Load())
		}
	}
	return 0
}

func describe(err error) string {
	if err == nil {
		return "it ended by itself"
	}
	return err.Error()
}
