package dialect

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestAnthropicReads(t *testing.T) {
	c := readAt(t, "/v1/messages", `{"model":"claude","max_tokens":9000,"stream":true,"thinking":{"type":"enabled","budget_tokens":4000},
		"metadata":{"user_id":"u","userId":"mine to name"},"messages":[{"role":"user","content":"hi"}]}`)
	if c.Model != "claude" || *c.OutputCap != 9000 || !c.Stream || c.EndUser != "u" || c.CapFloor != 4001 {
		t.Errorf("%+v", c)
	}
}

func TestAnthropicRefuses(t *testing.T) {
	for _, tc := range []struct{ body, param, code string }{
		{`{"max_tokens":1}`, "model", "missing_required_parameter"},
		{`{"model":"a","Max_Tokens":1}`, "max_tokens", "ambiguous_field"},
		{`{"model":"a","max_tokens":-1}`, "max_tokens", "integer_below_min_value"},
		{`{"model":"a","messages":[{"role":"user","Content":"x"}]}`, "messages[].content", "ambiguous_field"},
		{`{"model":"a","messages":[{"role":"user","content":"x","content":"y"}]}`, "messages[0].content", "duplicate_field"},
	} {
		if bad := refusedAt(t, "/v1/messages", tc.body); bad.Param != tc.param || bad.Code != tc.code {
			t.Errorf("%s: %+v", tc.body, bad)
		}
	}
}

func TestAnthropicRewrites(t *testing.T) {
	for _, tc := range []struct {
		body string
		ch   Change
		want string
	}{
		{`{"model":"a","max_tokens":50,"stream":true}`, Change{Model: "b", OutputCap: 20, IncludeUsage: true}, `{"model":"b","max_tokens":20,"stream":true}`},
		{`{"model":"a"}`, Change{OutputCap: 20}, `{"max_tokens":20,"model":"a"}`},
		{`{"model":"a","metadata":{"user_id":"u"},"tags":["x"]}`, Change{Strip: true}, `{"model":"a","metadata":{"user_id":"u"}}`},
		{`{"model":"a","metadata":{"user_id":"u","trace":"t"}}`, Change{Strip: true}, `{"model":"a"}`},
		{`{"model":"a","metadata":{"user_id":"u","tags":["t"]}}`, Change{Strip: true}, `{"model":"a"}`},
		{`{"model":"a","metadata":{}}`, Change{Strip: true}, `{"model":"a","metadata":{}}`},
	} {
		e := mustFind(t, "/v1/messages")
		if got, _ := e.Rewrite(readAt(t, "/v1/messages", tc.body), tc.ch); string(got) != tc.want {
			t.Errorf("%s\nwant\n%s", got, tc.want)
		}
	}
}

func TestAnthropicPlaces(t *testing.T) {
	for path, wants := range map[string]map[string]string{
		"/v1/messages":              {"": "/v1/messages?beta=true", "/v1": "/v1/messages?beta=true", "/anthropic": "/anthropic/v1/messages?beta=true"},
		"/v1/messages/count_tokens": {"": "/v1/messages/count_tokens?beta=true"},
	} {
		for prefix, want := range wants {
			got, err := mustFind(t, path).Path(readAt(t, path, `{"model":"a"}`), &policy.Deployment{Format: policy.FormatAnthropic, PathPrefix: prefix, Query: "beta=true"}, "x")
			if err != nil || got != want {
				t.Errorf("%q: %q, %v", prefix, got, err)
			}
		}
	}
	_, err := mustFind(t, "/v1/messages").Path(readAt(t, "/v1/messages", `{"model":"a"}`), &policy.Deployment{Format: policy.FormatOpenAI}, "x")
	if err == nil || err.Error() != "The model 'a' is not served at /v1/messages, and requests are not translated between API formats. Use /v1/chat/completions for it." {
		t.Error(err)
	}
}

// mustFind is the endpoint that POST reaches at a path.
func mustFind(t testing.TB, path string) *Endpoint {
	t.Helper()
	m, ok := Find("POST", path)
	if !ok || m.Allow != "" {
		t.Fatalf("%s is not known", path)
	}
	return m.Endpoint
}
