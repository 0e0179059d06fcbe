package spool

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTolerantServesOnAFullDisk(t *testing.T) {
	d, k := roomyDisk(), &sink{}
	s := open(t, Config{Dir: t.TempDir(), Sink: k.take, create: d.create, MaxUnsaved: 1, BatchWait: time.Hour})
	tolerant := Tolerant{s}
	d.set(func() { d.room = 0 })
	if err := tolerant.Open(t.Context(), noon, 1, sampleDraft("a")); err != nil {
		t.Errorf("Open: %v", err)
	}
	if err := tolerant.Append(t.Context(), sampleEntry("a")); err != nil {
		t.Errorf("Append: %v", err)
	}
	if s.Health() == nil {
		t.Error("and nobody knows")
	}
	// What is lost is an error for everybody.
	if err := tolerant.Append(t.Context(), sampleEntry("b")); !errors.Is(err, ErrFull) {
		t.Errorf("Append: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tolerant.Open(over, noon, 1, sampleDraft("c")); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if err := tolerant.Open(t.Context(), noon, 1, sampleDraft("")); !errors.Is(err, ErrNoID) {
		t.Errorf("Open: %v", err)
	}
	flush(t, s)
	if got := k.ids(); len(got) != 1 || got[0] != "a" {
		t.Errorf("got %v", got)
	}
	closeSpool(t, s)
}
