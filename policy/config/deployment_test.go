package config

import (
	"strings"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/pricemap"
)

// deployments reads model_list entries given in YAML.
func deployments(t *testing.T, list string, pairs ...string) []*policy.Deployment {
	t.Helper()
	c, err := Parse([]byte("model_list:\n"+list), Options{Env: env(append(providerKeys, pairs...)...)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Deployments
}

func TestEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name, params string // model and what else
		want         string // provider format scheme://host:port prefix ?query header: prefix
		target       string
	}{
		{"bare", "model: gpt-4o", "openai openai https://api.openai.com:443 /v1 ? authorization: Bearer ", "gpt-4o"},
		{"with a provider", "model: openai/gpt-4o", "openai openai https://api.openai.com:443 /v1 ? authorization: Bearer ", "gpt-4o"},
		{"by the price map", "model: claude-sonnet-4-5", "anthropic anthropic https://api.anthropic.com:443  ? x-api-key: ", "claude-sonnet-4-5"},
		{"by how it begins", "model: claude-99", "anthropic anthropic https://api.anthropic.com:443  ? x-api-key: ", "claude-99"},
		{"bare gemini", "model: gemini-2.5-pro", "gemini gemini https://generativelanguage.googleapis.com:443  ? x-goog-api-key: ", "gemini-2.5-pro"},
		{"said apart", "{model: my/own, custom_llm_provider: openai, api_base: 'http://h:1/v1'}", "openai openai http://h:1 /v1 ? : ", "my/own"},
		{"slashes of its own", "model: groq/openai/gpt-oss-120b", "groq openai https://api.groq.com:443 /openai/v1 ? authorization: Bearer ", "openai/gpt-oss-120b"},
		{"responses", "model: openai/responses/o3", "openai openai https://api.openai.com:443 /v1 ? authorization: Bearer ", "o3"},
		{"own server, no key", "{model: hosted_vllm/x, api_base: 'http://127.0.0.1:8000/v1/'}", "hosted_vllm openai http://127.0.0.1:8000 /v1 ? : ", "x"},
		{"own server, a key", "{model: openai/x, api_base: 'https://h/v1', api_key: k}", "openai openai https://h:443 /v1 ? authorization: Bearer ", "x"},
		{"own server, the environment's key stays here", "{model: openai/x, api_base: 'https://h/v1'}", "openai openai https://h:443 /v1 ? : ", "x"},
		{"the whole path", "{model: openai/x, api_base: 'https://h/v1/chat/completions', api_key: k}", "openai openai https://h:443 /v1 ? authorization: Bearer ", "x"},
		{"another name of api_base", "{model: openai/x, base_url: 'https://h/v1', api_key: k}", "openai openai https://h:443 /v1 ? authorization: Bearer ", "x"},
		{"IPv6", "{model: openai/x, api_base: 'https://[::1]:8443/v1', api_key: k}", "openai openai https://::1:8443 /v1 ? authorization: Bearer ", "x"},
		{"a query", "{model: openai/x, api_base: 'https://h/v1?team=a', api_key: k}", "openai openai https://h:443 /v1 ?team=a authorization: Bearer ", "x"},

		{"azure", "{model: azure/my-gpt, api_base: 'https://a.openai.azure.com/', api_key: k, api_version: 2024-10-21}", "azure azure https://a.openai.azure.com:443 /openai/deployments/my-gpt ?api-version=2024-10-21 api-key: ", "my-gpt"},
		{"azure, all from the environment", "{model: azure/my-gpt}", "azure azure https://env.openai.azure.com:443 /openai/deployments/my-gpt ?api-version=2025-02-01-preview api-key: ", "my-gpt"},
		{"azure, a name that needs escaping", "{model: azure/my%gpt, api_base: 'https://a.openai.azure.com'}", "azure azure https://a.openai.azure.com:443 /openai/deployments/my%25gpt ?api-version=2025-02-01-preview api-key: ", "my%gpt"},
		{"azure, the whole path", "{model: azure/x, api_base: 'https://a.openai.azure.com/openai/deployments/real/chat/completions?api-version=2023-05-15'}", "azure azure https://a.openai.azure.com:443 /openai/deployments/real ?api-version=2023-05-15 api-key: ", "x"},
		{"azure's newer address", "{model: azure/x, api_base: 'https://a.openai.azure.com/openai/v1/'}", "azure openai https://a.openai.azure.com:443 /openai/v1 ? api-key: ", "x"},
		{"azure's newer version", "{model: azure/x, api_base: 'https://a.openai.azure.com', api_version: preview}", "azure openai https://a.openai.azure.com:443 /openai/v1 ?api-version=preview api-key: ", "x"},
		{"azure, o series", "{model: azure/o_series/x, api_base: 'https://a.openai.azure.com'}", "azure azure https://a.openai.azure.com:443 /openai/deployments/x ?api-version=2025-02-01-preview api-key: ", "x"},
		{"azure, a token", "{model: azure/x, api_base: 'https://a.openai.azure.com', azure_ad_token: t}", "azure azure https://a.openai.azure.com:443 /openai/deployments/x ?api-version=2025-02-01-preview authorization: Bearer ", "x"},
		{"foundry", "{model: azure_ai/mistral, api_base: 'https://r.services.ai.azure.com', api_key: k, api_version: 2024-05-01-preview}", "azure_ai openai https://r.services.ai.azure.com:443 /models ?api-version=2024-05-01-preview api-key: ", "mistral"},
		{"foundry's claude", "{model: azure_ai/claude-opus-4-1, api_base: 'https://r.services.ai.azure.com/anthropic/v1/messages', api_key: k}", "azure_ai anthropic https://r.services.ai.azure.com:443 /anthropic ? x-api-key: ", "claude-opus-4-1"},

		{"anthropic's path", "{model: anthropic/x, api_base: 'https://h/proxy/v1/messages', api_key: k}", "anthropic anthropic https://h:443 /proxy ? x-api-key: ", "x"},
		{"anthropic's version", "{model: anthropic/x, api_base: 'https://h/v1', api_key: k}", "anthropic anthropic https://h:443  ? x-api-key: ", "x"},
		{"gemini's version", "{model: gemini/x, api_base: 'https://h/v1beta', api_key: k}", "gemini gemini https://h:443  ? x-goog-api-key: ", "x"},
		{"cohere's rerank", "model: cohere/rerank-v3.5", "cohere cohere https://api.cohere.com:443  ? authorization: Bearer ", "rerank-v3.5"},
		{"cohere's chat", "model: cohere/command-a", "cohere openai https://api.cohere.ai:443 /compatibility/v1 ? authorization: Bearer ", "command-a"},
		{"ollama", "model: ollama_chat/llama3", "ollama_chat openai http://localhost:11434 /v1 ? : ", "llama3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			params := tt.params
			if !strings.HasPrefix(params, "{") {
				params = "{" + params + "}"
			}
			d := deployments(t, "- {model_name: m, litellm_params: "+params+"}", "AZURE_API_BASE=https://env.openai.azure.com")[0]
			got := d.Provider + " " + string(d.Format) + " " + d.Scheme + "://" + d.Host + ":" + itoa(d.Port) + " " + d.PathPrefix + " ?" + d.Query + " " + d.CredentialHeader + ": " + d.CredentialPrefix
			if got != tt.want || d.Target != tt.target {
				t.Errorf("%s %q\nwant %s %q", got, d.Target, tt.want, tt.target)
			}
			if (d.CredentialHeader == "") != (d.Credential == "") {
				t.Error("a header without a credential, or the reverse")
			}
		})
	}
}

func itoa(n int) string {
	var digits []byte
	for ; n > 0; n /= 10 {
		digits = append([]byte{byte('0' + n%10)}, digits...)
	}
	return string(digits)
}

func TestIDs(t *testing.T) {
	const text = `
- {model_name: Big Model/4, litellm_params: {model: openai/x, api_base: "http://h/v1", api_key: os.environ/A}}
- {model_name: Big Model/4, litellm_params: {model: openai/x, api_base: "http://h/v1", api_key: os.environ/B}}
- {model_name: Big Model/4, litellm_params: {model: openai/x, api_base: "http://h/v1", api_key: literal-1}}
- {model_name: Big Model/4, litellm_params: {model: openai/x, api_base: "http://h/v1", api_key: literal-2}}
- {model_name: named, litellm_params: {model: openai/x, api_base: "http://h/v1"}, model_info: {id: 0123}}
- {model_name: "*", litellm_params: {model: openai/*, api_base: "http://h/v1"}}
`
	before := deployments(t, text, "A=1", "B=2")
	after := deployments(t, strings.Replace(text, "literal-1", "rotated", 1), "A=3", "B=4")
	seen := map[string]bool{}
	for i, d := range before {
		if !isID(d.ID) || seen[d.ID] {
			t.Errorf("%q is no id, or was given before", d.ID)
		}
		seen[d.ID] = true
		if after[i].ID != d.ID {
			t.Errorf("%s became %s with another key", d.ID, after[i].ID)
		}
	}
	if !strings.HasPrefix(before[0].ID, "big-model-4-") || before[3].ID != before[2].ID+"-2" || before[4].ID != "0123" || !strings.HasPrefix(before[5].ID, "any-") {
		t.Errorf("%s %s %s %s %s", before[0].ID, before[2].ID, before[3].ID, before[4].ID, before[5].ID)
	}
	elsewhere := deployments(t, strings.Replace(text, "http://h/v1", "http://i/v1", 1), "A=1", "B=2")
	if elsewhere[0].ID == before[0].ID {
		t.Error("another address, the same id")
	}
}

func TestWeights(t *testing.T) {
	for _, tt := range []struct {
		name  string
		each  []string // further params of the deployments
		want  []int
		order []int
	}{
		{"none", []string{"", ""}, []int{0, 0}, []int{0, 0}},
		{"weights", []string{"weight: 3", "weight: 1"}, []int{3, 1}, []int{0, 0}},
		{"fractions", []string{"weight: 0.9", "weight: 0.1"}, []int{900, 100}, []int{0, 0}},
		{"a fraction and a whole", []string{"weight: 1", "weight: 0.25", ""}, []int{1000, 250, 1000}, []int{0, 0, 0}},
		{"requests a minute", []string{"rpm: 900", "rpm: 100"}, []int{900, 100}, []int{0, 0}},
		{"tokens a minute", []string{"tpm: 900", "tpm: 100"}, []int{900, 100}, []int{0, 0}},
		{"weights before requests", []string{"{weight: 2, rpm: 900}", "{weight: 1, rpm: 100}"}, []int{2, 1}, []int{0, 0}},
		{"an order", []string{"order: 2", "order: 1", ""}, []int{0, 0, 0}, []int{2, 1, 1_000_001}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list strings.Builder
			for _, more := range tt.each {
				more = strings.Trim(more, "{}")
				if more != "" {
					more = ", " + more
				}
				list.WriteString("- {model_name: m, litellm_params: {model: openai/x, api_base: 'http://h/v1'" + more + "}}\n")
			}
			for i, d := range deployments(t, list.String()) {
				if d.Weight != tt.want[i] || d.Priority != tt.order[i] {
					t.Errorf("%d has weight %d and priority %d, want %d and %d", i, d.Weight, d.Priority, tt.want[i], tt.order[i])
				}
			}
		})
	}
}

func TestPrices(t *testing.T) {
	prices, err := pricemap.Parse([]byte(`{
		"gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "cache_read_input_token_cost": 5e-07,
			"max_input_tokens": 100, "max_output_tokens": 10, "regional_processing_uplift_multiplier_eu": 1.1},
		"azure/gpt-4o": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 4e-06}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	usage := policy.Usage{Input: 10, Cached: 5, Output: 10, Source: policy.UsageReported}
	for _, tt := range []struct {
		name, params, info, settings string
		want                         policy.Money
		known                        bool
		warned                       string
	}{
		{"the map's", "model: openai/gpt-4o", "", "", 5*1000 + 5*500 + 10*2000, true, ""},
		{"its provider's", "{model: azure/gpt-4o, api_base: 'http://h', api_key: k}", "", "", 10*3000 + 10*4000, true, ""},
		{"the base model's", "{model: azure/mine, api_base: 'http://h', api_key: k}", "base_model: azure/gpt-4o", "", 10*3000 + 10*4000, true, ""},
		{"the base model's, without its provider", "{model: azure/mine, api_base: 'http://h', api_key: k}", "base_model: gpt-4o", "", 10*3000 + 10*4000, true, ""},
		{"the base model's, of another provider", "{model: openai/mine, api_base: 'http://h/v1', base_model: azure/gpt-4o}", "", "", 10*3000 + 10*4000, true, ""},
		{"no base model of that name", "{model: openai/gpt-4o, base_model: none}", "", "", 5*1000 + 5*500 + 10*2000, true, "the price map has no such model"},
		{"its own, and only these", "{model: openai/gpt-4o, input_cost_per_token: 1e-5, output_cost_per_token: 2e-5}", "", "", 10*10_000 + 10*20_000, true, ""},
		{"its own in model_info", "model: openai/gpt-4o", "{input_cost_per_token: 1e-5, output_cost_per_token: 2e-5}", "", 10*10_000 + 10*20_000, true, ""},
		{"its own for the prompt only", "{model: openai/gpt-4o, input_cost_per_token: 1e-5}", "", "", 10*10_000 + 10*2000, true, ""},
		{"its own for the answer only", "{model: openai/gpt-4o, output_cost_per_token: 1e-5}", "", "", 10*1000 + 10*10_000, true, ""},
		{"half a price of an unknown model", "{model: openai/x, input_cost_per_token: 1e-5}", "", "", 10 * 10_000, true, "has a price for the prompt and none for the answer"},
		{"half a price of an embedding", "{model: openai/x, input_cost_per_token: 1e-5}", "mode: embedding", "", 10 * 10_000, true, ""},
		{"free", "{model: openai/x, input_cost_per_token: 0, output_cost_per_token: 0.0}", "", "", 0, true, ""},
		{"unknown", "model: openai/x", "", "", 0, false, "has no known price"},
		{"in a region", "{model: openai/gpt-4o, api_base: 'https://eu.api.openai.com/v1'}", "", "", 5*1100 + 5*550 + 10*2200, true, ""},
		{"in a region that costs no more", "{model: openai/gpt-4o, api_base: 'https://us.api.openai.com/v1'}", "", "", 5*1000 + 5*500 + 10*2000, true, ""},
		{"a discount", "model: openai/gpt-4o", "", "litellm_settings: {cost_discount_config: {openai: 0.5, azure: 1}}", (5*1000 + 5*500 + 10*2000) / 2, true, ""},
		{"a margin for all", "model: openai/gpt-4o", "", "litellm_settings: {cost_margin_config: {global: 1}}", (5*1000 + 5*500 + 10*2000) * 2, true, ""},
		{"a margin of one's own", "model: openai/gpt-4o", "", "litellm_settings: {cost_margin_config: {global: 1, openai: {fixed_amount: 0.001}}}", 5*1000 + 5*500 + 10*2000 + 1_000_000, true, ""},
		{"both", "model: openai/gpt-4o", "", "litellm_settings: {cost_discount_config: {openai: 0.5}, cost_margin_config: {openai: {percentage: 0.1, fixed_amount: 0.001}}}", (5*1000+5*500+10*2000)/2*11/10 + 1_000_000, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			params, info := braced(tt.params), braced(tt.info)
			text := "model_list: [{model_name: m, litellm_params: " + params + ", model_info: " + info + "}]\n" + tt.settings
			c, err := Parse([]byte(text), Options{Env: env(providerKeys...), Prices: prices})
			if err != nil {
				t.Fatal(err)
			}
			d := c.Deployments[0]
			if got := policy.CostOf(usage, d.Price).Total; got != tt.want || d.Price.Known != tt.known {
				t.Errorf("costs %d, known %v; want %d, %v: %+v", got, d.Price.Known, tt.want, tt.known, d.Price)
			}
			if len(c.Warnings) > 1 || (len(c.Warnings) == 1) != (tt.warned != "") || tt.warned != "" && !strings.HasPrefix(c.Warnings[0].Message, tt.warned) {
				t.Errorf("warned %v, want %q", c.Warnings, tt.warned)
			}
		})
	}
}

func braced(text string) string {
	if strings.HasPrefix(text, "{") {
		return text
	}
	return "{" + text + "}"
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{"1_000": "1000", "+5": "5", ".5": "0.5", "5.": "5", "1.e3": "1e3", "1e-07": "1e-07", " 7 ": "7", "-1": "-1"} {
		if got := number(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"max_budget", "budget_duration", "id"}
	for name, want := range map[string]string{
		"max_budgt": "max_budget", "mxa_budget": "max_budget", "max-budget": "max_budget", "budget_durations": "budget_duration", "ia": "id", "zzz": "", "": "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%q is most like %q, want %q", name, got, want)
		}
	}
}
