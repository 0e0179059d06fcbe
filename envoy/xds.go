package envoy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"google.golang.org/grpc"
)

// XDSConfig is what an xDS server needs.
type XDSConfig struct {
	// Linger is how long a cluster outlives its deployment, so that a request that was
	// routed just before still gets there. Default 30 s.
	Linger time.Duration
	// After runs f once, later. Default time.AfterFunc.
	After func(d time.Duration, f func())
	Log   *slog.Logger // default discards
}

// XDS tells Envoys, over delta ADS, which clusters there are and their credentials:
// the same to each. Until the first Set it tells nothing, so that an Envoy which
// reconnects to a server that is just starting keeps what it has.
type XDS struct {
	cfg    XDSConfig
	cache  cachev3.SnapshotCache
	server deltav3.Server
	acks   *acks
	cancel context.CancelFunc

	mu      sync.Mutex
	version int
	current map[string]served // what should be there, by cluster
	leaving map[string]served // what goes after Linger
}

// served is one deployment as Envoy gets it.
type served struct {
	cluster *clusterv3.Cluster
	secrets []*tlsv3.Secret
	stamp   int // of a leaving one: which departure it is
}

// everyone is the one node that the cache knows: all Envoys get the same.
type everyone struct{}

const all = "all"

func (everyone) ID(*corev3.Node) string { return all }

// NewXDS makes a server without clusters.
func NewXDS(cfg XDSConfig) *XDS {
	cfg.Linger = cmp.Or(cfg.Linger, 30*time.Second)
	if cfg.After == nil {
		cfg.After = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	x := &XDS{cfg: cfg, acks: newAcks(cfg.Log), current: map[string]served{}, leaving: map[string]served{}}
	x.cache = cachev3.NewSnapshotCache(true, everyone{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	x.server, x.cancel = deltav3.NewServer(ctx, x.cache, x.acks), cancel
	return x
}

// Close ends the streams of all Envoys; they keep what they have.
func (x *XDS) Close() { x.cancel() }

// Register adds the service to a gRPC server. Whoever can reach it gets the
// credentials: it belongs behind client certificates or on a local address.
func (x *XDS) Register(g grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, ads{server: x.server})
}

// ads is the service: delta only, which is what our bootstrap asks for.
type ads struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	server deltav3.Server
}

func (a ads) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return a.server.DeltaStreamHandler(stream, resourcev3.AnyType)
}

// Check says why Envoy would not take a deployment; nil if it would.
func Check(d Deployment) error {
	_, err := serve(d)
	return err
}

// serve builds what Envoy gets for a deployment.
func serve(d Deployment) (served, error) {
	d.SecretSource = SecretADS
	d.SecretName = secretName(d)
	cluster, err := Cluster(d)
	if err != nil {
		return served{}, err
	}
	if err := cluster.ValidateAll(); err != nil {
		return served{}, fmt.Errorf("deployment %q against Envoy's schema: %w", d.Name, err)
	}
	out := served{cluster: cluster}
	out.secrets, err = Secrets(d)
	return out, err
}

// secretName names a credential by where it goes. A deployment that moves to another
// server gets a secret of another name in the same step as its new address: were it
// one name, the old server could get the new credential, or the new one the old, for
// as long as one of the two updates is on its way.
func secretName(d Deployment) string {
	sum := sha256.Sum256([]byte(d.Endpoint.Scheme + "\x00" + d.Endpoint.Host + "\x00" + strconv.Itoa(d.Endpoint.Port) + "\x00" + d.Hostname))
	return d.Name + "@" + hex.EncodeToString(sum[:5])
}

// Set says which deployments there are from now on. Those that Envoy would not take
// are left out and named in the error; the others are served all the same.
func (x *XDS) Set(deployments []Deployment) error {
	next := make(map[string]served, len(deployments))
	var errs []error
	for _, d := range deployments {
		s, err := serve(d)
		if err == nil && next[d.Name].cluster != nil {
			err = fmt.Errorf("deployment %q: there are two of this name", d.Name)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		next[d.Name] = s
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, old := range x.current {
		if _, stays := next[name]; !stays {
			x.leave(name, old)
		}
	}
	for name := range next {
		delete(x.leaving, name)
	}
	x.current = next
	return errors.Join(append(errs, x.publish())...)
}

// leave keeps a cluster for a while.
func (x *XDS) leave(name string, old served) {
	old.stamp = x.version + 1
	x.leaving[name] = old
	x.cfg.After(x.cfg.Linger, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if gone, ok := x.leaving[name]; !ok || gone.stamp != old.stamp {
			return // it came back
		}
		delete(x.leaving, name)
		if err := x.publish(); err != nil {
			x.cfg.Log.Error("a cluster could not be removed", "cluster", name, "error", err)
		}
	})
}

// publish hands the cache what there is, where that is news.
func (x *XDS) publish() error {
	var clusters, secrets []types.Resource
	for _, group := range []map[string]served{x.current, x.leaving} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			clusters = append(clusters, group[name].cluster)
			for _, s := range group[name].secrets {
				secrets = append(secrets, s)
			}
		}
	}
	version := strconv.Itoa(x.version + 1)
	snapshot, err := cachev3.NewSnapshot(version, map[resourcev3.Type][]types.Resource{resourcev3.ClusterType: clusters, resourcev3.SecretType: secrets})
	if err != nil {
		return err
	}
	if err := snapshot.ConstructVersionMap(); err != nil {
		return err
	}
	if old, err := x.cache.GetSnapshot(all); err == nil && same(old, snapshot) {
		return nil
	}
	x.version++
	return x.cache.SetSnapshot(context.Background(), all, snapshot)
}

func same(a, b cachev3.ResourceSnapshot) bool {
	return maps.Equal(a.GetVersionMap(resourcev3.ClusterType), b.GetVersionMap(resourcev3.ClusterType)) &&
		maps.Equal(a.GetVersionMap(resourcev3.SecretType), b.GetVersionMap(resourcev3.SecretType))
}

// Await returns when every connected Envoy has taken what is current, refusals
// counted as taken, or when the context is done, with its error. What lingers is not
// waited for.
func (x *XDS) Await(ctx context.Context) error {
	x.mu.Lock()
	want := map[string]map[string]string{resourcev3.ClusterType: {}, resourcev3.SecretType: {}}
	if snapshot, err := x.cache.GetSnapshot(all); err == nil {
		for name, s := range x.current {
			want[resourcev3.ClusterType][name] = snapshot.GetVersionMap(resourcev3.ClusterType)[name]
			for _, secret := range s.secrets {
				want[resourcev3.SecretType][secret.Name] = snapshot.GetVersionMap(resourcev3.SecretType)[secret.Name]
			}
		}
	}
	x.mu.Unlock()
	return x.acks.await(ctx, want)
}

// Envoys counts those connected.
func (x *XDS) Envoys() int { return x.acks.count() }
