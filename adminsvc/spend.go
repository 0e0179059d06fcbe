package adminsvc

import (
	"context"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
)

// spendRoutes: what was spent, summed.
func spendRoutes(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "spend", Summary: summary, Reply: reply}
	}
	get := func(path, summary string, reply any) operation { return op(http.MethodGet, path, summary, reply) }
	route(s, get("/spend/keys", "Keys, those that spent most first", []keyRow{}), s.spendKeys)
	route(s, get("/spend/users", "Users, those who spent most first", []userRow{}), s.spendUsers)
	route(s, get("/spend/tags", "What was spent by tag", []spendTag{}), s.spendTags)
	route(s, op(http.MethodPost, "/spend/calculate", "What a request or an answer costs", spendCost{}), s.calculateSpend)
	route(s, get("/tag/distinct", "Every tag that requests have carried", distinctTags{}), s.distinctTags)
	globalSpend(s, op)
	globalActivity(s, get)
	route(s, op(http.MethodPost, "/global/spend/reset", "Set what all keys and teams have spent to 0; master key only", spendResetReply{}), s.resetAllSpend)
	route(s, get("/provider/budgets", "Budgets by provider: the configuration knows none", providerBudgets{}), s.providerBudgets)
}

// mayReadAllSpend refuses who cannot see everybody's spend.
func (s *server) mayReadAllSpend(ctx context.Context, c *Caller) error {
	if s.readsAllSpend(c) {
		return nil
	}
	return s.authorize(ctx, c, spendReadAll, target{})
}

type spendListQuery struct {
	Limit  Opt[int64]  `query:"limit" doc:"1 to 1000, default 100"`
	UserID Opt[string] `query:"user_id"`
}

func (in *spendListQuery) limit() (int, error) {
	p, err := pageOf(Opt[int64]{}, in.Limit, "limit", 100, 1000)
	return p.limit(), err
}

// spendKeys lists the keys that the caller may list.
func (s *server) spendKeys(ctx context.Context, c *Caller, in *spendListQuery) (any, error) {
	limit, err := in.limit()
	if err != nil {
		return nil, err
	}
	filters := &keyListQuery{UserID: in.UserID}
	as := c
	if s.readsAllSpend(c) && !c.Sees() {
		as = &Caller{Role: policy.RoleAdminViewer, UserID: c.UserID, Key: c.Key}
	}
	q, err := s.keyQuery(ctx, as, filters)
	if err != nil {
		return nil, err
	}
	q.Sort, q.Descending, q.Limit = "spend", true, limit
	list, _, err := policy.List[*policy.Key](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	return s.keyRows(ctx, list...)
}

// spendUsers lists users; who cannot see all sees themselves.
func (s *server) spendUsers(ctx context.Context, c *Caller, in *spendListQuery) (any, error) {
	limit, err := in.limit()
	if err != nil {
		return nil, err
	}
	q := policy.Query{Kind: policy.EntityUser, Sort: "spend", Descending: true, Limit: limit}
	id := in.UserID.Or("")
	if !s.readsAllSpend(c) {
		if c.UserID == "" || s.confined(c) || id != "" && id != c.UserID {
			return nil, s.mayReadAllSpend(ctx, c)
		}
		id = c.UserID
	}
	if id != "" {
		q.Where = []policy.Condition{{Field: "id", Op: policy.Is, Value: id}}
	}
	list, _, err := policy.List[*policy.User](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	return s.userRows(ctx, list...)
}

// spendDays are the dates that sums are asked for.
type spendDays struct {
	StartDate Opt[string] `query:"start_date" doc:"YYYY-MM-DD, default 30 days ago"`
	EndDate   Opt[string] `query:"end_date" doc:"YYYY-MM-DD, inclusive, default today"`
}

// dates are the days asked for, the last thirty where none are.
func (d *spendDays) dates(now time.Time) (from, until time.Time, err error) {
	today := now.UTC().Truncate(24 * time.Hour)
	start, end := d.StartDate.Or(""), d.EndDate.Or("")
	if end == "" {
		end = today.Format(time.DateOnly)
	}
	if start == "" {
		last, err := time.Parse(time.DateOnly, end)
		if err != nil {
			last = today // the end is told about below
		}
		start = last.AddDate(0, 0, -29).Format(time.DateOnly)
	}
	if from, until, err = dayRange(start, end); err != nil {
		e := asError(err)
		param, _ := e.Detail.(Object).Get("param").(string)
		text, _ := e.Detail.(Object).Get("error").(string)
		err = badRequest(param, "%s", text)
	}
	return from, until, err
}

// sums are the rows of a scope in the dates asked for, told apart as said.
func (s *server) sums(ctx context.Context, d *spendDays, kind policy.ScopeKind, by policy.Dimensions, change func(*policy.ActivityQuery)) ([]policy.ActivityRow, error) {
	from, until, err := d.dates(s.now())
	if err != nil {
		return nil, err
	}
	q := policy.ActivityQuery{Scope: kind, From: from, Until: until, Zone: time.UTC, By: by}
	if change != nil {
		change(&q)
	}
	return s.Spend.Activity(ctx, q)
}

// grouped adds rows up by a name of each.
func grouped(list []policy.ActivityRow, name func(*policy.ActivityRow) string) map[string]*metrics {
	out := map[string]*metrics{}
	for i := range list {
		addTo(out, name(&list[i]), &list[i])
	}
	return out
}

func ofEntity(r *policy.ActivityRow) string { return r.Entity }
func ofDay(r *policy.ActivityRow) string    { return r.Day }
func ofModel(r *policy.ActivityRow) string  { return publicName(*r) }

type spendTag struct {
	Tag   Opt[string]       `json:"individual_request_tag"`
	Count Opt[int64]        `json:"log_count"`
	Spend Opt[policy.Money] `json:"total_spend"`
}

func (s *server) spendTags(ctx context.Context, c *Caller, in *spendDays) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	list, err := s.sums(ctx, in, policy.ScopeTag, policy.ByEntity, nil)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofEntity)
	out := []Object{}
	for _, tag := range dearest(sums, 0) {
		out = append(out, Object{{"individual_request_tag", tag}, {"log_count", sums[tag].requests}, {"total_spend", dollars(sums[tag].spend)}})
	}
	return out, nil
}

type distinctTags struct {
	Results Opt[rows] `json:"results"`
}

// distinctTags lists the tags of the last year's requests, and those that are governed.
func (s *server) distinctTags(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	names, err := s.tagNames(ctx)
	out := []Object{}
	for _, tag := range names {
		out = append(out, Object{{"tag", tag}})
	}
	return Object{{"results", out}}, err
}

func (s *server) tagNames(ctx context.Context) ([]string, error) {
	now := s.now()
	list, err := s.Spend.Activity(ctx, policy.ActivityQuery{Scope: policy.ScopeTag, From: now.AddDate(-1, 0, 0), Until: now.AddDate(0, 0, 1), Zone: time.UTC, By: policy.ByEntity})
	if err != nil {
		return nil, err
	}
	names := grouped(list, ofEntity)
	governed, _, err := policy.List[*policy.Tag](ctx, s.Store, policy.Query{Kind: policy.EntityTag})
	for _, t := range governed {
		names[t.Name] = &metrics{}
	}
	return sortedNames(names), err
}

type providerBudgets struct {
	Providers Opt[Fields] `json:"providers" default:"{}"`
}

// providerBudgets is empty: budgets by provider are refused by the configuration.
func (s *server) providerBudgets(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, spendReadAll, target{}); err != nil {
		return nil, err
	}
	return render[providerBudgets](nil, nil), nil
}
