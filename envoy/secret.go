package envoy

import (
	"errors"
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	credentialv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/credential_injector/v3"
	genericv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/injected_credentials/generic/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// Secret is the deployment's credential, named SecretName. It is an error to ask for one that has none.
// Envoy shows it as [redacted] in its dumps; this value, and what is rendered from it, holds it in clear.
func Secret(d Deployment) (*tlsv3.Secret, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if d.Credential == "" {
		return nil, fmt.Errorf("envoy: deployment %q has no credential", d.Name)
	}
	return &tlsv3.Secret{
		Name: d.withDefaults().SecretName,
		Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{
			Secret: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: d.Credential}},
		}},
	}, nil
}

// errSecretADS: a secret over ADS in a bootstrap without ADS would leave its cluster warming for ever.
var errSecretADS = errors.New("SecretSource is SecretADS, but a bootstrap without an xDS server has only static secrets")

// credentialInjector adds the deployment's credential. It must be a filter of the cluster: as a filter of the listener it is
// silently not run when ext_proc chooses the route, and the caller's key would go to the provider. A credential that is
// missing is a reply 401 from Envoy, and nothing goes upstream; localreply.go makes it a 502.
func (b *builder) credentialInjector(d Deployment) *credentialv3.CredentialInjector {
	ref := &tlsv3.SdsSecretConfig{Name: d.SecretName}
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
			Header:            d.CredentialHeader,
			HeaderValuePrefix: d.CredentialPrefix,
		}),
	}
}
