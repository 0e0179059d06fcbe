package policy

import (
	"context"
	"time"
)

// EntryType tells journal rows apart.
type EntryType string

// The types of entry.
const (
	EntryRequest    EntryType = "request"    // one per request that was admitted
	EntryAdjustment EntryType = "adjustment" // a manual change of spend: Cost.Total is what is added
)

// Status is how a request ended.
type Status string

// The statuses.
const (
	StatusSuccess   Status = "success"
	StatusFailure   Status = "failure"   // the provider, or Envoy for it, answered with an error
	StatusAbandoned Status = "abandoned" // the client left before the end
)

// Entry is one row of the journal: a request, whole, with what it cost. Exactly
// one reaches the ledger's tables per call id, whatever dies: writing is
// idempotent by (day of ReservedAt, CallID), and of two entries for one call the
// better Usage.Source wins.
type Entry struct {
	Type      EntryType `json:"type"`
	CallID    string    `json:"call_id"`               // ours: x-litellm-call-id
	RequestID string    `json:"request_id,omitempty"`  // the provider's response id
	Session   string    `json:"session_id,omitempty"`  // x-litellm-session-id
	Upstream  string    `json:"upstream_id,omitempty"` // Envoy's x-request-id

	KeyHash        string   `json:"key,omitempty"`
	KeyAlias       string   `json:"key_alias,omitempty"`
	UserID         string   `json:"user,omitempty"`
	TeamID         string   `json:"team,omitempty"`
	TeamAlias      string   `json:"team_alias,omitempty"`
	ProjectID      string   `json:"project,omitempty"`
	ProjectAlias   string   `json:"project_alias,omitempty"`
	OrganizationID string   `json:"organization,omitempty"`
	CustomerID     string   `json:"customer,omitempty"`
	Tags           []string `json:"tags,omitempty"`

	CallType   string `json:"call_type"`            // LiteLLM's: "acompletion", …
	Route      string `json:"route"`                // "/chat/completions"
	ModelAsked string `json:"model_asked"`          // public name, aliases resolved
	ModelGroup string `json:"model_group"`          // the configured name that matched
	Model      string `json:"model"`                // the provider's name
	Deployment string `json:"deployment,omitempty"` // its id
	Provider   string `json:"provider,omitempty"`
	APIBase    string `json:"api_base,omitempty"`
	Attempts   int    `json:"attempts,omitempty"`
	Stream     bool   `json:"stream,omitempty"`

	ReservedAt time.Time `json:"reserved_at"` // the ledger's clock; budget windows go by it
	StartedAt  time.Time `json:"started_at"`
	FirstByte  time.Time `json:"first_byte,omitzero"`
	EndedAt    time.Time `json:"ended_at"`

	Status     Status `json:"status"`
	HTTPStatus int    `json:"http_status,omitempty"`
	Error      string `json:"error,omitempty"` // short; never a prompt, never a secret

	Usage Usage `json:"usage"`
	Cost  Cost  `json:"cost"`

	ClientIP  string `json:"client_ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Clamped   int64  `json:"clamped,omitempty"` // the output cap we lowered to; 0: left alone
	Limits    string `json:"limits,omitempty"`  // as the decision met them: Marks

	// Adjusted is the scope an adjustment applies to.
	AdjustedKind string `json:"adjusted_kind,omitempty"`
	AdjustedID   string `json:"adjusted_id,omitempty"`
}

// RefusalCount is how often one caller was refused for one reason in one minute.
type RefusalCount struct {
	Minute  time.Time
	KeyHash string
	TeamID  string
	Project string
	Code    Code
	Scope   Scope
	Kind    string
	Model   string
	Shadow  bool // it would have been refused, and was not
	Count   int64
	Sample  RefusalSample // the last one, whole
}

// RefusalSum adds up refusals for one reason by one scope.
type RefusalSum struct {
	Code        Code
	Scope       Scope
	Kind        string
	Count       int64
	Callers     int64     // different keys
	First, Last time.Time // minutes
	Sample      RefusalSample
}

// RefusalSample is one refused request, as it was explained.
type RefusalSample struct {
	CallID  string    `json:"call_id"`
	At      time.Time `json:"at"`
	Message string    `json:"message"`
	Limit   int64     `json:"limit"`
	Used    int64     `json:"used"`
	Asked   int64     `json:"asked"`
	ResetAt time.Time `json:"reset_at,omitzero"`
	Route   string    `json:"route"`
	Limits  string    `json:"limits,omitempty"` // all that it met: Marks beside the count's key, team and project
}

// Journal takes entries that are settled. Append returns once the entry will
// survive the process.
type Journal interface {
	Append(ctx context.Context, e Entry) error
}

// Opener is a Journal that also remembers requests under way, so that those a
// dead process left open get their row. Open returns once the record will
// survive the process; the Entry appended later for the same call id closes it.
type Opener interface {
	Open(ctx context.Context, reservedAt time.Time, output int64, d Draft) error
}

// SpendQuery asks what one scope spent on one model ("" for all) on requests
// reserved in [From, Until). A zero From is the beginning.
type SpendQuery struct {
	Scope Scope
	Model string
	From  time.Time
	Until time.Time
	// Tokens asks for input and output tokens instead of nano-dollars.
	Tokens bool
}

// History answers from the tables what was spent. The answers have the order of
// the queries.
type History interface {
	Spent(ctx context.Context, queries []SpendQuery) ([]Money, error)
}
