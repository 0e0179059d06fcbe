package envoy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tracev3 "github.com/envoyproxy/go-control-plane/envoy/config/trace/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/type/metadata/v3"
	tagv3 "github.com/envoyproxy/go-control-plane/envoy/type/tracing/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
)

// exportTimeout bounds one report.
const exportTimeout = 5 * time.Second

// TracingCluster is the cluster of the OTLP collector.
const TracingCluster = "purser-otlp"

// Tracing says where Envoy sends its spans. Every request of a sampled trace is one span, and each attempt at a provider,
// each stream to the ext_proc servers and each forward to adminsvc a child of it; the services' own spans are children of those.
type Tracing struct {
	Collector   string            // host:port of an OTLP collector; required
	HTTPPath    string            // where it takes protobuf over HTTP: "/v1/traces"; "": it speaks gRPC
	Headers     map[string]string // for the collector: what it knows us by
	TLS         *TLS              // nil is plain text
	ServiceName string            // of Envoy's spans. Default "purser-envoy"
	Percent     *float64          // of requests that begin a trace; who comes with one (traceparent) has decided. Default 100
}

func (t *Tracing) validate() error {
	if _, err := parseHostPort(t.Collector); err != nil {
		return fmt.Errorf("Collector: %w", err)
	}
	if t.TLS != nil && t.TLS.Hostname == "" {
		return errors.New("TLS.Hostname: missing; without it any certificate would be accepted")
	}
	if t.HTTPPath != "" && (t.HTTPPath[0] != '/' || strings.ContainsFunc(t.HTTPPath, isControl)) {
		return fmt.Errorf("HTTPPath %q: no path", t.HTTPPath)
	}
	for name, value := range t.Headers {
		if !validHeaderName(name) || strings.ContainsFunc(value, isControl) {
			return fmt.Errorf("Headers: %q is no header in lower case, or its value has control characters", name)
		}
	}
	if t.Percent != nil && !(*t.Percent >= 0 && *t.Percent <= 100) {
		return fmt.Errorf("Percent %v: not between 0 and 100", *t.Percent)
	}
	return nil
}

// tracing is what the connection manager says of it.
func (b *builder) tracing(t *Tracing) *hcmv3.HttpConnectionManager_Tracing {
	percent := 100.0
	if t.Percent != nil {
		percent = *t.Percent
	}
	noted := func(namespace, key string) *metadatav3.MetadataKey {
		return &metadatav3.MetadataKey{Key: namespace, Path: []*metadatav3.MetadataKey_PathSegment{{
			Segment: &metadatav3.MetadataKey_PathSegment_Key{Key: key},
		}}}
	}
	tag := func(name, namespace, key string) *tagv3.CustomTag {
		return &tagv3.CustomTag{Tag: name, Type: &tagv3.CustomTag_Metadata_{Metadata: &tagv3.CustomTag_Metadata{
			Kind:        &metadatav3.MetadataKind{Kind: &metadatav3.MetadataKind_Request_{Request: &metadatav3.MetadataKind_Request{}}},
			MetadataKey: noted(namespace, key),
		}}}
	}
	to := &tracev3.OpenTelemetryConfig{ServiceName: cmp.Or(t.ServiceName, "purser-envoy")}
	var known []*corev3.HeaderValue
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		known = append(known, &corev3.HeaderValue{Key: name, Value: t.Headers[name]})
	}
	if t.HTTPPath != "" {
		to.HttpService = &corev3.HttpService{HttpUri: &corev3.HttpUri{
			Uri: "http://" + t.Collector + t.HTTPPath, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: TracingCluster}, Timeout: seconds(exportTimeout),
		}}
		for _, h := range known {
			to.HttpService.RequestHeadersToAdd = append(to.HttpService.RequestHeadersToAdd, &corev3.HeaderValueOption{Header: h})
		}
	} else {
		to.GrpcService = &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: TracingCluster}},
			Timeout:         seconds(exportTimeout),
			InitialMetadata: known,
		}
	}
	return &hcmv3.HttpConnectionManager_Tracing{
		Provider: &tracev3.Tracing_Http{
			Name:       "envoy.tracers.opentelemetry",
			ConfigType: &tracev3.Tracing_Http_TypedConfig{TypedConfig: b.any(to)},
		},
		RandomSampling:    &typev3.Percent{Value: percent},
		SpawnUpstreamSpan: yes(),
		Operation:         "%REQ(:METHOD)% %ROUTE_NAME%",
		// The path as it came may hold keys, in a segment or in its query: the one without its secrets stands beside it.
		MaxPathTagLength: u32(0),
		CustomTags: []*tagv3.CustomTag{
			tag("url.path", requestNamespace, pathKey),
		},
	}
}

func (b *builder) tracingCluster(t *Tracing) *clusterv3.Cluster {
	speaks := HTTP2
	if t.HTTPPath != "" {
		speaks = HTTP1
	}
	c := b.cluster(TracingCluster, addresses([]string{t.Collector}), &httpv3.HttpProtocolOptions{}, speaks)
	c.ConnectTimeout = seconds(time.Second)
	if t.TLS != nil {
		c.TransportSocket = b.upstreamTLS(*t.TLS)
	}
	return c
}
