package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/purser/purser/policy"
)

func TestMetricsSayWhatHappened(t *testing.T) {
	m := newMetrics()
	fail := errors.New("away")
	var err error
	sink := m.sink(func(context.Context, []policy.Entry) error { return err })
	_ = sink(t.Context(), make([]policy.Entry, 3))
	err = fail
	if got := sink(t.Context(), make([]policy.Entry, 2)); !errors.Is(got, fail) {
		t.Errorf("the sink's error became %v", got)
	}
	m.asks("purser_journal_waiting_entries", "x", func(context.Context) (float64, error) { return 7, nil })
	m.asks("purser_no_answer", "x", func(context.Context) (float64, error) { return 0, fail })
	api := m.api(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/key/info?key=sk-secret", nil))

	reply := httptest.NewRecorder()
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := reply.Body.String()
	for _, want := range []string{
		`purser_journal_entries_total{result="stored"} 3`, `purser_journal_entries_total{result="failed"} 2`, "purser_journal_batch_seconds_count 2",
		"purser_journal_waiting_entries 7", `purser_admin_request_seconds_count{code="418",method="get"} 1`, "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "purser_no_answer ") || strings.Contains(text, "sk-secret") {
		t.Errorf("a figure nobody gave, or a secret:\n%s", text)
	}
}
