package policytest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/purser/purser/policy"
)

func itoa(n int) string { return strconv.Itoa(n) }

var settleTests = []ledgerTest{
	{"settle replaces what was reserved", testSettle},
	{"settle changes nothing the second time", testSettleTwice},
	{"settled at once by many, counted once", testSettleTogether},
	{"an id nobody reserved is journalled", testSettleUnknown},
	{"what is settled may exceed its hold", testSettleMore},
	{"a failing journal loses nothing", testJournalFails},
	{"what is released was never reserved", testRelease},
}

func testSettle(b *bench) {
	now := b.clock.Now()
	spend, month := Hold(policy.KindSpend, 1000, 100, 2), In("1mo", now, Of(policy.ScopeTeam, "t", Hold(policy.KindSpend, 1000, 100, 2)))
	tokens, input, output := Hold(policy.KindTokens, 1000, 50, 1), Hold(policy.KindInputTokens, 1000, 50, 0), Hold(policy.KindOutputTokens, 1000, 0, 1)
	requests, parallel := Hold(policy.KindRequests, 10, 1, 0), Hold(policy.KindParallel, 10, 1, 0)
	ask := b.ask(spend, month, tokens, input, output, requests, parallel)
	ask.Want, ask.Usual, ask.Least = 100, 100, 100
	out := b.reserve(ask)
	if !out.Granted || out.Output != 100 {
		b.Fatalf("%+v", out)
	}
	b.clock.Advance(20 * time.Second)
	e := Took(ask.ID, 33, 7, 41)
	e.ReservedAt, e.ModelAsked, e.Tags = out.At, "gpt-4o", []string{"a", "b"}
	b.settle(e)
	b.stands(spend, 41, 0)
	b.stands(month, 41, 0)
	b.stands(parallel, 0, 0)
	for _, c := range []struct {
		hold policy.Hold
		want int64
	}{{tokens, 40}, {input, 33}, {output, 7}, {requests, 1}} {
		if got := b.balance(c.hold); got.Used+got.Held != c.want {
			b.Errorf("%s: %+v counted, want %d", c.hold.Kind, got, c.want)
		}
	}
	got := b.journalled(ask.ID, policy.UsageReported)[0]
	if got.ModelAsked != "gpt-4o" || len(got.Tags) != 2 || got.Cost.Total != 41 || got.Usage != e.Usage || got.ReservedAt.Sub(out.At).Abs() > time.Millisecond {
		b.Errorf("journalled %+v, want what was settled, reserved at %v", got, out.At)
	}
	// What came back can be had by the next.
	all := Hold(policy.KindSpend, 1000, 959, 0)
	b.granted(all)
	b.refused(0, Hold(policy.KindSpend, 1000, 1, 0))
}

func testSettleTwice(b *bench) {
	spend, tokens := Hold(policy.KindSpend, 1000, 100, 0), Hold(policy.KindTokens, 1000, 100, 0)
	id := b.granted(spend, tokens)
	b.settle(Took(id, 20, 0, 30))
	check := func() {
		b.Helper()
		b.stands(spend, 30, 0)
		if got := b.balance(tokens); got.Used+got.Held != 20 {
			b.Errorf("tokens: %+v, want 20", got)
		}
		b.journalled(id, policy.UsageReported)
	}
	check()
	b.settle(Took(id, 20, 0, 30))
	b.settle(Took(id, 99, 0, 99)) // nor does another count of the same rank
	estimated := Took(id, 99, 0, 99)
	estimated.Usage.Source = policy.UsageEstimated
	b.settle(estimated)
	check()
	b.clock.Advance(5 * time.Minute)
	b.settle(Took(id, 20, 0, 30))
	b.journalled(id, policy.UsageReported)
	b.stands(spend, 30, 0)
}

func testSettleTogether(b *bench) {
	spend := Hold(policy.KindSpend, 1000, 100, 0)
	id := b.granted(spend)
	b.together(8, func(string) {
		if err := b.ledger.Settle(b.Context(), policy.Settlement{ID: id, Entry: Took(id, 0, 0, 30)}); err != nil {
			b.Error(err)
		}
	})
	b.stands(spend, 30, 0)
	b.journalled(id, policy.UsageReported)
}

func testSettleUnknown(b *bench) {
	spend := Hold(policy.KindSpend, 1000, 100, 0)
	b.granted(spend)
	b.settle(Took("from another life", 1, 1, 70))
	b.journalled("from another life", policy.UsageReported)
	b.stands(spend, 0, 100)
	b.settle(Took("from another life", 1, 1, 70))
	b.journalled("from another life", policy.UsageReported)
}

func testSettleMore(b *bench) {
	spend := Hold(policy.KindSpend, 1000, 100, 0)
	id := b.granted(spend)
	b.settle(Took(id, 0, 0, 1500))
	b.stands(spend, 1500, 0)
	b.refused(0, Hold(policy.KindSpend, 1000, 0, 0))
}

func testJournalFails(b *bench) {
	spend, slot, tokens := Hold(policy.KindSpend, 1000, 100, 0), Hold(policy.KindParallel, 1, 1, 0), Hold(policy.KindTokens, 1000, 100, 0)
	id := b.granted(spend, slot, tokens)
	broken := errors.New("the disk is full")
	b.journal.Fail(broken)
	settlement := policy.Settlement{ID: id, Entry: Took(id, 20, 0, 30)}
	for range 3 {
		if err := b.ledger.Settle(b.Context(), settlement); !errors.Is(err, broken) {
			b.Fatalf("Settle with a journal that fails: %v, want its error", err)
		}
		b.stands(spend, 0, 100)
		b.refused(0, slot)
	}
	b.clock.Advance(time.Minute)
	if n, err := b.ledger.(Reaper).Reap(b.Context()); n != 0 || !errors.Is(err, broken) {
		b.Fatalf("Reap with a journal that fails: %d, %v; want its error", n, err)
	}
	b.stands(spend, 0, 100)
	b.journal.Fail(nil)
	if err := b.ledger.Settle(context.Background(), settlement); err != nil {
		b.Fatal(err)
	}
	b.stands(spend, 30, 0)
	b.granted(slot)
	b.journalled(id, policy.UsageReported)
}

func testRelease(b *bench) {
	r, ok := b.ledger.(policy.Releaser)
	if !ok {
		b.Skip("it cannot lose an answer")
	}
	holds := []policy.Hold{
		Hold(policy.KindSpend, 1000, 100, 1), In("1d", b.clock.Now(), Hold(policy.KindTokens, 1000, 100, 1)),
		Hold(policy.KindParallel, 2, 1, 0), Hold(policy.KindRequests, 2, 1, 0), Hold(policy.KindTokens, 1000, 100, 1),
	}
	taken := func(n int64) {
		b.Helper()
		for i, got := range b.balances(holds...) {
			if got.Used+got.Held != n*holds[i].Amount(0) {
				b.Errorf("%s: %+v, want what %d requests hold", holds[i].Kind, got, n)
			}
		}
	}
	release := func(ids ...string) {
		b.Helper()
		if err := r.Release(b.Context(), ids...); err != nil {
			b.Fatal(err)
		}
	}
	kept, gone := b.ask(holds...), b.ask(holds...)
	b.reserve(kept)
	b.reserve(gone)
	taken(2)
	release(gone.ID)
	release(gone.ID)
	taken(1)
	// Neither a Reserve that was on its way nor the reaper brings it back.
	if out, err := b.ledger.Reserve(b.Context(), gone); !errors.Is(err, policy.ErrConflict) {
		b.Errorf("Reserve of what was released: %+v, %v; want ErrConflict", out, err)
	}
	late := b.ask(holds...)
	release(late.ID)
	if out, err := b.ledger.Reserve(b.Context(), late); !errors.Is(err, policy.ErrConflict) {
		b.Errorf("Reserve of what was released before: %+v, %v; want ErrConflict", out, err)
	}
	taken(1)
	b.settle(Took(kept.ID, 50, 50, 100))
	release(kept.ID) // is over
	for i, want := range []int64{100, 100, 0, 1, 100} {
		if got := b.balance(holds[i]); got.Used != want || got.Held != 0 {
			b.Errorf("%s: %+v, want %d used", holds[i].Kind, got, want)
		}
	}
	b.clock.Advance(31 * time.Second)
	b.reap(0)
	if n := len(b.journal.Entries()); n != 1 {
		b.Errorf("%d entries, want the one that was settled", n)
	}
	// A request that was taken back by mistake, and ran, has its row: once, and whoever counted.
	estimate := Took(late.ID, 5, 5, 10)
	estimate.Usage.Source = policy.UsageEstimated
	b.settle(estimate)
	b.journalled(late.ID, policy.UsageEstimated)
	for range 2 {
		b.settle(Took(gone.ID, 5, 5, 10))
	}
	b.journalled(gone.ID, policy.UsageReported)
}
