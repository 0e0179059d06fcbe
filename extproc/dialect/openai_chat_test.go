package dialect

import (
	"errors"
	"strings"
	"testing"

	"github.com/purser/purser/extproc/tokens"
	"github.com/purser/purser/policy"
)

// chat reads a body as a chat completion.
func chat(t *testing.T, body string) *Call {
	t.Helper()
	return readAt(t, "/v1/chat/completions", body)
}

func readAt(t *testing.T, path, body string) *Call {
	t.Helper()
	m, ok := Find("POST", path)
	if !ok {
		t.Fatalf("%s is not known", path)
	}
	call, err := m.Endpoint.Read(Inbound{Method: "POST", Path: path, ContentType: "application/json", Model: m.Model, ID: m.ID, Body: []byte(body)})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return call
}

func refusedAt(t *testing.T, path, body string) *Malformed {
	t.Helper()
	m, ok := Find("POST", path)
	if !ok {
		t.Fatalf("%s is not known", path)
	}
	_, err := m.Endpoint.Read(Inbound{Method: "POST", Path: path, Model: m.Model, Body: []byte(body)})
	var bad *Malformed
	if !errors.As(err, &bad) {
		t.Fatalf("%s: not refused: %v", body, err)
	}
	return bad
}

func TestChatReads(t *testing.T) {
	c := chat(t, `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"max_tokens":50,"max_completion_tokens":40,
		"n":3,"user":"u1","metadata":{"user_id":"u2","tags":["a","b"]},"tags":["b","c"],"service_tier":"flex",
		"messages":[{"role":"user","content":"hello"}]}`)
	if c.Model != "gpt-4o" || !c.Stream || !c.UsageAsked || *c.OutputCap != 40 || c.Choices != 3 || c.EndUser != "u1" ||
		strings.Join(c.Tags, ",") != "a,b,c" || c.ServiceTier != "flex" {
		t.Errorf("%+v", c)
	}
}

func TestChatRefuses(t *testing.T) {
	for _, tc := range []struct{ name, body, param, code string }{
		{"nothing", ``, "", "invalid_json"},
		{"blanks", `  `, "", "invalid_json"},
		{"no object", `[]`, "", "invalid_json"},
		{"half an object", `{"model":"m"`, "", "invalid_json"},
		{"two objects", `{"model":"m"}{}`, "", "invalid_json"},
		{"no UTF-8", "{\"model\":\"m\xff\"}", "", "invalid_json"},
		{"half a surrogate", `{"model":"\ud800"}`, "", "invalid_json"},
		{"no model", `{"messages":[]}`, "model", "missing_required_parameter"},
		{"null as model", `{"model":null}`, "model", "invalid_type"},
		{"empty model", `{"model":""}`, "model", "missing_required_parameter"},
		{"number as model", `{"model":7}`, "model", "invalid_type"},
		{"control characters in a model", `{"model":"a\nb"}`, "model", "invalid_value"},
		{"model twice", `{"model":"cheap","model":"dear"}`, "model", "duplicate_field"},
		{"model twice, once escaped", `{"model":"cheap","mod\u0065l":"dear"}`, "model", "duplicate_field"},
		{"model in another case beside it", `{"model":"cheap","Model":"dear"}`, "model", "ambiguous_field"},
		{"model in another case instead of it", `{"MODEL":"dear"}`, "model", "ambiguous_field"},
		{"a name that folds beyond ASCII", `{"model":"m","ſtream":true}`, "stream", "ambiguous_field"},
		{"dashes for underscores", `{"model":"m","max-tokens":5}`, "max_tokens", "ambiguous_field"},
		{"case within an object", `{"model":"m","stream_options":{"Include_Usage":false}}`, "stream_options.include_usage", "ambiguous_field"},
		{"case within a list", `{"model":"m","messages":[{"Content":"x"}]}`, "messages[].content", "ambiguous_field"},
		{"duplicates deep down", `{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}`, "messages[0].content", "duplicate_field"},
		{"duplicates in what is not read", `{"model":"m","logit_bias":{"1":1,"1":2}}`, "logit_bias[1]", "duplicate_field"},
		{"stream is a word", `{"model":"m","stream":"yes"}`, "stream", "invalid_type"},
		{"an answer to make up", `{"model":"m","mock_response":"hello"}`, "mock_response", "unsupported_parameter"},
		{"an object to make up", `{"model":"m","mock_response":{"a":1}}`, "mock_response", "unsupported_parameter"},
		{"calls to make up", `{"model":"m","mock_tool_calls":[{"id":"x"}]}`, "mock_tool_calls", "unsupported_parameter"},
		{"a timeout to make up", `{"model":"m","mock_timeout":true}`, "mock_timeout", "unsupported_parameter"},
		{"negative cap", `{"model":"m","max_tokens":-1}`, "max_tokens", "integer_below_min_value"},
		{"fraction as cap", `{"model":"m","max_tokens":1.5}`, "max_tokens", "invalid_type"},
		{"exponent as cap", `{"model":"m","max_completion_tokens":1e3}`, "max_completion_tokens", "invalid_type"},
		{"word as cap", `{"model":"m","max_tokens":"10"}`, "max_tokens", "invalid_type"},
		{"huge cap", `{"model":"m","max_tokens":4294967296}`, "max_tokens", "integer_above_max_value"},
		{"cap beyond 64 bits", `{"model":"m","max_tokens":99999999999999999999}`, "max_tokens", "integer_above_max_value"},
		{"no choices", `{"model":"m","n":0}`, "n", "integer_below_min_value"},
		{"too many choices", `{"model":"m","n":100000}`, "n", "integer_above_max_value"},
		{"stream options are a list", `{"model":"m","stream_options":[]}`, "stream_options", "invalid_type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := refusedAt(t, "/v1/chat/completions", tc.body)
			if bad.Param != tc.param || bad.Code != tc.code || bad.Message == "" {
				t.Errorf("%+v", bad)
			}
		})
	}
}

func TestChatRewrites(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		ch         Change
		want       string // "" is unchanged
	}{
		{"nothing to do", `{"model":"m"}`, Change{}, ""},
		{"the same name", `{"model":"m"}`, Change{Model: "m"}, ""},
		{"another name", `{ "a":1, "model" : "m" , "b":2}`, Change{Model: "x/\"y"}, `{ "a":1, "model" : "x/\"y" , "b":2}`},
		{"a name that looks like Google's", `{"model":"models/m"}`, Change{Model: "x"}, `{"model":"x"}`},
		{"caps above are lowered, others stay", `{"model":"m","max_tokens":50,"max_completion_tokens":10}`, Change{OutputCap: 20}, `{"model":"m","max_tokens":20,"max_completion_tokens":10}`},
		{"all caps above are lowered", `{"model":"m","max_tokens":50,"max_completion_tokens":60}`, Change{OutputCap: 20}, `{"model":"m","max_tokens":20,"max_completion_tokens":20}`},
		{"a cap is added", `{"model":"m"}`, Change{OutputCap: 20}, `{"max_tokens":20,"model":"m"}`},
		{"a cap is added for OpenAI", `{"model":"m"}`, Change{OutputCap: 20, Provider: "openai"}, `{"max_completion_tokens":20,"model":"m"}`},
		{"a cap is added for a reasoning model", `{"model":"m"}`, Change{OutputCap: 20, Model: "o3-mini"}, `{"max_completion_tokens":20,"model":"o3-mini"}`},
		{"a cap takes the place of its null", `{"model":"m","max_tokens":null}`, Change{OutputCap: 20}, `{"model":"m","max_tokens":20}`},
		{"a null of the other name stays", `{"model":"m","max_completion_tokens":null}`, Change{OutputCap: 20}, `{"max_tokens":20,"model":"m","max_completion_tokens":null}`},
		{"a null beside a cap stays", `{"model":"m","max_completion_tokens":null,"max_tokens":30}`, Change{OutputCap: 20}, `{"model":"m","max_completion_tokens":null,"max_tokens":20}`},
		{"usage is asked for", `{"model":"m","stream":true}`, Change{IncludeUsage: true}, `{"stream_options":{"include_usage":true},"model":"m","stream":true}`},
		{"but not without a stream", `{"model":"m","stream":false}`, Change{IncludeUsage: true}, ""},
		{"nor where it is asked for", `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, Change{IncludeUsage: true}, ""},
		{"among other options", `{"model":"m","stream":true,"stream_options":{"x":1}}`, Change{IncludeUsage: true}, `{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":1}}`},
		{"into empty options", `{"model":"m","stream":true,"stream_options":{ }}`, Change{IncludeUsage: true}, `{"model":"m","stream":true,"stream_options":{"include_usage":true }}`},
		{"in place of null options", `{"model":"m","stream":true,"stream_options":null}`, Change{IncludeUsage: true}, `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`},
		{"in place of false", `{"model":"m","stream":true,"stream_options":{"include_usage": false}}`, Change{IncludeUsage: true}, `{"model":"m","stream":true,"stream_options":{"include_usage": true}}`},
		{"all at once", `{"stream":true,"model":"m"}`, Change{Model: "n", OutputCap: 5, IncludeUsage: true}, `{"max_tokens":5,"stream_options":{"include_usage":true},"stream":true,"model":"n"}`},
		{"tags are taken out", `{"tags":["a"],"model":"m"}`, Change{Strip: true}, `{"model":"m"}`},
		{"all of a proxy's fields are taken out", `{"tags":[],"model":"m", "litellm_metadata":{} ,"metadata":{"tags":[]}}`, Change{Strip: true}, `{"model":"m" }`},
		{"first and last", `{"metadata":{"a":[]} , "litellm_metadata":1,"model":"m","tags":null}`, Change{Strip: true, OutputCap: 5}, `{"max_tokens":5, "model":"m"}`},
		{"stored metadata of strings stays", `{"metadata":{"a":"b"},"tags":[],"model":"m","store":true}`, Change{Strip: true}, `{"metadata":{"a":"b"},"model":"m","store":true}`},
		{"metadata that is not stored goes", `{"metadata":{"a":"b"},"model":"m"}`, Change{Strip: true}, `{"model":"m"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := chat(t, tc.body)
			m, _ := Find("POST", "/v1/chat/completions")
			for range 2 { // for one deployment and another
				got, changed := m.Endpoint.Rewrite(c, tc.ch)
				if want := tc.want; string(got) != want && (want != "" || string(got) != tc.body) || changed != (want != "") {
					t.Fatalf("%v\n%s\nwant\n%s", changed, got, want)
				}
			}
		})
	}
}

func TestChatPlaces(t *testing.T) {
	openai := &policy.Deployment{Format: policy.FormatOpenAI, PathPrefix: "/v1"}
	azure := &policy.Deployment{Format: policy.FormatAzure, Query: "api-version=2024-10-21"}
	azureOwn := &policy.Deployment{Format: policy.FormatAzure, PathPrefix: "/openai/deployments/x", Query: "api-version=1"}
	azureV1 := &policy.Deployment{Format: policy.FormatAzure, PathPrefix: "/openai/v1"}
	anthropic := &policy.Deployment{Format: policy.FormatAnthropic}
	for _, tc := range []struct {
		d    *policy.Deployment
		want string
	}{
		{openai, "/v1/chat/completions"},
		{azure, "/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21"},
		{azureOwn, "/openai/deployments/x/chat/completions?api-version=1"},
		{azureV1, "/openai/v1/chat/completions"},
		{anthropic, ""},
	} {
		c := chat(t, `{"model":"m"}`)
		m, _ := Find("POST", "/chat/completions")
		got, err := m.Endpoint.Path(c, tc.d, "gpt 4")
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: %q, %v", tc.d.Format, got, err)
		}
	}
}

const chatStream = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-2024-08-06","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hello there, \"friend\"\n\u00e9\ud83d\ude00"},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}}

data: [DONE]

`

// meter passes a reply through in chunks of size bytes.
func meter(call *Call, e *Endpoint, head Head, reply string, size int, end bool) (out string, r Result) {
	m := e.NewMeter(call, head)
	defer m.Close()
	var b strings.Builder
	for len(reply) > 0 {
		n := min(size, len(reply))
		o, changed := m.Chunk([]byte(reply[:n]), false)
		if !changed {
			o = []byte(reply[:n])
		}
		b.Write(o)
		reply = reply[n:]
	}
	if end {
		o, _ := m.Chunk(nil, true)
		b.Write(o)
	}
	return b.String(), m.Result()
}

func TestChatStreamIsMetered(t *testing.T) {
	m, _ := Find("POST", "/v1/chat/completions")
	e := m.Endpoint
	head := Head{Status: 200, ContentType: "text/event-stream; charset=utf-8"}
	want := policy.Usage{Input: 12, Cached: 4, Output: 9, Reasoning: 3, Source: policy.UsageReported}
	kept := chat(t, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`)
	dropped := chat(t, `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	e.Rewrite(dropped, Change{IncludeUsage: true})
	parts := strings.SplitAfter(chatStream, "\n\n")
	without := parts[0] + parts[1] + parts[2] + parts[4]
	for size := 1; size <= len(chatStream); size++ {
		out, r := meter(kept, e, head, chatStream, size, true)
		if out != chatStream || r.Usage != want || !r.Complete || r.ResponseID != "chatcmpl-1" || r.FinishReason != "stop" || r.Model != "gpt-4o-2024-08-06" {
			t.Fatalf("chunks of %d: %+v\n%s", size, r, out)
		}
		out, r = meter(dropped, e, head, chatStream, size, true)
		if out != without || r.Usage != want || !r.Complete {
			t.Fatalf("chunks of %d: %+v\n%s", size, r, out)
		}
	}
	// The client left before the usage came.
	_, r := meter(kept, e, head, parts[0]+parts[1], 50, false)
	said := tokens.Count("", "Hello there, \"friend\"\né😀")
	if want := (policy.Usage{Input: 8, Output: said, Source: policy.UsageCounted}); r.Usage != want || r.Complete {
		t.Errorf("%+v", r)
	}
}
