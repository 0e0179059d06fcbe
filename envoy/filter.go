package envoy

import (
	"cmp"
	"slices"
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// ExtProcFilterName is the filter's name in the filter chain and the key of per-route settings.
const ExtProcFilterName = "envoy.filters.http.ext_proc"

// FilterConfig is what differs between the meshes that the ext_proc filter is rendered for.
type FilterConfig struct {
	Cluster        string        // cluster of the ext_proc servers. Default ExtProcCluster.
	MessageTimeout time.Duration // how long one answer may take. Default 5 s.
	FailOpen       bool          // let requests through when no answer comes
	ForwardHeaders []string      // further request headers the servers read, in lower case
	Identity       bool          // tell the servers what Envoy has verified of callers: tokens' claims, certificates
}

// ExtProcFilter is the ext_proc filter as it stands in a filter chain, before the router.
func ExtProcFilter(cfg FilterConfig) (*hcmv3.HttpFilter, error) {
	var b builder
	f := b.httpFilter(ExtProcFilterName, ExternalProcessor(cfg))
	return f, b.err
}

// ExternalProcessor is the one definition of the ext_proc filter's configuration.
func ExternalProcessor(cfg FilterConfig) *extprocv3.ExternalProcessor {
	filter := &extprocv3.ExternalProcessor{
		GrpcService: &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
				ClusterName: cmp.Or(cfg.Cluster, ExtProcCluster),
			}},
			// No timeout here: it would bound the life of the whole stream, and so of the caller's reply.
			// The retries are for opening a stream only, while a replica stops: without retry_on the policy does nothing.
			RetryPolicy: &corev3.RetryPolicy{
				RetryOn:    "connect-failure,refused-stream,unavailable,reset",
				NumRetries: u32(4), // several may stop at once
				// Another server, if there is one: the balancer prefers the one with the fewest streams, which is the dead one.
				RetryHostPredicate: []*corev3.RetryPolicy_RetryHostPredicate{{
					Name:       "envoy.retry_host_predicates.previous_hosts",
					ConfigType: &corev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: previousHosts()},
				}},
				HostSelectionRetryMaxAttempts: hostPicks,
				RetryBackOff: &corev3.BackoffStrategy{
					BaseInterval: seconds(5 * time.Millisecond),
					MaxInterval:  seconds(50 * time.Millisecond),
				},
			},
		},
		FailureModeAllow: cfg.FailOpen,
		// Without it a server that is down is a 500, which looks like a mistake rather than an outage.
		StatusOnError:  &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		MessageTimeout: seconds(cmp.Or(cfg.MessageTimeout, defaultMessageTimeout)),
		// Headers and body come in two messages: the key is judged before the body is uploaded. SKIP for the headers would let
		// requests without a body through unseen. The mode for the reply's body depends on the reply, so the server chooses it
		// when it sees the reply's headers; allowed_override_modes must stay unset, because a mismatch there is silent.
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode:   extprocv3.ProcessingMode_SEND,
			RequestBodyMode:     extprocv3.ProcessingMode_BUFFERED,
			RequestTrailerMode:  extprocv3.ProcessingMode_SKIP,
			ResponseHeaderMode:  extprocv3.ProcessingMode_SEND,
			ResponseBodyMode:    extprocv3.ProcessingMode_NONE,
			ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
		},
		AllowModeOverride: true,
		RequestAttributes: []string{"source.address"},
		// Who served, at which attempt; and if Envoy answered itself, why.
		ResponseAttributes: []string{
			"upstream.address",
			"upstream.request_attempt_count",
			"xds.upstream_host_metadata",
			"xds.cluster_name",
			"response.code_details",
		},
		ForwardRules: &extprocv3.HeaderForwardingRules{AllowedHeaders: forwardedHeaders(cfg.ForwardHeaders)},
		// The server is ours and may set what it must: :path, :authority, any header. Something it may not do is an error, not
		// silently left undone: a credential that was not removed must not travel on.
		MutationRules: &mutationv3.HeaderMutationRules{
			AllowAllRouting: yes(),
			AllowEnvoy:      yes(),
			DisallowIsError: yes(),
		},
		MetadataOptions: &extprocv3.MetadataOptions{
			ReceivingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{MetadataNamespace}},
		},
	}
	if cfg.Identity {
		filter.RequestAttributes = append(filter.RequestAttributes, identityAttributes...)
		filter.MetadataOptions.ForwardingNamespaces = &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{jwtFilterName}}
	}
	return filter
}

// hostPicks is how often a retry asks the balancer for a server that has not been tried. Of two servers it compares two
// random picks and names the one with fewer streams, which is the one that is gone, in three of four; five such picks end
// there once in five retries, and the call with them. A pick costs nothing next to a call.
const hostPicks = 100

// previousHosts is the configuration of the retry predicate of that name: it has no fields.
func previousHosts() *anypb.Any {
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string((&previoushostsv3.PreviousHostsPredicate{}).ProtoReflect().Descriptor().FullName())}
}

// forwardedHeaders is what the server gets to see. What is not forwarded can be neither judged nor reported; cookies, which
// belong to the web UI, are not its business.
func forwardedHeaders(more []string) *matcherv3.ListStringMatcher {
	exact := []string{
		":path", ":method", ":authority", ":scheme", ":status",
		"accept", "accept-encoding",
		// A websocket upgrade needs request body mode NONE; browsers put their key into sec-websocket-protocol.
		"upgrade", "connection", "sec-websocket-protocol",
		"x-request-id", "request-id", "traceparent", "tracestate", "user-agent",
		"x-forwarded-for", "x-forwarded-client-cert",
		// Of the reply: what a provider says about its own limits.
		"retry-after", "x-should-retry", "apim-request-id",
	}
	// LiteLLM's and ours; the body's type, length and encoding; versions, beta flags and organizations of the dialects.
	prefixes := []string{"x-litellm-", HeaderPrefix, "content-", "openai-", "anthropic-", "x-ratelimit-"}

	list := new(matcherv3.ListStringMatcher)
	for _, h := range slices.Concat(exact, CredentialHeaders, more) {
		list.Patterns = append(list.Patterns, exactly(h))
	}
	for _, h := range prefixes {
		list.Patterns = append(list.Patterns, prefixed(h))
	}
	return list
}
