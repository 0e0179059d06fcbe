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
