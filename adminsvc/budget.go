package adminsvc

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Budgets are sets of limits that other entities refer to by budget_id. Each of
// those counts for itself.
const (
	budgetRead  action = "read budgets"
	budgetWrite action = "create, change or delete budgets"
)

func init() {
	rules[budgetRead] = rule{allow: readers, reads: true}
	rules[budgetWrite] = rule{allow: isAdmin}
}

// budgetFields are the documented fields of a budget.
type budgetFields struct {
	limitFields
	BudgetResetAt Opt[string]     `json:"budget_reset_at" doc:"Derived from budget_duration; what is sent is kept and has no effect"`
	AllowedModels Opt[Unenforced] `json:"allowed_models"`
}

type budgetNew struct {
	Body
	BudgetID Opt[string] `json:"budget_id" doc:"Absent: a new one"`
	budgetFields
}

type budgetRow struct {
	BudgetID       Opt[string]       `json:"budget_id"`
	MaxBudget      Opt[policy.Money] `json:"max_budget"`
	SoftBudget     Opt[policy.Money] `json:"soft_budget"`
	MaxParallel    Opt[int64]        `json:"max_parallel_requests"`
	TPM            Opt[int64]        `json:"tpm_limit"`
	RPM            Opt[int64]        `json:"rpm_limit"`
	TPD            Opt[int64]        `json:"tpd_limit"`
	ModelMaxBudget Opt[modelBudgets] `json:"model_max_budget"`
	BudgetDuration Opt[string]       `json:"budget_duration"`
	BudgetResetAt  Opt[string]       `json:"budget_reset_at"`
	CreatedAt      Opt[string]       `json:"created_at"`
	CreatedBy      Opt[string]       `json:"created_by"`
	UpdatedAt      Opt[string]       `json:"updated_at"`
	UpdatedBy      Opt[string]       `json:"updated_by"`
}

func budgets(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "budgets", Summary: summary, Reply: reply}
	}
	routeRaw(s, creating(op(http.MethodPost, "/budget/new", "Make a budget that others can refer to", budgetRow{})), s.newBudget)
	routeRaw(s, op(http.MethodPost, "/budget/update", "Change a budget, for all who refer to it", budgetRow{}), s.updateBudget)
	routeRaw(s, op(http.MethodPost, "/budget/info", "Budgets by their ids", []budgetRow{}), s.budgetInfo)
	routeRaw(s, op(http.MethodGet, "/budget/list", "All budgets", []budgetRow{}), s.listBudgets)
	routeRaw(s, op(http.MethodGet, "/budget/settings", "A budget's fields, for a form", []budgetSetting{}), s.budgetSettings)
	routeRaw(s, op(http.MethodPost, "/budget/delete", "Delete a budget nobody refers to", budgetRow{}), s.deleteBudget)
}

func compileBudget(b *policy.Budget, f *budgetFields) error {
	limits, err := f.limits()
	b.Limits = limits
	return err
}

func (s *server) newBudget(ctx context.Context, c *Caller, in *budgetNew) (any, error) {
	if err := s.authorize(ctx, c, budgetWrite, target{}); err != nil {
		return nil, err
	}
	sent := blankIDs(in.Sent, "budget_id", "budget_duration")
	full, err := decodeStored[budgetNew](sent)
	if err != nil {
		return nil, err
	}
	b := &policy.Budget{ID: full.BudgetID.Or("")}
	if b.ID == "" {
		b.ID = s.NewID()
	}
	if err := validID("budget_id", b.ID); err != nil {
		return nil, err
	}
	if err := compileBudget(b, &full.budgetFields); err != nil {
		return nil, err
	}
	now := s.now()
	b.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without("budget_id").Stored()}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error { return tx.Create(ctx, b) })
	if errors.Is(err, policy.ErrConflict) {
		return nil, badRequest("budget_id", "Budget %s already exists", b.ID)
	}
	if err != nil {
		return nil, err
	}
	return s.budgetRow(b), nil
}

type budgetUpdate struct {
	Body
	BudgetID Opt[string] `json:"budget_id" required:"true"`
	budgetFields
}

func (s *server) updateBudget(ctx context.Context, c *Caller, in *budgetUpdate) (any, error) {
	if err := s.authorize(ctx, c, budgetWrite, target{}); err != nil {
		return nil, err
	}
	var b *policy.Budget
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := findBudget(ctx, tx, in.BudgetID.Value)
		if err != nil {
			return err
		}
		fields := storedFields(old.Fields).Merge(in.Sent.Without("budget_id"))
		full, err := decodeStored[budgetFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		b = &changed
		if err := compileBudget(b, full); err != nil {
			return err
		}
		b.UpdatedAt, b.UpdatedBy, b.Fields = s.now(), c.UserID, fields.Stored()
		return tx.Update(ctx, b)
	})
	if err != nil {
		return nil, err
	}
	return s.budgetRow(b), nil
}

func findBudget(ctx context.Context, r policy.Reader, id string) (*policy.Budget, error) {
	b, err := find[*policy.Budget](ctx, r, policy.EntityBudget, id)
	if err == nil && b == nil {
		return nil, notFound("budget_id", "Budget not found: %s", clip(id))
	}
	return b, err
}

func (s *server) budgetRow(b *policy.Budget) Object {
	set := Object{{"budget_id", b.ID}, {"budget_reset_at", s.resetAt(&b.Limits, b.CreatedAt)}}
	set.record(b.Record)
	return render[budgetRow](storedFields(b.Fields), set)
}

type budgetQuery struct {
	Body
	Budgets Opt[[]string] `json:"budgets" required:"true"`
}

func (s *server) budgetInfo(ctx context.Context, c *Caller, in *budgetQuery) (any, error) {
	if err := s.authorize(ctx, c, budgetRead, target{}); err != nil {
		return nil, err
	}
	if len(in.Budgets.Value) == 0 {
		return nil, detailError(http.StatusBadRequest, "Specify a list of budget id's to query")
	}
	rows, _, err := s.budgetRows(ctx, policy.Query{Kind: policy.EntityBudget, Where: []policy.Condition{{Field: "id", Op: policy.In, Value: in.Budgets.Value}}})
	return rows, err
}

func (s *server) listBudgets(ctx context.Context, c *Caller, in *allPages) (any, error) {
	if err := s.authorize(ctx, c, budgetRead, target{}); err != nil {
		return nil, err
	}
	q := policy.Query{Kind: policy.EntityBudget}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	rows, total, err := s.budgetRows(ctx, q)
	return listed(total, rows), err
}

func (s *server) budgetRows(ctx context.Context, q policy.Query) ([]Object, int, error) {
	list, total, err := policy.List[*policy.Budget](ctx, s.Store, q)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Object, len(list))
	for i, b := range list {
		out[i] = s.budgetRow(b)
	}
	return out, total, nil
}

type budgetSettingsQuery struct {
	BudgetID Opt[string] `query:"budget_id" required:"true"`
}

// budgetSetting is one field of a budget as a form shows it.
type budgetSetting struct {
	Name        Opt[string]         `json:"field_name"`
	Type        Opt[string]         `json:"field_type"`
	Description Opt[string]         `json:"field_description"`
	Value       Opt[jsontext.Value] `json:"field_value"`
	Stored      Opt[bool]           `json:"stored_in_db"`
	Default     Opt[jsontext.Value] `json:"field_default_value"`
}

func (s *server) budgetSettings(ctx context.Context, c *Caller, in *budgetSettingsQuery) (any, error) {
	if err := s.authorize(ctx, c, budgetRead, target{}); err != nil {
		return nil, err
	}
	b, err := findBudget(ctx, s.Store, in.BudgetID.Value)
	if err != nil {
		return nil, err
	}
	fields := storedFields(b.Fields)
	var out []Object
	for _, f := range []struct{ name, typ, help string }{
		{"max_budget", "Float", "Dollars that may be spent in budget_duration"},
		{"soft_budget", "Float", "Recorded, never refuses"},
		{"max_parallel_requests", "Integer", "Requests under way at once"},
		{"tpm_limit", "Integer", "Tokens in any rolling minute"},
		{"rpm_limit", "Integer", "Requests in any rolling minute"},
		{"tpd_limit", "Integer", "Tokens per day"},
		{"budget_duration", "String", "When the budget begins anew: 30s, 30m, 30h, 30d, 1w, 1mo"},
		{"model_max_budget", "Object", "Limits per model"},
	} {
		v, stored := fields.Get(f.name)
		var value any
		if stored {
			value = v
		}
		out = append(out, Object{{"field_name", f.name}, {"field_type", f.typ}, {"field_description", f.help}, {"field_value", value}, {"stored_in_db", stored}, {"field_default_value", nil}})
	}
	return out, nil
}

type budgetDeletion struct {
	Body
	ID Opt[string] `json:"id" required:"true"`
}

func (s *server) deleteBudget(ctx context.Context, c *Caller, in *budgetDeletion) (any, error) {
	if err := s.authorize(ctx, c, budgetWrite, target{}); err != nil {
		return nil, err
	}
	var b *policy.Budget
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		var err error
		if b, err = findBudget(ctx, tx, in.ID.Value); err != nil {
			return err
		}
		for _, kind := range []policy.EntityKind{
			policy.EntityKey, policy.EntityTeam, policy.EntityProject, policy.EntityOrganization, policy.EntityUser, policy.EntityCustomer,
			policy.EntityTag, policy.EntityMembership,
		} {
			page, err := tx.List(ctx, policy.Query{Kind: kind, Where: []policy.Condition{{Field: "budget_id", Op: policy.Is, Value: b.ID}}, Limit: 1})
			if err != nil {
				return err
			}
			if page.Total > 0 {
				// Without it they would be without its limits.
				return badRequest("id", "Budget %s is in use: %d of kind %s refer to it, such as %s. Give them another first", b.ID, page.Total, kind, clip(page.Entities[0].Ref().ID))
			}
		}
		if b.ID == s.Settings().CustomerBudget {
			return badRequest("id", "Budget %s is in use: the configuration gives it to customers without one", b.ID)
		}
		page, err := tx.List(ctx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "fields.end_user_budget_id", Op: policy.Is, Value: b.ID}}, Limit: 1})
		if err != nil {
			return err
		}
		if page.Total > 0 {
			return badRequest("id", "Budget %s is in use: %d keys give it to customers without one. Give them another first", b.ID, page.Total)
		}
		return tx.Delete(ctx, b.Ref())
	})
	if err != nil {
		return nil, err
	}
	return s.budgetRow(b), nil
}
