package spool

import (
	"context"
	"sync"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
)

// group is callers whose records go to disk in one write. The first of them
// leads: while it waits for the write before, others join.
type group struct {
	records []*record
	done    chan struct{}
}

// spare records of entries that are saved.
var spare = sync.Pool{New: func() any { return &record{payload: make([]byte, 0, 2048)} }}

// Append saves an entry and closes its call id. On a *NotSaved with Kept the
// entry will still reach the Sink if the process lives; on any other error it is
// lost to the spool. A ctx that is over before the call (the client has left) is
// as good as one with a second to go. Errors: *NotSaved, ErrClosed, ErrSize.
func (s *Spool) Append(ctx context.Context, e policy.Entry) error {
	id := e.CallID
	if len(id) > maxID {
		id = "" // no request was opened under it
	}
	r := spare.Get().(*record)
	*r = record{kind: kindEntry, idLen: len(id), at: s.cfg.Clock().UnixNano(), payload: append(r.payload[:0], id...)}
	r.payload = codec.AppendEntry(r.payload, &e)
	if ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		ctx = late
	}
	err := s.put(ctx, r, id)
	if err == nil {
		spare.Put(r) // on an error it is still in use: in memory, or being written
	}
	return err
}

// Open saves that a request is under way: it was reserved at reservedAt for an
// answer of at most output tokens. On an error nothing is remembered of it.
// Errors: *NotSaved, ErrClosed, ErrSize, ErrNoID.
func (s *Spool) Open(ctx context.Context, reservedAt time.Time, output int64, d policy.Draft) error {
	id := d.Entry.CallID
	if id == "" || len(id) > maxID {
		return ErrNoID
	}
	if ctx.Err() != nil {
		return &NotSaved{Err: context.Cause(ctx)}
	}
	r := newRecord(kindOpen, id, s.cfg.Clock().UnixNano(), 1024)
	r.payload = codec.AppendUnderway(r.payload, &codec.Underway{ReservedAt: reservedAt, Output: output, Draft: d})
	return s.put(ctx, r, id)
}

// Done closes requests that were opened and whose rows are safe elsewhere: the next
// start makes none of them. Ids that are not open are passed over.
func (s *Spool) Done(ctx context.Context, ids ...string) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	var g *group
	lead := false
	for _, id := range ids {
		op := s.openings[id]
		if op == nil {
			continue
		}
		s.forget(id)
		v := newRecord(kindVoid, id, op.record.at, 0).seal()
		if s.failing != nil {
			s.refused(v, s.failing)
			continue
		}
		in, first := s.join(v)
		g, lead = in, lead || first
	}
	s.mu.Unlock()
	if g == nil {
		return nil
	}
	if lead {
		go s.leadLater(g)
	}
	await(ctx, g.done)
	return context.Cause(ctx)
}

func (s *Spool) put(ctx context.Context, r *record, id string) error {
	if len(r.payload) > maxPayload {
		return s.lose(r, ErrSize)
	}
	r.seal()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return s.lose(r, ErrClosed)
	}
	if r.kind == kindOpen {
		r.op = &opening{record: r}
		s.forget(id)
		s.openings[id] = r.op
		s.opened += int64(r.size())
	} else {
		r.op = s.forget(id)
	}
	if s.failing != nil {
		s.refused(r, s.failing)
		signal(s.wake)
		s.mu.Unlock()
		return r.err
	}
	g, lead := s.join(r)
	s.mu.Unlock()

	if lead {
		select {
		case s.token <- struct{}{}:
			s.lead(g)
			return r.err
		default:
		}
		select {
		case s.token <- struct{}{}:
			s.lead(g)
			return r.err
		case <-ctx.Done():
			go s.leadLater(g)
		}
	} else {
		select {
		case <-g.done:
			return r.err
		case <-ctx.Done():
		}
	}
	if r.kind == kindOpen {
		s.withdraw(r)
	}
	return &NotSaved{Kept: r.kind == kindEntry, Err: context.Cause(ctx)}
}

func (s *Spool) lose(r *record, err error) error {
	if r.kind == kindEntry {
		s.mu.Lock()
		s.stats.Lost++
		s.mu.Unlock()
		s.log.Error("an entry is lost", "call_id", r.id(), "err", err)
	}
	return err
}

// forget takes the call out of those under way. The caller holds mu.
func (s *Spool) forget(id string) *opening {
	op := s.openings[id]
	if op != nil {
		delete(s.openings, id)
		s.opened -= int64(op.record.size())
	}
	return op
}

// join adds r to the group that is gathering. The caller holds mu, and must see
// that the group is led if it is the first.
func (s *Spool) join(r *record) (g *group, lead bool) {
	if lead = s.group == nil; lead {
		s.group = &group{done: make(chan struct{})}
		s.leading++
	}
	s.group.records = append(s.group.records, r)
	return s.group, lead
}

// withdraw takes back an Open whose caller was told that it failed, although it
// is, or soon will be, on disk.
func (s *Spool) withdraw(r *record) {
	v := newRecord(kindVoid, r.id(), r.at, 0).seal()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.openings[r.id()] == r.op {
		s.forget(r.id())
	}
	if s.failing != nil {
		s.refused(v, s.failing)
		return
	}
	if g, lead := s.join(v); lead {
		go s.leadLater(g)
	}
}

func (s *Spool) leadLater(g *group) {
	s.token <- struct{}{}
	s.lead(g)
}

// lead writes the group's records. The caller holds the token; lead gives it back.
func (s *Spool) lead(g *group) {
	s.mu.Lock()
	s.group = nil // who comes now waits for the next write
	err := s.failing
	s.mu.Unlock()
	if err == nil {
		err = s.writer.write(g.records)
	}
	s.mu.Lock()
	if err != nil {
		s.refuses(err)
	}
	for _, r := range g.records {
		if r.saved {
			s.accepted(r)
		} else {
			s.refused(r, err)
		}
	}
	if s.leading--; s.closed {
		s.broadcast()
	}
	s.mu.Unlock()
	<-s.token
	close(g.done)
}

// accepted counts a record that is in the log now. The caller holds mu.
func (s *Spool) accepted(r *record) {
	s.end = r.pos + int64(r.size())
	if last := &s.segments[len(s.segments)-1]; last.base < s.end {
		last.end = s.end
	}
	s.dirty = true
	if s.stats.DiskFailing {
		s.stats.DiskFailing = false
		s.log.Info("the disk takes writes again")
	}
	switch r.kind {
	case kindEntry:
		s.stats.Appended++
		s.pending++
		if s.pending == 1 {
			s.oldest = r.at
		}
		if s.pending == 1 || s.pending == int64(s.cfg.BatchMax) {
			signal(s.wake)
		}
	case kindOpen:
		r.op.pos, r.op.saved = r.pos, true
	}
}

// broadcast wakes who waits for entries to be done with. The caller holds mu.
func (s *Spool) broadcast() {
	close(s.progress)
	s.progress = make(chan struct{})
}
