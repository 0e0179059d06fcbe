package extproc

import (
	"context"
	"fmt"
	"slices"

	"github.com/purser/purser/policy"
)

// place finds a deployment with room for the call and reserves it. What one provider
// allows no more of, another one's may: while nothing but the deployment stands in the
// way the next is tried, those of the best order first.
func (x *exchange) place(ctx context.Context) (target, path string, refusal *policy.Refusal, err error) {
	able, refusal := x.able()
	if refusal != nil {
		return "", "", refusal, nil
	}
	var soonest *policy.Refusal
	for {
		x.deployment = x.pick(able)
		if soonest == nil {
			x.decision.Bind(x.deployment, x.request, x.grant.Settings)
		} else {
			x.decide()
		}
		target = x.deployment.TargetFor(x.decision.Asked)
		if path, err = x.endpoint.Path(x.call, x.deployment, target); err != nil {
			return "", "", &policy.Refusal{Code: policy.CodeWrongFormat, Param: "model", Message: err.Error()}, nil
		}
		r, err := x.reserve(ctx)
		if err != nil || r == nil {
			return target, path, nil, err
		}
		if !x.decision.Ask.FullAt(x.outcome) {
			return "", "", r, nil
		}
		if soonest == nil || r.RetryIn < soonest.RetryIn {
			soonest = r
		}
		able = slices.DeleteFunc(able, func(d *policy.Deployment) bool { return d == x.deployment })
		if len(able) == 0 {
			// What the providers allow the platform is not the caller's to see.
			soonest.Private, soonest.Model = true, x.decision.Asked
			soonest.Message = fmt.Sprintf("No deployment of model '%s' has room right now: their providers allow no more %s a minute. Try again in %d seconds",
				x.decision.Asked, soonest.Kind.Info().Unit, seconds(soonest.RetryIn))
			return "", "", soonest, nil
		}
	}
}

// able lists the deployments that can serve the call. Those that keep failing are left
// out, unless there is no other.
func (x *exchange) able() ([]*policy.Deployment, *policy.Refusal) {
	m := x.decision.Model
	if m == nil {
		return nil, &policy.Refusal{Code: policy.CodeUnknownModel, Param: "model", Message: "No deployment serves this call: name a model"}
	}
	able := make([]*policy.Deployment, 0, len(m.Deployments))
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
	switch {
	case len(able) > 1 && x.grant.Settings.Cooldown >= 0:
		well := make([]*policy.Deployment, 0, len(able))
		for _, d := range able {
			if !x.s.cooldowns.out(d.ID, x.started) {
				well = append(well, d)
			}
		}
		if len(well) > 0 {
			able = well
		}
	case len(able) == 0 && other != nil:
		x.deployment = other
		_, err := x.endpoint.Path(x.call, other, other.TargetFor(x.decision.Asked))
		message := "Model '" + m.Name + "' is not served in this API's format"
		if err != nil {
			message = err.Error()
		}
		return nil, &policy.Refusal{Code: policy.CodeWrongFormat, Param: "model", Message: message}
	case len(able) == 0:
		return nil, &policy.Refusal{Code: policy.CodeUnavailable, Message: "Every deployment of model '" + m.Name + "' is blocked"}
	}
	return able, nil
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
