package adminsvc

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Customers are the end users of the company's product, known by the id that
// calls carry. Calls may carry ids nobody made: the default budget holds for them.
const (
	customerRead  action = "read customers"
	customerWrite action = "create, change or delete customers"
)

func init() {
	rules[customerRead] = rule{allow: readers, reads: true}
	rules[customerWrite] = rule{allow: isAdmin}
}

// customerFields are the documented fields of a customer.
type customerFields struct {
	limitFields
	Alias         Opt[string]   `json:"alias"`
	Blocked       Opt[bool]     `json:"blocked" doc:"Refuse the calls that carry this id"`
	BudgetID      Opt[string]   `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	DefaultModel  Opt[string]   `json:"default_model" doc:"Kept; calls name their model"`
	Models        Opt[[]string] `json:"models" doc:"Empty is all"`
	BudgetResetAt Opt[string]   `json:"budget_reset_at" doc:"Derived from budget_duration; what is sent is kept and has no effect"`

	AllowedModelRegion Opt[regionValue] `json:"allowed_model_region" doc:"Not enforced: refused unless empty"`
	ObjectPermission   Opt[Unenforced]  `json:"object_permission"`
}

// regionValue is eu or us in LiteLLM. Purser routes by no region.
type regionValue struct{ Unenforced }

func (r *regionValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	if v.Kind() != '"' {
		d.fail("literal_error", at, "Input should be 'eu' or 'us'")
		return nil
	}
	return r.Unenforced.parse(d, at, v)
}

func (*regionValue) schema() *huma.Schema { return schemaOf(huma.TypeString, "") }

var customerIDs = []string{"alias", "budget_id", "default_model", "budget_duration"}

// customerRow is a customer as it reads back.
type customerRow struct {
	UserID             Opt[string]       `json:"user_id"`
	Blocked            Opt[bool]         `json:"blocked" default:"false"`
	Alias              Opt[string]       `json:"alias"`
	Spend              Opt[policy.Money] `json:"spend" default:"0.0"`
	AllowedModelRegion Opt[string]       `json:"allowed_model_region"`
	DefaultModel       Opt[string]       `json:"default_model"`
	Models             Opt[[]string]     `json:"models" default:"[]"`
	BudgetID           Opt[string]       `json:"budget_id"`
	BudgetTable        Opt[Fields]       `json:"litellm_budget_table"`
	ObjectPermissionID Opt[string]       `json:"object_permission_id"`
	ObjectPermission   Opt[Unenforced]   `json:"object_permission"`
	CreatedAt          Opt[string]       `json:"created_at"`
	CreatedBy          Opt[string]       `json:"created_by"`
	UpdatedAt          Opt[string]       `json:"updated_at"`
	UpdatedBy          Opt[string]       `json:"updated_by"`
}

// customers, at LiteLLM's two names for them.
func customers(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: "/customer/" + path, Also: []string{"/end_user/" + path}, Tag: "customers", Summary: summary, Reply: reply}
	}
	routeCustomer(s, creatingLate(op(http.MethodPost, "new", "Make a customer", customerRow{})), s.newCustomer)
	routeCustomer(s, op(http.MethodPost, "update", "Change a customer: absent stays, null clears", customerRow{}), s.updateCustomer)
	routeCustomer(s, op(http.MethodPost, "delete", "Delete customers, all or none", customersDeleted{}), s.deleteCustomers)
	routeCustomer(s, op(http.MethodGet, "info", "A customer", customerRow{}), s.customerInfo)
	routeCustomer(s, op(http.MethodGet, "list", "All customers that were made", []customerRow{}), s.listCustomers)
	routeCustomer(s, op(http.MethodPost, "block", "Refuse the calls of customers from now on", customersBlocked{}), s.blockCustomers)
	routeCustomer(s, op(http.MethodPost, "unblock", "Accept the calls of blocked customers again", customersUnblocked{}), s.unblockCustomers)
}

// routeCustomer is route with the types of error that LiteLLM's customer handlers answer with.
func routeCustomer[In any](s *server, op operation, h func(ctx context.Context, c *Caller, in *In) (any, error)) {
	route(s, op, func(ctx context.Context, c *Caller, in *In) (any, error) {
		reply, err := h(ctx, c, in)
		if err == nil {
			return reply, nil
		}
		e := *asError(err)
		switch e.Type {
		case "bad_request_error":
			e.Type = "bad_request"
		case "not_found_error":
			e.Type = "not_found"
		}
		return nil, &e
	})
}

// compileCustomer sets a customer's rules from its fields.
func compileCustomer(ctx context.Context, tx policy.Tx, u *policy.Customer, f *customerFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	for field, id := range map[string]string{"alias": f.Alias.Or(""), "default_model": f.DefaultModel.Or("")} {
		if err := validID(field, id); err != nil {
			return err
		}
	}
	u.Alias, u.DefaultModel, u.Blocked = f.Alias.Or(""), f.DefaultModel.Or(""), f.Blocked.Or(false)
	u.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	return mustExistBudget(ctx, tx, "budget_id", u.BudgetID)
}

func customerSpender(u *policy.Customer) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeCustomer, ID: u.ID}, limits: &u.Limits, budgetID: u.BudgetID, created: u.CreatedAt}
}

// customerRows renders customers with their spend.
func (s *server) customerRows(ctx context.Context, list ...*policy.Customer) ([]Object, error) {
	spenders := make([]spender, len(list))
	for i, u := range list {
		spenders[i] = customerSpender(u)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	budgets := map[string]*policy.Budget{}
	var ids []string
	for _, u := range list {
		ids = union(ids, nonEmpty(u.BudgetID))
	}
	if err := eachOf(ctx, s.Store, policy.EntityBudget, "id", ids, false, func(b *policy.Budget) { budgets[b.ID] = b }); err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, u := range list {
		fields := storedFields(u.Fields)
		set := Object{{"user_id", u.ID}, {"spend", dollars(spends[i])}}
		if own := only(fields, budgetTableNames); len(own) > 0 {
			table := render[budgetTableRow](own, Object{{"budget_id", ownBudget(u.ID)}})
			table.Set("budget_reset_at", s.resetAt(&u.Limits, u.CreatedAt))
			table.Set("created_at", when(u.CreatedAt))
			set.Set("budget_id", ownBudget(u.ID))
			set.Set("litellm_budget_table", table)
		}
		if b := budgets[u.BudgetID]; b != nil {
			table := budgetTable(b)
			table.Set("budget_reset_at", s.resetAt(&b.Limits, b.CreatedAt))
			table.Set("created_at", when(b.CreatedAt))
			set.Set("budget_id", b.ID)
			set.Set("litellm_budget_table", table)
		}
		set.record(u.Record)
		out[i] = render[customerRow](fields, set)
	}
	return out, nil
}

func loadCustomer(ctx context.Context, r policy.Reader, field, id string) (*policy.Customer, error) {
	u, err := find[*policy.Customer](ctx, r, policy.EntityCustomer, id)
	if err == nil && u == nil {
		err = notFound(field, "End User Id=%s does not exist", clip(id))
	}
	return u, err
}

type customerQuery struct {
	EndUserID Opt[string] `query:"end_user_id" required:"true"`
}

// customerInfo answers with a customer. One that nobody made and that was seen in
// calls has a row as well: what it spent.
func (s *server) customerInfo(ctx context.Context, c *Caller, in *customerQuery) (any, error) {
	if err := s.authorize(ctx, c, customerRead, target{}); err != nil {
		return nil, err
	}
	u, err := loadCustomer(ctx, s.Store, "end_user_id", in.EndUserID.Value)
	if e := (*Error)(nil); asNotFound(err, &e) {
		u, err = s.seenCustomer(ctx, in.EndUserID.Value, err)
	}
	if err != nil {
		return nil, err
	}
	return first(s.customerRows(ctx, u))
}

// seenCustomer is a customer nobody made and calls have named; the error is absent where none has.
func (s *server) seenCustomer(ctx context.Context, id string, absent error) (*policy.Customer, error) {
	seen, err := s.Spend.ModelSpend(ctx, policy.Scope{Kind: policy.ScopeCustomer, ID: id})
	if err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, absent
	}
	return &policy.Customer{ID: id}, nil
}

type customerListQuery struct {
	Search    Opt[string] `query:"search" doc:"Part of the id or alias"`
	SortBy    Opt[string] `query:"sort_by" doc:"user_id, alias, created_at, updated_at, max_budget; spend, of the budget's current window; runs_out, when at the window's pace the budget is used up. Absent: in the order they were made"`
	SortOrder Opt[string] `query:"sort_order" doc:"asc or desc, default desc"`
	listPage
}

var customerSorts = map[string]string{
	"user_id": "id", "alias": "alias", "created_at": "created_at", "updated_at": "updated_at", "max_budget": "max_budget", bySpend: bySpend, byRunsOut: byRunsOut,
}

func (s *server) listCustomers(ctx context.Context, c *Caller, in *customerListQuery) (any, error) {
	if err := s.authorize(ctx, c, customerRead, target{}); err != nil {
		return nil, err
	}
	q := policy.Query{Kind: policy.EntityCustomer}
	if text := in.Search.Or(""); text != "" {
		q.Where = []policy.Condition{{Field: "search", Op: policy.Contains, Value: text}}
	}
	if in.SortBy.Or("") != "" || in.SortOrder.Or("") != "" {
		var err error
		if q.Sort, q.Descending, err = sortOf(in.SortBy, in.SortOrder, customerSorts); err != nil {
			return nil, err
		}
	}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	list, total, err := listBySpend(ctx, s, q, customerSpender)
	if err != nil {
		return nil, err
	}
	rows, err := s.customerRows(ctx, list...)
	return listed(total, rows), err
}
