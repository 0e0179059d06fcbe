package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/purser/purser/policy"
)

// scrapeDeadline bounds what a scrape asks of Redis and PostgreSQL.
const scrapeDeadline = 2 * time.Second

// metrics is what this service tells Prometheus, at a port of its own: the one that
// Envoy forwards to is for everybody.
type metrics struct {
	registry *prometheus.Registry
	entries  *prometheus.CounterVec // by result: stored, failed
	batches  prometheus.Histogram
	requests *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "purser_journal_entries_total", Help: "Entries of the journal handed to PostgreSQL. Those that failed are tried again.",
		}, []string{"result"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "purser_journal_batch_seconds", Help: "How long one batch of the journal took PostgreSQL.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "purser_admin_request_seconds", Help: "Requests to the REST API and the web UI.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"method", "code"}),
	}
	m.registry.MustRegister(m.entries, m.batches, m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// sink counts what goes into it.
func (m *metrics) sink(next func(context.Context, []policy.Entry) error) func(context.Context, []policy.Entry) error {
	return func(ctx context.Context, entries []policy.Entry) error {
		began := time.Now()
		err := next(ctx, entries)
		m.batches.Observe(time.Since(began).Seconds())
		result := "stored"
		if err != nil {
			result = "failed"
		}
		m.entries.WithLabelValues(result).Add(float64(len(entries)))
		return err
	}
}

// asks registers a figure that is asked for at each scrape, and absent where there is no answer.
func (m *metrics) asks(name, help string, ask func(context.Context) (float64, error)) {
	m.registry.MustRegister(&asked{prometheus.NewDesc(name, help, nil, nil), ask})
}

type asked struct {
	desc *prometheus.Desc
	ask  func(context.Context) (float64, error)
}

func (a *asked) Describe(ch chan<- *prometheus.Desc) { ch <- a.desc }

func (a *asked) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeDeadline)
	defer cancel()
	if v, err := a.ask(ctx); err == nil {
		ch <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, v)
	}
}

// api measures what next answers.
func (m *metrics) api(next http.Handler) http.Handler {
	return promhttp.InstrumentHandlerDuration(m.requests, next)
}

// serve answers GET /metrics at addr until stop is called. No address: nowhere.
func (m *metrics) serve(addr string, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("METRICS_ADDR: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	log.Info("metrics", "http", l.Addr().String())
	return func() { _ = server.Close(); <-done }, nil
}
