package spool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// The test binary is its own victim: with this set it is an extproc, as far as
// the spool can tell.
const victimDir = "SPOOL_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir, os.Getenv("SPOOL_TEST_GENERATION"), os.Getenv("SPOOL_TEST_TAKEN"))
	}
	os.Exit(m.Run())
}

// victim serves requests until it is killed, and says on stdout what the spool
// has acknowledged: "o id" and "a id". What its Sink took goes to a file.
func victim(dir, generation, takenPath string) {
	taken, err := os.OpenFile(takenPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	calls := 0
	s, err := New(Config{
		Dir: dir, SegmentBytes: 32 << 10, BatchMax: 50, BatchWait: time.Millisecond, Sync: 5 * time.Millisecond,
		Retry: Backoff{time.Millisecond, 2 * time.Millisecond}, Log: slog.New(slog.DiscardHandler),
		Sink: func(_ context.Context, entries []policy.Entry) error {
			if calls++; calls%3 == 0 { // the database is away now and then
				return errors.New("away")
			}
			var b strings.Builder
			for _, e := range entries {
				fmt.Fprintf(&b, "%s %d\n", e.CallID, e.Usage.Source)
			}
			_, err := io.WriteString(taken, b.String())
			return err
		},
	})
	if err != nil {
		panic(err)
	}
	for c := range 6 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%06d", generation, c, i)
				if err := s.Open(context.Background(), noon, 100, sampleDraft(id)); err != nil {
					panic(err)
				}
				fmt.Printf("o %s\n", id)
				if i%10 == 9 {
					continue // a stream that never ends
				}
				if err := s.Append(context.Background(), sampleEntry(id)); err != nil {
					panic(err)
				}
				fmt.Printf("a %s\n", id)
			}
		}()
	}
	select {}
}

// TestKill kills a process in the middle of its writes, again and again on one
// directory, and then counts: every request whose Open was acknowledged has a row,
// every acknowledged entry has its own.
func TestKill(t *testing.T) {
	dir, takenPath := t.TempDir(), filepath.Join(t.TempDir(), "taken")
	opened, appended := map[string]bool{}, map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for generation := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimDir+"="+dir, fmt.Sprintf("SPOOL_TEST_GENERATION=%d", generation), "SPOOL_TEST_TAKEN="+takenPath)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var complaints strings.Builder
		cmd.Stderr = &complaints
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var locked sync.Once
		lines, due := bufio.NewScanner(out), 200+random.IntN(3000)
		for n := 0; lines.Scan(); n++ { // what was in the pipe when it died counts too
			what, id, ok := strings.Cut(lines.Text(), " ")
			switch {
			case !ok || len(id) != 10:
				t.Fatalf("the victim says %q", lines.Text())
			case what == "o":
				opened[id] = true
			case what == "a":
				appended[id] = true
			}
			locked.Do(func() {
				if _, err := New(Config{Dir: dir, Sink: (&sink{}).take}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(cmd.Process.Pid)) {
					t.Errorf("a second process: %v", err)
				}
			})
			if n == due {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v: %s", err, complaints.String())
		}
	}

	k := &sink{}
	s := open(t, Config{Dir: dir, Sink: k.take})
	flush(t, s)
	if st := s.Stats(); st.Damaged != 0 || st.Rejected != 0 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
	closeSpool(t, s)

	// The rows, in the order in which they came.
	type row struct {
		id     string
		source policy.UsageSource
	}
	var rows []row
	b, err := os.ReadFile(takenPath)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var r row
		if _, err := fmt.Sscanf(line, "%s %d", &r.id, &r.source); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		rows = append(rows, r)
	}
	for _, e := range k.taken() {
		rows = append(rows, row{e.CallID, e.Usage.Source})
	}

	reported, estimated := map[string]bool{}, map[string]bool{}
	high := map[string]string{} // by caller: the youngest of its entries so far
	replays := 0
	for _, r := range rows {
		if r.source == policy.UsageEstimated {
			estimated[r.id] = true
			continue
		}
		caller := r.id[:3]
		if r.id <= high[caller] && !reported[r.id] {
			t.Errorf("%s came after %s", r.id, high[caller])
		}
		if reported[r.id] {
			replays++
		}
		reported[r.id] = true
		high[caller] = max(high[caller], r.id)
	}
	for id := range appended {
		if !reported[id] {
			t.Errorf("%s was acknowledged and has no row", id)
		}
	}
	for id := range opened {
		if !reported[id] && !estimated[id] {
			t.Errorf("%s was opened and has no row", id)
		}
		if estimated[id] && reported[id] {
			t.Errorf("%s has two rows", id)
		}
	}
	t.Logf("%d opened, %d appended, %d rows, %d estimated, %d replayed", len(opened), len(appended), len(rows), len(estimated), replays)
	if len(estimated) < len(opened)/20 || len(appended) < 1000 {
		t.Error("the test tests nothing")
	}
}
