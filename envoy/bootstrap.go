package envoy

import (
	"fmt"
	"time"

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
	static.Clusters = append(static.Clusters, b.jwksClusters(cfg)...)
	if cfg.Tracing != nil {
		static.Clusters = append(static.Clusters, b.tracingCluster(cfg.Tracing))
	}
	for _, d := range cfg.Deployments {
		cluster, err := Cluster(d)
		if err != nil {
			return nil, err
		}
		static.Clusters = append(static.Clusters, cluster)
		secrets, err := Secrets(d)
		if err != nil {
			return nil, err
		}
		if len(secrets) > 0 && d.SecretSource == SecretADS {
			return nil, fmt.Errorf("envoy: deployment %q: %w", d.Name, errSecretADS)
		}
		static.Secrets = append(static.Secrets, secrets...)
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
	if len(cfg.XDS) > 0 {
		static.Clusters = append(static.Clusters, b.xdsCluster(cfg))
		boot.DynamicResources = dynamicResources()
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

// dynamicResources says that clusters come from the xDS servers, and with them their secrets. Listener and routes never do.
func dynamicResources() *bootstrapv3.Bootstrap_DynamicResources {
	return &bootstrapv3.Bootstrap_DynamicResources{
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{
				TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
					ClusterName: XDSCluster,
					// Envoy's own goes up to 30 s: so long would a new model wait after a restart of adminsvc.
					RetryPolicy: &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
						BaseInterval: seconds(100 * time.Millisecond), MaxInterval: seconds(time.Second),
					}},
				}},
			}},
		},
		CdsConfig: &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			// Envoy serves nothing until it has its clusters, or this is over: the management plane is worth serving alone.
			InitialFetchTimeout: seconds(5 * time.Second),
		},
	}
}
