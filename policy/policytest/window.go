package policytest

import (
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

var windowTests = []ledgerTest{
	{"a new calendar window starts at zero", testRollover},
	{"a window turns while many ask", testTurnTogether},
	{"a reservation is settled in the window it was made in", testSettleInOldWindow},
	{"a reservation expires in the window it was made in", testExpireInOldWindow},
	{"several windows bind at once", testWindows},
	{"a changed limit applies to what is already used", testChangedLimit},
	{"a day that comes twice", testDayTwice},
	{"counters are told apart", testApart},
	{"limits of one length, anchored apart", testAnchors},
}

func testRollover(b *bench) {
	today := In("1d", b.clock.Now(), Hold(policy.KindSpend, 100, 60, 0))
	b.settle(Took(b.granted(today), 0, 0, 60))
	out := b.refused(0, today)
	if got, want := out.Balances[0].RetryIn, today.End.Sub(b.clock.Now()); (got - want).Abs() > time.Millisecond {
		b.Errorf("RetryIn = %v, want %v: the end of the day", got, want)
	}
	b.clock.Set(today.End.Add(-time.Nanosecond))
	b.refused(0, In("1d", b.clock.Now(), today))
	b.clock.Set(today.End)
	tomorrow := In("1d", b.clock.Now(), today)
	b.granted(tomorrow)
	b.stands(tomorrow, 0, 60)
	b.stands(today, 60, 0)
}

// Whoever asks as the day ends is counted in the day it asked in, however many do and
// whenever they settle.
func testTurnTogether(b *bench) {
	const n, room = 40, 15
	midnight := In("1d", b.clock.Now(), Hold(policy.KindSpend, 1, 1, 0)).End
	day := func(now time.Time) policy.Hold { return In("1d", now, Hold(policy.KindSpend, room*10, 10, 0)) }
	b.clock.Set(midnight.Add(-n / 2 * time.Millisecond))
	var mu sync.Mutex
	passed, paid := map[time.Time]int{}, map[time.Time]int64{}
	b.together(n, func(id string) {
		for i := range 3 {
			id := id + "/" + itoa(i)
			h := day(b.clock.Advance(time.Millisecond))
			out, err := b.ledger.Reserve(b.Context(), policy.Ask{ID: id, Holds: []policy.Hold{h}, TTL: time.Minute})
			if err != nil {
				b.Error(err)
				return
			}
			if !out.Granted {
				continue
			}
			if err := b.ledger.Settle(b.Context(), policy.Settlement{ID: id, Entry: Took(id, 0, 0, policy.Money(i+8))}); err != nil {
				b.Error(err)
			}
			mu.Lock()
			passed[h.Start]++
			paid[h.Start] += int64(i + 8)
			mu.Unlock()
		}
	})
	for _, now := range []time.Time{midnight.Add(-time.Second), midnight} {
		h := day(now)
		b.stands(h, paid[h.Start], 0)
		if paid[h.Start] > h.Limit || passed[h.Start] < room {
			b.Errorf("%d passed and paid %d of %d", passed[h.Start], paid[h.Start], h.Limit)
		}
	}
}

func testSettleInOldWindow(b *bench) {
	today := In("1d", b.clock.Now(), Hold(policy.KindSpend, 100, 60, 0))
	b.clock.Set(today.End.Add(-time.Second))
	id := b.granted(today)
	b.clock.Set(today.End.Add(time.Second))
	tomorrow := In("1d", b.clock.Now(), today)
	b.granted(tomorrow)
	b.settle(Took(id, 0, 0, 50))
	b.stands(today, 50, 0)
	b.stands(tomorrow, 0, 60)
	b.refused(0, tomorrow)
}

func testExpireInOldWindow(b *bench) {
	today := In("1d", b.clock.Now(), Hold(policy.KindSpend, 1000, 100, 3))
	b.clock.Set(today.End.Add(-time.Second))
	id := b.drafted(50, today)
	b.clock.Set(today.End.Add(time.Minute))
	tomorrow := In("1d", b.clock.Now(), today)
	b.reap(1)
	b.stands(today, 200, 0)
	b.stands(tomorrow, 0, 0)
	b.settle(Took(id, 0, 0, 5))
	b.stands(today, 5, 0)
	b.stands(tomorrow, 0, 0)
}

func testWindows(b *bench) {
	amount := Hold(policy.KindSpend, 0, 10, 0)
	holds := func() []policy.Hold {
		hour, day, month, life := In("1h", b.clock.Now(), amount), In("1d", b.clock.Now(), amount), In("30d", b.clock.Now(), amount), amount
		hour.Limit, day.Limit, month.Limit, life.Limit = 20, 50, 80, 90
		return []policy.Hold{hour, day, month, life}
	}
	spend := func(times int) {
		b.Helper()
		for range times {
			b.settle(Took(b.granted(holds()...), 0, 0, 10))
		}
	}
	spend(2)
	b.refused(0, holds()...)
	b.clock.Advance(time.Hour)
	spend(2)
	b.clock.Advance(time.Hour)
	spend(1)
	b.refused(1, holds()...)
	b.clock.Advance(24 * time.Hour)
	spend(2)
	b.clock.Advance(time.Hour)
	spend(1)
	b.refused(2, holds()...)
	b.clock.Set(holds()[2].End)
	spend(1)
	b.refused(3, holds()...)
	for i, want := range []int64{10, 10, 10, 90} {
		b.stands(holds()[i], want, 0)
	}
}

func testChangedLimit(b *bench) {
	with := func(limit int64) policy.Hold { return In("1d", b.clock.Now(), Hold(policy.KindSpend, limit, 10, 0)) }
	for range 5 {
		b.settle(Took(b.granted(with(50)), 0, 0, 10))
	}
	b.refused(0, with(50))
	b.granted(with(60)) // raised: there is room at once
	b.refused(0, with(60))
	b.refused(0, with(30)) // lowered below what is used: no more today
	b.granted(with(1000))
	b.stands(with(1), 50, 20)
	minute := func(limit int64) policy.Hold { return Hold(policy.KindRequests, limit, 1, 0) }
	for range 5 {
		b.granted(minute(5))
	}
	b.refused(0, minute(5))
	b.granted(minute(6))
	b.refused(0, minute(3))
	slot := func(limit int64) policy.Hold { return Hold(policy.KindParallel, limit, 1, 0) }
	id := b.granted(slot(2))
	b.granted(slot(2))
	b.refused(0, slot(1))
	b.settle(Took(id, 0, 0, 0))
	b.refused(0, slot(1))
	b.granted(slot(2))
}

// A clock set back over midnight finds yesterday's counter as it was left.
func testDayTwice(b *bench) {
	today := In("1d", b.clock.Now(), Hold(policy.KindSpend, 100, 60, 0))
	b.settle(Took(b.granted(today), 0, 0, 60))
	b.clock.Set(today.End.Add(time.Second))
	tomorrow := In("1d", b.clock.Now(), today)
	id := b.granted(tomorrow)
	b.clock.Set(today.End.Add(-time.Second))
	b.refused(0, In("1d", b.clock.Now(), today))
	b.settle(Took(id, 0, 0, 60))
	b.clock.Set(today.End.Add(2 * time.Second))
	b.refused(0, In("1d", b.clock.Now(), today))
	b.stands(today, 60, 0)
	b.stands(tomorrow, 60, 0)
}

// Names that differ only where one could run into the other.
func testApart(b *bench) {
	h := Hold(policy.KindSpend, 10, 10, 0)
	with := func(model string, h policy.Hold) policy.Hold {
		h.Model = model
		return h
	}
	all := []policy.Hold{
		h, with("gpt-4", h), with("gpt-4|x", h), with("gpt-4:u", h), with("0|gpt-4", h), with("*", h), with(":h", h),
		Of(policy.ScopeKey, "", h), Of(policy.ScopeKey, "test:1", h), Of(policy.ScopeKey, "test:1:c", h), Of(policy.ScopeUser, "test", h),
		Of(policy.ScopeMember, policy.MemberID("test", ""), h), Of(policy.ScopeMember, policy.MemberID("", "test"), h),
		Of(policy.ScopeTag, "a b\n{}\x00\x1d\x1e\x1f", h), Of(policy.ScopeTag, "é", h), Of(policy.ScopeProxy, "", h),
		In("1d", b.clock.Now(), h), In("2d", b.clock.Now(), h), In("1h", b.clock.Now(), h), In("1d", b.clock.Now().AddDate(0, 0, 1), h),
		Hold(policy.KindTokens, 10, 10, 0), with("gpt-4", Hold(policy.KindTokens, 10, 10, 0)), Hold(policy.KindInputTokens, 10, 10, 0),
		In("1d", b.clock.Now(), Hold(policy.KindTokens, 10, 10, 0)), Hold(policy.KindParallel, 10, 10, 0),
	}
	var ids []string
	for i, h := range all {
		ask := b.ask(h)
		if out := b.reserve(ask); !out.Granted {
			b.Fatalf("hold %d, %+v, shares a counter with one before it", i, h.Counter())
		}
		ids = append(ids, ask.ID)
	}
	for i, h := range all {
		b.refused(0, h)
		b.settle(Took(ids[i], 3, 0, 4))
		b.refused(0, Hold(policy.KindSpend, 10, 10, 0))
	}
	for i, h := range all {
		want := map[policy.Kind]int64{policy.KindSpend: 4, policy.KindTokens: 3, policy.KindInputTokens: 3}[h.Kind]
		if got := b.balance(h); got.Used+got.Held != want {
			b.Errorf("hold %d, %+v: %+v, want %d", i, h.Counter(), got, want)
		}
	}
}

// A key's own budget and those it shares begin their windows on days of their own:
// the end of one changes none of the others, and none is lost while it lasts.
func testAnchors(b *bench) {
	d, err := policy.ParseDuration("3d")
	if err != nil {
		b.Fatal(err)
	}
	used := map[policy.Counter]int64{}
	for round := range 40 {
		var holds []policy.Hold
		for i := range 3 {
			h := Hold(policy.KindSpend, 1000, 5, 0)
			h.Window = policy.Every(d, Epoch.AddDate(0, 0, i))
			h.Start, h.End = h.Window.Bounds(b.clock.Now(), policy.Calendar{})
			holds = append(holds, h)
		}
		if used[holds[0].Counter()] == 0 && round > 20 {
			b.begin(holds[0]) // as when the entity is changed before its first request of the window
		}
		b.settle(Took(b.granted(holds...), 1, 1, 3))
		for _, h := range holds {
			used[h.Counter()] += 3
			b.stands(h, used[h.Counter()], 0)
		}
		b.clock.Advance(7 * time.Hour)
	}
	b.clock.Advance(72 * time.Hour)
	n := 0
	if err := b.ledger.(policy.Inspector).Each(b.Context(), func(policy.Standing) bool { n++; return true }); err != nil {
		b.Fatal(err)
	}
	if n > 6 {
		b.Errorf("%d counters kept of windows that are over", n)
	}
}
