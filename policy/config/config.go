package config

import (
	"time"

	"github.com/purser/purser/policy"
)

// Config is a configuration file, read and checked.
type Config struct {
	Deployments []*policy.Deployment // in the order of the file
	Aliases     map[string]string    // router_settings.model_group_alias: public name → public name
	HiddenAlias map[string]bool      // of Aliases: not listed by /v1/models

	MasterKey      policy.Secret // "": none was given
	MaxBudget      *policy.Money // of the whole proxy; nil: no limit
	BudgetDuration string        // a policy.Duration, "": never reset

	Identity Identity
	Alerts   Alerts
	General  General
	LiteLLM  LiteLLM
	Router   Router

	Environment map[string]policy.Secret // environment_variables, for what reads os.environ/ later
	Warnings    []Warning                // in the order of the file

	// What entries from elsewhere stand on; a pointer, as it holds secrets and fmt
	// prints what is not exported, too.
	stood *context
}

// General is general_settings, as far as it applies.
type General struct {
	DatabaseURL        policy.Secret // "": ours
	Enforcement        string        // "": not said
	AllowedIPs         []string      // addresses and CIDR ranges; nil: all
	UseXForwardedFor   bool          // the client's address is in X-Forwarded-For
	UserHeader         string        // user_header_name: carries the customer's id
	UserHeaders        []UserHeader  // user_header_mappings
	KeyHeader          string        // litellm_key_header_name: read for the credential before all others
	RequireUser        bool          // enforce_user_param: a call must name its customer
	MaxRequestMB       *int64        // max_request_size_mb
	MaxParallel        *int64        // global_max_parallel_requests, over the whole proxy
	FailClosed         bool          // fail_closed_*_enforcement: refuse when the counters cannot be reached
	SpendLogsRetention string        // a policy.Duration; "": kept
}

// UserHeader maps a request header to whom it names.
type UserHeader struct {
	Name string // in lower case
	Role string // "customer" or "internal_user"
}

// LiteLLM is litellm_settings, as far as it applies.
type LiteLLM struct {
	TimeZone             *time.Location // nil: UTC
	BudgetReset          time.Duration  // budget_reset_time, after midnight
	BudgetExceededStatus int            // 0: the default
	CustomerBudgetID     string         // max_end_user_budget_id: the budget of customers without one
	UserBudget           *policy.Money  // max_internal_user_budget: of new internal users
	UserBudgetDuration   string         // internal_user_budget_duration
	DenyUnpriced         bool           // block_requests_for_models_without_pricing
	Timeout              time.Duration  // request_timeout; 0: the default
	Retries              *int           // num_retries

	// Defaults and bounds of what the API creates: JSON objects in the API's own
	// field names, nil where not given.
	UserDefaults []byte // default_internal_user_params
	KeyDefaults  []byte // default_key_generate_params
	KeyBounds    []byte // upperbound_key_generate_params
	TeamDefaults []byte // default_team_params
}

// Router is router_settings, as far as it applies.
type Router struct {
	Timeout       time.Duration // 0: the default
	StreamTimeout time.Duration // 0: Timeout
	Retries       *int
	AllowedFails  *int          // failures in a row before a deployment is left out
	Cooldown      time.Duration // cooldown_time: how long it stays out; 0: the default
	NoCooldown    bool          // disable_cooldowns: never leave one out
	RedisURL      policy.Secret // "": ours
}
