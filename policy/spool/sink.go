package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/purser/purser/policy"
)

// BadEntry is the error of a Sink that refuses a batch because of what is in it,
// so that trying again cannot help. Where the Sink knows which entry it is,
// CallID says so, and saves the search.
type BadEntry struct {
	CallID string // "": one of the batch
	Err    error
}

func (e *BadEntry) Error() string {
	if e.CallID == "" {
		return "bad entry: " + e.Err.Error()
	}
	return "bad entry " + e.CallID + ": " + e.Err.Error()
}

func (e *BadEntry) Unwrap() error { return e.Err }

// send hands entries to the Sink. The first n are done with: taken, or rejected.
func (s *Spool) send(ctx context.Context, entries []policy.Entry) (n int, err error) {
	if len(entries) == 0 {
		return 0, nil
	}
	err = s.callSink(ctx, entries)
	var bad *BadEntry
	switch {
	case err == nil:
		s.mu.Lock()
		s.stats.Drained += int64(len(entries))
		s.mu.Unlock()
		return len(entries), nil
	case !errors.As(err, &bad):
		return 0, err
	case len(entries) == 1:
		s.reject(entries[0], err)
		return 1, nil
	}
	cuts := []int{0, len(entries) / 2, len(entries)}
	for i := range entries {
		if bad.CallID != "" && entries[i].CallID == bad.CallID {
			cuts = []int{0, i, i + 1, len(entries)}
			break
		}
	}
	for i := range cuts[1:] {
		m, err := s.send(ctx, entries[cuts[i]:cuts[i+1]])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// callSink turns a panic into a bad entry: it would come again with the same
// batch, and take the whole process each time.
func (s *Spool) callSink(ctx context.Context, entries []policy.Entry) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.SinkTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = &BadEntry{Err: fmt.Errorf("the sink panicked: %v", p)}
		}
	}()
	return s.cfg.Sink(ctx, entries)
}

// sinkFailed and sinkWorks log the change, and that it lasts, not each try.
func (s *Spool) sinkFailed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock()
	s.stats.SinkErrors++
	s.stats.LastSinkError = err.Error()
	if s.stats.SinkFailing && now.Sub(s.sinkTold) < time.Minute {
		return
	}
	s.stats.SinkFailing, s.sinkTold = true, now
	s.log.Warn("the sink does not take entries; they wait", "err", err, "pending", s.pending, "in_memory", s.kept)
}

func (s *Spool) sinkWorks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.SinkFailing {
		s.stats.SinkFailing = false
		s.log.Info("the sink takes entries again", "pending", s.pending)
	}
}
