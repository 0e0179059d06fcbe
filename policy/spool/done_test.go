package spool

import (
	"fmt"
	"testing"
)

// A request whose row is safe elsewhere leaves none, and no file, behind.
func TestDoneLeavesNothing(t *testing.T) {
	dir, k := t.TempDir(), &sink{}
	const segment = 8 << 10
	s := open(t, Config{Dir: dir, Sink: k.take, SegmentBytes: segment})
	for i := range 300 {
		id := fmt.Sprintf("%05d", i)
		if err := s.Open(t.Context(), noon, 77, sampleDraft(id)); err != nil {
			t.Fatal(err)
		}
		if err := s.Done(t.Context(), id, "nobody"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Open(t.Context(), noon, 77, sampleDraft("left")); err != nil {
		t.Fatal(err)
	}
	if n := s.Stats().Underway; n != 1 {
		t.Errorf("%d under way", n)
	}
	eventually(t, "full segments are removed though nothing was drained", func() bool { return s.Stats().Bytes <= 4*segment })
	abandon(s)

	s = open(t, Config{Dir: dir, Sink: k.take})
	flush(t, s)
	if got := k.ids(); len(got) != 1 || got[0] != "left" {
		t.Errorf("got rows of %v", got)
	}
	closeSpool(t, s)
}
