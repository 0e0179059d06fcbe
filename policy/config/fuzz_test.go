package config

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/purser/purser/policy"
)

// FuzzParse reads anything: it must not panic, and what it returns must be fit
// for use.
func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	for _, seed := range []string{
		"model_list:\n- model_name: '*'\n  litellm_params: {model: openai/*, api_key: k}",
		"- {model_name: a, model: azure/b, api_base: 'https://h/openai/deployments/c?x', api_key: k, api_version: preview}",
		"a: &a {b: 1}\ngeneral_settings: {<<: [*a, *a], master_key: os.environ/OPENAI_API_KEY}",
		"model_list: [{model_name: m, litellm_params: {model: openai/m, api_base: 'http://[::1]:1', tiered_pricing: [{range: [0, 1e3], input_cost_per_token: .5}], weight: 1.25, order: 3}}]",
		"litellm_settings: {cost_margin_config: {global: {fixed_amount: 9e9}}, max_budget: 1_0.5e-3}",
		"include: [x]\nenvironment_variables: {A: os.environ/A}",
	} {
		f.Add([]byte(seed))
	}
	environment := env(providerKeys...)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, Options{Env: environment})
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatalf("%v, %q", c, err)
			}
			return
		}
		ids := map[string]bool{}
		for _, d := range c.Deployments {
			if !isID(d.ID) || ids[d.ID] || d.Model == "" || d.Host == "" || d.Port < 1 || d.Port > 65535 || d.Format == "" || d.Weight < 0 || d.Priority < 0 {
				t.Fatalf("%+v", d)
			}
			ids[d.ID] = true
			if !json.Valid(d.Info) || !json.Valid(d.Params) {
				t.Fatalf("%s: %s %s", d.ID, d.Info, d.Params)
			}
			if cost := policy.CostOf(policy.Usage{Input: 1 << 20, Output: 1 << 20, Source: policy.UsageReported}, d.Price).Total; cost < 0 {
				t.Fatalf("%s costs %d", d.ID, cost)
			}
		}
		for _, fields := range [][]byte{c.LiteLLM.UserDefaults, c.LiteLLM.KeyDefaults, c.LiteLLM.KeyBounds, c.LiteLLM.TeamDefaults} {
			if fields != nil && !json.Valid(fields) {
				t.Fatalf("%s", fields)
			}
		}
		if c.MaxBudget != nil && *c.MaxBudget < 0 {
			t.Fatal(*c.MaxBudget)
		}
		policy.NewCatalog(c.Deployments, c.Aliases)
	})
}
