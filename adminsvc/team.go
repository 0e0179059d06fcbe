package adminsvc

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// teamFields are the documented fields of a team that can be updated.
type teamFields struct {
	limitFields
	TeamAlias          Opt[string]            `json:"team_alias"`
	OrganizationID     Opt[string]            `json:"organization_id"`
	BudgetID           Opt[string]            `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	Models             Opt[[]string]          `json:"models" doc:"Empty is all"`
	Blocked            Opt[bool]              `json:"blocked"`
	ModelAliases       Opt[map[string]string] `json:"model_aliases" doc:"Model name to model name"`
	Tags               Opt[[]string]          `json:"tags"`
	AccessGroupIDs     Opt[[]string]          `json:"access_group_ids"`
	MemberModels       Opt[[]string]          `json:"default_team_member_models" doc:"Each member's models, unless the member has some of their own"`
	MemberBudget       Opt[policy.Money]      `json:"team_member_budget" doc:"Each member's budget within the team"`
	MemberBudgetPeriod Opt[string]            `json:"team_member_budget_duration"`
	MemberRPM          Opt[int64]             `json:"team_member_rpm_limit"`
	MemberTPM          Opt[int64]             `json:"team_member_tpm_limit"`
	MemberKeyDuration  Opt[string]            `json:"team_member_key_duration" doc:"How long members' keys live at most"`
	RPMLimitType       Opt[string]            `json:"rpm_limit_type" enum:"guaranteed_throughput,best_effort_throughput"`
	TPMLimitType       Opt[string]            `json:"tpm_limit_type" enum:"guaranteed_throughput,best_effort_throughput"`
	MemberPermissions  Opt[[]string]          `json:"team_member_permissions" doc:"What plain members may do with the team's keys"`

	// They change nothing here, and restrict nothing anywhere.
	EstimatedOutput         Opt[int64]            `json:"default_estimated_output_tokens"`
	EstimatedOutputPerModel Opt[map[string]int64] `json:"default_estimated_output_tokens_per_model"`
	DisableGlobalGuardrails Opt[bool]             `json:"disable_global_guardrails"`
	AllowGuardrailConfig    Opt[bool]             `json:"allow_team_guardrail_config"`
	SecretManagerSettings   Opt[Fields]           `json:"secret_manager_settings"`

	AllowedPassthroughRoutes   Opt[Unenforced] `json:"allowed_passthrough_routes"`
	AllowedVectorStoreIndexes  Opt[Unenforced] `json:"allowed_vector_store_indexes"`
	DeniedPassthroughRoutes    Opt[Unenforced] `json:"denied_passthrough_routes"`
	EnforcedBatchOutputExpires Opt[Unenforced] `json:"enforced_batch_output_expires_after"`
	EnforcedFileExpires        Opt[Unenforced] `json:"enforced_file_expires_after"`
	Guardrails                 Opt[Unenforced] `json:"guardrails"`
	MCPRPMLimit                Opt[Unenforced] `json:"mcp_rpm_limit"`
	ObjectPermission           Opt[Unenforced] `json:"object_permission"`
	Policies                   Opt[Unenforced] `json:"policies"`
	Prompts                    Opt[Unenforced] `json:"prompts"`
	RouterSettings             Opt[Unenforced] `json:"router_settings"`
}

// teamIDs are fields in which "" is the same as absent, on creation.
var teamIDs = []string{"team_id", "team_alias", "organization_id", "budget_id", "budget_duration", "team_member_budget_duration", "team_member_key_duration"}

type teamRow struct {
	TeamID            Opt[string]        `json:"team_id"`
	TeamAlias         Opt[string]        `json:"team_alias"`
	OrganizationID    Opt[string]        `json:"organization_id"`
	Admins            Opt[[]string]      `json:"admins" default:"[]"`
	Members           Opt[rows]          `json:"members" default:"[]"`
	MembersWithRoles  Opt[rows]          `json:"members_with_roles" default:"[]"`
	MemberPermissions Opt[[]string]      `json:"team_member_permissions"`
	Metadata          Opt[Fields]        `json:"metadata"`
	TPM               Opt[int64]         `json:"tpm_limit"`
	RPM               Opt[int64]         `json:"rpm_limit"`
	TPD               Opt[int64]         `json:"tpd_limit"`
	MaxParallel       Opt[int64]         `json:"max_parallel_requests"`
	MaxBudget         Opt[policy.Money]  `json:"max_budget"`
	SoftBudget        Opt[policy.Money]  `json:"soft_budget"`
	BudgetDuration    Opt[string]        `json:"budget_duration"`
	BudgetResetAt     Opt[string]        `json:"budget_reset_at"`
	BudgetLimits      Opt[budgetWindows] `json:"budget_limits"`
	Models            Opt[[]string]      `json:"models" default:"[]"`
	Blocked           Opt[bool]          `json:"blocked" default:"false"`
	Enforcement       Opt[string]        `json:"enforcement" optional:"true"`
	ShadowLimits      Opt[[]string]      `json:"shadow_limits" optional:"true"`
	Spend             Opt[policy.Money]  `json:"spend" default:"0.0"`
	ModelSpend        Opt[Fields]        `json:"model_spend" default:"{}"`
	ModelMaxBudget    Opt[modelBudgets]  `json:"model_max_budget" default:"{}"`
	ModelTable        Opt[Fields]        `json:"litellm_model_table"`
	CreatedAt         Opt[string]        `json:"created_at"`
	CreatedBy         Opt[string]        `json:"created_by"`
	UpdatedAt         Opt[string]        `json:"updated_at"`
	UpdatedBy         Opt[string]        `json:"updated_by"`
}

// teams: keys that share budgets, limits and models.
func teams(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "teams", Summary: summary, Reply: reply}
	}
	route(s, creating(op(http.MethodPost, "/team/new", "Make a team", teamRow{})), s.newTeam)
	route(s, op(http.MethodPost, "/team/update", "Change a team: absent stays, null clears", teamUpdated{}), s.updateTeam)
	route(s, op(http.MethodPatch, "/team/{team_id}", "Change a team: absent stays, null clears", teamRow{}), s.patchTeam)
	route(s, op(http.MethodPost, "/team/delete", "Delete teams with their keys, all or none", nil), s.deleteTeams)
	route(s, op(http.MethodGet, "/team/info", "A team with its members and keys", teamInfo{}), s.teamInfo)
	route(s, op(http.MethodGet, "/team/list", "All teams the caller may see", nil), s.listTeams)
	route(s, op(http.MethodGet, "/v2/team/list", "A page of the teams the caller may see", teamPage{}), s.pageTeams)
	route(s, op(http.MethodGet, "/team/available", "Teams that anybody may join: there are none", nil), s.availableTeams)
	route(s, op(http.MethodPost, "/team/block", "Refuse the calls of all of a team's keys from now on", teamRow{}), s.blockTeam)
	route(s, op(http.MethodPost, "/team/unblock", "Accept a blocked team's calls again", teamRow{}), s.unblockTeam)
	route(s, op(http.MethodPost, "/team/model/add", "Add models to a team", teamRow{}), s.addTeamModels)
	route(s, op(http.MethodPost, "/team/model/delete", "Take models from a team", teamRow{}), s.removeTeamModels)
	route(s, op(http.MethodGet, "/team/permissions_list", "What plain members may do", teamPermissionsRow{}), s.teamPermissions)
	route(s, op(http.MethodPost, "/team/permissions_update", "Set what plain members may do", teamRow{}), s.setTeamPermissions)
	members(s)
}

// compileTeam sets a team's rules from its fields.
func compileTeam(t *policy.Team, f *teamFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	for field, id := range map[string]string{"team_alias": f.TeamAlias.Or(""), "organization_id": f.OrganizationID.Or(""), "budget_id": f.BudgetID.Or("")} {
		if err := validID(field, id); err != nil {
			return err
		}
	}
	memberLimits := policy.Limits{MaxBudget: f.MemberBudget.Ptr(), BudgetDuration: f.MemberBudgetPeriod.Or(""), RPM: f.MemberRPM.Ptr(), TPM: f.MemberTPM.Ptr()}
	if err := renamed(memberLimits.Validate(), "team_member_", "budget_duration", "rpm_limit", "tpm_limit"); err != nil {
		return err
	}
	if d := f.MemberKeyDuration.Or(""); d != "" {
		if _, err := policy.ParseDuration(d); err != nil {
			return badRequest("team_member_key_duration", "%v", err)
		}
	}
	if err := knownPermissions(f.MemberPermissions.Or(nil)); err != nil {
		return err
	}
	t.Alias, t.OrganizationID = f.TeamAlias.Or(""), f.OrganizationID.Or("")
	t.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	t.Aliases, t.Blocked = f.ModelAliases.Or(nil), f.Blocked.Or(false)
	t.MemberLimits, t.MemberModels = memberLimits, f.MemberModels.Or(nil)
	t.Tags = union(f.Tags.Or(nil), f.metadataTags())
	return nil
}

// checkTeam refuses what a team's organization does not allow, and references to what is not there.
func (s *server) checkTeam(ctx context.Context, tx policy.Tx, t *policy.Team, in *teamFields) error {
	if err := mustExistBudget(ctx, tx, "budget_id", t.BudgetID); err != nil {
		return err
	}
	groups, err := grantedGroups(ctx, tx, in.AccessGroupIDs)
	if err != nil {
		return err
	}
	own := t.Models
	t.Models = grant(t.Models, groups)
	if t.OrganizationID == "" {
		return nil
	}
	o, err := find[*policy.Organization](ctx, tx, policy.EntityOrganization, t.OrganizationID)
	if err != nil {
		return err
	}
	if o == nil {
		return badRequest("organization_id", "Organization not found: %s", t.OrganizationID)
	}
	names, err := s.names(ctx, tx)
	if err != nil {
		return err
	}
	if over := names.within(own, o.Models); over != "" {
		return forbidden("models", "Model %s is not among the models of organization %s", clip(over), o.ID)
	}
	if over := names.within(groups, o.Models); over != "" && len(own) > 0 {
		return forbidden("access_group_ids", "Access group %s has models that organization %s has not", clip(over), o.ID)
	}
	if field, message := beyond(&t.Limits, &o.Limits); field != "" {
		return forbidden(field, "The team's %s of its organization %s", message, o.ID)
	}
	asked := promised{RPM: in.RPM, TPM: in.TPM, ModelRPM: in.ModelRPM, ModelTPM: in.ModelTPM, RPMType: in.RPMLimitType, TPMType: in.TPMLimitType}
	if asked.RPMType.Or("") != guaranteed && asked.TPMType.Or("") != guaranteed {
		return nil
	}
	list, _, err := policy.List[*policy.Team](ctx, tx, policy.Query{Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "organization_id", Op: policy.Is, Value: o.ID}}})
	if err != nil {
		return err
	}
	var siblings []promised
	for _, other := range list {
		if p, ok := promises(storedFields(other.Fields)); ok && other.ID != t.ID {
			siblings = append(siblings, p)
		}
	}
	if field, sum, limit := overAllocated(asked, siblings, &o.Limits); field != "" {
		return badRequest(field, "%s is guaranteed, but the guarantees of organization %s would add up to %d of its %d", field, o.ID, sum, limit)
	}
	return nil
}

// loadTeam reads a team that must be there.
func loadTeam(ctx context.Context, r policy.Reader, id string) (*policy.Team, error) {
	t, err := find[*policy.Team](ctx, r, policy.EntityTeam, id)
	if err == nil && t == nil {
		err = notFound("team_id", "Team not found: %s", clip(id))
	}
	return t, err
}

func teamSpender(t *policy.Team) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeTeam, ID: t.ID}, limits: &t.Limits, budgetID: t.BudgetID, created: t.CreatedAt}
}

// teamRows renders teams with their spend.
func (s *server) teamRows(ctx context.Context, list ...*policy.Team) ([]Object, error) {
	spenders := make([]spender, len(list))
	for i, t := range list {
		spenders[i] = teamSpender(t)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, t := range list {
		out[i] = s.teamRow(t, spends[i])
	}
	return out, nil
}

func (s *server) teamRow(t *policy.Team, spend policy.Money) Object {
	members := memberRows(t)
	set := Object{
		{"team_id", t.ID}, {"members_with_roles", members}, {"members", members}, {"spend", dollars(spend)},
		{"admins", stillAdmins(t)}, {"budget_reset_at", s.resetAt(&t.Limits, t.CreatedAt)},
	}
	if len(t.Aliases) > 0 {
		set.Set("litellm_model_table", Object{{"model_aliases", t.Aliases}})
	}
	set.record(t.Record)
	return render[teamRow](storedFields(t.Fields), set)
}

func memberRows(t *policy.Team) []Object {
	out := make([]Object, len(t.Members))
	for i, m := range t.Members {
		out[i] = Object{{"user_id", orNull(m.UserID)}, {"user_email", orNull(m.Email)}, {"role", m.Role}}
	}
	return out
}

// stillAdmins are the admins that were named as such when the team was made, and are it still.
func stillAdmins(t *policy.Team) []string {
	out := []string{}
	in, err := decodeStored[struct {
		Admins Opt[[]string] `json:"admins"`
	}](storedFields(t.Fields))
	if err != nil {
		return out
	}
	for _, id := range in.Admins.Or(nil) {
		for _, m := range t.Members {
			if m.UserID == id && m.Role == "admin" {
				out = append(out, id)
			}
		}
	}
	return out
}

// teamMembers is [{"user_id":…,"user_email":…,"role":"admin"|"user"}]; a single
// one may come without the list.
type teamMembers []policy.Member

func (m *teamMembers) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	one := func(at location, v jsontext.Value) {
		if v.Kind() == '"' { // legacy: only the id
			*m = append(*m, policy.Member{UserID: unquote(v), Role: "user"})
			return
		}
		var entry struct {
			UserID Opt[string] `json:"user_id"`
			Email  Opt[string] `json:"user_email"`
			Role   Opt[string] `json:"role" required:"true" enum:"admin,user"`
		}
		d.object(at, v, &entry)
		*m = append(*m, policy.Member{UserID: entry.UserID.Or(""), Email: entry.Email.Or(""), Role: entry.Role.Or("user")})
	}
	*m = nil
	d.oneOrItems(at, v, one)
	return nil
}

func (*teamMembers) schema() *huma.Schema { return membersSchema("admin", "user") }

// membersSchema is a list of users, each in one of the roles.
func membersSchema(roles ...string) *huma.Schema {
	enum := make([]any, len(roles))
	for i, r := range roles {
		enum[i] = r
	}
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, Required: []string{"role"}, Properties: map[string]*huma.Schema{
		"user_id": {Type: huma.TypeString, Nullable: true}, "user_email": {Type: huma.TypeString, Nullable: true}, "role": {Type: huma.TypeString, Enum: enum},
	}}}
}
