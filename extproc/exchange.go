package extproc

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/purser/purser/extproc/dialect"
	"github.com/purser/purser/policy"
)

// exchange is one request on its way through. It lives on the stack of Process
// and is used by one goroutine.
type exchange struct {
	s  *Server
	id string

	started time.Time
	method  string
	path    string
	query   string
	fields  headers // of the request, credentials out
	ip      string

	match    dialect.Match
	endpoint *dialect.Endpoint // never nil: one that only knows the envelope, at first
	grant    policy.Grant
	keyHash  policy.KeyHash

	call       *dialect.Call
	request    policy.Request
	decision   policy.Decision
	outcome    policy.Outcome
	deployment *policy.Deployment

	reserved bool
	settled  bool
	refused  *policy.Refusal
	shadowed policy.Code // the last refusal that shadow mode kept from happening
	passed   bool        // on as it came, and not ours to look at

	status    int
	meter     *dialect.Meter
	buffered  bool // the reply's body comes whole, its headers wait for it
	firstByte time.Time
	attempts  int
	fallbacks int      // which of the key's budget_fallbacks answers, from 1
	served    string   // deployment id, as Envoy tells
	used      []header // what the settlement has to say to the access log, until it is said
	span      *Span    // nil: nobody wants it
}

// handle answers one message. A failure it returns ends the stream with an error
// status, which Envoy turns into a refusal.
func (x *exchange) handle(ctx context.Context, in *inbound) (outbound, error) {
	switch in.kind {
	case requestHeaders:
		return x.requestHeaders(ctx, in)
	case requestBody:
		return x.requestBody(ctx, in)
	case responseHeaders:
		out, err := x.responseHeaders(ctx, in)
		return x.noted(out), err
	case responseBody:
		out, err := x.responseBody(ctx, in)
		return x.noted(out), err
	}
	return outbound{}, nil
}

// requestHeaders finds out who calls, before the body is uploaded.
func (x *exchange) requestHeaders(ctx context.Context, in *inbound) (outbound, error) {
	x.started = x.s.cfg.Clock()
	x.s.cfg.Fresh(ctx) // or by what held before, where it cannot be had: callers do not wait for PostgreSQL
	x.method = in.headers.get(":method")
	x.path, x.query = splitPath(in.headers.get(":path"))
	x.ip = clientIP(in)
	x.endpoint = dialect.Stranger(x.path)

	match, known := dialect.Find(x.method, x.path)
	if known {
		x.match, x.endpoint = match, match.Endpoint
	}
	key, refusal := x.credential(in.headers)
	x.fields = withoutCredentials(in.headers, x.s.cfg.KeyHeader)
	if r := x.authenticate(in, key, refusal); r != nil && !x.spare(r) {
		return x.refuse(r), nil
	}
	switch {
	case !known:
		return x.answer(malformed(x.endpoint, &dialect.Malformed{Status: 404, Code: "not_found", Message: "Unknown path " + x.path + ". No LLM endpoint answers there"})), nil
	case match.Allow != "":
		a := malformed(x.endpoint, &dialect.Malformed{Status: 405, Code: "method_not_allowed", Message: x.method + " is not allowed here. Allowed: " + match.Allow})
		a.headers = append(a.headers, header{"allow", match.Allow})
		return x.answer(a), nil
	}
	if r := x.grant.Admit(x.endpoint.Route, x.ip); r != nil && !x.spare(r) {
		return x.refuse(r), nil
	}
	if n, err := strconv.ParseInt(in.headers.get("content-length"), 10, 64); err == nil && n > x.s.cfg.BodyLimit {
		return x.answer(malformed(x.endpoint, tooLarge(x.s.cfg.BodyLimit))), nil
	}
	if strings.EqualFold(x.fields.get("upgrade"), "websocket") || in.headers.get(":protocol") == "websocket" {
		if !x.endpoint.Upgrade {
			return x.answer(malformed(x.endpoint, &dialect.Malformed{Code: "no_websocket", Message: x.path + " cannot be upgraded to a websocket"})), nil
		}
		out, err := x.admit(ctx, nil)
		out.request = modeNone // or Envoy waits for a body that never ends
		return out, err
	}
	if in.end {
		return x.admit(ctx, nil) // no body message will come
	}
	return outbound{}, nil
}

func tooLarge(limit int64) *dialect.Malformed {
	return &dialect.Malformed{Status: 413, Code: "request_too_large", Message: "The request body is larger than the " + strconv.FormatInt(limit>>20, 10) + " MiB allowed"}
}

func unknownKey(key string, h policy.KeyHash) *policy.Refusal {
	if !strings.HasPrefix(key, "sk-") {
		return &policy.Refusal{Code: policy.CodeMalformedKey, Message: "Authentication Error, LiteLLM Virtual Key expected. Received=" + masked(key) + ", expected to start with 'sk-'."}
	}
	return &policy.Refusal{Code: policy.CodeUnknownKey, Message: "Authentication Error, Invalid proxy server token passed. Received API Key = " +
		masked(key) + ", Key Hash (Token) =" + h.String() + ". Unable to find token in cache or `LiteLLM_VerificationTokenTable`"}
}

func (x *exchange) credential(h headers) (string, *policy.Refusal) {
	if name := x.s.cfg.KeyHeader; name != "" {
		if value := h.get(name); value != "" {
			return check(bare(value))
		}
	}
	return credential(h, x.query)
}

func (x *exchange) requestBody(ctx context.Context, in *inbound) (outbound, error) {
	if x.passed {
		return outbound{}, nil
	}
	if x.reserved || x.endpoint == nil {
		return outbound{}, errors.New("a second request body")
	}
	if int64(len(in.body)) > x.s.cfg.BodyLimit {
		return x.answer(malformed(x.endpoint, tooLarge(x.s.cfg.BodyLimit))), nil
	}
	return x.admit(ctx, in.body)
}

// admit reads the request, decides, reserves, and sends it on its way.
func (x *exchange) admit(ctx context.Context, body []byte) (outbound, error) {
	call, err := x.endpoint.Read(dialect.Inbound{
		Method: x.method, Path: x.path, Query: x.query, ContentType: x.fields.get("content-type"), Model: x.match.Model, ID: x.match.ID, Body: body,
	})
	if err != nil {
		var m *dialect.Malformed
		if !errors.As(err, &m) {
			return outbound{}, err
		}
		return x.answer(malformed(x.endpoint, m)), nil
	}
	x.call = call
	customer, tags := x.customer(), x.tags()
	if m := checkNames(customer, tags); m != nil {
		return x.answer(malformed(x.endpoint, m)), nil
	}
	x.request = policy.Request{
		Model: call.Model, ServiceTier: call.ServiceTier, Customer: customer, Tags: tags, Input: call.InputEstimate, Choices: call.Choices,
		Floor: call.CapFloor, NoOutput: call.NoOutput, Unmetered: x.endpoint.Unmetered, NeedsModel: x.endpoint.Billable,
	}
	if call.Unseen {
		x.request.Unseen = policy.UnseenAny
		if n := x.s.conversations.length(call.Continues); n > 0 {
			x.request.Unseen = n
		}
	}
	if call.OutputCap != nil {
		x.request.MaxOutput = *call.OutputCap
	}
	if !x.endpoint.Caps() {
		// What cannot be lowered is held whole, or refused.
		x.request.Floor, x.request.NoOutput = x.request.MaxOutput, call.NoOutput || call.OutputCap == nil
	}
	x.request.Usual = x.s.habits.usual(x.keyHash, call.Model)
	x.decide()
	if x.decision.Refusal != nil {
		return x.refuse(x.decision.Refusal), nil
	}
	x.wouldRefuse(x.decision.Shadowed...)
	target, path, refusal, err := x.placeOrFallBack(ctx)
	if err != nil {
		x.s.cfg.Log.Error("the ledger did not answer", "call_id", x.id, "err", err)
		refusal = &policy.Refusal{Code: policy.CodeUnavailable, Message: "The limits of this key cannot be checked right now. Try again shortly"}
		if !x.spare(refusal) {
			return x.refuse(refusal), nil
		}
		x.s.metrics.ungoverned.Inc()
	} else if refusal != nil {
		return x.refuse(refusal), nil
	}
	return x.forward(target, path), nil
}

func (x *exchange) decide() {
	x.decision = policy.Decide(&x.grant, x.request, x.started)
	x.request.Flat = 0
	if x.decision.Model != nil && x.call.Asks != (policy.Usage{}) {
		asks := x.call.Asks
		asks.Source = policy.UsageNone // the flat price of a request is in the holds already
		if flat := policy.CostOf(asks, x.decision.Price).Total; flat > 0 {
			x.request.Flat = flat
			x.decision = policy.Decide(&x.grant, x.request, x.started)
		}
	}
	if x.deployment != nil && x.decision.Refusal == nil {
		x.decision.Bind(x.deployment, x.request, x.grant.Settings)
	}
}

// reserve asks the ledger; where the estimate of the prompt alone stands in the
// way, or would cost the caller a part of the answer it asked for, once more with
// the prompt counted exactly.
func (x *exchange) reserve(ctx context.Context) (*policy.Refusal, error) {
	least := x.decision.Ask.Least
	if x.request.MaxOutput > 0 && !x.request.NoOutput && x.endpoint.CountsExactly() {
		x.decision.Ask.Least = x.decision.Ask.Want + 1
	}
	out, err := x.ask(ctx)
	if err != nil {
		return nil, err
	}
	if !out.Granted && x.decision.Ask.Least > x.decision.Ask.Want {
		x.decision.Ask.Least = least
		if x.worthCounting(out) {
			if exact := x.call.CountInput(x.encoding()); exact < x.request.Input {
				x.request.Input = exact
				x.decide()
			}
		}
		if out, err = x.ask(ctx); err != nil {
			return nil, err
		}
	}
	if !out.Granted && x.worthCounting(out) {
		if exact := x.call.CountInput(x.encoding()); exact < x.request.Input {
			x.request.Input = exact
			x.decide()
			if x.decision.Refusal != nil {
				return x.decision.Refusal, nil
			}
			if out, err = x.ask(ctx); err != nil {
				return nil, err
			}
		}
	}
	x.outcome = out
	if !out.Granted {
		return x.grant.Explain(x.decision.Ask, out), nil
	}
	x.reserved = true
	x.decision.Ask.Least = min(x.decision.Ask.Least, max(least, 0))
	x.wouldRefuse(x.grant.WouldRefuse(x.decision.Ask, out)...)
	x.s.metrics.decisions.WithLabelValues("admitted", "", "").Inc()
	if out.Lowered {
		x.s.metrics.lowered.Inc()
	}
	x.s.live.add(x.id)
	return nil, nil
}

func (x *exchange) ask(ctx context.Context) (policy.Outcome, error) {
	ask := &x.decision.Ask
	ask.ID, ask.TTL = x.id, x.s.cfg.ReservationTTL
	if x.grant.Shadow() {
		for i := range ask.Holds {
			ask.Holds[i].Soft = true // a deployment's own too
		}
	}
	ask.Draft = policy.Draft{Entry: x.entry(), Input: x.decision.Input, Choices: x.request.Choices, Price: x.price(), Flat: x.request.Flat}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.s.cfg.Deadline)
	defer cancel()
	began := time.Now()
	out, err := x.s.cfg.Ledger.Reserve(ctx, *ask)
	x.s.metrics.ledger("reserve", began, time.Now(), err)
	return out, err
}

// worthCounting reports whether every hold that failed depends on the prompt's length.
func (x *exchange) worthCounting(out policy.Outcome) bool {
	for _, i := range out.Failed {
		switch x.decision.Ask.Holds[i].Kind {
		case policy.KindRequests, policy.KindParallel, policy.KindOutputTokens:
			return false
		}
		if x.decision.Ask.Holds[i].Limit <= 0 {
			return false
		}
	}
	return true
}

func (x *exchange) encoding() string {
	if x.deployment != nil {
		return x.deployment.Encoding
	}
	return ""
}

// refuse answers with a refusal and remembers it.
func (x *exchange) refuse(r *policy.Refusal) outbound {
	if x.passes() {
		x.wouldRefuse(r)
		return x.pass()
	}
	x.refused = r
	x.decided("refused")
	x.s.metrics.refused(r)
	x.record(r, false)
	out := x.answer(refuse(x.endpoint, r, x.s.cfg.BudgetStatus))
	out.note = x.refusedNote(r)
	return out
}

func (x *exchange) answer(a answer) outbound {
	if a.details == detailsMalformed && x.passes() {
		return x.pass()
	}
	if a.details == detailsMalformed {
		x.decided("malformed")
		x.s.metrics.decisions.WithLabelValues("malformed", "", "").Inc()
	}
	if x.span != nil {
		x.span.Status = a.status // Envoy need not tell us what became of it
	}
	a.headers = append(a.headers, header{"x-litellm-call-id", x.id})
	a.headers = append(a.headers, x.limitHeaders()...)
	return outbound{answer: &a}
}

// customer is the end user's id: headers first, then the body, as LiteLLM reads them.
func (x *exchange) customer() string {
	for _, name := range [...]string{"x-litellm-customer-id", "x-litellm-end-user-id"} {
		if v := x.fields.get(name); v != "" {
			return v
		}
	}
	for _, name := range x.s.cfg.CustomerHeaders {
		if v := x.fields.get(name); v != "" {
			return v
		}
	}
	return x.call.EndUser
}

func (x *exchange) tags() []string {
	tags := x.call.Tags
	if v := x.fields.get("x-litellm-tags"); v != "" {
		for _, t := range strings.Split(v, ",") {
			if t = strings.TrimSpace(t); t != "" {
				tags = append(tags, t)
			}
		}
	}
	return tags
}

// maxName bounds the ids a caller makes up: they become counters and rows.
const maxName = 256

// checkNames refuses customers and tags that no store could keep as they are.
func checkNames(customer string, tags []string) *dialect.Malformed {
	bad := func(s string) bool {
		return len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
	}
	if bad(customer) {
		return &dialect.Malformed{Param: "user", Code: "invalid_value", Message: "The end user's id holds control characters, or more than 256 bytes"}
	}
	if len(tags) > 64 {
		return &dialect.Malformed{Param: "metadata.tags", Code: "invalid_value", Message: "More than 64 tags"}
	}
	for _, t := range tags {
		if bad(t) {
			return &dialect.Malformed{Param: "metadata.tags", Code: "invalid_value", Message: "A tag holds control characters, or more than 256 bytes"}
		}
	}
	return nil
}
