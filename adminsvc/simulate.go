package adminsvc

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/purser/purser/policy"
)

type simulation struct {
	Body
	Key          Opt[string]   `json:"key" doc:"A key or its hash; without it and the ids below, the caller's own"`
	TeamID       Opt[string]   `json:"team_id"`
	ProjectID    Opt[string]   `json:"project_id"`
	UserID       Opt[string]   `json:"user_id"`
	Organization Opt[string]   `json:"organization_id"`
	Endpoint     Opt[string]   `json:"endpoint" doc:"The path that would be called; default /v1/chat/completions"`
	Model        Opt[string]   `json:"model" required:"true"`
	Input        Opt[int64]    `json:"input_tokens" doc:"Tokens of the prompt; or send it, as prompt"`
	Prompt       Opt[string]   `json:"prompt" doc:"Is counted, and kept nowhere"`
	MaxTokens    Opt[int64]    `json:"max_tokens" doc:"The call's own cap on its answer; absent: none"`
	N            Opt[int64]    `json:"n" doc:"How many answers; default 1"`
	Customer     Opt[string]   `json:"user" doc:"The end user of the call"`
	Tags         Opt[[]string] `json:"tags"`
	IP           Opt[string]   `json:"ip" doc:"The caller's address; absent: rules for addresses are left out"`
}

type simulated struct {
	Allowed    Opt[bool]         `json:"allowed"`
	Status     Opt[int64]        `json:"status" doc:"Of the answer: 200, or the refusal's"`
	Error      Opt[Fields]       `json:"error" doc:"message, type, param, and scope, scope_id and limit_kind of the limit that refuses"`
	Model      Opt[string]       `json:"model" doc:"Aliases resolved"`
	Deployment Opt[string]       `json:"deployment" doc:"One that would serve it; for who may read all"`
	Output     Opt[int64]        `json:"max_output_tokens" doc:"The longest answer that would be granted"`
	Lowered    Opt[bool]         `json:"lowered" doc:"That is less than was asked for, or the model has"`
	Cost       Opt[policy.Money] `json:"max_cost" doc:"In USD, with an answer of that length"`
	Limits     Opt[rows]         `json:"limits" doc:"As GET /limits, with asked and refuses: those this call meets"`
	Trace      Opt[rows]         `json:"trace" doc:"Each check in turn: check, scope, scope_id, model, limit, window, passed"`
}

func (s *server) simulate(ctx context.Context, c *Caller, in *simulation) (any, error) {
	for field, v := range map[string]Opt[int64]{"input_tokens": in.Input, "max_tokens": in.MaxTokens, "n": in.N} {
		if v.Value < 0 || v.Value > 1<<40 {
			return nil, badRequest(field, "%s must be between 0 and %d", field, int64(1)<<40)
		}
	}
	if in.N.Value > 1<<10 {
		return nil, badRequest("n", "n is at most %d", 1<<10)
	}
	endpoint := cmp.Or(in.Endpoint.Or(""), "/v1/chat/completions")
	if !strings.HasPrefix(endpoint, "/") || len(endpoint) > 1024 {
		return nil, badRequest("endpoint", "endpoint is a path such as /v1/chat/completions")
	}
	who := subject{key: in.Key.Or(""), org: in.Organization.Or(""), team: in.TeamID.Or(""), project: in.ProjectID.Or(""), user: in.UserID.Or("")}
	q, err := s.questionAbout(ctx, c, who)
	if err != nil {
		return nil, err
	}
	input := in.Input.Or(0)
	if text := in.Prompt.Or(""); text != "" {
		if s.CountTokens == nil {
			return nil, badRequest("prompt", "Texts cannot be counted here: send input_tokens")
		}
		input += s.CountTokens("", text)
	}
	q.Customer, q.Tags = in.Customer.Or(""), in.Tags.Or(nil)
	q.Call = &policy.Asked{Path: endpoint, Model: in.Model.Value, IP: in.IP.Or(""), Input: input, MaxOutput: in.MaxTokens.Or(0), Choices: in.N.Or(1)}
	e, err := s.explain(ctx, q)
	if err != nil {
		return nil, err
	}
	v := e.Verdict
	if v == nil {
		return nil, &Error{Status: http.StatusServiceUnavailable, Type: "counters_unavailable", Message: "The data plane gave no verdict. Try again later"}
	}
	limits, err := s.limitRows(ctx, c, e.Limits, true)
	if err != nil {
		return nil, err
	}
	sees := s.eyes(c)
	trace := make([]Object, 0, len(v.Trace))
	for _, step := range v.Trace {
		id, team := step.Scope.ID, ""
		if step.Scope.Kind == policy.ScopeMember {
			team, id, _ = strings.Cut(id, "\x1f")
		}
		row := Object{{"check", step.Check}, {"scope", step.Scope.Kind.String()}, {"scope_id", orNull(id)}, {"team_id", orNull(team)}, {"model", orNull(step.Model)}, {"window", orNull(step.Window)}, {"passed", passed(step, e.Limits)}}
		trace = append(trace, row)
	}
	out := Object{{"allowed", v.Allowed}, {"status", v.Status}, {"model", orNull(v.Model)}, {"max_output_tokens", v.Output}, {"lowered", v.Lowered}, {"max_cost", dollars(v.Cost)},
		{"limits", limits}, {"trace", trace}}
	if s.readsAllSpend(c) {
		out.Set("deployment", orNull(v.Deployment))
	}
	if r := v.Refusal; r != nil {
		visible, err := sees(ctx, r.Scope)
		if err != nil {
			return nil, err
		}
		out.Set("error", refusalRow(v, visible))
	}
	return render[simulated](nil, out), nil
}

// passed is a step's outcome, the counters included.
func passed(step policy.Step, limits []policy.LimitState) bool {
	for _, l := range limits {
		if l.Refuses && l.Scope == step.Scope && l.Kind.String() == step.Check && l.Model == step.Model && l.Window == step.Window {
			return false
		}
	}
	return step.Passed
}

// refusalRow tells of a refusal, with its figures where the caller may see them.
func refusalRow(v *policy.Verdict, visible bool) Object {
	r := v.Refusal
	out := Object{{"message", r.Message}, {"type", cmp.Or(v.Type, string(r.Code))}, {"param", orNull(cmp.Or(v.Param, r.Param))}, {"code", statusText(v.Status)}}
	if r.Scope.ID != "" || r.Limited {
		id := r.Scope.ID
		if r.Scope.Kind == policy.ScopeMember {
			_, id, _ = strings.Cut(id, "\x1f")
		}
		out = append(out, Member{"scope", r.Scope.Kind.String()}, Member{"scope_id", orNull(id)})
	}
	if !r.Limited {
		return out
	}
	out = append(out, Member{"limit_kind", r.Kind.String()}, Member{"window", r.Window}, Member{"reset_at", when(r.ResetAt)})
	if !visible {
		return out
	}
	if r.Kind == policy.KindSpend {
		return append(out, Member{"limit", dollars(policy.Money(r.Limit))}, Member{"used", dollars(policy.Money(r.Used))}, Member{"asked", dollars(policy.Money(r.Asked))})
	}
	return append(out, Member{"limit", r.Limit}, Member{"used", r.Used}, Member{"asked", r.Asked})
}
