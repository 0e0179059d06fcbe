package extproc

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/purser/purser/policy"
)

// Span is one request as a trace tells of it, when it is over. Nothing in it is a
// prompt, a reply, or a credential.
type Span struct {
	// Parent and State are traceparent and tracestate: of Envoy's stream to us, which is a
	// span of its own where Envoy traces; else those that came with the request. "": none.
	Parent, State string

	Started   time.Time // of the request's headers
	Decided   time.Time // when it was sent on or refused; zero: neither
	FirstByte time.Time // of the reply's headers; zero: there was none
	Ended     time.Time

	CallID     string // ours
	RequestID  string // Envoy's
	ResponseID string // the provider's

	Operation     string // gen_ai.operation.name; "" on a path that nobody knows
	Route         string // the endpoint's: "/chat/completions"
	Provider      string // gen_ai.provider.name
	Server        string // the deployment's host
	Port          int
	Model         string // as the caller named it
	Known         bool   // Model is one of the configuration's
	ResponseModel string // as the provider named it
	Deployment    string
	Stream        bool
	MaxOutput     int64 // the cap that was asked for; 0: none
	Finish        string

	Organization, Team, Project string

	Decision string          // admitted, shadowed, refused, malformed or passed; "": the caller left before
	Refusal  *policy.Refusal // why; nil unless refused
	Shadowed policy.Code     // why, had it been enforced
	Status   int             // of the reply; 0: there was none
	Error    string          // error.type: the refusal's code, the reply's status, abandoned; "": none
	Failed   bool            // Error is the provider's or ours, not the caller's
	Settled  bool            // Usage and Cost are journalled
	Usage    policy.Usage
	Cost     policy.Money
	Lowered  int64 // the cap it was lowered to; 0: it was not
	Attempts int
}

// beginSpan notes the parent, where anybody wants spans.
func (s *Server) beginSpan(ctx context.Context, x *exchange) {
	if s.cfg.Spans == nil {
		return
	}
	x.span = &Span{CallID: x.id}
	if v := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(v) == 1 {
		x.span.Parent = v[0]
	}
	if v := metadata.ValueFromIncomingContext(ctx, "tracestate"); len(v) == 1 {
		x.span.State = v[0]
	}
}

// decided notes when, and what.
func (x *exchange) decided(what string) {
	if x.span == nil || x.span.Decision != "" {
		return
	}
	x.span.Decided, x.span.Decision = x.s.cfg.Clock(), what
}

// spent notes what is journalled.
func (x *exchange) spent(e *policy.Entry) {
	if x.span == nil {
		return
	}
	x.span.Settled, x.span.Usage, x.span.Cost, x.span.Error = true, e.Usage, e.Cost.Total, errorType(e)
	x.span.Failed = e.Status == policy.StatusFailure && (e.HTTPStatus >= 500 || e.HTTPStatus < 400)
}

// endSpan hands the request's span over.
func (s *Server) endSpan(x *exchange) {
	span := x.span
	if span == nil || x.started.IsZero() {
		return // not even its headers came
	}
	span.Started, span.FirstByte, span.Ended = x.started, x.firstByte, s.cfg.Clock()
	if span.Parent == "" {
		span.Parent, span.State = x.fields.get("traceparent"), x.fields.get("tracestate")
	}
	span.RequestID = withoutKeys(x.fields.get("x-request-id"))
	span.Operation, span.Route = operation(x.endpoint), x.endpoint.Route
	span.Model, span.Known = withoutKeys(x.request.Model), x.decision.Model != nil
	span.MaxOutput, span.Attempts, span.Shadowed = x.request.MaxOutput, x.attempts, x.shadowed
	span.Status = cmp.Or(span.Status, x.status)
	if x.call != nil {
		span.Stream = x.call.Stream
	}
	if x.outcome.Lowered {
		span.Lowered = x.outcome.Output
	}
	if d := x.deployment; d != nil {
		span.Provider, span.Server, span.Port, span.Deployment = providerName(d.Provider), d.Host, d.Port, d.ID
	}
	if k := x.grant.Key; k != nil {
		span.Organization, span.Team, span.Project = k.OrganizationID, k.TeamID, k.ProjectID
	}
	if x.meter != nil {
		r := x.meter.Result()
		span.ResponseID, span.ResponseModel, span.Finish = r.ResponseID, r.Model, r.FinishReason
	}
	if r := x.refused; r != nil {
		span.Refusal, span.Error = r, string(r.Code)
		span.Failed = r.Code == policy.CodeUnavailable
	}
	if span.Decision == "malformed" {
		span.Error = span.Decision
	}
	if span.Decision == "admitted" && x.shadowed != "" {
		span.Decision = "shadowed"
	}
	s.cfg.Spans(span)
}

// errorType is error.type of a settled request, of few values; "" where it went well.
func errorType(e *policy.Entry) string {
	switch {
	case e.Status == policy.StatusSuccess:
		return ""
	case e.Status == policy.StatusAbandoned:
		return "abandoned"
	case e.HTTPStatus >= 400:
		return strconv.Itoa(e.HTTPStatus)
	}
	return "_OTHER"
}

// withoutKeys is what a caller made up, unless it looks like a key.
func withoutKeys(text string) string {
	if strings.Contains(text, "sk-") {
		return "***"
	}
	if len(text) > notedLength {
		text = text[:notedLength]
	}
	return strings.ToValidUTF8(text, "?")
}
