package adminsvc

import (
	"context"
	"errors"
	"net/http"

	"github.com/purser/purser/policy"
)

// projectFields are the documented fields of a project.
type projectFields struct {
	limitFields
	ProjectAlias     Opt[string]     `json:"project_alias"`
	Description      Opt[string]     `json:"description"`
	TeamID           Opt[string]     `json:"team_id" doc:"The team it belongs to"`
	BudgetID         Opt[string]     `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	Models           Opt[[]string]   `json:"models" doc:"Empty is all that the team has"`
	Blocked          Opt[bool]       `json:"blocked"`
	Tags             Opt[[]string]   `json:"tags"`
	AllowedModels    Opt[Unenforced] `json:"allowed_models"`
	Guardrails       Opt[Unenforced] `json:"guardrails"`
	Policies         Opt[Unenforced] `json:"policies"`
	ObjectPermission Opt[Unenforced] `json:"object_permission"`
}

type projectRow struct {
	ProjectID      Opt[string]           `json:"project_id"`
	ProjectAlias   Opt[string]           `json:"project_alias"`
	Description    Opt[string]           `json:"description"`
	TeamID         Opt[string]           `json:"team_id"`
	BudgetID       Opt[string]           `json:"budget_id"`
	Models         Opt[[]string]         `json:"models" default:"[]"`
	MaxBudget      Opt[policy.Money]     `json:"max_budget"`
	SoftBudget     Opt[policy.Money]     `json:"soft_budget"`
	BudgetDuration Opt[string]           `json:"budget_duration"`
	BudgetResetAt  Opt[string]           `json:"budget_reset_at"`
	TPM            Opt[int64]            `json:"tpm_limit"`
	RPM            Opt[int64]            `json:"rpm_limit"`
	TPD            Opt[int64]            `json:"tpd_limit"`
	MaxParallel    Opt[int64]            `json:"max_parallel_requests"`
	ModelMaxBudget Opt[modelBudgets]     `json:"model_max_budget"`
	ModelRPM       Opt[map[string]int64] `json:"model_rpm_limit"`
	ModelTPM       Opt[map[string]int64] `json:"model_tpm_limit"`
	Spend          Opt[policy.Money]     `json:"spend" default:"0.0"`
	ModelSpend     Opt[Fields]           `json:"model_spend" default:"{}"`
	BudgetTable    Opt[Fields]           `json:"litellm_budget_table"`
	Metadata       Opt[Fields]           `json:"metadata"`
	Blocked        Opt[bool]             `json:"blocked" default:"false"`
	Enforcement    Opt[string]           `json:"enforcement" optional:"true"`
	ShadowLimits   Opt[[]string]         `json:"shadow_limits" optional:"true"`
	CreatedAt      Opt[string]           `json:"created_at"`
	CreatedBy      Opt[string]           `json:"created_by"`
	UpdatedAt      Opt[string]           `json:"updated_at"`
	UpdatedBy      Opt[string]           `json:"updated_by"`
}

// projects: what sits between teams and keys.
func projects(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "projects", Summary: summary, Reply: reply}
	}
	route(s, creating(op(http.MethodPost, "/project/new", "Make a project in a team", projectRow{})), s.newProject)
	route(s, op(http.MethodPost, "/project/update", "Change a project: absent stays, null clears", projectRow{}), s.updateProject)
	route(s, op(http.MethodGet, "/project/info", "A project with its spend by model", projectRow{}), s.projectInfo)
	route(s, op(http.MethodGet, "/project/list", "The projects the caller may see", []projectRow{}), s.listProjects)
	remove := op(http.MethodDelete, "/project/delete", "Delete projects without keys, all or none", []projectRow{})
	remove.Methods = []string{http.MethodPost} // some proxies drop the body of a DELETE
	route(s, remove, s.deleteProjects)
}

// badProject and noProject carry the types that LiteLLM's project handlers answer with.
func badProject(e *Error) *Error {
	if e.Type == "bad_request_error" {
		e.Type = "bad_request"
	}
	return e
}

func noProject(id string) *Error {
	return &Error{Status: http.StatusNotFound, Type: "not_found", Param: "project_id", Message: "Project not found: " + clip(id)}
}

// compileProject sets a project's rules from its fields.
func compileProject(p *policy.Project, f *projectFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	for field, id := range map[string]string{"project_alias": f.ProjectAlias.Or(""), "team_id": f.TeamID.Or(""), "budget_id": f.BudgetID.Or("")} {
		if err := validID(field, id); err != nil {
			return err
		}
	}
	if limits.SoftBudget != nil && limits.MaxBudget != nil && *limits.SoftBudget >= *limits.MaxBudget {
		return badProject(badRequest("soft_budget", "soft_budget must be below max_budget"))
	}
	p.Alias, p.TeamID = f.ProjectAlias.Or(""), f.TeamID.Or("")
	p.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	p.Blocked, p.Tags = f.Blocked.Or(false), union(f.Tags.Or(nil), f.metadataTags())
	return nil
}

// checkProject refuses what the project's team does not allow.
func (s *server) checkProject(ctx context.Context, tx policy.Tx, p *policy.Project, t *policy.Team) error {
	if err := mustExistBudget(ctx, tx, "budget_id", p.BudgetID); err != nil {
		return err
	}
	names, err := s.names(ctx, tx)
	if err != nil {
		return err
	}
	if over := names.within(p.Models, t.Models); over != "" {
		return badProject(badRequest("models", "Model %s is not among the models of team %s", clip(over), t.ID))
	}
	if field, message := beyond(&p.Limits, &t.Limits); field != "" {
		return badProject(badRequest(field, "The project's %s of its team %s", message, t.ID))
	}
	return nil
}

// projectTeam reads the team of a project to be, for an action on it.
func (s *server) projectTeam(ctx context.Context, r policy.Reader, c *Caller, id string) (*policy.Team, error) {
	t, err := s.teamFor(ctx, r, c, id, projectWrite)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusNotFound {
		e.Type = "not_found"
	}
	return t, err
}

// ownBudget is the id under which a project's own limits show in
// litellm_budget_table, as if they were a budget's.
func ownBudget(projectID string) string { return "budget-" + projectID }

func projectSpender(p *policy.Project) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeProject, ID: p.ID}, limits: &p.Limits, budgetID: p.BudgetID, created: p.CreatedAt}
}

// projectRows renders projects with their spend.
func (s *server) projectRows(ctx context.Context, list ...*policy.Project) ([]Object, error) {
	spenders := make([]spender, len(list))
	for i, p := range list {
		spenders[i] = projectSpender(p)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	budgets, err := s.budgetsOf(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, p := range list {
		fields := storedFields(p.Fields)
		set := Object{{"project_id", p.ID}, {"team_id", orNull(p.TeamID)}, {"spend", dollars(spends[i])}, {"budget_reset_at", s.resetAt(&p.Limits, p.CreatedAt)}}
		table := render[budgetTableRow](only(fields, budgetTableNames), Object{{"budget_id", ownBudget(p.ID)}})
		if p.BudgetID != "" {
			if b := budgets[p.BudgetID]; b != nil {
				table = budgetTable(b)
			}
		} else {
			set.Set("budget_id", ownBudget(p.ID))
		}
		set.Set("litellm_budget_table", table)
		set.record(p.Record)
		out[i] = render[projectRow](fields, set)
	}
	return out, nil
}

// budgetsOf reads the budgets that projects refer to, at once.
func (s *server) budgetsOf(ctx context.Context, list []*policy.Project) (map[string]*policy.Budget, error) {
	var ids []string
	for _, p := range list {
		if p.BudgetID != "" {
			ids = append(ids, p.BudgetID)
		}
	}
	if ids == nil {
		return nil, nil
	}
	found, _, err := policy.List[*policy.Budget](ctx, s.Store, policy.Query{Kind: policy.EntityBudget, Where: []policy.Condition{{Field: "id", Op: policy.In, Value: ids}}})
	byID := map[string]*policy.Budget{}
	for _, b := range found {
		byID[b.ID] = b
	}
	return byID, err
}

// budgetTableNames are the names of budgetTableRow that a project's own fields fill.
var budgetTableNames = []string{"soft_budget", "max_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit", "model_max_budget", "budget_duration"}
