package envoy_test

import (
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

// A provider with two addresses of which nobody answers at one: every call is served,
// by a second attempt at first, and then the dead one is left out.
func TestADeadAddressIsTriedAgainElsewhereAndEjected(t *testing.T) {
	provider := startBackend(t, nil)
	proc := startProcessor(t, &processor{Cluster: "a"}, "")
	boot, err := envoy.Bootstrap(envoy.Config{
		ExtProc: []string{proc.addr}, AdminSvc: []string{envoytest.ClosedAddress(t)}, Deployments: []envoy.Deployment{provider.deployment(t, "a")}, AccessLogPath: "off",
	})
	if err != nil {
		t.Fatal(err)
	}
	dead, err := envoy.ParseEndpoint("http://" + envoytest.ClosedAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range boot.StaticResources.Clusters {
		if c.Name != "a" {
			continue
		}
		// Longer than this test takes on the slowest machine: it must not come back within it.
		c.OutlierDetection.BaseEjectionTime, c.OutlierDetection.MaxEjectionTime = durationpb.New(time.Hour), durationpb.New(time.Hour)
		all := c.LoadAssignment.Endpoints[0]
		second := proto.Clone(all.LbEndpoints[0]).(*endpointv3.LbEndpoint)
		at := second.GetEndpoint().GetAddress().GetSocketAddress()
		at.PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: uint32(dead.Port)}
		all.LbEndpoints = append(all.LbEndpoints, second)
	}
	e := envoytest.StartBootstrap(t, boot)
	const calls = 40
	for i := range calls {
		if res, body := call(t, "POST", e.URL+"/v1/chat/completions", "{}"); res.StatusCode != 200 {
			t.Fatalf("call %d: %d %s", i, res.StatusCode, body)
		}
	}
	if provider.count() != calls {
		t.Errorf("%d calls reached the provider", provider.count())
	}
	e.WaitStat(t, "cluster.a.outlier_detection.ejections_active", 1)
	// Five failures in a row are its end: so many retries were needed, and no more.
	e.WaitStat(t, "cluster.a.upstream_rq_retry", 5)
	e.WaitStat(t, "cluster.a.upstream_rq_retry_success", 5)
}
