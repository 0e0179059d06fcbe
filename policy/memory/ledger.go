package memory

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

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
	settled  graves // ids of tombs settled for good
	guessed  graves // ids of tombs settled at their estimate
	slots    int64  // names given to sub-windows so far
	cleaned  time.Time
	stats    Stats
}

// Stats are running totals.
type Stats struct {
	Live    int // reservations under way
	Expired int64
	Lowered int64
}

// reservation is what one request took of which counters.
type reservation struct {
	at       time.Time
	expires  time.Time
	output   int64
	draft    policy.Draft
	holds    []held
	source   policy.UsageSource // of a tombstone: who counted what was charged
	settling chan struct{}      // while its entry is being journalled; closed when that is over
}

type held struct {
	counter *counter // that of a window long over may be forgotten by the ledger
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
		return policy.Outcome{}, fmt.Errorf("reservation %q: %w", ask.ID, policy.ErrConflict)
	}
	out, counters := l.decide(ask, now)
	if !out.Granted {
		l.mu.Unlock()
		return out, nil
	}
	r := &reservation{at: now, expires: now.Add(cmp.Or(ask.TTL, 30*time.Second)), output: out.Output, draft: ask.Draft, holds: make([]held, len(ask.Holds))}
	for i := range ask.Holds {
		h := &ask.Holds[i]
		c := counters[i]
		if c == nil {
			c = &counter{since: now}
			l.counters[h.Counter()] = c
		}
		c.end = h.End
		t := held{counter: c, kind: h.Kind, window: h.Window.Kind, amount: h.Amount(out.Output)}
		if h.Window.Kind == policy.WindowMinute {
			l.slots++
			t.slot = c.take(now.UnixNano(), t.amount, l.slots)
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
	for i := range ask.Holds {
		h := &ask.Holds[i]
		c := l.counters[h.Counter()]
		var used, held int64
		if c != nil {
			if h.Window.Kind == policy.WindowMinute {
				c.expire(now.UnixNano())
			}
			counters[i], used, held = c, c.used, c.held
		}
		out.Balances[i] = policy.Balance{Used: used, Held: held}
		if h.Soft {
			continue
		}
		grant := policy.Grantable(h, used+held, &ask)
		if grant < 0 {
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

func retryIn(h *policy.Hold, c *counter, now time.Time, least int64) time.Duration {
	switch h.Window.Kind {
	case policy.WindowMinute:
		if c == nil || h.Limit <= 0 {
			return minute
		}
		return c.freeIn(now.UnixNano(), h.Limit, least)
	case policy.WindowLive:
		return time.Second
	case policy.WindowCalendar:
		return h.End.Sub(now)
	}
	return 0
}

// release takes back a reservation that never came to be.
func (l *Ledger) release(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.live[id]
	if r == nil || r.settling != nil {
		return
	}
	for _, h := range r.holds {
		if h.window == policy.WindowMinute {
			h.counter.adjust(h.slot, -h.amount)
		} else {
			h.counter.held -= h.amount
		}
	}
	delete(l.live, id)
}

// clean forgets, now and then, what no longer matters: old tombstones, counters
// of calendar windows that are over, idle minutes.
func (l *Ledger) clean(now time.Time) {
	l.settled = l.forget(l.settled, now.Add(-tombstoneLife))
	l.guessed = l.forget(l.guessed, now.Add(-estimateLife))
	if now.Before(l.cleaned) {
		l.cleaned = now // the clock stepped back
	}
	if now.Sub(l.cleaned) < 5*time.Minute {
		return
	}
	l.cleaned = now
	for k, c := range l.counters {
		c.expire(now.UnixNano())
		over := !c.end.IsZero() && now.Sub(c.end) > estimateLife
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
