package envoy

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// acks knows what each connected Envoy has: by what it said it had when it connected,
// and by what it was sent and acknowledged since. A version alone would not tell, as
// an Envoy that needs nothing is sent nothing.
type acks struct {
	log *slog.Logger

	mu      sync.Mutex
	streams map[int64]*ackStream
	changed chan struct{} // closed and replaced whenever something is acknowledged
}

// ackStream is one Envoy.
type ackStream struct {
	has     map[string]map[string]string // type → name → version
	pending map[string]*discoveryv3.DeltaDiscoveryResponse
}

func newAcks(log *slog.Logger) *acks {
	return &acks{log: log, streams: map[int64]*ackStream{}, changed: make(chan struct{})}
}

func (a *acks) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.streams)
}

func (a *acks) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *acks) OnDeltaStreamOpen(_ context.Context, id int64, _ string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams[id] = &ackStream{has: map[string]map[string]string{}, pending: map[string]*discoveryv3.DeltaDiscoveryResponse{}}
	return nil
}

func (a *acks) OnDeltaStreamClosed(id int64, _ *corev3.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.streams, id)
	a.wake()
}

// OnStreamDeltaResponse notes what is about to be sent.
func (a *acks) OnStreamDeltaResponse(id int64, _ *discoveryv3.DeltaDiscoveryRequest, res *discoveryv3.DeltaDiscoveryResponse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.streams[id]; s != nil {
		s.pending[res.Nonce] = res
	}
}

// OnStreamDeltaRequest notes what an Envoy says it has. One that refuses something is
// not asked again: it has taken what it would of it.
func (a *acks) OnStreamDeltaRequest(id int64, req *discoveryv3.DeltaDiscoveryRequest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.streams[id]
	if s == nil {
		return nil
	}
	has := s.has[req.TypeUrl]
	if has == nil {
		has = map[string]string{}
		s.has[req.TypeUrl] = has
	}
	for name, version := range req.InitialResourceVersions {
		has[name] = version
	}
	if sent := s.pending[req.ResponseNonce]; sent != nil && req.ResponseNonce != "" {
		delete(s.pending, req.ResponseNonce)
		var names []string
		for _, r := range sent.Resources {
			has[r.Name] = r.Version
			names = append(names, r.Name)
		}
		for _, name := range sent.RemovedResources {
			delete(has, name)
		}
		if req.ErrorDetail != nil {
			// Envoy's words may quote a resource. Clusters hold no secret, and of secrets it names only the name.
			slices.Sort(names)
			a.log.Error("an Envoy refused a configuration", "type", req.TypeUrl, "resources", names, "error", req.ErrorDetail.GetMessage())
		}
	}
	for _, name := range req.ResourceNamesUnsubscribe {
		delete(has, name)
	}
	a.wake()
	return nil
}

// await returns when every stream has all of want.
func (a *acks) await(ctx context.Context, want map[string]map[string]string) error {
	for {
		a.mu.Lock()
		missing, changed := false, a.changed
		for _, s := range a.streams {
			missing = missing || !s.complete(want)
		}
		a.mu.Unlock()
		if !missing {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *ackStream) complete(want map[string]map[string]string) bool {
	for _, kind := range []string{resourcev3.ClusterType, resourcev3.SecretType} {
		for name, version := range want[kind] {
			if s.has[kind][name] != version {
				return false
			}
		}
	}
	return true
}
