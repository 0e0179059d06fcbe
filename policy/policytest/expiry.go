package policytest

import (
	"time"

	"github.com/purser/purser/policy"
)

var expiryTests = []ledgerTest{
	{"a reservation nobody renews is settled at its hold", testReap},
	{"a true count that comes late corrects the estimate", testLate},
	{"an estimate that comes late changes nothing", testLateEstimate},
	{"renewal keeps a reservation alive", testRenew},
	{"renewal of what is over does nothing", testRenewOver},
	{"parallel slots come back", testSlots},
	{"a true count and the reaper at once", testReapRace},
}

// draft is of a request whose estimate costs input + 2 × output nano-USD.
func draft(id string, input, choices int64) policy.Draft {
	return policy.Draft{
		Entry: policy.Entry{Type: policy.EntryRequest, CallID: id, ModelAsked: "gpt-4o", KeyHash: "k"},
		Price: PerUnit(1, 2), Input: input, Choices: choices,
	}
}

// PerUnit is a price in nano-USD per token.
func PerUnit(input, output int64) policy.Price {
	return policy.TokenPrice(policy.Rate(input*1_000_000), policy.Rate(output*1_000_000))
}

// drafted reserves 100 + 3 × output of spend and a slot, for 30 seconds.
func (b *bench) drafted(output int64, holds ...policy.Hold) string {
	b.Helper()
	ask := b.ask(holds...)
	ask.Want, ask.Usual, ask.Least = output, output, output
	ask.Draft = draft(ask.ID, 100, 1)
	if out := b.reserve(ask); !out.Granted {
		b.Fatalf("refused: %+v", out)
	}
	return ask.ID
}

func testReap(b *bench) {
	spend, slot, tokens := Hold(policy.KindSpend, 10_000, 100, 3), Hold(policy.KindParallel, 2, 1, 0), In("1d", b.clock.Now(), Hold(policy.KindTokens, 10_000, 100, 1))
	at := b.clock.Now()
	id := b.drafted(50, spend, slot, tokens)
	b.clock.Advance(30*time.Second - time.Millisecond)
	b.reap(0)
	b.stands(spend, 0, 250)
	ended := b.clock.Advance(2 * time.Millisecond)
	b.reap(1)
	b.reap(0)
	b.stands(spend, 100+2*50, 0) // at the price of who served it, not at the dearest
	b.stands(slot, 0, 0)
	b.stands(tokens, 150, 0)
	e := b.journalled(id, policy.UsageEstimated)[0]
	want := draft(id, 100, 1).Estimated(at, 50, ended)
	if e.Usage != want.Usage || e.Cost != want.Cost || e.Status != policy.StatusFailure || e.Error == "" || e.ModelAsked != "gpt-4o" || e.KeyHash != "k" ||
		e.ReservedAt.Sub(at).Abs() > time.Millisecond || e.EndedAt.Sub(ended).Abs() > time.Millisecond {
		b.Errorf("journalled\n%+v, want\n%+v", e, want)
	}
}

func testLate(b *bench) {
	for name, wait := range map[string]time.Duration{"at once": 0, "an hour later": time.Hour, "twenty hours later": 20 * time.Hour} {
		b.each(name, func(b *bench) {
			spend, slot, tokens := Hold(policy.KindSpend, 10_000, 100, 3), Hold(policy.KindParallel, 2, 1, 0), Hold(policy.KindTokens, 1000, 100, 1)
			id := b.drafted(50, spend, slot, tokens)
			b.clock.Advance(31 * time.Second)
			b.reap(1)
			b.clock.Advance(wait)
			b.granted(slot) // keeps the counter busy
			b.settle(Took(id, 90, 3, 17))
			b.stands(spend, 17, 0)
			b.stands(slot, 0, 1)
			if got := b.balance(tokens); wait == 0 && got.Used+got.Held != 93 {
				b.Errorf("tokens: %+v, want 93", got)
			}
			b.journalled(id, policy.UsageEstimated, policy.UsageReported)
			b.settle(Took(id, 90, 3, 99))
			b.stands(spend, 17, 0)
			b.journalled(id, policy.UsageEstimated, policy.UsageReported)
		})
	}
	b.each("nothing was used", func(b *bench) {
		spend := Hold(policy.KindSpend, 10_000, 100, 3)
		id := b.drafted(50, spend)
		b.clock.Advance(31 * time.Second)
		b.reap(1)
		e := Took(id, 0, 0, 0)
		e.Usage.Source = policy.UsageNone
		b.settle(e)
		b.stands(spend, 0, 0)
		b.journalled(id, policy.UsageEstimated, policy.UsageNone)
	})
}

func testLateEstimate(b *bench) {
	spend := Hold(policy.KindSpend, 10_000, 100, 3)
	id := b.drafted(50, spend)
	b.clock.Advance(31 * time.Second)
	b.reap(1)
	e := Took(id, 1, 1, 9)
	e.Usage.Source = policy.UsageEstimated
	b.settle(e)
	b.stands(spend, 200, 0)
	b.journalled(id, policy.UsageEstimated)
}

func testRenew(b *bench) {
	spend := Hold(policy.KindSpend, 10_000, 100, 3)
	kept, left := b.drafted(50, spend), b.drafted(10, spend)
	for range 6 {
		b.clock.Advance(10 * time.Second)
		if err := b.ledger.Renew(b.Context(), 30*time.Second, kept); err != nil {
			b.Fatal(err)
		}
	}
	b.reap(1)
	b.journalled(left, policy.UsageEstimated)
	b.stands(spend, 120, 250)
	// A shorter renewal does not shorten a life.
	if err := b.ledger.Renew(b.Context(), time.Second, kept); err != nil {
		b.Fatal(err)
	}
	b.clock.Advance(29 * time.Second)
	b.reap(0)
	b.settle(Took(kept, 1, 1, 200))
	b.stands(spend, 320, 0)
	b.journalled(kept, policy.UsageReported)
}

func testRenewOver(b *bench) {
	spend := Hold(policy.KindSpend, 10_000, 100, 3)
	id := b.drafted(50, spend)
	b.settle(Took(id, 1, 1, 200))
	if err := b.ledger.Renew(b.Context(), time.Minute, id, "never heard of"); err != nil {
		b.Fatal(err)
	}
	if err := b.ledger.Renew(b.Context(), time.Minute); err != nil {
		b.Fatal(err)
	}
	b.clock.Advance(2 * time.Minute)
	b.reap(0)
	b.stands(spend, 200, 0)
	b.journalled(id, policy.UsageReported)
}

func testSlots(b *bench) {
	slot := Hold(policy.KindParallel, 3, 1, 0)
	var ids []string
	for range 3 {
		ids = append(ids, b.drafted(1, slot))
	}
	if out := b.refused(0, slot); out.Balances[0].RetryIn != time.Second {
		b.Errorf("RetryIn = %v, want a second: nobody knows when a request ends", out.Balances[0].RetryIn)
	}
	b.settle(Took(ids[0], 1, 1, 1))
	b.granted(slot)
	b.refused(0, slot)
	b.clock.Advance(31 * time.Second)
	b.refused(0, slot) // expiry alone frees nothing: the reaper does, and writes the row
	b.reap(3)
	b.stands(slot, 0, 0)
	// Nothing leaks over many rounds, whatever way requests end.
	for i := range 60 {
		id := b.drafted(1, slot)
		switch i % 3 {
		case 0:
			b.settle(Took(id, 1, 1, 1))
		case 1:
			b.clock.Advance(31 * time.Second)
			b.reap(1)
		default:
			b.clock.Advance(31 * time.Second)
			b.reap(1)
			b.settle(Took(id, 1, 1, 1))
		}
	}
	b.stands(slot, 0, 0)
}

// However the true count and the reaper meet, the true count wins.
func testReapRace(b *bench) {
	spend := Hold(policy.KindSpend, 1_000_000, 100, 3)
	for range 40 {
		id := b.drafted(50, spend)
		b.clock.Advance(31 * time.Second)
		before := b.balance(spend).Used
		b.together(3, func(string) {
			if _, err := b.ledger.(Reaper).Reap(b.Context()); err != nil {
				b.Error(err)
			}
			if err := b.ledger.Settle(b.Context(), policy.Settlement{ID: id, Entry: Took(id, 1, 1, 7)}); err != nil {
				b.Error(err)
			}
		})
		b.stands(spend, before+7, 0)
		all := b.journal.Of(id)
		if n := len(all); n < 1 || n > 2 || all[n-1].Usage.Source != policy.UsageReported {
			b.Fatalf("journal of %s: %+v, want the true count last", id, all)
		}
	}
}
