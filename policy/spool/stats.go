package spool

import (
	"errors"
	"fmt"
	"time"
)

// Stats is how a spool stands. The counts are since the process started.
type Stats struct {
	Pending   int64         // entries not in the Sink yet, on disk or in memory
	InMemory  int           // of Pending: those that the disk refused
	OldestAge time.Duration // of the first pending entry; 0: none is
	Underway  int           // requests opened and not closed
	Bytes     int64         // of the log's files
	Segments  int           // how many those are

	Appended  int64 // entries taken, on disk or in memory
	Drained   int64 // entries the Sink took
	Estimated int   // rows made of requests that a former process left under way
	Rejected  int64 // entries the Sink called bad: see rejected.jsonl
	Lost      int64 // entries refused: memory full, too large, or after Close

	WriteErrors  int64 // writes and syncs that failed
	SinkErrors   int64 // calls of the Sink that failed
	Damaged      int64 // stretches of the log that could not be read: see damaged-*
	DamagedBytes int64
	Torn         int64 // unfinished records cut off at the start

	DiskFailing    bool
	SinkFailing    bool
	LastWriteError string
	LastSinkError  string
}

// Stats of the spool now.
func (s *Spool) Stats() Stats {
	now := s.cfg.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Pending, st.InMemory = s.pending+int64(s.kept), s.kept
	st.Underway, st.Segments = len(s.openings), len(s.segments)
	for _, seg := range s.segments {
		st.Bytes += seg.end - seg.base
	}
	oldest := s.oldest
	if s.pending == 0 && s.kept > 0 {
		for _, r := range s.unsaved {
			if r.kind == kindEntry {
				oldest = r.at
				break
			}
		}
	}
	if st.Pending > 0 {
		st.OldestAge = max(now.Sub(time.Unix(0, oldest)), 0)
	}
	return st
}

// Health says what is wrong now, nil if nothing is. A Sink that fails is no
// reason to take the process out of service: entries wait on disk.
func (s *Spool) Health() error {
	st := s.Stats()
	var errs []error
	if st.DiskFailing {
		errs = append(errs, fmt.Errorf("spool: the disk refuses writes, %d entries are in memory only: %s", st.InMemory, st.LastWriteError))
	}
	if st.SinkFailing {
		errs = append(errs, fmt.Errorf("spool: %d entries wait for the sink, the oldest for %s: %s", st.Pending, st.OldestAge.Round(time.Second), st.LastSinkError))
	}
	return errors.Join(errs...)
}
