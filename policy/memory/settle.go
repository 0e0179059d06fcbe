package memory

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/purser/purser/policy"
)

// An id that was settled at its estimate is remembered for a day, for the true
// count may still come. One settled for good is remembered for as long as its
// settlement may be tried again by this process: at a thousand requests a second,
// a day of them would fill the memory.
const (
	estimateLife  = 24 * time.Hour
	tombstoneLife = 10 * time.Minute
)

// graves are settled ids, oldest first.
type graves []grave

type grave struct {
	id string
	at time.Time
}

// done stands for every reservation that was settled for good: nothing corrects it.
var done = &reservation{source: policy.UsageReported}

// released stands for every reservation that was taken back: should it be settled
// after all, that is journalled.
var released = &reservation{}

// Settle implements policy.Ledger.
func (l *Ledger) Settle(ctx context.Context, s policy.Settlement) error {
	_, err := l.settle(ctx, s, false)
	return err
}

// settle reports whether there was something to settle. reap settles only what is
// live and expired.
func (l *Ledger) settle(ctx context.Context, s policy.Settlement, reap bool) (bool, error) {
	r, ok, err := l.claim(ctx, s, reap)
	if !ok {
		return false, err
	}
	if r != nil {
		s.Entry.ReservedAt = r.at
	} else if s.Entry.ReservedAt.IsZero() {
		s.Entry.ReservedAt = l.clock()
	}
	err = l.journal.Append(ctx, s.Entry)

	l.mu.Lock()
	defer l.mu.Unlock()
	if r != nil {
		close(r.settling)
		r.settling = nil
	}
	if err != nil {
		return false, fmt.Errorf("journal: %w", err)
	}
	if r != nil {
		l.charge(r, s.Entry, l.live[s.ID] == nil)
	}
	l.bury(s.ID, r, s.Entry.Usage.Source)
	return true, nil
}

// claim finds what an id is to settle, if anything: its reservation, or nil for an
// id nobody knows, whose entry is journalled all the same. While another settles
// the same id it waits, for that may fail, or be an estimate to be corrected.
func (l *Ledger) claim(ctx context.Context, s policy.Settlement, reap bool) (*reservation, bool, error) {
	for {
		l.mu.Lock()
		r := l.live[s.ID]
		late := r == nil
		if late {
			r = l.tombs[s.ID]
		}
		if r == nil || r == released {
			l.mu.Unlock()
			return nil, !reap, nil
		}
		other := r.settling
		if other == nil {
			defer l.mu.Unlock()
			if late && (reap || !better(r.source, s.Entry.Usage.Source)) || reap && l.clock().Before(r.expires) {
				return nil, false, nil
			}
			r.settling = make(chan struct{})
			return r, true, nil
		}
		l.mu.Unlock()
		if reap {
			return nil, false, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// better reports whether a count by b should replace one by a.
func better(a, b policy.UsageSource) bool {
	return a == policy.UsageEstimated && b != policy.UsageEstimated
}

// charge replaces what the reservation holds, or (late) what its expiry charged,
// by what the request took.
func (l *Ledger) charge(r *reservation, e policy.Entry, late bool) {
	for i := range r.holds {
		h := &r.holds[i]
		actual := policy.ActualOf(h.kind, e.Usage, e.Cost)
		switch {
		case h.window == policy.WindowMinute:
			h.counter.adjust(h.slot, actual-h.amount)
		case late:
			h.counter.used += actual - h.amount
		default:
			h.counter.held -= h.amount
			h.counter.used += actual
		}
		h.amount = actual
	}
}

// bury remembers a settled id; r is nil for one that was never reserved here.
func (l *Ledger) bury(id string, r *reservation, source policy.UsageSource) {
	_, again := l.tombs[id]
	delete(l.live, id)
	if r != nil && source == policy.UsageEstimated {
		r.source = source
		r.draft = policy.Draft{} // a tombstone needs none of it
		l.tombs[id] = r
		l.guessed = append(l.guessed, grave{id, l.clock()})
		return
	}
	l.tombs[id] = done
	if !again {
		l.settled = append(l.settled, grave{id, l.clock()})
	}
}

// Release implements policy.Releaser.
func (l *Ledger) Release(_ context.Context, ids ...string) error {
	for _, id := range ids {
		l.release(id)
		l.mu.Lock()
		if l.live[id] == nil && l.tombs[id] == nil {
			l.bury(id, nil, policy.UsageNone)
			l.tombs[id] = released
		}
		l.mu.Unlock()
	}
	return nil
}

// Renew implements policy.Ledger.
func (l *Ledger) Renew(_ context.Context, ttl time.Duration, ids ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := l.clock().Add(ttl)
	for _, id := range ids {
		if r := l.live[id]; r != nil && until.After(r.expires) {
			r.expires = until
		}
	}
	return nil
}

// Reap settles at their holds the reservations nobody renewed, and tells how
// many. Call it every few seconds.
func (l *Ledger) Reap(ctx context.Context) (int, error) {
	l.mu.Lock()
	now := l.clock()
	l.clean(now)
	var due []policy.Settlement
	for id, r := range l.live {
		if r.settling != nil || now.Before(r.expires) {
			continue
		}
		e := r.draft.Estimated(r.at, r.output, now)
		e.CallID = cmp.Or(e.CallID, id)
		due = append(due, policy.Settlement{ID: id, Entry: e})
	}
	l.mu.Unlock()
	reaped := 0
	for _, s := range due {
		ok, err := l.settle(ctx, s, true)
		if err != nil {
			return reaped, err
		}
		if ok { // else renewed or settled meanwhile
			reaped++
			l.mu.Lock()
			l.stats.Expired++
			l.mu.Unlock()
		}
	}
	return reaped, nil
}

// forget removes the tombs of ids settled before a time.
func (l *Ledger) forget(g graves, before time.Time) graves {
	for len(g) > 0 && g[0].at.Before(before) {
		delete(l.tombs, g[0].id)
		g = g[1:]
	}
	return g
}
