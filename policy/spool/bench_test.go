package spool

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
)

// BenchmarkAppend is one caller after the other, with a Sink that takes all.
func BenchmarkAppend(b *testing.B) {
	s := benchSpool(b)
	e := sampleEntry("01234567-89ab-cdef-0123-456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendSinkAway is the caller's part alone: nothing is drained.
func BenchmarkAppendSinkAway(b *testing.B) {
	s, err := New(Config{
		Dir: b.TempDir(), Log: quiet, Sink: (&sink{fail: always(errAway)}).take,
		Retry: Backoff{time.Hour, time.Hour}, DrainDeadline: time.Millisecond,
	})
	if err != nil {
		b.Fatal(err)
	}
	e := sampleEntry("01234567-89ab-cdef-0123-456789abcdef")
	before := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
	closeSpool(b, s)
}

// BenchmarkRequest is what a request pays: Open, then Append.
func BenchmarkRequest(b *testing.B) {
	s := benchSpool(b)
	ids := make([]string, 1024)
	for i := range ids {
		ids[i] = fmt.Sprintf("01234567-89ab-cdef-0123-%012x", i)
	}
	draft := sampleDraft("")
	e := sampleEntry("")
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		draft.Entry.CallID, e.CallID = ids[i%len(ids)], ids[i%len(ids)]
		i++
		if err := s.Open(b.Context(), e.ReservedAt, 100, draft); err != nil {
			b.Fatal(err)
		}
		if err := s.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendConcurrent is 64 callers at once: their writes are grouped.
func BenchmarkAppendConcurrent(b *testing.B) {
	s := benchSpool(b)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := sampleEntry("01234567-89ab-cdef-0123-456789abcdef")
		for pb.Next() {
			if err := s.Append(context.Background(), e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := sampleEntry("01234567-89ab-cdef-0123-456789abcdef")
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		buf = codec.AppendEntry(buf[:0], &e)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecode(b *testing.B) {
	e := sampleEntry("01234567-89ab-cdef-0123-456789abcdef")
	buf := codec.AppendEntry(nil, &e)
	b.ReportAllocs()
	for b.Loop() {
		var got policy.Entry
		if err := codec.ReadEntry(string(buf), &got); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuTime is what the process used: unlike the clock it is not disturbed by the
// neighbours, and it includes the drainer.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchSpool(b *testing.B) *Spool {
	var taken atomic.Int64
	s, err := New(Config{Dir: b.TempDir(), Log: quiet, Sink: func(_ context.Context, entries []policy.Entry) error {
		taken.Add(int64(len(entries)))
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	before := cpuTime(b)
	b.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			b.Error(err)
		}
		b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		if st := s.Stats(); st.Appended != taken.Load() {
			b.Errorf("appended %d, the sink took %d: %+v", st.Appended, taken.Load(), st)
		}
	})
	return s
}
