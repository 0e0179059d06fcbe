package policy

import "time"

// Unpriced says what to do with a model nobody gave a price.
type UnpricedRule string

// The rules for unpriced models.
const (
	UnpricedAllow UnpricedRule = "allow" // serve it for nothing, counted in a metric
	UnpricedDeny  UnpricedRule = "deny"
)

// Settings are the proxy-wide rules: immutable once made, swapped whole.
type Settings struct {
	MasterKey      KeyHash // of the master key
	HasMasterKey   bool
	MasterUserID   string // whom the master key acts as: "default_user_id"
	Limits         Limits // proxy-wide, the master key's calls included
	Started        time.Time
	Calendar       Calendar
	Unpriced       UnpricedRule
	DefaultPrice   *Price // charged for unpriced models, where given
	RefuseAtEdge   bool   // near a limit refuse rather than lower the answer's cap
	CustomerBudget string // max_end_user_budget_id: the budget of customers without one
	RequireUser    bool   // enforce_user_param
	// A deployment that fails more often than AllowedFails in a row, or cannot be reached
	// at all, is left out for Cooldown, where the model has others. Below 0: never.
	AllowedFails int
	Cooldown     time.Duration // 0: 5 s
	AllowedIPs   []string
	Enforcement  Enforcement // of the whole proxy; "" is Enforced
	Identities   *Identities // of callers without keys; nil: there are none
	// DefaultOutput stands for the longest answer of a model whose maximum nobody told us.
	DefaultOutput int64
	compiled      []Limit
}

// Compile prepares the settings for use and returns them.
func (s Settings) Compile() *Settings {
	s.compiled = s.Limits.Compile(time.Time{})
	if s.Cooldown == 0 {
		s.Cooldown = 5 * time.Second
	}
	if s.DefaultOutput == 0 {
		s.DefaultOutput = 16384
	}
	return &s
}
