package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What the clock says must be what /proc says.
func TestCPUTimeIsThatOfProc(t *testing.T) {
	spin := func() time.Duration {
		for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		}
		d, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := spin()
	if second := spin(); second <= first {
		t.Errorf("%s, and after some work %s", first, second)
	}
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	after, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(text), ") ")
	var utime, stime int64
	f := strings.Fields(fields)
	fmt.Sscan(f[11], &utime)
	fmt.Sscan(f[12], &stime)
	told := time.Duration(utime+stime) * 10 * time.Millisecond
	if off := (after - told).Abs(); off > 50*time.Millisecond {
		t.Errorf("the clock says %s, /proc says %s", after, told)
	}
}

func TestCPUTimeOfNobody(t *testing.T) {
	if d, err := cpuTime(1 << 22); err == nil {
		t.Errorf("a process that is not there used %s", d)
	}
}
