package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Config says where a server lives and how careful it is.
type Config struct {
	// DataDir holds the data; made if absent. Required.
	DataDir string
	// CacheDir holds the programs, shared by all servers. Default [DefaultCacheDir].
	CacheDir string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Log receives what the server prints. Default: only the end of it is kept, for errors.
	Log io.Writer
	// Progress is told, in a line each, of steps that take seconds (the first
	// fetch). Default: nobody.
	Progress func(line string)
	// Durable survives a power cut. Without it, writes are not synced (several
	// times faster): for tests.
	Durable bool
}

// startTimeout bounds one start, recovery after a crash included.
const startTimeout = 60 * time.Second

// Server is a running PostgreSQL.
type Server struct {
	*Cluster
	cmd  *exec.Cmd
	log  *tail
	done chan struct{}
	err  error // valid after done is closed
}

// Start prepares and starts a server, and returns when it answers. The server
// dies with this process. Errors carry the end of the server's log.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	c, err := Prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(startTimeout)
	for {
		s, err := c.start(ctx)
		if err == nil {
			return s, nil
		}
		switch text := err.Error(); {
		case ctx.Err() != nil || time.Now().After(deadline):
			return nil, err
		case cfg.Port == 0 && strings.Contains(text, "could not create any TCP/IP sockets"):
			// Somebody took the free port between our look and the server's.
			if c.port, err = freePort(); err != nil {
				return nil, err
			}
		case strings.Contains(text, "pre-existing shared memory block"):
			// The orphans of a killed server notice its death within moments.
			select {
			case <-ctx.Done():
				return nil, err
			case <-time.After(100 * time.Millisecond):
			}
		default:
			return nil, err
		}
	}
}

func (c *Cluster) start(ctx context.Context) (*Server, error) {
	cmd, err := c.Command(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Cluster: c, cmd: cmd, log: newTail(c.cfg.Log), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.WaitDelay = 5 * time.Second
	started := make(chan error, 1)
	go func() {
		s.err = runLocked(cmd, func(err error) { started <- err })
		close(s.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}

	ready, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	go func() {
		select {
		case <-s.done:
			cancel()
		case <-ready.Done():
		}
	}()
	if err := c.WaitReady(ready); err != nil {
		select {
		case <-s.done:
			return nil, fmt.Errorf("PostgreSQL ended while starting: %w\n%s", errors.Join(s.err, ctx.Err()), s.log)
		default:
		}
		_ = s.Stop()
		return nil, fmt.Errorf("%w\n%s", err, s.log)
	}
	return s, nil
}

// PID of the server's first process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the server has ended, stopped or not.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop shuts the server down and returns when it is gone: a fast shutdown first,
// an immediate one after 10 s, SIGKILL after 5 s more. Stopping a server that has
// ended already returns nil.
func (s *Server) Stop() error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{StopSignal, 10 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		select {
		case <-s.done:
			return nil
		default:
		}
		if err := s.cmd.Process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-s.done:
			return nil
		case <-time.After(step.wait):
		}
	}
	return fmt.Errorf("PostgreSQL (pid %d) does not end", s.PID())
}
