package outage_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/policytest"
)

// underway is a journal that remembers what was opened and what is done.
type underway struct {
	policytest.Journal
	mu   sync.Mutex
	open []string
}

func (u *underway) Open(_ context.Context, _ time.Time, _ int64, d policy.Draft) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open = append(u.open, d.Entry.CallID)
	return nil
}

func (u *underway) Done(_ context.Context, ids ...string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open = slices.DeleteFunc(u.open, func(id string) bool { return slices.Contains(ids, id) })
	return nil
}

func (u *underway) opened() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.open)
}

// asking reserves and settles one request.
func asking(t *testing.T, l *outage.Ledger, id string) {
	t.Helper()
	draft := policy.Draft{Entry: policy.Entry{CallID: id}}
	if out, err := l.Reserve(t.Context(), policy.Ask{ID: id, Draft: draft}); err != nil || !out.Granted {
		t.Fatal(out, err)
	}
	if err := l.Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, 10)}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatALostMemoryHadAcknowledgedIsToldAgain(t *testing.T) {
	clock, spool, back := policytest.NewClock(policytest.Epoch), &underway{}, make(chan struct{}, 8)
	var life atomic.Value
	life.Store("first")
	l := outage.New(outage.Config{
		Shared: memory.New(memory.Config{Journal: &policytest.Journal{}, Clock: clock.Now}), Journal: spool, Clock: clock.Now,
		Probe: func(context.Context) error { return nil }, Every: time.Millisecond, OnBack: func() { back <- struct{}{} },
		Identity: func(context.Context) (string, error) { return life.Load().(string), nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s (open %v)", what, spool.opened())
			}
		}
	}

	asking(t, l, "old")
	if got := spool.opened(); !slices.Equal(got, []string{"old"}) {
		t.Fatalf("open in the spool: %v", got)
	}
	// Two generations later it is safe.
	until("the old one is done", func() bool {
		clock.Advance(6 * time.Second)
		return !slices.Contains(spool.opened(), "old")
	})

	asking(t, l, "fresh")
	life.Store("second")
	clock.Advance(time.Second)
	<-back
	until("it is told again", func() bool {
		return slices.ContainsFunc(spool.Entries(), func(e policy.Entry) bool { return e.CallID == "fresh" })
	})
	if slices.ContainsFunc(spool.Entries(), func(e policy.Entry) bool { return e.CallID == "old" }) {
		t.Error("what was safe long ago was told again")
	}
	cancel()
	<-ended
	if got := spool.opened(); len(got) != 0 {
		t.Errorf("open after the end: %v", got)
	}
}
