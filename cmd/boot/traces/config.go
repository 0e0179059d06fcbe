package traces

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is what OpenTelemetry's standard variables say. The exporter reads further
// ones itself (OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE, _TIMEOUT …), as the SDK does
// OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER.
type Config struct {
	Endpoint string            // URL of the collector; "": nothing is traced
	HTTP     bool              // it takes protobuf over HTTP at Endpoint's path; else gRPC
	Headers  map[string]string // for the collector, names in lower case; the exporter reads them itself
	CABundle string            // PEM file of the collector's authority, likewise
	Percent  float64           // of the traces that begin here which are kept, as the sampler says
	Queue    int               // spans that may wait; those on top are dropped
	Batch    int               // spans sent together
	Delay    time.Duration     // before a batch that is not full is sent
	Timeout  time.Duration     // of sending one
}

// On reports whether anything is traced.
func (c Config) On() bool { return c.Endpoint != "" }

// FromEnv reads them. Unlike OpenTelemetry's own default the protocol is gRPC, which is
// what Envoy speaks to the same collector.
func FromEnv(lookup func(string) (string, bool)) (Config, error) {
	get := func(names ...string) string {
		for _, name := range names {
			if v, _ := lookup(name); strings.TrimSpace(v) != "" {
				return strings.TrimSpace(v)
			}
		}
		return ""
	}
	var c Config
	if off, _ := strconv.ParseBool(get("OTEL_SDK_DISABLED")); off {
		return c, nil
	}
	switch v := get("OTEL_TRACES_EXPORTER"); v {
	case "", "otlp":
	case "none":
		return c, nil
	default:
		return c, fmt.Errorf("OTEL_TRACES_EXPORTER=%q: it is otlp or none", v)
	}
	switch v := get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); v {
	case "", "grpc":
	case "http/protobuf":
		c.HTTP = true
	default:
		return c, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL=%q: it is grpc or http/protobuf", v)
	}
	own := get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	c.Endpoint = cmp.Or(own, get("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if c.Endpoint == "" {
		return c, nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Hostname() == "" || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return c, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: write http://host:port, or https://")
	}
	if c.HTTP && own == "" {
		c.Endpoint = u.JoinPath("v1", "traces").String()
	}
	c.CABundle = get("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")
	if c.Headers, err = headers(get("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")); err != nil {
		return c, err
	}
	c.Percent = 100
	switch v := get("OTEL_TRACES_SAMPLER"); v {
	case "", "always_on", "parentbased_always_on":
	case "always_off", "parentbased_always_off":
		c.Percent = 0
	case "traceidratio", "parentbased_traceidratio":
		if arg := get("OTEL_TRACES_SAMPLER_ARG"); arg != "" {
			f, err := strconv.ParseFloat(arg, 64)
			if err != nil || !(f >= 0 && f <= 1) {
				return c, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG=%q: it is between 0 and 1", arg)
			}
			c.Percent = 100 * f
		}
	default:
		return c, fmt.Errorf("OTEL_TRACES_SAMPLER=%q: it is always_on, always_off or traceidratio, with or without parentbased_", v)
	}
	number := func(name string, of int) (int, error) {
		v := get(name)
		if v == "" {
			return of, nil
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1_000_000 {
			return 0, fmt.Errorf("%s=%q: it is between 1 and 1000000", name, v)
		}
		return n, nil
	}
	var delay, timeout int
	for _, of := range []struct {
		to   *int
		name string
		of   int
	}{{&c.Queue, "OTEL_BSP_MAX_QUEUE_SIZE", 2048}, {&c.Batch, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512}, {&delay, "OTEL_BSP_SCHEDULE_DELAY", 5000}, {&timeout, "OTEL_BSP_EXPORT_TIMEOUT", 30000}} {
		if *of.to, err = number(of.name, of.of); err != nil {
			return c, err
		}
	}
	c.Batch = min(c.Batch, c.Queue)
	c.Delay, c.Timeout = time.Duration(delay)*time.Millisecond, time.Duration(timeout)*time.Millisecond
	return c, nil
}

// headers reads "name=value,name=value", values escaped as in a URL. Errors do not quote
// it: it holds secrets.
func headers(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" || err != nil {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: write name=value,name=value, values escaped as in a URL")
		}
		out[name] = value
	}
	return out, nil
}
