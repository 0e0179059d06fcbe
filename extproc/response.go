package extproc

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/purser/purser/extproc/dialect"
	"github.com/purser/purser/policy"
)

// responseHeaders chooses the meter and how the body comes.
func (x *exchange) responseHeaders(ctx context.Context, in *inbound) (outbound, error) {
	x.status, _ = strconv.Atoi(in.headers.get(":status"))
	if !x.reserved {
		return outbound{}, nil // our own refusal on its way out, or one of Envoy's
	}
	x.firstByte = x.s.cfg.Clock()
	x.learnUpstream(in.attrs)
	x.judge(in)
	local := in.attrs["upstream.address"] == ""
	if x.status == 401 && local {
		// Envoy had no credential to inject: our fault, not the caller's.
		x.settle(ctx, policy.StatusFailure, "the provider's credential is missing")
		x.status = 502
		return x.answer(malformed(x.endpoint, &dialect.Malformed{Status: 502, Code: "provider_credential_missing",
			Message: "The provider's credential for this model is not available. Ask the platform's operators"})), nil
	}
	head := dialect.Head{
		Status: x.status, ContentType: in.headers.get("content-type"), ContentEncoding: in.headers.get("content-encoding"), Tokenizer: x.encoding(),
	}
	if n, err := strconv.ParseInt(in.headers.get("content-length"), 10, 64); err == nil {
		head.HasLength, head.Length = true, n
	}
	x.meter = x.endpoint.NewMeter(x.call, head)
	out := outbound{set: x.replyHeaders()}
	if in.end || x.status < 200 || local || (x.endpoint.Unmetered && !x.endpoint.Billable) && x.endpoint.Upgrade {
		switch {
		case in.end || local:
			x.settleResult(ctx)
		case x.status == 101:
			out.response = modeHeld // its request and its slot end with it
		}
		out.set = append(out.set, x.limitHeaders()...)
		return out, nil
	}
	json := !strings.HasPrefix(head.ContentType, "text/event-stream")
	switch {
	case json && head.HasLength && head.Length <= x.s.cfg.ResponseBuffer:
		// Its headers wait for the body, and can carry what it cost.
		x.buffered = true
		out.response = modeBuffered
	default:
		out.response = modeStreamed
		if x.meter.Edits() {
			out.remove = append(out.remove, "content-length")
		}
		out.set = append(out.set, x.limitHeaders()...)
	}
	return out, nil
}

// learnUpstream notes who served, in which attempt.
func (x *exchange) learnUpstream(attrs map[string]string) {
	x.attempts, _ = strconv.Atoi(attrs["upstream.request_attempt_count"])
	if name := attrs["deployment"]; name != "" {
		x.served = strings.TrimPrefix(name, "llm-")
	}
	if x.served == "" || x.served == x.deployment.ID || x.decision.Model == nil {
		return
	}
	for _, d := range x.decision.Model.Deployments {
		if d.ID == x.served {
			x.deployment = d
		}
	}
}

// judge notes whether the deployment is well.
func (x *exchange) judge(in *inbound) {
	s := x.grant.Settings
	if x.deployment == nil || x.decision.Model == nil || len(x.decision.Model.Deployments) < 2 || s.Cooldown < 0 {
		return
	}
	allowed, asked := s.AllowedFails, time.Duration(0)
	switch details := in.attrs["response.code_details"]; {
	case x.status == 503 && details != "" && details != "via_upstream":
		allowed = 0 // Envoy could not reach it, and had tried more than once
	case x.status >= 500, x.status == 401, x.status == 403, x.status == 408, x.status == 404 && x.endpoint.Billable:
	case x.status == 429:
		if n, err := strconv.ParseInt(in.headers.get("retry-after"), 10, 32); err == nil {
			asked = time.Duration(n) * time.Second
		}
	default:
		x.s.cooldowns.well(x.deployment.ID)
		return
	}
	x.s.cooldowns.failed(x.deployment.ID, x.s.cfg.Clock(), allowed, s.Cooldown, asked)
}

func (x *exchange) responseBody(ctx context.Context, in *inbound) (outbound, error) {
	if x.meter == nil {
		return outbound{}, nil
	}
	var out outbound
	if body, changed := x.meter.Chunk(in.body, in.end); changed {
		out.body, out.replace = body, true
		if x.buffered {
			out.set = append(out.set, header{"content-length", strconv.Itoa(len(body))})
		}
	}
	if in.end || x.meter.Complete() {
		cost := x.settleResult(ctx)
		if x.buffered {
			out.set = append(out.set, x.costHeaders(cost)...)
			out.set = append(out.set, x.limitHeaders()...)
		}
	}
	return out, nil
}

// replyHeaders tell the caller who served.
func (x *exchange) replyHeaders() []header {
	d := x.deployment
	out := []header{{"x-litellm-call-id", x.id}, {"x-litellm-model-group", x.decision.Asked}}
	if d != nil {
		out = append(out, header{"x-litellm-model-id", d.ID}, header{"x-litellm-model-name", d.Provider + "/" + d.TargetFor(x.decision.Asked)},
			header{"x-litellm-model-api-base", apiBase(d)})
	}
	if x.s.cfg.Version != "" {
		out = append(out, header{"x-litellm-version", x.s.cfg.Version})
	}
	if x.attempts > 0 {
		out = append(out, header{"x-litellm-attempted-retries", strconv.Itoa(x.attempts - 1)})
	}
	if x.fallbacks > 0 {
		out = append(out, header{"x-litellm-attempted-fallbacks", strconv.Itoa(x.fallbacks)})
	}
	return out
}

func apiBase(d *policy.Deployment) string {
	port := ""
	if d.Port != 0 && !(d.Scheme == "https" && d.Port == 443) && !(d.Scheme == "http" && d.Port == 80) {
		port = ":" + strconv.Itoa(d.Port)
	}
	return d.Scheme + "://" + d.Host + port + d.PathPrefix
}

func (x *exchange) costHeaders(c policy.Cost) []header {
	out := []header{{"x-litellm-response-cost", c.Total.String()}, {"x-litellm-response-cost-original", c.Total.String()},
		{"x-litellm-response-cost-input", c.Input.String()}, {"x-litellm-response-cost-output", c.Output.String()}}
	for _, part := range []struct {
		name string
		cost policy.Money
	}{{"cache-read", c.CacheRead}, {"cache-creation", c.CacheWrite}, {"reasoning", c.Reasoning}, {"tool-usage", c.Other}} {
		if part.cost != 0 {
			out = append(out, header{"x-litellm-response-cost-" + part.name, part.cost.String()})
		}
	}
	return append(out, header{"x-litellm-response-duration-ms", strconv.FormatInt(x.s.cfg.Clock().Sub(x.started).Milliseconds(), 10)})
}

// descriptors are the scopes' names in x-ratelimit headers.
var descriptors = map[policy.ScopeKind]string{
	policy.ScopeProxy: "proxy", policy.ScopeKey: "api_key", policy.ScopeUser: "user", policy.ScopeTeam: "team", policy.ScopeMember: "team_member",
	policy.ScopeCustomer: "end_user", policy.ScopeOrganization: "organization", policy.ScopeProject: "project", policy.ScopeTag: "tag",
}

var perModel = map[policy.ScopeKind]string{
	policy.ScopeKey: "model_per_key", policy.ScopeTeam: "model_per_team", policy.ScopeProject: "model_per_project", policy.ScopeOrganization: "model_per_organization",
	policy.ScopeUser: "model_per_user", policy.ScopeCustomer: "model_per_end_user", policy.ScopeMember: "model_per_team_member",
}

// limitNames are the names of x-ratelimit headers: the limit's, and what is left of it.
// The scopes that callers are not told of have none.
var limitNames = func() (names [2][math.MaxUint8 + 1]*[len(policy.Kinds)][2]string) {
	for i, of := range []map[policy.ScopeKind]string{descriptors, perModel} {
		for scope, name := range of {
			names[i][scope] = &[len(policy.Kinds)][2]string{}
			for kind := range policy.Kinds {
				header := policy.Kind(kind).Info().Header
				names[i][scope][kind] = [2]string{"x-ratelimit-" + name + "-limit-" + header, "x-ratelimit-" + name + "-remaining-" + header}
			}
		}
	}
	return names
}()

// limitHeaders tell the rate limits that hold and what is left of them, this
// request included; and the key's own limits, as LiteLLM's clients read them.
func (x *exchange) limitHeaders() []header {
	out := make([]header, 0, 2*len(x.decision.Ask.Holds)+4)
	for i := range x.decision.Ask.Holds {
		h := &x.decision.Ask.Holds[i]
		if h.Kind == policy.KindSpend || i >= len(x.outcome.Balances) || h.Window.Kind == policy.WindowCalendar {
			continue
		}
		model := 0
		if h.Model != "" {
			model = 1
		}
		all := limitNames[model][h.Scope.Kind]
		if all == nil {
			continue
		}
		names := &all[h.Kind]
		left := h.Limit - x.outcome.Balances[i].Used - x.outcome.Balances[i].Held
		out = append(out, header{names[0], strconv.FormatInt(h.Limit, 10)}, header{names[1], strconv.FormatInt(max(left, 0), 10)})
	}
	if k := x.grant.Key; k != nil {
		if k.Limits.RPM != nil {
			out = append(out, header{"x-litellm-key-rpm-limit", strconv.FormatInt(*k.Limits.RPM, 10)})
		}
		if k.Limits.TPM != nil {
			out = append(out, header{"x-litellm-key-tpm-limit", strconv.FormatInt(*k.Limits.TPM, 10)})
		}
		if k.Limits.MaxBudget != nil {
			out = append(out, header{"x-litellm-key-max-budget", k.Limits.MaxBudget.String()})
		}
		if spend, ok := x.keySpend(); ok {
			out = append(out, header{"x-litellm-key-spend", spend.String()})
		}
	}
	return out
}

// keySpend is what the key has spent in its budget's window, this request included once settled.
func (x *exchange) keySpend() (policy.Money, bool) {
	for i, h := range x.decision.Ask.Holds {
		if h.Scope.Kind == policy.ScopeKey && h.Kind == policy.KindSpend && h.Model == "" && i < len(x.outcome.Balances) {
			return policy.Money(x.outcome.Balances[i].Used), true
		}
	}
	return 0, false
}
