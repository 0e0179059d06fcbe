package envoy

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	bufferv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/buffer/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
)

// ListenerName is the name of the one listener. It must stay as it is while Envoy runs: a changed listener cuts every
// stream that outlives Envoy's drain time.
const ListenerName = "purser"

// Listener is the one listener: both planes, HTTP/1.1 and HTTP/2.
func Listener(cfg Config) (*listenerv3.Listener, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	var b builder
	l := &listenerv3.Listener{
		Name:                          ListenerName,
		Address:                       tcpAddress(cfg.ListenAddress, uint32(cfg.ListenPort)),
		PerConnectionBufferLimitBytes: u32(1 << 20),
		TcpKeepalive:                  keepalive(), // a client whose host has vanished ends here, not after StreamIdleTimeout
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(b.connectionManager(cfg))},
		}}}},
	}
	if cfg.ListenTLS != nil {
		l.FilterChains[0].TransportSocket = b.downstreamTLS(*cfg.ListenTLS)
	}
	return l, b.err
}

func (b *builder) connectionManager(cfg Config) *hcmv3.HttpConnectionManager {
	hcm := b.manager(cfg)
	if cfg.Tracing != nil {
		hcm.Tracing = b.tracing(cfg.Tracing)
	}
	if cfg.ForwardClientCert {
		// To what the hops in front say, Envoy adds who they are. Without a client certificate it removes all of it.
		hcm.ForwardClientCertDetails = hcmv3.HttpConnectionManager_APPEND_FORWARD
		hcm.SetCurrentClientCertDetails = &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{Uri: true}
	}
	return hcm
}

func (b *builder) manager(cfg Config) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		StatPrefix:     "purser",
		CodecType:      hcmv3.HttpConnectionManager_AUTO,
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: b.routes(cfg)},
		HttpFilters:    b.httpFilters(cfg),
		AccessLog:      b.accessLog(cfg),

		// Of the two headers that steer routing one is ours, and the other is removed before a route is chosen. (The other
		// x-purser-* headers of a client do reach the ext_proc server, which removes them.)
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{
			b.extension("envoy.http.early_header_mutation.header_mutation", &earlyv3.HeaderMutation{
				Mutations: []*mutationv3.HeaderMutation{remove(RoutingHeader)},
			}),
		},

		// Paths: "/a//b", "/a/./b", "/a/x/../b" are one and the same path to every part that looks at it. An escaped slash
		// stays escaped: it belongs to a model's name or an id (/models/org%2Fmodel), and separates nothing, neither here nor
		// in adminsvc. Rejecting or unescaping it would break those names.
		NormalizePath:                yes(),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_KEEP_UNCHANGED,

		// The caller's address is the connection's, but for the proxies we are told to trust. Nobody is "internal": Envoy
		// would obey x-envoy-* request headers (retry on 5xx, timeouts) from private addresses, that is from most callers.
		// (No range would mean Envoy's default, every private one; so it is one that no client can have.)
		UseRemoteAddress:  yes(),
		XffNumTrustedHops: cfg.XFFTrustedHops,
		InternalAddressConfig: &hcmv3.HttpConnectionManager_InternalAddressConfig{
			CidrRanges: []*corev3.CidrRange{{AddressPrefix: "255.255.255.255", PrefixLen: u32(32)}},
		},

		StreamIdleTimeout:     seconds(cfg.StreamIdleTimeout),
		RequestTimeout:        seconds(cfg.RequestTimeout),
		RequestHeadersTimeout: seconds(30 * time.Second),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:                  seconds(10 * time.Minute), // connections without a request
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_ALLOW,
		},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			// Envoy's own windows of 16 and 24 MiB and more times every stream are a lot of memory for anybody to ask for.
			MaxConcurrentStreams:        u32(1000),
			InitialStreamWindowSize:     u32(256 << 10),
			InitialConnectionWindowSize: u32(1 << 20),
		},
		// Allowed per route, where ext_proc looks after it.
		UpgradeConfigs: []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket", Enabled: no()}},

		// One name on both planes; which software a provider runs is not told.
		ServerHeaderTransformation: hcmv3.HttpConnectionManager_OVERWRITE,
		ServerName:                 "purser",

		LocalReplyConfig: b.localReplies(cfg),
	}
}

func (b *builder) httpFilters(cfg Config) []*hcmv3.HttpFilter {
	buffer := b.httpFilter(bufferName, &bufferv3.Buffer{MaxRequestBytes: u32(uint32(cfg.BodyLimit))})
	buffer.Disabled = true // only on the management plane; on the other ext_proc buffers
	filters := []*hcmv3.HttpFilter{
		b.httpFilter(headerToMetadataName, noteRequest("")),
		b.httpFilter(headerMutationName, &headerv3.HeaderMutation{}), // does nothing but what the route says
	}
	if len(cfg.JWT) > 0 {
		filters = append(filters, b.jwtFilter(cfg))
	}
	return append(filters,
		buffer,
		b.httpFilter(ExtProcFilterName, ExternalProcessor(FilterConfig{
			MessageTimeout: cfg.MessageTimeout,
			FailOpen:       cfg.FailOpen,
			ForwardHeaders: cfg.ForwardHeaders,
			Identity:       len(cfg.JWT) > 0 || cfg.ListenTLS != nil && cfg.ListenTLS.ClientCA != "",
		})),
		// No x-envoy-* headers to providers or clients: they tell hosts, timings and attempts.
		b.httpFilter("envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true}),
	)
}
