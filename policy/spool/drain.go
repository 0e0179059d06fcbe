package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
)

// readChunk is how much of a segment is read at once.
const readChunk = 1 << 20

// drain is the life of the drainer: the one goroutine that reads the log, calls
// the Sink, moves the cursor, removes segments, and brings to disk what the disk
// had refused.
func (s *Spool) drain(ctx context.Context) {
	defer close(s.drainer)
	s.compact()
	pause, size := s.cfg.Retry.Min, s.cfg.BatchMax
	for ctx.Err() == nil {
		s.mu.Lock()
		failing := s.failing != nil
		s.mu.Unlock()
		if failing {
			select {
			case s.token <- struct{}{}:
				_ = s.mend()
				<-s.token
			case <-ctx.Done():
			}
		}
		if !s.gather(ctx) {
			s.skip()
			continue
		}
		if err := s.step(ctx, size); err != nil {
			s.sinkFailed(err)
			s.sleep(ctx, pause-time.Duration(float64(pause)*s.cfg.Rand()/2))
			pause = min(2*pause, s.cfg.Retry.Max)
			size = max(size/2, 1) // it may have been too much for the time there is
			continue
		}
		pause, size = s.cfg.Retry.Min, min(2*size, s.cfg.BatchMax)
		s.sinkWorks()
	}
}

// gather waits until a batch is worth sending: it is full, or has waited long
// enough, or somebody waits for it. It is false when there is nothing to send, yet.
func (s *Spool) gather(ctx context.Context) bool {
	t := time.NewTimer(s.cfg.BatchWait)
	defer t.Stop()
	for {
		s.mu.Lock()
		waiting := s.pending + int64(s.kept)
		urgent := s.flushing > 0 || s.closed || waiting >= int64(s.cfg.BatchMax)
		failing := s.failing != nil
		s.mu.Unlock()
		switch {
		case waiting == 0 && failing:
			s.sleep(ctx, s.cfg.DiskRetry)
			return false
		case waiting == 0:
			s.sleep(ctx, 0)
			return false
		case urgent:
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.wake: // perhaps it is urgent now
		case <-t.C:
			return true
		}
	}
}

// sleep waits for a wake or, with d > 0, for d at most.
func (s *Spool) sleep(ctx context.Context, d time.Duration) {
	var timeout <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-timeout:
	}
}

// step hands one batch to the Sink: of the log, and when that is drained, of
// what the disk refused.
func (s *Spool) step(ctx context.Context, size int) error {
	s.mu.Lock()
	from, limit, inLog := s.drained, s.end, s.pending > 0
	s.mu.Unlock()
	if !inLog {
		return s.stepUnsaved(ctx, size)
	}
	b, err := s.read(from, limit, size)
	if err != nil && len(b.entries) == 0 {
		return fmt.Errorf("read the log: %w", err)
	}
	if len(b.entries) > 0 {
		s.mu.Lock()
		s.oldest = b.times[0]
		s.mu.Unlock()
	}
	n, err := s.send(ctx, b.entries)
	to := b.end
	if n < len(b.entries) {
		to = from
		if n > 0 {
			to = b.ends[n-1]
		}
	}
	s.advance(to, n)
	return err
}

// advance notes that n entries, all there are before position to, are done with.
func (s *Spool) advance(to int64, n int) {
	s.mu.Lock()
	if s.stopped || to <= s.drained {
		s.mu.Unlock()
		return
	}
	s.drained = to
	s.pending = max(s.pending-int64(n), 0)
	if to == s.end {
		s.pending = 0 // damaged entries were counted, and will never come
	}
	s.broadcast()
	s.mu.Unlock()
	if err := s.cursor.store(to); err != nil {
		s.noteSync(err)
	}
	s.compact()
}

// skip moves on over full segments that hold no entry to drain: of requests that
// were opened and whose rows went another way.
func (s *Spool) skip() {
	s.mu.Lock()
	to := s.end
	idle := s.pending == 0 && s.kept == 0 && s.drained < to && len(s.segments) > 0 && s.segments[0].closed
	s.mu.Unlock()
	if idle {
		s.advance(to, 0)
	}
}

// stepUnsaved hands the Sink entries that are only in memory.
func (s *Spool) stepUnsaved(ctx context.Context, size int) error {
	s.mu.Lock()
	var records []*record
	for _, r := range s.unsaved {
		if r.kind == kindEntry && len(records) < size {
			records = append(records, r)
		}
	}
	s.mu.Unlock()
	entries := make([]policy.Entry, len(records))
	for i, r := range records {
		if err := codec.ReadEntry(string(r.payload[r.idLen:]), &entries[i]); err != nil {
			return err // cannot be: Append wrote it
		}
	}
	n, err := s.send(ctx, entries)
	if n == 0 {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return err
	}
	done := records[:n]
	rest := make([]*record, 0, len(s.unsaved))
	for _, r := range s.unsaved {
		if len(done) == 0 || r != done[0] {
			rest = append(rest, r)
			continue
		}
		done = done[1:]
		if r.op != nil && r.op.saved {
			// The log says that the call is under way. Once the disk takes it, say that it is not.
			rest = append(rest, newRecord(kindVoid, r.id(), r.at, 0).seal())
		}
	}
	s.unsaved = rest
	s.kept -= n
	s.broadcast()
	return err
}

// batch is a part of the log: its entries, and how far each reaches.
type batch struct {
	entries []policy.Entry
	ends    []int64
	times   []int64
	end     int64 // behind the last record looked at, whatever it was
}

// read decodes up to size entries between two positions. With an error the
// batch holds what came before it. It is good until the next read.
func (s *Spool) read(from, limit int64, size int) (batch, error) {
	clear(s.scratch.entries) // their strings hold on to a good deal
	b := batch{s.scratch.entries[:0], s.scratch.ends[:0], s.scratch.times[:0], from}
	defer func() { s.scratch = b }()
	chunk := int64(readChunk)
	for b.end < limit && len(b.entries) < size {
		seg, ok := s.segmentBehind(b.end)
		if !ok {
			b.end = limit
			break
		}
		start := max(b.end, seg.base)
		stop := min(seg.end, limit)
		s.readBuf = slices.Grow(s.readBuf[:0], int(min(chunk, stop-start)))
		buf := s.readBuf[:min(chunk, stop-start)]
		more := start+int64(len(buf)) < stop
		switch n, err := readAt(s.segmentPath(seg.base), buf, start-seg.base); {
		case errors.Is(err, fs.ErrNotExist):
			s.damageOnce(start, nil, "a segment is gone")
			b.end = stop
			continue
		case errors.Is(err, io.EOF):
			s.damageOnce(start+int64(n), nil, "a segment has lost its end")
			buf, more = buf[:n], false
		case err != nil:
			return b, err
		}
		visited := false
		end := walk(buf, start, more, func(f frame) bool {
			visited = true
			b.end = f.end
			if f.kind == kindEntry {
				var e policy.Entry
				if err := codec.ReadEntry(string(f.body), &e); err != nil {
					s.damageOnce(f.start, buf[f.start-start:f.end-start], "an entry: "+err.Error())
					return true
				}
				b.entries, b.ends, b.times = append(b.entries, e), append(b.ends, f.end), append(b.times, f.at)
			}
			return len(b.entries) < size
		}, func(from, to int64) {
			s.damageOnce(from, buf[from-start:to-start], "no record")
		})
		switch {
		case len(b.entries) >= size:
			return b, nil
		case more && !visited:
			chunk *= 2 // one long record, or damage that goes on
		case more:
			chunk = readChunk
		case end < start+int64(len(buf)):
			s.damageOnce(end, buf[end-start:], "no record")
			fallthrough
		default:
			b.end = stop
		}
	}
	return b, nil
}

// segmentBehind finds the first segment with something behind pos.
func (s *Spool) segmentBehind(pos int64) (segment, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.segments, func(seg segment) bool { return seg.end > pos })
	if i < 0 {
		return segment{}, false
	}
	return s.segments[i], true
}

func readAt(path string, b []byte, off int64) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(b, off)
}

// damageOnce reports damage that neither the start nor an earlier try has
// reported. Only the drainer calls it.
func (s *Spool) damageOnce(pos int64, b []byte, what string) {
	if pos >= s.told {
		s.told = pos + 1
		s.damage(pos, b, what)
	}
}
