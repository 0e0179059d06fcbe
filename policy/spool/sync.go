package spool

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"
)

// unsynced is a segment that is full, still to be synced and closed.
type unsynced struct {
	base int64
	file file
}

// sync brings the log to the disk beneath the page cache, where neither callers
// nor the drainer have to wait for it.
func (s *Spool) sync(ctx context.Context) {
	defer close(s.syncer)
	var tick <-chan time.Time
	if s.cfg.Sync > 0 {
		t := time.NewTicker(s.cfg.Sync)
		defer t.Stop()
		tick = t.C
	}
	for {
		periodic := false
		select {
		case <-ctx.Done():
			return
		case <-s.wakeSyncer:
		case <-tick:
			periodic = true
		}
		s.mu.Lock()
		full, names := s.unsynced, s.newFiles
		s.unsynced, s.newFiles = nil, false
		active, dirty := s.active, s.dirty
		if periodic {
			s.dirty = false
		}
		s.mu.Unlock()
		for _, f := range full {
			s.noteSync(s.syncAndClose(f))
		}
		if periodic && dirty && active != nil {
			// The segment may be finished meanwhile; it is closed here and nowhere else.
			s.noteSync(active.Sync())
			s.noteSync(s.cursor.file.Sync())
		}
		if names {
			s.noteSync(syncDir(s.cfg.Dir))
		}
	}
}

// syncAndClose skips the sync of a segment that is already drained and removed.
func (s *Spool) syncAndClose(f unsynced) (err error) {
	if _, gone := os.Stat(s.segmentPath(f.base)); gone == nil {
		err = f.file.Sync()
	}
	return errors.Join(err, f.file.Close())
}

func (s *Spool) noteSync(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.WriteErrors++
	s.stats.LastWriteError = err.Error()
	s.log.Error("the spool could not be synced: power loss may take entries", "err", err)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// syncFrom syncs every segment that holds something behind pos. Any descriptor
// of a file syncs all of it.
func (s *Spool) syncFrom(pos int64) error {
	s.mu.Lock()
	segments := slices.Clone(s.segments)
	s.mu.Unlock()
	for _, seg := range segments {
		if seg.end <= pos {
			continue
		}
		f, err := os.Open(s.segmentPath(seg.base))
		if err != nil {
			return err
		}
		err = f.Sync()
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return syncDir(s.cfg.Dir)
}
