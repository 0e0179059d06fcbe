package spool

import (
	"errors"
	"io/fs"
	"os"
)

// compact removes the segments that are drained, oldest first: a younger one may
// hold the entry that closes a request opened in an older. Requests still under way
// are written again at the end of the log first. That waits until it pays: with
// many requests under way, each pass over the log would only move them around.
func (s *Spool) compact() {
	for {
		s.mu.Lock()
		if len(s.segments) == 0 || !s.segments[0].closed || s.segments[0].end > s.drained {
			s.mu.Unlock()
			return
		}
		oldest, end := s.segments[0], s.end
		var live []*record
		for _, op := range s.openings {
			if op.saved && op.pos < oldest.end {
				r := *op.record
				r.op, r.carry, r.saved, r.err = op, true, false, nil
				live = append(live, &r)
			}
		}
		if len(live) > 0 && (s.failing != nil || end-oldest.base <= 4*s.opened+2*s.cfg.SegmentBytes) {
			s.mu.Unlock()
			return
		}
		var g *group
		lead := false
		for _, r := range live {
			gr, first := s.join(r)
			g, lead = gr, lead || first
		}
		s.mu.Unlock()

		if g != nil {
			if lead {
				s.leadLater(g)
			} else {
				<-g.done
			}
			for _, r := range live {
				if !r.saved {
					return
				}
			}
			if err := s.syncFrom(end); err != nil {
				s.noteSync(err)
				return
			}
		}
		if err := os.Remove(s.segmentPath(oldest.base)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.noteSync(err)
			return
		}
		s.mu.Lock()
		s.segments = s.segments[1:]
		s.mu.Unlock()
	}
}
