package outage_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/policytest"
)

// flaky is a shared ledger that can be away.
type flaky struct {
	policy.Ledger
	away atomic.Bool
	mute atomic.Bool // it does what it is told, and its answers are lost
}

var errAway = errors.New("connection refused")

func (f *flaky) Reserve(ctx context.Context, a policy.Ask) (policy.Outcome, error) {
	if f.away.Load() {
		return policy.Outcome{}, errAway
	}
	out, err := f.Ledger.Reserve(ctx, a)
	if f.mute.Load() {
		return policy.Outcome{}, errAway
	}
	return out, err
}

func (f *flaky) Release(ctx context.Context, ids ...string) error {
	if f.away.Load() || f.mute.Load() {
		return errAway
	}
	return f.Ledger.(policy.Releaser).Release(ctx, ids...)
}

func (f *flaky) Settle(ctx context.Context, s policy.Settlement) error {
	if f.away.Load() {
		return errAway
	}
	return f.Ledger.Settle(ctx, s)
}

type bench struct {
	shared      *flaky
	told, spool *policytest.Journal
	ledger      *outage.Ledger
	clock       *policytest.Clock
	back        chan struct{}
	allowed     atomic.Int64
}

func setup(t *testing.T, rule outage.Rule, replicas int) *bench {
	b := &bench{told: &policytest.Journal{}, spool: &policytest.Journal{}, clock: policytest.NewClock(policytest.Epoch), back: make(chan struct{}, 1)}
	b.shared = &flaky{Ledger: memory.New(memory.Config{Journal: b.told, Clock: b.clock.Now})}
	b.ledger = outage.New(outage.Config{
		Shared: b.shared, Journal: b.spool, Rule: rule, Replicas: func() int { return replicas }, Clock: b.clock.Now, Every: time.Millisecond,
		Probe: func(context.Context) error {
			if b.shared.away.Load() || b.shared.mute.Load() {
				return errAway
			}
			return nil
		},
		OnBack: func() { b.back <- struct{}{} }, OnAllow: func() { b.allowed.Add(1) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go b.ledger.Run(ctx)
	return b
}

func reserve(t *testing.T, b *bench, id string, holds ...policy.Hold) bool {
	t.Helper()
	out, err := b.ledger.Reserve(t.Context(), policy.Ask{ID: id, Holds: holds})
	if err != nil {
		t.Fatal(err)
	}
	return out.Granted
}

func TestShareIsOfWhatWasLeftWhenLastSeen(t *testing.T) {
	b := setup(t, outage.Share, 2)
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	for _, id := range []string{"a", "b"} {
		if !reserve(t, b, id, h) {
			t.Fatal("refused before the outage")
		}
	}
	b.shared.away.Store(true)
	// 80 are left, so each of two replicas may admit 40.
	for _, id := range []string{"1", "2", "3", "4"} {
		if !reserve(t, b, id, h) {
			t.Fatalf("%s: refused within the share", id)
		}
	}
	if reserve(t, b, "5", h) {
		t.Error("admitted beyond the share")
	}
	// Settled where it was reserved; both wait in the spool.
	for _, id := range []string{"a", "1"} {
		if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, 10)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.spool.Entries()); n != 2 || len(b.told.Entries()) != 0 {
		t.Errorf("%d in the spool, %d told", n, len(b.told.Entries()))
	}
	b.shared.away.Store(false)
	<-b.back
	if b.ledger.Down() || !reserve(t, b, "after", h) {
		t.Error("not back")
	}
	if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: "b", Entry: policytest.Took("b", 1, 1, 10)}); err != nil || len(b.told.Entries()) != 1 {
		t.Errorf("settling in the shared ledger: %v, %d told", err, len(b.told.Entries()))
	}
	// What began in the outage is the shared ledger's by now.
	if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: "2", Entry: policytest.Took("2", 1, 1, 10)}); err != nil || len(b.told.Entries()) != 2 {
		t.Errorf("settling what began in the outage: %v, %d told", err, len(b.told.Entries()))
	}
}

func TestAMinuteIntoTheOutageTheWholeLimitIsShared(t *testing.T) {
	b := setup(t, outage.Share, 2)
	h := policytest.Hold(policy.KindRequests, 4, 1, 0)
	for _, id := range []string{"a", "b", "c", "d"} {
		reserve(t, b, id, h)
	}
	b.shared.away.Store(true)
	if reserve(t, b, "1", h) {
		t.Error("admitted while nothing is left")
	}
	b.clock.Advance(61 * time.Second)
	if !reserve(t, b, "2", h) || !reserve(t, b, "3", h) || reserve(t, b, "4", h) {
		t.Error("want two of four admitted by one of two replicas")
	}
}

func TestDenyAndAllow(t *testing.T) {
	h := policytest.Hold(policy.KindRequests, 1, 1, 0)
	b := setup(t, outage.Deny, 1)
	b.shared.away.Store(true)
	for range 2 {
		if _, err := b.ledger.Reserve(t.Context(), policy.Ask{ID: "a", Holds: []policy.Hold{h}}); err == nil {
			t.Error("deny admitted")
		}
	}
	b = setup(t, outage.Allow, 1)
	b.shared.away.Store(true)
	for _, id := range []string{"1", "2", "3"} {
		if !reserve(t, b, id, h) {
			t.Error("allow refused")
		}
		if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, 10)}); err != nil {
			t.Error(err)
		}
	}
	if n := len(b.spool.Entries()); n != 3 || b.allowed.Load() != 3 {
		t.Errorf("%d in the spool, %d told of as allowed", n, b.allowed.Load())
	}
}

func TestADuplicateIDIsNoOutage(t *testing.T) {
	b := setup(t, outage.Share, 1)
	h := policytest.Hold(policy.KindRequests, 9, 1, 0)
	reserve(t, b, "a", h)
	if _, err := b.ledger.Reserve(t.Context(), policy.Ask{ID: "a", Holds: []policy.Hold{h}}); !errors.Is(err, policy.ErrConflict) || b.ledger.Down() {
		t.Errorf("%v, down %v", err, b.ledger.Down())
	}
}

// A shared ledger that takes longer than the caller may wait is an outage like any
// other: the caller gets a decision.
func TestACallersTimeIsUp(t *testing.T) {
	b := setup(t, outage.Share, 1)
	b.shared.away.Store(true)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	h := policytest.Hold(policy.KindRequests, 10, 1, 0)
	if out, err := b.ledger.Reserve(late, policy.Ask{ID: "late", Holds: []policy.Hold{h}}); err != nil || !out.Granted || !b.ledger.Down() {
		t.Errorf("%+v, %v, down %v", out, err, b.ledger.Down())
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	b.shared.away.Store(false)
	<-b.back
	b.shared.away.Store(true)
	if _, err := b.ledger.Reserve(left, policy.Ask{ID: "left", Holds: []policy.Hold{h}}); err == nil || b.ledger.Down() {
		t.Errorf("who left: %v, down %v", err, b.ledger.Down())
	}
}

// What the shared ledger reserved although its answer never came is nobody's: it is
// taken back when that answers again, and never charged.
func TestALostAnswerIsTakenBack(t *testing.T) {
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	b := setup(t, outage.Deny, 1)
	stands := func() policy.Balance {
		all, err := b.shared.Ledger.(policy.Inspector).Standings(t.Context(), []policy.Hold{h})
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	b.shared.mute.Store(true)
	if _, err := b.ledger.Reserve(t.Context(), policy.Ask{ID: "lost", Holds: []policy.Hold{h}}); err == nil {
		t.Fatal("admitted without an answer")
	}
	if got := stands(); got.Held != 10 {
		t.Fatalf("%+v, want what was reserved unheard", got)
	}
	b.shared.mute.Store(false)
	<-b.back
	deadline := time.Now().Add(5 * time.Second)
	for stands().Held != 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%+v, never taken back", stands())
		}
		time.Sleep(time.Millisecond)
	}
	b.clock.Advance(time.Minute)
	if n, err := b.shared.Ledger.(policytest.Reaper).Reap(t.Context()); n != 0 || err != nil || len(b.told.Entries()) != 0 {
		t.Errorf("reaped %d, %v: %d entries for a request that was refused", n, err, len(b.told.Entries()))
	}
}

// What the outage itself grants is kept, and held in the shared ledger once.
func TestALostAnswerGrantedHereIsSettledOnce(t *testing.T) {
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	b := setup(t, outage.Share, 1)
	b.shared.mute.Store(true)
	if !reserve(t, b, "a", h) {
		t.Fatal("refused within the share")
	}
	b.shared.mute.Store(false)
	<-b.back
	if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: "a", Entry: policytest.Took("a", 1, 1, 4)}); err != nil {
		t.Fatal(err)
	}
	if err := b.ledger.Replay(t.Context(), b.spool.Entries()); err != nil {
		t.Fatal(err)
	}
	if n := len(b.told.Of("a")); n != 1 {
		t.Errorf("%d rows, want one", n)
	}
	got, err := b.shared.Ledger.(policy.Inspector).Standings(t.Context(), []policy.Hold{h})
	if err != nil || got[0].Used != 4 || got[0].Held != 0 {
		t.Errorf("%+v, %v; want 4 used and nothing held", got, err)
	}
}

// Who is refused the whole of what it asks and then granted less, under the same id,
// as the outage begins, holds what it holds: nothing is taken back from it.
func TestRefusedMoreAndGrantedLess(t *testing.T) {
	h := policytest.Hold(policy.KindSpend, 100, 10, 1)
	b := setup(t, outage.Share, 1)
	b.shared.mute.Store(true)
	whole := policy.Ask{ID: "a", Holds: []policy.Hold{h}, Want: 50, Usual: 5, Least: 51}
	if out, err := b.ledger.Reserve(t.Context(), whole); err != nil || out.Granted {
		t.Fatalf("%+v, %v; want no more than an eighth granted whole", out, err)
	}
	less := whole
	less.Least = 1
	if out, err := b.ledger.Reserve(t.Context(), less); err != nil || !out.Granted {
		t.Fatalf("%+v, %v; want less granted", out, err)
	}
	if !reserve(t, b, "later", h) {
		t.Fatal("refused within the share")
	}
	b.shared.mute.Store(false)
	<-b.back
	for _, id := range []string{"later", "a"} {
		if err := b.ledger.Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, 4)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.ledger.Replay(t.Context(), b.spool.Entries()); err != nil {
		t.Fatal(err)
	}
	if n := len(b.told.Of("a")); n != 1 {
		t.Errorf("%d rows of what was granted, want one", n)
	}
}
