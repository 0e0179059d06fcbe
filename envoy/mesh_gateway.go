package envoy

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
)

const (
	gatewayAPI   = "gateway.networking.k8s.io/v1"
	envoyGateway = "gateway.envoyproxy.io/v1alpha1"
	// mostRules is the Gateway API's bound on the rules of an HTTPRoute.
	mostRules = 16
)

// forwardable are the attributes that Envoy Gateway lets through to a processor.
var forwardable = regexp.MustCompile(`^(connection\.|source\.|destination\.|request\.|response\.|upstream\.|xds\.route_)[a-z_1-9]*$`)

// EnvoyGateway is the resources for Envoy Gateway 1.9: an EnvoyExtensionPolicy with what of ExternalProcessor it can say,
// HTTPRoutes that the routing header chooses among, Backends, and the limits of buffers. It needs the Backend API enabled
// (extensionApis.enableBackend).
func EnvoyGateway(m Mesh) ([]byte, error) {
	if m.Placement != "" && m.Placement != AtGateway {
		return nil, fmt.Errorf("envoy: Placement %q: Envoy Gateway has no sidecars", m.Placement)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	given := m.ExtProc
	m = m.withDefaults()
	if given == "" {
		// Its Envoy resolves the name itself, once: of the address of a Service, each connection would stay with one pod.
		m.ExtProc = "purser-extproc-pods." + m.Namespace + ".svc.cluster.local:9002"
	}
	all := []object{m.backend(m.Name+"-extproc", m.ExtProc, true), m.backend(m.Name+"-adminsvc", m.AdminSvc, false)}
	var rules []any
	for i, d := range m.Deployments {
		all = append(all, m.providerBackend(i, d))
		rules = append(rules, m.providerRoute(i, d))
	}
	all = append(all, m.resource(envoyGateway, "HTTPRouteFilter", m.Name+"-unrouted", object{"directResponse": object{
		"statusCode": 503, "contentType": "application/json",
		"body": object{"type": "Inline", "inline": unroutedBody(unjudged)},
	}}))
	var llm []any
	for _, p := range LLMPaths {
		llm = append(llm, object{"path": object{"type": "RegularExpression", "value": p.Expression}})
	}
	// What the extproc did not send on by the header.
	rules = append(rules, object{"name": "llm", "matches": llm, "filters": []any{object{
		"type": "ExtensionRef", "extensionRef": object{"group": "gateway.envoyproxy.io", "kind": "HTTPRouteFilter", "name": m.Name + "-unrouted"},
	}}})
	var targets []any
	for n := 0; n*mostRules < len(rules); n++ {
		name := fmt.Sprintf("%s-llm-%d", m.Name, n)
		all = append(all, m.httpRoute(name, rules[n*mostRules:min((n+1)*mostRules, len(rules))]))
		targets = append(targets, object{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name})
	}
	all = append(all,
		m.httpRoute(m.Name+"-admin", []any{object{
			"name": "admin", "matches": []any{object{"path": object{"type": "PathPrefix", "value": "/"}}},
			"backendRefs": []any{backendRef(m.Name + "-adminsvc")}, "timeouts": object{"request": adminTimeout.String()},
		}}),
		m.extensionPolicy(targets),
		m.resource(envoyGateway, "ClientTrafficPolicy", m.Name, object{
			"targetRefs": []any{object{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": m.Gateway}},
			// Bodies are buffered up to this; Envoy Gateway's own default is 32 KiB.
			"connection": object{"bufferLimit": fmt.Sprint(m.BodyLimit + rewriteRoom)},
			// A client that sent it would choose its own route.
			"headers": object{"earlyRequestHeaders": object{"remove": []any{RoutingHeader}}},
			"timeout": object{"http": object{"streamIdleTimeout": time.Hour.String()}},
		}),
		m.resource(envoyGateway, "BackendTrafficPolicy", m.Name, object{
			"targetRefs":     targets,
			"timeout":        object{"http": object{"requestTimeout": "0s"}},
			"circuitBreaker": object{"maxConnections": 100_000, "maxPendingRequests": 100_000, "maxParallelRequests": 100_000},
		}),
	)
	return documents(all)
}

func (m Mesh) httpRoute(name string, rules []any) object {
	return m.resource(gatewayAPI, "HTTPRoute", name, object{
		"parentRefs": []any{object{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": m.Gateway}}, "hostnames": []any{m.Host}, "rules": rules,
	})
}

func backendRef(name string) object {
	return object{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": name}
}

func (m Mesh) backend(name, at string, h2c bool) object {
	host, port := split(at)
	spec := object{"endpoints": []any{endpoint(host, port, "")}}
	if h2c {
		spec["appProtocols"] = []any{"gateway.envoyproxy.io/h2c"}
	}
	return m.resource(envoyGateway, "Backend", name, spec)
}

func endpoint(host string, port int, hostname string) object {
	if isIP(host) {
		e := object{"ip": object{"address": host, "port": port}}
		if hostname != "" && !isIP(hostname) {
			e["hostname"] = hostname
		}
		return e
	}
	return object{"fqdn": object{"hostname": host, "port": port}}
}

func (m Mesh) providerBackend(i int, d Deployment) object {
	spec := object{"endpoints": []any{endpoint(d.Endpoint.Host, d.Endpoint.Port, d.Hostname)}}
	if d.Endpoint.tls() {
		spec["tls"] = object{"wellKnownCACertificates": "System", "sni": d.Hostname}
	}
	if d.Protocol == HTTP2 && !d.Endpoint.tls() {
		spec["appProtocols"] = []any{"gateway.envoyproxy.io/h2c"}
	}
	return m.resource(envoyGateway, "Backend", m.resourceName(i, d), spec)
}

// anyPath is a regular expression that every path matches, and that is longer than those of the LLM paths: Envoy Gateway puts
// routes of the longest expression first, before it looks at their headers. Empty groups make it so.
func anyPath() string {
	longest := 0
	for _, p := range LLMPaths {
		longest = max(longest, len(p.Expression))
	}
	return "/.*" + strings.Repeat("(?:)", longest/4+1)
}

func (m Mesh) providerRoute(i int, d Deployment) object {
	filters := []any{object{"type": "RequestHeaderModifier", "requestHeaderModifier": object{"remove": anys(notForProviders)}}}
	if !isIP(d.Hostname) {
		filters = append(filters, object{"type": "URLRewrite", "urlRewrite": object{"hostname": d.Hostname}})
	}
	return object{
		"name":        m.resourceName(i, d),
		"matches":     []any{object{"path": object{"type": "RegularExpression", "value": anyPath()}, "headers": []any{object{"type": "Exact", "name": RoutingHeader, "value": d.Name}}}},
		"filters":     filters,
		"backendRefs": []any{backendRef(m.resourceName(i, d))},
		"timeouts":    object{"request": "0s"},
	}
}

// extensionPolicy says what it can of the one definition. Envoy Gateway forwards all headers, and sets its own retries.
func (m Mesh) extensionPolicy(targets []any) object {
	f := ExternalProcessor(FilterConfig{FailOpen: m.FailOpen, ForwardHeaders: m.ForwardHeaders, Identity: m.Identity})
	bodies := map[extprocv3.ProcessingMode_BodySendMode]string{
		extprocv3.ProcessingMode_BUFFERED: "Buffered", extprocv3.ProcessingMode_STREAMED: "Streamed", extprocv3.ProcessingMode_BUFFERED_PARTIAL: "BufferedPartial",
	}
	side := func(mode extprocv3.ProcessingMode_BodySendMode, attributes []string) object {
		out := object{}
		if name, ok := bodies[mode]; ok {
			out["body"] = name
		}
		var able []any
		for _, a := range attributes {
			if forwardable.MatchString(a) {
				able = append(able, a)
			}
		}
		if len(able) > 0 {
			out["attributes"] = able
		}
		return out
	}
	proc := object{
		"backendRefs":    []any{backendRef(m.Name + "-extproc")},
		"messageTimeout": f.MessageTimeout.AsDuration().String(),
		"failOpen":       f.FailureModeAllow,
		"statusOnError":  int(f.StatusOnError.Code),
		"processingMode": object{
			"allowModeOverride": f.AllowModeOverride,
			"request":           side(f.ProcessingMode.RequestBodyMode, f.RequestAttributes),
			"response":          side(f.ProcessingMode.ResponseBodyMode, f.ResponseAttributes),
		},
		"backendSettings": object{
			"circuitBreaker": object{"maxConnections": 1000, "maxPendingRequests": 100_000, "maxParallelRequests": 100_000},
			"retry":          object{"numRetries": 4, "retryOn": object{"triggers": []any{"connect-failure", "refused-stream", "unavailable", "reset"}}},
		},
	}
	meta := object{"writableNamespaces": anys(f.MetadataOptions.ReceivingNamespaces.Untyped)}
	if ns := f.MetadataOptions.ForwardingNamespaces; ns != nil {
		meta["accessibleNamespaces"] = anys(ns.Untyped)
	}
	proc["metadata"] = meta
	return m.resource(envoyGateway, "EnvoyExtensionPolicy", m.Name, object{"targetRefs": targets, "extProc": []any{proc}})
}
