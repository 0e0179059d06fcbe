package envoy

import (
	"errors"
	"maps"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	credentialv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/credential_injector/v3"
	genericv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/injected_credentials/generic/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// Secrets are what the deployment's cluster needs besides itself: its credential, named SecretName, and its headers, named
// after it. Envoy shows them as [redacted] in its dumps; these values, and what is rendered from them, hold them in clear.
func Secrets(d Deployment) ([]*tlsv3.Secret, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	d = d.withDefaults()
	var all []*tlsv3.Secret
	for _, i := range d.injected() {
		all = append(all, &tlsv3.Secret{
			Name: i.secret,
			Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{
				Secret: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: i.value}},
			}},
		})
	}
	return all, nil
}

// injected is a header that Envoy adds for a deployment.
type injected struct{ header, prefix, secret, value string }

// injected lists the credential, if there is one, and the headers in order.
func (d Deployment) injected() []injected {
	var all []injected
	if d.Credential != "" {
		all = append(all, injected{d.CredentialHeader, d.CredentialPrefix, d.SecretName, d.Credential})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
		all = append(all, injected{name, "", d.SecretName + "#" + name, d.Headers[name]})
	}
	return all
}

// errSecretADS: a secret over ADS in a bootstrap without ADS would leave its cluster warming for ever.
var errSecretADS = errors.New("SecretSource is SecretADS, but a bootstrap without an xDS server has only static secrets")

// credentialInjector adds the deployment's credential, or another header. It must be a filter of the cluster: as a filter of the listener it is
// silently not run when ext_proc chooses the route, and the caller's key would go to the provider. A credential that is
// missing is a reply 401 from Envoy, and nothing goes upstream; localreply.go makes it a 502.
func (b *builder) credentialInjector(d Deployment, i injected) *credentialv3.CredentialInjector {
	ref := &tlsv3.SdsSecretConfig{Name: i.secret}
	if d.SecretSource == SecretADS {
		ref.SdsConfig = &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			InitialFetchTimeout:   seconds(secretFetchTimeout),
		}
	}
	return &credentialv3.CredentialInjector{
		Overwrite: true,
		Credential: b.extension("envoy.http.injected_credentials.generic", &genericv3.Generic{
			Credential:        ref,
			Header:            i.header,
			HeaderValuePrefix: i.prefix,
		}),
	}
}
