package policy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

// restless is a ledger of one counter that is used by others while it is looked at.
type restless struct {
	counter policy.Counter
	used    []int64 // as read, one after the other; the last stays
	from    int64
	to      int64
	fixes   int
}

func (r *restless) Standings(context.Context, []policy.Hold) ([]policy.Balance, error) {
	b := policy.Balance{Used: r.used[0], Held: 999} // what is held is not settled: no drift
	if len(r.used) > 1 {
		r.used = r.used[1:]
	}
	return []policy.Balance{b}, nil
}

func (r *restless) Each(_ context.Context, f func(policy.Standing) bool) error {
	f(policy.Standing{Counter: r.counter, Used: r.used[0]})
	return nil
}

func (r *restless) Correct(_ context.Context, _ policy.Counter, from, to int64) (bool, error) {
	r.from, r.to = from, to
	r.fixes++
	return true, nil
}

func TestHealing(t *testing.T) {
	spend := policytest.Hold(policy.KindSpend, 0, 0, 0)
	for _, c := range []struct {
		name          string
		counter       policy.Counter
		before, after int64
		booked        policy.Money
		from, to      int64 // 0, 0: no drift
	}{
		{"in step", spend.Counter(), 50, 50, 50, 0, 0},
		{"settled while it looked, and booked already", spend.Counter(), 50, 70, 70, 0, 0},
		{"settled while it looked, and not booked yet", spend.Counter(), 50, 70, 50, 0, 0},
		{"corrected downwards while it looked", spend.Counter(), 70, 50, 60, 0, 0},
		{"booked and never counted", spend.Counter(), 50, 50, 80, 50, 80},
		{"counted and never booked", spend.Counter(), 50, 50, 20, 50, 20},
		{"booked and never counted, while others settle", spend.Counter(), 50, 70, 100, 70, 100},
		{"counted and never booked, while others settle", spend.Counter(), 50, 70, 20, 70, 40},
		{"of today", policytest.In("1d", now, spend).Counter(), 50, 50, 80, 50, 80},
		{"of this month", policytest.In("1mo", now, spend).Counter(), 50, 50, 80, 50, 80},
		{"of three days that still run", policytest.In("3d", now, spend).Counter(), 50, 50, 80, 50, 80},
		{"of yesterday", policytest.In("1d", now.AddDate(0, 0, -1), spend).Counter(), 50, 50, 80, 0, 0},
		{"of a day that begins elsewhere", policy.Counter{Kind: policy.KindSpend, Window: "1d", Start: now.Unix()}, 50, 50, 80, 0, 0},
		{"tokens of a day", policytest.In("1d", now, policytest.Hold(policy.KindTokens, 0, 0, 0)).Counter(), 50, 50, 80, 50, 80},
		{"tokens ever", policytest.Hold(policy.KindTokens, 0, 0, 0).Counter(), 50, 50, 80, 0, 0},
		{"requests a minute", policytest.Hold(policy.KindRequests, 0, 0, 0).Counter(), 50, 50, 80, 0, 0},
		{"of a window nobody knows", policy.Counter{Kind: policy.KindSpend, Window: "fortnight"}, 50, 50, 80, 0, 0},
	} {
		for _, fix := range []bool{true, false} {
			l := &restless{counter: c.counter, used: []int64{c.before, c.after}}
			flushed := false
			h := &history{spent: func(q policy.SpendQuery) policy.Money {
				if !flushed {
					t.Errorf("%s: the tables were asked before all was in them", c.name)
				}
				if c.counter.Start != 0 && (q.From.Unix() != c.counter.Start || !q.Until.After(now)) {
					t.Errorf("%s: asked from %v until %v", c.name, q.From, q.Until)
				}
				return c.booked
			}}
			healing := policy.Healing{
				Directory: newCompany().directory(), Ledger: l, History: h, Clock: func() time.Time { return now },
				Flush: func(context.Context) error { flushed = true; return nil },
			}
			drifts, err := healing.All(t.Context(), fix)
			drift := c.from != 0 || c.to != 0
			if err != nil || (len(drifts) == 1) != drift {
				t.Errorf("%s: %+v, %v", c.name, drifts, err)
			}
			if fixed := l.fixes == 1; fixed != (drift && fix) || fixed && (l.from != c.from || l.to != c.to) {
				t.Errorf("%s, fix %v: %d corrections, from %d to %d; want from %d to %d", c.name, fix, l.fixes, l.from, l.to, c.from, c.to)
			}
			if drift && (drifts[0].Counter != c.counter || drifts[0].Counted != c.after || drifts[0].Booked != int64(c.booked)) {
				t.Errorf("%s: %+v", c.name, drifts[0])
			}
		}
	}
}

func TestHealingFails(t *testing.T) {
	l := &restless{counter: policytest.Hold(policy.KindSpend, 0, 0, 0).Counter(), used: []int64{5}}
	h := &history{spent: func(policy.SpendQuery) policy.Money { return 9 }}
	broken := errors.New("no tables")
	healing := policy.Healing{
		Directory: newCompany().directory(), Ledger: l, History: h, Clock: func() time.Time { return now },
		Flush: func(context.Context) error { return broken },
	}
	if _, err := healing.All(t.Context(), true); !errors.Is(err, broken) || l.fixes > 0 || len(h.queries) > 0 {
		t.Errorf("a flush that fails: %v, %d corrections, %d queries", err, l.fixes, len(h.queries))
	}
	healing.Flush = func(context.Context) error { return nil }
	h.fail = broken
	if _, err := healing.All(t.Context(), true); !errors.Is(err, broken) || l.fixes > 0 {
		t.Errorf("tables that fail: %v, %d corrections", err, l.fixes)
	}
	h.fail = nil
	if err := healing.Scopes(t.Context(), []policy.Scope{{Kind: policy.ScopeTeam, ID: "another"}}); err != nil || l.fixes > 0 {
		t.Errorf("another scope's: %v, %d corrections", err, l.fixes)
	}
	if err := healing.Scopes(t.Context(), []policy.Scope{l.counter.Scope}); err != nil || l.fixes != 1 {
		t.Errorf("its scope's: %v, %d corrections", err, l.fixes)
	}
}

func TestParseScope(t *testing.T) {
	for _, s := range []policy.Scope{
		{}, {Kind: policy.ScopeTeam, ID: "t"}, {Kind: policy.ScopeTag, ID: "a:b:c"}, {Kind: policy.ScopeUser, ID: ":"}, {Kind: policy.ScopeMember, ID: policy.MemberID("t", "u:1")},
	} {
		if got, ok := policy.ParseScope(s.String()); !ok || got != s {
			t.Errorf("%q reads back as %+v, %v", s, got, ok)
		}
	}
	for _, text := range []string{"", "nothing", "Team:t", ":t"} {
		if got, ok := policy.ParseScope(text); ok {
			t.Errorf("ParseScope(%q) = %+v", text, got)
		}
	}
}
