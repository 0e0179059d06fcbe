package envoy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/purser/purser/envoy"
)

var updateGolden = flag.Bool("update-mesh", false, "write the golden files of the meshes anew")

func meshes() map[string]envoy.Mesh {
	with := func(change func(*envoy.Mesh)) envoy.Mesh {
		m := envoy.Mesh{Host: "llm.example.com", Deployments: small().Deployments, Identity: true, ForwardHeaders: []string{"x-our-key"}}
		if change != nil {
			change(&m)
		}
		return m
	}
	return map[string]envoy.Mesh{
		"istio-gateway":          with(func(m *envoy.Mesh) { m.Gateway = "istio-system/public" }),
		"istio-whole-gateway":    with(func(m *envoy.Mesh) { m.WholeGateway = true }),
		"istio-sidecar-outbound": with(func(m *envoy.Mesh) { m.Placement, m.Selector = envoy.AtClients, map[string]string{"app": "shop"} }),
		"istio-sidecar-inbound":  with(func(m *envoy.Mesh) { m.Placement, m.Selector = envoy.AtModel, map[string]string{"app": "vllm"} }),
		"envoy-gateway":          with(nil),
	}
}

func renderMesh(t *testing.T, name string, m envoy.Mesh) []byte {
	t.Helper()
	render := envoy.Istio
	if name == "envoy-gateway" {
		render = envoy.EnvoyGateway
	}
	text, err := render(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMeshResourcesAreAsReviewed(t *testing.T) {
	for name, m := range meshes() {
		t.Run(name, func(t *testing.T) {
			got := renderMesh(t, name, m)
			if bytes.Contains(got, []byte("golden-secret")) {
				t.Error("a provider's key is in it")
			}
			file := filepath.Join("testdata", name+".yaml")
			if *updateGolden {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what is rendered; if that is meant: go test ./envoy -run Mesh -update-mesh, and read the difference", file)
			}
		})
	}
}

// resource is as much of a Kubernetes resource as these tests look at.
type resource struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     map[string]any
}

func resources(t *testing.T, text []byte) (all []resource) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var r resource
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

// into reads a part of a resource as Envoy's own message, strictly.
func into(t *testing.T, part any, m proto.Message) {
	t.Helper()
	raw, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(raw, m); err != nil {
		t.Fatalf("not Envoy's: %v\n%s", err, raw)
	}
}

// What Istio would merge into its listener, merged into ours: Envoy takes it.
func TestEnvoyTakesWhatIstioMerges(t *testing.T) {
	for name, m := range meshes() {
		if !strings.HasPrefix(name, "istio") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var patches []any
			for _, r := range resources(t, renderMesh(t, name, m)) {
				if r.Kind == "EnvoyFilter" {
					patches = r.Spec["configPatches"].([]any)
				}
			}
			if len(patches) < 3 {
				t.Fatalf("%d patches", len(patches))
			}
			value := func(i int) map[string]any {
				return patches[i].(map[string]any)["patch"].(map[string]any)["value"].(map[string]any)
			}
			var filter hcmv3.HttpFilter
			into(t, value(1), &filter)
			var vhost routev3.VirtualHost
			into(t, value(2), &vhost)
			var early anypb.Any
			into(t, value(0)["typed_config"], &early)

			cfg := small()
			boot, err := envoy.Bootstrap(cfg)
			if err != nil {
				t.Fatal(err)
			}
			change(t, boot, func(hcm *hcmv3.HttpConnectionManager) {
				for i, f := range hcm.HttpFilters {
					if f.Name == envoy.ExtProcFilterName {
						hcm.HttpFilters[i] = &filter
					}
				}
				merged := new(hcmv3.HttpConnectionManager)
				if err := early.UnmarshalTo(merged); err != nil {
					t.Fatal(err)
				}
				hcm.EarlyHeaderMutationExtensions = nil
				proto.Merge(hcm, merged)
				hcm.GetRouteConfig().VirtualHosts[0].RequestBodyBufferLimit = nil
				proto.Merge(hcm.GetRouteConfig().VirtualHosts[0], &vhost)
			})
			for _, c := range boot.StaticResources.Clusters {
				if c.Name == envoy.ExtProcCluster {
					c.Name = "outbound|9002||purser-extproc.purser.svc.cluster.local"
				}
			}
			text, err := envoy.MarshalYAML(boot)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "envoy.yaml")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			binary, err := envoy.FindBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := envoy.ValidateFile(t.Context(), binary, file); err != nil {
				t.Error(err)
			}
		})
	}
}

// change edits the connection manager of a bootstrap's listener.
func change(t *testing.T, boot *bootstrapv3.Bootstrap, f func(*hcmv3.HttpConnectionManager)) {
	t.Helper()
	filter := boot.StaticResources.Listeners[0].FilterChains[0].Filters[0]
	hcm := new(hcmv3.HttpConnectionManager)
	if err := filter.GetTypedConfig().UnmarshalTo(hcm); err != nil {
		t.Fatal(err)
	}
	f(hcm)
	if err := filter.GetTypedConfig().MarshalFrom(hcm); err != nil {
		t.Fatal(err)
	}
}

func TestMeshIsValidated(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		change    func(*envoy.Mesh)
		want      string
	}{
		{"no host", func(m *envoy.Mesh) { m.Host = "" }, "Host"},
		{"a sidecar without labels", func(m *envoy.Mesh) { m.Placement = envoy.AtClients }, "Selector"},
		{"another placement", func(m *envoy.Mesh) { m.Placement = "ambient" }, "Placement"},
		{"a namespace that is none", func(m *envoy.Mesh) { m.Namespace = "Not One" }, "Namespace"},
		{"a name twice", func(m *envoy.Mesh) { m.Deployments = append(m.Deployments, m.Deployments[0]) }, "taken"},
		{"an extproc without a port", func(m *envoy.Mesh) { m.ExtProc = "x" }, "ExtProc"},
	} {
		m := envoy.Mesh{Host: "a.example", Deployments: small().Deployments}
		c.change(&m)
		if _, err := envoy.Istio(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.behaviour, err)
		}
	}
	if _, err := envoy.EnvoyGateway(envoy.Mesh{Host: "a", Placement: envoy.AtClients}); err == nil {
		t.Error("Envoy Gateway has no sidecars")
	}
	if got, err := envoy.ParseSelector("a=b, c = d"); err != nil || got["a"] != "b" || got["c"] != "d" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := envoy.ParseSelector("a"); err == nil {
		t.Error("a label without a value")
	}
}
