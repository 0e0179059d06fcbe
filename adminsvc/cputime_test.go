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

// cpuMeter tells the time on the processors, ours and, where the database is on this
// machine, that of its connections: the clock on the wall says how busy the machine is.
type cpuMeter struct{ conn *pgx.Conn }

func newCPUMeter(b *testing.B, url string) *cpuMeter {
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &cpuMeter{conn}
}

// read returns what this process has used, and each of the connections that there are.
func (m *cpuMeter) read(b *testing.B) (own time.Duration, connections map[int]time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	connections = map[int]time.Duration{}
	rows, err := m.conn.Query(b.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/schedstat"); err == nil { // nanoseconds first; elsewhere it is not there
			ns, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
			connections[pid] = time.Duration(ns)
		}
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), connections
}

// since tells what was used since an earlier reading.
func (m *cpuMeter) since(b *testing.B, own time.Duration, connections map[int]time.Duration) (ownCPU, databaseCPU time.Duration) {
	ownNow, now := m.read(b)
	for pid, used := range now {
		databaseCPU += used - connections[pid]
	}
	return ownNow - own, databaseCPU
}
