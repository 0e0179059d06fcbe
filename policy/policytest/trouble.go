package policytest

import (
	"maps"
	"slices"
	"time"

	"github.com/purser/purser/policy"
)

// processes is how many a world's requests are served by.
const processes = 3

// trouble is what befalls processes and clocks.
func (w *world) trouble() {
	w.Helper()
	switch w.rnd.IntN(4) {
	case 0:
		w.crash()
	case 1:
		w.restart()
	case 2: // a clock that is corrected
		w.stepBack(time.Duration(w.rnd.Int64N(int64(2 * time.Second))))
	default: // or was wrong altogether
		w.stepBack(time.Duration(w.rnd.Int64N(int64(90 * time.Minute))))
	}
}

// crash ends a process with all it had under way: nobody renews that or settles it.
func (w *world) crash() {
	owner := w.rnd.IntN(processes)
	for _, r := range w.live {
		r.dead = r.dead || r.owner == owner
	}
}

// restart has a process find in its spool what it left open, and settle that at its
// estimate: before the reaper has, or after, when nothing is left to settle.
func (w *world) restart() {
	w.Helper()
	all := maps.Clone(w.live)
	maps.Copy(all, w.expired)
	maps.DeleteFunc(all, func(_ string, r *request) bool { return !r.dead })
	for range 2 {
		if id, ok := pick(w.rnd, all); ok {
			w.guess(id, all[id])
		}
	}
}

// guess settles at its estimate what nobody saw the end of.
func (w *world) guess(id string, r *request) {
	w.Helper()
	e := r.entry
	e.EndedAt = w.clock.Now()
	w.settle(e)
	if _, live := w.live[id]; live {
		w.charge(id, r, e)
	}
}

// served are the requests under way of processes that live.
func (w *world) served() map[string]*request {
	all := maps.Clone(w.live)
	maps.DeleteFunc(all, func(_ string, r *request) bool { return r.dead })
	return all
}

func (w *world) stepBack(by time.Duration) { w.clock.Advance(-by.Truncate(time.Microsecond)) }

// dated is what a ledger does with the dates of what was taken in rolling minutes. At
// any call it may: what a clock dated ahead was taken by now, and what is older than a
// minute is dropped, whatever the clock says afterwards. Of what it is asked for it
// does: more than half a second ahead is nothing dated then.
func (w *world) dated(asked []policy.Hold) {
	now := w.clock.Now()
	for c, all := range w.minutes {
		does := slices.ContainsFunc(asked, func(h policy.Hold) bool { return h.Counter() == c })
		for _, t := range *all {
			if t.from.After(now) {
				t.from = now
			}
			if now.Sub(t.from) >= time.Minute {
				t.from = time.Time{}
			}
			if latest := now.Add(500 * time.Millisecond); does && t.to.After(latest) {
				t.to = latest
			}
			if does && now.Sub(t.to) >= slack {
				t.to = time.Time{}
			}
		}
	}
}
