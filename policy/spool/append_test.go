package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/purser/purser/policy"
)

func TestEntriesReachTheSinkWholeAndInOrder(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, BatchMax: 7})
	var want []policy.Entry
	for i := range 50 {
		e := sampleEntry(fmt.Sprint(i))
		e.Cost.Total = policy.Money(i)
		want = append(want, e)
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	if got := k.taken(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	closeSpool(t, s)
}

func TestConcurrentCallersKeepTheirOrder(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, SegmentBytes: 16 << 10})
	const callers, each = 32, 100
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", c, i)
				if err := s.Open(t.Context(), noon, 10, sampleDraft(id)); err != nil {
					t.Error(err)
				}
				if err := s.Append(t.Context(), sampleEntry(id)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	flush(t, s)
	next := make([]int, callers)
	for _, id := range k.ids() {
		var c, i int
		if _, err := fmt.Sscanf(id, "%d-%d", &c, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[c] {
			t.Fatalf("caller %d: entry %d came when %d was due", c, i, next[c])
		}
		next[c]++
	}
	for c, n := range next {
		if n != each {
			t.Errorf("caller %d: %d entries", c, n)
		}
	}
	if st := s.Stats(); st.Underway != 0 || st.Pending != 0 || st.Appended != callers*each {
		t.Errorf("%+v", st)
	}
	closeSpool(t, s)
}

// What a caller got nil for is in the file, before any sync or Close.
func TestAcknowledgedMeansWritten(t *testing.T) {
	dir := t.TempDir()
	k := &sink{fail: always(errors.New("away"))}
	s := open(t, Config{Dir: dir, Sink: k.take})
	if err := s.Open(t.Context(), noon, 1, sampleDraft("opened")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), sampleEntry("appended")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.segmentPath(0))
	if err != nil {
		t.Fatal(err)
	}
	if ids, damage, _ := walked(b, 0, false); !slices.Equal(ids, []string{"opened", "appended"}) || damage != nil {
		t.Errorf("on disk: %v, %v", ids, damage)
	}
	k.setFail(nil)
	closeSpool(t, s)
}

func TestCallsThatCannotBeSaved(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take})
	huge := sampleEntry("huge")
	huge.Error = strings.Repeat("x", maxPayload)
	if err := s.Append(t.Context(), huge); !errors.Is(err, ErrSize) {
		t.Errorf("huge: %v", err)
	}
	for _, id := range []string{"", strings.Repeat("x", maxID+1)} {
		if err := s.Open(t.Context(), noon, 1, sampleDraft(id)); !errors.Is(err, ErrNoID) {
			t.Errorf("id of %d bytes: %v", len(id), err)
		}
	}
	// An entry without a call id, or with an absurd one, is an entry all the same.
	for _, id := range []string{"", strings.Repeat("y", maxID+1)} {
		if err := s.Append(t.Context(), sampleEntry(id)); err != nil {
			t.Error(err)
		}
	}
	flush(t, s)
	if got := k.taken(); len(got) != 2 || len(got[1].CallID) != maxID+1 {
		t.Errorf("%d entries", len(got))
	}
	closeSpool(t, s)
	if err := s.Append(t.Context(), sampleEntry("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Open(t.Context(), noon, 1, sampleDraft("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if st := s.Stats(); st.Lost != 2 {
		t.Errorf("lost %d, want the huge one and the late one", st.Lost)
	}
}

// The client is gone, its context with it: the entry is saved all the same.
func TestCancelledContextDoesNotTakeAnEntryBack(t *testing.T) {
	k := &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, sampleEntry("a")); err != nil {
		t.Error(err)
	}
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, []string{"a"}) {
		t.Error(got)
	}
	closeSpool(t, s)
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	k := &sink{fail: func([]policy.Entry) error { return &BadEntry{Err: errors.New("no")} }}
	s := open(t, Config{Dir: dir, Sink: k.take})
	if err := s.Append(t.Context(), sampleEntry("a")); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	s.damage(5, []byte("x"), "test")
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 { // lock, cursor, segment, rejected, damaged
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, _ := f.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %s", f.Name(), info.Mode())
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %s", info.Mode())
	}
	closeSpool(t, s)
}

func always(err error) func([]policy.Entry) error {
	return func([]policy.Entry) error { return err }
}
