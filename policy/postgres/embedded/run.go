package embedded

import (
	"os/exec"
	"runtime"
)

// runLocked starts cmd, calls started, and waits for its end, all on one thread
// that does nothing else: the kernel ties a child's death signal to the thread that
// forked it, not to the process, and Go may retire idle threads.
func runLocked(cmd *exec.Cmd, started func(error)) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if started != nil {
			started(err)
		}
		if err != nil {
			result <- err
			return
		}
		result <- cmd.Wait()
	}()
	return <-result
}
