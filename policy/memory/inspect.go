package memory

import (
	"context"
	"time"

	"github.com/purser/purser/policy"
)

// Begin implements policy.Seeder.
func (l *Ledger) Begin(_ context.Context, k policy.Counter) (time.Time, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counters[k]
	if c == nil {
		c = &counter{since: l.clock()}
		if d, err := policy.ParseDuration(k.Window); err == nil {
			c.end = d.After(time.Unix(k.Start, 0)).AddDate(0, 0, 4) // or some days before: months differ by zone
		}
		l.counters[k] = c
	}
	return c.since, c.seeded, nil
}

// Seed implements policy.Seeder.
func (l *Ledger) Seed(_ context.Context, k policy.Counter, used int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.counters[k]; c != nil && !c.seeded {
		c.used += used
		c.seeded = true
	}
	return nil
}

// Correct implements policy.Corrector.
func (l *Ledger) Correct(_ context.Context, k policy.Counter, from, to int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counters[k]
	if c == nil || c.used != from {
		return false, nil
	}
	c.used, c.seeded = to, true
	return true, nil
}

// Standings implements policy.Inspector.
func (l *Ledger) Standings(_ context.Context, holds []policy.Hold) ([]policy.Balance, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	out := make([]policy.Balance, len(holds))
	for i, h := range holds {
		if c := l.counters[h.Counter()]; c != nil {
			if h.Window.Kind == policy.WindowMinute {
				c.expire(now.UnixNano())
			}
			out[i] = policy.Balance{Used: c.used, Held: c.held}
			if policy.Grantable(&h, c.used+c.held, &policy.Ask{}) < 0 {
				out[i].RetryIn = retryIn(&h, c, now, h.Amount(0))
			}
		}
	}
	return out, nil
}

// Each implements policy.Inspector.
func (l *Ledger) Each(_ context.Context, f func(policy.Standing) bool) error {
	l.mu.Lock()
	now := l.clock()
	all := make([]policy.Standing, 0, len(l.counters))
	for k, c := range l.counters {
		c.expire(now.UnixNano())
		all = append(all, policy.Standing{Counter: k, Used: c.used, Held: c.held})
	}
	l.mu.Unlock()
	for _, s := range all {
		if !f(s) {
			break
		}
	}
	return nil
}

// Audit implements policy.Auditor.
func (l *Ledger) Audit(context.Context) (int, []policy.Account, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock().UnixNano()
	held := map[*counter]int64{}
	for _, r := range l.live {
		for _, h := range r.holds {
			if h.window != policy.WindowMinute {
				held[h.counter] += h.amount
			}
		}
	}
	out := make([]policy.Account, 0, len(l.counters))
	for k, c := range l.counters {
		c.expire(now)
		a := policy.Account{Counter: k, Used: c.used, Held: c.held, Parts: held[c]}
		if k.Window == policy.Minute.Name() {
			a.Parts = 0
			for _, t := range c.ring[c.head:] {
				a.Parts += t.n
			}
		}
		out = append(out, a)
	}
	return len(l.live), out, nil
}
