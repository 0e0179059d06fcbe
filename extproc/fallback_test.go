package extproc_test

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

// Who has spent a key's budget for a model is answered by the next one of its
// budget_fallbacks that the key may use and can pay.
func TestBudgetFallbacks(t *testing.T) {
	named := func(name string, price int64) *policy.Deployment {
		return served(name, func(d *policy.Deployment) {
			d.Model, d.Price = name, policy.TokenPrice(policy.Rate(price), policy.Rate(price))
		})
	}
	budget := func(micros policy.Money) policy.ModelLimits {
		return policy.ModelLimits{MaxBudget: ptr(micros * 1000)}
	}
	limits := policy.Limits{
		ModelMaxBudget:  map[string]policy.ModelLimits{"dear": budget(60), "middling": budget(0)},
		BudgetFallbacks: map[string][]string{"dear": {"secret", "nowhere", "middling", "cheap"}},
	}
	with := func(change func(*policy.Limits)) func(*policy.Key) {
		return func(k *policy.Key) {
			k.Models, k.Limits = []string{"dear", "middling", "cheap", "nowhere"}, limits
			if change != nil {
				change(&k.Limits)
			}
		}
	}
	r := rig{
		entities: []policy.Entity{
			key("sk-falls", with(nil)),
			key("sk-alias", func(k *policy.Key) {
				with(nil)(k)
				k.Aliases = map[string]string{"best": "dear"}
				k.Models = append(k.Models, "best")
			}),
			key("sk-stays", with(func(l *policy.Limits) { l.BudgetFallbacks = nil })),
			key("sk-whole", with(func(l *policy.Limits) { l.MaxBudget = ptr(policy.Money(60_000)) })),
			key("sk-shadow", with(func(l *policy.Limits) { l.Enforcement = policy.Shadow })),
		},
		models: []*policy.Deployment{named("dear", 1_000_000_000), named("middling", 1000), named("cheap", 1000), named("secret", 1)},
		clock:  policytest.NewClock(time.Now()).Now,
	}
	for name, on := range map[string]func(t *testing.T) *plane{
		"in memory": func(t *testing.T) *plane { return r.start(t) },
		"on Redis":  func(t *testing.T) *plane { r, _ := r.onRedis(t); return r.start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			p := on(t)
			ask := func(key, model string) reply {
				return p.send(call{key: key, body: chat(model, 30, "max_tokens", 30)})
			}
			for _, c := range []struct{ key, model, want, group string }{
				{"sk-falls", "dear", "cheap", "cheap"}, {"sk-alias", "best", "cheap", "cheap"}, {"sk-shadow", "dear", "dear", "dear"},
			} {
				if first := ask(c.key, c.model); first.StatusCode != 200 || first.Header.Get("x-litellm-model-group") != "dear" || first.Header.Get("x-litellm-attempted-fallbacks") != "" {
					t.Fatalf("%s: %d %s %v", c.key, first.StatusCode, first.body, first.Header)
				}
				next := ask(c.key, c.model)
				if next.StatusCode != 200 || next.Header.Get("x-litellm-model-group") != c.group {
					t.Errorf("%s: %d %s by %s", c.key, next.StatusCode, next.body, next.Header.Get("x-litellm-model-group"))
				}
				if n := next.Header.Get("x-litellm-attempted-fallbacks"); c.group == "cheap" && n != "4" || c.group == "dear" && n != "" {
					t.Errorf("%s: %q attempted", c.key, n)
				}
			}
			if by := p.byTarget(); by["at-dear"] != 4 || by["at-cheap"] != 2 || by["at-secret"]+by["at-middling"] != 0 {
				t.Errorf("served %v", by)
			}
			for _, k := range []string{"sk-stays", "sk-whole"} {
				ask(k, "dear")
				refused := ask(k, "dear")
				if e := refused.error(t); refused.StatusCode != 422 || e["type"] != "budget_exceeded" {
					t.Errorf("%s: %d %s", k, refused.StatusCode, refused.body)
				}
			}
			p.idle()
		})
	}
}
