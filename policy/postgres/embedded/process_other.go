//go:build !linux

package embedded

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// confine puts cmd in its own process group. Only Linux can tie a child's life to
// its parent's and pass single capabilities on, so elsewhere root is refused.
func (a account) confine(cmd *exec.Cmd, _ syscall.Signal, _ ...string) error {
	if a.drop {
		return errors.New("PostgreSQL cannot run as root: run as another user, or set DATABASE_URL to a server of your own")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return nil
}

func (a account) closedParent(string) string { return "" }

// isServerOf believes the pid file when its process is alive.
func isServerOf(pid int, _ string) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}
