package spool

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// left is a directory as a killed process leaves it, with what f put into it.
func left(t *testing.T, f func(s *Spool)) (dir string, log string) {
	t.Helper()
	dir = t.TempDir()
	k := &sink{fail: always(errAway)}
	s := open(t, Config{Dir: dir, Sink: k.take, SegmentBytes: 1 << 20, Clock: func() time.Time { return noon }})
	f(s)
	log = s.segmentPath(s.segments[0].base)
	abandon(s)
	return dir, log
}

func TestRequestsLeftUnderWayAreEstimated(t *testing.T) {
	dir, _ := left(t, func(s *Spool) {
		for _, id := range []string{"left-2", "done", "left-1"} {
			if err := s.Open(t.Context(), noon.Add(-time.Minute), 500, sampleDraft(id)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Append(t.Context(), sampleEntry("done")); err != nil {
			t.Fatal(err)
		}
	})
	k := &sink{}
	now := noon.Add(time.Hour)
	s := open(t, Config{Dir: dir, Sink: k.take, Clock: func() time.Time { return now }})
	flush(t, s)
	want := []policy.Entry{sampleEntry("done")}
	for _, id := range []string{"left-2", "left-1"} {
		want = append(want, sampleDraft(id).Estimated(noon.Add(-time.Minute), 500, now))
	}
	if got := k.taken(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if want[1].Cost.Total == 0 || want[1].Usage.Output != 1000 {
		t.Errorf("the estimate is no estimate: %+v", want[1])
	}
	if st := s.Stats(); st.Estimated != 2 || st.Underway != 0 {
		t.Errorf("%+v", st)
	}
	closeSpool(t, s)

	s = open(t, Config{Dir: dir, Sink: k.take})
	if st := s.Stats(); st.Estimated != 0 || st.Pending != 0 {
		t.Errorf("again: %+v", st)
	}
	closeSpool(t, s)
}

// Killed again before the estimates were drained: nothing is estimated twice.
func TestEstimatesSurviveTheNextKill(t *testing.T) {
	dir, _ := left(t, func(s *Spool) {
		if err := s.Open(t.Context(), noon, 500, sampleDraft("a")); err != nil {
			t.Fatal(err)
		}
	})
	k := &sink{fail: always(errAway)}
	abandon(open(t, Config{Dir: dir, Sink: k.take}))
	k.setFail(nil)
	s := open(t, Config{Dir: dir, Sink: k.take})
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, []string{"a"}) || s.Stats().Estimated != 0 {
		t.Errorf("got %v, %+v", got, s.Stats())
	}
	closeSpool(t, s)
}

func TestDamagedLogs(t *testing.T) {
	five := []string{"00000", "00001", "00002", "00003", "00004"}
	// record is where the n-th record of the log lies.
	record := func(b []byte, n int) (from, to int64) {
		walk(b, 0, false, func(f frame) bool {
			from, to = f.start, f.end
			n--
			return n >= 0
		}, func(int64, int64) { n-- })
		return from, to
	}
	for _, c := range []struct {
		name    string
		hurt    func(b []byte) []byte
		ids     []string
		torn    int64
		damaged int64
		again   int64 // of damaged: seen by the next start too
	}{
		{"torn in a header", func(b []byte) []byte { f, _ := record(b, 4); return b[:f+7] }, five[:4], 1, 0, 0},
		{"torn in a body", func(b []byte) []byte { return b[:len(b)-1] }, five[:4], 1, 0, 0},
		{"zeros at the end, as power loss leaves them", func(b []byte) []byte { f, _ := record(b, 4); clear(b[f:]); return b }, five[:4], 1, 0, 0},
		{"rubbish at the end", func(b []byte) []byte { return append(b, "rubbish"...) }, five, 0, 1, 0},
		{"last record changed", func(b []byte) []byte { b[len(b)-3] ^= 8; return b }, five[:4], 0, 1, 0},
		{"first record changed", func(b []byte) []byte { b[headerLen+3] ^= 8; return b }, five[1:], 0, 1, 1},
		{"a record in the middle changed", func(b []byte) []byte { f, _ := record(b, 2); b[f+20] ^= 8; return b },
			[]string{"00000", "00001", "00003", "00004"}, 0, 1, 1},
		{"two places changed", func(b []byte) []byte {
			f, _ := record(b, 1)
			b[f+1] ^= 8
			f, _ = record(b, 3)
			b[f+200] ^= 8
			return b
		}, []string{"00000", "00002", "00004"}, 0, 2, 2},
		{"nothing left", func([]byte) []byte { return nil }, nil, 0, 0, 0},
		{"nothing but rubbish", func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }, nil, 0, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, log := left(t, func(s *Spool) { appendIDs(t, s, 0, 5) })
			b, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(log, c.hurt(b), 0o600); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			k := &sink{fail: always(errAway)}
			first := open(t, Config{Dir: dir, Sink: k.take})
			if st := first.Stats(); st.Torn != c.torn || st.Damaged != c.damaged {
				t.Errorf("first start: %+v", st)
			}
			abandon(first)
			// Killed at once. What was cut off is not met again; what was skipped is.
			k.setFail(nil)
			s := open(t, Config{Dir: dir, Sink: k.take, BatchWait: time.Hour, Log: slog.New(slog.NewTextHandler(&said, nil))})
			ids := append(slices.Clone(c.ids), appendIDs(t, s, 10, 13)...)
			flush(t, s)
			if got := k.ids(); !slices.Equal(got, ids) {
				t.Errorf("got %v, want %v", got, ids)
			}
			if st := s.Stats(); st.Torn != 0 || st.Damaged != c.again || st.Pending != 0 {
				t.Errorf("%+v", st)
			}
			if kept, _ := filepath.Glob(filepath.Join(dir, "damaged-*")); int64(len(kept)) != c.damaged {
				t.Errorf("kept: %v", kept)
			}
			if c.again > 0 != strings.Contains(said.String(), "cannot be read") {
				t.Errorf("the log says: %s", said.String())
			}
			closeSpool(t, s)
		})
	}
}

// A segment in the middle is changed, cut or removed while the process runs.
func TestDamageWhileRunning(t *testing.T) {
	for name, hurt := range map[string]func(t *testing.T, path string) error{
		"removed": func(t *testing.T, path string) error { return os.Remove(path) },
		"cut":     func(t *testing.T, path string) error { return os.Truncate(path, 100) },
		"changed": func(t *testing.T, path string) error {
			b, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, bytes.Repeat([]byte{7}, len(b)), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := &sink{fail: always(errAway)}
			s := open(t, Config{Dir: t.TempDir(), Sink: k.take, SegmentBytes: 1, BatchMax: 3}) // a segment for each record
			ids := appendIDs(t, s, 0, 9)
			s.mu.Lock()
			path := s.segmentPath(s.segments[4].base)
			s.mu.Unlock()
			if err := hurt(t, path); err != nil {
				t.Fatal(err)
			}
			k.setFail(nil)
			flush(t, s)
			if got := k.ids(); !slices.Equal(got, slices.Delete(ids, 4, 5)) {
				t.Errorf("got %v", got)
			}
			if st := s.Stats(); st.Damaged == 0 || st.Pending != 0 {
				t.Errorf("%+v", st)
			}
			closeSpool(t, s)
		})
	}
}

func TestEntryThatCannotBeDecodedIsKeptAside(t *testing.T) {
	dir := t.TempDir()
	k := &sink{fail: always(errAway)}
	s := open(t, Config{Dir: dir, Sink: k.take})
	appendIDs(t, s, 0, 1)
	r := newRecord(kindEntry, "odd", 1, 0)
	r.payload = append(r.payload, 0x80) // intact, and from nobody we know
	if err := s.put(t.Context(), r, "odd"); err != nil {
		t.Fatal(err)
	}
	r = newRecord(kindOpen, "odd open", 1, 0)
	r.payload = append(r.payload, 0x80)
	if err := s.put(t.Context(), r, "odd open"); err != nil {
		t.Fatal(err)
	}
	appendIDs(t, s, 1, 2)
	abandon(s)

	k.setFail(nil)
	s = open(t, Config{Dir: dir, Sink: k.take})
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, []string{"00000", "00001"}) {
		t.Errorf("got %v", got)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "damaged-*")); len(kept) == 0 {
		t.Error("nothing is kept")
	}
	closeSpool(t, s)
}

func TestDrainedEntriesAreNotReplayed(t *testing.T) {
	for _, c := range []struct {
		name   string
		hurt   func(path string) error
		replay bool
	}{
		{"cursor whole", func(string) error { return nil }, false},
		{"cursor lost", os.Remove, true},
		{"cursor cut", func(p string) error { return os.Truncate(p, 7) }, true},
		{"cursor changed", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte{1}, 16), 0o600) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, k := t.TempDir(), &sink{}
			s := open(t, Config{Dir: dir, Sink: k.take})
			ids := appendIDs(t, s, 0, 10)
			flush(t, s)
			eventually(t, "the cursor is stored", func() bool {
				b, err := os.ReadFile(s.cursorPath())
				return err == nil && len(b) == 16
			})
			abandon(s)
			if err := c.hurt(filepath.Join(dir, "cursor")); err != nil {
				t.Fatal(err)
			}
			k2 := &sink{}
			s = open(t, Config{Dir: dir, Sink: k2.take})
			more := appendIDs(t, s, 10, 12)
			if c.replay {
				more = append(ids, more...)
			}
			flush(t, s)
			if got := k2.ids(); !slices.Equal(got, more) {
				t.Errorf("got %v, want %v", got, more)
			}
			closeSpool(t, s)
		})
	}
}

// Power loss may leave the cursor ahead of a log whose end was not synced: what
// comes next must not pass for drained.
func TestCursorAheadOfTheLog(t *testing.T) {
	dir, log := left(t, func(s *Spool) { appendIDs(t, s, 0, 5) })
	c, _, err := openCursor(filepath.Join(dir, "cursor"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.store(1<<30), c.file.Close(), os.Truncate(log, 100)); err != nil {
		t.Fatal(err)
	}
	k := &sink{}
	s := open(t, Config{Dir: dir, Sink: k.take})
	ids := appendIDs(t, s, 5, 8)
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v", got)
	}
	closeSpool(t, s)
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir, k := t.TempDir(), &sink{}
	s := open(t, Config{Dir: dir, Sink: k.take})
	_, err := New(Config{Dir: dir, Sink: k.take, Log: quiet})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	closeSpool(t, s)
	closeSpool(t, open(t, Config{Dir: dir, Sink: k.take}))
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	take := func(context.Context, []policy.Entry) error { return nil }
	for name, cfg := range map[string]Config{
		"no directory":        {Sink: take},
		"no sink":             {Dir: t.TempDir()},
		"a file in its place": {Dir: file, Sink: take},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
