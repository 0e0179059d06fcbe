package policytest

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// Bench measures Reserve and Settle together, for as many holds as requests have:
// in scopes of their own, of the kinds in turn.
func Bench(b *testing.B, make New) {
	for _, n := range []int{1, 4, 9, 27} {
		b.Run(itoa(n)+" holds", func(b *testing.B) {
			clock, journal := NewClock(Epoch), &Journal{Discard: true}
			ledger := make(b, clock, journal)
			holds := Holds(n, clock.Now())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id := "bench-" + itoa(i)
				out, err := ledger.Reserve(b.Context(), policy.Ask{ID: id, Holds: holds, Want: 500, Usual: 100, Least: 1, TTL: time.Minute})
				if err != nil || !out.Granted {
					b.Fatal(out, err)
				}
				if err := ledger.Settle(b.Context(), policy.Settlement{ID: id, Entry: Took(id, 100, 200, 3000)}); err != nil {
					b.Fatal(err)
				}
				if i%1000 == 0 {
					clock.Advance(time.Second)
				}
			}
		})
	}
}

// Holds are n holds that nothing exhausts: in scopes of their own, of the kinds in turn.
func Holds(n int, now time.Time) []policy.Hold {
	const plenty = 1 << 52
	kinds := []policy.Hold{
		In("1mo", now, Hold(policy.KindSpend, plenty, 2000, 60)),
		Hold(policy.KindRequests, plenty, 1, 0),
		Hold(policy.KindTokens, plenty, 100, 1),
		Hold(policy.KindParallel, plenty, 1, 0),
	}
	scopes := []policy.ScopeKind{policy.ScopeKey, policy.ScopeTeam, policy.ScopeUser, policy.ScopeProject, policy.ScopeOrganization, policy.ScopeProxy, policy.ScopeMember}
	holds := make([]policy.Hold, n)
	for i := range holds {
		holds[i] = Of(scopes[i/len(kinds)], "bench", kinds[i%len(kinds)])
	}
	return holds
}
