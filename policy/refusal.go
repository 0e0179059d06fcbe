package policy

import (
	"errors"
	"fmt"
	"time"
)

// Code is the reason of a refusal. Each edge maps codes once to its own
// statuses and shapes.
type Code string

// The codes. Their text is LiteLLM's `type` where it has one.
const (
	CodeNoKey           Code = "no_key"        // nothing that could be a credential was sent
	CodeMalformedKey    Code = "malformed_key" // what was sent cannot be a key
	CodeUnknownKey      Code = "token_not_found_in_db"
	CodeExpiredKey      Code = "expired_key"
	CodeKeyBlocked      Code = "key_blocked"
	CodeTeamBlocked     Code = "team_blocked"
	CodeProjectBlocked  Code = "project_blocked"
	CodeUserBlocked     Code = "user_blocked"
	CodeCustomerBlocked Code = "customer_blocked"
	CodeRouteDenied     Code = "route_denied"
	CodeIPDenied        Code = "ip_denied"
	CodeModelDenied     Code = "model_access_denied" // the scope's name goes before it: key_model_access_denied
	CodeUnknownModel    Code = "unknown_model"
	CodeUnpricedModel   Code = "model_cost_map_missing"
	CodeWrongFormat     Code = "wrong_format"
	CodeBudget          Code = "budget_exceeded"
	CodeRate            Code = "throttling_error"
	CodeMissingUser     Code = "missing_user"
	// CodeUnmappedIdentity is of a caller whom Envoy has verified, but no rule knows.
	CodeUnmappedIdentity Code = "identity_not_mapped"
	CodeUnavailable      Code = "unavailable" // we could not decide
	CodeInvalid          Code = "bad_request_error"
	CodeNotFound         Code = "not_found_error"
	CodeForbidden        Code = "forbidden"
	CodeConflict         Code = "conflict"
)

// Refusal says no, and why. It is a value, not a failure: what could not be
// decided is an error of another type.
type Refusal struct {
	Code    Code
	Message string // for the caller; carries no amount and no secret
	Param   string // the request's field at fault, "" where there is none

	// What refused, for limits and access.
	Scope  Scope
	Kind   Kind
	Model  string
	Window string

	Limit   int64     // in the kind's unit
	Used    int64     // settled and reserved together
	Asked   int64     // the least this request would have taken
	ResetAt time.Time // when the limit is next free; zero if never by itself
	RetryIn time.Duration
	Limited bool // the figures above are set
	Private bool // the figures are not this caller's to see
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

// Invalid is an error in what was sent: which field, and what is wrong.
type Invalid struct {
	Field   string
	Message string
}

func (e *Invalid) Error() string { return e.Message }

func invalid(field, format string, args ...any) error {
	return &Invalid{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Errors stores answer with.
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("already exists")
	ErrInUse       = errors.New("still in use")
	ErrUnavailable = errors.New("the store cannot be reached")
)

// Explain turns the ledger's refusal into one for the caller: that of the first
// hold that failed. Money is told to those whose budget it is (the key's, its
// user's, the member's, the customer's), not to every caller of a team.
func (g *Grant) Explain(ask Ask, out Outcome) *Refusal {
	if out.Granted || len(out.Failed) == 0 {
		return nil
	}
	i := out.Failed[0]
	h, b := ask.Holds[i], out.Balances[i]
	r := &Refusal{
		Scope: h.Scope, Kind: h.Kind, Model: h.Model, Window: h.Window.Name(), Limited: true,
		Limit: h.Limit, Used: b.Used + b.Held, Asked: h.Amount(ask.Least), ResetAt: h.End, RetryIn: b.RetryIn,
	}
	if h.Kind == KindSpend {
		r.Code = CodeBudget
		r.Private = !g.owns(h.Scope)
		r.Message = g.budgetMessage(h, b)
		return r
	}
	r.Code = CodeRate
	if r.RetryIn > 0 {
		r.ResetAt = out.At.Add(r.RetryIn)
	}
	model := ""
	if h.Model != "" {
		model = " for model " + h.Model
	}
	r.Message = fmt.Sprintf("Rate limit exceeded for %s: %s%s. Limit type: %s. Current limit: %d, Remaining: %d.",
		h.Scope.Kind, g.nameOf(h.Scope), model, h.Kind.Info().Header, h.Limit, max(h.Limit-r.Used, 0))
	if !r.ResetAt.IsZero() {
		r.Message += " Limit resets at: " + r.ResetAt.UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	return r
}

func (g *Grant) owns(s Scope) bool {
	switch s.Kind {
	case ScopeKey, ScopeUser, ScopeMember, ScopeCustomer:
		return true
	}
	return g.Master
}

// nameOf is a scope's name as a caller knows it, never a secret.
func (g *Grant) nameOf(s Scope) string {
	switch {
	case s.Kind == ScopeKey && g.Key != nil && g.Key.Alias != "":
		return g.Key.Alias + " (" + g.Key.Name + ")"
	case s.Kind == ScopeKey && g.Key != nil:
		return g.Key.Name
	case s.Kind == ScopeMember && g.Key != nil && g.Team != nil:
		return g.Key.UserID + " in Team=" + g.Team.ID
	}
	return s.ID
}

func (g *Grant) budgetMessage(h Hold, b Balance) string {
	who := h.Scope.Kind.Title()
	if h.Scope.ID != "" {
		who += "=" + g.nameOf(h.Scope)
	}
	msg := "Budget has been exceeded! " + who
	if h.Scope.Kind == ScopeProxy {
		msg = "Budget has been exceeded!"
	}
	if h.Scope.Kind == ScopeUser || h.Scope.Kind == ScopeCustomer {
		msg = "ExceededBudget: " + who + " over budget."
	}
	if h.Model != "" {
		msg += ", exceeded budget for model=" + h.Model
	}
	if g.owns(h.Scope) {
		msg += fmt.Sprintf(" Current cost: %s, Max budget: %s", Money(b.Used+b.Held), Money(h.Limit))
	}
	if !h.End.IsZero() {
		msg += ". It resets at " + h.End.UTC().Format(time.RFC3339)
	}
	return msg
}
