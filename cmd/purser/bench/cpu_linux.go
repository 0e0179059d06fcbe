package bench

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time a process has used, all its threads together: the utime+stime of /proc/PID/stat, but in
// nanoseconds where that has hundredths of a second, as many as a short slot of a variant takes.
func cpuTime(pid int) (time.Duration, error) {
	const wholeProcess, schedulersTime = 0, 2 // of linux/posix-timers.h: the low three bits of a process's clock
	clock := int32(^pid)<<3 | wholeProcess | schedulersTime
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}
