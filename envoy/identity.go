package envoy

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	jwtFilterName = "envoy.filters.http.jwt_authn"
	// jwksTimeout bounds fetching an issuer's keys, which Envoy does ahead of need.
	jwksTimeout = 5 * time.Second
)

// identityAttributes are what the ext_proc server learns of a caller's verified certificate.
var identityAttributes = []string{"connection.uri_san_peer_certificate"}

// JWTProvider is an issuer whose tokens Envoy verifies, and passes on to the ext_proc server as claims. A request without a
// token, or with one that does not verify, passes too: without claims, so that it needs a key.
type JWTProvider struct {
	// Issuer is the tokens' iss. Required.
	Issuer string
	// Audiences are the accepted aud; empty: any.
	Audiences []string
	// JWKSURI is where the issuer's keys are fetched; or JWKSFile a file with them on Envoy's machine. Exactly one is given.
	JWKSURI, JWKSFile string
	// CABundle is for https, default DefaultCABundle.
	CABundle string
}

// ListenTLS makes the listener speak TLS.
type ListenTLS struct {
	CertFile, KeyFile string // PEM files, on Envoy's machine; required
	// ClientCA is a PEM file with the authorities of clients' certificates. With it a client may present one, which must then
	// be theirs; the ext_proc server learns its SPIFFE id. Empty: none is asked for.
	ClientCA string
}

func (p JWTProvider) validate() error {
	switch {
	case p.Issuer == "":
		return errors.New("Issuer: missing")
	case (p.JWKSURI == "") == (p.JWKSFile == ""):
		return fmt.Errorf("of %q: one of JWKSURI and JWKSFile is needed", p.Issuer)
	case p.JWKSURI != "":
		if _, err := ParseEndpoint(p.JWKSURI); err != nil {
			return fmt.Errorf("JWKSURI of %q: %w", p.Issuer, err)
		}
	}
	return nil
}

// jwtFilter verifies tokens and refuses none: who may pass is the ext_proc server's to say, which sees the claims.
func (b *builder) jwtFilter(cfg Config) *hcmv3.HttpFilter {
	out := &jwtv3.JwtAuthentication{Providers: map[string]*jwtv3.JwtProvider{}}
	anyOf := &jwtv3.JwtRequirementOrList{}
	for i, p := range cfg.JWT {
		name := jwksName(i)
		provider := &jwtv3.JwtProvider{
			Issuer: p.Issuer, Audiences: p.Audiences,
			// The header only: Envoy's default also looks for a token in the query.
			FromHeaders: []*jwtv3.JwtHeader{{Name: "authorization", ValuePrefix: "Bearer "}},
			// The ext_proc server removes it, as it does any credential; adminsvc may want it.
			Forward:           true,
			PayloadInMetadata: name,
		}
		if p.JWKSFile != "" {
			provider.JwksSourceSpecifier = &jwtv3.JwtProvider_LocalJwks{LocalJwks: file(p.JWKSFile)}
		} else {
			provider.JwksSourceSpecifier = &jwtv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtv3.RemoteJwks{
				HttpUri: &corev3.HttpUri{
					Uri: p.JWKSURI, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: name}, Timeout: seconds(jwksTimeout),
				},
				CacheDuration: seconds(5 * time.Minute),
				AsyncFetch:    &jwtv3.JwksAsyncFetch{FastListener: true}, // an issuer that is away must not keep the listener from starting
			}}
		}
		out.Providers[name] = provider
		anyOf.Requirements = append(anyOf.Requirements, &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_ProviderName{ProviderName: name}})
	}
	anyOf.Requirements = append(anyOf.Requirements, &jwtv3.JwtRequirement{
		// Virtual keys stand in the same header and are no tokens at all.
		RequiresType: &jwtv3.JwtRequirement_AllowMissingOrFailed{AllowMissingOrFailed: &emptypb.Empty{}},
	})
	out.Rules = []*jwtv3.RequirementRule{{
		Match: prefixMatch("/"),
		RequirementType: &jwtv3.RequirementRule_Requires{Requires: &jwtv3.JwtRequirement{
			RequiresType: &jwtv3.JwtRequirement_RequiresAny{RequiresAny: anyOf},
		}},
	}}
	return b.httpFilter(jwtFilterName, out)
}

func jwksName(i int) string { return "purser-jwt-" + strconv.Itoa(i) }

// jwksClusters reach the issuers' keys.
func (b *builder) jwksClusters(cfg Config) (out []*clusterv3.Cluster) {
	for i, p := range cfg.JWT {
		if p.JWKSURI == "" {
			continue
		}
		u, err := url.Parse(p.JWKSURI)
		if err != nil {
			continue // validated
		}
		e, _ := ParseEndpoint(p.JWKSURI)
		c := b.cluster(jwksName(i), []hostPort{{u.Hostname(), uint32(cmp.Or(e.Port, e.defaultPort()))}}, &httpv3.HttpProtocolOptions{}, HTTP1)
		c.ConnectTimeout = seconds(jwksTimeout)
		if e.tls() {
			c.TransportSocket = b.upstreamTLS(TLS{CABundle: p.CABundle, Hostname: u.Hostname()})
		}
		out = append(out, c)
	}
	return out
}

// downstreamTLS is the listener's side of TLS.
func (b *builder) downstreamTLS(t ListenTLS) *corev3.TransportSocket {
	common := &tlsv3.CommonTlsContext{
		TlsCertificates: []*tlsv3.TlsCertificate{{CertificateChain: file(t.CertFile), PrivateKey: file(t.KeyFile)}},
		AlpnProtocols:   []string{"h2", "http/1.1"},
	}
	if t.ClientCA != "" {
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: file(t.ClientCA),
		}}
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&tlsv3.DownstreamTlsContext{CommonTlsContext: common})},
	}
}
