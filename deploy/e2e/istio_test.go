package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/envoy/envoytest"
)

// istio runs Istio's discovery on resources in files, and an Envoy that gets everything
// from it. The node is of the form router~… or sidecar~…, its labels what selectors read.
func (m *meshStack) istio(kind, namespace, labels string, resources ...string) {
	m.t.Helper()
	ports := freePorts(m.t, 4)
	for i, text := range append(resources, m.services()) {
		m.write(fmt.Sprintf("istio/%d.yaml", i), text)
	}
	// There is no agent that would bring certificates.
	mesh := m.write("mesh.yaml", fmt.Sprintf(`
rootNamespace: istio-system
enableAutoMtls: false
extensionProviders:
- {name: otlp, opentelemetry: {service: collector.purser.svc.cluster.local, port: %s}}
`, portOf(m.t, m.collector.Address)))
	// Extensions only istio-proxy has; nobody to ask for certificates.
	env := []string{"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false", "PILOT_CERT_PROVIDER=none", "ENABLE_CA_SERVER=false"}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	m.run(env, filepath.Join(m.tools, "pilot-discovery"), "discovery", "--registries", "", "--configDir", filepath.Join(m.dir, "istio"), "--meshConfig", mesh,
		"--grpcAddr", at(0), "--httpAddr", at(1), "--monitoringAddr", at(2), "--httpsAddr", "", "--secureGRPCAddr", "", "--ctrlz_port", "0")
	m.discovered("http://" + at(1))
	m.run(nil, m.envoy, "-c", m.write("envoy.yaml", fmt.Sprintf(`
node:
  id: %s~127.0.0.1~one.%s~%s.svc.cluster.local
  cluster: one
  metadata: {NAMESPACE: %s, LABELS: %s, STATIC_LABELS: %s, ISTIO_VERSION: 1.29.2, INSTANCE_IPS: "127.0.0.1", INTERCEPTION_MODE: NONE}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: {cluster_name: xds, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]}
`, kind, namespace, namespace, namespace, labels, labels, ports[3], ports[0])), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
}

// discovered waits until Istio's discovery knows our services: from files it calls itself ready before it has read them, and
// does not tell a proxy that came too soon.
func (m *meshStack) discovered(address string) {
	m.t.Helper()
	said := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get(address + "/debug/registryz"); err != nil {
			said = err.Error()
		} else {
			text, _ := io.ReadAll(r.Body)
			_ = r.Body.Close()
			said = string(text)
		}
		missing := slices.ContainsFunc([]string{"purser-extproc", "purser-adminsvc", "collector"}, func(name string) bool {
			return !strings.Contains(said, name+".purser.svc.cluster.local")
		})
		if !missing {
			return
		}
	}
	m.t.Fatalf("discovery does not know our services: %s", said)
}

// services are Purser's in the mesh, by the names they have in Kubernetes.
func (m *meshStack) services() string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: purser-extproc, namespace: purser}
spec:
  hosts: [purser-extproc.purser.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9002, name: grpc, protocol: GRPC}]
  endpoints: [{address: 127.0.0.1, ports: {grpc: %[1]s}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: purser-adminsvc, namespace: purser}
spec:
  hosts: [purser-adminsvc.purser.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9001, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: %[2]s}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector, namespace: purser}
spec:
  hosts: [collector.purser.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: %[3]s, name: grpc, protocol: GRPC}]
  endpoints: [{address: 127.0.0.1}]
---
# As above: no certificates.
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
`, portOf(m.t, m.info.ExtprocGRPC), portOf(m.t, m.info.AdminsvcURL), portOf(m.t, m.collector.Address))
}

func TestIstioIngressGateway(t *testing.T) {
	m := startMesh(t)
	port := freePorts(t, 1)[0]
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	// A gateway that another application is behind, too.
	m.istio("router", "istio-ingress", "{istio: ingressgateway}",
		m.resources("--for", "istio", "--host", "127.0.0.1", "--gateway", "istio-ingress/public", "--ports", fmt.Sprint(port), "--tracing"),
		fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-ingress}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: %d, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: one, namespace: istio-ingress, labels: {istio: ingressgateway}}
spec: {address: 127.0.0.1, labels: {istio: ingressgateway}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: istio-ingress}
spec:
  hosts: [shop.example.com]
  gateways: [public]
  http:
  - directResponse: {status: 200, body: {string: the shop}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traced, namespace: istio-ingress}
spec:
  tracing: [{providers: [{name: otlp}], randomSamplingPercentage: 100}]
`, port))
	m.ask(address, "127.0.0.1", "", "/health/readiness", "", 200)
	t.Run("governed", func(t *testing.T) { m.governed(address, "127.0.0.1") })
	t.Run("shadow and back", func(t *testing.T) { m.flips(t, address, "127.0.0.1") })
	t.Run("models added by the API", func(t *testing.T) { m.addedModels(t, address, "127.0.0.1") })
	t.Run("one trace", func(t *testing.T) {
		const trace = "7af7651916cd43dd8448eb211c80319c"
		req, err := http.NewRequest("POST", address+"/v1/chat/completions?key=sk-hunter2", strings.NewReader(hello))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+m.newKey(""))
		req.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		ours := m.collector.Await("ours", func(s envoytest.Span) bool { return s.Trace() == trace && s.Service == "purser-extproc" })
		stream := m.collector.Await("Envoy's stream", func(s envoytest.Span) bool { return s.Trace() == trace && s.ID() == ours.Parent() })
		request := m.collector.Await("the gateway's", func(s envoytest.Span) bool { return s.Trace() == trace && s.ID() == stream.Parent() })
		if r.StatusCode != 200 || request.Parent() != "b7ad6b7169203331" {
			t.Errorf("status %d; the gateway's span is below %s", r.StatusCode, request.Parent())
		}
		if bytes.Contains(m.collector.Bytes(), []byte("hunter2")) {
			t.Error("a key is in what the collector got")
		}
	})
	t.Run("another host of the gateway is left alone", func(t *testing.T) {
		if text, _ := m.ask(address, "shop.example.com", "", "/v1/chat/completions", "", 200); text != "the shop" {
			t.Errorf("got %q", text)
		}
	})
	t.Run("the suite", func(t *testing.T) { runPython(t, m.through(address), nil, withoutAddedModels...) })
}

func TestIstioSidecarOfCallers(t *testing.T) {
	m := startMesh(t)
	port := freePorts(t, 1)[0]
	m.istio("sidecar", "shop", "{app: shop}",
		m.resources("--for", "istio", "--placement", "sidecar-outbound", "--selector", "app=shop", "--host", "llm.purser.internal", "--ports", fmt.Sprint(port)),
		// Without iptables a sidecar listens where it is told to.
		fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: shop, namespace: shop}
spec:
  workloadSelector: {labels: {app: shop}}
  egress:
  - port: {number: %d, name: http, protocol: HTTP}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["*/*"]
  - hosts: ["*/*"]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: one, namespace: shop, labels: {app: shop}}
spec: {address: 127.0.0.1, labels: {app: shop}}
`, port))
	m.governed(fmt.Sprintf("http://127.0.0.1:%d", port), "llm.purser.internal")
}

func TestIstioSidecarOfAModel(t *testing.T) {
	m := startMesh(t)
	port := freePorts(t, 1)[0]
	m.istio("sidecar", "models", "{app: vllm}",
		m.resources("--for", "istio", "--placement", "sidecar-inbound", "--selector", "app=vllm"),
		fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: vllm, namespace: models}
spec:
  workloadSelector: {labels: {app: vllm}}
  ingress:
  - port: {number: %d, name: http, protocol: HTTP}
    bind: 127.0.0.1
    captureMode: NONE
    defaultEndpoint: 127.0.0.1:%s
  egress: # not its own service: without iptables that would listen at the same port
  - hosts: [purser/*]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vllm, namespace: models}
spec:
  hosts: [vllm.models.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: %d, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: vllm}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: one, namespace: models, labels: {app: vllm}}
spec: {address: 127.0.0.1, labels: {app: vllm}}
`, port, portOf(t, m.info.FakeProviderURL), port))
	m.governed(fmt.Sprintf("http://127.0.0.1:%d", port), "vllm.models.svc.cluster.local")
}
