package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func kept(err error) bool {
	var e *NotSaved
	return errors.As(err, &e) && e.Kept
}

// appendAll appends entries whatever becomes of them on disk.
func appendAll(t testing.TB, s *Spool, from, to int) (ids []string, refused int) {
	t.Helper()
	for i := from; i < to; i++ {
		id := fmt.Sprintf("%05d", i)
		ids = append(ids, id)
		if err := s.Append(t.Context(), sampleEntry(id)); kept(err) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return ids, refused
}

func TestFullDiskWithTheDatabaseThere(t *testing.T) {
	d, k, dir := roomyDisk(), &sink{}, t.TempDir()
	s := open(t, Config{Dir: dir, Sink: k.take, create: d.create, SegmentBytes: 4 << 10})
	d.set(func() { d.room = 3000 })
	ids, refused := appendAll(t, s, 0, 50)
	if refused < 40 {
		t.Errorf("only %d were refused", refused)
	}
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v", got)
	}
	if st := s.Stats(); st.Pending != 0 || st.InMemory != 0 || st.WriteErrors == 0 || st.LastWriteError == "" || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
	d.set(func() { d.room = 1 << 40 })
	more, _ := appendAll(t, s, 50, 60)
	eventually(t, "the disk takes writes", func() bool {
		e := sampleEntry("probe")
		return s.Append(t.Context(), e) == nil
	})
	flush(t, s)
	if got := k.ids()[50:60]; !slices.Equal(got, more) {
		t.Errorf("got %v", got)
	}
	if err := s.Health(); err != nil {
		t.Error(err)
	}
	closeSpool(t, s)
}

// Disk and database are both away; the disk comes back first, and holds all
// when the process is killed.
func TestFullDiskWithTheDatabaseAway(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(d *disk)
	}{
		{"no room", func(d *disk) { d.room = 2500 }},
		{"no room, and nothing can be cut", func(d *disk) { d.room, d.noCut = 2500, true }},
		{"no new file", func(d *disk) { d.noCreate = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, k, dir := roomyDisk(), &sink{fail: always(errAway)}, t.TempDir()
			s := open(t, Config{Dir: dir, Sink: k.take, create: d.create, SegmentBytes: 1500, BatchMax: 10})
			d.set(func() { c.spoil(d) })
			ids, refused := appendAll(t, s, 0, 50)
			if refused == 0 {
				t.Error("none was refused")
			}
			eventually(t, "it is unwell", func() bool { st := s.Stats(); return st.DiskFailing && st.SinkFailing })
			if st := s.Stats(); st.Pending != 50 || st.InMemory != refused {
				t.Errorf("%+v", st)
			}
			d.set(func() { d.room, d.noCreate, d.noCut = 1<<40, false, false })
			eventually(t, "all is on disk", func() bool { return s.Stats().InMemory == 0 })
			if st := s.Stats(); st.Pending != 50 || st.Appended != 50 || st.DiskFailing {
				t.Errorf("%+v", st)
			}
			more, refused := appendAll(t, s, 50, 55)
			if refused != 0 {
				t.Errorf("%d refused, though the disk is back", refused)
			}
			abandon(s)

			k2 := &sink{}
			s = open(t, Config{Dir: dir, Sink: k2.take})
			flush(t, s)
			if got := k2.ids(); !slices.Equal(got, append(ids, more...)) {
				t.Errorf("got %v", got)
			}
			if st := s.Stats(); st.Damaged+st.Torn != 0 {
				t.Errorf("%+v", st)
			}
			closeSpool(t, s)
		})
	}
}

// abandon stops a spool as a kill does, as far as that goes within a process.
func abandon(s *Spool) {
	s.stop()
	<-s.drainer
	<-s.syncer
	s.lock.Close()
}

func TestMemoryForAFullDiskIsBounded(t *testing.T) {
	d, k, dir := roomyDisk(), &sink{fail: always(errAway)}, t.TempDir()
	s := open(t, Config{Dir: dir, Sink: k.take, create: d.create, MaxUnsaved: 10, DrainDeadline: time.Millisecond})
	if err := s.Open(t.Context(), noon, 10, sampleDraft("00011")); err != nil {
		t.Fatal(err)
	}
	d.set(func() { d.room = 0 })
	if _, refused := appendAll(t, s, 0, 10); refused != 10 {
		t.Errorf("%d refused", refused)
	}
	for i := 10; i < 12; i++ {
		if err := s.Append(t.Context(), sampleEntry(fmt.Sprintf("%05d", i))); !errors.Is(err, ErrFull) || kept(err) {
			t.Errorf("got %v", err)
		}
	}
	if st := s.Stats(); st.Lost != 2 || st.InMemory != 10 || st.Underway != 1 {
		t.Errorf("%+v", st)
	}
	if err := s.Close(t.Context()); err == nil {
		t.Error("Close says nothing of ten entries that are nowhere")
	}

	// The entry that had no place was opened: it gets its row after all.
	k2 := &sink{}
	s = open(t, Config{Dir: dir, Sink: k2.take})
	flush(t, s)
	if got := k2.taken(); len(got) != 1 || got[0].CallID != "00011" || got[0].Usage.Source != policy.UsageEstimated {
		t.Errorf("got %+v", got)
	}
	closeSpool(t, s)
}

func TestOpenOnAFullDisk(t *testing.T) {
	d, k, dir := roomyDisk(), &sink{}, t.TempDir()
	s := open(t, Config{Dir: dir, Sink: k.take, create: d.create})
	if err := s.Open(t.Context(), noon, 10, sampleDraft("before")); err != nil {
		t.Fatal(err)
	}
	d.set(func() { d.room = 100 })
	for _, id := range []string{"a", "b"} {
		var e *NotSaved
		if err := s.Open(t.Context(), noon, 10, sampleDraft(id)); !errors.As(err, &e) || e.Kept || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
	}
	if st := s.Stats(); st.Underway != 1 {
		t.Errorf("%+v", st)
	}
	// Its entry reaches the sink from memory alone; the log still says it is open.
	if err := s.Append(t.Context(), sampleEntry("before")); err != nil && !kept(err) {
		t.Errorf("got %v", err)
	}
	flush(t, s)
	d.set(func() { d.room = 1 << 40 })
	eventually(t, "the log is told that it is closed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.unsaved) == 0
	})
	abandon(s)

	k2 := &sink{}
	s = open(t, Config{Dir: dir, Sink: k2.take})
	flush(t, s)
	if got := k2.taken(); len(k.ids()) != 1 || len(got) != 0 && got[0].Usage.Source == policy.UsageEstimated {
		t.Errorf("first run %v, second %+v", k.ids(), got)
	}
	closeSpool(t, s)
}

// The kernel holds a write: who waits behind it gives up with its context.
func TestStalledDisk(t *testing.T) {
	d, k, dir := roomyDisk(), &sink{}, t.TempDir()
	s := open(t, Config{Dir: dir, Sink: k.take, create: d.create})
	stall := make(chan struct{})
	d.set(func() { d.stall = stall })
	first := make(chan error)
	go func() { first <- s.Append(context.Background(), sampleEntry("first")) }()
	<-d.stalled

	tooSlow := errors.New("too slow")
	short := func() context.Context {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, tooSlow)
		t.Cleanup(cancel)
		return ctx
	}
	if err := s.Append(short(), sampleEntry("second")); !kept(err) || !errors.Is(err, tooSlow) {
		t.Errorf("second: %v", err)
	}
	for _, id := range []string{"third", "fourth"} {
		if err := s.Open(short(), noon, 1, sampleDraft(id)); !errors.Is(err, tooSlow) || kept(err) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if st := s.Stats(); st.Underway != 0 {
		t.Errorf("%+v", st)
	}
	d.set(func() { d.stall = nil })
	close(stall)
	if err := <-first; err != nil {
		t.Errorf("first: %v", err)
	}
	eventually(t, "both entries arrive", func() bool { return slices.Equal(k.ids(), []string{"first", "second"}) })
	closeSpool(t, s)

	// The two that were told that they failed have no row.
	s = open(t, Config{Dir: dir, Sink: k.take})
	flush(t, s)
	if got := k.ids(); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	closeSpool(t, s)
}

// A real file system that is really full.
func TestFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	k := &sink{fail: always(errAway)}
	s := open(t, Config{Dir: dir, Sink: k.take, SegmentBytes: 32 << 10})
	ids, refused := appendAll(t, s, 0, 1000)
	if refused < 100 || refused > 900 {
		t.Errorf("%d of 1000 were refused", refused)
	}
	k.setFail(nil)
	flush(t, s)
	if got := k.ids(); !slices.Equal(got, ids) {
		t.Errorf("%d entries", len(got))
	}
	// Draining has made the room it needs.
	eventually(t, "the disk takes writes", func() bool { return s.Append(t.Context(), sampleEntry("probe")) == nil })
	closeSpool(t, s)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 { // cursor and lock
		t.Errorf("left: %v, %v", left, err)
	}
}
