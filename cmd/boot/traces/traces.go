package traces

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope names who made the spans.
const scope = "github.com/purser/purser"

// Traces is a service's tracer. nil is one that traces nothing.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open starts a tracer by the environment; nil where that asks for none. service is the
// name of its spans unless OTEL_SERVICE_NAME says another.
func Open(ctx context.Context, service, version, instance string, r prometheus.Registerer, log *slog.Logger) (*Traces, error) {
	cfg, err := FromEnv(os.LookupEnv)
	if err != nil || !cfg.On() {
		return nil, err
	}
	var exporter sdk.SpanExporter
	if cfg.HTTP {
		exporter, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint))
	} else {
		exporter, err = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(cfg.Endpoint)) // connects later
	}
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", service), attribute.String("service.version", version), attribute.String("service.instance.id", instance),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// The sampler is the SDK's by OTEL_TRACES_SAMPLER: the parent's, and all without one.
	t := &Traces{provider: sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(newQueue(exporter, cfg, r, log)))}
	t.tracer = t.provider.Tracer(scope, trace.WithInstrumentationVersion(version))
	log.Info("tracing", "endpoint", cfg.Endpoint)
	return t, nil
}

// Close sends what waits, until ctx ends.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// parent is a context with the remote span that traceparent names; without a valid one it begins a trace.
func parent(traceparent, tracestate string) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent, "tracestate": tracestate})
}

// Handler traces what next answers: a span of each request, named by the pattern it
// matched. Paths and queries, which may hold keys, are not told.
func (t *Traces) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, method(r.Method), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(ctx)
		next.ServeHTTP(status, r)
		if !span.IsRecording() {
			return
		}
		if pattern := route(r); pattern != "" {
			span.SetName(method(r.Method) + " " + pattern)
			span.SetAttributes(attribute.String("http.route", pattern))
		}
		span.SetAttributes(attribute.String("http.request.method", method(r.Method)), attribute.Int("http.response.status_code", status.status))
		if status.status >= 500 {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(attribute.String("error.type", fmt.Sprint(status.status)))
		}
	})
}

// Done is a span of something that is over.
type Done struct {
	Traceparent, Tracestate string // of its parent; "" begins a trace
	Name                    string
	Began, Ended            time.Time
	Attributes              []attribute.KeyValue
	Events                  []Event
	Failed                  bool
}

// Event is a moment within a span.
type Event struct {
	Name string
	At   time.Time // the zero time is none
}

// Emit hands a span over. It does not block.
func (t *Traces) Emit(d Done) {
	_, span := t.tracer.Start(parent(d.Traceparent, d.Tracestate), d.Name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(d.Began))
	if span.IsRecording() {
		span.SetAttributes(d.Attributes...)
		for _, e := range d.Events {
			if !e.At.IsZero() {
				span.AddEvent(e.Name, trace.WithTimestamp(e.At))
			}
		}
		if d.Failed {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End(trace.WithTimestamp(d.Ended))
}

// method is a request's method, of those there are.
func method(name string) string {
	switch name {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return name
	}
	return "_OTHER"
}

// route is the pattern that a request matched, without its method.
func route(r *http.Request) string {
	if _, pattern, ok := strings.Cut(r.Pattern, " "); ok {
		return pattern
	}
	return r.Pattern
}

// statusWriter notes the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
