package adminsvc

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// keyFields are the documented fields of a key, of every endpoint that writes one.
type keyFields struct {
	limitFields
	KeyAlias         Opt[string]            `json:"key_alias" doc:"Unique among all keys"`
	Duration         Opt[string]            `json:"duration" doc:"How long the key lives, exactly: 30s, 30m, 30h, 30d; null or -1 is forever"`
	Models           Opt[[]string]          `json:"models" doc:"Model names, access groups, wildcards; empty is all that the levels above allow"`
	UserID           Opt[string]            `json:"user_id"`
	TeamID           Opt[string]            `json:"team_id"`
	ProjectID        Opt[string]            `json:"project_id"`
	OrganizationID   Opt[string]            `json:"organization_id"`
	BudgetID         Opt[string]            `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	EndUserBudgetID  Opt[string]            `json:"end_user_budget_id" doc:"The budget of customers without one"`
	Aliases          Opt[map[string]string] `json:"aliases" doc:"Model name to model name"`
	Permissions      Opt[Fields]            `json:"permissions" doc:"Proxy admins only"`
	AllowedRoutes    Opt[[]string]          `json:"allowed_routes"`
	AllowedIPs       Opt[[]string]          `json:"allowed_ips" doc:"Addresses and ranges the key may be used from"`
	Tags             Opt[[]string]          `json:"tags"`
	BudgetFallbacks  Opt[modelFallbacks]    `json:"budget_fallbacks" doc:"Model name to the models, in the order to try, that answer in its place once its budget in model_max_budget is spent"`
	Blocked          Opt[bool]              `json:"blocked"`
	RPMLimitType     Opt[string]            `json:"rpm_limit_type" enum:"guaranteed_throughput,best_effort_throughput,dynamic"`
	TPMLimitType     Opt[string]            `json:"tpm_limit_type" enum:"guaranteed_throughput,best_effort_throughput,dynamic"`
	AccessGroupIDs   Opt[[]string]          `json:"access_group_ids"`
	Spend            Opt[policy.Money]      `json:"spend" doc:"On creation what was spent already, on update what the spend becomes"`
	RotationInterval Opt[string]            `json:"rotation_interval"`

	// They change nothing here, and restrict nothing anywhere.
	EstimatedOutput         Opt[int64]            `json:"default_estimated_output_tokens"`
	EstimatedOutputPerModel Opt[map[string]int64] `json:"default_estimated_output_tokens_per_model"`
	DisableGlobalGuardrails Opt[bool]             `json:"disable_global_guardrails"`
	EnablePromptCaching     Opt[bool]             `json:"enable_prompt_caching"`

	AgentID                    Opt[Unenforced] `json:"agent_id"`
	AllowedCacheControls       Opt[Unenforced] `json:"allowed_cache_controls"`
	AllowedPassthroughRoutes   Opt[Unenforced] `json:"allowed_passthrough_routes"`
	AllowedVectorStoreIndexes  Opt[Unenforced] `json:"allowed_vector_store_indexes"`
	AutoRotate                 Opt[Unenforced] `json:"auto_rotate"`
	Config                     Opt[Unenforced] `json:"config"`
	DeniedPassthroughRoutes    Opt[Unenforced] `json:"denied_passthrough_routes"`
	EnforcedParams             Opt[Unenforced] `json:"enforced_params"`
	Guardrails                 Opt[Unenforced] `json:"guardrails"`
	MCPRPMLimit                Opt[Unenforced] `json:"mcp_rpm_limit"`
	ObjectPermission           Opt[Unenforced] `json:"object_permission"`
	Policies                   Opt[Unenforced] `json:"policies"`
	Prompts                    Opt[Unenforced] `json:"prompts"`
	RouterSettings             Opt[Unenforced] `json:"router_settings"`
	TagRPMLimit                Opt[Unenforced] `json:"tag_rpm_limit"`
	ThrottleOnBudgetExceeded   Opt[Unenforced] `json:"throttle_on_budget_exceeded"`
	EnforcedBatchOutputExpires Opt[Unenforced] `json:"enforced_batch_output_expires_after"`
	EnforcedFileExpires        Opt[Unenforced] `json:"enforced_file_expires_after"`
}

// transientKeyFields are obeyed and not kept: secrets, and what is counted elsewhere.
var transientKeyFields = []string{"key", "new_key", "new_master_key", "grace_period", "spend", "send_invite_email", "litellm_changed_by"}

// keyIDs are fields in which "" is the same as absent, on creation.
var keyIDs = []string{"key", "key_alias", "user_id", "team_id", "project_id", "organization_id", "budget_id", "end_user_budget_id", "agent_id", "duration"}

// keyRow is a key as it reads back.
type keyRow struct {
	Token                Opt[string]            `json:"token"`
	KeyName              Opt[string]            `json:"key_name"`
	KeyAlias             Opt[string]            `json:"key_alias"`
	Spend                Opt[policy.Money]      `json:"spend" default:"0.0"`
	TotalSpend           Opt[policy.Money]      `json:"total_spend" optional:"true"`
	MaxBudget            Opt[policy.Money]      `json:"max_budget"`
	Expires              Opt[string]            `json:"expires"`
	Models               Opt[[]string]          `json:"models" default:"[]"`
	Aliases              Opt[map[string]string] `json:"aliases" default:"{}"`
	Config               Opt[Unenforced]        `json:"config" default:"{}"`
	UserID               Opt[string]            `json:"user_id"`
	TeamID               Opt[string]            `json:"team_id"`
	ProjectID            Opt[string]            `json:"project_id"`
	OrganizationID       Opt[string]            `json:"organization_id"`
	OrgID                Opt[string]            `json:"org_id"`
	MaxParallel          Opt[int64]             `json:"max_parallel_requests"`
	Metadata             Opt[Fields]            `json:"metadata" default:"{}"`
	TPM                  Opt[int64]             `json:"tpm_limit"`
	RPM                  Opt[int64]             `json:"rpm_limit"`
	TPD                  Opt[int64]             `json:"tpd_limit"`
	BudgetDuration       Opt[string]            `json:"budget_duration"`
	BudgetResetAt        Opt[string]            `json:"budget_reset_at"`
	AllowedCacheControls Opt[Unenforced]        `json:"allowed_cache_controls" default:"[]"`
	AllowedRoutes        Opt[[]string]          `json:"allowed_routes" default:"[]"`
	Permissions          Opt[Fields]            `json:"permissions" default:"{}"`
	ModelSpend           Opt[Fields]            `json:"model_spend" default:"{}"`
	ModelMaxBudget       Opt[modelBudgets]      `json:"model_max_budget" default:"{}"`
	Blocked              Opt[bool]              `json:"blocked"`
	BudgetID             Opt[string]            `json:"budget_id"`
	BudgetTable          Opt[Fields]            `json:"litellm_budget_table"`
	CreatedAt            Opt[string]            `json:"created_at"`
	CreatedBy            Opt[string]            `json:"created_by"`
	UpdatedAt            Opt[string]            `json:"updated_at"`
	UpdatedBy            Opt[string]            `json:"updated_by"`
	RotationCount        Opt[int64]             `json:"rotation_count" optional:"true"`
	LastRotationAt       Opt[string]            `json:"last_rotation_at" optional:"true"`
	LastActive           Opt[time.Time]         `json:"last_active" optional:"true" doc:"When it last made a request; null: never. In lists and of a key asked for"`
}

// keys: virtual keys.
func keys(s *server) {
	post := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodPost, Path: path, Tag: "keys", Summary: summary, Reply: reply}
	}
	get := func(path, summary string, reply any) operation {
		op := post(path, summary, reply)
		op.Method = http.MethodGet
		return op
	}
	optional := func(op operation) operation { op.BodyOptional = true; return op }
	route(s, creating(post("/key/generate", "Make a key. It is shown this once.", keyGenerated{})), s.generateKey)
	route(s, creating(post("/key/service-account/generate", "Make a key that belongs to a team and to no user", keyGenerated{})), s.generateServiceKey)
	route(s, post("/key/update", "Change a key: absent stays, null clears", keyUpdated{}), s.updateKey)
	route(s, creatingLate(optional(post("/key/regenerate", "Give a key a new secret", keyGenerated{}))), s.regenerateKey)
	route(s, creatingLate(optional(post("/key/{key}/regenerate", "Give a key a new secret", keyGenerated{}))), s.regenerateKey)
	route(s, post("/key/delete", "Delete keys, all or none", keysDeleted{}), s.deleteKeys)
	route(s, post("/key/block", "Refuse a key's calls from now on", keyRow{}), s.blockKey)
	route(s, post("/key/unblock", "Accept a blocked key's calls again", keyRow{}), s.unblockKey)
	route(s, get("/key/info", "A key; without a parameter, the calling one", keyInfo{}), s.keyInfo)
	route(s, post("/v2/key/info", "Several keys; those the caller may not read are left out", keyInfos{}), s.keyInfos)
	route(s, get("/key/list", "Keys, newest first", keyList{}), s.listKeys)
	route(s, get("/key/aliases", "The aliases of keys", keyAliases{}), s.keyAliases)
	route(s, optional(post("/key/health", "Whether the calling key can be used", keyHealthRow{})), s.keyHealth)
	route(s, post("/key/{key}/reset_spend", "Set what a key has spent in its current window", nil), s.resetKeySpend)
}

// keyHash is the hash a key is known by: of the key itself, or already a hash.
func keyHash(ident string) policy.KeyHash {
	if h, ok := policy.ParseKeyHash(strings.ToLower(ident)); ok {
		return h
	}
	return policy.HashKey(ident)
}

// loadKey reads a key by itself or its hash.
func loadKey(ctx context.Context, r policy.Reader, field, ident string) (*policy.Key, error) {
	k, err := find[*policy.Key](ctx, r, policy.EntityKey, keyHash(ident).String())
	if err == nil && k == nil {
		err = notFound(field, "Key not found: %s", shownKey(ident))
	}
	return k, err
}

// shownKey is a key's name in messages: a hash as it is, a key masked.
func shownKey(ident string) string {
	if _, ok := policy.ParseKeyHash(strings.ToLower(ident)); ok {
		return ident
	}
	return maskKey(ident)
}

// keyTarget is what acting on a key acts on.
func keyTarget(ctx context.Context, r policy.Reader, k *policy.Key) (target, error) {
	team, err := find[*policy.Team](ctx, r, policy.EntityTeam, k.TeamID)
	return target{Key: k, UserID: k.UserID, Team: team, ProjectID: k.ProjectID, OrganizationID: k.OrganizationID}, err
}

// status is the state a key is in.
func (s *server) keyStatus(k *policy.Key) string {
	now := s.now()
	switch {
	case k.Blocked, !k.RevokedAt.IsZero() && !now.Before(k.RevokedAt):
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	}
	return "active"
}

func keySpender(k *policy.Key) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeKey, ID: k.Hash.String()}, limits: &k.Limits, budgetID: k.BudgetID, created: k.CreatedAt}
}

// keyRows renders keys with their spend. extra goes before everything else in each.
func (s *server) keyRows(ctx context.Context, list ...*policy.Key) ([]Object, error) {
	spenders := make([]spender, len(list))
	for i, k := range list {
		spenders[i] = keySpender(k)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, k := range list {
		if out[i], err = s.keyRow(ctx, k, spends[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *server) keyRow(ctx context.Context, k *policy.Key, spend policy.Money) (Object, error) {
	set := Object{
		{"token", k.Hash.String()}, {"key_name", k.Name}, {"spend", dollars(spend)}, {"expires", when(k.Expires)},
		{"user_id", orNull(k.UserID)}, {"team_id", orNull(k.TeamID)}, {"project_id", orNull(k.ProjectID)},
		{"organization_id", orNull(k.OrganizationID)}, {"org_id", orNull(k.OrganizationID)},
		{"budget_reset_at", s.resetAt(&k.Limits, k.CreatedAt)},
	}
	if len(k.AllowedRoutes) > 0 {
		set.Set("allowed_routes", k.AllowedRoutes) // key_type may have set them
	}
	if k.BudgetID != "" {
		b, err := find[*policy.Budget](ctx, s.Store, policy.EntityBudget, k.BudgetID)
		if err != nil {
			return nil, err
		}
		if b != nil {
			set.Set("litellm_budget_table", budgetTable(b))
		}
	}
	set.record(k.Record)
	return render[keyRow](storedFields(k.Fields), set), nil
}

// budgetTable is a shared budget as rows that refer to it show it.
func budgetTable(b *policy.Budget) Object {
	set := Object{{"budget_id", b.ID}}
	return render[budgetTableRow](storedFields(b.Fields), set)
}

// budgetTableRow are the limits of a row, as LiteLLM nests them.
type budgetTableRow struct {
	BudgetID       Opt[string]       `json:"budget_id"`
	SoftBudget     Opt[policy.Money] `json:"soft_budget"`
	MaxBudget      Opt[policy.Money] `json:"max_budget"`
	MaxParallel    Opt[int64]        `json:"max_parallel_requests"`
	TPM            Opt[int64]        `json:"tpm_limit"`
	RPM            Opt[int64]        `json:"rpm_limit"`
	TPD            Opt[int64]        `json:"tpd_limit"`
	ModelMaxBudget Opt[modelBudgets] `json:"model_max_budget"`
	BudgetDuration Opt[string]       `json:"budget_duration"`
}
