package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// fresh tells whether a directory may be behind what the API has answered. A write
// is answered when we have applied it, when Barrier is over, or, where nothing was
// heard of us for Live, at once. So whoever has reported, has looked after that, and
// looked less than Barrier ago, has applied all that was answered: what it lacks was
// committed later than that look, and its writer still waits.
//
// A process that was stopped, starved or cut off finds its look too old by itself,
// and looks again before it decides.
type fresh struct {
	began  time.Time
	looked atomic.Int64 // when the last look that counts began, as now has it
	away   atomic.Bool  // no look can be had: decisions go on from memory

	mu     sync.Mutex
	next   chan struct{}      // closed at the next look that counts, or when there will be none
	wanted bool               // somebody waits for a look
	wake   context.CancelFunc // ends the feed's sleep; nil: it does not sleep
}

func newFresh() *fresh {
	f := &fresh{began: time.Now(), next: make(chan struct{})}
	f.looked.Store(-int64(time.Hour))
	return f
}

// now is monotonic.
func (f *fresh) now() int64 { return int64(time.Since(f.began)) }

// Fresh returns when the directory holds everything that the admin API had answered
// when it was called, and true. It looks at the clock, mostly; where the last look
// is too old it waits for another, FeedConfig.FreshWait at most. False is that none
// can be had: PostgreSQL is away, or does not answer; then nobody waits until it does.
func (f *Feed) Fresh(ctx context.Context) bool {
	s, at := f.fresh, f.fresh.now()
	within := func() bool { return at < s.looked.Load()+int64(f.cfg.Store.cfg.Barrier) }
	if within() {
		return true
	}
	timer := time.NewTimer(f.cfg.FreshWait)
	defer timer.Stop()
	for !s.away.Load() {
		looked := s.want()
		if within() {
			return true
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return false
		case <-timer.C:
			if s.away.CompareAndSwap(false, true) {
				s.tell()
				f.cfg.Log.Warn("whether keys are current cannot be told: PostgreSQL does not answer; decisions go on from memory", "waited", f.cfg.FreshWait)
			}
		}
		if within() {
			return true
		}
	}
	return false
}

// want has the feed look soon; what it returns is closed then.
func (f *fresh) want() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = true
	if f.wake != nil {
		f.wake()
	}
	return f.next
}

// sleeping tells how to wake the feed; false: it must not sleep, somebody waits.
func (f *fresh) sleeping(wake context.CancelFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake = wake
	return wake == nil || !f.wanted
}

// seen notes a look that began at some time, and found everything there was.
func (f *fresh) seen(at int64) {
	f.looked.Store(at)
	f.away.Store(false)
	f.tell()
}

// none says that there will be no look for a while.
func (f *fresh) none() {
	f.away.Store(true)
	f.tell()
}

func (f *fresh) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = false
	close(f.next)
	f.next = make(chan struct{})
}
