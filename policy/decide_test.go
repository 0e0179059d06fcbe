package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

// everyLimit sets one limit of every kind and window, and tells the holds that a
// call of 100 tokens, and 50 of answer, takes of them at $2 and $10 a million.
func everyLimit() (policy.Limits, []string) {
	return policy.Limits{
			RPM: new(int64(11)), TPM: new(int64(12)), TPD: new(int64(13)), ITPM: new(int64(14)), OTPM: new(int64(15)), MaxParallel: new(int64(16)),
			MaxBudget: new(policy.Money(17)), BudgetDuration: "30d", BudgetLimits: []policy.BudgetLimit{{"1d", 18}},
			ModelRPM: map[string]int64{"gpt-4": 21, "claude": 1}, ModelTPM: map[string]int64{"gpt-*": 22}, ModelITPM: map[string]int64{"gpt-4": 23}, ModelOTPM: map[string]int64{"gpt-4": 24},
			ModelMaxBudget: map[string]policy.ModelLimits{"gpt-4": {MaxBudget: new(policy.Money(25))}, "claude": {MaxBudget: new(policy.Money(1))}},
		}, []string{
			"requests/minute =11 1+0", "tokens/minute =12 100+1", "tokens/1d =13 100+1", "input_tokens/minute =14 100+0", "output_tokens/minute =15 0+1",
			"parallel_requests/live =16 1+0", "spend/1mo =17 200000+10000", "spend/1d =18 200000+10000",
			"requests/minute gpt-4=21 1+0", "tokens/minute gpt-*=22 100+1", "input_tokens/minute gpt-4=23 100+0", "output_tokens/minute gpt-4=24 0+1",
			"spend/life gpt-4=25 200000+10000",
		}
}

// held is what a decision holds, on a line each.
func held(d policy.Decision) []string {
	out := make([]string, len(d.Ask.Holds))
	for i, h := range d.Ask.Holds {
		out[i] = fmt.Sprintf("%s/%s %s=%d %d+%d", h.Kind, h.Window.Name(), h.Model, h.Limit, h.Fixed, h.PerToken)
	}
	return out
}

func TestEveryLevelHoldsEveryKind(t *testing.T) {
	limits, want := everyLimit()
	type place struct {
		level
		set func(*company)
	}
	var places []place
	for _, l := range levels(newCompany()) {
		places = append(places, place{l, func(c *company) { l.rules(c).Limits = limits }})
		l.name += " by a shared budget"
		places = append(places, place{l, func(c *company) { c.budget.Limits, l.rules(c).BudgetID = limits, "b" }})
	}
	member, customer := policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t", "u")}, policy.Scope{Kind: policy.ScopeCustomer, ID: "c"}
	places = append(places,
		place{level{name: "proxy"}, func(c *company) { c.settings.Limits = limits }},
		place{level{name: "member by the team's default", scope: member}, func(c *company) { c.team.MemberLimits = limits }},
		place{level{name: "member with a membership, by the team's default", scope: member}, func(c *company) { c.member, c.team.MemberLimits = &policy.Membership{}, limits }},
		place{level{name: "customer by the default budget", scope: customer}, func(c *company) { c.budget.Limits, c.settings.CustomerBudget = limits, "b" }},
		place{level{name: "unknown customer by the default budget", scope: customer}, func(c *company) {
			c.budget.Limits, c.settings.CustomerBudget, c.customer.ID = limits, "b", "somebody else"
		}},
		place{level{name: "customer by the key's budget for customers", scope: customer}, func(c *company) {
			c.budget.Limits, c.key.CustomerBudgetID, c.settings.CustomerBudget = limits, "b", "nothing"
		}},
		place{level{name: "customer whose own budget is gone", scope: customer}, func(c *company) {
			c.budget.Limits, c.settings.CustomerBudget, c.customer.BudgetID = limits, "b", "gone"
		}},
	)
	for _, p := range places {
		c := newCompany()
		p.set(c)
		d := c.decide(t)
		if d.Refusal != nil {
			t.Errorf("%s: %v", p.name, d.Refusal)
			continue
		}
		if got := held(d); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", p.name, got, want)
		}
		for _, h := range d.Ask.Holds {
			if h.Scope != p.scope {
				t.Errorf("%s: %s is held by %s", p.name, h.Kind, h.Scope)
			}
			if calendar := h.Window.Kind == policy.WindowCalendar; calendar != !h.Start.IsZero() || calendar && (h.Start.After(now) || !now.Before(h.End)) {
				t.Errorf("%s: %s/%s from %v to %v", p.name, h.Kind, h.Window.Name(), h.Start, h.End)
			}
		}
		if d.Ask.Want != 50 || d.Ask.Usual != 50 || d.Ask.Least > 1 {
			t.Errorf("%s: want %d, usual %d, least %d", p.name, d.Ask.Want, d.Ask.Usual, d.Ask.Least)
		}
	}
}

// All levels hold together, in the order they are checked.
func TestLevelsHoldTogether(t *testing.T) {
	c := newCompany()
	rpm := policy.Limits{RPM: new(int64(5))}
	c.settings.Limits = rpm
	var want []string
	for _, l := range append([]level{{scope: policy.Scope{Kind: policy.ScopeProxy}}}, levels(c)...) {
		if l.rules != nil {
			l.rules(c).Limits = rpm
		}
		want = append(want, l.scope.String())
	}
	var got []string
	for _, h := range c.decide(t).Ask.Holds {
		got = append(got, h.Scope.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("held by %q, want %q", got, want)
	}
	// The master key has no limits but the proxy's, the customer's and the tags'.
	got = nil
	for _, h := range policy.Decide(c.grant(t, masterKey), call(), now).Ask.Holds {
		got = append(got, h.Scope.String())
	}
	if want := []string{"proxy", "customer:c", "tag:blue"}; !slices.Equal(got, want) {
		t.Errorf("the master key is held by %q, want %q", got, want)
	}
}

func TestEveryLevelRefusesModels(t *testing.T) {
	for _, l := range levels(newCompany()) {
		for list, passes := range map[string]bool{
			"": true, "gpt-4": true, "claude,gpt-4": true, "gpt-*": true, "*": true, policy.AllProxyModels: true, "managed": true, "g-1": true, "beta": true,
			"claude": false, "gpt": false, "empty": false, "unmanaged": false,
		} {
			if l.scope.Kind == policy.ScopeTag {
				passes = true // a tag has limits, no models
			}
			c := newCompany()
			c.group.Models = []string{"gpt-*"}
			c.models[0].AccessGroups = []string{"beta"}
			if list != "" {
				l.rules(c).Models = strings.Split(list, ",")
			}
			d := c.decide(t)
			switch {
			case passes && d.Refusal != nil:
				t.Errorf("%s with %q: %v", l.name, list, d.Refusal)
			case !passes && (d.Refusal == nil || d.Refusal.Code != policy.CodeModelDenied || d.Refusal.Scope != l.scope || d.Refusal.Model != "gpt-4"):
				t.Errorf("%s with %q: %+v, want refused by it", l.name, list, d.Refusal)
			case !passes && len(d.Ask.Holds) > 0:
				t.Errorf("%s with %q: refused, with holds", l.name, list)
			}
		}
	}
}

func TestModelLists(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*company)
		asked  string
		denied policy.Code
	}{
		{"members of a team, by its default", func(c *company) { c.team.MemberModels = []string{"claude"} }, "gpt-4", policy.CodeModelDenied},
		{"a member with models of its own", func(c *company) {
			c.team.MemberModels, c.member = []string{"claude"}, &policy.Membership{Rules: policy.Rules{Models: []string{"gpt-4"}}}
		}, "gpt-4", ""},
		{"a managed group without models grants nothing", func(c *company) { c.key.Models = []string{"managed"} }, "gpt-4", policy.CodeModelDenied},
		{"a user without models of its own, in a team", func(c *company) { c.user.Models = []string{policy.NoDefaultModels} }, "gpt-4", ""},
		{"a user without models of its own, alone", func(c *company) {
			c.user.Models, c.key.TeamID, c.key.ProjectID = []string{policy.NoDefaultModels}, "", ""
		}, "gpt-4", policy.CodeModelDenied},
		{"all of the team's", func(c *company) { c.key.Models, c.team.Models = []string{policy.AllTeamModels}, []string{"gpt-4"} }, "gpt-4", ""},
		{"all of the team's, which this is not", func(c *company) { c.key.Models, c.team.Models = []string{policy.AllTeamModels}, []string{"gpt-4"} }, "claude", policy.CodeModelDenied},
		{"nobody serves it", func(*company) {}, "gpt-5", policy.CodeUnknownModel},
		{"no model, where one is needed", func(*company) {}, "", policy.CodeUnknownModel},
		{"what a list hides is not told from what there is not", func(c *company) { c.key.Models = []string{"claude"} }, "gpt-5", policy.CodeModelDenied},
	} {
		company := newCompany()
		c.change(company)
		d := company.decide(t, model(c.asked))
		if c.denied == "" && d.Refusal != nil || c.denied != "" && (d.Refusal == nil || d.Refusal.Code != c.denied) {
			t.Errorf("%s: %v, want %q", c.name, d.Refusal, c.denied)
		}
	}
	d := policy.Decide(newCompany().grant(t, masterKey), call(model("gpt-4")), now)
	if d.Refusal != nil || d.Model == nil || d.Model.Name != "gpt-4" {
		t.Errorf("the master key: %+v", d)
	}
}

// Limits of a model bind by every name the call's model has gone by.
func TestModelLimitsSeeThroughAliases(t *testing.T) {
	for _, limited := range []string{"fast", "gpt-4", "gpt-*"} {
		c := newCompany()
		c.key.Aliases = map[string]string{"fast": "gpt-4"}
		c.team.Limits.ModelRPM = map[string]int64{limited: 7}
		d := c.decide(t, model("fast"))
		if d.Refusal != nil || d.Asked != "gpt-4" || len(d.Ask.Holds) != 1 || d.Ask.Holds[0].Limit != 7 || d.Ask.Holds[0].Model != limited {
			t.Errorf("a limit of %s: %v, holds %+v", limited, d.Refusal, d.Ask.Holds)
		}
	}
}

func TestUnpricedModels(t *testing.T) {
	unpriced := func(c *company) {
		c.models[0].Price = policy.Unpriced()
		c.key.Limits.MaxBudget = new(policy.Dollar)
	}
	for _, c := range []struct {
		name     string
		settings policy.Settings
		refused  bool
		held     string
	}{
		{"by default they cost nothing", policy.Settings{}, false, "spend/life =1000000000 0+0"},
		{"allowed", policy.Settings{Unpriced: policy.UnpricedAllow}, false, "spend/life =1000000000 0+0"},
		{"denied", policy.Settings{Unpriced: policy.UnpricedDeny}, true, ""},
		{"at a default price", policy.Settings{Unpriced: policy.UnpricedDeny, DefaultPrice: new(policytest.PerMillion(1, 4))}, false, "spend/life =1000000000 100000+4000"},
	} {
		company := newCompany()
		company.settings = c.settings
		unpriced(company)
		d := company.decide(t)
		switch {
		case c.refused && (d.Refusal == nil || d.Refusal.Code != policy.CodeUnpricedModel || len(d.Ask.Holds) > 0):
			t.Errorf("%s: %+v, want refused", c.name, d.Refusal)
		case !c.refused && (d.Refusal != nil || !slices.Equal(held(d), []string{c.held})):
			t.Errorf("%s: %v, %q; want %q", c.name, d.Refusal, held(d), c.held)
		}
		unmetered := company.decide(t, func(r *policy.Request) { r.Unmetered = true })
		if unmetered.Refusal != nil {
			t.Errorf("%s, unmetered: %v", c.name, unmetered.Refusal)
		}
	}
	// One deployment of several without a price makes the model unpriced; what is
	// known of the others is the least that is held.
	c := newCompany()
	c.settings = policy.Settings{DefaultPrice: new(policytest.PerMillion(1, 4))}
	c.models = append(c.models, deployment("2", "gpt-4"))
	c.models[2].Price = policy.Unpriced()
	c.key.Limits.MaxBudget = new(policy.Dollar)
	if got, want := held(c.decide(t)), []string{"spend/life =1000000000 200000+10000"}; !slices.Equal(got, want) {
		t.Errorf("half priced: %q, want %q", got, want)
	}
}

func TestCustomers(t *testing.T) {
	c := newCompany()
	c.customer.Blocked = true
	for _, key := range []string{"sk-test", masterKey} {
		if d := policy.Decide(c.grant(t, key), call(), now); d.Refusal == nil || d.Refusal.Code != policy.CodeCustomerBlocked {
			t.Errorf("a blocked customer with %s: %v", key, d.Refusal)
		}
	}
	if d := c.decide(t, func(r *policy.Request) { r.Customer = "" }); d.Refusal != nil {
		t.Errorf("no customer: %v", d.Refusal)
	}
	c.settings.RequireUser = true
	if d := c.decide(t, func(r *policy.Request) { r.Customer = "" }); d.Refusal == nil || d.Refusal.Code != policy.CodeMissingUser || d.Refusal.Param != "user" {
		t.Errorf("no customer, where one is required: %v", d.Refusal)
	}

	// A customer with limits or a budget of its own is not held to the default one.
	c = newCompany()
	c.settings.CustomerBudget, c.budget.Limits.MaxBudget = "b", new(policy.Dollar)
	c.customer.Limits.RPM = new(int64(3))
	if got, want := held(c.decide(t)), []string{"requests/minute =3 1+0"}; !slices.Equal(got, want) {
		t.Errorf("a customer with a limit of its own: %q, want %q", got, want)
	}
	if got := held(c.decide(t, func(r *policy.Request) { r.Customer = "" })); len(got) > 0 {
		t.Errorf("no customer: %q", got)
	}
}

func TestTags(t *testing.T) {
	c := newCompany()
	c.tag.Limits.RPM = new(int64(3))
	count := func(d policy.Decision) int { return len(d.Ask.Holds) }
	none := func(r *policy.Request) { r.Tags = nil }
	if got := count(c.decide(t, none)); got != 0 {
		t.Errorf("no tags: %d holds", got)
	}
	if d := c.decide(t, func(r *policy.Request) { r.Tags = []string{"blue", "", "red", "blue"} }); count(d) != 1 || !slices.Equal(d.Tags, []string{"blue", "red"}) {
		t.Errorf("tags %q, %d holds; want each once, and one hold: nobody made red", d.Tags, count(d))
	}
	for name, set := range map[string]*[]string{"key": &c.key.Tags, "team": &c.team.Tags, "project": &c.project.Tags} {
		*set = []string{"blue"}
		if got := count(c.decide(t, none)); got != 1 {
			t.Errorf("the %s's tag: %d holds", name, got)
		}
		if got := count(c.decide(t)); got != 1 {
			t.Errorf("the %s's tag and the call's: %d holds", name, got)
		}
		*set = nil
	}
}

func TestMemberLimits(t *testing.T) {
	c := newCompany()
	c.team.MemberLimits = policy.Limits{RPM: new(int64(3)), MaxBudget: new(policy.Dollar)}
	c.member = &policy.Membership{Rules: policy.Rules{Limits: policy.Limits{MaxBudget: new(5 * policy.Dollar), BudgetDuration: "1d"}}}
	if got, want := held(c.decide(t)), []string{"spend/1d =5000000000 200000+10000", "requests/minute =3 1+0"}; !slices.Equal(got, want) {
		t.Errorf("a budget of its own, and the team's rate: %q, want %q", got, want)
	}
	c.member = nil
	c.team.Members = nil
	if got := held(c.decide(t)); len(got) > 0 {
		t.Errorf("a user that is no member of the team: %q", got)
	}
	c.team.Members = []policy.Member{{UserID: "u"}}
	c.key.UserID = ""
	if got := held(c.decide(t)); len(got) > 0 {
		t.Errorf("a key of nobody: %q", got)
	}
}

func TestExplain(t *testing.T) {
	c := newCompany()
	c.key.Limits = policy.Limits{RPM: new(int64(3)), MaxBudget: new(policy.Dollar), BudgetDuration: "1d"}
	c.team.Limits = policy.Limits{MaxBudget: new(2 * policy.Dollar), ModelMaxBudget: map[string]policy.ModelLimits{"gpt-4": {MaxBudget: new(policy.Dollar)}}}
	c.customer.Limits.MaxBudget = new(policy.Dollar)
	g := c.grant(t, "sk-test")
	d := policy.Decide(g, call(), now)
	fail := func(i int, b policy.Balance) *policy.Refusal {
		t.Helper()
		out := policy.Outcome{At: now, Balances: make([]policy.Balance, len(d.Ask.Holds)), Failed: []int{i}}
		out.Balances[i] = b
		return g.Explain(d.Ask, out)
	}
	find := func(k policy.Kind, s policy.ScopeKind, model string) int {
		t.Helper()
		i := slices.IndexFunc(d.Ask.Holds, func(h policy.Hold) bool { return h.Kind == k && h.Scope.Kind == s && h.Model == model })
		if i < 0 {
			t.Fatalf("no hold of %s by the %s", k, s)
		}
		return i
	}
	if r := g.Explain(d.Ask, policy.Outcome{Granted: true}); r != nil {
		t.Errorf("granted: %v", r)
	}

	r := fail(find(policy.KindRequests, policy.ScopeKey, ""), policy.Balance{Used: 3, RetryIn: 90 * time.Second / 4})
	if r.Code != policy.CodeRate || r.Limit != 3 || r.Used != 3 || r.Asked != 1 || !r.Limited || r.Private || !r.ResetAt.Equal(now.Add(22500*time.Millisecond)) || r.RetryIn != 22500*time.Millisecond {
		t.Errorf("rate: %+v", r)
	}
	for _, want := range []string{"sk-...test", "Limit type: requests", "Current limit: 3", "Remaining: 0", "2026-03-10 12:00:22 UTC"} {
		if !strings.Contains(r.Message, want) {
			t.Errorf("rate: %q lacks %q", r.Message, want)
		}
	}

	r = fail(find(policy.KindSpend, policy.ScopeKey, ""), policy.Balance{Used: 900_000_000, Held: 99_999_999})
	if r.Code != policy.CodeBudget || r.Private || r.Used != 999_999_999 || !r.ResetAt.Equal(at("2026-03-11T00:00:00Z")) || r.Window != "1d" {
		t.Errorf("the key's budget: %+v", r)
	}
	if want := "Budget has been exceeded! Key=sk-...test Current cost: 0.999999999, Max budget: 1. It resets at 2026-03-11T00:00:00Z"; r.Message != want {
		t.Errorf("the key's budget: %q, want %q", r.Message, want)
	}

	r = fail(find(policy.KindSpend, policy.ScopeTeam, ""), policy.Balance{Used: 1_234_567_890})
	if !r.Private || strings.ContainsAny(strings.TrimPrefix(r.Message, "Budget has been exceeded! Team=t"), "0123456789") || !r.ResetAt.IsZero() {
		t.Errorf("the team's budget: %+v; want no amounts for every caller", r)
	}
	if r = fail(find(policy.KindSpend, policy.ScopeTeam, "gpt-4"), policy.Balance{}); !strings.Contains(r.Message, "gpt-4") || r.Model != "gpt-4" {
		t.Errorf("the team's budget for a model: %+v", r)
	}
	if r = fail(find(policy.KindSpend, policy.ScopeCustomer, ""), policy.Balance{Used: 5}); r.Private || !strings.Contains(r.Message, "Customer=c") {
		t.Errorf("the customer's budget: %+v", r)
	}
	for i := range d.Ask.Holds {
		if r := fail(i, policy.Balance{}); strings.Contains(r.Message, c.key.Hash.String()) {
			t.Errorf("the key's hash is told: %q", r.Message)
		}
	}
}

func TestTrace(t *testing.T) {
	c := newCompany()
	c.team.Models, c.user.Models = []string{"gpt-4"}, []string{"claude"}
	c.key.Limits.RPM = new(int64(3))
	explain := func(r *policy.Request) { r.Explain = true }
	d := c.decide(t, explain)
	var got []string
	for _, s := range d.Trace {
		got = append(got, fmt.Sprintf("%s %s %v", s.Scope.Kind, s.Check, s.Passed))
	}
	if want := []string{"team model true", "user model false"}; !slices.Equal(got, want) {
		t.Errorf("refused: %q, want %q", got, want)
	}
	c.user.Models = nil
	d = c.decide(t, explain)
	if last := d.Trace[len(d.Trace)-1]; last.Check != "requests" || last.Limit != 3 || last.Window != "minute" || last.Scope.Kind != policy.ScopeKey {
		t.Errorf("admitted: %+v", last)
	}
}
