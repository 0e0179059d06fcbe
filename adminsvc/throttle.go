package adminsvc

import (
	"crypto/sha256"
	"sync"
	"time"
)

// throttle bounds how often somebody may guess. Each name has a bucket: burst
// guesses at once, and one more each refill. Memory is bounded: where there are
// too many names, those that guessed longest ago are forgotten, which are those
// nearest to being free again.
type throttle struct {
	burst  float64
	refill time.Duration
	most   int

	mu      sync.Mutex
	buckets map[[16]byte]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newThrottle(burst int, refill time.Duration, most int) *throttle {
	return &throttle{burst: float64(burst), refill: refill, most: most, buckets: map[[16]byte]*bucket{}}
}

// take counts a guess, or says how long to wait for the next.
func (t *throttle) take(name string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.at(name, now)
	if b.left < 1 {
		return max(time.Duration((1-b.left)*float64(t.refill)), time.Second)
	}
	b.left--
	return 0
}

// give takes a guess back: it was right.
func (t *throttle) give(name string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.at(name, now)
	b.left = min(b.left+1, t.burst)
}

func (t *throttle) at(name string, now time.Time) *bucket {
	// A hash: names come from outside, and may be long.
	sum := sha256.Sum256([]byte(name))
	id := [16]byte(sum[:16])
	b := t.buckets[id]
	if b == nil {
		if len(t.buckets) >= t.most {
			t.forget(now)
		}
		b = &bucket{left: t.burst, at: now}
		t.buckets[id] = b
		return b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(b.left+float64(passed)/float64(t.refill), t.burst), now
	}
	return b
}

// forget makes room: those that are full again go, and else the older half.
func (t *throttle) forget(now time.Time) {
	var sum time.Duration
	for id, b := range t.buckets {
		if b.left+float64(now.Sub(b.at))/float64(t.refill) >= t.burst {
			delete(t.buckets, id)
			continue
		}
		sum += now.Sub(b.at)
	}
	if len(t.buckets) < t.most {
		return
	}
	mean := sum / time.Duration(len(t.buckets))
	for id, b := range t.buckets {
		if now.Sub(b.at) >= mean {
			delete(t.buckets, id)
		}
	}
}
