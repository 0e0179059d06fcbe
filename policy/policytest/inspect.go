package policytest

import (
	"time"

	"github.com/purser/purser/policy"
)

var inspectTests = []ledgerTest{
	{"a counter is seeded once", testSeed},
	{"a counter that counts already is completed", testSeedLate},
	{"standings are in the order asked, and change nothing", testStandings},
	{"each counter is told", testEach},
	{"what is held is what reservations hold", testAudit},
}

func (b *bench) begin(h policy.Hold) (time.Time, bool) {
	b.Helper()
	s, ok := b.ledger.(policy.Seeder)
	if !ok {
		b.Fatalf("a %T is no policy.Seeder", b.ledger)
	}
	since, seeded, err := s.Begin(b.Context(), h.Counter())
	if err != nil {
		b.Fatal(err)
	}
	return since, seeded
}

func (b *bench) seed(h policy.Hold, used int64) {
	b.Helper()
	if err := b.ledger.(policy.Seeder).Seed(b.Context(), h.Counter(), used); err != nil {
		b.Fatal(err)
	}
}

func testSeed(b *bench) {
	for name, h := range map[string]policy.Hold{
		"lifetime": Hold(policy.KindSpend, 100, 10, 0),
		"a day":    In("1d", b.clock.Now(), Hold(policy.KindSpend, 100, 10, 0)),
		"a month":  In("1mo", b.clock.Now(), Hold(policy.KindSpend, 100, 10, 0)),
	} {
		b.each(name, func(b *bench) {
			start := b.clock.Now()
			if since, seeded := b.begin(h); seeded || since.Sub(start).Abs() > time.Millisecond {
				b.Fatalf("Begin = %v, %v; want %v, not seeded", since, seeded, start)
			}
			b.clock.Advance(time.Minute)
			b.granted(h)
			if since, seeded := b.begin(h); seeded || since.Sub(start).Abs() > time.Millisecond {
				b.Fatalf("Begin again = %v, %v; want %v, not seeded", since, seeded, start)
			}
			b.seed(h, 75)
			b.seed(h, 75)
			b.seed(h, 1)
			if _, seeded := b.begin(h); !seeded {
				b.Error("Begin after Seed: not seeded")
			}
			b.stands(h, 75, 10)
			b.granted(h)
			b.refused(0, h)
		})
	}
	b.each("nothing was spent", func(b *bench) {
		h := Hold(policy.KindSpend, 100, 10, 0)
		b.begin(h)
		b.seed(h, 0)
		b.seed(h, 50)
		b.stands(h, 0, 0)
	})
	b.each("a counter that never began", func(b *bench) {
		h := Hold(policy.KindSpend, 100, 10, 0)
		b.seed(h, 50)
		b.stands(h, 0, 0)
	})
}

func testSeedLate(b *bench) {
	h := In("1mo", b.clock.Now(), Hold(policy.KindSpend, 100, 10, 0))
	first := b.clock.Now()
	b.settle(Took(b.granted(h), 0, 0, 10))
	b.clock.Advance(time.Hour)
	b.granted(h)
	since, seeded := b.begin(h)
	if seeded || since.Sub(first).Abs() > time.Millisecond {
		b.Fatalf("Begin = %v, %v; want %v, the first reservation, not seeded", since, seeded, first)
	}
	b.seed(h, 65)
	b.stands(h, 75, 10)
	b.granted(h)
	b.refused(0, h)
}

func testStandings(b *bench) {
	minute, spend, slot := Hold(policy.KindRequests, 5, 1, 0), Hold(policy.KindSpend, 100, 10, 0), Hold(policy.KindParallel, 5, 1, 0)
	day, never := In("1d", b.clock.Now(), Hold(policy.KindTokens, 100, 10, 0)), Of(policy.ScopeTeam, "never seen", spend)
	b.settle(Took(b.granted(minute, spend, slot, day), 4, 0, 6))
	b.granted(minute, spend, slot, day)
	want := []policy.Balance{{Used: 6, Held: 10}, {}, {Used: 2}, {Used: 4, Held: 10}, {Held: 1}, {Used: 6, Held: 10}}
	for range 2 {
		for i, got := range b.balances(spend, never, minute, day, slot, spend) {
			if got.Used != want[i].Used || got.Held != want[i].Held {
				b.Errorf("standing %d: %+v, want %+v", i, got, want[i])
			}
		}
	}
	b.clock.Advance(slack)
	if got := b.balance(minute); got.Used != 0 || got.Held != 0 {
		b.Errorf("requests a minute later: %+v", got)
	}
	if got := b.balances(); len(got) != 0 {
		b.Errorf("standings of nothing: %+v", got)
	}
}

func testEach(b *bench) {
	model := Hold(policy.KindSpend, 100, 10, 0)
	model.Model = "openai/*"
	holds := []policy.Hold{
		Hold(policy.KindSpend, 100, 10, 0), model, In("1d", b.clock.Now(), Hold(policy.KindSpend, 100, 10, 0)), Hold(policy.KindTokens, 100, 10, 0),
		Of(policy.ScopeProxy, "", Hold(policy.KindSpend, 100, 10, 0)), Of(policy.ScopeMember, policy.MemberID("t:1", "u|2"), Hold(policy.KindParallel, 100, 1, 0)),
	}
	b.granted(holds...)
	b.settle(Took(b.granted(holds...), 3, 0, 4))
	in := b.ledger.(policy.Inspector)
	got := map[policy.Counter]policy.Standing{}
	err := in.Each(b.Context(), func(s policy.Standing) bool {
		if _, twice := got[s.Counter]; twice {
			b.Errorf("%+v is told twice", s.Counter)
		}
		got[s.Counter] = s
		return true
	})
	if err != nil {
		b.Fatal(err)
	}
	for i, h := range holds {
		s, ok := got[h.Counter()]
		if want := b.balance(h); !ok || s.Used != want.Used || s.Held != want.Held {
			b.Errorf("hold %d: told %+v (%v), want %+v", i, s, ok, want)
		}
	}
	n := 0
	if err := in.Each(b.Context(), func(policy.Standing) bool { n++; return n < 2 }); err != nil || n != 2 {
		b.Errorf("Each went on to %d after being told to stop at 2: %v", n, err)
	}
}

// audit compares every counter with what it is made of.
func (b *bench) audit(live int) map[policy.Counter]policy.Account {
	b.Helper()
	a, ok := b.ledger.(policy.Auditor)
	if !ok {
		b.Fatalf("a %T is no policy.Auditor", b.ledger)
	}
	n, accounts, err := a.Audit(b.Context())
	if err != nil || n != live {
		b.Fatalf("Audit() = %d reservations, %v; want %d", n, err, live)
	}
	out := map[policy.Counter]policy.Account{}
	for _, a := range accounts {
		if _, twice := out[a.Counter]; twice || a.Off() != 0 {
			b.Fatalf("%+v is off by %d (or told twice: %v)", a, a.Off(), twice)
		}
		out[a.Counter] = a
	}
	return out
}

func testAudit(b *bench) {
	b.audit(0)
	spend, slot, minute := Hold(policy.KindSpend, 1000, 10, 0), Hold(policy.KindParallel, 5, 1, 0), Hold(policy.KindTokens, 1000, 7, 0)
	day := Of(policy.ScopeMember, policy.MemberID("t", "u|:1"), In("1d", b.clock.Now(), Hold(policy.KindSpend, 1000, 20, 0)))
	b.granted(spend, slot, minute)
	b.clock.Advance(20 * time.Second)
	second := b.granted(spend, day, minute)
	b.settle(Took(b.granted(spend, slot, day, minute), 3, 0, 4))
	got := b.audit(2)
	for h, want := range map[policy.Hold]policy.Account{
		spend: {Used: 4, Held: 20, Parts: 20}, slot: {Held: 1, Parts: 1}, day: {Used: 4, Held: 20, Parts: 20}, minute: {Used: 17, Parts: 17},
	} {
		want.Counter = h.Counter()
		if got[want.Counter] != want {
			b.Errorf("%+v, want %+v", got[want.Counter], want)
		}
	}
	b.settle(Took(second, 3, 0, 4))
	b.clock.Advance(11 * time.Second)
	b.reap(1)
	for c, a := range b.audit(0) {
		if a.Held != 0 {
			b.Errorf("%+v is held by nobody", c)
		}
	}
}
