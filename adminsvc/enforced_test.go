package adminsvc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// allLimits sets every limit there is, each to an amount of its own.
const allLimits = `"max_budget":11,"budget_duration":"1d","budget_limits":[{"budget_duration":"1h","max_budget":12}],"rpm_limit":13,"tpm_limit":14,"tpd_limit":15,
	"itpm_limit":16,"otpm_limit":17,"max_parallel_requests":18,"model_max_budget":{"gpt-4":{"max_budget":19,"budget_duration":"1d","rpm_limit":20,"tpm_limit":21}},
	"model_rpm_limit":{"gpt-4":22},"model_tpm_limit":{"gpt-4":23},"model_itpm_limit":{"gpt-4":24},"model_otpm_limit":{"gpt-4":25}`

// allHolds are the holds that allLimits make, as holdsOf writes them. Of two limits
// of one kind, model and window the lower binds.
var allHolds = []string{
	"parallel_requests 18", "requests 13", "requests 20 gpt-4", "spend 11000000000", "spend 12000000000", "spend 19000000000 gpt-4",
	"tokens 14", "tokens 15", "tokens 21 gpt-4", "input_tokens 16", "input_tokens 24 gpt-4", "output_tokens 17", "output_tokens 25 gpt-4",
}

// decide is what the data plane would, by the rules as they are stored.
func (a *api) decide(key string, r policy.Request) policy.Decision {
	a.t.Helper()
	d := policy.NewDirectory(testSettings, testCatalog)
	for _, kind := range []policy.EntityKind{policy.EntityBudget, policy.EntityAccessGroup, policy.EntityOrganization, policy.EntityUser, policy.EntityTeam,
		policy.EntityMembership, policy.EntityProject, policy.EntityCustomer, policy.EntityTag, policy.EntityKey} {
		page, err := a.store.List(context.Background(), policy.Query{Kind: kind})
		if err != nil {
			a.t.Fatal(err)
		}
		for _, e := range page.Entities {
			d.Put(e)
		}
	}
	g, ok := d.Resolve(policy.HashKey(key))
	if !ok {
		a.t.Fatal("the key is not known")
	}
	if refusal := g.Authenticate(a.clock()); refusal != nil {
		return policy.Decision{Refusal: refusal}
	}
	r.NeedsModel = true
	if r.Model == "" {
		r.Model = "gpt-4"
	}
	return policy.Decide(&g, r, a.clock())
}

// holdsOf lists a decision's holds on one scope: kind, limit, model.
func holdsOf(d policy.Decision, scope policy.Scope) []string {
	var out []string
	for _, h := range d.Ask.Holds {
		if h.Scope == scope {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d %s", h.Kind.Info().Name, h.Limit, h.Model)))
		}
	}
	slices.Sort(out)
	return out
}

// enforces fails the test unless all of allLimits bind at a scope.
func enforces(t *testing.T, d policy.Decision, scope policy.Scope) {
	t.Helper()
	if d.Refusal != nil {
		t.Errorf("refused: %+v", d.Refusal)
		return
	}
	want := slices.Sorted(slices.Values(allHolds))
	if got := holdsOf(d, scope); !slices.Equal(got, want) {
		t.Errorf("%s holds\n%q, want\n%q", scope, got, want)
	}
}

func TestAUsersLimitsHoldOnEveryKeyOfTheirs(t *testing.T) {
	t.Parallel()
	a := setup(t)
	first := a.post("/user/new", `{"user_id":"ann",`+allLimits+`}`).ok().text("key")
	second := a.post("/key/generate", `{"user_id":"ann"}`).ok().text("key")
	a.post("/team/new", `{"team_id":"t","members_with_roles":[{"user_id":"ann","role":"user"}]}`).ok()
	third := a.post("/key/generate", `{"user_id":"ann","team_id":"t"}`).ok().text("key")
	for _, key := range []string{first, second, third} {
		enforces(t, a.decide(key, policy.Request{Input: 1}), policy.Scope{Kind: policy.ScopeUser, ID: "ann"})
	}
	a.post("/user/update", `{"user_id":"ann","blocked":true}`).ok()
	if d := a.decide(second, policy.Request{}); d.Refusal == nil || d.Refusal.Code != policy.CodeUserBlocked {
		t.Errorf("%+v", d.Refusal)
	}
	a.post("/user/update", `{"user_id":"ann","blocked":false,"models":["beta-models"]}`).ok()
	if d := a.decide(third, policy.Request{}); d.Refusal == nil || d.Refusal.Scope.Kind != policy.ScopeUser {
		t.Errorf("%+v", d.Refusal)
	}
	if d := a.decide(third, policy.Request{Model: "claude-3-sonnet"}); d.Refusal != nil {
		t.Errorf("%+v", d.Refusal)
	}
}
