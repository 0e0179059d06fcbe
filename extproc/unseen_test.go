package extproc_test

import (
	"encoding/json"
	"testing"

	"github.com/purser/purser/policy"
)

// A conversation that lies at the provider is held at the model's window, so that no
// limit is overshot however long it was; once its length was seen here, at that.
func TestPromptsThatLieAtTheProvider(t *testing.T) {
	const window = 10_000
	whole := worth(window, 20)
	p := rig{entities: []policy.Entity{
		key("sk-short", func(k *policy.Key) { k.Limits.MaxBudget = ptr(worth(window, 0)) }),
		key("sk-enough", func(k *policy.Key) { k.Limits.MaxBudget = &whole }),
		key("sk-minute", func(k *policy.Key) { k.Limits.TPM = ptr[int64](window) }),
	}, models: []*policy.Deployment{{
		ID: "long", Model: "long", Target: "long", Provider: "openai", Format: policy.FormatOpenAI, PathPrefix: "/v1", CredentialHeader: "authorization",
		CredentialPrefix: "Bearer ", Price: policy.TokenPrice(30_000_000_000, 60_000_000_000), MaxOutput: 4096, MaxInput: window,
	}}}.start(t)
	ask := func(more ...any) map[string]any {
		body := map[string]any{"model": "long", "input": "hello", "max_output_tokens": 20}
		for i := 0; i < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return body
	}
	try := func(key string, want int, body map[string]any) reply {
		t.Helper()
		before := len(p.provider.Requests(0))
		r := p.send(call{path: "/v1/responses", key: key, body: body})
		if r.StatusCode != want {
			t.Fatalf("%s: status %d, want %d: %s", key, r.StatusCode, want, r.body)
		}
		if sent := len(p.provider.Requests(0)) - before; (sent == 1) != (want == 200) {
			t.Errorf("%s: %d requests at the provider", key, sent)
		}
		return r
	}
	for name, unseen := range map[string]any{"previous_response_id": "resp_of_another_day", "conversation": "conv_1", "prompt": map[string]any{"id": "pmpt_1"}} {
		try("sk-short", 422, ask(name, unseen))
		try("sk-minute", 429, ask(name, unseen))
	}
	try("sk-enough", 200, ask("previous_response_id", "resp_of_another_day"))
	p.idle()
	var first struct{ ID string }
	if err := json.Unmarshal(try("sk-short", 200, ask()).body, &first); err != nil || first.ID == "" {
		t.Fatal(err)
	}
	p.idle()
	try("sk-short", 200, ask("previous_response_id", first.ID))
	try("sk-minute", 200, ask("previous_response_id", first.ID))
	p.idle()
	try("sk-short", 422, ask("previous_response_id", first.ID, "conversation", "conv_1"))
}
