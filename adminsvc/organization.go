package adminsvc

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/purser/purser/policy"
)

// organizationFields are the documented fields of an organization.
type organizationFields struct {
	limitFields
	OrganizationAlias Opt[string]     `json:"organization_alias"`
	Models            Opt[[]string]   `json:"models" doc:"What its teams may call; empty is all"`
	BudgetID          Opt[string]     `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	AllowedModels     Opt[Unenforced] `json:"allowed_models"`
	ObjectPermission  Opt[Unenforced] `json:"object_permission"`
}

var organizationIDs = []string{"organization_id", "budget_id", "budget_duration"}

type organizationRow struct {
	OrganizationID    Opt[string]       `json:"organization_id"`
	OrganizationAlias Opt[string]       `json:"organization_alias"`
	BudgetID          Opt[string]       `json:"budget_id"`
	Spend             Opt[policy.Money] `json:"spend" default:"0.0"`
	Metadata          Opt[Fields]       `json:"metadata"`
	Models            Opt[[]string]     `json:"models" default:"[]"`
	ModelSpend        Opt[Fields]       `json:"model_spend" default:"{}"`
	MaxBudget         Opt[policy.Money] `json:"max_budget"`
	SoftBudget        Opt[policy.Money] `json:"soft_budget"`
	BudgetDuration    Opt[string]       `json:"budget_duration"`
	BudgetResetAt     Opt[time.Time]    `json:"budget_reset_at"`
	TPM               Opt[int64]        `json:"tpm_limit"`
	RPM               Opt[int64]        `json:"rpm_limit"`
	TPD               Opt[int64]        `json:"tpd_limit"`
	MaxParallel       Opt[int64]        `json:"max_parallel_requests"`
	ModelMaxBudget    Opt[modelBudgets] `json:"model_max_budget"`
	BudgetTable       Opt[Fields]       `json:"litellm_budget_table"`
	Members           Opt[rows]         `json:"members" optional:"true"`
	Teams             Opt[rows]         `json:"teams" optional:"true"`
	CreatedAt         Opt[time.Time]    `json:"created_at"`
	CreatedBy         Opt[string]       `json:"created_by"`
	UpdatedAt         Opt[time.Time]    `json:"updated_at"`
	UpdatedBy         Opt[string]       `json:"updated_by"`
}

// organizations: what teams belong to.
func organizations(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "organizations", Summary: summary, Reply: reply}
	}
	routeRaw(s, creating(op(http.MethodPost, "/organization/new", "Make an organization", organizationRow{})), s.newOrganization)
	v1 := op(http.MethodPatch, "/organization/update", "Change an organization: absent and null stay, metadata is merged", organizationRow{})
	v1.Methods = []string{http.MethodPost}
	routeRaw(s, v1, s.updateOrganization)
	routeRaw(s, op(http.MethodPatch, "/v2/organization/{organization_id}", "Change an organization by a JSON merge patch: null clears", organizationRow{}), s.patchOrganization)
	remove := op(http.MethodDelete, "/organization/delete", "Delete organizations without teams and keys, all or none", []organizationRow{})
	remove.Methods = []string{http.MethodPost}
	routeRaw(s, remove, s.deleteOrganizations)
	routeRaw(s, op(http.MethodGet, "/organization/info", "An organization with its members and teams", organizationRow{}), s.organizationInfo)
	routeRaw(s, op(http.MethodPost, "/organization/info", "Several organizations", []organizationRow{}), s.organizationInfos)
	routeRaw(s, op(http.MethodGet, "/organization/list", "The organizations the caller may see", []organizationRow{}), s.listOrganizations)
	organizationMembers(s)
}

// compileOrganization sets an organization's rules from its fields.
func compileOrganization(o *policy.Organization, f *organizationFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	for field, id := range map[string]string{"organization_alias": f.OrganizationAlias.Or(""), "budget_id": f.BudgetID.Or("")} {
		if err := validID(field, id); err != nil {
			return err
		}
	}
	o.Alias = f.OrganizationAlias.Or("")
	o.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	return nil
}

func organizationSpender(o *policy.Organization) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeOrganization, ID: o.ID}, limits: &o.Limits, budgetID: o.BudgetID, created: o.CreatedAt}
}

// organizationRows renders organizations with their spend.
func (s *server) organizationRows(ctx context.Context, list ...*policy.Organization) ([]Object, error) {
	spenders := make([]spender, len(list))
	for i, o := range list {
		spenders[i] = organizationSpender(o)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, o := range list {
		fields := storedFields(o.Fields)
		set := Object{{"organization_id", o.ID}, {"spend", dollars(spends[i])}, {"budget_reset_at", s.resetAt(&o.Limits, o.CreatedAt)}}
		id, table, err := s.ownTable(ctx, o.ID, o.BudgetID, fields)
		if err != nil {
			return nil, err
		}
		set.Set("budget_id", id)
		set.Set("litellm_budget_table", table)
		set.record(o.Record)
		out[i] = render[organizationRow](fields, set)
	}
	return out, nil
}

// ownTable is what litellm_budget_table shows of an entity, and its id: the shared
// budget where there is one, else its own limits as if they were one.
func (s *server) ownTable(ctx context.Context, id, budgetID string, fields Fields) (string, Object, error) {
	b, err := find[*policy.Budget](ctx, s.Store, policy.EntityBudget, budgetID)
	if err != nil {
		return "", nil, err
	}
	if b != nil {
		return b.ID, budgetTable(b), nil
	}
	return ownBudget(id), render[budgetTableRow](only(fields, budgetTableNames), Object{{"budget_id", ownBudget(id)}}), nil
}

// organizationFor reads an organization for an action. Who may not see all hears
// the same of organizations that are not there and not theirs.
func (s *server) organizationFor(ctx context.Context, r policy.Reader, c *Caller, id string, a action) (*policy.Organization, error) {
	o, err := find[*policy.Organization](ctx, r, policy.EntityOrganization, id)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, c, a, target{OrganizationID: id}); err != nil {
		if role, roleErr := s.orgRole(ctx, c, id); !rules[a].reads || role == "" || roleErr != nil || s.confined(c) {
			return nil, err
		} // a member of whatever role reads
	}
	if o == nil {
		return nil, notFound("organization_id", "Organization not found: %s", clip(id))
	}
	return o, nil
}

type organizationQuery struct {
	OrganizationID Opt[string] `query:"organization_id" required:"true"`
}

func (s *server) organizationInfo(ctx context.Context, c *Caller, in *organizationQuery) (any, error) {
	o, err := s.organizationFor(ctx, s.Store, c, in.OrganizationID.Value, organizationRead)
	if err != nil {
		return nil, err
	}
	return s.organizationDetails(ctx, c, o)
}

type organizationsQuery struct {
	Body
	Organizations Opt[[]string] `json:"organizations" required:"true"`
}

func (s *server) organizationInfos(ctx context.Context, c *Caller, in *organizationsQuery) (any, error) {
	if len(in.Organizations.Value) == 0 || len(in.Organizations.Value) > 100 {
		return nil, badRequest("organizations", "organizations lists 1 to 100 ids")
	}
	out := []any{}
	for _, id := range in.Organizations.Value {
		o, err := s.organizationFor(ctx, s.Store, c, id, organizationRead)
		if err != nil {
			return nil, err
		}
		row, err := s.organizationDetails(ctx, c, o)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// organizationDetails is the row with members, teams and spend by model.
func (s *server) organizationDetails(ctx context.Context, c *Caller, o *policy.Organization) (any, error) {
	list, err := s.organizationRows(ctx, o)
	if err != nil {
		return nil, err
	}
	row := list[0]
	spentOn, err := s.Spend.ModelSpend(ctx, organizationSpender(o).scope)
	if err != nil {
		return nil, err
	}
	row.Set("model_spend", moneyMap(spentOn))
	members, err := s.organizationMemberRows(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	teams, _, err := policy.List[*policy.Team](ctx, s.Store, policy.Query{Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "organization_id", Op: policy.Is, Value: o.ID}}})
	if err != nil {
		return nil, err
	}
	if !c.Sees() { // plain members of the organization see the teams they are in
		teams = slices.DeleteFunc(teams, func(t *policy.Team) bool { return s.authorize(ctx, c, teamRead, target{Team: t}) != nil })
	}
	teamRows, err := s.teamRows(ctx, teams...)
	if err != nil {
		return nil, err
	}
	row.Set("members", members)
	row.Set("teams", teamRows)
	return row, nil
}

type organizationListQuery struct {
	OrgID    Opt[string] `query:"org_id"`
	OrgAlias Opt[string] `query:"org_alias" doc:"Part of it, whatever its case"`
	listPage
}

func (s *server) listOrganizations(ctx context.Context, c *Caller, in *organizationListQuery) (any, error) {
	q := policy.Query{Kind: policy.EntityOrganization}
	if id := in.OrgID.Or(""); id != "" {
		q.Where = append(q.Where, policy.Condition{Field: "id", Op: policy.Is, Value: id})
	}
	if alias := in.OrgAlias.Or(""); alias != "" {
		q.Where = append(q.Where, policy.Condition{Field: "alias", Op: policy.Contains, Value: alias})
	}
	if !c.Sees() {
		mine := []string{}
		if !s.confined(c) {
			if err := s.loadOrganizations(ctx, c); err != nil {
				return nil, err
			}
			mine = sortedNames(c.orgs)
		}
		q.Where = append(q.Where, policy.Condition{Field: "id", Op: policy.In, Value: mine})
	}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	list, total, err := policy.List[*policy.Organization](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	out, err := s.organizationRows(ctx, list...)
	if err != nil {
		return nil, err
	}
	for i, o := range list {
		members, err := s.organizationMemberRows(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		out[i].Set("members", members)
	}
	return listed(total, out), nil
}
