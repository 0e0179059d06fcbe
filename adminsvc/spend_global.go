package adminsvc

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/purser/purser/policy"
)

// globalSpend declares what LiteLLM's dashboards read.
func globalSpend(s *server, op func(method, path, summary string, reply any) operation) {
	get := func(path, summary string, reply any) operation { return op(http.MethodGet, path, summary, reply) }
	route(s, get("/global/spend", "What the whole proxy spent in its budget's window", globalTotal{}), s.globalTotal)
	route(s, get("/global/spend/logs", "Spend by day", []globalDay{}), s.globalDays)
	route(s, get("/global/spend/keys", "The keys that spent most", []globalKey{}), s.globalKeys)
	route(s, get("/global/spend/teams", "Spend by day and team", globalTeams{}), s.globalTeams)
	route(s, get("/global/spend/models", "The models most was spent on", []globalModel{}), s.globalModels)
	route(s, get("/global/spend/provider", "Spend by provider", []globalProvider{}), s.globalProviders)
	route(s, get("/global/spend/tags", "Spend by tag", globalTags{}), s.globalTags)
	route(s, get("/global/spend/all_tag_names", "The names of all tags", globalTagNames{}), s.globalTagNames)
	users := op(http.MethodPost, "/global/spend/end_users", "The customers that spent most", []globalCustomer{})
	users.BodyOptional = true
	route(s, users, s.globalCustomers)
	report := get("/global/spend/report", "Spend by day and team, customer, key, project, organization, user or tag", nil)
	report.Description = "By team: `[{group_by_day, teams: [{team_name, team_id, total_spend, metadata: [{model, spend, total_tokens, api_key}]}]}]`, others alike. By api_key: `[{api_key, total_cost, total_input_tokens, total_output_tokens, model_details}]`."
	route(s, report, s.spendReport)
}

type globalTotal struct {
	Spend     Opt[policy.Money] `json:"spend"`
	MaxBudget Opt[policy.Money] `json:"max_budget" doc:"null: no limit"`
}

func (s *server) globalTotal(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	limits := s.Settings().Limits
	spends, err := s.spent(ctx, spender{scope: policy.Scope{Kind: policy.ScopeProxy}, limits: &limits})
	if err != nil {
		return nil, err
	}
	return Object{{"spend", dollars(spends[0])}, {"max_budget", limits.MaxBudget}}, nil
}

type globalQuery struct {
	APIKey Opt[string] `query:"api_key" doc:"The key or its hash"`
	Limit  Opt[int64]  `query:"limit" doc:"How many: 1 to 1000, default 10"`
	spendDays
}

func (in *globalQuery) limit() (int, error) {
	p, err := pageOf(Opt[int64]{}, in.Limit, "limit", 10, 1000)
	return p.limit(), err
}

func (in *globalQuery) narrow(q *policy.ActivityQuery) {
	if key := in.APIKey.Or(""); key != "" {
		q.KeyHash = keyHash(key).String()
	}
}

// globalSums is what the dashboards' endpoints start with: the limit, and the rows of a scope.
func (s *server) globalSums(ctx context.Context, c *Caller, in *globalQuery, kind policy.ScopeKind, by policy.Dimensions) (int, []policy.ActivityRow, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return 0, nil, err
	}
	limit, err := in.limit()
	if err != nil {
		return 0, nil, err
	}
	list, err := s.sums(ctx, &in.spendDays, kind, by, in.narrow)
	return limit, list, err
}

type globalDay struct {
	Date  Opt[string]       `json:"date"`
	Spend Opt[policy.Money] `json:"spend"`
}

func (s *server) globalDays(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	_, list, err := s.globalSums(ctx, c, in, policy.ScopeProxy, policy.ByDay)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofDay)
	out := []Object{}
	for _, day := range sortedNames(sums) {
		out = append(out, Object{{"date", day}, {"spend", dollars(sums[day].spend)}})
	}
	return out, nil
}

type globalKey struct {
	APIKey   Opt[string]       `json:"api_key"`
	KeyAlias Opt[string]       `json:"key_alias"`
	KeyName  Opt[string]       `json:"key_name"`
	Spend    Opt[policy.Money] `json:"total_spend"`
}

func (s *server) globalKeys(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	limit, list, err := s.globalSums(ctx, c, in, policy.ScopeKey, policy.ByEntity)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofEntity)
	top := dearest(sums, limit)
	names, err := s.keyNames(ctx, top)
	if err != nil {
		return nil, err
	}
	out := []Object{}
	for _, hash := range top {
		out = append(out, Object{{"api_key", hash}, {"key_alias", names[hash].Get("key_alias")}, {"key_name", names[hash].Get("key_name")}, {"total_spend", dollars(sums[hash].spend)}})
	}
	return out, nil
}

type globalTeams struct {
	Daily  Opt[rows] `json:"daily_spend" doc:"Per day: its date, and each team's spend under the team's name"`
	Teams  Opt[rows] `json:"teams"`
	Totals Opt[rows] `json:"total_spend_per_team"`
}

func (s *server) globalTeams(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	_, list, err := s.globalSums(ctx, c, in, policy.ScopeTeam, policy.ByDay|policy.ByEntity)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofEntity)
	order := dearest(sums, 0)
	aliases, err := s.entityNames(ctx, policy.ScopeTeam, order)
	if err != nil {
		return nil, err
	}
	label := labels(order, aliases)
	names, totals := []string{}, []Object{}
	for _, id := range order {
		names = append(names, label[id])
		totals = append(totals, Object{{"team_id", id}, {"name", label[id]}, {"total_spend", dollars(sums[id].spend)}})
	}
	byDay := map[string]map[string]*metrics{}
	for i := range list {
		r := &list[i]
		if byDay[r.Day] == nil {
			byDay[r.Day] = map[string]*metrics{}
		}
		addTo(byDay[r.Day], label[r.Entity], r)
	}
	daily := []Object{}
	for _, day := range sortedNames(byDay) {
		row := Object{{"date", day}}
		for _, name := range sortedNames(byDay[day]) {
			row.Set(name, dollars(byDay[day][name].spend))
		}
		daily = append(daily, row)
	}
	return Object{{"daily_spend", daily}, {"teams", names}, {"total_spend_per_team", totals}}, nil
}

// labels names entities by their alias; those whose alias is not theirs alone, or
// would be taken for the date of a row, by their id.
func labels(ids []string, aliases map[string]Object) map[string]string {
	times := map[string]int{"date": 2}
	alias := func(id string) string {
		a, _ := aliases[id].Get("alias").(string)
		return a
	}
	for _, id := range ids {
		times[alias(id)]++
		times[id]++ // an alias must not be another's id either
	}
	out := map[string]string{}
	for _, id := range ids {
		out[id] = id
		if a := alias(id); a != "" && times[a] == 1 {
			out[id] = a
		} else if id == "date" { // a row has one of its own
			out[id] = "team date"
		}
	}
	return out
}

type globalModel struct {
	Model Opt[string]       `json:"model"`
	Spend Opt[policy.Money] `json:"total_spend"`
}

func (s *server) globalModels(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	limit, list, err := s.globalSums(ctx, c, in, policy.ScopeProxy, policy.ByModel)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofModel)
	out := []Object{}
	for _, model := range dearest(sums, limit) {
		out = append(out, Object{{"model", model}, {"total_spend", dollars(sums[model].spend)}})
	}
	return out, nil
}

type globalProvider struct {
	Provider Opt[string]       `json:"provider"`
	Spend    Opt[policy.Money] `json:"spend"`
}

func (s *server) globalProviders(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	_, list, err := s.globalSums(ctx, c, in, policy.ScopeProxy, policy.ByProvider)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, func(r *policy.ActivityRow) string { return r.Provider })
	out := []Object{}
	for _, name := range dearest(sums, 0) {
		out = append(out, Object{{"provider", cmp.Or(name, "unknown")}, {"spend", dollars(sums[name].spend)}})
	}
	return out, nil
}

type globalTagQuery struct {
	Tags Opt[string] `query:"tags" doc:"Comma-separated; absent or all-tags: all"`
	globalQuery
}

type globalTags struct {
	PerTag Opt[rows] `json:"spend_per_tag"`
}

func (s *server) globalTags(ctx context.Context, c *Caller, in *globalTagQuery) (any, error) {
	_, list, err := s.globalSums(ctx, c, &in.globalQuery, policy.ScopeTag, policy.ByEntity)
	if err != nil {
		return nil, err
	}
	wanted := csvList(in.Tags)
	all := len(wanted) == 0 || slices.Contains(wanted, "all-tags")
	sums := grouped(list, ofEntity)
	out := []Object{}
	for _, tag := range dearest(sums, 0) {
		if all || slices.Contains(wanted, tag) {
			out = append(out, Object{{"name", tag}, {"spend", dollars(sums[tag].spend)}, {"log_count", sums[tag].requests}})
		}
	}
	return Object{{"spend_per_tag", out}}, nil
}

type globalTagNames struct {
	Names Opt[[]string] `json:"tag_names"`
}

func (s *server) globalTagNames(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	names, err := s.tagNames(ctx)
	return Object{{"tag_names", names}}, err
}
