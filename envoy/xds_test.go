package envoy_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

// xdsLab is an Envoy whose deployments come from an xDS server.
type xdsLab struct {
	*envoytest.Envoy
	t       *testing.T
	xds     *envoy.XDS
	proc    *processor
	a, b    *backend
	addr    string
	stop    func() // of the xDS server
	release chan struct{}

	mu     sync.Mutex
	timers []func() // lingering clusters
}

func (l *xdsLab) after(_ time.Duration, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timers = append(l.timers, f)
}

// expire lets what lingers go.
func (l *xdsLab) expire() {
	l.mu.Lock()
	timers := l.timers
	l.timers = nil
	l.mu.Unlock()
	for _, f := range timers {
		f()
	}
}

func startXDS(t *testing.T) *xdsLab {
	t.Helper()
	l := &xdsLab{t: t, release: make(chan struct{})}
	answer := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/chat/completions/stream" && r.Header.Get("X-Stream") == "" {
				fmt.Fprint(w, name)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: first of %s\n\n", name)
			_ = http.NewResponseController(w).Flush()
			<-l.release
			fmt.Fprint(w, "data: [DONE]\n\n")
		}
	}
	l.proc = startProcessor(t, &processor{Cluster: "llm-m"}, "")
	l.a, l.b = startBackend(t, answer("a")), startBackend(t, answer("b"))
	l.serve("127.0.0.1:0")
	l.Envoy = envoytest.Start(t, envoy.Config{ExtProc: []string{l.proc.addr}, XDS: []string{l.addr}})
	return l
}

// serve starts an xDS server that knows nothing yet but an empty list.
func (l *xdsLab) serve(addr string) {
	l.t.Helper()
	l.start(addr)
	if err := l.xds.Set(nil); err != nil {
		l.t.Fatal(err)
	}
}

func (l *xdsLab) start(addr string) {
	l.t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		l.t.Fatal(err)
	}
	xds := envoy.NewXDS(envoy.XDSConfig{After: l.after})
	g := grpc.NewServer()
	xds.Register(g)
	go func() { _ = g.Serve(listener) }()
	l.xds, l.addr, l.stop = xds, listener.Addr().String(), g.Stop
	l.t.Cleanup(g.Stop)
}

func (l *xdsLab) deployment(b *backend, key string) envoy.Deployment {
	d := b.deployment(l.t, "llm-m")
	d.Credential, d.CredentialPrefix = key, "Bearer "
	return d
}

// set changes the deployments and waits until Envoy has them.
func (l *xdsLab) set(deployments ...envoy.Deployment) {
	l.t.Helper()
	if err := l.xds.Set(deployments); err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	if err := l.xds.Await(ctx); err != nil {
		l.t.Fatalf("Envoy has not taken it: %v", err)
	}
}

// wants makes a call and checks who served it, with which credential.
func (l *xdsLab) wants(status int, from *backend, name, key string) {
	l.t.Helper()
	res, body := call(l.t, "POST", l.URL+"/v1/chat/completions", "{}", "authorization", "Bearer sk-client")
	if res.StatusCode != status || status == 200 && body != name {
		l.t.Fatalf("got %d %q, want %d %q", res.StatusCode, body, status, name)
	}
	if status != 200 {
		return
	}
	if r, _ := from.last(); r == nil || r.Header.Get("Authorization") != key {
		l.t.Fatalf("%s was not called with its credential", name)
	}
}

func TestDeploymentsComeAndGoWhileEnvoyRuns(t *testing.T) {
	l := startXDS(t)
	l.wants(503, nil, "", "")
	l.set(l.deployment(l.a, "key-one-0123456789"))
	l.wants(200, l.a, "a", "Bearer key-one-0123456789")

	// A stream under way outlives all that follows.
	req, _ := http.NewRequestWithContext(t.Context(), "POST", l.URL+"/v1/chat/completions", strings.NewReader("{}"))
	req.Header.Set("X-Stream", "1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stream := bufio.NewReader(res.Body)
	if line, err := stream.ReadString('\n'); err != nil || line != "data: first of a\n" {
		t.Fatalf("%q %v", line, err)
	}

	l.set(l.deployment(l.a, "key-two-0123456789"))
	l.wants(200, l.a, "a", "Bearer key-two-0123456789")
	l.set(l.deployment(l.b, "key-three-0123456789"))
	l.wants(200, l.b, "b", "Bearer key-three-0123456789")
	dump := l.Admin(t, "/config_dump")
	for _, key := range []string{"key-one", "key-two", "key-three"} {
		if strings.Contains(dump, key) {
			t.Errorf("config_dump shows %s", key)
		}
	}

	// Gone from the list, it is still reached by who was routed there just before.
	l.set()
	l.wants(200, l.b, "b", "Bearer key-three-0123456789")
	// It comes back, and does not leave when its first departure would have been due.
	l.set(l.deployment(l.b, "key-three-0123456789"))
	l.expire()
	l.wants(200, l.b, "b", "Bearer key-three-0123456789")
	l.set()
	l.expire()
	l.WaitStat(t, "cluster_manager.active_clusters", 3) // ext_proc, adminsvc, xDS
	l.wants(503, nil, "", "")

	close(l.release)
	rest := ""
	for {
		line, err := stream.ReadString('\n')
		rest += line
		if err != nil {
			break
		}
	}
	if !strings.HasSuffix(rest, "data: [DONE]\n\n") {
		t.Errorf("the stream was cut: %q", rest)
	}
	l.WaitStat(t, "listener_manager.listener_modified", 0)
}

func TestEnvoyKeepsWhatItHasWithoutTheXDSServer(t *testing.T) {
	l := startXDS(t)
	l.set(l.deployment(l.a, "key-one-0123456789"))
	l.stop()
	l.wants(200, l.a, "a", "Bearer key-one-0123456789")
	// A server that is just starting knows nothing yet, and takes nothing away.
	l.start(l.addr)
	l.WaitStat(t, "control_plane.connected_state", 1)
	l.wants(200, l.a, "a", "Bearer key-one-0123456789")
	l.set(l.deployment(l.b, "key-two-0123456789"))
	deadline := time.Now().Add(10 * time.Second)
	for l.xds.Envoys() == 0 && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
	l.set(l.deployment(l.b, "key-two-0123456789"))
	l.wants(200, l.b, "b", "Bearer key-two-0123456789")
}

func TestWhatEnvoyWouldNotTakeIsLeftOut(t *testing.T) {
	l := startXDS(t)
	bad := l.deployment(l.b, "key-0123456789")
	bad.Name, bad.Endpoint.Host = "llm-bad", "no host"
	if envoy.Check(bad) == nil || envoy.Check(l.deployment(l.a, "k")) != nil {
		t.Error("Check says otherwise than Set")
	}
	good := l.deployment(l.a, "key-0123456789")
	err := l.xds.Set([]envoy.Deployment{bad, good, good})
	if err == nil || !strings.Contains(err.Error(), "llm-bad") || !strings.Contains(err.Error(), "two of this name") || strings.Contains(err.Error(), "key-0123456789") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := l.xds.Await(ctx); err != nil {
		t.Fatal(err)
	}
	l.wants(200, l.a, "a", "Bearer key-0123456789")
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	x := envoy.NewXDS(envoy.XDSConfig{})
	defer x.Close()
	if err := x.Await(t.Context()); err != nil {
		t.Errorf("nobody is connected: %v", err)
	}
}
