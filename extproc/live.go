package extproc

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// liveSet holds the ids of reservations under way, so that one goroutine renews
// them all.
type liveSet struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func (l *liveSet) add(id string) {
	l.mu.Lock()
	if l.ids == nil {
		l.ids = map[string]struct{}{}
	}
	l.ids[id] = struct{}{}
	l.mu.Unlock()
}

func (l *liveSet) remove(id string) {
	l.mu.Lock()
	delete(l.ids, id)
	l.mu.Unlock()
}

func (l *liveSet) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

func (l *liveSet) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.ids))
	for id := range l.ids {
		out = append(out, id)
	}
	return out
}

// renew prolongs all live reservations every third of their life until ctx ends.
func (l *liveSet) renew(ctx context.Context, ledger policy.Ledger, ttl time.Duration, log *slog.Logger) {
	tick := time.NewTicker(ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ids := l.all()
		if len(ids) == 0 {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, ttl/3)
		if err := ledger.Renew(bounded, ttl, ids...); err != nil {
			log.Warn("reservations could not be renewed", "count", len(ids), "err", err)
		}
		cancel()
	}
}
