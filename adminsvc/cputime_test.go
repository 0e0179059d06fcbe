package adminsvc

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cpuMeter tells the time on a processor, ours and, where the database is on this
// machine, the database's: on a busy machine the clock on the wall says how busy it is.
type cpuMeter struct {
	postmaster int // 0: not known
}

func newCPUMeter(b *testing.B, url string) *cpuMeter {
	m := &cpuMeter{}
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	var pid int
	if err := conn.QueryRow(b.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		b.Fatal(err)
	}
	if f := procStat(pid); f != nil && (strings.HasPrefix(conn.Config().Host, "127.") || conn.Config().Host == "localhost") {
		m.postmaster, _ = strconv.Atoi(f[1])
	}
	return m
}

// procStat are the fields of a process's stat after its name; nil where there is none.
func procStat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.Fields(after)
}

// ticks of a process's stat, the first being user time's; of a hundredth of a second.
func ticks(f []string, from, n int) (sum time.Duration) {
	for _, t := range f[from : from+n] {
		v, _ := strconv.Atoi(t)
		sum += time.Duration(v) * 10 * time.Millisecond
	}
	return sum
}

// read returns what this process and the database's have used. Of the database's,
// which live as long as their connections, time is known to the microsecond; of
// those that have ended, in ticks.
func (m *cpuMeter) read() (own, database time.Duration) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		own = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	if m.postmaster == 0 {
		return own, 0
	}
	if f := procStat(m.postmaster); f != nil {
		database += ticks(f, 11, 4)
	}
	dirs, _ := os.ReadDir("/proc")
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		f := procStat(pid)
		if f == nil || f[1] != strconv.Itoa(m.postmaster) {
			continue
		}
		if text, err := os.ReadFile("/proc/" + d.Name() + "/schedstat"); err == nil {
			ns, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
			database += time.Duration(ns)
		} else {
			database += ticks(f, 11, 2)
		}
	}
	return own, database
}
