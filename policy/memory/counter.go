package memory

import "time"

// subWindow is the grain of the rolling minute: what was taken in a sub-window
// counts until all of it is older than a minute, so no rolling minute exceeds
// the limit, and a steady caller gets at least 60/60.5 of it.
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
	seen   time.Time // last touched, for cleaning up
}

// taken is what was counted in one sub-window.
type taken struct {
	slot int64 // Unix time in sub-windows
	n    int64
}

func slotOf(t time.Time) int64 { return t.UnixNano() / int64(subWindow) }

// frees is when a sub-window stops counting.
func frees(slot int64) time.Time { return time.Unix(0, (slot+1)*int64(subWindow)).Add(minute) }

// expire drops the sub-windows that count no more: each is dropped once, so the
// cost is constant per request over time.
func (c *counter) expire(now time.Time) {
	for c.head < len(c.ring) && !now.Before(frees(c.ring[c.head].slot)) {
		c.used -= c.ring[c.head].n
		c.head++
	}
	if c.head > 64 && c.head > len(c.ring)/2 {
		c.ring = append(c.ring[:0], c.ring[c.head:]...)
		c.head = 0
	}
}

// take counts n in the sub-window of at. A clock that steps back counts into the
// newest sub-window: never too little, never for less than a minute.
func (c *counter) take(at time.Time, n int64) (slot int64) {
	slot = slotOf(at)
	if last := len(c.ring) - 1; last >= c.head && c.ring[last].slot >= slot {
		c.ring[last].n += n
		c.used += n
		return c.ring[last].slot
	}
	c.ring = append(c.ring, taken{slot, n})
	c.used += n
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

// freeIn is how long until n more fit under limit; a minute and a half-second at most.
func (c *counter) freeIn(now time.Time, limit, n int64) time.Duration {
	over := c.used + n - limit
	for i := c.head; i < len(c.ring) && over > 0; i++ {
		over -= c.ring[i].n
		if over <= 0 {
			return max(frees(c.ring[i].slot).Sub(now), time.Millisecond)
		}
	}
	if over > 0 {
		return minute + subWindow // more than the limit itself: it never fits
	}
	return 0
}
