package spool

import (
	"fmt"
	"slices"
	"testing"

	"github.com/purser/purser/policy/codec"
)

// A request of an hour among thousands of short ones keeps its record, and
// nothing else.
func TestLongRequestKeepsOnlyItsOwnRecord(t *testing.T) {
	dir, k := t.TempDir(), &sink{}
	const segment = 8 << 10
	s := open(t, Config{Dir: dir, Sink: k.take, SegmentBytes: segment, BatchMax: 20})
	if err := s.Open(t.Context(), noon, 77, sampleDraft("long")); err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		id := fmt.Sprintf("%05d", i)
		if err := s.Open(t.Context(), noon, 77, sampleDraft(id)); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), sampleEntry(id)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	eventually(t, "the log is short", func() bool { return s.Stats().Bytes <= 4*segment })
	s.mu.Lock()
	pos, first := s.openings["long"].pos, s.segments[0].base
	s.mu.Unlock()
	if pos == 0 || pos < first {
		t.Errorf("its record is at %d, the log begins at %d", pos, first)
	}
	abandon(s)

	k2 := &sink{}
	s = open(t, Config{Dir: dir, Sink: k2.take})
	flush(t, s)
	if got := k2.ids(); len(got) == 0 || got[len(got)-1] != "long" || s.Stats().Estimated != 1 {
		t.Errorf("got %v, %+v", got, s.Stats())
	}
	if got := k2.taken(); got[len(got)-1].Usage.Output != 154 {
		t.Errorf("got %+v", got[len(got)-1])
	}
	closeSpool(t, s)
}

// More requests under way than a segment holds: writing them again must not
// become all that the spool does.
func TestManyRequestsUnderWay(t *testing.T) {
	dir, k := t.TempDir(), &sink{}
	const segment = 8 << 10
	s := open(t, Config{Dir: dir, Sink: k.take, SegmentBytes: segment, BatchMax: 20})
	const under = 100 // about 50 KB
	for i := range under {
		if err := s.Open(t.Context(), noon, 1, sampleDraft(fmt.Sprintf("long-%03d", i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < 1000; i += 20 {
		appendIDs(t, s, i, i+20)
		flush(t, s)
	}
	s.mu.Lock()
	written, needed := s.end, s.opened+1000*int64(len(sampleBytes()))
	s.mu.Unlock()
	if written > 2*needed {
		t.Errorf("%d bytes were written for %d", written, needed)
	}
	eventually(t, "the log is bounded", func() bool { return s.Stats().Bytes <= 5*s.opened+4*segment })
	for i := range under {
		if err := s.Append(t.Context(), sampleEntry(fmt.Sprintf("long-%03d", i))); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	appendIDs(t, s, 1000, 1001)
	flush(t, s)
	eventually(t, "the log is short", func() bool { return s.Stats().Segments <= 1 })
	if st := s.Stats(); st.Underway != 0 || st.Drained != 1101 {
		t.Errorf("%+v", st)
	}
	abandon(s)
	s = open(t, Config{Dir: dir, Sink: k.take})
	if st := s.Stats(); st.Estimated != 0 {
		t.Errorf("%+v", st)
	}
	closeSpool(t, s)
}

func sampleBytes() []byte {
	e := sampleEntry("00000")
	r := newRecord(kindEntry, e.CallID, 0, 0)
	r.payload = codec.AppendEntry(r.payload, &e)
	return r.appendFrame(nil, 0)
}

func TestSegmentsAreNamedByPosition(t *testing.T) {
	dir := t.TempDir()
	k := &sink{fail: always(errAway)}
	s := open(t, Config{Dir: dir, Sink: k.take, SegmentBytes: 4 << 10})
	appendIDs(t, s, 0, 40)
	found, err := listSegments(dir)
	if err != nil || len(found) < 5 {
		t.Fatalf("%v, %v", found, err)
	}
	for i, seg := range found[1:] {
		if seg.base != found[i].end {
			t.Errorf("%v does not follow %v", seg, found[i])
		}
	}
	k.setFail(nil)
	flush(t, s)
	eventually(t, "what is drained is removed", func() bool {
		left, err := listSegments(dir)
		return err == nil && len(left) <= 1
	})
	if got := k.ids(); !slices.IsSorted(got) || len(got) != 40 {
		t.Errorf("got %v", got)
	}
	closeSpool(t, s)
}
