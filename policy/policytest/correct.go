package policytest

import (
	"context"

	"github.com/purser/purser/policy"
)

var correctTests = []ledgerTest{
	{"a counter is corrected only from what it is", testCorrect},
	{"counters that differ from the tables are healed, and only those", testHealing},
}

func (b *bench) corrector() policy.Corrector {
	b.Helper()
	c, ok := b.ledger.(policy.Corrector)
	if !ok {
		b.Fatalf("a %T is no policy.Corrector", b.ledger)
	}
	return c
}

func testCorrect(b *bench) {
	h := Hold(policy.KindSpend, 1000, 10, 0)
	correct := func(from, to int64, want bool) {
		b.Helper()
		if did, err := b.corrector().Correct(b.Context(), h.Counter(), from, to); err != nil || did != want {
			b.Fatalf("from %d to %d: %v, %v; want %v", from, to, did, err, want)
		}
	}
	correct(0, 5, false) // there is none
	b.begin(h)
	correct(0, 80, true)
	correct(0, 70, false)
	b.stands(h, 80, 0)
	b.granted(h)
	correct(80, 20, true)
	b.stands(h, 20, 10)
}

// history answers from a map what was booked.
type history map[policy.Scope]policy.Money

func (h history) Spent(_ context.Context, queries []policy.SpendQuery) ([]policy.Money, error) {
	out := make([]policy.Money, len(queries))
	for i, q := range queries {
		out[i] = h[q.Scope]
	}
	return out, nil
}

func testHealing(b *bench) {
	low := Of(policy.ScopeTeam, "low", Hold(policy.KindSpend, 1000, 10, 0))
	high := Of(policy.ScopeTeam, "high", Hold(policy.KindSpend, 1000, 10, 0))
	right := Of(policy.ScopeTeam, "right", In("1d", b.clock.Now(), Hold(policy.KindSpend, 1000, 10, 0)))
	old := Of(policy.ScopeTeam, "old", In("1d", b.clock.Now().AddDate(0, 0, -2), Hold(policy.KindSpend, 1000, 10, 0)))
	requests := Of(policy.ScopeTeam, "low", Hold(policy.KindRequests, 1000, 1, 0))
	for _, h := range []policy.Hold{low, high, right, old} {
		b.begin(h)
		b.seed(h, 100)
	}
	b.granted(requests)
	healing := policy.Healing{
		Directory: Directory(policy.Settings{}, nil), Ledger: b.corrector(), Clock: b.clock.Now,
		History: history{low.Scope: 140, high.Scope: 30, right.Scope: 100, old.Scope: 7},
		Flush:   func(context.Context) error { return nil },
	}
	drifts, err := healing.All(b.Context(), false)
	if err != nil || len(drifts) != 2 {
		b.Fatalf("drifts %+v, %v; want two", drifts, err)
	}
	b.stands(low, 100, 0)
	auditor, ok := b.ledger.(policy.Auditor)
	if !ok {
		b.Fatalf("a %T is no policy.Auditor", b.ledger)
	}
	live, found, err := (&policy.Verification{Healing: &healing, Auditor: auditor}).Run(b.Context())
	if err != nil || live != 1 || len(found) != 5 {
		b.Errorf("verified %+v of %d requests, %v", found, live, err)
	}
	for _, v := range found {
		want := map[policy.Scope]int64{low.Scope: 40, high.Scope: -70}[v.Counter.Scope]
		if v.Counter.Kind != policy.KindSpend {
			want = 0
		}
		if v.Settled != want || v.OK() != (want == 0) || v.InTables != (v.Counter.Kind == policy.KindSpend && v.Counter.Scope != old.Scope) {
			b.Errorf("verified %+v, want a difference of %d", v, want)
		}
	}
	if err := healing.Scopes(b.Context(), []policy.Scope{high.Scope}); err != nil {
		b.Fatal(err)
	}
	b.stands(high, 30, 0)
	b.stands(low, 100, 0)
	if _, err := healing.All(b.Context(), true); err != nil {
		b.Fatal(err)
	}
	b.stands(low, 140, 0)
	b.stands(high, 30, 0)
	b.stands(right, 100, 0)
	b.stands(old, 100, 0)
	if drifts, err := healing.All(b.Context(), true); err != nil || len(drifts) != 0 {
		b.Errorf("drifts after healing: %+v, %v", drifts, err)
	}
}
