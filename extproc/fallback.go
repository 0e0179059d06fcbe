package extproc

import (
	"context"

	"github.com/purser/purser/policy"
)

// placeOrFallBack is place; where the key has spent its budget for the model, the call goes
// to the first of its budget_fallbacks that has room. Each is decided like a call that
// names it: what the caller may not use or cannot pay is passed over, and where nothing
// is left the caller hears what stands in the way of the model they asked for.
func (x *exchange) placeOrFallBack(ctx context.Context) (target, path string, refusal *policy.Refusal, err error) {
	target, path, refusal, err = x.place(ctx)
	instead := x.grant.Fallbacks(x.request.Model, x.decision.Asked, refusal)
	if err != nil || len(instead) == 0 {
		return target, path, refusal, err
	}
	request, decision, deployment, outcome := x.request, x.decision, x.deployment, x.outcome
	for i, name := range instead {
		x.request = request
		x.request.Model, x.request.Input, x.deployment = name, x.call.InputEstimate, nil
		x.request.Usual = x.s.habits.usual(x.keyHash, name)
		x.decide()
		if x.decision.Refusal != nil {
			continue
		}
		target, path, other, err := x.place(ctx)
		if err != nil {
			return "", "", nil, err
		}
		if other == nil {
			x.fallbacks = i + 1
			x.wouldRefuse(x.decision.Shadowed...)
			return target, path, nil, nil
		}
	}
	x.request, x.decision, x.deployment, x.outcome = request, decision, deployment, outcome
	return "", "", refusal, nil
}
