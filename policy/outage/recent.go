package outage

import (
	"context"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// Underway is a Journal that remembers requests under way, so that those a dead
// process left open get their row. Done forgets requests whose row is safe elsewhere.
type Underway interface {
	policy.Journal
	policy.Opener
	Done(ctx context.Context, ids ...string) error
}

// recent are settlements that the shared ledger acknowledged lately: should it turn
// out to have forgotten them (it was killed before it wrote them down, flushed, or
// followed by a replica that was behind), they are told again. Two generations, the
// older one dropped whole.
type recent struct {
	mu       sync.Mutex
	now, old []policy.Settlement
	turned   time.Time
}

// recentKept bounds a generation: at more, the time that is covered is shorter.
const recentKept = 20_000

func (r *recent) add(s policy.Settlement) {
	r.mu.Lock()
	r.now = append(r.now, s)
	r.mu.Unlock()
}

// turn drops a generation that is full or keep old, and returns it; all of both
// with end.
func (r *recent) turn(now time.Time, keep time.Duration, end bool) []policy.Settlement {
	r.mu.Lock()
	defer r.mu.Unlock()
	if end {
		all := append(r.old, r.now...)
		r.now, r.old = nil, nil
		return all
	}
	if len(r.now) < recentKept && now.Sub(r.turned) < keep {
		return nil
	}
	dropped := r.old
	r.old, r.now, r.turned = r.now, nil, now
	return dropped
}

// all of both generations, oldest first.
func (r *recent) all() []policy.Settlement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append(make([]policy.Settlement, 0, len(r.old)+len(r.now)), r.old...), r.now...)
}

// open notes in the spool that a request is under way. The shared ledger holds it
// too; this is for the day on which it forgets, and we die.
func (l *Ledger) open(ctx context.Context, out policy.Outcome, draft policy.Draft) {
	if l.underway == nil || draft.Entry.CallID == "" {
		return
	}
	if err := l.underway.Open(ctx, out.At, out.Output, draft); err != nil {
		l.cfg.Log.Warn("a request under way is known to the shared ledger alone", "call_id", draft.Entry.CallID, "err", err)
	}
}

// forget drops what has been safe long enough; with end, everything.
func (l *Ledger) forget(ctx context.Context, end bool) {
	dropped := l.recent.turn(l.cfg.Clock(), l.cfg.Keep, end)
	if l.underway == nil || len(dropped) == 0 {
		return
	}
	ids := make([]string, len(dropped))
	for i, s := range dropped {
		ids[i] = s.ID
	}
	if err := l.underway.Done(ctx, ids...); err != nil {
		l.cfg.Log.Warn("requests that are settled stay open in the spool", "count", len(ids), "err", err)
	}
}

// repeat tells the shared ledger again what it acknowledged lately, through the
// spool: what it still knows changes nothing.
func (l *Ledger) repeat(ctx context.Context) {
	all := l.recent.all()
	for _, s := range all {
		if err := l.cfg.Journal.Append(ctx, l.entryOf(s)); err != nil {
			l.cfg.Log.Error("a settlement cannot be told again", "call_id", s.ID, "err", err)
		}
	}
	if len(all) > 0 {
		l.cfg.Log.Info("told the shared ledger again what it acknowledged lately", "count", len(all))
	}
}

// identify notices a shared ledger that is another than it was.
func (l *Ledger) identify(ctx context.Context) {
	if l.cfg.Identity == nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	id, err := l.cfg.Identity(bounded)
	if err != nil {
		return // a call will find out
	}
	if l.identity != "" && id != l.identity {
		l.cfg.Log.Warn("the shared ledger was restarted or lost its memory")
		l.repeat(ctx)
		l.cfg.OnBack()
	}
	l.identity = id
}
