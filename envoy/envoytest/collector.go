package envoytest

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Collector is an OTLP collector of traces: gRPC, as OTEL_EXPORTER_OTLP_ENDPOINT names one. It stops with its test.
type Collector struct {
	collectorpb.UnimplementedTraceServiceServer
	Address     string // "127.0.0.1:port", gRPC
	HTTPAddress string // the same over HTTP, at /v1/traces

	t     testing.TB
	held  atomic.Pointer[chan struct{}]
	mu    sync.Mutex
	spans []Span
	bytes []byte // all that came
}

// Span is one that came, with the service that sent it.
type Span struct {
	*tracepb.Span
	Service string
}

// StartCollector runs a Collector.
func StartCollector(t testing.TB) *Collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{Address: l.Addr().String(), t: t}
	g := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(g, c)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	c.HTTPAddress = strings.TrimPrefix(web.URL, "http://")
	return c
}

// ServeHTTP takes the same over HTTP.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collectorpb.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &req) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	_, _ = c.Export(r.Context(), &req)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Export takes what a tracer reports.
func (c *Collector) Export(ctx context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	if held := c.held.Load(); held != nil {
		select {
		case <-*held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	raw, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = append(c.bytes, raw...)
	for _, r := range req.ResourceSpans {
		service := ""
		for _, a := range r.GetResource().GetAttributes() {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				c.spans = append(c.spans, Span{span, service})
			}
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// Hold has it answer nobody until release.
func (c *Collector) Hold() (release func()) {
	held := make(chan struct{})
	c.held.Store(&held)
	return func() { c.held.Store(nil); close(held) }
}

// Bytes are all that came, as it came.
func (c *Collector) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.bytes...)
}

// Spans are those of a trace; of any where it is "".
func (c *Collector) Spans(trace string) (out []Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if trace == "" || s.Trace() == trace {
			out = append(out, s)
		}
	}
	return out
}

// Await waits for a span that is like that.
func (c *Collector) Await(what string, like func(Span) bool) Span {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		all := c.Spans("")
		for _, s := range all {
			if like(s) {
				return s
			}
		}
		if time.Now().After(deadline) {
			for _, s := range all {
				c.t.Logf("%s: %v", s.Service, s.Span)
			}
			c.t.Fatalf("no span came: %s", what)
		}
	}
}

// Trace, ID and Parent are in hexadecimal, as traceparent has them.
func (s Span) Trace() string  { return hex.EncodeToString(s.TraceId) }
func (s Span) ID() string     { return hex.EncodeToString(s.SpanId) }
func (s Span) Parent() string { return hex.EncodeToString(s.ParentSpanId) }

// Attribute is one of the span's, as text; "" where it has none of the name.
func (s Span) Attribute(name string) string {
	for _, a := range s.Attributes {
		if a.Key != name {
			continue
		}
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_IntValue:
			return strconv.FormatInt(v.IntValue, 10)
		case *commonpb.AnyValue_BoolValue:
			return strconv.FormatBool(v.BoolValue)
		default:
			return a.Value.GetStringValue()
		}
	}
	return ""
}
