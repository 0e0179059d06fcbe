package main

import (
	"cmp"
	"fmt"
	"net/url"
	"os"

	"github.com/purser/purser/cmd/boot/traces"
	"github.com/purser/purser/envoy"
)

// tracing is what OpenTelemetry's variables say of Envoy: its spans go where the
// services' go. nil: nothing is traced.
func tracing() (*envoy.Tracing, error) {
	cfg, err := traces.FromEnv(os.LookupEnv)
	if err != nil || !cfg.On() {
		return nil, err
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	t := &envoy.Tracing{Collector: u.Host, Headers: cfg.Headers, Percent: &cfg.Percent}
	if cfg.HTTP {
		t.HTTPPath = cmp.Or(u.EscapedPath(), "/")
	}
	if u.Scheme == "https" {
		t.TLS = &envoy.TLS{Hostname: u.Hostname(), CABundle: cfg.CABundle}
	}
	return t, nil
}
