package spool

import (
	"errors"
	"testing"
	"time"
)

// syncs counts what reaches the disk beneath the page cache.
func syncs(d *disk) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

func TestFileInUseIsSyncedOnTime(t *testing.T) {
	d, k := roomyDisk(), &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, create: d.create, Sync: time.Millisecond, BatchWait: time.Hour})
	for i := range 3 {
		before := syncs(d)
		appendIDs(t, s, i, i+1)
		eventually(t, "it is synced", func() bool { return syncs(d) > before })
	}
	closeSpool(t, s)
}

func TestFullSegmentsAreSynced(t *testing.T) {
	d, k := roomyDisk(), &sink{fail: always(errAway)}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, create: d.create, SegmentBytes: 1, BatchWait: time.Hour})
	appendIDs(t, s, 0, 5)
	eventually(t, "each is synced", func() bool { return syncs(d) == 5 })
	s.mu.Lock()
	waiting := len(s.unsynced)
	s.mu.Unlock()
	if waiting != 0 {
		t.Errorf("%d wait", waiting)
	}
	k.setFail(nil)
	closeSpool(t, s)
}

func TestFailedSyncShows(t *testing.T) {
	d, k := roomyDisk(), &sink{}
	d.noSync = errors.New("i/o error")
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, create: d.create, Sync: time.Millisecond})
	appendIDs(t, s, 0, 1)
	eventually(t, "it is counted", func() bool { st := s.Stats(); return st.WriteErrors > 0 && st.LastWriteError == "i/o error" })
	closeSpool(t, s)
}
