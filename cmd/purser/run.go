package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// runCommand runs the user's command with the addresses of the stack in its
// environment, and returns when it has ended.
func (s *stack) runCommand(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.opts.command[0], s.opts.command[1:]...)
	cmd.Env = append(os.Environ(),
		"PURSER_URL="+s.info.URL,
		"PURSER_MASTER_KEY="+s.info.MasterKey,
		"PURSER_STATE_DIR="+s.opts.stateDir,
		"PURSER_FAKE_PROVIDER_URL="+s.info.FakeProviderURL,
	)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, s.out, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	s.say("  %-15s %s", "running", s.opts.command[0])
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if code := exit.ExitCode(); code > 0 {
			return exitStatus(code)
		}
		return fmt.Errorf("%s: %w", s.opts.command[0], err)
	}
	return err
}
