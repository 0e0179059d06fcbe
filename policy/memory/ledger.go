package memory

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// tombstoneLife is how long a settled id is remembered.
const tombstoneLife = 24 * time.Hour

// Config of a Ledger.
type Config struct {
	// Journal gets the entry of every settlement. If it is a policy.Opener it is
	// also told of requests under way. Required.
	Journal policy.Journal
	// Clock is time.Now by default.
	Clock func() time.Time
}

// Ledger counts in memory.
type Ledger struct {
	journal policy.Journal
	opener  policy.Opener
	clock   func() time.Time

	mu       sync.Mutex
	counters map[policy.Counter]*counter
	live     map[string]*reservation
	tombs    map[string]*reservation
	order    []grave // tombs, oldest first
	cleaned  time.Time
	stats    Stats
}

// Stats are running totals.
type Stats struct {
	Live    int // reservations under way
	Expired int64
	Lowered int64
}

type grave struct {
	id string
	at time.Time
}

// reservation is what one request took of which counters.
type reservation struct {
	at       time.Time
	expires  time.Time
	output   int64
	draft    policy.Draft
	holds    []held
	source   policy.UsageSource // of a tombstone: who counted what was charged
	settling bool               // its entry is being journalled
}

type held struct {
	counter policy.Counter
	kind    policy.Kind
	window  policy.WindowKind
	amount  int64 // reserved; of a tombstone: charged
	slot    int64
}

// New makes an empty ledger.
func New(cfg Config) *Ledger {
	if cfg.Journal == nil {
		panic("memory.New: Config.Journal is required")
	}
	l := &Ledger{
		journal: cfg.Journal, clock: cfg.Clock,
		counters: map[policy.Counter]*counter{}, live: map[string]*reservation{}, tombs: map[string]*reservation{},
	}
	if l.clock == nil {
		l.clock = time.Now
	}
	l.opener, _ = cfg.Journal.(policy.Opener)
	return l
}

// Reserve implements policy.Ledger.
func (l *Ledger) Reserve(ctx context.Context, ask policy.Ask) (policy.Outcome, error) {
	l.mu.Lock()
	now := ask.At
	if now.IsZero() {
		now = l.clock()
	}
	l.clean(now)
	if _, ok := l.live[ask.ID]; ok || l.tombs[ask.ID] != nil {
		l.mu.Unlock()
		return policy.Outcome{}, fmt.Errorf("reservation %q exists already", ask.ID)
	}
	out, counters := l.decide(ask, now)
	if !out.Granted {
		l.mu.Unlock()
		return out, nil
	}
	r := &reservation{at: now, expires: now.Add(cmp.Or(ask.TTL, 30*time.Second)), output: out.Output, draft: ask.Draft, holds: make([]held, len(ask.Holds))}
	for i, h := range ask.Holds {
		c := counters[i]
		if c == nil {
			c = l.counter(h, now)
		}
		c.end = h.End
		t := held{counter: h.Counter(), kind: h.Kind, window: h.Window.Kind, amount: h.Amount(out.Output)}
		if h.Window.Kind == policy.WindowMinute {
			t.slot = c.take(now, t.amount)
		} else {
			c.held += t.amount
		}
		r.holds[i] = t
		out.Balances[i] = policy.Balance{Used: c.used, Held: c.held}
	}
	l.live[ask.ID] = r
	if out.Lowered {
		l.stats.Lowered++
	}
	l.mu.Unlock()

	if l.opener != nil {
		if err := l.opener.Open(ctx, now, out.Output, ask.Draft); err != nil {
			l.release(ask.ID)
			return policy.Outcome{}, fmt.Errorf("journal: %w", err)
		}
	}
	return out, nil
}

// decide finds the longest answer all holds pay for. Counters that do not exist
// yet are nil and stay so: a refused ask leaves no trace.
func (l *Ledger) decide(ask policy.Ask, now time.Time) (policy.Outcome, []*counter) {
	out := policy.Outcome{Granted: true, At: now, Output: ask.Want, Balances: make([]policy.Balance, len(ask.Holds))}
	counters := make([]*counter, len(ask.Holds))
	for i, h := range ask.Holds {
		c := l.counters[h.Counter()]
		var used, held int64
		if c != nil {
			if h.Window.Kind == policy.WindowMinute {
				c.expire(now)
			}
			counters[i], used, held = c, c.used, c.held
		}
		out.Balances[i] = policy.Balance{Used: used, Held: held}
		grant := policy.Grantable(h, used+held, ask)
		if grant < 0 {
			if h.Soft {
				continue
			}
			out.Granted = false
			out.Failed = append(out.Failed, i)
			out.Balances[i].RetryIn = retryIn(h, c, now, h.Amount(ask.Least))
			continue
		}
		out.Output = min(out.Output, grant)
	}
	if !out.Granted {
		out.Output = 0
	}
	out.Lowered = out.Granted && out.Output < ask.Want
	return out, counters
}

func retryIn(h policy.Hold, c *counter, now time.Time, least int64) time.Duration {
	switch h.Window.Kind {
	case policy.WindowMinute:
		if c == nil || h.Limit <= 0 {
			return minute
		}
		return c.freeIn(now, h.Limit, least)
	case policy.WindowLive:
		return time.Second
	case policy.WindowCalendar:
		return h.End.Sub(now)
	}
	return 0
}

func (l *Ledger) counter(h policy.Hold, now time.Time) *counter {
	k := h.Counter()
	c := l.counters[k]
	if c == nil {
		c = &counter{since: now}
		l.counters[k] = c
	}
	c.seen = now
	return c
}

// Settle implements policy.Ledger.
func (l *Ledger) Settle(ctx context.Context, s policy.Settlement) error {
	l.mu.Lock()
	r := l.live[s.ID]
	late := false
	if r == nil {
		if r = l.tombs[s.ID]; r != nil && better(r.source, s.Entry.Usage.Source) {
			late = true
		} else if r != nil {
			l.mu.Unlock()
			return nil
		}
	}
	if r != nil {
		if r.settling {
			l.mu.Unlock()
			return nil
		}
		r.settling = true
		s.Entry.ReservedAt = r.at
	} else if s.Entry.ReservedAt.IsZero() {
		s.Entry.ReservedAt = l.clock()
	}
	l.mu.Unlock()

	err := l.journal.Append(ctx, s.Entry)

	l.mu.Lock()
	defer l.mu.Unlock()
	if r == nil {
		return err
	}
	r.settling = false
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	l.charge(s.ID, r, s.Entry, late)
	return nil
}

// better reports whether a count by b should replace one by a.
func better(a, b policy.UsageSource) bool {
	return a == policy.UsageEstimated && b != policy.UsageEstimated
}

// charge replaces what the reservation holds, or (late) what its expiry charged,
// by what the request took.
func (l *Ledger) charge(id string, r *reservation, e policy.Entry, late bool) {
	for i := range r.holds {
		h := &r.holds[i]
		actual := policy.ActualOf(h.kind, e.Usage, e.Cost)
		c := l.counters[h.counter]
		if c == nil {
			c = &counter{} // cleaned up since: its window is over
		}
		switch {
		case h.window == policy.WindowMinute:
			c.adjust(h.slot, actual-h.amount)
		case late:
			c.used += actual - h.amount
		default:
			c.held -= h.amount
			c.used += actual
		}
		h.amount = actual
	}
	r.source = e.Usage.Source
	r.draft = policy.Draft{} // a tombstone needs none of it
	if !late {
		delete(l.live, id)
		l.tombs[id] = r
		l.order = append(l.order, grave{id, l.clock()})
	}
}

// release takes back a reservation that never came to be.
func (l *Ledger) release(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.live[id]
	if r == nil {
		return
	}
	for _, h := range r.holds {
		if c := l.counters[h.counter]; c != nil {
			if h.window == policy.WindowMinute {
				c.adjust(h.slot, -h.amount)
			} else {
				c.held -= h.amount
			}
		}
	}
	delete(l.live, id)
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
		if r.settling || now.Before(r.expires) {
			continue
		}
		e := r.draft.Estimated(r.at, r.output, now)
		e.CallID = cmp.Or(e.CallID, id)
		due = append(due, policy.Settlement{ID: id, Entry: e})
	}
	l.mu.Unlock()
	for i, s := range due {
		if err := l.Settle(ctx, s); err != nil {
			return i, err
		}
		l.mu.Lock()
		l.stats.Expired++
		l.mu.Unlock()
	}
	return len(due), nil
}

// clean forgets, now and then, what no longer matters: old tombstones, counters
// of calendar windows that are over, idle minutes.
func (l *Ledger) clean(now time.Time) {
	for len(l.order) > 0 && now.Sub(l.order[0].at) > tombstoneLife {
		delete(l.tombs, l.order[0].id)
		l.order = l.order[1:]
	}
	if now.Sub(l.cleaned) < 5*time.Minute {
		return
	}
	l.cleaned = now
	for k, c := range l.counters {
		c.expire(now)
		over := !c.end.IsZero() && now.Sub(c.end) > tombstoneLife
		idle := k.Window == "minute" && c.head == len(c.ring) || k.Window == "live" && c.held == 0
		if (over || idle) && c.held == 0 {
			delete(l.counters, k)
		}
	}
}

// Stats tells the running totals.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Live = len(l.live)
	return s
}
