package policytest

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purser/purser/policy"
)

var reserveTests = []ledgerTest{
	{"all holds or none", testAllOrNone},
	{"a refused ask changes nothing", testRefusedChangesNothing},
	{"a limit of zero admits nothing", testZero},
	{"the rule of what is granted", testGrantable},
	{"the smallest grant decides every hold", testSmallest},
	{"a shadow limit counts and never refuses", testSoft},
	{"an id is reserved once", testDuplicate},
	{"no holds, no refusal", testNoHolds},
	{"exactly K of N borrowers pass", testBorrowers},
	{"concurrent asks never hold more than the limit", testConcurrentClamp},
	{"the time asked at counts", testAt},
}

func testAllOrNone(b *bench) {
	full := Of(policy.ScopeTeam, "full", Hold(policy.KindSpend, 100, 100, 0))
	roomy := Hold(policy.KindSpend, 1000, 100, 0)
	b.granted(full)
	kinds := []policy.Hold{
		roomy, Hold(policy.KindRequests, 9, 1, 0), Hold(policy.KindParallel, 9, 1, 0), full,
		In("1d", b.clock.Now(), Hold(policy.KindTokens, 1000, 10, 0)),
	}
	b.refused(3, kinds...)
	for i, h := range kinds {
		if i != 3 {
			b.stands(h, 0, 0)
		}
	}
	// Every hold that fails is named, with what it saw.
	also := Of(policy.ScopeUser, "u", Hold(policy.KindSpend, 5, 6, 0))
	out := b.reserve(b.ask(full, roomy, also))
	if !slices.Equal(out.Failed, []int{0, 2}) || len(out.Balances) != 3 || out.Balances[0].Held != 100 || out.Output != 0 {
		b.Errorf("Failed %v, Balances %+v, Output %d; want holds 0 and 2, 100 held by the first", out.Failed, out.Balances, out.Output)
	}
	if out.At.Sub(b.clock.Now()).Abs() > time.Millisecond {
		b.Errorf("At = %v, want the clock's %v", out.At, b.clock.Now())
	}
}

func testRefusedChangesNothing(b *bench) {
	minute, spend := Hold(policy.KindRequests, 3, 1, 0), Hold(policy.KindSpend, 10, 3, 0)
	for range 3 {
		b.granted(minute, spend)
	}
	for range 50 {
		b.refused(1, Of(policy.ScopeTeam, "t", minute), spend)
		b.refused(0, minute, Of(policy.ScopeTeam, "t", spend))
	}
	b.stands(spend, 0, 9)
	b.stands(Of(policy.ScopeTeam, "t", minute), 0, 0)
	b.stands(Of(policy.ScopeTeam, "t", spend), 0, 0)
	if got := b.balance(minute); got.Used+got.Held != 3 {
		b.Errorf("requests counted: %+v, want 3", got)
	}
	if n := len(b.journal.Entries()); n != 0 {
		b.Errorf("%d entries journalled for refused asks", n)
	}
	// Nor is the id of a refused ask taken: the caller may ask again for less.
	ask := b.ask(spend)
	if out := b.reserve(ask); out.Granted {
		b.Fatal("granted 12 of 10")
	}
	ask.Holds[0].Fixed = 1
	if out := b.reserve(ask); !out.Granted {
		b.Error("the same id, asking for less, is refused")
	}
}

func testZero(b *bench) {
	for k := range policy.Kinds {
		kind := policy.Kind(k)
		for _, amount := range [][2]int64{{0, 0}, {1, 0}, {0, 1}} {
			h := Hold(kind, 0, amount[0], amount[1])
			b.refused(0, h)
			h.Limit = -1
			b.refused(0, h)
		}
	}
	b.refused(0, In("1d", b.clock.Now(), Hold(policy.KindSpend, 0, 0, 0)))
}

func testGrantable(b *bench) {
	type row struct {
		name               string
		limit, taken       int64
		fixed, per         int64
		want, usual, least int64
		output             int64 // -1: refused
	}
	for _, r := range []row{
		{"an eighth covers it: as asked", 8000, 0, 100, 1, 900, 10, 1, 900},
		{"just over an eighth: an eighth, less the prompt", 8000, 0, 101, 1, 900, 10, 1, 899},
		{"an eighth of what is left, not of the limit", 16000, 8000, 0, 1, 9000, 10, 1, 1000},
		{"never below the usual answer while there is room", 8000, 0, 0, 1, 9000, 2000, 1, 2000},
		{"the usual answer, but not beyond what is left", 8000, 7000, 0, 1, 9000, 2000, 1, 1000},
		{"the usual answer, but not beyond what is asked", 8000, 0, 900, 1, 150, 2000, 1, 150},
		{"the least fits exactly", 8000, 7950, 0, 1, 9000, 50, 50, 50},
		{"below the least: refused", 8000, 7951, 0, 1, 9000, 50, 50, -1},
		{"all or nothing, and all fits", 8000, 4000, 0, 1, 4000, 4000, 4000, 4000},
		{"all or nothing with no usual answer, and all fits", 8000, 4000, 0, 1, 4000, 0, 4000, 4000},
		{"all or nothing, and not all fits", 8000, 4001, 0, 1, 4000, 4000, 4000, -1},
		{"per token several units", 8000, 0, 0, 7, 9000, 10, 1, 142},
		{"the prompt alone does not fit", 8000, 7900, 101, 1, 900, 1, 0, -1},
		{"the prompt fits exactly, the least is nothing", 8000, 7900, 100, 1, 900, 1, 0, 0},
		{"no cost per token: as asked", 8000, 7900, 100, 0, 900, 1, 1, 900},
		{"a free call within a limit that is used up", 8000, 8000, 0, 0, 900, 1, 1, 900},
		{"a free call within a limit that is overdrawn", 8000, 8001, 0, 0, 900, 1, 1, -1},
		{"a prompt beyond an eighth leaves the usual answer", 800, 0, 300, 1, 9000, 50, 1, 50},
	} {
		b.each(r.name, func(b *bench) {
			h := Hold(policy.KindSpend, r.limit, r.fixed, r.per)
			if r.taken > 0 {
				used := Hold(policy.KindSpend, r.limit*2, r.taken, 0)
				b.settle(Took(b.granted(used), 0, 0, policy.Money(r.taken)))
			}
			ask := b.ask(h)
			ask.Want, ask.Usual, ask.Least = r.want, r.usual, r.least
			if got := policy.Grantable(&h, r.taken, &ask); got != r.output {
				b.Fatalf("policy.Grantable = %d, want %d", got, r.output)
			}
			out := b.reserve(ask)
			if out.Granted != (r.output >= 0) || out.Output != max(r.output, 0) || out.Lowered != (out.Granted && r.output < r.want) {
				b.Fatalf("%+v, want an answer of %d", out, r.output)
			}
			if !out.Granted {
				b.stands(h, r.taken, 0)
				return
			}
			held := r.fixed + r.per*r.output
			b.stands(h, r.taken, held)
			if got := out.Balances[0]; got.Used != r.taken || got.Held != held {
				b.Errorf("Balances[0] = %+v, want used %d, held %d: this reservation included", got, r.taken, held)
			}
		})
	}
}

func testSmallest(b *bench) {
	now := b.clock.Now()
	holds := []policy.Hold{
		Hold(policy.KindSpend, 80_000, 100, 10),
		Of(policy.ScopeTeam, "t", Hold(policy.KindSpend, 8_000, 100, 10)), // an eighth less the prompt: 90 tokens
		In("1d", now, Hold(policy.KindTokens, 16_000, 20, 2)),
		Hold(policy.KindTokens, 100_000, 20, 2),
		Hold(policy.KindParallel, 5, 1, 0),
	}
	ask := b.ask(holds...)
	ask.Want, ask.Usual, ask.Least = 1000, 20, 1
	out := b.reserve(ask)
	if !out.Granted || out.Output != 90 || !out.Lowered {
		b.Fatalf("%+v, want an answer of 90", out)
	}
	for i, h := range holds {
		got, want := out.Balances[i], h.Fixed+h.PerToken*90
		if got.Used+got.Held != want {
			b.Errorf("hold %d takes %+v, want %d: what an answer of 90 takes", i, got, want)
		}
	}
}

func testSoft(b *bench) {
	soft := Hold(policy.KindSpend, 100, 60, 1)
	soft.Soft = true
	hard := Of(policy.ScopeTeam, "t", Hold(policy.KindSpend, 100_000, 60, 1))
	for i := range int64(4) {
		ask := b.ask(soft, hard)
		ask.Want, ask.Usual, ask.Least = 40, 10, 1
		out := b.reserve(ask)
		if !out.Granted || out.Output != 40 {
			b.Fatalf("%+v, want 40 tokens whatever the shadow limit says", out)
		}
		b.stands(soft, 0, 100*(i+1))
	}
}

func testDuplicate(b *bench) {
	h := Hold(policy.KindSpend, 100, 1, 0)
	ask := b.ask(h)
	b.reserve(ask)
	if out, err := b.ledger.Reserve(b.Context(), ask); err == nil {
		b.Errorf("a second reservation under one id: %+v, want an error", out)
	}
	b.stands(h, 0, 1)
	b.settle(Took(ask.ID, 0, 0, 1))
	if out, err := b.ledger.Reserve(b.Context(), ask); err == nil {
		b.Errorf("a reservation under a settled id: %+v, want an error", out)
	}
	b.stands(h, 1, 0)
}

func testNoHolds(b *bench) {
	ask := b.ask()
	ask.Want = 77
	if out := b.reserve(ask); !out.Granted || out.Output != 77 || out.Lowered {
		b.Errorf("%+v, want 77 tokens", out)
	}
	b.settle(Took(ask.ID, 1, 1, 1))
	b.journalled(ask.ID, policy.UsageReported)
}

func testBorrowers(b *bench) {
	const n, k = 48, 17
	now := b.clock.Now()
	for name, h := range map[string]policy.Hold{
		"spend":             Hold(policy.KindSpend, k*1000, 1000, 0),
		"spend of a day":    In("1d", now, Hold(policy.KindSpend, k*1000, 1000, 0)),
		"parallel":          Hold(policy.KindParallel, k, 1, 0),
		"requests a minute": Hold(policy.KindRequests, k, 1, 0),
		"tokens a minute":   Hold(policy.KindTokens, k*500, 500, 0),
	} {
		b.each(name, func(b *bench) {
			var passed atomic.Int64
			roomy := Of(policy.ScopeTeam, "t", Hold(policy.KindSpend, 1<<40, 7, 0))
			b.together(n, func(id string) {
				out, err := b.ledger.Reserve(b.Context(), policy.Ask{ID: id, Holds: []policy.Hold{roomy, h}, TTL: time.Minute})
				if err != nil {
					b.Error(err)
				} else if out.Granted {
					passed.Add(1)
				}
			})
			if got := passed.Load(); got != k {
				b.Errorf("%d of %d passed, want %d", got, n, k)
			}
			if got := b.balance(h); got.Used+got.Held != h.Limit {
				b.Errorf("%+v of %d taken, want all", got, h.Limit)
			}
			b.stands(roomy, 0, 7*k)
		})
	}
}

// together runs f n times at once, with an id for each.
func (b *bench) together(n int, f func(id string)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		id := b.id()
		all.Go(func() {
			<-start
			f(id)
		})
	}
	close(start)
	all.Wait()
}

// Borrowers without a cap, whose answers are lowered to what their holds pay for,
// come and go: at no time is more held and used than the limit, and at the end the
// balance is what was paid.
func testConcurrentClamp(b *bench) {
	h := Hold(policy.KindSpend, 2_000_000, 500, 60)
	in := b.ledger.(policy.Inspector)
	var spent, passed atomic.Int64
	b.together(16, func(id string) {
		for i := range 30 {
			id := id + "-" + string(rune('a'+i))
			ask := policy.Ask{ID: id, Holds: []policy.Hold{h}, TTL: time.Minute, Want: 16384, Usual: 200, Least: 100}
			out, err := b.ledger.Reserve(b.Context(), ask)
			if err != nil {
				b.Error(err)
				return
			}
			if !out.Granted {
				continue
			}
			passed.Add(1)
			if got, err := in.Standings(b.Context(), ask.Holds); err != nil || got[0].Used+got[0].Held > h.Limit {
				b.Errorf("%+v, %v: more than the limit of %d", got, err, h.Limit)
			}
			cost := h.Amount(min(out.Output, int64(50+20*i)))
			spent.Add(cost)
			if err := b.ledger.Settle(b.Context(), policy.Settlement{ID: id, Entry: Took(id, 0, 0, policy.Money(cost))}); err != nil {
				b.Error(err)
			}
		}
	})
	b.stands(h, spent.Load(), 0)
	if spent.Load() > h.Limit || passed.Load() < 20 {
		b.Errorf("spent %d of %d in %d requests", spent.Load(), h.Limit, passed.Load())
	}
	if n := int64(len(b.journal.Entries())); n != passed.Load() {
		b.Errorf("%d entries for %d requests", n, passed.Load())
	}
}

func testAt(b *bench) {
	h := Hold(policy.KindRequests, 1, 1, 0)
	later := b.clock.Now().Add(61 * time.Second)
	b.granted(h)
	ask := b.ask(h)
	ask.At = later
	if out := b.reserve(ask); !out.Granted || out.At.Sub(later).Abs() > time.Millisecond {
		b.Errorf("%+v, want granted at %v", out, later)
	}
}
