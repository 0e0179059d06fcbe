package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// history is what the tables say: one amount per query, in the order it answers.
type history struct {
	queries []policy.SpendQuery
	fail    error
	spent   func(policy.SpendQuery) policy.Money
}

func (h *history) Spent(_ context.Context, queries []policy.SpendQuery) ([]policy.Money, error) {
	h.queries = append(h.queries, queries...)
	out := make([]policy.Money, len(queries))
	for i, q := range queries {
		out[i] = h.spent(q)
	}
	return out, h.fail
}

// seeding of a company's ledger, and what it asks.
func seeding(c *company) (*policy.Seeding, *memory.Ledger, *history, *policytest.Clock) {
	clock := policytest.NewClock(now)
	l := memory.New(memory.Config{Journal: &policytest.Journal{}, Clock: clock.Now})
	h := &history{spent: func(policy.SpendQuery) policy.Money { return 7 }}
	return &policy.Seeding{Directory: c.directory(), Ledger: l, History: h, Clock: clock.Now}, l, h, clock
}

func asked(h *history) []string {
	var out []string
	for _, q := range h.queries {
		s := strings.ReplaceAll(q.Scope.String(), "\x1f", "/")
		if q.Scope.Kind == policy.ScopeKey {
			s = "key"
		}
		if q.Model != "" {
			s += " " + q.Model
		}
		from := "ever"
		if !q.From.IsZero() {
			from = q.From.UTC().Format(time.DateOnly)
		}
		if q.Tokens {
			s += " tokens"
		}
		out = append(out, s+" since "+from)
	}
	return out
}

// Every budget that can be held is seeded, at every level and in every window, the
// tokens of the day too, and nothing else.
func TestSeedAll(t *testing.T) {
	limits, _ := everyLimit()
	c := newCompany()
	var want []string
	add := func(scope string) {
		want = append(want, scope+" since 2026-03-01", scope+" since 2026-03-10", scope+" claude since ever", scope+" gpt-4 since ever", scope+" tokens since 2026-03-10")
	}
	c.settings.Limits = limits
	add("proxy")
	for _, l := range levels(c) {
		l.rules(c).Limits = limits
		if l.scope.Kind == policy.ScopeKey {
			add("key")
		} else {
			add(strings.ReplaceAll(l.scope.String(), "\x1f", "/"))
		}
	}
	s, ledger, h, clock := seeding(c)
	flushed := 0
	s.Flush = func(context.Context) error {
		if len(h.queries) > 0 {
			t.Error("the tables were asked before what is settled had reached them")
		}
		flushed++
		return nil
	}
	if err := s.All(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := asked(h)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if flushed != 1 {
		t.Errorf("flushed %d times, want once", flushed)
	}
	for _, q := range h.queries {
		if !q.Until.Equal(now) {
			t.Errorf("%v asked until %v, want now: from then on the counter counts by itself", q.Scope, q.Until)
		}
	}
	// What a call holds is now complete.
	d := policy.Decide(mustResolve(t, s.Directory), call(), now)
	for i, b := range mustStand(t, ledger, d.Ask.Holds) {
		if h := d.Ask.Holds[i]; (h.Kind == policy.KindSpend || h.Kind == policy.KindTokens && h.Window.Kind == policy.WindowCalendar) && b.Used != 7 {
			t.Errorf("%s of %s: %+v, want 7 used", h.Kind, h.Scope, b)
		}
	}
	// Once seeded, never again, and without a word to the tables.
	h.queries = nil
	clock.Advance(time.Hour)
	if err := s.All(t.Context()); err != nil || len(h.queries) != 0 || flushed != 1 {
		t.Errorf("again: %v, %d queries, flushed %d times", err, len(h.queries), flushed)
	}
	// But a new window is a new counter.
	clock.Advance(24 * time.Hour)
	if err := s.All(t.Context()); err != nil || len(h.queries) != 2*9 {
		t.Errorf("the day after: %v, %q; want the days of 9 levels, dollars and tokens", err, asked(h))
	}
}

func mustResolve(t *testing.T, d *policy.Directory) *policy.Grant {
	t.Helper()
	g, ok := d.Resolve(policy.HashKey("sk-test"))
	if !ok {
		t.Fatal("the key is unknown")
	}
	return &g
}

func mustStand(t *testing.T, l policy.Inspector, holds []policy.Hold) []policy.Balance {
	t.Helper()
	out, err := l.Standings(t.Context(), holds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSeedEntities(t *testing.T) {
	dollar := policy.Limits{MaxBudget: new(policy.Dollar)}
	for _, c := range []struct {
		name    string
		change  func(*company)
		changed func(*company) policy.Entity
		want    []string
	}{
		{"a key", func(c *company) { c.key.Limits, c.team.Limits = dollar, dollar }, func(c *company) policy.Entity { return &c.key }, []string{"key since ever"}},
		{"a key by its shared budget", func(c *company) { c.key.BudgetID, c.budget.Limits = "b", dollar }, func(c *company) policy.Entity { return &c.key }, []string{"key since ever"}},
		{"a shared budget, for all that refer to it", func(c *company) {
			c.key.BudgetID, c.user.BudgetID, c.budget.Limits, c.team.Limits = "b", "b", dollar, dollar
		}, func(c *company) policy.Entity { return &c.budget }, []string{"user:u since ever", "key since ever"}},
		{"a team, with its members by default", func(c *company) {
			c.team.Limits, c.team.MemberLimits = policy.Limits{MaxBudget: new(policy.Dollar), BudgetDuration: "1d"}, dollar
		}, func(c *company) policy.Entity { return &c.team }, []string{"team_member:t/u since ever", "team:t since 2026-03-10"}},
		{"a team's default, for a member with a membership", func(c *company) {
			c.team.MemberLimits, c.member = dollar, &policy.Membership{}
		}, func(c *company) policy.Entity { return &c.team }, []string{"team_member:t/u since ever"}},
		{"a team's default, for a member with a budget of its own", func(c *company) {
			c.team.MemberLimits, c.member = dollar, &policy.Membership{Rules: policy.Rules{Limits: policy.Limits{MaxBudget: new(policy.Dollar), BudgetDuration: "1d"}}}
		}, func(c *company) policy.Entity { return &c.team }, []string{"team_member:t/u since 2026-03-10"}},
		{"a membership without a budget: the team's", func(c *company) { c.team.MemberLimits, c.member = dollar, &policy.Membership{} },
			func(*company) policy.Entity { return &policy.Membership{TeamID: "t", UserID: "u"} }, []string{"team_member:t/u since ever"}},
		{"a customer by the default budget", func(c *company) { c.settings.CustomerBudget, c.budget.Limits = "b", dollar },
			func(c *company) policy.Entity { return &c.customer }, []string{"customer:c since ever"}},
		{"the default budget of customers", func(c *company) { c.settings.CustomerBudget, c.budget.Limits = "b", dollar },
			func(c *company) policy.Entity { return &c.budget }, []string{"customer:c since ever"}},
		{"nothing to seed", func(c *company) { c.key.Limits.RPM = new(int64(3)) }, func(c *company) policy.Entity { return &c.key }, nil},
		{"an access group", func(*company) {}, func(c *company) policy.Entity { return &c.group }, nil},
	} {
		company := newCompany()
		c.change(company)
		s, _, h, _ := seeding(company)
		changed := c.changed(company)
		s.Directory.Each(func(e policy.Entity) bool { // the one in the directory, not the one it was made of
			if e.Ref() == changed.Ref() {
				changed = e
			}
			return true
		})
		if err := s.Entities(t.Context(), []policy.Entity{changed}); err != nil {
			t.Fatal(err)
		}
		if got := asked(h); !slices.Equal(got, c.want) {
			t.Errorf("%s: asked %q, want %q", c.name, got, c.want)
		}
	}
}

// A counter that live requests made first is completed with what was before them.
func TestSeedBesideLiveRequests(t *testing.T) {
	c := newCompany()
	c.key.Limits = policy.Limits{MaxBudget: new(policy.Dollar), BudgetDuration: "1mo"}
	s, ledger, h, clock := seeding(c)
	d := policy.Decide(mustResolve(t, s.Directory), call(), now)
	d.Ask.ID, d.Ask.TTL = "a", time.Minute
	if out, err := ledger.Reserve(t.Context(), d.Ask); err != nil || !out.Granted {
		t.Fatal(out, err)
	}
	clock.Advance(5 * time.Second)
	h.spent = func(q policy.SpendQuery) policy.Money {
		if !q.Until.Equal(now) {
			t.Errorf("asked until %v, want %v: what was reserved from then on is counted already", q.Until, now)
		}
		return 300
	}
	if err := s.All(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := mustStand(t, ledger, d.Ask.Holds)[0]; b.Used != 300 || b.Held != d.Ask.Holds[0].Amount(50) {
		t.Errorf("%+v, want 300 used, and the hold", b)
	}
}

func TestSeedFails(t *testing.T) {
	c := newCompany()
	c.key.Limits.MaxBudget = new(policy.Dollar)
	s, ledger, h, _ := seeding(c)
	holds := policy.Decide(mustResolve(t, s.Directory), call(), now).Ask.Holds
	s.Flush = func(context.Context) error { return errors.New("not yet") }
	if err := s.All(t.Context()); err == nil || len(h.queries) > 0 {
		t.Errorf("a flush that fails: %v, %d queries", err, len(h.queries))
	}
	s.Flush, h.fail = nil, errors.New("no tables")
	if err := s.All(t.Context()); !errors.Is(err, h.fail) {
		t.Errorf("tables that fail: %v", err)
	}
	if b := mustStand(t, ledger, holds)[0]; b.Used != 0 {
		t.Errorf("%+v after failures", b)
	}
	h.fail = nil
	if err := s.All(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := mustStand(t, ledger, holds)[0]; b.Used != 7 {
		t.Errorf("%+v, want seeded once what failed works again", b)
	}
}

// More counters than fit one question are asked for in several.
func TestSeedMany(t *testing.T) {
	const n = 12_001
	c := newCompany()
	s, ledger, h, _ := seeding(c)
	for i := range n {
		s.Directory.Put(&policy.User{ID: fmt.Sprint(i), Rules: policy.Rules{Limits: policy.Limits{MaxBudget: new(policy.Dollar)}}})
	}
	h.spent = func(q policy.SpendQuery) policy.Money { return policy.Money(len(q.Scope.ID)) }
	if err := s.All(t.Context()); err != nil || len(h.queries) != n {
		t.Fatalf("%d queries, %v", len(h.queries), err)
	}
	err := ledger.Each(t.Context(), func(s policy.Standing) bool {
		if s.Used != int64(len(s.Counter.Scope.ID)) {
			t.Errorf("%s: %d used, want %d: answers go to their questions", s.Counter.Scope, s.Used, len(s.Counter.Scope.ID))
		}
		return !t.Failed()
	})
	if err != nil {
		t.Error(err)
	}
}
