package traces

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// queue is the SDK's batching processor with a count of what becomes of spans: it never
// blocks who ends one.
type queue struct {
	exporter sdk.SpanExporter
	cfg      Config
	log      *slog.Logger
	spans    chan sdk.ReadOnlySpan
	counts   *prometheus.CounterVec // by result: exported, failed, dropped
	stop     chan struct{}
	once     sync.Once
	done     chan struct{}
	failing  bool // of the goroutine: it was said
}

func newQueue(exporter sdk.SpanExporter, cfg Config, r prometheus.Registerer, log *slog.Logger) *queue {
	q := &queue{
		exporter: exporter, cfg: cfg, log: log, spans: make(chan sdk.ReadOnlySpan, cfg.Queue), stop: make(chan struct{}), done: make(chan struct{}),
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "purser_trace_spans_total", Help: "Spans by what became of them: exported, failed (the collector did not take them) or dropped (too many waited).",
		}, []string{"result"}),
	}
	for _, result := range []string{"exported", "failed", "dropped"} {
		q.counts.WithLabelValues(result)
	}
	if r != nil {
		r.MustRegister(q.counts)
	}
	go q.run()
	return q
}

// OnStart implements sdk.SpanProcessor.
func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	select {
	case q.spans <- s:
	default:
		q.counts.WithLabelValues("dropped").Inc()
	}
}

// ForceFlush implements sdk.SpanProcessor; nobody asks for it.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown sends what waits, until ctx ends.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() { close(q.stop) })
	select {
	case <-q.done:
		return q.exporter.Shutdown(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) run() {
	defer close(q.done)
	batch := make([]sdk.ReadOnlySpan, 0, q.cfg.Batch)
	timer := time.NewTimer(q.cfg.Delay)
	defer timer.Stop()
	for {
		full := false
		select {
		case s := <-q.spans:
			batch = append(batch, s)
			full = len(batch) == q.cfg.Batch
		case <-timer.C:
			full = true
			timer.Reset(q.cfg.Delay)
		case <-q.stop:
			for {
				select {
				case s := <-q.spans:
					if batch = append(batch, s); len(batch) == q.cfg.Batch {
						q.send(batch)
						batch = batch[:0]
					}
					continue
				default:
				}
				q.send(batch)
				return
			}
		}
		if full {
			q.send(batch)
			batch = batch[:0]
		}
	}
}

func (q *queue) send(batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), q.cfg.Timeout)
	defer cancel()
	err := q.exporter.ExportSpans(ctx, batch)
	if err != nil {
		q.counts.WithLabelValues("failed").Add(float64(len(batch)))
		if !q.failing {
			q.log.Warn("the collector does not take spans", "endpoint", q.cfg.Endpoint, "err", err)
		}
	} else {
		q.counts.WithLabelValues("exported").Add(float64(len(batch)))
		if q.failing {
			q.log.Info("the collector takes spans again")
		}
	}
	q.failing = err != nil
	clear(batch)
}
