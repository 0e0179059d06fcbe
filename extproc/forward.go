package extproc

import (
	"strconv"
	"strings"

	"github.com/purser/purser/extproc/dialect"
)

// routingHeader chooses the cluster; only extproc sets it.
const routingHeader = "x-purser-cluster"

// forward changes the request into what the deployment understands.
func (x *exchange) forward(target, path string) outbound {
	x.decided("admitted")
	d := x.deployment
	change := dialect.Change{Model: target, IncludeUsage: x.call.Stream, Strip: true, Provider: d.Provider}
	if x.outcome.Lowered {
		change.OutputCap = x.outcome.Output
	}
	out := outbound{clearRoute: true, note: x.who()}
	if body, changed := x.endpoint.Rewrite(x.call, change); changed {
		out.body, out.replace = body, true
		// In the same answer, or Envoy refuses with a length mismatch.
		out.set = append(out.set, header{"content-length", strconv.Itoa(len(body))})
	}
	out.set = append(out.set,
		header{":path", joinPath(path, withoutKey(x.passedQuery(path)))},
		header{routingHeader, d.Cluster()},
	)
	if x.s.cfg.InjectCredentials && d.Credential != "" {
		out.set = append(out.set, header{d.CredentialHeader, d.CredentialPrefix + d.Credential.Reveal()})
	}
	if x.s.cfg.InjectCredentials {
		for name, value := range d.Headers {
			out.set = append(out.set, header{name, value.Reveal()})
		}
	}
	out.set = append(out.set, x.patience()...)
	out.remove = x.removed(out.set)
	return out
}

// patience tells Envoy's router how long this call may take, and how often it may try
// to connect: headers that it obeys and takes out.
func (x *exchange) patience() (out []header) {
	d := x.deployment
	add := func(name string, n int64) { out = append(out, header{name, strconv.FormatInt(n, 10)}) }
	switch {
	case x.endpoint.Upgrade: // a socket lives as long as it lives
	case x.call.Stream && d.StreamTimeout > 0:
		// Of an attempt until its reply begins. The other would cut a stream that is going well.
		add("x-envoy-upstream-rq-per-try-timeout-ms", max(d.StreamTimeout.Milliseconds(), 1))
	case !x.call.Stream && d.Timeout > 0:
		add("x-envoy-upstream-rq-timeout-ms", max(d.Timeout.Milliseconds(), 1))
	}
	if d.Retries != nil {
		add("x-envoy-max-retries", int64(*d.Retries))
	}
	return out
}

// passedQuery is the client's query, unless the deployment brings its own.
func (x *exchange) passedQuery(path string) string {
	if strings.Contains(path, "?") {
		return ""
	}
	return x.query
}

// removed lists the request headers that must not reach the provider: the
// credential in whatever header it came, accept-encoding (a compressed reply
// would have to be decoded to be counted), our own and LiteLLM's.
func (x *exchange) removed(set []header) []string {
	out := append([]string{"accept-encoding"}, neverForwarded...)
	keep := func(name string) bool {
		for _, s := range set {
			if s.name == name {
				return true
			}
		}
		return false
	}
	for _, name := range credentialHeaders {
		if !keep(name) {
			out = append(out, name)
		}
	}
	if x.s.cfg.KeyHeader != "" && !keep(x.s.cfg.KeyHeader) {
		out = append(out, x.s.cfg.KeyHeader)
	}
	for _, f := range x.fields {
		if (strings.HasPrefix(f.name, "x-purser-") || strings.HasPrefix(f.name, "x-litellm-")) && !keep(f.name) {
			out = append(out, f.name)
		}
	}
	return out
}
