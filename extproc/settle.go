package extproc

import (
	"context"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// settleDeadline bounds a settlement that nobody waits for.
const settleDeadline = 5 * time.Second

// settleResult settles a reply that is over, by what its meter read.
func (x *exchange) settleResult(ctx context.Context) policy.Cost {
	status, problem := policy.StatusSuccess, ""
	if x.status >= 400 {
		status = policy.StatusFailure
		problem = "the provider answered " + itoa(x.status)
	}
	return x.settle(ctx, status, problem)
}

// settle replaces what is reserved by what was used, once.
func (x *exchange) settle(ctx context.Context, status policy.Status, problem string) policy.Cost {
	if !x.reserved || x.settled {
		return policy.Cost{}
	}
	x.settled = true
	defer x.s.live.remove(x.id)
	e := x.entry()
	e.Status, e.Error, e.HTTPStatus = status, problem, x.status
	e.EndedAt = x.s.cfg.Clock()
	e.ReservedAt = x.outcome.At
	e.FirstByte = x.firstByte
	e.Usage = x.usage(status)
	if x.outcome.Lowered {
		e.Clamped = x.outcome.Output
	}
	e.Limits = policy.Marks(&x.decision.Ask, &x.outcome, &e)
	if x.meter != nil {
		r := x.meter.Result()
		e.RequestID = r.ResponseID
		if r.Failed && e.Status == policy.StatusSuccess {
			e.Status, e.Error = policy.StatusFailure, r.Failure
		}
		// An answer that our cap may have cut says nothing of how long it would have been.
		length := e.Usage.Output / max(x.request.Choices, 1)
		if r.Complete && status == policy.StatusSuccess && !r.Failed && (!x.outcome.Lowered || length < x.outcome.Output) {
			x.s.habits.learn(x.keyHash, x.request.Model, length)
		}
	}
	if x.endpoint.Continued {
		x.s.conversations.learn(e.RequestID, e.Usage)
	}
	e.Cost = policy.CostOf(e.Usage, x.price())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleDeadline)
	defer cancel()
	began := time.Now()
	err := x.s.cfg.Ledger.Settle(ctx, policy.Settlement{ID: x.id, Entry: e})
	x.s.metrics.ledger("settle", began, time.Now(), err)
	if err != nil {
		x.s.cfg.Log.Error("a request could not be settled; it is charged at its hold when its reservation expires", "call_id", x.id, "err", err)
	}
	x.s.metrics.settled(x, &e)
	x.spent(&e)
	x.used = usedNote(&e)
	x.correctBalances(e.Usage, e.Cost)
	return e.Cost
}

// price is the serving deployment's, or the default for what has none.
func (x *exchange) price() policy.Price {
	if x.deployment == nil {
		return policy.Price{}
	}
	p := x.deployment.PriceAt(x.decision.Asked)
	if d := x.grant.Settings.DefaultPrice; !p.Known && d != nil {
		return *d
	}
	return p
}

// usage is what the meter read; where there was no reply, what the rule for
// clients that left says.
func (x *exchange) usage(status policy.Status) policy.Usage {
	if x.endpoint.Unmetered {
		return policy.Usage{Source: policy.UsageUnmetered}
	}
	if x.meter != nil {
		r := x.meter.Result()
		if r.Unreadable && x.status < 400 {
			return policy.Usage{Input: x.decision.Input, Output: x.outcome.Output * max(x.request.Choices, 1), Source: policy.UsageEstimated}
		}
		return r.Usage
	}
	if status != policy.StatusAbandoned {
		return policy.Usage{Source: policy.UsageNone}
	}
	switch x.s.cfg.ChargeAbandoned {
	case AbandonedInput:
		return policy.Usage{Input: x.call.CountInput(x.encoding()), Source: policy.UsageCounted}
	case AbandonedHold:
		return policy.Usage{Input: x.decision.Input, Output: x.outcome.Output * max(x.request.Choices, 1), Source: policy.UsageEstimated}
	}
	return policy.Usage{Source: policy.UsageNone}
}

// correctBalances makes the balances tell what is true after settlement, for the
// headers of a buffered reply.
func (x *exchange) correctBalances(u policy.Usage, c policy.Cost) {
	for i, h := range x.decision.Ask.Holds {
		if i >= len(x.outcome.Balances) {
			return
		}
		b := &x.outcome.Balances[i]
		actual := policy.ActualOf(h.Kind, u, c)
		if h.Window.Kind == policy.WindowMinute {
			b.Used += actual - h.Amount(x.outcome.Output)
		} else {
			b.Held -= h.Amount(x.outcome.Output)
			b.Used += actual
		}
	}
}

// close settles whatever the end of the stream left open. It runs exactly once.
func (x *exchange) close(ctx context.Context) {
	if x.meter != nil {
		defer x.meter.Close()
	}
	if !x.reserved || x.settled {
		return
	}
	if x.meter == nil {
		x.settle(ctx, policy.StatusAbandoned, "the client left before the provider answered")
		return
	}
	x.meter.Chunk(nil, true)
	r := x.meter.Result()
	switch {
	case x.status >= 400:
		x.settleResult(ctx)
	case r.Complete:
		x.settle(ctx, policy.StatusSuccess, "")
	default:
		x.settle(ctx, policy.StatusAbandoned, "the stream ended early")
	}
}

// entry is the request's row as far as it is known.
func (x *exchange) entry() policy.Entry {
	e := policy.Entry{
		Type: policy.EntryRequest, CallID: x.id, Upstream: x.fields.get("x-request-id"), Session: x.fields.get("x-litellm-session-id"),
		KeyHash: x.keyHash.String(), CustomerID: x.request.Customer, Tags: x.decision.Tags,
		CallType: x.endpoint.CallType, Route: x.endpoint.Route, ModelAsked: x.decision.Asked, StartedAt: x.started, ReservedAt: x.outcome.At,
		Stream: x.call != nil && x.call.Stream, Attempts: x.attempts, ClientIP: x.ip, UserAgent: strings.ToValidUTF8(x.fields.get("user-agent"), "?"),
	}
	g := &x.grant
	if g.Master {
		e.UserID = g.Settings.MasterUserID
	}
	if k := g.Key; k != nil {
		e.KeyAlias, e.UserID, e.TeamID, e.ProjectID, e.OrganizationID = k.Alias, k.UserID, k.TeamID, k.ProjectID, k.OrganizationID
	}
	if t := g.Team; t != nil {
		e.TeamID, e.TeamAlias = t.ID, t.Alias
	}
	if p := g.Project; p != nil {
		e.ProjectID, e.ProjectAlias = p.ID, p.Alias
	}
	if o := g.Organization; o != nil {
		e.OrganizationID = o.ID
	}
	if m := x.decision.Model; m != nil {
		e.ModelGroup = m.Name
	}
	if d := x.deployment; d != nil {
		e.Deployment, e.Provider, e.Model, e.APIBase = d.ID, d.Provider, d.TargetFor(x.decision.Asked), apiBase(d)
	}
	return e
}
