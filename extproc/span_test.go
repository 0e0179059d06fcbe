package extproc_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
)

// spans are what a server told of, in the order of its requests' ends.
type spans struct {
	mu  sync.Mutex
	all []extproc.Span
}

func (s *spans) add(span *extproc.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, *span)
}

func (s *spans) of(id string) (extproc.Span, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.all {
		if span.CallID == id {
			return span, true
		}
	}
	return extproc.Span{}, false
}

// One span of each request, whatever became of it, below Envoy's own of the stream to us.
func TestSpans(t *testing.T) {
	var told spans
	collector := envoytest.StartCollector(t)
	p := rig{
		entities: []policy.Entity{
			&policy.Team{ID: "core"},
			key("sk-free", func(k *policy.Key) { k.TeamID = "core" }),
			key("sk-none", func(k *policy.Key) { k.Limits.RPM = ptr(int64(0)) }),
			key("sk-shadow", func(k *policy.Key) { k.Limits.RPM, k.Limits.Enforcement = ptr(int64(0)), policy.Shadow }),
		},
		tune:  func(c *extproc.Config) { c.Spans = told.add },
		envoy: func(c *envoy.Config) { c.Tracing = &envoy.Tracing{Collector: collector.Address} },
	}.start(t)
	cases := []struct {
		name string
		call call
		want extproc.Span
		id   string
	}{
		{"an answer", call{key: "sk-free", body: chat("gpt-4", 5, "max_tokens", 50)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Provider: "openai", Model: "gpt-4", Known: true, ResponseModel: "gpt-4-at-the-provider", Deployment: "gpt4", MaxOutput: 50,
				Finish: "stop", Team: "core", Decision: "admitted", Status: 200, Settled: true, Usage: policy.Usage{Output: 5}}, ""},
		{"a stream", call{key: "sk-free", body: chat("gpt-4", 7, "stream", true)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Provider: "openai", Model: "gpt-4", Known: true, ResponseModel: "gpt-4-at-the-provider", Deployment: "gpt4", Stream: true,
				Finish: "stop", Team: "core", Decision: "admitted", Status: 200, Settled: true, Usage: policy.Usage{Output: 7}}, ""},
		{"another API", call{key: "sk-free", path: "/v1beta/models/gemini-flash:generateContent", body: map[string]any{"contents": []any{map[string]any{"parts": []any{map[string]any{"text": `fake:{"output_tokens":3}`}}}}}},
			extproc.Span{Operation: "generate_content", Route: "/v1beta/models/{model}:generateContent", Provider: "gcp.gemini", Model: "gemini-flash", Known: true, ResponseModel: "gemini-2.5-flash", Deployment: "gemini",
				Finish: "STOP", Team: "core", Decision: "admitted", Status: 200, Settled: true, Usage: policy.Usage{Output: 3}}, ""},
		{"a failure", call{key: "sk-free", body: prompt("gpt-4", `fake:{"status":500}`)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Provider: "openai", Model: "gpt-4", Known: true, Deployment: "gpt4", Team: "core", Decision: "admitted", Status: 500, Error: "500", Failed: true, Settled: true}, ""},
		{"a refusal", call{key: "sk-none", body: chat("gpt-4", 5)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Provider: "openai", Model: "gpt-4", Known: true, Deployment: "gpt4", Decision: "refused", Status: 429, Error: "throttling_error"}, ""},
		{"a refusal that shadow kept from happening", call{key: "sk-shadow", body: chat("gpt-4", 5)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Provider: "openai", Model: "gpt-4", Known: true, ResponseModel: "gpt-4-at-the-provider", Deployment: "gpt4", Finish: "stop",
				Decision: "shadowed", Shadowed: "throttling_error", Status: 200, Settled: true, Usage: policy.Usage{Output: 5}}, ""},
		{"a stranger", call{key: "sk-hunter2", body: chat("sk-hunter2", 5)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Decision: "refused", Status: 401, Error: "token_not_found_in_db"}, ""},
		{"a key for a model", call{key: "sk-free", body: chat("sk-hunter2", 5)},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Model: "***", Team: "core", Decision: "refused", Status: 400, Error: "unknown_model"}, ""},
		{"what cannot be read", call{key: "sk-free", body: `{"model":`},
			extproc.Span{Operation: "chat", Route: "/chat/completions", Team: "core", Decision: "malformed", Status: 400, Error: "malformed"}, ""},
	}
	for i := range cases { // all first: Envoy sends its spans every five seconds
		cases[i].id = p.send(cases[i].call).Header.Get("x-litellm-call-id")
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var got extproc.Span
			eventually(t, "the span is told", func() (ok bool) { got, ok = told.of(tt.id); return ok })
			if got.Parent == "" {
				t.Fatal("no parent")
			}
			parent := collector.Await("Envoy's span of the stream", func(s envoytest.Span) bool { return got.Parent == "00-"+s.Trace()+"-"+s.ID()+"-01" })
			if !strings.Contains(parent.Name, "ext_proc") {
				t.Errorf("it is a child of %q", parent.Name)
			}
			if got.Started.IsZero() || got.Ended.Before(got.Started) || got.Decided.IsZero() || got.Settled && (got.Cost == 0) != (tt.want.Status >= 400) {
				t.Errorf("times or cost: %+v", got)
			}
			if tt.want.Status < 400 && got.ResponseID == "" || got.RequestID == "" {
				t.Errorf("ids: %+v", got)
			}
			// What differs from run to run, or was looked at.
			got.Parent, got.State, got.CallID, got.RequestID, got.ResponseID, got.Server, got.Port = "", "", "", "", "", "", 0
			got.Started, got.Decided, got.FirstByte, got.Ended = tt.want.Started, tt.want.Decided, tt.want.FirstByte, tt.want.Ended
			got.Cost, got.Usage.Input, got.Usage.Source, got.Attempts, got.Refusal = 0, 0, 0, 0, nil
			if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", tt.want); g != w {
				t.Errorf("told  %s\nwant %s", g, w)
			}
		})
	}
	// Who leaves has one too.
	ctx, cancel := context.WithCancel(t.Context())
	before, served, left := len(told.all), len(p.provider.Requests(0)), make(chan struct{})
	go func() {
		defer close(left)
		p.abandon(ctx, call{key: "sk-free", body: prompt("gpt-4", `fake:{"output_tokens":5,"first_byte_delay_ms":60000}`)})
	}()
	eventually(t, "the provider has it", func() bool { return len(p.provider.Requests(0)) > served })
	cancel()
	<-left
	p.idle()
	eventually(t, "the span of the one who left", func() bool { told.mu.Lock(); defer told.mu.Unlock(); return len(told.all) > before })
	if last := told.all[len(told.all)-1]; last.Error != "abandoned" || last.Failed || last.Status != 0 {
		t.Errorf("who left: %+v", last)
	}
}

// Without a traceparent of Envoy's own the caller's is the parent.
func TestSpanBelowTheCallers(t *testing.T) {
	var told spans
	p := start(t, policy.Settings{}, func(c *extproc.Config) { c.Spans = told.add }, key("sk-free", nil))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r := p.send(call{key: "sk-free", body: chat("gpt-4", 5), headers: map[string]string{"traceparent": parent, "tracestate": "vendor=1"}})
	var got extproc.Span
	eventually(t, "the span is told", func() (ok bool) { got, ok = told.of(r.Header.Get("x-litellm-call-id")); return ok })
	if got.Parent != parent || got.State != "vendor=1" {
		t.Errorf("parent %q, state %q", got.Parent, got.State)
	}
}
