package memory

import "time"

// subWindow is the grain of the rolling minute: what was taken within half a
// second is counted together, until the last of it is a minute old. So no rolling
// minute exceeds the limit, and a steady caller gets at least 60/60.5 of it.
const (
	subWindow = 500 * time.Millisecond
	minute    = time.Minute
)

// counter is the state of one limit of one scope.
type counter struct {
	used   int64 // settled; of a rolling minute: all that still counts
	held   int64 // by live reservations; always 0 for a rolling minute
	ring   []taken
	head   int       // index in ring of the oldest that still counts
	end    time.Time // of its calendar window; zero for others
	since  time.Time // what was reserved from then on is counted here
	seeded bool      // what was spent in the window before since has been added
}

// taken is what was counted within one sub-window. Those of a counter are in
// order of to.
type taken struct {
	slot     int64 // its name, unique in the ledger
	from, to int64 // the first and the last taking, Unix nanoseconds
	n        int64
}

// frees is when it stops counting.
func (t *taken) frees() int64 { return t.to + int64(minute) }

// expire drops the sub-windows that count no more: each is dropped once, so the
// cost is constant per request over time.
func (c *counter) expire(now int64) {
	// A clock that was ahead and stepped back: what it dated ahead was taken by now.
	for i := len(c.ring) - 1; i >= c.head && c.ring[i].to-now > int64(subWindow); i-- {
		c.ring[i].from, c.ring[i].to = min(c.ring[i].from, now), now
	}
	for c.head < len(c.ring) && now >= c.ring[c.head].frees() {
		c.used -= c.ring[c.head].n
		c.head++
	}
	if c.head > 64 && c.head > len(c.ring)/2 {
		c.ring = append(c.ring[:0], c.ring[c.head:]...)
		c.head = 0
	}
}

// take counts n at a time, after expire, and tells in which sub-window: slot if
// that is a new one.
func (c *counter) take(at, n, slot int64) int64 {
	c.used += n
	if len(c.ring) > c.head {
		last := &c.ring[len(c.ring)-1]
		at = max(at, last.to) // never for less than a minute
		if at-last.from < int64(subWindow) {
			last.n += n
			last.to = at
			return last.slot
		}
	}
	c.ring = append(c.ring, taken{slot, at, at, n})
	return slot
}

// adjust changes what was counted in a sub-window, if it still counts.
func (c *counter) adjust(slot, n int64) {
	for i := len(c.ring) - 1; i >= c.head; i-- {
		if c.ring[i].slot == slot {
			c.ring[i].n += n
			c.used += n
			return
		}
	}
}

// freeIn is how long until n more fit under limit; a minute and a half-second at
// most, also for what never fits.
func (c *counter) freeIn(now, limit, n int64) time.Duration {
	over := c.used + n - limit
	if over <= 0 {
		return 0
	}
	for i := c.head; i < len(c.ring); i++ {
		if over -= c.ring[i].n; over <= 0 {
			return time.Duration(c.ring[i].frees() - now)
		}
	}
	return minute + subWindow
}
