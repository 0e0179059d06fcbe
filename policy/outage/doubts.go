package outage

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// doubts are ids of which the shared ledger may hold something, or come to: it was
// asked, and its answer never came. Those that were refused in the end are taken back
// there; of none is it asked again, for what was taken back stays so.
type doubts struct {
	mu      sync.Mutex
	at      map[string]time.Time // when the doubt began
	waiting []string             // to be taken back
}

// doubtsKept bounds both: those beyond it are charged at their holds when they expire.
const doubtsKept = 10_000

// doubtLife is how long an id is remembered: longer than its request asks again.
const doubtLife = time.Minute

// releaseBatch is how many are taken back in one call.
const releaseBatch = 100

func (d *doubts) add(id string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil {
		d.at = map[string]time.Time{}
	}
	if len(d.at) < doubtsKept {
		d.at[id] = now
	}
}

func (d *doubts) has(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.at[id]
	return ok
}

// refused is one that nobody will settle.
func (d *doubts) refused(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) < doubtsKept {
		d.waiting = append(d.waiting, id)
	}
}

// granted is one that somebody will settle after all: it is not taken back.
func (d *doubts) granted(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(other string) bool { return other == id })
}

// some are the next to be taken back.
func (d *doubts) some() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(d.waiting), releaseBatch)
	ids := slices.Clone(d.waiting[:n])
	d.waiting = d.waiting[n:]
	return ids
}

// again puts back what could not be taken back.
func (d *doubts) again(ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(ids, d.waiting...)
}

func (d *doubts) forget(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, at := range d.at {
		if now.Sub(at) > doubtLife {
			delete(d.at, id)
		}
	}
}

// release takes back in the shared ledger what is in doubt and was refused.
func (l *Ledger) release(ctx context.Context) {
	r, ok := l.cfg.Shared.(policy.Releaser)
	if !ok {
		return
	}
	for {
		ids := l.doubts.some()
		if len(ids) == 0 {
			return
		}
		bounded, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
		err := r.Release(bounded, ids...)
		cancel()
		if err != nil {
			l.doubts.again(ids)
			return
		}
	}
}
