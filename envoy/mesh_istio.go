package envoy

import (
	"fmt"
	"strconv"
	"strings"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
)

const (
	adminRoute = "admin" // of the VirtualService

	istioNetworking = "networking.istio.io/v1"
	istioFilters    = "networking.istio.io/v1alpha3" // EnvoyFilter has no later version
)

// Istio is the resources for Istio: the EnvoyFilter, how the extproc is reached and, where requests are routed by us (not at
// a model), a ServiceEntry and DestinationRule per provider and the VirtualService that the routing header chooses in.
func Istio(m Mesh) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	m = m.withDefaults()
	filter, err := m.envoyFilter()
	if err != nil {
		return nil, err
	}
	all := []object{filter, m.extProcRule()}
	if m.Placement != AtModel {
		for i, d := range m.Deployments {
			all = append(all, m.serviceEntry(i, d), m.providerRule(i, d))
		}
		if m.Placement == AtClients {
			all = append(all, m.hostEntry())
		}
		all = append(all, m.virtualService())
	}
	return documents(all)
}

// envoyFilter inserts the filter before the router: what Istio itself checks (RequestAuthentication, AuthorizationPolicy)
// comes first, so that claims are verified when we read them.
func (m Mesh) envoyFilter() (object, error) {
	host, port := split(m.ExtProc)
	filter, err := ExtProcFilter(FilterConfig{
		Cluster: fmt.Sprintf("outbound|%d||%s", port, host), FailOpen: m.FailOpen, ForwardHeaders: m.ForwardHeaders, Identity: m.Identity,
	})
	if err != nil {
		return nil, err
	}
	// Sidecars see all of a workload's calls; only those to models are ours.
	perRoute := m.Placement == AtClients || m.Placement == AtGateway && !m.WholeGateway
	filter.Disabled = perRoute
	value, err := plainOf(filter)
	if err != nil {
		return nil, err
	}
	early, err := m.earlyMutation()
	if err != nil {
		return nil, err
	}
	context := map[Placement]string{AtGateway: "GATEWAY", AtClients: "SIDECAR_OUTBOUND", AtModel: "SIDECAR_INBOUND"}[m.Placement]
	hcm := object{"name": "envoy.filters.network.http_connection_manager"}
	in := func(sub object) object {
		f := object{"name": hcm["name"]}
		if sub != nil {
			f["subFilter"] = sub
		}
		return object{"context": context, "listener": object{"filterChain": object{"filter": f}}}
	}
	// Envoy buffers request and reply bodies up to this much; its own default of 1 MiB would refuse longer prompts.
	vhost := object{"request_body_buffer_limit": m.BodyLimit + rewriteRoom}
	matches := []object{{"context": context}}
	if perRoute {
		vhost["typed_per_filter_config"] = object{ExtProcFilterName: object{
			"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": object{"@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", "overrides": object{}},
		}}
		matches = nil
		for _, port := range m.Ports {
			matches = append(matches, object{"context": context, "routeConfiguration": object{"vhost": object{"name": fmt.Sprintf("%s:%d", m.Host, port)}}})
		}
	}
	patches := []any{
		object{"applyTo": "NETWORK_FILTER", "match": in(nil), "patch": object{"operation": "MERGE", "value": object{"typed_config": early}}},
		object{"applyTo": "HTTP_FILTER", "match": in(object{"name": "envoy.filters.http.router"}), "patch": object{"operation": "INSERT_BEFORE", "value": value}},
	}
	if m.Tracing {
		patches = append(patches, object{"applyTo": "NETWORK_FILTER", "match": in(nil), "patch": object{"operation": "MERGE", "value": object{"typed_config": object{
			"@type": early["@type"],
			// One character, "/": a merge takes 0 for not said.
			"tracing": object{"max_path_tag_length": 1},
		}}}})
	}
	for _, match := range matches {
		patches = append(patches, object{"applyTo": "VIRTUAL_HOST", "match": match, "patch": object{"operation": "MERGE", "value": vhost}})
	}
	if m.Placement != AtModel {
		// The management plane is not the extproc's business.
		off := object{"typed_per_filter_config": object{ExtProcFilterName: object{
			"@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", "disabled": true,
		}}}
		for _, port := range m.Ports {
			at := object{"context": context, "routeConfiguration": object{"vhost": object{"name": fmt.Sprintf("%s:%d", m.Host, port), "route": object{"name": adminRoute}}}}
			patches = append(patches, object{"applyTo": "HTTP_ROUTE", "match": at, "patch": object{"operation": "MERGE", "value": off}})
		}
	}
	return m.resourceIn(m.FilterNamespace, istioFilters, "EnvoyFilter", m.Name+"-"+string(m.Placement), object{
		"workloadSelector": object{"labels": labels(m.Selector)}, "configPatches": patches,
	}), nil
}

// earlyMutation takes the routing header off before a route is chosen: a client that sent it would choose for itself.
func (m Mesh) earlyMutation() (object, error) {
	var b builder
	out, err := plainOf(&hcmv3.HttpConnectionManager{EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{
		b.extension("envoy.http.early_header_mutation.header_mutation", &earlyv3.HeaderMutation{Mutations: []*mutationv3.HeaderMutation{remove(RoutingHeader)}}),
	}})
	if err != nil || b.err != nil {
		return nil, fmt.Errorf("envoy: early header mutation: %w", err)
	}
	out["@type"] = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	return out, nil
}

// extProcRule lets as many requests be at the extproc as there are, each of them one stream.
func (m Mesh) extProcRule() object {
	host, _ := split(m.ExtProc)
	return m.resource(istioNetworking, "DestinationRule", m.Name+"-extproc", object{
		"host": host,
		"trafficPolicy": object{
			"connectionPool": object{"http": object{"http2MaxRequests": 100_000, "http1MaxPendingRequests": 100_000, "maxRetries": 1000}, "tcp": object{"maxConnections": 1000, "connectTimeout": "250ms"}},
			"loadBalancer":   object{"simple": "LEAST_REQUEST"},
			// A replica that is going refuses streams; it is asked again later.
			"outlierDetection": object{"consecutiveGatewayErrors": 3, "consecutive5xxErrors": 0, "interval": "1s", "baseEjectionTime": "5s", "maxEjectionPercent": 50},
		},
	})
}

// provider is the host that a deployment has within the mesh: its own name, or one made up for an address.
func (m Mesh) provider(i int, d Deployment) string {
	if isIP(d.Endpoint.Host) {
		return m.resourceName(i, d) + "." + m.Namespace + ".purser.internal"
	}
	return d.Endpoint.Host
}

func (m Mesh) serviceEntry(i int, d Deployment) object {
	protocol := "HTTP"
	if d.Protocol == HTTP2 {
		protocol = "HTTP2"
	}
	spec := object{
		"hosts": []any{m.provider(i, d)}, "location": "MESH_EXTERNAL", "resolution": "DNS",
		// HTTP, also where the rule below speaks TLS: Istio must see the requests to route them.
		"ports": []any{object{"name": "http", "number": d.Endpoint.Port, "protocol": protocol}},
	}
	if isIP(d.Endpoint.Host) {
		spec["resolution"] = "STATIC"
		spec["endpoints"] = []any{object{"address": d.Endpoint.Host}}
	}
	return m.resource(istioNetworking, "ServiceEntry", m.resourceName(i, d), spec)
}

func (m Mesh) providerRule(i int, d Deployment) object {
	policy := object{
		"connectionPool": object{"http": object{"http1MaxPendingRequests": 100_000, "http2MaxRequests": 100_000, "idleTimeout": d.IdleTimeout.String()}, "tcp": object{"connectTimeout": d.ConnectTimeout.String()}},
		"loadBalancer":   object{"simple": "LEAST_REQUEST"},
	}
	if d.Endpoint.tls() {
		tls := object{"mode": "SIMPLE", "sni": d.Hostname, "subjectAltNames": []any{d.Hostname}}
		if d.CABundle != DefaultCABundle {
			tls["caCertificates"] = d.CABundle
		}
		policy["tls"] = tls
	}
	return m.resource(istioNetworking, "DestinationRule", m.resourceName(i, d), object{"host": m.provider(i, d), "trafficPolicy": policy})
}

// hostEntry makes the name that workloads call, which leads nowhere but by the routing header.
func (m Mesh) hostEntry() object {
	var ports []any
	for _, port := range m.Ports {
		ports = append(ports, object{"name": fmt.Sprintf("http-%d", port), "number": port, "protocol": "HTTP"})
	}
	return m.resource(istioNetworking, "ServiceEntry", m.Name+"-host", object{
		"hosts": []any{m.Host}, "location": "MESH_EXTERNAL", "resolution": "NONE",
		"addresses": []any{"240.240.0.10"},
		"ports":     ports,
	})
}

// virtualService leads by the routing header to providers (without a timeout, which is how Istio says that a call takes as long as it
// takes; it refuses to be told 0), without it to an answer that says so, and the rest to adminsvc.
func (m Mesh) virtualService() object {
	var routes []any
	for i, d := range m.Deployments {
		routes = append(routes, object{
			"name":    m.resourceName(i, d),
			"match":   []any{object{"headers": object{RoutingHeader: object{"exact": d.Name}}}},
			"route":   []any{object{"destination": object{"host": m.provider(i, d), "port": object{"number": d.Endpoint.Port}}}},
			"rewrite": object{"authority": d.authority()},
			"headers": object{"request": object{"remove": anys(notForProviders)}},
			"retries": object{"attempts": 2, "retryOn": retryOn},
		})
	}
	// The others stand in a database, or came to the configuration since.
	routes = append(routes, unrouted("unknown", []any{object{"headers": object{RoutingHeader: object{"regex": ".+"}}}},
		"The mesh has no route to this model's deployment. Its operators have to run purser envoy-config again and apply what it prints"))
	var llm []any
	for _, p := range LLMPaths {
		llm = append(llm, object{"uri": object{"regex": p.Expression}})
	}
	// The extproc sends a request on by the header; what still is here was not judged.
	routes = append(routes, unrouted("llm", llm, unjudged))
	host, port := split(m.AdminSvc)
	routes = append(routes, object{"name": adminRoute, "route": []any{object{"destination": object{"host": host, "port": object{"number": port}}}}, "timeout": adminTimeout.String()})
	spec := object{"hosts": []any{m.Host}, "http": routes}
	if m.Placement == AtGateway {
		spec["gateways"] = []any{m.Gateway}
	}
	return m.resource(istioNetworking, "VirtualService", m.Name, spec)
}

// unrouted is a route that leads to an answer which says why it leads nowhere.
func unrouted(name string, match []any, message string) object {
	return object{
		"name": name, "match": match,
		"directResponse": object{"status": 503, "body": object{"string": unroutedBody(message)}},
		"headers":        object{"response": object{"set": object{"content-type": "application/json"}}},
	}
}

func labels(m map[string]string) object {
	out := object{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// ParseSelector reads "a=b,c=d".
func ParseSelector(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	out := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		k, v, ok := strings.Cut(part, "=")
		if k = strings.TrimSpace(k); !ok || k == "" {
			return nil, fmt.Errorf("%s: write label=value,label=value", strconv.Quote(text))
		}
		out[k] = strings.TrimSpace(v)
	}
	return out, nil
}
