package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// segment is one file of the log: the positions [base, end).
type segment struct {
	base, end int64
	closed    bool // nothing is written to it any more
}

const segmentSuffix = ".log"

func (s *Spool) segmentPath(base int64) string {
	return filepath.Join(s.cfg.Dir, fmt.Sprintf("%016x%s", base, segmentSuffix))
}

// listSegments finds the segments in dir, oldest first.
func listSegments(dir string) ([]segment, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []segment
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), segmentSuffix)
		if !ok || len(name) != 16 {
			continue
		}
		base, err := strconv.ParseInt(name, 16, 64)
		if err != nil {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		found = append(found, segment{base, base + info.Size(), true})
	}
	slices.SortFunc(found, func(a, b segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return found, nil
}

// segmentStarted and segmentFinished are how the writer tells of its files.
func (s *Spool) segmentStarted(base int64, f file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = append(s.segments, segment{base: base, end: base})
	s.active, s.newFiles = f, true
}

func (s *Spool) segmentFinished(base, end int64, f file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.segments[len(s.segments)-1]
	last.end, last.closed = end, true
	s.active = nil
	s.unsynced = append(s.unsynced, unsynced{base, f})
	signal(s.wakeSyncer)
	signal(s.wake) // it may hold nothing to drain
}

// file is what the log asks of a file; *os.File does it.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// writer puts records at the end of the log. Only the holder of Spool.token may
// touch it.
type writer struct {
	create   func(path string) (file, error)
	path     func(base int64) string
	max      int64 // bytes of a segment
	started  func(base int64, f file)
	finished func(base, end int64, f file)

	file file // nil: the next record starts a segment
	base int64
	size int64
	torn bool // behind size lies part of a write that failed
	buf  []byte
}

// writeMax bounds one write(2), so that what a failure takes back is bounded.
const writeMax = 1 << 20

// write saves the records in order. On an error the first of them may be saved,
// and nothing of the others is left on disk.
func (w *writer) write(records []*record) error {
	for len(records) > 0 {
		if err := w.ready(); err != nil {
			return err
		}
		w.buf = w.buf[:0]
		n := 0
		for n < len(records) && (n == 0 || len(w.buf) < writeMax && w.size+int64(len(w.buf)) < w.max) {
			w.buf = records[n].appendFrame(w.buf, w.base+w.size+int64(len(w.buf)))
			n++
		}
		if _, err := w.file.WriteAt(w.buf, w.size); err != nil {
			// Whole records may lie in what was written, and nobody will be told that they do.
			w.torn = true
			if w.cutTorn() == nil && w.size > 0 {
				w.finish() // this file may be the trouble (EFBIG): the next try has its own
			}
			return err
		}
		for _, r := range records[:n] {
			r.pos, r.saved = w.base+w.size, true
			w.size += int64(r.size())
		}
		records = records[n:]
		if w.size >= w.max {
			w.finish()
		}
		if cap(w.buf) > 4*writeMax {
			w.buf = nil
		}
	}
	return nil
}

func (w *writer) ready() error {
	if w.file != nil {
		return w.cutTorn()
	}
	f, err := w.create(w.path(w.base))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("a segment that nobody here wrote: %w", err)
	}
	if err != nil {
		return err
	}
	w.file = f
	w.started(w.base, f)
	return nil
}

func (w *writer) cutTorn() error {
	if !w.torn {
		return nil
	}
	if err := w.file.Truncate(w.size); err != nil {
		return err
	}
	w.torn = false
	return nil
}

// finish ends the segment. The file is synced and closed elsewhere: that takes
// milliseconds, and a caller is waiting here.
func (w *writer) finish() {
	w.finished(w.base, w.base+w.size, w.file)
	w.base, w.size, w.file = w.base+w.size, 0, nil
}
