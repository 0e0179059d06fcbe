package envoy

import (
	"net"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	codecv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
)

func (b *builder) httpFilter(name string, m proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.any(m)}}
}

// upstreamFilters run when the provider is known, after everything else, once per attempt.
func (b *builder) upstreamFilters(d Deployment) []*hcmv3.HttpFilter {
	// Nothing of ours leaves. request_headers_to_remove of a route knows no prefixes.
	strip := []*mutationv3.HeaderMutation{removePrefix(HeaderPrefix), removePrefix("x-litellm-"), removePrefix("x-envoy-")}
	if d.Credential != "" {
		// ext_proc removes the caller's credential. This is for the day it does not.
		for _, h := range CredentialHeaders {
			strip = append(strip, remove(h))
		}
	}
	filters := []*hcmv3.HttpFilter{b.httpFilter(headerMutationName, &headerv3.HeaderMutation{
		Mutations: &headerv3.Mutations{RequestMutations: strip},
	})}
	for _, i := range d.injected() {
		name := "envoy.filters.http.credential_injector"
		if i.secret != d.SecretName {
			name += "." + i.header
		}
		filters = append(filters, b.httpFilter(name, b.credentialInjector(d, i)))
	}
	return append(filters, b.httpFilter("envoy.filters.http.upstream_codec", &codecv3.UpstreamCodec{}))
}

func removePrefix(prefix string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_RemoveOnMatch_{
		RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{KeyMatcher: prefixed(prefix)},
	}}
}

func remove(header string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Remove{Remove: header}}
}

// overwrite sets a header to a value, or to what one of Envoy's formats makes of the request.
func overwrite(header, format string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: header, Value: format},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}}}
}

// setProtocol fills in the HTTP version.
func setProtocol(opts *httpv3.HttpProtocolOptions, proto Protocol) {
	h2 := &corev3.Http2ProtocolOptions{}
	switch proto {
	case HTTP2:
		opts.UpstreamProtocolOptions = explicitly(&httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: h2},
		})
	case ALPN:
		opts.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_AutoConfig{AutoConfig: &httpv3.HttpProtocolOptions_AutoHttpConfig{
			Http2ProtocolOptions: h2,
		}}
	default:
		opts.UpstreamProtocolOptions = explicitly(&httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{},
		})
	}
}

func explicitly(c *httpv3.HttpProtocolOptions_ExplicitHttpConfig) *httpv3.HttpProtocolOptions_ExplicitHttpConfig_ {
	return &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: c}
}

// upstreamTLS requires a certificate for Hostname from one of the bundle's authorities. Envoy checks nothing unless told.
func (b *builder) upstreamTLS(t TLS) *corev3.TransportSocket {
	if t.CABundle == "" {
		t.CABundle = DefaultCABundle
	}
	san := &tlsv3.SubjectAltNameMatcher{SanType: tlsv3.SubjectAltNameMatcher_DNS, Matcher: exactly(t.Hostname)}
	sni := t.Hostname
	if net.ParseIP(t.Hostname) != nil {
		san.SanType, sni = tlsv3.SubjectAltNameMatcher_IP_ADDRESS, "" // an address is no server name
	}
	common := &tlsv3.CommonTlsContext{
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa:                 file(t.CABundle),
			MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{san},
		}},
	}
	if t.CertFile != "" {
		common.TlsCertificates = []*tlsv3.TlsCertificate{{CertificateChain: file(t.CertFile), PrivateKey: file(t.KeyFile)}}
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&tlsv3.UpstreamTlsContext{Sni: sni, CommonTlsContext: common})},
	}
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
