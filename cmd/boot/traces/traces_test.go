package traces

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"github.com/purser/purser/envoy/envoytest"
)

func TestFromEnv(t *testing.T) {
	const at = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317"
	for _, tt := range []struct {
		name, env string
		want      string // of the fields that count
	}{
		{"nothing", "", "off"},
		{"an endpoint", at, "http://collector:4317 http=false 100% 2048 512 5s 30s"},
		{"its own endpoint goes before", at + " OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://t:1", "https://t:1 http=false 100% 2048 512 5s 30s"},
		{"HTTP adds the path", at + " OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "http://collector:4317/v1/traces http=true 100% 2048 512 5s 30s"},
		{"HTTP at its own endpoint does not", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t:1/x OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "http://t:1/x http=true 100% 2048 512 5s 30s"},
		{"disabled", at + " OTEL_SDK_DISABLED=true", "off"},
		{"no exporter", at + " OTEL_TRACES_EXPORTER=none", "off"},
		{"a share", at + " OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.25", "http://collector:4317 http=false 25% 2048 512 5s 30s"},
		{"none that begin here", at + " OTEL_TRACES_SAMPLER=parentbased_always_off", "http://collector:4317 http=false 0% 2048 512 5s 30s"},
		{"a small queue", at + " OTEL_BSP_MAX_QUEUE_SIZE=10 OTEL_BSP_SCHEDULE_DELAY=50 OTEL_BSP_EXPORT_TIMEOUT=1000", "http://collector:4317 http=false 100% 10 10 50ms 1s"},
		{"another exporter", at + " OTEL_TRACES_EXPORTER=zipkin", "OTEL_TRACES_EXPORTER"},
		{"another protocol", at + " OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{"no port", "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"no URL", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"another sampler", at + " OTEL_TRACES_SAMPLER=jaeger_remote", "OTEL_TRACES_SAMPLER"},
		{"a share that is none", at + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2", "OTEL_TRACES_SAMPLER_ARG"},
		{"no queue", at + " OTEL_BSP_MAX_QUEUE_SIZE=0", "OTEL_BSP_MAX_QUEUE_SIZE"},
		{"headers that are none", at + " OTEL_EXPORTER_OTLP_HEADERS=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{}
			for _, f := range strings.Fields(tt.env) {
				name, value, _ := strings.Cut(f, "=")
				env[name] = value
			}
			c, err := FromEnv(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
			got := fmt.Sprintf("%s http=%v %g%% %d %d %v %v", c.Endpoint, c.HTTP, c.Percent, c.Queue, c.Batch, c.Delay, c.Timeout)
			if err != nil {
				got, _, _ = strings.Cut(err.Error(), ":")
				got, _, _ = strings.Cut(got, "=")
				if strings.Contains(err.Error(), "hunter2") {
					t.Error("the error tells a secret")
				}
			} else if !c.On() {
				got = "off"
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestHeadersAreUnescaped(t *testing.T) {
	h, err := headers("Authorization=Bearer%20x, x-tenant = a")
	if err != nil || h["authorization"] != "Bearer x" || h["x-tenant"] != "a" {
		t.Errorf("%v %v", h, err)
	}
}

// opened is a tracer that sends to a collector at once.
func opened(t *testing.T, env ...string) (*Traces, *prometheus.Registry) {
	t.Helper()
	for _, v := range append([]string{"OTEL_BSP_SCHEDULE_DELAY=10"}, env...) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	r := prometheus.NewRegistry()
	traces, err := Open(t.Context(), "purser-test", "v1", "one", r, slog.New(slog.DiscardHandler))
	if err != nil || traces == nil {
		t.Fatal(traces, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = traces.Close(ctx)
	})
	return traces, r
}

func spans(t *testing.T, r *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "purser_trace_spans_total" && m.Label[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no count of %s", result)
	return 0
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
)

func TestEmit(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			c := envoytest.StartCollector(t)
			address := map[string]string{"grpc": c.Address, "http/protobuf": c.HTTPAddress}[protocol]
			traces, r := opened(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+address, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
			began := time.Unix(1_700_000_000, 0)
			for _, flags := range []string{"00", "01"} {
				traces.Emit(Done{Traceparent: "00-" + traceID + "-" + parentID + "-" + flags, Tracestate: "vendor=1", Name: "chat " + flags, Began: began, Ended: began.Add(time.Second),
					Attributes: []attribute.KeyValue{attribute.Int("n", 7)}, Events: []Event{{"reply", began.Add(time.Millisecond)}, {"never", time.Time{}}}, Failed: true})
			}
			s := c.Await("the span", func(s envoytest.Span) bool { return s.Name == "chat 01" })
			if s.Trace() != traceID || s.Parent() != parentID || s.TraceState != "vendor=1" || s.Service != "purser-test" || s.Attribute("n") != "7" ||
				s.StartTimeUnixNano != uint64(began.UnixNano()) || s.EndTimeUnixNano-s.StartTimeUnixNano != uint64(time.Second) || len(s.Events) != 1 || s.Status.GetCode() != 2 {
				t.Errorf("got %v of %s", s.Span, s.Service)
			}
			eventually(t, "it is counted", func() bool { return spans(t, r, "exported") == 1 })
			if n := len(c.Spans("")); n != 1 {
				t.Errorf("%d spans: the one whose trace is not kept came, too", n)
			}
			if !bytes.Contains(c.Bytes(), []byte("deployment.environment.name")) {
				t.Error("OTEL_RESOURCE_ATTRIBUTES are not told")
			}
		})
	}
}

// A collector that takes nothing costs spans, not time.
func TestACollectorThatHangs(t *testing.T) {
	c := envoytest.StartCollector(t)
	release := c.Hold()
	traces, r := opened(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+c.Address, "OTEL_BSP_MAX_QUEUE_SIZE=8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 100 {
			traces.Emit(Done{Name: "one", Began: time.Now(), Ended: time.Now()})
		}
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("who told of a span waits for the collector")
	}
	dropped := spans(t, r, "dropped")
	if dropped < 80 || dropped > 92 { // a queue, and a batch or two on their way, are left
		t.Errorf("%v of 100 dropped", dropped)
	}
	release()
	eventually(t, "the others arrive", func() bool { return spans(t, r, "exported") == 100-dropped })
	traces.Emit(Done{Name: "another", Began: time.Now(), Ended: time.Now()})
	c.Await("one after it", func(s envoytest.Span) bool { return s.Name == "another" })
}

// What waits is sent at the end.
func TestClose(t *testing.T) {
	c := envoytest.StartCollector(t)
	traces, _ := opened(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+c.Address, "OTEL_BSP_SCHEDULE_DELAY=60000")
	traces.Emit(Done{Name: "last", Began: time.Now(), Ended: time.Now()})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := traces.Close(ctx); err != nil || len(c.Spans("")) != 1 {
		t.Errorf("%v, %d spans", err, len(c.Spans("")))
	}
}

func TestHandler(t *testing.T) {
	c := envoytest.StartCollector(t)
	traces, _ := opened(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+c.Address)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /key/{key}/regenerate", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	h := traces.Handler(mux)
	req := httptest.NewRequest("POST", "/key/sk-hunter2/regenerate?key=sk-hunter2", nil)
	req.Header.Set("traceparent", "00-"+traceID+"-"+parentID+"-01")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("HUNTER2", "/hunter2", nil))
	s := c.Await("the span", func(s envoytest.Span) bool { return s.Name == "POST /key/{key}/regenerate" })
	if w.Code != 503 || s.Trace() != traceID || s.Parent() != parentID || s.Attribute("http.response.status_code") != "503" || s.Attribute("error.type") != "503" || s.Attribute("http.request.method") != "POST" {
		t.Errorf("status %d, %v", w.Code, s.Span)
	}
	c.Await("that of a path nobody has", func(s envoytest.Span) bool { return s.Attribute("http.request.method") == "_OTHER" })
	if b := bytes.ToLower(c.Bytes()); bytes.Contains(b, []byte("hunter2")) {
		t.Error("a path or a query is told")
	}
}

func TestNothingIsTracedByDefault(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	traces, err := Open(t.Context(), "purser-test", "v1", "one", nil, slog.New(slog.DiscardHandler))
	if traces != nil || err != nil {
		t.Fatal(traces, err)
	}
	h := http.NewServeMux()
	if traces.Handler(h) != http.Handler(h) || traces.Close(t.Context()) != nil {
		t.Error("it is in the way all the same")
	}
}
