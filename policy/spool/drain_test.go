package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

var errAway = errors.New("the database is away")

func appendIDs(t testing.TB, s *Spool, from, to int) (ids []string) {
	t.Helper()
	for i := from; i < to; i++ {
		id := fmt.Sprintf("%05d", i)
		ids = append(ids, id)
		if err := s.Append(t.Context(), sampleEntry(id)); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func TestSinkDownThenUp(t *testing.T) {
	k := &sink{fail: always(errAway)}
	var later atomic.Int64
	clock := func() time.Time { return noon.Add(time.Duration(later.Load())) }
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, SegmentBytes: 4 << 10, BatchMax: 10, Clock: clock})
	called := k.called()
	ids := appendIDs(t, s, 0, 100)
	<-called
	eventually(t, "the failure shows", func() bool { return s.Stats().SinkFailing })
	later.Store(int64(90 * time.Second))
	st := s.Stats()
	if st.Pending != 100 || st.OldestAge != 90*time.Second || st.SinkErrors == 0 || st.LastSinkError != errAway.Error() || st.Segments < 10 {
		t.Errorf("%+v", st)
	}
	if s.Health() == nil {
		t.Error("healthy")
	}
	k.setFail(nil)
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v", got)
	}
	eventually(t, "it is healthy, and the drained segments are gone", func() bool {
		return s.Health() == nil && s.Stats().Segments <= 1
	})
	closeSpool(t, s)
}

func TestRowsDoNotWaitForAFullBatch(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take}) // BatchWait is its default
	called, start := k.called(), time.Now()
	appendIDs(t, s, 0, 1)
	<-called
	if waited := time.Since(start); waited > 2*time.Second {
		t.Errorf("a row took %s", waited)
	}
	closeSpool(t, s)
}

func TestEntriesAreGatheredIntoBatches(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, BatchMax: 50, BatchWait: time.Hour})
	called := k.called()
	appendIDs(t, s, 0, 50) // full: goes without waiting
	<-called
	called = k.called()
	appendIDs(t, s, 50, 60)
	flush(t, s) // goes because somebody waits
	<-called
	if k.calls != 2 || len(k.ids()) != 60 {
		t.Errorf("%d calls for %d entries", k.calls, len(k.ids()))
	}
	closeSpool(t, s)
}

func TestBadEntriesDoNotHoldUpTheRest(t *testing.T) {
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprintf("named=%v", named), func(t *testing.T) {
			bad := map[string]bool{"00000": true, "00031": true, "00032": true, "00099": true}
			k := &sink{fail: func(entries []policy.Entry) error {
				for _, e := range entries {
					if bad[e.CallID] {
						b := &BadEntry{Err: errors.New("value out of range")}
						if named {
							b.CallID = e.CallID
						}
						return fmt.Errorf("insert: %w", b)
					}
				}
				return nil
			}}
			s := open(t, Config{Dir: t.TempDir(), Sink: k.take, BatchMax: 100, BatchWait: time.Hour})
			ids := appendIDs(t, s, 0, 100)
			flush(t, s)
			good := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return bad[id] })
			if got := k.ids(); !slices.Equal(got, good) {
				t.Errorf("got %v", got)
			}
			if st := s.Stats(); st.Rejected != 4 || st.Pending != 0 || st.Drained != 96 || st.SinkFailing {
				t.Errorf("%+v", st)
			}
			if named && k.calls > 20 {
				t.Errorf("%d calls, though each bad entry was named", k.calls)
			}

			// Mended: they come back whole.
			k.setFail(nil)
			if n, err := s.Requeue(t.Context()); n != 4 || err != nil {
				t.Errorf("Requeue: %d, %v", n, err)
			}
			flush(t, s)
			if got := k.ids()[96:]; !slices.Equal(got, []string{"00000", "00031", "00032", "00099"}) {
				t.Errorf("came back: %v", got)
			}
			if got := k.taken()[97]; got.Cost != sampleEntry("").Cost || got.Usage != sampleEntry("").Usage || !got.ReservedAt.Equal(noon) {
				t.Errorf("came back changed: %+v", got)
			}
			if n, err := s.Requeue(t.Context()); n != 0 || err != nil {
				t.Errorf("second Requeue: %d, %v", n, err)
			}
			closeSpool(t, s)
		})
	}
}

// The store goes away in the middle of the search for a bad entry.
func TestSearchForABadEntryIsInterrupted(t *testing.T) {
	calls := 0
	k := &sink{fail: func(entries []policy.Entry) error {
		calls++
		if calls == 3 || calls == 6 {
			return errAway
		}
		for _, e := range entries {
			if e.CallID == "00011" {
				return &BadEntry{Err: errors.New("no")}
			}
		}
		return nil
	}}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, BatchMax: 16, BatchWait: time.Hour})
	ids := appendIDs(t, s, 0, 16)
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, slices.Delete(slices.Clone(ids), 11, 12)) {
		t.Errorf("got %v", got)
	}
	if st := s.Stats(); st.Rejected != 1 || st.Pending != 0 || st.SinkErrors != 2 {
		t.Errorf("%+v", st)
	}
	closeSpool(t, s)
}

func TestRequeueKeepsLinesItCannotRead(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take})
	s.reject(sampleEntry("a"), errors.New("why"))
	if err := s.appendRejected([]byte("half a li\n")); err != nil {
		t.Fatal(err)
	}
	s.reject(sampleEntry("b"), errors.New("why"))
	if n, err := s.Requeue(t.Context()); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if left, err := os.ReadFile(s.rejectedPath()); string(left) != "half a li\n" {
		t.Errorf("left: %q, %v", left, err)
	}
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
	closeSpool(t, s)
}

func TestPanicOfTheSinkIsABadEntry(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: func(ctx context.Context, entries []policy.Entry) error {
		for _, e := range entries {
			if e.CallID == "00003" {
				panic("nil map")
			}
		}
		return k.take(ctx, entries)
	}})
	appendIDs(t, s, 0, 6)
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, []string{"00000", "00001", "00002", "00004", "00005"}) || s.Stats().Rejected != 1 {
		t.Errorf("%v, %+v", got, s.Stats())
	}
	closeSpool(t, s)
}

func TestBatchThatIsTooMuchGetsSmaller(t *testing.T) {
	k := &sink{fail: func(entries []policy.Entry) error {
		if len(entries) > 5 {
			return context.DeadlineExceeded
		}
		return nil
	}}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, BatchMax: 64, BatchWait: time.Hour})
	ids := appendIDs(t, s, 0, 64)
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v", got)
	}
	closeSpool(t, s)
}

func TestSinkTimeout(t *testing.T) {
	k := &sink{}
	first := true
	s := open(t, Config{Dir: t.TempDir(), SinkTimeout: time.Millisecond, Sink: func(ctx context.Context, entries []policy.Entry) error {
		if first {
			first = false
			<-ctx.Done() // a connection that hangs
			return ctx.Err()
		}
		return k.take(ctx, entries)
	}})
	appendIDs(t, s, 0, 3)
	flush(t, s)
	if len(k.ids()) != 3 || s.Stats().SinkErrors != 1 {
		t.Errorf("%v, %+v", k.ids(), s.Stats())
	}
	closeSpool(t, s)
}

func TestFlushEndsWithItsContext(t *testing.T) {
	k := &sink{fail: always(errAway)}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, DrainDeadline: time.Millisecond})
	if err := s.Flush(t.Context()); err != nil {
		t.Errorf("with nothing to flush: %v", err)
	}
	appendIDs(t, s, 0, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	waiting := make(chan error)
	go func() { waiting <- s.Flush(context.Background()) }()
	closeSpool(t, s)
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("a Flush that Close overtakes: %v", err)
	}
}

func TestCloseLeavesTheRestForTheNextStart(t *testing.T) {
	dir := t.TempDir()
	k := &sink{fail: always(errAway)}
	s := open(t, Config{Dir: dir, Sink: k.take, DrainDeadline: 10 * time.Millisecond})
	ids := appendIDs(t, s, 0, 20)
	closeSpool(t, s)

	k.setFail(nil)
	s = open(t, Config{Dir: dir, Sink: k.take})
	if st := s.Stats(); st.Appended != 0 || st.Estimated != 0 {
		t.Errorf("%+v", st)
	}
	flush(t, s)
	ids = append(ids, appendIDs(t, s, 20, 25)...)
	closeSpool(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v", got)
	}
	if left, _ := listSegments(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Close is bounded even by a Sink that breaks its promise.
func TestCloseDoesNotWaitForASinkThatHangs(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	entered := make(chan struct{}, 1)
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, DrainDeadline: time.Millisecond, Sink: func(context.Context, []policy.Entry) error {
		entered <- struct{}{}
		<-hang
		return nil
	}})
	ids := appendIDs(t, s, 0, 1)
	<-entered
	closeSpool(t, s)

	k := &sink{}
	s = open(t, Config{Dir: dir, Sink: k.take})
	flush(t, s)
	closeSpool(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v", got)
	}
}
