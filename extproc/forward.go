package extproc

import (
	"strconv"
	"strings"

	"github.com/purser/purser/extproc/dialect"
	"github.com/purser/purser/policy"
)

// routingHeader chooses the cluster; only extproc sets it.
const routingHeader = "x-purser-cluster"

// route chooses the deployment and the model's name there.
func (x *exchange) route() (target string, refusal *policy.Refusal) {
	m := x.decision.Model
	if m == nil {
		return "", &policy.Refusal{Code: policy.CodeUnknownModel, Param: "model", Message: "No deployment serves this call: name a model"}
	}
	var able []*policy.Deployment
	var other *policy.Deployment
	for _, d := range m.Deployments {
		switch {
		case d.Blocked:
		case x.endpoint.Serves(d):
			able = append(able, d)
		default:
			other = d
		}
	}
	if len(able) == 0 {
		if other != nil {
			x.deployment = other
			_, err := x.endpoint.Path(x.call, other, other.TargetFor(x.decision.Asked))
			message := "Model '" + m.Name + "' is not served in this API's format"
			if err != nil {
				message = err.Error()
			}
			return "", &policy.Refusal{Code: policy.CodeWrongFormat, Param: "model", Message: message}
		}
		return "", &policy.Refusal{Code: policy.CodeUnavailable, Message: "Every deployment of model '" + m.Name + "' is blocked"}
	}
	x.deployment = x.pick(able)
	return x.deployment.TargetFor(x.decision.Asked), nil
}

// pick chooses among the deployments of the best priority by their weights.
func (x *exchange) pick(able []*policy.Deployment) *policy.Deployment {
	best := able[0].Priority
	for _, d := range able {
		best = min(best, d.Priority)
	}
	var total int64
	for _, d := range able {
		if d.Priority == best {
			total += int64(max(d.Weight, 1))
		}
	}
	n := x.s.cfg.Pick(total)
	for _, d := range able {
		if d.Priority != best {
			continue
		}
		if n -= int64(max(d.Weight, 1)); n < 0 {
			return d
		}
	}
	return able[0]
}

// forward changes the request into what the deployment understands.
func (x *exchange) forward(target, path string) outbound {
	d := x.deployment
	change := dialect.Change{Model: target, IncludeUsage: x.call.Stream, Strip: true, Provider: d.Provider}
	if x.outcome.Lowered {
		change.OutputCap = x.outcome.Output
	}
	out := outbound{clearRoute: true}
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
	out.remove = x.removed(out.set)
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
