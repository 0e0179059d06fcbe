package dialect

import (
	"errors"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// What a request asks for, at OpenAI's further endpoints.
func TestOpenAIReads(t *testing.T) {
	for _, tc := range []struct {
		name, path, body string
		ok               func(*Call) bool
	}{
		{"one prompt", "/completions", `{"model":"m","prompt":"hello world"}`, func(c *Call) bool { return c.Choices == 1 && c.CountInput("") == 2 }},
		{"several prompts, the best of several", "/completions", `{"model":"m","prompt":["a","b","c"],"n":1,"best_of":4}`, func(c *Call) bool { return c.Choices == 12 }},
		{"a prompt of tokens", "/completions", `{"model":"m","prompt":[1,2,3]}`, func(c *Call) bool { return c.Choices == 1 && c.CountInput("") == 3 && c.InputEstimate == 3 }},
		{"prompts of tokens", "/completions", `{"model":"m","prompt":[[1,2],[3]],"n":2}`, func(c *Call) bool { return c.Choices == 4 && c.CountInput("") == 3 }},
		{"inputs of all kinds", "/embeddings", `{"model":"m","input":["hello world",[1,2],7]}`, func(c *Call) bool { return c.NoOutput && c.CountInput("") == 5 }},
		{"a default model", "/moderations", `{"input":"x"}`, func(c *Call) bool { return c.Model == "omni-moderation-latest" && c.NoOutput }},
		{"a response's history lies at the provider", "/responses", `{"model":"m","input":"x","previous_response_id":"resp_1"}`, func(c *Call) bool { return c.Unseen }},
		{"pictures", "/images/generations", `{"model":"m","prompt":"x","n":2,"size":"256x512"}`, func(c *Call) bool { return c.Asks.Images == 2 && c.Asks.Pixels == 2*256*512 }},
		{"pictures of odd sizes", "/images/generations", `{"prompt":"x","size":"auto"}`, func(c *Call) bool { return c.Model == "dall-e-2" && c.Asks.Pixels == 1024*1024 }},
		{"speech", "/audio/speech", `{"model":"m","input":"äö\n"}`, func(c *Call) bool { return c.Asks.Characters == 3 }},
		{"pictures cost the same however long their data", "/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + strings.Repeat("A", 9000) + `"}}]}]}`,
			func(c *Call) bool { return c.InputEstimate > imageTokens && c.InputEstimate < imageTokens+20 }},
		{"low detail costs less", "/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x","detail":"low"}}]}]}`,
			func(c *Call) bool { return c.InputEstimate < imageLowTokens+20 }},
		{"names cost", "/chat/completions", `{"model":"m","messages":[{"name":"anna"},{}]}`, func(c *Call) bool { return c.CountInput("") == 3+3+3+1+1 }},
		{"documents to rerank", "/rerank", `{"model":"m","query":"q","documents":[` + strings.Repeat(`"d",`, 150) + `{"text":"e"}]}`, func(c *Call) bool { return c.Asks.Queries == 2 && c.NoOutput }},
		{"metadata is the client's own", "/chat/completions", `{"model":"m","metadata":{"Tags":1,"userId":"x"}}`, func(c *Call) bool { return c.EndUser == "" && len(c.Tags) == 0 }},
		{"of several users the first in rank counts", "/chat/completions", `{"safety_identifier":"d","metadata":{"user_id":"c"},"litellm_metadata":{"user":"b","tags":["t"]},"model":"m"}`,
			func(c *Call) bool { return c.EndUser == "b" && c.Tags[0] == "t" }},
	} {
		if c := readAt(t, tc.path, tc.body); !tc.ok(c) {
			t.Errorf("%s: %+v: %d tokens", tc.name, c, c.CountInput(""))
		}
	}
}

func TestOpenAIRefuses(t *testing.T) {
	for _, tc := range []struct{ path, body, code string }{
		{"/responses", `{"model":"m","background":true}`, "unsupported_parameter"},
		{"/responses", `{"model":"m","max_output_tokens":-1}`, "integer_below_min_value"},
		{"/completions", `{"model":"m","best_of":0}`, "integer_below_min_value"},
		{"/embeddings", `{"input":"x"}`, "missing_required_parameter"},
		{"/rerank", `{"Model":"m"}`, "ambiguous_field"},
		{"/images/generations", `{"prompt":"x","N":5}`, "ambiguous_field"},
	} {
		if bad := refusedAt(t, tc.path, tc.body); bad.Code != tc.code {
			t.Errorf("%s %s: %+v", tc.path, tc.body, bad)
		}
	}
}

func TestOpenAIPlaces(t *testing.T) {
	openai := &policy.Deployment{Format: policy.FormatOpenAI, PathPrefix: "/v1"}
	azure := &policy.Deployment{Format: policy.FormatAzure, PathPrefix: "/openai/deployments/x", Query: "api-version=1"}
	for _, tc := range []struct {
		method, path, query string
		d                   *policy.Deployment
		want                string
	}{
		{"POST", "/v1/embeddings", "", openai, "/v1/embeddings"},
		{"POST", "/v1/embeddings", "x=1", azure, "/openai/deployments/x/embeddings?api-version=1"},
		{"POST", "/responses", "", openai, "/v1/responses"},
		{"POST", "/responses", "", azure, "/openai/responses?api-version=1"},
		{"GET", "/v1/responses/resp_1", "include[]=a&key=b&starting_after=3", openai, "/v1/responses/resp_1?include[]=a&starting_after=3"},
		{"GET", "/files/f-1/content", "", openai, "/v1/files/f-1/content"},
		{"GET", "/v1/files/f-1", "", azure, "/openai/files/f-1?api-version=1"},
		{"POST", "/v1/batches/b/cancel", "", openai, "/v1/batches/b/cancel"},
		{"GET", "/v1/realtime", "model=public", openai, "/v1/realtime?model=a+b"},
		{"GET", "/openai/realtime", "deployment=public&api-version=2", azure, "/openai/realtime?api-version=1&deployment=a+b"},
	} {
		m, ok := Find(tc.method, tc.path)
		if !ok {
			t.Fatal(tc.path)
		}
		call, err := m.Endpoint.Read(Inbound{Method: tc.method, Path: tc.path, Query: tc.query, ID: m.ID, Body: []byte(`{"model":"m"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Endpoint.Path(call, tc.d, "a b"); err != nil || got != tc.want {
			t.Errorf("%s %s: %q, %v", tc.method, tc.path, got, err)
		}
	}
}

func TestQueryModels(t *testing.T) {
	realtime, _ := Find("GET", "/v1/realtime")
	for query, code := range map[string]string{
		"model=gpt-realtime":                "",
		"":                                  "missing_required_parameter",
		"model=a&model=b":                   "duplicate_field",
		"model=a&deployment=b":              "duplicate_field",
		"model=%zz":                         "invalid_query",
		"model=" + strings.Repeat("a", 300): "string_above_max_length",
	} {
		call, err := realtime.Endpoint.Read(Inbound{Method: "GET", Query: query})
		var bad *Malformed
		switch {
		case code == "" && (err != nil || call.Model != "gpt-realtime"):
			t.Errorf("%s: %v", query, err)
		case code != "" && (!errors.As(err, &bad) || bad.Code != code):
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestUnmeteredIsSaidSo(t *testing.T) {
	m, _ := Find("GET", "/v1/files")
	call, err := m.Endpoint.Read(Inbound{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	meter := m.Endpoint.NewMeter(call, Head{Status: 200, ContentType: "application/json"})
	out, changed := meter.Chunk([]byte(`{"usage":{"prompt_tokens":5}}`), true)
	if r := meter.Result(); changed || len(out) != 29 || r.Usage != (policy.Usage{Source: policy.UsageUnmetered}) || !r.Complete {
		t.Errorf("%+v", r)
	}
}
