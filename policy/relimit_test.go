package policy_test

import (
	"context"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// A limit that was lifted and comes back counts what was spent meanwhile, which no
// counter saw; one whose amount changes has seen it all.
func TestALimitThatComesBackCountsAll(t *testing.T) {
	dollar := policy.Limits{MaxBudget: new(policy.Dollar)}
	daily := policy.Limits{MaxBudget: new(policy.Dollar), BudgetDuration: "1d"}
	ofKey := func(l policy.Limits, budget string) policy.Entity {
		return &policy.Key{Hash: policy.HashKey("sk-lifted"), Rules: policy.Rules{Limits: l, BudgetID: budget}}
	}
	key := policy.Scope{Kind: policy.ScopeKey, ID: policy.HashKey("sk-lifted").String()}
	for _, c := range []struct {
		name   string
		others []policy.Entity
		before policy.Entity // nil: there was none
		after  policy.Entity
		scope  policy.Scope // whose counter is set right; zero: none is
	}{
		{"a key's", nil, ofKey(policy.Limits{}, ""), ofKey(dollar, ""), key},
		{"a key's by the budget it refers to now", []policy.Entity{&policy.Budget{ID: "b", Rules: policy.Rules{Limits: dollar}}}, ofKey(policy.Limits{}, ""), ofKey(policy.Limits{}, "b"), key},
		{"a shared budget's, for who refers to it", []policy.Entity{&policy.Budget{ID: "b"}, ofKey(policy.Limits{}, "b")},
			&policy.Budget{ID: "b"}, &policy.Budget{ID: "b", Rules: policy.Rules{Limits: dollar}}, key},
		{"another window's", nil, ofKey(daily, ""), ofKey(dollar, ""), key},
		{"another amount", nil, ofKey(policy.Limits{MaxBudget: new(policy.Money(5))}, ""), ofKey(dollar, ""), policy.Scope{}},
		{"a new key's", nil, nil, ofKey(dollar, ""), policy.Scope{}},
		{"lifted", nil, ofKey(dollar, ""), ofKey(policy.Limits{}, ""), policy.Scope{}},
		{"requests per minute alone", nil, ofKey(policy.Limits{}, ""), ofKey(policy.Limits{RPM: new(int64(3))}, ""), policy.Scope{}},
		{"a team's", nil, &policy.Team{ID: "t"}, &policy.Team{ID: "t", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeTeam, ID: "t"}},
		{"a team's for its members", nil, &policy.Team{ID: "t", Members: []policy.Member{{UserID: "u"}}},
			&policy.Team{ID: "t", Members: []policy.Member{{UserID: "u"}}, MemberLimits: dollar}, policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t", "u")}},
		{"a membership's", nil, &policy.Membership{TeamID: "t", UserID: "u"}, &policy.Membership{TeamID: "t", UserID: "u", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t", "u")}},
		{"a project's", nil, &policy.Project{ID: "p"}, &policy.Project{ID: "p", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeProject, ID: "p"}},
		{"an organization's", nil, &policy.Organization{ID: "o"}, &policy.Organization{ID: "o", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeOrganization, ID: "o"}},
		{"a user's", nil, &policy.User{ID: "u"}, &policy.User{ID: "u", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeUser, ID: "u"}},
		{"a customer's", nil, &policy.Customer{ID: "c"}, &policy.Customer{ID: "c", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeCustomer, ID: "c"}},
		{"a tag's", nil, &policy.Tag{Name: "g"}, &policy.Tag{Name: "g", Rules: policy.Rules{Limits: dollar}}, policy.Scope{Kind: policy.ScopeTag, ID: "g"}},
	} {
		clock := policytest.NewClock(now)
		ledger := memory.New(memory.Config{Journal: &policytest.Journal{}, Clock: clock.Now})
		d := policy.NewDirectory(&policy.Settings{}, nil)
		d.PutAll(c.others)
		if c.before != nil {
			d.PutAll([]policy.Entity{c.before})
		}
		// The counter of the time before, complete as of then.
		counter := policy.Counter{Scope: c.scope, Kind: policy.KindSpend, Window: policy.Lifetime.Name()}
		if _, _, err := ledger.Begin(t.Context(), counter); err != nil {
			t.Fatal(err)
		}
		if err := ledger.Seed(t.Context(), counter, 3); err != nil {
			t.Fatal(err)
		}
		relimited := d.PutAll([]policy.Entity{c.after})
		if want := c.scope != (policy.Scope{}); len(relimited) == 1 != want {
			t.Errorf("%s: %d have a limit again, want %v", c.name, len(relimited), want)
			continue
		} else if !want {
			continue
		}
		healing := policy.Healing{
			Directory: d, Ledger: ledger, History: &history{spent: func(policy.SpendQuery) policy.Money { return 11 }}, Clock: clock.Now,
			Flush: func(context.Context) error { return nil },
		}
		if err := healing.Entities(t.Context(), relimited); err != nil {
			t.Fatal(err)
		}
		got, err := ledger.Standings(t.Context(), []policy.Hold{{Scope: c.scope, Kind: policy.KindSpend, Window: policy.Lifetime}})
		if err != nil || got[0].Used != 11 {
			t.Errorf("%s: %+v used, %v; want the 11 of the tables", c.name, got, err)
		}
	}
}
