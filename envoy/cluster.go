package envoy

import (
	"net"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dnscommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	httpOptionsKey     = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	secretFetchTimeout = 2 * time.Second
)

// Cluster is the deployment's cluster. It needs Secrets(d) beside it.
func Cluster(d Deployment) (*clusterv3.Cluster, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	d = d.withDefaults()
	var b builder
	c := b.cluster(d.Name, []hostPort{{d.Endpoint.Host, uint32(d.Endpoint.Port)}}, &httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: seconds(d.IdleTimeout)},
		HttpFilters:               b.upstreamFilters(d),
	}, d.Protocol)
	served := &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
		MetadataNamespace: {Fields: map[string]*structpb.Value{"deployment": structpb.NewStringValue(d.Name)}},
	}}
	for _, e := range c.LoadAssignment.Endpoints[0].LbEndpoints {
		e.Metadata = served
		// The route's auto_host_rewrite takes the Host header from here; without it the provider would get ours.
		e.GetEndpoint().Hostname = d.authority()
	}
	c.ConnectTimeout = seconds(d.ConnectTimeout)
	if d.Endpoint.tls() {
		c.TransportSocket = b.upstreamTLS(TLS{CABundle: d.CABundle, Hostname: d.Hostname})
	}
	return c, b.err
}

// extProcCluster is the cluster of the ext_proc servers: gRPC, and quick to notice which of them are there.
func (b *builder) extProcCluster(cfg Config) *clusterv3.Cluster {
	c := b.cluster(ExtProcCluster, addresses(cfg.ExtProc), &httpv3.HttpProtocolOptions{}, HTTP2)
	c.ConnectTimeout = seconds(250 * time.Millisecond)
	// One running request is one stream here, for as long as its reply takes.
	c.CircuitBreakers = breakers(cfg.ExtProcMaxConnections, cfg.ExtProcMaxRequests)
	c.HealthChecks = []*corev3.HealthCheck{{
		Timeout:           seconds(time.Second),
		Interval:          seconds(time.Second),
		NoTrafficInterval: seconds(time.Second), // else a minute until the first request, which then finds nobody
		UnhealthyInterval: seconds(250 * time.Millisecond),
		// One slow answer is not the end. NOT_SERVING counts at once, whatever the threshold.
		UnhealthyThreshold: u32(3),
		HealthyThreshold:   u32(1),
		HealthChecker:      &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{}},
	}}
	// As long as one server is well, only those that are get requests: with Envoy's own panic threshold of 50% the ones that
	// are going would get them again as soon as most are. If none is well there is nothing to lose: all are tried.
	c.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{
		HealthyPanicThreshold: &typev3.Percent{Value: 1},
		UpdateMergeWindow:     seconds(0), // else the second change within a second takes effect a second later
	}
	c.OutlierDetection = nil // the health check decides
	if t := cfg.ExtProcTLS; t != nil {
		c.TransportSocket = b.upstreamTLS(*t)
	}
	return c
}

func (b *builder) adminSvcCluster(cfg Config) *clusterv3.Cluster {
	c := b.cluster(AdminSvcCluster, addresses(cfg.AdminSvc), &httpv3.HttpProtocolOptions{
		// Below the 60 s and more that servers keep idle connections for.
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: seconds(30 * time.Second)},
	}, HTTP1)
	c.ConnectTimeout = seconds(time.Second)
	return c
}

// xdsCluster is the cluster of the xDS servers: one stream, to whichever answers.
func (b *builder) xdsCluster(cfg Config) *clusterv3.Cluster {
	c := b.cluster(XDSCluster, addresses(cfg.XDS), &httpv3.HttpProtocolOptions{}, HTTP2)
	c.ConnectTimeout = seconds(time.Second)
	if t := cfg.XDSTLS; t != nil {
		c.TransportSocket = b.upstreamTLS(*t)
	}
	return c
}

// cluster is what all clusters have in common.
func (b *builder) cluster(name string, addrs []hostPort, opts *httpv3.HttpProtocolOptions, proto Protocol) *clusterv3.Cluster {
	setProtocol(opts, proto)
	c := &clusterv3.Cluster{
		Name: name,
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints:   []*endpointv3.LocalityLbEndpoints{{}},
		},
		LbPolicy: clusterv3.Cluster_LEAST_REQUEST, // calls last from milliseconds to minutes: round robin would pile up
		// Envoy's 1024 is less than the open streams of a busy hour.
		CircuitBreakers:  breakers(100_000, 100_000),
		OutlierDetection: unreachableOnly(),
		// Calls can be silent for minutes; middleboxes forget connections that are.
		UpstreamConnectionOptions:     &clusterv3.UpstreamConnectionOptions{TcpKeepalive: keepalive()},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptionsKey: b.any(opts)},
	}
	names := false
	for _, a := range addrs {
		names = names || net.ParseIP(a.host) == nil
		c.LoadAssignment.Endpoints[0].LbEndpoints = append(c.LoadAssignment.Endpoints[0].LbEndpoints, &endpointv3.LbEndpoint{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: tcpAddress(a.host, a.port)}},
		})
	}
	if !names {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
		return c
	}
	// Strict DNS (every address is an endpoint of its own), in the form that is not deprecated.
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.cluster.dns",
		TypedConfig: b.any(&dnsv3.DnsCluster{
			RespectDnsTtl:     true,
			DnsMinRefreshRate: seconds(time.Second),
			// Envoy's default prefers IPv6 wherever a name has one, also on hosts that have no IPv6 route.
			DnsLookupFamily: dnscommonv3.DnsLookupFamily_V4_PREFERRED,
			DnsFailureRefreshRate: &dnsv3.DnsCluster_RefreshRate{
				BaseInterval: seconds(time.Second), MaxInterval: seconds(10 * time.Second),
			},
		}),
	}}
	return c
}

func breakers(connections, requests uint32) *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     u32(connections),
		MaxPendingRequests: u32(requests),
		MaxRequests:        u32(requests),
		MaxRetries:         u32(1000),
	}}}
}

// unreachableOnly takes an address out for a while if it cannot be reached, and for nothing else: a 500 or a 429 is the
// provider's answer to one caller, and must not end the service for all. The last address always stays.
func unreachableOnly() *clusterv3.OutlierDetection {
	return &clusterv3.OutlierDetection{
		SplitExternalLocalOriginErrors:         true,
		ConsecutiveLocalOriginFailure:          u32(5),
		EnforcingConsecutiveLocalOriginFailure: u32(100),
		EnforcingConsecutive_5Xx:               u32(0),
		EnforcingConsecutiveGatewayFailure:     u32(0),
		EnforcingSuccessRate:                   u32(0),
		EnforcingLocalOriginSuccessRate:        u32(0),
		EnforcingFailurePercentage:             u32(0),
		EnforcingFailurePercentageLocalOrigin:  u32(0),
		Interval:                               seconds(5 * time.Second),
		BaseEjectionTime:                       seconds(10 * time.Second),
		MaxEjectionTime:                        seconds(time.Minute),
		MaxEjectionPercent:                     u32(50),
	}
}

func keepalive() *corev3.TcpKeepalive {
	return &corev3.TcpKeepalive{KeepaliveTime: u32(60), KeepaliveInterval: u32(15), KeepaliveProbes: u32(4)}
}

// addresses are those of a list that Validate has accepted.
func addresses(list []string) []hostPort {
	var out []hostPort
	for _, s := range list {
		if a, err := parseHostPort(s); err == nil {
			out = append(out, a)
		}
	}
	return out
}
