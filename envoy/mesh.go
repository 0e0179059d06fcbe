package envoy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Mesh describes the resources that put Purser into an Envoy somebody else's control plane runs. What the filter says is
// ExternalProcessor's, as for a stand-alone Envoy; credentials are set by the extproc (INJECT_CREDENTIALS=true), because the
// clusters are the mesh's.
type Mesh struct {
	// Name of every resource, or its beginning. Default "purser".
	Name string
	// Namespace of every resource. Default "purser".
	Namespace string
	// Host is the name clients call. Required, but for sidecars in front of a model.
	Host string
	// Gateway is the Gateway that serves Host: "name", or "namespace/name". Default Name.
	Gateway string
	// FilterNamespace is where the EnvoyFilter goes. Istio only. Default istio-system, the root namespace: from any other it
	// would reach the proxies of that namespace alone.
	FilterNamespace string
	// Selector are the labels of the proxies the filter goes to. Istio only. Default istio: ingressgateway for a gateway;
	// required for sidecars.
	Selector map[string]string
	// Placement is where in Istio the filter goes. Default AtGateway.
	Placement Placement
	// Ports are those Host is served at, which Istio names virtual hosts by. Default 80 and 443 for a gateway, 80 for sidecars.
	Ports []int
	// WholeGateway judges whatever the gateway serves. Istio only. Default: the filter is off but on the routes of Host, so that
	// whatever else goes through the same proxy never gets there.
	WholeGateway bool

	// ExtProc and AdminSvc are host:port of the services. Default purser-extproc (in Envoy Gateway purser-extproc-pods, the
	// headless one) and purser-adminsvc in Namespace, 9002 and 9001.
	ExtProc, AdminSvc string

	Deployments    []Deployment
	ForwardHeaders []string // as of Config
	Identity       bool     // as of FilterConfig
	// Tracing keeps paths, which may hold keys, out of the spans of proxies that trace. Istio only: that they do, and whereto, is
	// MeshConfig's and Telemetry's to say.
	Tracing   bool
	FailOpen  bool   // as of FilterConfig. What passes unjudged has no credential, so providers refuse it
	BodyLimit uint64 // as of Config
}

// Placement is where in a mesh the filter stands.
type Placement string

// The placements.
const (
	// AtGateway is the mesh's edge: everybody who calls Host from outside.
	AtGateway Placement = "gateway"
	// AtClients is the sidecar of workloads that call models: Host need not exist.
	AtClients Placement = "sidecar-outbound"
	// AtModel is the sidecar of a model's own server.
	AtModel Placement = "sidecar-inbound"
)

func (m Mesh) withDefaults() Mesh {
	m.Name = cmp.Or(m.Name, "purser")
	m.Namespace = cmp.Or(m.Namespace, "purser")
	m.FilterNamespace = cmp.Or(m.FilterNamespace, "istio-system")
	m.Gateway = cmp.Or(m.Gateway, m.Name)
	m.Placement = cmp.Or(m.Placement, AtGateway)
	if len(m.Ports) == 0 {
		if m.Ports = []int{80}; m.Placement == AtGateway {
			m.Ports = []int{80, 443}
		}
	}
	m.BodyLimit = cmp.Or(m.BodyLimit, defaultBodyLimit)
	m.ExtProc = cmp.Or(m.ExtProc, "purser-extproc."+m.Namespace+".svc.cluster.local:9002")
	m.AdminSvc = cmp.Or(m.AdminSvc, "purser-adminsvc."+m.Namespace+".svc.cluster.local:9001")
	if m.Placement == AtGateway && len(m.Selector) == 0 {
		m.Selector = map[string]string{"istio": "ingressgateway"}
	}
	for i, d := range m.Deployments {
		if i == 0 {
			m.Deployments = append([]Deployment(nil), m.Deployments...)
		}
		m.Deployments[i] = d.withDefaults()
	}
	return m
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

// Validate reports everything that is wrong.
func (m Mesh) Validate() error {
	m = m.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("envoy: "+format, args...)) }
	for field, v := range map[string]string{"Name": m.Name, "Namespace": m.Namespace, "FilterNamespace": m.FilterNamespace} {
		if !label.MatchString(v) {
			bad("%s %q: lower case letters, digits and - only, 40 at most", field, v)
		}
	}
	switch m.Placement {
	case AtGateway, AtClients:
		if err := validHost(m.Host); err != nil {
			bad("Host: %w", err)
		}
	case AtModel:
	default:
		bad("Placement %q: it is %s, %s or %s", m.Placement, AtGateway, AtClients, AtModel)
	}
	if m.Placement != AtGateway && len(m.Selector) == 0 {
		bad("Selector: without one the filter would go to every sidecar of the namespace")
	}
	for field, v := range map[string]string{"ExtProc": m.ExtProc, "AdminSvc": m.AdminSvc} {
		if _, err := parseHostPort(v); err != nil {
			bad("%s: %w", field, err)
		}
	}
	seen := map[string]bool{}
	for i, d := range m.Deployments {
		if err := d.Validate(); err != nil {
			bad("Deployments[%d]: %w", i, err)
		}
		if seen[d.Name] {
			bad("Deployments[%d]: the name %q is taken", i, d.Name)
		}
		seen[d.Name] = true
	}
	return errors.Join(errs...)
}

// unroutedBody is the reply, in OpenAI's shape, to a call that no route leads on. message needs no escaping.
func unroutedBody(message string) string {
	return `{"error":{"message":"` + message + `","type":"internal_server_error","param":null,"code":"503"}}`
}

// unjudged is said of a call that the extproc did not send on.
const unjudged = "No deployment was chosen for this request"

// object is a Kubernetes resource, or a part of one.
type object map[string]any

func (m Mesh) resource(api, kind, name string, spec any) object {
	return m.resourceIn(m.Namespace, api, kind, name, spec)
}

func (m Mesh) resourceIn(namespace, api, kind, name string, spec any) object {
	return object{"apiVersion": api, "kind": kind, "metadata": object{
		"name": name, "namespace": namespace, "labels": object{"app.kubernetes.io/part-of": "purser", "app.kubernetes.io/managed-by": "purser-envoy-config"},
	}, "spec": spec}
}

// documents writes resources as YAML, fields in alphabetical order.
func documents(all []object) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	for _, o := range all {
		if err := enc.Encode(o); err != nil {
			return nil, fmt.Errorf("envoy: %w", err)
		}
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	return out.Bytes(), nil
}

// plainOf is a message as a tree that YAML can hold.
func plainOf(msg proto.Message) (object, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(msg)
	if err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out object
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	return tidy(out).(object), nil
}

// tidy turns JSON's numbers and maps into what the YAML encoder writes plainly.
func tidy(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = tidy(v[i])
		}
		return v
	case map[string]any:
		return tidy(object(v))
	case object:
		for k := range v {
			v[k] = tidy(v[k])
		}
		return v
	}
	return v
}

// resourceName makes of a deployment's name one that a resource may have.
func (m Mesh) resourceName(i int, d Deployment) string {
	var b strings.Builder
	for _, r := range strings.ToLower(d.Name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	text := strings.Trim(b.String(), "-")
	if len(text) > 40 {
		text = strings.Trim(text[:40], "-")
	}
	// The number keeps two apart whose names differ only in what was replaced.
	return m.Name + "-" + strconv.Itoa(i) + "-" + cmp.Or(text, "model")
}

func split(hostport string) (host string, port int) {
	a, _ := parseHostPort(hostport) // validated
	return a.host, int(a.port)
}

func isIP(host string) bool { return net.ParseIP(host) != nil }
