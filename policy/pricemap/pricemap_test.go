package pricemap

import (
	"math/big"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

func TestDefault(t *testing.T) {
	m, err := unpack(embedded)
	if err != nil {
		t.Fatal(err)
	}
	if m.Len() < 3000 || !strings.HasPrefix(m.Version(), "litellm 1.") || m.Skipped() > 10 {
		t.Errorf("%d models from %q, %d skipped", m.Len(), m.Version(), m.Skipped())
	}
	for _, name := range []string{"gpt-4o", "claude-sonnet-4-5", "gemini/gemini-2.5-pro", "whisper-1", "text-embedding-3-small"} {
		if e, ok := m.Lookup("", name); !ok || !e.Price.Known {
			t.Errorf("%s has no price", name)
		}
	}
}

// one parses a map of a single model "m".
func one(t *testing.T, fields string) Entry {
	t.Helper()
	m, err := Parse([]byte(`{"m": {` + fields + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	e, ok := m.Lookup("", "m")
	if !ok {
		t.Fatal("no entry")
	}
	return e
}

const reported = policy.UsageReported

func TestPrice(t *testing.T) {
	const tiered = `"litellm_provider":"gemini","input_cost_per_token":1e-06,"output_cost_per_token":4e-06,
		"cache_read_input_token_cost":2e-07,
		"input_cost_per_token_above_200k_tokens":2e-06,"output_cost_per_token_above_200k_tokens":6e-06,
		"input_cost_per_token_priority":3e-06,"output_cost_per_token_above_200k_tokens_priority":9e-06`
	const bands = `"output_cost_per_token":5e-06,"tiered_pricing":[
		{"range":[32000.0,1e6],"input_cost_per_token":3e-06},
		{"range":[0,32000.0],"input_cost_per_token":1e-06,"output_cost_per_token":2e-06,"output_cost_per_reasoning_token":7e-06}]`
	for _, tt := range []struct {
		name, fields string
		usage        policy.Usage
		want         policy.Money
	}{
		{"exact where floats are not", `"input_cost_per_token":0.1e-6`, policy.Usage{Input: 3}, 300},
		{"a price as a string", `"input_cost_per_token":"3e-7"`, policy.Usage{Input: 10}, 3000},
		{"no cache price means the input's", `"input_cost_per_token":1e-06`, policy.Usage{Input: 10, Cached: 4, CacheWrite1h: 2}, 10_000},
		{"a cache price of zero is one", `"input_cost_per_token":1e-06,"cache_read_input_token_cost":0`, policy.Usage{Input: 10, Cached: 4}, 6_000},
		{"an older name of the cache price", `"input_cost_per_token":1e-06,"input_cost_per_token_cache_hit":1e-07`, policy.Usage{Input: 10, Cached: 10}, 1_000},
		{"an hour's write without a price is a write", `"input_cost_per_token":1e-06,"cache_creation_input_token_cost":2e-06`, policy.Usage{Input: 1, CacheWrite1h: 1}, 2_000},
		{"an hour's write", `"input_cost_per_token":1e-06,"cache_creation_input_token_cost":2e-06,"cache_creation_input_token_cost_above_1hr":3e-06`, policy.Usage{Input: 1, CacheWrite1h: 1}, 3_000},
		{"batch prices are not ours", `"input_cost_per_token":1e-06,"input_cost_per_token_batches":1`, policy.Usage{Input: 1}, 1_000},

		{"at the threshold", tiered, policy.Usage{Input: 200_000}, 200_000 * 1_000},
		{"above the threshold, all of it", tiered, policy.Usage{Input: 200_001, Output: 1}, 200_001*2_000 + 6_000},
		{"above it, what it does not say", tiered, policy.Usage{Input: 200_001, Cached: 200_001}, 200_001 * 200},
		{"a service tier", tiered, policy.Usage{Input: 2, Output: 1, ServiceTier: "priority"}, 6_000 + 4_000},
		{"a service tier above the threshold", tiered, policy.Usage{Input: 200_001, Output: 1, ServiceTier: "priority"}, 200_001*2_000 + 9_000},
		{"a service tier it does not know", tiered, policy.Usage{Input: 2, ServiceTier: "scale"}, 2_000},
		{"xai charges from the threshold on", strings.Replace(tiered, "gemini", "xai", 1), policy.Usage{Input: 200_000}, 200_000 * 2_000},
		{"xai's reasoning is output", `"litellm_provider":"xai","output_cost_per_token":1e-06,"output_cost_per_reasoning_token":9e-06`, policy.Usage{Output: 2, Reasoning: 1}, 2_000},
		{"fireworks' cache is half of its input", `"litellm_provider":"fireworks_ai","input_cost_per_token":1e-06`, policy.Usage{Input: 2, Cached: 2}, 1_000},

		{"the lowest band", bands, policy.Usage{Input: 32_000, Output: 2, Reasoning: 1}, 32_000*1_000 + 2_000 + 7_000},
		{"a higher band, output from without", bands, policy.Usage{Input: 32_001, Output: 2, Reasoning: 1}, 32_001*3_000 + 10_000},
		{"beyond the highest band", bands, policy.Usage{Input: 2_000_000}, 2_000_000 * 3_000},

		{"audio and pictures in the prompt", `"input_cost_per_token":1e-06,"input_cost_per_audio_token":5e-06`, policy.Usage{Input: 3, AudioInput: 1, ImageInput: 1}, 7_000},
		{"reasoning", `"output_cost_per_token":1e-06,"output_cost_per_reasoning_token":3e-06`, policy.Usage{Output: 3, Reasoning: 1}, 5_000},
		{"a service tier prices reasoning as output", `"output_cost_per_token":1e-06,"output_cost_per_reasoning_token":3e-06,"output_cost_per_token_flex":5e-07`, policy.Usage{Output: 2, Reasoning: 1, ServiceTier: "flex"}, 1_000},
		{"all output is pictures", `"output_cost_per_image_token":4e-05`, policy.Usage{Output: 2}, 80_000},
		{"pictures by the piece", `"mode":"image_generation","output_cost_per_image":0.04`, policy.Usage{Images: 2, Pixels: 99}, 80_000_000},
		{"pictures by the pixel", `"mode":"image_generation","input_cost_per_pixel":2e-08`, policy.Usage{Images: 1, Pixels: 1024 * 1024}, 20_971_520},
		{"the dearest of the sizes", `"mode":"image_generation","output_cost_per_image_4K":0.16,"output_cost_per_image":0.08`, policy.Usage{Images: 1}, 160_000_000},
		{"pictures counted as tokens are not counted twice", `"input_cost_per_token":1e-06,"output_cost_per_image":0.04,"output_cost_per_image_token":1e-05`, policy.Usage{Input: 1, Output: 2, ImageOutput: 1, Images: 1}, 21_000},
		{"seconds", `"mode":"audio_transcription","input_cost_per_second":0.0001,"output_cost_per_second":0.0001`, policy.Usage{Millis: 1500}, 150_000},
		{"seconds of a chat that is paid by the token", `"mode":"chat","input_cost_per_token":1e-06,"cost_per_second":1`, policy.Usage{Input: 1, Millis: 1500}, 1_000},
		{"seconds of video", `"mode":"video_generation","output_cost_per_video_per_second":0.1,"output_cost_per_second":0.3`, policy.Usage{Millis: 2000}, 200_000_000},
		{"characters", `"mode":"audio_speech","input_cost_per_character":1.5e-05`, policy.Usage{Characters: 2}, 30_000},
		{"queries", `"mode":"rerank","input_cost_per_query":0.002,"input_cost_per_token":0.0`, policy.Usage{Queries: 1}, 2_000_000},
		{"searches of medium size", `"input_cost_per_token":0,"search_context_cost_per_query":{"search_context_size_low":1,"search_context_size_medium":0.01,"search_context_size_high":2}`, policy.Usage{Searches: 3}, 30_000_000},
		{"a flat part", `"input_cost_per_token":0,"input_cost_per_request":0.005`, policy.Usage{Source: reported}, 5_000_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			price := one(t, tt.fields).Price
			if !price.Known {
				t.Fatal("unpriced")
			}
			if got := policy.CostOf(tt.usage, price).Total; got != tt.want {
				t.Errorf("%d, want %d; price %+v", got, tt.want, price)
			}
		})
	}
}

func TestEntry(t *testing.T) {
	for _, tt := range []struct {
		name, fields string
		want         Entry
	}{
		{"limits", `"max_input_tokens":1000,"max_output_tokens":256000.0,"max_tokens":5,"mode":"chat","litellm_provider":"x"`, Entry{MaxInput: 1000, MaxOutput: 256000, Mode: "chat", Provider: "x"}},
		{"the older maximum", `"max_tokens":1e3,"max_output_tokens":null`, Entry{MaxOutput: 1000}},
		{"limits that are none", `"max_input_tokens":"a lot","max_output_tokens":-4`, Entry{}},
		{"nothing known", `"supports_vision":true,"metadata":{"input_cost_per_token":1}`, Entry{}},
		{"a negative price", `"input_cost_per_token":-1,"output_cost_per_token":1`, Entry{}},
		{"a price that is none", `"input_cost_per_token":"cheap"`, Entry{}},
		{"an absurd exponent", `"input_cost_per_token":1e999999`, Entry{}},
		{"a band without a range", `"tiered_pricing":[{"input_cost_per_token":1}]`, Entry{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := one(t, tt.fields)
			if got.Price.Known {
				t.Errorf("priced: %+v", got.Price)
			}
			if got.MaxInput != tt.want.MaxInput || got.MaxOutput != tt.want.MaxOutput || got.Mode != tt.want.Mode || got.Provider != tt.want.Provider {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
	if e := one(t, `"input_cost_per_token":1,"regional_processing_uplift_multiplier_eu":1.1`); e.Uplift["eu"] != "1.1" {
		t.Errorf("uplift %v", e.Uplift)
	}
}

func TestLookup(t *testing.T) {
	m, err := Parse([]byte(`{
		"sample_spec": {"input_cost_per_token": 0},
		"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1},
		"azure/gpt-4o": {"litellm_provider": "azure", "input_cost_per_token": 2},
		"azure/only-azure": {"litellm_provider": "azure", "input_cost_per_token": 2},
		"gpt-3.5-turbo-instruct": {"litellm_provider": "text-completion-openai", "input_cost_per_token": 3},
		"ft:gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 4},
		"gemini/gemini-1.5-pro": {"litellm_provider": "gemini", "input_cost_per_token": 5},
		"together_ai/Qwen/Qwen3": {"litellm_provider": "together_ai", "input_cost_per_token": 6},
		"azure/hd/1024-x-1024/dall-e-3": {"litellm_provider": "azure", "mode": "image_generation", "input_cost_per_pixel": 7},
		"azure/standard/1024-x-1024/dall-e-3": {"litellm_provider": "azure", "mode": "image_generation", "input_cost_per_pixel": 8}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	const dollar = 1_000_000_000 * 1_000_000 // of a Rate
	for _, tt := range []struct {
		name, provider, model string
		want                  policy.Rate // dollars; 0: not found
	}{
		{"a provider's own", "azure", "gpt-4o", 2},
		{"bare names are of their provider", "openai", "gpt-4o", 1},
		{"a bare name is not another's", "groq", "gpt-4o", 0},
		{"with the provider in front", "azure", "azure/gpt-4o", 2},
		{"with no provider given", "", "azure/gpt-4o", 2},
		{"with no provider given, bare", "", "gpt-4o", 1},
		{"completions are openai's too", "openai", "gpt-3.5-turbo-instruct", 3},
		{"fine-tuned", "openai", "ft:gpt-4o:acme::abc", 4},
		{"a frozen version", "gemini", "gemini-1.5-pro-002", 5},
		{"in other letters", "together_ai", "qwen/QWEN3", 6},
		{"listed by size only", "azure", "dall-e-3", 8},
		{"the explanation of the fields", "", "sample_spec", 0},
		{"unknown", "openai", "gpt-9", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, ok := m.Lookup(tt.provider, tt.model)
			if ok != (tt.want > 0) {
				t.Fatalf("found: %v", ok)
			}
			if got := max(e.Price.Input, e.Price.PerPixel, 0) / dollar; got != tt.want {
				t.Errorf("$%d, want $%d", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                ``,
		"a list":                 `[]`,
		"a model twice":          `{"m":{}, "m":{}}`,
		"a price twice":          `{"m":{"input_cost_per_token":1,"input_cost_per_token":2}}`,
		"an entry not an object": `{"m":3}`,
		"text after the object":  `{} {}`,
		"cut short":              `{"m":{"mode":"chat"`,
	} {
		if m, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: parsed as %d models", name, m.Len())
		}
	}
}

func TestScale(t *testing.T) {
	p := policy.TokenPrice(1_000, 3)
	p.Tiers = []policy.Tier{{Above: 5, Price: policy.TokenPrice(10, 0)}}
	got := Scale(p, big.NewRat(11, 10))
	if got.Input != 1_100 || got.Output != 3 || got.Cached != policy.NoRate || got.Tiers[0].Price.Input != 11 || got.Tiers[0].Price.Output != 0 {
		t.Errorf("%+v", got)
	}
	if p.Tiers[0].Price.Input != 10 {
		t.Error("the price it was made from changed")
	}
	if free := Scale(p, new(big.Rat)); free.Input != 0 || free.Cached != policy.NoRate {
		t.Errorf("%+v", free)
	}
	if most := Scale(policy.TokenPrice(1<<62, 0), big.NewRat(9, 1)); most.Input != 1<<63-1 {
		t.Errorf("%+v", most)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"m":{"mode":"chat","input_cost_per_token":1e-06,"input_cost_per_token_above_200k_tokens_priority":2e-06}}`))
	f.Add([]byte(`{"m":{"tiered_pricing":[{"range":[0,32000.0],"input_cost_per_token":1}],"search_context_cost_per_query":{"search_context_size_medium":0.01}}}`))
	f.Add([]byte(`{"a/hd/1-x-1/50-steps/b":{"output_cost_per_image":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		for _, name := range m.Names() {
			e, ok := m.Lookup("", name)
			if !ok {
				t.Fatalf("%q is named but not found", name)
			}
			if cost := policy.CostOf(policy.Usage{Input: 1 << 20, Cached: 7, Output: 1 << 20, Images: 3, Source: policy.UsageReported}, e.Price).Total; cost < 0 {
				t.Fatalf("%q costs %d", name, cost)
			}
		}
	})
}
