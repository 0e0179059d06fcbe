//go:build !linux

package bench

import "syscall"

// dieWithParent can do nothing here; the parts end with their input anyway.
func dieWithParent() *syscall.SysProcAttr { return nil }
