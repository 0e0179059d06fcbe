package policy_test

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// The same key, over every limit and asking for a model its project lacks, with shadow
// set in different places: what is refused, and what is only recorded.
func TestWhatShadowCovers(t *testing.T) {
	one := int64(0)
	limits := func(change func(*policy.Limits)) policy.Rules {
		r := policy.Rules{Limits: policy.Limits{RPM: &one}}
		if change != nil {
			change(&r.Limits)
		}
		return r
	}
	shadow := func(l *policy.Limits) { l.Enforcement = policy.Shadow }
	rpm := func(l *policy.Limits) { l.ShadowLimits = []string{"rpm_limit"} }
	for _, tc := range []struct {
		behaviour                string
		proxy                    policy.Enforcement
		org, team, project, keys func(*policy.Limits)
		model                    string
		refused                  policy.Code
		by                       policy.ScopeKind // what refuses first
		recorded                 int
	}{
		{"nothing in shadow", "", nil, nil, nil, nil, "gpt-4", policy.CodeRate, policy.ScopeOrganization, 0},
		{"everything", policy.Shadow, nil, nil, nil, nil, "gpt-4", "", 0, 4},
		{"everything, another model too", policy.Shadow, nil, nil, nil, nil, "gpt-5", "", 0, 5},
		{"the organization's", "", shadow, nil, nil, nil, "gpt-4", policy.CodeRate, policy.ScopeTeam, 0},
		{"the organization's limit and the team", "", rpm, shadow, nil, nil, "gpt-4", "", 0, 4},
		{"a team covers its projects' models", "", rpm, shadow, nil, nil, "gpt-5", "", 0, 5},
		{"single limits do not cover models", "", rpm, rpm, rpm, rpm, "gpt-5", policy.CodeModelDenied, policy.ScopeProject, 0},
		{"single limits", "", rpm, rpm, rpm, rpm, "gpt-4", "", 0, 4},
		{"a project covers its keys, not its team", "", rpm, nil, shadow, nil, "gpt-4", policy.CodeRate, policy.ScopeTeam, 0},
		{"enforced after all", policy.Enforced, rpm, shadow, nil, nil, "gpt-4", "", 0, 4},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			k := policytest.Key("sk-x")
			k.ProjectID, k.Rules = "p", limits(tc.keys)
			p := &policy.Project{ID: "p", TeamID: "t", Rules: limits(tc.project)}
			p.Models = []string{"gpt-4"}
			d := policytest.Directory(policy.Settings{}, []*policy.Deployment{policytest.Deployment("gpt-4", 1, 1), policytest.Deployment("gpt-5", 1, 1)},
				&policy.Organization{ID: "o", Rules: limits(tc.org)}, &policy.Team{ID: "t", OrganizationID: "o", Rules: limits(tc.team)}, p, k)
			d.SetEnforcement(tc.proxy)
			g, _ := d.Resolve(k.Hash)
			now := time.Now()
			dec := policy.Decide(&g, policy.Request{Model: tc.model, NeedsModel: true, Input: 10}, now)
			refusal, recorded := dec.Refusal, dec.Shadowed
			if refusal == nil {
				ledger := memory.New(memory.Config{Journal: &policytest.Journal{}})
				dec.Ask.ID = "x"
				out, err := ledger.Reserve(t.Context(), dec.Ask)
				if err != nil {
					t.Fatal(err)
				}
				refusal = g.Explain(dec.Ask, out)
				recorded = append(recorded, g.WouldRefuse(dec.Ask, out)...)
			}
			if tc.refused == "" && refusal != nil || tc.refused != "" && (refusal == nil || refusal.Code != tc.refused || refusal.Scope.Kind != tc.by) {
				t.Errorf("refused: %v", refusal)
			}
			if len(recorded) != tc.recorded {
				t.Errorf("recorded %d: %v", len(recorded), recorded)
			}
		})
	}
}

func TestWhatWouldBeRefusedIsWhatIsRefused(t *testing.T) {
	const limit = 1000
	for _, used := range []int64{0, 500, 900, 989, 990, 991, 1000, 2000} {
		hold := policytest.Hold(policy.KindTokens, limit, 10, 1)
		ask := func(id string, soft bool, fixed int64) policy.Ask {
			h := hold
			h.Soft, h.Fixed = soft, fixed
			return policy.Ask{ID: id, Holds: []policy.Hold{h}, Want: 100, Usual: 10, Least: 1}
		}
		ledger := memory.New(memory.Config{Journal: &policytest.Journal{}})
		taken := ask("taken", true, used)
		taken.Want, taken.Usual, taken.Least = 0, 0, 0
		if _, err := ledger.Reserve(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		hard, err := ledger.Reserve(t.Context(), ask("hard", false, 10))
		if err != nil {
			t.Fatal(err)
		}
		if hard.Granted {
			if err := ledger.Release(t.Context(), "hard"); err != nil {
				t.Fatal(err)
			}
		}
		a := ask("soft", true, 10)
		soft, err := ledger.Reserve(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		var g policy.Grant
		if got := len(g.WouldRefuse(a, soft)) > 0; got == hard.Granted || !soft.Granted || soft.Lowered {
			t.Errorf("with %d of %d used: refused %v, would be refused %v, outcome %+v", used, limit, !hard.Granted, got, soft)
		}
	}
}
