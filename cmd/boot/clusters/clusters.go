// Package clusters turns deployments into what Envoy reaches them by. It is apart from
// boot so that extproc need not carry Envoy's configuration.
package clusters

import (
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy"
)

// Of lists the clusters of deployments.
func Of(deployments []*policy.Deployment) []envoy.Deployment {
	out := make([]envoy.Deployment, 0, len(deployments))
	for _, d := range deployments {
		out = append(out, One(d))
	}
	return out
}

// One is the cluster of a deployment.
func One(d *policy.Deployment) envoy.Deployment {
	headers := make(map[string]string, len(d.Headers))
	for name, secret := range d.Headers {
		headers[name] = secret.Reveal()
	}
	return envoy.Deployment{
		Name:             d.Cluster(),
		Endpoint:         envoy.Endpoint{Scheme: d.Scheme, Host: d.Host, Port: d.Port},
		CredentialHeader: d.CredentialHeader,
		CredentialPrefix: d.CredentialPrefix,
		Credential:       d.Credential.Reveal(),
		Headers:          headers,
	}
}
