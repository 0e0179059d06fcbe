package envoytest

import (
	"os/exec"
	"syscall"
)

// tie ends the process when the test is killed, which runs no cleanup.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
