package envoybench

import (
	"fmt"
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/purser/purser/envoy"
)

// YAML is envoy.YAML on ports that the kernel chooses: start Envoy with --admin-address-path to learn them.
func YAML(cfg envoy.Config) ([]byte, error) {
	return render(cfg, func(*bootstrapv3.Bootstrap) error { return nil })
}

// AloneYAML is YAML without ext_proc: every inference path goes to the one deployment. The listener, its other filters, the
// access log and the cluster with its credential are those that Purser has, so that the difference is ext_proc's.
func AloneYAML(cfg envoy.Config) ([]byte, error) {
	if len(cfg.Deployments) != 1 {
		return nil, fmt.Errorf("envoybench: %d deployments, want 1", len(cfg.Deployments))
	}
	to := cfg.Deployments[0].Name
	return render(cfg, func(boot *bootstrapv3.Bootstrap) error {
		static := boot.StaticResources
		static.Clusters = slices.DeleteFunc(static.Clusters, func(c *clusterv3.Cluster) bool { return c.Name == envoy.ExtProcCluster })
		for _, l := range static.Listeners {
			if err := withoutExtProc(l, to); err != nil {
				return err
			}
		}
		return nil
	})
}

func render(cfg envoy.Config, change func(*bootstrapv3.Bootstrap) error) ([]byte, error) {
	cfg.ListenAddress, cfg.ListenPort, cfg.AdminPort = "127.0.0.1", 1, 2 // placeholders: port 0 is no valid setting
	boot, err := envoy.Bootstrap(cfg)
	if err != nil {
		return nil, err
	}
	if err := change(boot); err != nil {
		return nil, err
	}
	free := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 0},
	}}}
	boot.Admin.Address = free
	for _, l := range boot.StaticResources.Listeners {
		l.Address = free
	}
	return envoy.MarshalYAML(boot)
}

// withoutExtProc takes the filter out of a listener, and has its inference routes lead to a cluster by themselves.
func withoutExtProc(l *listenerv3.Listener, cluster string) error {
	for _, chain := range l.FilterChains {
		for _, f := range chain.Filters {
			var hcm hcmv3.HttpConnectionManager
			if err := f.GetTypedConfig().UnmarshalTo(&hcm); err != nil {
				return fmt.Errorf("envoybench: filter %s: %w", f.Name, err)
			}
			before := len(hcm.HttpFilters)
			hcm.HttpFilters = slices.DeleteFunc(hcm.HttpFilters, func(h *hcmv3.HttpFilter) bool { return h.Name == envoy.ExtProcFilterName })
			if len(hcm.HttpFilters) == before {
				return fmt.Errorf("envoybench: listener %s has no filter %s", l.Name, envoy.ExtProcFilterName)
			}
			for _, host := range hcm.GetRouteConfig().GetVirtualHosts() {
				for _, r := range host.Routes {
					delete(r.TypedPerFilterConfig, envoy.ExtProcFilterName)
					if action := r.GetRoute(); action.GetClusterHeader() != "" {
						action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: cluster}
					}
				}
			}
			packed, err := anypb.New(&hcm)
			if err != nil {
				return fmt.Errorf("envoybench: %w", err)
			}
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
		}
	}
	return nil
}
