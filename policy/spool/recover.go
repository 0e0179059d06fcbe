package spool

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/purser/purser/policy/codec"
)

// recover reads what a former process left: how much there is to drain, and
// which requests were under way.
func (s *Spool) recover() error {
	var err error
	s.cursor, s.drained, err = openCursor(s.cursorPath())
	if errors.Is(err, errCursor) {
		s.log.Warn("draining starts again at the oldest segment", "err", err)
	} else if err != nil {
		return err
	}
	found, err := listSegments(s.cfg.Dir)
	if err != nil {
		return err
	}
	s.end = s.drained
	for i, seg := range found {
		if err := s.recoverSegment(seg, i == len(found)-1); err != nil {
			return err
		}
	}
	s.told, s.writer.base = s.end, s.end
	s.estimate()
	if s.pending == 0 && s.drained < s.end {
		s.drained = s.end
		return s.cursor.store(s.end)
	}
	return nil
}

func (s *Spool) recoverSegment(seg segment, last bool) error {
	path := s.segmentPath(seg.base)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := walk(b, seg.base, false, func(f frame) bool {
		s.recoverFrame(f)
		return true
	}, func(from, to int64) {
		s.damage(from, b[from-seg.base:to-seg.base], "no record")
	})
	if tail := b[end-seg.base:]; len(tail) > 0 {
		_, v := parseFrame(tail, end)
		if torn := v == short || len(bytes.Trim(tail, "\x00")) == 0; torn && last {
			s.stats.Torn++
			s.log.Info("a record that was never finished is cut off", "segment", path, "bytes", len(tail))
		} else {
			s.damage(end, tail, "no record")
		}
		if last {
			// Whoever reads the log later must not meet it again.
			if err := os.Truncate(path, end-seg.base); err != nil {
				return err
			}
			b = b[:end-seg.base]
		}
	}
	if len(b) == 0 {
		return os.Remove(path)
	}
	// New records start behind every byte there is, readable or not.
	s.end = max(s.end, seg.base+int64(len(b)))
	s.segments = append(s.segments, segment{seg.base, end, true})
	return nil
}

func (s *Spool) recoverFrame(f frame) {
	id := string(f.id)
	switch f.kind {
	case kindEntry:
		s.forget(id)
		if f.start >= s.drained {
			if s.pending == 0 {
				s.oldest = f.at
			}
			s.pending++
		}
	case kindVoid:
		s.forget(id)
	case kindOpen:
		s.forget(id)
		r := newRecord(kindOpen, id, f.at, len(f.body))
		r.payload = append(r.payload, f.body...)
		s.openings[id] = &opening{record: r.seal(), pos: f.start, saved: true}
		s.opened += int64(r.size())
	}
}

// estimate appends the rows of requests whose process died.
func (s *Spool) estimate() {
	left := slices.SortedFunc(maps.Values(s.openings), func(a, b *opening) int { return cmp.Compare(a.pos, b.pos) })
	if len(left) == 0 {
		return
	}
	s.log.Warn("requests were under way when their process ended: each is charged at its hold", "requests", len(left))
	now := s.cfg.Clock()
	var g *group
	s.mu.Lock()
	for _, op := range left {
		id := op.record.id()
		var u codec.Underway
		if err := codec.ReadUnderway(string(op.record.payload[op.record.idLen:]), &u); err != nil {
			s.forget(id)
			s.mu.Unlock()
			s.damage(op.pos, op.record.payload, "an open request: "+err.Error())
			s.mu.Lock()
			continue
		}
		e := u.Draft.Estimated(u.ReservedAt, u.Output, now)
		r := newRecord(kindEntry, id, now.UnixNano(), 1024)
		r.payload = codec.AppendEntry(r.payload, &e)
		r.op = s.forget(id)
		s.stats.Estimated++
		g, _ = s.join(r.seal())
	}
	s.mu.Unlock()
	if g != nil {
		s.leadLater(g) // what the disk refuses, memory keeps, or stays open for the next start
	}
}

// damage reports bytes of the log that cannot be read, and keeps them: each may
// be somebody's bill.
func (s *Spool) damage(pos int64, b []byte, what string) {
	s.mu.Lock()
	s.stats.Damaged++
	s.stats.DamagedBytes += int64(len(b))
	s.mu.Unlock()
	name := filepath.Join(s.cfg.Dir, fmt.Sprintf("damaged-%016x", pos))
	err := keepBytes(name, b)
	s.log.Error("a part of the spool cannot be read", "what", what, "position", pos, "bytes", len(b), "kept", name, "keep_err", err)
}

func keepBytes(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // seen by an earlier start
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
