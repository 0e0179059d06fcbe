package supervise

import (
	"context"
	"os/exec"
)

// Cmd is what a Spec's Command makes.
type Cmd = exec.Cmd

// Program makes the Command of a program with fixed arguments and environment.
func Program(path string, args, env []string) func(context.Context) (*Cmd, error) {
	return func(context.Context) (*Cmd, error) {
		cmd := exec.Command(path, args...)
		cmd.Env = env
		return cmd, nil
	}
}
