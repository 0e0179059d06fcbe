//go:build !linux

package envoytest

import "os/exec"

// tie can do nothing here: a killed test leaves its Envoy behind.
func tie(*exec.Cmd) {}
