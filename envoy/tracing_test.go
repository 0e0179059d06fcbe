package envoy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

// A trace that Envoy begins or goes on with: a span of the request, and its children for
// the stream to the ext_proc server, the provider and adminsvc.
func TestTracing(t *testing.T) {
	for _, tt := range []struct {
		name string
		to   func(*envoytest.Collector) *envoy.Tracing
	}{
		{"gRPC", func(c *envoytest.Collector) *envoy.Tracing { return &envoy.Tracing{Collector: c.Address} }},
		{"HTTP", func(c *envoytest.Collector) *envoy.Tracing {
			return &envoy.Tracing{Collector: c.HTTPAddress, HTTPPath: "/v1/traces", Headers: map[string]string{"x-tenant": "a"}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := envoytest.StartCollector(t)
			l := startLab(t, func(cfg *envoy.Config) { cfg.Tracing = tt.to(c) })
			const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
			const unsampled = "1af7651916cd43dd8448eb211c80319c"
			call(t, "POST", l.URL+"/v1/chat/completions?key=sk-hunter2", `{}`, "authorization", "Bearer sk-hunter2", "traceparent", "00-"+unsampled+"-"+parent+"-00")
			call(t, "GET", l.URL+"/key/sk-hunter2/info", "", "authorization", "Bearer sk-hunter2")
			call(t, "POST", l.URL+"/v1/chat/completions?key=sk-hunter2", `{}`, "authorization", "Bearer sk-hunter2", "x-api-key", "hunter2",
				"traceparent", "00-"+trace+"-"+parent+"-01", "tracestate", "vendor=1")
			ext := c.Await("the stream to the ext_proc server", func(s envoytest.Span) bool { return strings.Contains(s.Name, "ext_proc") && s.Trace() == trace })
			request := c.Await("the request", func(s envoytest.Span) bool { return s.Trace() == trace && s.ID() == ext.Parent() })
			if request.Parent() != parent || request.Service != "purser-envoy" || request.Attribute("url.path") != "/v1/chat/completions?***" {
				t.Errorf("the request's span: parent %s, %v", request.Parent(), request)
			}
			provider := c.Await("the attempt at the provider", func(s envoytest.Span) bool {
				return s.Trace() == trace && s.Attribute("upstream_cluster") == "a" && s.ID() != request.ID()
			})
			if provider.Parent() != request.ID() {
				t.Errorf("the provider's span is a child of %s, not of %s", provider.Parent(), request.ID())
			}
			admin := c.Await("a call of adminsvc, which began its trace", func(s envoytest.Span) bool { return strings.HasSuffix(s.Name, " admin") })
			if admin.Parent() != "" || admin.Trace() == trace {
				t.Errorf("the other call's span: %v", admin)
			}
			if len(c.Spans(unsampled)) != 0 {
				t.Error("a span of a trace that its beginner does not keep")
			}
			if bytes.Contains(c.Bytes(), []byte("hunter2")) {
				t.Error("a key is in what the collector got")
			}
		})
	}
}

// What the ext_proc server joins is the stream's own span, in its initial metadata.
func TestTheExtProcStreamCarriesItsSpan(t *testing.T) {
	c := envoytest.StartCollector(t)
	l := startLab(t, func(cfg *envoy.Config) { cfg.Tracing = &envoy.Tracing{Collector: c.Address} })
	call(t, "POST", l.URL+"/v1/chat/completions", `{}`)
	span := c.Await("the stream to the ext_proc server", func(s envoytest.Span) bool { return strings.Contains(s.Name, "ext_proc") })
	l.proc.mu.Lock()
	defer l.proc.mu.Unlock()
	if want := "00-" + span.Trace() + "-" + span.ID() + "-01"; l.proc.traceparent != want {
		t.Errorf("traceparent %q, want %q", l.proc.traceparent, want)
	}
}

func TestTracingThatCannotBe(t *testing.T) {
	over := 101.0
	for name, tr := range map[string]envoy.Tracing{
		"no port":        {Collector: "collector"},
		"a nameless TLS": {Collector: "c:1", TLS: &envoy.TLS{}},
		"a share":        {Collector: "c:1", Percent: &over},
		"a path":         {Collector: "c:1", HTTPPath: "v1"},
		"a header":       {Collector: "c:1", Headers: map[string]string{"A b": "c"}},
	} {
		cfg := envoy.Config{ExtProc: []string{"a:1"}, AdminSvc: []string{"b:1"}, Tracing: &tr}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "Tracing.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
