package spool

// refuses notes that the disk did not take a write. The caller holds mu.
func (s *Spool) refuses(err error) {
	s.failing = err
	s.stats.WriteErrors++
	s.stats.LastWriteError = err.Error()
	if !s.stats.DiskFailing {
		s.stats.DiskFailing = true
		s.log.Error("the disk refuses writes; entries wait in memory", "err", err)
	}
	signal(s.wake)
}

// refused keeps a record that is not in the log, if it can be kept. The caller
// holds mu.
func (s *Spool) refused(r *record, err error) {
	switch {
	case r.kind == kindOpen:
		if !r.carry && s.openings[r.id()] == r.op {
			s.forget(r.id())
		}
		r.err = &NotSaved{Err: err}
	case r.kind == kindEntry && s.kept >= s.cfg.MaxUnsaved:
		// Its request stays open, so that the next start makes a row of it.
		if r.op != nil && r.op.saved {
			s.openings[r.id()] = r.op
			s.opened += int64(r.op.record.size())
		}
		s.stats.Lost++
		s.log.Error("an entry is lost", "call_id", r.id(), "err", ErrFull, "disk", err)
		r.err = &NotSaved{Err: ErrFull}
	case r.kind == kindEntry:
		s.stats.Appended++
		s.refusals++
		s.kept++
		s.unsaved = append(s.unsaved, r)
		r.err = &NotSaved{Kept: true, Err: err}
	case len(s.unsaved) < 2*s.cfg.MaxUnsaved: // a void; without it, one estimated row too many
		s.unsaved = append(s.unsaved, r)
	}
}

// mend writes to the log what the disk had refused. The caller holds the token.
func (s *Spool) mend() error {
	for {
		s.mu.Lock()
		if len(s.unsaved) == 0 {
			s.failing = nil // the next caller finds out
		}
		if s.failing == nil {
			s.mu.Unlock()
			return nil
		}
		todo := s.unsaved[:len(s.unsaved):len(s.unsaved)]
		s.mu.Unlock()

		err := s.writer.write(todo)

		s.mu.Lock()
		n := 0
		for n < len(todo) && todo[n].saved {
			if todo[n].kind == kindEntry {
				s.kept--
				s.stats.Appended-- // it was counted when it was kept
			}
			s.accepted(todo[n])
			n++
		}
		s.unsaved = s.unsaved[n:]
		s.moved = s.end
		s.broadcast()
		if err != nil {
			s.refuses(err)
			s.mu.Unlock()
			return err
		}
		s.mu.Unlock()
	}
}
