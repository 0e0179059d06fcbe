package outage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
)

// admitted are requests that were granted here, and that the shared ledger has not
// counted yet: those under way, and those whose settlements wait in the spool.
type admitted struct {
	mu      sync.Mutex
	open    map[string]admission
	settled map[string]admission
}

// admission is one of them, as the shared ledger is to count it.
type admission struct {
	island *memory.Ledger
	at     time.Time
	ask    policy.Ask // for what was granted, and no limit of it refuses
}

// settledKept bounds those that are settled. What was spent beyond it is found when the
// counters are compared with the tables, which they are after each outage.
const settledKept = 20_000

func (a *admitted) add(island *memory.Ledger, ask policy.Ask, out policy.Outcome) {
	ask.Holds = slices.Clone(ask.Holds)
	for i := range ask.Holds {
		ask.Holds[i].Soft = true
	}
	ask.Want, ask.Usual, ask.Least = out.Output, out.Output, out.Output
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open, a.settled = map[string]admission{}, map[string]admission{}
	}
	a.open[ask.ID] = admission{island, out.At, ask}
}

// where a request under way is held; nil: in the shared ledger.
func (a *admitted) where(id string) *memory.Ledger {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open[id].island
}

// settle is where, for the last time: its settlement goes into the spool.
func (a *admitted) settle(id string) *memory.Ledger {
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.open[id]
	if !ok {
		return nil
	}
	delete(a.open, id)
	if len(a.settled) < settledKept {
		a.settled[id] = one
	}
	return one.island
}

// asking is what the shared ledger is to hold of a request. Rolling minutes that are
// over are not: it would count them from now on.
func (a *admitted) asking(id string, now time.Time) (policy.Ask, bool) {
	a.mu.Lock()
	one, ok := a.open[id]
	if !ok {
		one, ok = a.settled[id]
	}
	a.mu.Unlock()
	if ok && now.Sub(one.at) >= time.Minute {
		one.ask.Holds = slices.DeleteFunc(slices.Clone(one.ask.Holds), func(h policy.Hold) bool { return h.Window.Kind == policy.WindowMinute })
	}
	return one.ask, ok
}

// held is a request that the shared ledger holds now; told, one that it has settled.
func (a *admitted) held(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, id)
}

func (a *admitted) told(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.settled, id)
}

func (a *admitted) underway() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]string, 0, len(a.open))
	for id := range a.open {
		ids = append(ids, id)
	}
	return ids
}

// flusher is a spool that can be waited for.
type flusher interface {
	Flush(ctx context.Context) error
}

// handOver has the shared ledger count what was admitted without it; false where it
// could not be told all.
func (l *Ledger) handOver(ctx context.Context) bool {
	if spool, ok := l.cfg.Journal.(flusher); ok {
		bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
		err := spool.Flush(bounded)
		cancel()
		if err != nil {
			return false
		}
	}
	return l.adoptAll(ctx)
}

// adoptAll hands over what is under way.
func (l *Ledger) adoptAll(ctx context.Context) bool {
	for _, id := range l.admitted.underway() {
		if l.adopt(ctx, id) != nil {
			return false
		}
		l.admitted.held(id) // and is settled there
	}
	return true
}

// adopt has the shared ledger hold what was granted here, if anything was. It may do so
// already: it was asked before the outage began, and nobody heard its answer.
func (l *Ledger) adopt(ctx context.Context, id string) error {
	ask, ok := l.admitted.asking(id, l.cfg.Clock())
	if !ok {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	out, err := l.cfg.Shared.Reserve(bounded, ask)
	switch {
	case errors.Is(err, policy.ErrConflict):
		for _, h := range ask.Holds {
			l.seen.more(h.Counter(), h.Amount(ask.Want))
		}
		return nil
	case err == nil:
		l.saw(ask.Holds, out)
	}
	return err
}

// Replay tells the shared ledger what was settled without it: the Sink of the spool.
func (l *Ledger) Replay(ctx context.Context, entries []policy.Entry) error {
	for _, e := range entries {
		// A shared ledger that is there and cannot count now, as one that lost its memory
		// and is seeded by who waits for this spool, takes the row alone.
		_ = l.adopt(ctx, e.CallID)
		if err := l.cfg.Shared.Settle(ctx, policy.Settlement{ID: e.CallID, Entry: e}); err != nil {
			return err
		}
		l.admitted.told(e.CallID)
	}
	return nil
}
