package adminsvc

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// FacetReader lists who requests were of.
type FacetReader interface {
	Facets(ctx context.Context, q policy.FacetQuery) ([]string, error)
}

// v1Page is how lists under /management/v1 are paged.
type v1Page struct {
	Page     Opt[int64] `query:"page" doc:"From 1"`
	PageSize Opt[int64] `query:"page_size" doc:"1 to 100, default 50"`
}

// v1List is the answer of a list whose length is known.
type v1List struct {
	Data  Opt[rows]   `json:"data"`
	Meta  Opt[Fields] `json:"meta" doc:"total_count, page, page_size, total_pages"`
	Links Opt[Fields] `json:"links" doc:"self, first, prev, next, last: addresses of pages, null where there is none"`
}

// v1Facets is the answer of a list of names, whose length is not counted.
type v1Facets struct {
	Data  Opt[[]string] `json:"data"`
	Meta  Opt[Fields]   `json:"meta" doc:"page, page_size, has_more"`
	Links Opt[Fields]   `json:"links" doc:"self, prev, next: addresses of pages, null where there is none"`
}

type v1Budgets struct {
	v1Page
	Search      Opt[string]       `query:"q" doc:"Part of budget_id, whatever its case"`
	Sort        Opt[string]       `query:"sort" doc:"Comma separated, - for the greatest first: budget_id, max_budget, tpm_limit, rpm_limit, tpd_limit, created_at; default -created_at"`
	Durations   Opt[string]       `query:"filter[budget_duration][in]" doc:"Comma separated"`
	NoDuration  Opt[bool]         `query:"filter[budget_duration][is_null]"`
	LeastBudget Opt[policy.Money] `query:"filter[max_budget][gte]"`
	MostBudget  Opt[policy.Money] `query:"filter[max_budget][lte]"`
	NoBudget    Opt[bool]         `query:"filter[max_budget][is_null]"`
	Since       Opt[time.Time]    `query:"filter[created_at][gte]"`
	Until       Opt[time.Time]    `query:"filter[created_at][lte]"`
}

type v1FacetQuery struct {
	v1Page
	From   Opt[time.Time] `query:"filter[startTime][gte]" required:"true" doc:"By whole hours"`
	Until  Opt[time.Time] `query:"filter[startTime][lte]" required:"true" doc:"By whole hours"`
	Search Opt[string]    `query:"q" doc:"Part of the id, whatever its case"`
}

// managementLists are the lists of LiteLLM's newer paths.
func managementLists(s *server) {
	get := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodGet, Path: "/management/v1/" + path, Tag: "management v1", Summary: summary, Reply: reply}
	}
	route(s, get("budgets", "Budgets, filtered, sorted and in pages", v1List{}), s.v1Budgets)
	for path, kind := range map[string]policy.ScopeKind{"users": policy.ScopeUser, "end_users": policy.ScopeCustomer} {
		route(s, get("spend_logs/"+path, "Which "+strings.ReplaceAll(path, "_", " ")+" made calls, of those the caller may see", v1Facets{}), func(ctx context.Context, c *Caller, in *v1FacetQuery) (any, error) {
			return s.v1FacetsOf(ctx, c, kind, in)
		})
	}
}

// v1Budgets reads all budgets and looks at them here: there are as many as somebody wrote.
func (s *server) v1Budgets(ctx context.Context, c *Caller, in *v1Budgets) (any, error) {
	if err := s.authorize(ctx, c, budgetRead, target{}); err != nil {
		return nil, err
	}
	p, err := pageOf(in.Page, in.PageSize, "page_size", 50, 100)
	if err != nil {
		return nil, err
	}
	order, err := budgetOrder(in.Sort.Or("-created_at"))
	if err != nil {
		return nil, err
	}
	all, _, err := policy.List[*policy.Budget](ctx, s.Store, policy.Query{Kind: policy.EntityBudget})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(b *policy.Budget) bool { return !in.has(b) })
	slices.SortStableFunc(all, order)
	from := min(p.offset(), len(all))
	rows := []Object{}
	for _, b := range all[from:min(from+p.limit(), len(all))] {
		rows = append(rows, s.budgetRow(b))
	}
	pages := max(p.pages(len(all)), 1)
	return Object{{"data", rows},
		{"meta", Object{{"total_count", len(all)}, {"page", p.number}, {"page_size", p.size}, {"total_pages", pages}}},
		{"links", Object{{"self", pageLink(ctx, p.number, pages)}, {"first", pageLink(ctx, 1, pages)}, {"prev", pageLink(ctx, p.number-1, pages)},
			{"next", pageLink(ctx, p.number+1, pages)}, {"last", pageLink(ctx, pages, pages)}}}}, nil
}

// has reports whether a budget passes the filters.
func (in *v1Budgets) has(b *policy.Budget) bool {
	l := &b.Limits
	if !strings.Contains(strings.ToLower(b.ID), strings.ToLower(in.Search.Or(""))) {
		return false
	}
	if list := csvList(in.Durations); list != nil && !slices.Contains(list, l.BudgetDuration) {
		return false
	}
	if want, ok := in.NoDuration.Get(); ok && want != (l.BudgetDuration == "") {
		return false
	}
	if want, ok := in.NoBudget.Get(); ok && want != (l.MaxBudget == nil) {
		return false
	}
	if least, ok := in.LeastBudget.Get(); ok && (l.MaxBudget == nil || *l.MaxBudget < least) {
		return false
	}
	if most, ok := in.MostBudget.Get(); ok && (l.MaxBudget == nil || *l.MaxBudget > most) {
		return false
	}
	if since, ok := in.Since.Get(); ok && b.CreatedAt.Before(since) {
		return false
	}
	until, ok := in.Until.Get()
	return !ok || !b.CreatedAt.After(until)
}

// budgetOrder reads a sort parameter. Budgets without an amount come last, whichever way.
func budgetOrder(sort string) (func(a, b *policy.Budget) int, error) {
	amount := func(of func(*policy.Limits) *int64) func(a, b *policy.Budget) (int, bool) {
		return func(a, b *policy.Budget) (int, bool) {
			x, y := of(&a.Limits), of(&b.Limits)
			switch {
			case x == nil && y == nil:
				return 0, true
			case x == nil:
				return 1, true
			case y == nil:
				return -1, true
			}
			return cmp.Compare(*x, *y), false
		}
	}
	known := map[string]func(a, b *policy.Budget) (order int, fixed bool){
		"budget_id":  func(a, b *policy.Budget) (int, bool) { return cmp.Compare(a.ID, b.ID), false },
		"created_at": func(a, b *policy.Budget) (int, bool) { return a.CreatedAt.Compare(b.CreatedAt), false },
		"max_budget": amount(func(l *policy.Limits) *int64 { return (*int64)(l.MaxBudget) }),
		"tpm_limit":  amount(func(l *policy.Limits) *int64 { return l.TPM }),
		"rpm_limit":  amount(func(l *policy.Limits) *int64 { return l.RPM }),
		"tpd_limit":  amount(func(l *policy.Limits) *int64 { return l.TPD }),
	}
	type key struct {
		compare func(a, b *policy.Budget) (int, bool)
		down    bool
	}
	var keys []key
	for _, name := range append(strings.Split(sort, ","), "budget_id") {
		name, down := strings.CutPrefix(strings.TrimSpace(name), "-")
		f := known[name]
		if f == nil {
			return nil, badRequest("sort", "sort is of %s, each with or without a -", strings.Join(sortedNames(known), ", "))
		}
		keys = append(keys, key{f, down})
	}
	return func(a, b *policy.Budget) int {
		for _, k := range keys {
			order, fixed := k.compare(a, b)
			if k.down && !fixed {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	}, nil
}

// pageLink is the address of another page of the list that is asked for; nil where there is none.
func pageLink(ctx context.Context, number, pages int64) any {
	r := requestOf(ctx)
	if r == nil || number < 1 || number > pages {
		return nil
	}
	q := url.Values{}
	for name, values := range r.URL.Query() {
		q[name] = values
	}
	q.Set("page", strconv.FormatInt(number, 10))
	return jsontext.Value(quote(strings.ToValidUTF8(r.URL.Path+"?"+q.Encode(), "\uFFFD")))
}

func (s *server) v1FacetsOf(ctx context.Context, c *Caller, kind policy.ScopeKind, in *v1FacetQuery) (any, error) {
	if s.Facets == nil {
		return nil, &Error{Status: http.StatusNotImplemented, Type: "not_implemented_error", Message: "There is no journal here"}
	}
	p, err := pageOf(in.Page, in.PageSize, "page_size", 50, 100)
	if err != nil {
		return nil, err
	}
	q := policy.FacetQuery{Of: kind, Contains: in.Search.Or("")}
	q.From, q.Until = in.From.Value, in.Until.Value.Add(time.Microsecond)
	if q.Until.Before(q.From) {
		return nil, badRequest("filter[startTime][lte]", "filter[startTime][lte] is before filter[startTime][gte]")
	}
	if err := s.spendScope(ctx, c, &q.LogQuery); err != nil {
		return nil, err
	}
	q.Limit, q.Offset = p.limit()+1, p.offset()
	names, err := s.Facets.Facets(ctx, q)
	if err != nil {
		return nil, err
	}
	more := len(names) > p.limit()
	names = append([]string{}, names[:min(len(names), p.limit())]...)
	last := p.number
	if more {
		last++
	}
	return Object{{"data", names}, {"meta", Object{{"page", p.number}, {"page_size", p.size}, {"has_more", more}}},
		{"links", Object{{"self", pageLink(ctx, p.number, p.number)}, {"prev", pageLink(ctx, p.number-1, p.number)}, {"next", pageLink(ctx, p.number+1, last)}}}}, nil
}
