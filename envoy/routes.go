package envoy

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	bufferv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/buffer/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	headerMutationName = "envoy.filters.http.header_mutation"
	bufferName         = "envoy.filters.http.buffer"
	// retryOn is what a provider cannot have seen: no connection, a stream it refused, a connection that closed before the
	// request was written. Anything else may have been begun, and is billed.
	retryOn = "connect-failure,refused-stream,reset-before-request"
	// adminTimeout bounds a management call: a report over a year of spend is slow, but not slower.
	adminTimeout = 5 * time.Minute
)

// notForProviders are headers of the caller that are no provider's business: who it is, where it sits, the session of the
// web UI on the same origin, and two headers that are only ever keys of ours.
var notForProviders = []string{
	RoutingHeader,
	"cookie",
	"proxy-authorization",
	"x-litellm-api-key",
	"forwarded",
	"x-real-ip",
	"x-forwarded-for",
	"x-forwarded-proto",
	"x-forwarded-host",
	"x-forwarded-client-cert",
	"x-envoy-external-address",
}

// routes is the whole route table. It never changes: a new model is a cluster and a secret.
func (b *builder) routes(cfg Config) *routev3.RouteConfiguration {
	routed := b.inferenceRoute("routed", &routev3.RouteMatch{
		PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
		Headers: []*routev3.HeaderMatcher{{
			Name:                 RoutingHeader,
			HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true},
		}},
	})
	// Without a route of its own Envoy takes CONNECT, which has no path, for "/", and holds it until RequestTimeout. With one
	// it is an upgrade that is not allowed: 403 at once.
	connect := &routev3.Route{
		Name:   "connect",
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}}},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 403}},
		TypedPerFilterConfig: map[string]*anypb.Any{
			ExtProcFilterName: b.any(&extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true}}),
		},
	}
	routes := []*routev3.Route{connect, routed}
	for _, path := range LLMPaths {
		llm := b.inferenceRoute("llm", &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: path.Expression}},
		})
		llm.TypedPerFilterConfig = map[string]*anypb.Any{headerToMetadataName: b.any(noteRequest(path.API))}
		if cfg.FailOpen {
			llm.GetRoute().ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: cfg.FailOpenDeployment}
		}
		routes = append(routes, llm)
	}
	return &routev3.RouteConfiguration{
		Name: "purser",
		VirtualHosts: []*routev3.VirtualHost{{
			Name:    "purser",
			Domains: []string{"*"},
			// How much ext_proc may have buffered, of the request's body and of the reply's. The body that it sends back counts
			// too, and may be longer: a model's name at its provider, a cap, the wish for usage.
			RequestBodyBufferLimit: u64(cfg.BodyLimit + rewriteRoom),
			RetryPolicy:            b.retryPolicy(),
			Routes:                 append(routes, b.adminRoute(cfg)),
		}},
	}
}

// inferenceRoute leads to the cluster that ext_proc named, or without a name nowhere.
func (b *builder) inferenceRoute(name string, match *routev3.RouteMatch) *routev3.Route {
	return &routev3.Route{
		Name:                   name,
		Match:                  match,
		RequestHeadersToRemove: notForProviders,
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier:     &routev3.RouteAction_ClusterHeader{ClusterHeader: RoutingHeader},
			HostRewriteSpecifier: &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: yes()},
			Timeout:              seconds(0), // a call takes as long as it takes; StreamIdleTimeout ends dead ones
			UpgradeConfigs:       []*routev3.RouteAction_UpgradeConfig{{UpgradeType: "websocket", Enabled: yes()}},
		}},
	}
}

func (b *builder) adminRoute(cfg Config) *routev3.Route {
	return &routev3.Route{
		Name:  "admin",
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: AdminSvcCluster},
			Timeout:          seconds(adminTimeout),
			IdleTimeout:      seconds(adminTimeout),
		}},
		TypedPerFilterConfig: map[string]*anypb.Any{
			ExtProcFilterName: b.any(&extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true}}),
			// ext_proc is not there to remove what a client must not send.
			headerMutationName: b.any(&headerv3.HeaderMutationPerRoute{Mutations: &headerv3.Mutations{
				RequestMutations: []*mutationv3.HeaderMutation{removePrefix(HeaderPrefix), overwrite(ClientAddressHeader, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")},
			}}),
			bufferName: b.any(&bufferv3.BufferPerRoute{Override: &bufferv3.BufferPerRoute_Buffer{
				Buffer: &bufferv3.Buffer{MaxRequestBytes: u32(uint32(cfg.BodyLimit))},
			}}),
		},
	}
}

func (b *builder) retryPolicy() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		RetryOn:    retryOn,
		NumRetries: u32(2),
		// Another address, if there is one: the balancer by itself may take the same again.
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
				TypedConfig: b.any(&previoushostsv3.PreviousHostsPredicate{}),
			},
		}},
		HostSelectionRetryMaxAttempts: hostPicks,
		RetryBackOff: &routev3.RetryPolicy_RetryBackOff{
			BaseInterval: seconds(10 * time.Millisecond),
			MaxInterval:  seconds(100 * time.Millisecond),
		},
	}
}
