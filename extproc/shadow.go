package extproc

import (
	"strings"

	"github.com/purser/purser/policy"
)

// wouldRefuse records what shadow mode keeps from happening.
func (x *exchange) wouldRefuse(all ...*policy.Refusal) {
	for _, r := range all {
		x.shadowed = r.Code
		x.s.metrics.shadowed(r)
		x.record(r, true)
	}
}

// spare reports whether a refusal of a known caller is only recorded.
func (x *exchange) spare(r *policy.Refusal) bool {
	if r == nil || !x.grant.Shadow() || x.grant.Key == nil && !x.grant.Master {
		return false
	}
	x.wouldRefuse(r)
	return true
}

// passes reports whether what cannot be served from here goes on as it came: in a
// mesh that is in shadow as a whole, where it has a route of its own. A stand-alone
// Envoy has none, and would send strangers with the provider's own key.
func (x *exchange) passes() bool {
	return x.s.cfg.InjectCredentials && x.status == 0 && !x.reserved && x.s.cfg.Directory.Enforcement() == policy.Shadow
}

// pass lets a request go on as it came, uncounted. Only our own headers are taken off:
// they would steer it.
func (x *exchange) pass() outbound {
	x.passed = true
	x.decided("passed")
	x.s.metrics.decisions.WithLabelValues("passed", "", "").Inc()
	out := outbound{request: modeNone}
	for _, f := range x.fields {
		if strings.HasPrefix(f.name, "x-purser-") {
			out.remove = append(out.remove, f.name)
		}
	}
	return out
}
