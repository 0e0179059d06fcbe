package postgres_test

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// An id that is used again spends from its new beginning, whatever the journal has
// of its first life and however late that comes.
func TestSpendOfAnIDUsedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	born := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	again := born.Add(90*time.Minute + 7*time.Second)
	entry := func(id string, at time.Time, cents int64) policy.Entry {
		return policy.Entry{Type: policy.EntryRequest, CallID: id, ReservedAt: at, StartedAt: at, EndedAt: at, Status: policy.StatusSuccess,
			KeyHash: "k", TeamID: "t", UserID: "u", CustomerID: "c", Tags: []string{"g"}, ModelAsked: "gpt-4",
			Usage: policy.Usage{Input: 10 * cents, Output: cents, Source: policy.UsageReported}, Cost: policy.Cost{Total: policy.Money(cents) * policy.Dollar / 100}}
	}
	write := func(entries ...policy.Entry) {
		t.Helper()
		if err := s.WriteEntries(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	team := func(at time.Time) *policy.Team {
		return &policy.Team{ID: "t", Record: policy.Record{CreatedAt: at, UpdatedAt: at}}
	}
	apply := func(f func(policy.Tx) error) {
		t.Helper()
		if err := s.Write(t.Context(), policy.Actor{}, f); err != nil {
			t.Fatal(err)
		}
	}
	apply(func(tx policy.Tx) error { return tx.Create(t.Context(), team(born)) })
	write(entry("first", born.Add(time.Minute), 100), entry("second", again.Add(-time.Second), 20))
	apply(func(tx policy.Tx) error { return tx.Delete(t.Context(), policy.Ref{Kind: policy.EntityTeam, ID: "t"}) })
	apply(func(tx policy.Tx) error { return tx.Create(t.Context(), team(again)) })

	type want struct {
		what   string
		q      policy.SpendQuery
		amount policy.Money
	}
	scope, member := policy.Scope{Kind: policy.ScopeTeam, ID: "t"}, policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t", "u")}
	check := func(when string, cents int64) {
		t.Helper()
		spent := policy.Money(cents) * policy.Dollar / 100
		for _, w := range []want{
			{"ever", policy.SpendQuery{Scope: scope}, spent},
			{"on a model", policy.SpendQuery{Scope: scope, Model: "gpt-4"}, spent},
			{"in the day", policy.SpendQuery{Scope: scope, From: born.Truncate(24 * time.Hour)}, spent},
			{"in the hour", policy.SpendQuery{Scope: scope, From: again.Truncate(time.Hour)}, spent},
			{"before it was", policy.SpendQuery{Scope: scope, Until: again}, 0},
			{"tokens", policy.SpendQuery{Scope: scope, From: born, Tokens: true}, policy.Money(11 * cents)},
			{"a member's", policy.SpendQuery{Scope: member}, spent},
			{"a member's day", policy.SpendQuery{Scope: member, From: born}, spent},
			{"the user's, who stayed", policy.SpendQuery{Scope: policy.Scope{Kind: policy.ScopeUser, ID: "u"}}, spent + 123*policy.Dollar/100},
		} {
			got, err := s.Spent(t.Context(), []policy.SpendQuery{w.q})
			if when == "at once" && w.what == "the user's, who stayed" {
				w.amount -= 3 * policy.Dollar / 100
			}
			if err != nil || got[0] != w.amount {
				t.Errorf("%s, %s: %v, %v; want %v", when, w.what, got, err, w.amount)
			}
		}
		models, err := s.ModelSpend(t.Context(), scope)
		if err != nil || models["gpt-4"] != spent {
			t.Errorf("%s: by model %v, %v", when, models, err)
		}
	}
	check("at once", 0)
	write(entry("late", again.Add(-time.Millisecond), 3), entry("new", again.Add(time.Hour), 5))
	check("later", 5)
	late := entry("late", again.Add(-time.Millisecond), 3)
	late.Usage.Source = policy.UsageNone // better than what is there: replaces it
	write(late)
	check("corrected", 5)
	if differ, err := s.Verify(t.Context()); err != nil || len(differ) > 0 {
		t.Errorf("the tables disagree: %v, %v", differ, err)
	}
}

// Who spends without being created begins anew when it is deleted, not when it is
// next created; one that was never deleted has spent what it has.
func TestSpendOfCustomersUsedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	customer := func(id string) *policy.Customer {
		now := time.Now()
		return &policy.Customer{ID: id, Record: policy.Record{CreatedAt: now, UpdatedAt: now}}
	}
	spend := func(call string, ids ...string) {
		t.Helper()
		now := time.Now()
		for _, id := range ids {
			if err := s.WriteEntries(t.Context(), []policy.Entry{{Type: policy.EntryRequest, CallID: call + id, ReservedAt: now, StartedAt: now, Status: policy.StatusSuccess,
				CustomerID: id, ModelAsked: "m", Cost: policy.Cost{Total: policy.Dollar}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(f func(policy.Tx) error) {
		t.Helper()
		if err := s.Write(t.Context(), policy.Actor{}, f); err != nil {
			t.Fatal(err)
		}
	}
	spend("seen", "walk-in", "regular")
	write(func(tx policy.Tx) error { return tx.Create(t.Context(), customer("walk-in")) })
	write(func(tx policy.Tx) error { return tx.Create(t.Context(), customer("regular")) })
	write(func(tx policy.Tx) error {
		return tx.Delete(t.Context(), policy.Ref{Kind: policy.EntityCustomer, ID: "regular"})
	})
	spend("between", "regular")
	write(func(tx policy.Tx) error { return tx.Create(t.Context(), customer("regular")) })
	got, err := s.Spent(t.Context(), []policy.SpendQuery{{Scope: policy.Scope{Kind: policy.ScopeCustomer, ID: "walk-in"}}, {Scope: policy.Scope{Kind: policy.ScopeCustomer, ID: "regular"}, From: time.Now().Add(-time.Hour)},
		{Scope: policy.Scope{Kind: policy.ScopeCustomer, ID: "regular"}}})
	if err != nil || got[0] != policy.Dollar || got[1] != policy.Dollar || got[2] != policy.Dollar {
		t.Errorf("%v, %v", got, err)
	}
}
