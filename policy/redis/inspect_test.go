package redis_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/purser/purser/policy"
)

// More counters than come on one trip are told once each.
func TestEachOfManyIsToldOnce(t *testing.T) {
	const keys = 3500
	l := believed(t, connect(t, "redis://"+server(t).Addr), "each")
	counters := ofKeys(keys)
	if _, _, err := l.BeginAll(t.Context(), counters); err != nil {
		t.Fatal(err)
	}
	told := map[policy.Counter]int{}
	if err := l.Each(t.Context(), func(s policy.Standing) bool { told[s.Counter]++; return true }); err != nil {
		t.Fatal(err)
	}
	for _, c := range counters {
		if told[c] != 1 {
			t.Fatalf("%v was told %d times", c, told[c])
		}
	}
	n := 0
	if err := l.Each(t.Context(), func(policy.Standing) bool { n++; return n < 1500 }); err != nil || n != 1500 {
		t.Errorf("told to stop at 1500, it stopped at %d: %v", n, err)
	}
}

func ofKeys(n int) []policy.Counter {
	out := make([]policy.Counter, n)
	for i := range out {
		out[i] = policy.Counter{Scope: policy.Scope{Kind: policy.ScopeKey, ID: policy.HashKey(fmt.Sprint(i)).String()}, Kind: policy.KindSpend, Window: policy.Lifetime.Name()}
	}
	return out
}

// BenchmarkEach is what a comparison with the tables reads: a counter of each of so
// many keys.
func BenchmarkEach(b *testing.B) {
	const keys = 200_000
	s := server(b)
	l := believed(b, connect(b, "redis://"+s.Addr), "each")
	counters := ofKeys(keys)
	if _, _, err := l.BeginAll(b.Context(), counters); err != nil {
		b.Fatal(err)
	}
	if err := l.SeedAll(b.Context(), counters, slices.Repeat([]int64{1}, keys)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		if err := l.Each(b.Context(), func(policy.Standing) bool { n++; return true }); err != nil || n != keys {
			b.Fatalf("%d counters: %v", n, err)
		}
	}
	b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "counters/s")
}
