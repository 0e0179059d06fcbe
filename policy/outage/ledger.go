package outage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
)

// Rule says what happens to requests while the shared ledger is away.
type Rule string

// The rules.
const (
	Share Rule = "share"
	Deny  Rule = "deny"
	Allow Rule = "allow"
)

// Config of a Ledger. Shared, Journal and Probe are required.
type Config struct {
	Shared  policy.Ledger
	Journal policy.Journal              // the spool: settlements the shared ledger did not acknowledge
	Probe   func(context.Context) error // nil once the shared ledger can be believed again
	Rule    Rule                        // default Share
	// Replicas is how many processes share the limits now; nil is one.
	Replicas func() int
	Timeout  time.Duration // of one call of the shared ledger; default 300 ms
	Every    time.Duration // between probes; default 100 ms
	OnBack   func()        // called after each outage, and when Identity has changed
	OnAllow  func()        // called of each request that Allow lets pass; nil: nobody counts them
	// Identity tells one life of the shared ledger's memory from the next; nil: its
	// losses show in outages alone. It is asked every second.
	Identity func(context.Context) (string, error)
	// Keep is how long at least an acknowledged settlement is remembered, to be told
	// again to a shared ledger that lost it; default 5 s.
	Keep time.Duration
	// Handover bounds how long an outage goes on, once the shared ledger answers, until
	// it has been told what was admitted without it; default 5 s.
	Handover time.Duration
	Clock    func() time.Time
	Log      *slog.Logger
}

// Ledger is a policy.Ledger that outlives outages of the shared one.
type Ledger struct {
	cfg  Config
	down atomic.Bool
	seen sightings

	doubts   doubts
	recent   recent
	admitted admitted
	underway Underway // the journal, where it is one; else nil

	// Of Run's goroutine.
	identity string // as last seen
	asked    time.Time
	answered time.Time // since when the shared ledger answers in an outage; zero: it does not

	mu     sync.Mutex
	began  time.Time      // of the outage
	island *memory.Ledger // counts while the shared ledger is away
}

// New makes a Ledger.
func New(cfg Config) *Ledger {
	cfg.Rule = cmp.Or(cfg.Rule, Share)
	cfg.Timeout = cmp.Or(cfg.Timeout, 300*time.Millisecond)
	cfg.Every = cmp.Or(cfg.Every, 100*time.Millisecond)
	cfg.Keep = cmp.Or(cfg.Keep, 5*time.Second)
	cfg.Handover = cmp.Or(cfg.Handover, 5*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Replicas == nil {
		cfg.Replicas = func() int { return 1 }
	}
	if cfg.OnBack == nil {
		cfg.OnBack = func() {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	underway, _ := cfg.Journal.(Underway)
	return &Ledger{cfg: cfg, underway: underway, recent: recent{turned: cfg.Clock()}}
}

// ParseRule reads a rule's name.
func ParseRule(text string) (Rule, error) {
	switch r := Rule(text); r {
	case Share, Deny, Allow:
		return r, nil
	}
	return "", fmt.Errorf("%q: it is share, deny or allow", text)
}

// Down reports whether an outage is on.
func (l *Ledger) Down() bool { return l.down.Load() }

// Reserve implements policy.Ledger.
func (l *Ledger) Reserve(ctx context.Context, ask policy.Ask) (policy.Outcome, error) {
	if l.down.Load() || l.doubts.has(ask.ID) {
		return l.alone(ctx, ask, policy.ErrUnavailable)
	}
	bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	out, err := l.cfg.Shared.Reserve(bounded, ask)
	if err == nil {
		l.saw(ask.Holds, out)
		if out.Granted {
			l.open(ctx, out, ask.Draft)
		}
		return out, nil
	}
	if errors.Is(err, policy.ErrConflict) {
		return out, err
	}
	l.doubts.add(ask.ID, l.cfg.Clock())
	if errors.Is(ctx.Err(), context.Canceled) {
		l.doubts.refused(ask.ID)
		return out, err
	}
	if ctx.Err() != nil { // its time was up with the shared ledger's: memory takes none
		var done context.CancelFunc
		ctx, done = context.WithTimeout(context.WithoutCancel(ctx), l.cfg.Timeout)
		defer done()
	}
	l.fail(err)
	// What is granted here is settled in the shared ledger too, through the spool.
	if out, err = l.alone(ctx, ask, err); err != nil || !out.Granted {
		l.doubts.refused(ask.ID)
	}
	return out, err
}

// saw notes how the shared ledger's counters stand.
func (l *Ledger) saw(holds []policy.Hold, out policy.Outcome) {
	for i, b := range out.Balances {
		l.seen.note(holds[i].Counter(), b.Used+b.Held, out.At)
	}
}

// fail begins an outage, unless one is on.
func (l *Ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down.Load() {
		return
	}
	l.began = l.cfg.Clock()
	l.island = memory.New(memory.Config{Journal: l.cfg.Journal, Clock: l.cfg.Clock})
	l.down.Store(true)
	l.cfg.Log.Error("the shared ledger is away", "rule", l.cfg.Rule, "err", err)
}

// alone decides without the shared ledger.
func (l *Ledger) alone(ctx context.Context, ask policy.Ask, why error) (policy.Outcome, error) {
	l.mu.Lock()
	island, began := l.island, l.began
	l.mu.Unlock()
	if island == nil || l.cfg.Rule == Deny {
		return policy.Outcome{}, why
	}
	now := l.cfg.Clock()
	limits := make([]int64, len(ask.Holds))
	holds := ask.Holds
	ask.Holds = make([]policy.Hold, len(holds))
	for i, h := range holds {
		limits[i] = l.share(h, now.Sub(began))
		h.Limit = limits[i]
		h.Soft = h.Soft || l.cfg.Rule == Allow
		ask.Holds[i] = h
	}
	out, err := island.Reserve(ctx, ask)
	if err != nil {
		return out, err
	}
	// What callers are told is of the whole limit, not of our share of it.
	for i := range out.Balances {
		out.Balances[i].Used += max(holds[i].Limit-limits[i], 0)
	}
	if out.Granted {
		ask.Holds = holds
		l.admitted.add(island, ask, out)
		l.doubts.granted(ask.ID) // it may have been refused more
		if l.cfg.Rule == Allow && l.cfg.OnAllow != nil {
			l.cfg.OnAllow()
		}
	}
	return out, nil
}

// share is this replica's part of what was left of a limit when last seen.
func (l *Ledger) share(h policy.Hold, age time.Duration) int64 {
	left := h.Limit
	taken, ok := l.seen.last(h.Counter())
	forgotten := h.Window.Kind == policy.WindowMinute && age >= time.Minute
	if ok && !forgotten {
		left -= taken
	}
	return max(left, 0) / int64(max(l.cfg.Replicas(), 1))
}

// Settle implements policy.Ledger.
func (l *Ledger) Settle(ctx context.Context, s policy.Settlement) error {
	if island := l.admitted.settle(s.ID); island != nil {
		return island.Settle(ctx, s)
	}
	if !l.down.Load() {
		bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
		defer cancel()
		err := l.cfg.Shared.Settle(bounded, s)
		if err == nil {
			l.recent.add(s)
			return nil
		}
		l.cfg.Log.Warn("the shared ledger did not acknowledge a settlement; it waits in the spool", "call_id", s.ID, "err", err)
	}
	return l.cfg.Journal.Append(ctx, l.entryOf(s))
}

// entryOf is a settlement's entry, with a time that it was reserved at.
func (l *Ledger) entryOf(s policy.Settlement) policy.Entry {
	if s.Entry.ReservedAt.IsZero() {
		s.Entry.ReservedAt = s.Entry.StartedAt
	}
	return s.Entry
}

// Renew implements policy.Ledger.
func (l *Ledger) Renew(ctx context.Context, ttl time.Duration, ids ...string) error {
	shared := make([]string, 0, len(ids))
	islands := map[*memory.Ledger][]string{}
	for _, id := range ids {
		if island := l.admitted.where(id); island != nil {
			islands[island] = append(islands[island], id)
		} else {
			shared = append(shared, id)
		}
	}
	for island, ids := range islands {
		if err := island.Renew(ctx, ttl, ids...); err != nil {
			return err
		}
	}
	if len(shared) == 0 || l.down.Load() {
		return nil // reservations that expire meanwhile are corrected when they settle
	}
	return l.cfg.Shared.Renew(ctx, ttl, shared...)
}

// Run probes during outages, tells the shared ledger again what it forgot, and takes back what refused requests may hold, until ctx ends.
func (l *Ledger) Run(ctx context.Context) {
	tick := time.NewTicker(l.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cfg.Timeout)
			defer cancel()
			if !l.down.Load() {
				l.release(late)
			}
			l.forget(late, true)
			return
		case <-tick.C:
		}
		if l.down.Load() {
			l.probe(ctx)
		}
		if l.down.Load() {
			continue // what was acknowledged before is kept until it is known to be there
		}
		l.adoptAll(ctx) // who was decided here while the outage ended
		l.release(ctx)
		l.doubts.forget(l.cfg.Clock())
		if now := l.cfg.Clock(); now.Sub(l.asked) >= time.Second {
			l.asked = now
			l.identify(ctx)
		}
		l.forget(ctx, false)
	}
}

// probe ends the outage when the shared ledger answers, and counts what it did not hear of.
func (l *Ledger) probe(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	if err := l.cfg.Probe(bounded); err != nil {
		l.answered = time.Time{}
		return
	}
	now := l.cfg.Clock()
	if l.answered.IsZero() {
		l.answered = now
		l.repeat(ctx)
	}
	if !l.handOver(ctx) && now.Sub(l.answered) < l.cfg.Handover {
		return
	}
	l.answered = time.Time{}
	l.mu.Lock()
	lasted := l.cfg.Clock().Sub(l.began)
	l.down.Store(false)
	l.mu.Unlock()
	l.adoptAll(ctx)
	l.cfg.Log.Info("the shared ledger is back", "away", lasted)
	l.cfg.OnBack()
}
