package envoy

import (
	"fmt"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	downstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
)

// Bootstrap is the whole configuration of a stand-alone Envoy. The error is Validate's, or names what Envoy's own schema
// refuses. The result holds the credentials in clear.
func Bootstrap(cfg Config) (*bootstrapv3.Bootstrap, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	listener, err := Listener(cfg)
	if err != nil {
		return nil, err
	}
	var b builder
	static := &bootstrapv3.Bootstrap_StaticResources{
		Listeners: []*listenerv3.Listener{listener},
		Clusters:  []*clusterv3.Cluster{b.extProcCluster(cfg), b.adminSvcCluster(cfg)},
	}
	for _, d := range cfg.Deployments {
		cluster, err := Cluster(d)
		if err != nil {
			return nil, err
		}
		static.Clusters = append(static.Clusters, cluster)
		if d.Credential == "" {
			continue
		}
		if d.SecretSource == SecretADS {
			return nil, fmt.Errorf("envoy: deployment %q: %w", d.Name, errSecretADS)
		}
		secret, err := Secret(d)
		if err != nil {
			return nil, err
		}
		static.Secrets = append(static.Secrets, secret)
	}
	boot := &bootstrapv3.Bootstrap{
		Node:            &corev3.Node{Id: "purser", Cluster: "purser"},
		StaticResources: static,
		OverloadManager: &overloadv3.OverloadManager{ResourceMonitors: []*overloadv3.ResourceMonitor{{
			Name: "envoy.resource_monitors.global_downstream_max_connections",
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.any(&downstreamv3.DownstreamConnectionsConfig{
				MaxActiveDownstreamConnections: int64(cfg.MaxConnections),
			})},
		}}},
	}
	if cfg.AdminPort != 0 {
		boot.Admin = &bootstrapv3.Admin{Address: tcpAddress("127.0.0.1", uint32(cfg.AdminPort))}
	}
	if b.err != nil {
		return nil, b.err
	}
	if err := boot.ValidateAll(); err != nil {
		return nil, fmt.Errorf("envoy: against Envoy's schema: %w", err)
	}
	return boot, nil
}
