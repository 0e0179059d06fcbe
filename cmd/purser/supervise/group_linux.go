package supervise

import "syscall"

// ownGroup puts a child into its own process group and ties its life to ours.
func ownGroup(death syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
}
