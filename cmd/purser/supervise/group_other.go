//go:build !linux

package supervise

import "syscall"

// ownGroup puts a child into its own process group. Only Linux can tie its life to ours.
func ownGroup(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
