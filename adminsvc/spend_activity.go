package adminsvc

import (
	"context"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
)

// globalActivity declares the dashboards' charts of requests and tokens.
func globalActivity(s *server, get func(path, summary string, reply any) operation) {
	route(s, get("/global/activity", "Requests and tokens by day", globalCounts{}), s.globalCounts)
	route(s, get("/global/activity/model", "Requests and tokens by model and day", []globalModelCounts{}), s.globalModelCounts)
	route(s, get("/global/activity/exceptions", "Providers' rate limits (429) by day", globalExceptions{}), s.globalExceptions)
	route(s, get("/global/activity/exceptions/deployment", "Providers' rate limits (429) by deployment and day", []globalDeploymentExceptions{}), s.globalDeploymentExceptions)
	route(s, get("/global/activity/cache_hits", "Requests by key, call type and model: none is answered from a cache", nil), s.globalCacheHits)
}

// chartDay is a date as LiteLLM's charts show it: Jan 31.
func chartDay(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("Jan 02")
}

func dailyCounts(list []policy.ActivityRow) (daily []Object, total metrics) {
	sums := grouped(list, ofDay)
	daily = []Object{}
	for _, day := range sortedNames(sums) {
		daily = append(daily, Object{{"date", chartDay(day)}, {"day", day}, {"api_requests", sums[day].requests}, {"total_tokens", sums[day].tokens()}})
		total.addAll(sums[day])
	}
	return daily, total
}

type globalCounts struct {
	Daily    Opt[rows]  `json:"daily_data"`
	Requests Opt[int64] `json:"sum_api_requests"`
	Tokens   Opt[int64] `json:"sum_total_tokens"`
}

type globalModelCounts struct {
	Model Opt[string] `json:"model"`
	globalCounts
}

func (s *server) globalCounts(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	_, list, err := s.globalSums(ctx, c, in, policy.ScopeProxy, policy.ByDay)
	if err != nil {
		return nil, err
	}
	daily, total := dailyCounts(list)
	return Object{{"daily_data", daily}, {"sum_api_requests", total.requests}, {"sum_total_tokens", total.tokens()}}, nil
}

func (s *server) globalModelCounts(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	limit, list, err := s.globalSums(ctx, c, in, policy.ScopeProxy, policy.ByDay|policy.ByModel)
	if err != nil {
		return nil, err
	}
	byModel := map[string][]policy.ActivityRow{}
	for _, r := range list {
		byModel[publicName(r)] = append(byModel[publicName(r)], r)
	}
	out := []Object{}
	for _, model := range dearest(grouped(list, ofModel), limit) {
		daily, total := dailyCounts(byModel[model])
		out = append(out, Object{{"model", model}, {"daily_data", daily}, {"sum_api_requests", total.requests}, {"sum_total_tokens", total.tokens()}})
	}
	return out, nil
}

type exceptionsQuery struct {
	ModelGroup Opt[string] `query:"model_group"`
	spendDays
}

type globalExceptions struct {
	Daily Opt[rows]  `json:"daily_data"`
	Sum   Opt[int64] `json:"sum_num_rate_limit_exceptions"`
}

type globalDeploymentExceptions struct {
	APIBase Opt[string] `json:"api_base"`
	globalExceptions
}

// rateLimited counts the requests that providers answered with 429, by deployment and day.
func (s *server) rateLimited(ctx context.Context, c *Caller, in *exceptionsQuery) (map[string]map[string]int64, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	from, until, err := in.dates(s.now())
	if err != nil {
		return nil, err
	}
	const most = 10 * maxSpendLogs
	list, total, _, err := s.Spend.Logs(ctx, policy.LogQuery{From: from, Until: until, Status: policy.StatusFailure, ModelGroup: in.ModelGroup.Or(""), Limit: most})
	if err != nil {
		return nil, err
	}
	if total > len(list) {
		return nil, badRequest("start_date", "More than %d requests failed: ask for fewer days", most)
	}
	out := map[string]map[string]int64{}
	for i := range list {
		e := &list[i]
		if e.HTTPStatus != http.StatusTooManyRequests {
			continue
		}
		at := e.APIBase
		if at == "" {
			at = e.Deployment
		}
		if out[at] == nil {
			out[at] = map[string]int64{}
		}
		out[at][e.StartedAt.UTC().Format(time.DateOnly)]++
	}
	return out, nil
}

func exceptionDays(days map[string]int64) Object {
	daily, sum := []Object{}, int64(0)
	for _, day := range sortedNames(days) {
		daily = append(daily, Object{{"date", chartDay(day)}, {"day", day}, {"num_rate_limit_exceptions", days[day]}})
		sum += days[day]
	}
	return Object{{"daily_data", daily}, {"sum_num_rate_limit_exceptions", sum}}
}

func (s *server) globalExceptions(ctx context.Context, c *Caller, in *exceptionsQuery) (any, error) {
	by, err := s.rateLimited(ctx, c, in)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for _, days := range by {
		for day, n := range days {
			all[day] += n
		}
	}
	return exceptionDays(all), nil
}

func (s *server) globalDeploymentExceptions(ctx context.Context, c *Caller, in *exceptionsQuery) (any, error) {
	by, err := s.rateLimited(ctx, c, in)
	if err != nil {
		return nil, err
	}
	out := []Object{}
	for _, at := range sortedNames(by) {
		out = append(out, append(Object{{"api_base", at}}, exceptionDays(by[at])...))
	}
	return out, nil
}

// globalCacheHits is LiteLLM's table of cache use: requests by key, route and model, of which none hit a cache.
func (s *server) globalCacheHits(ctx context.Context, c *Caller, in *globalQuery) (any, error) {
	_, list, err := s.globalSums(ctx, c, in, policy.ScopeProxy, policy.ByKey|policy.ByModel|policy.ByRoute)
	if err != nil {
		return nil, err
	}
	sums := map[string]*metrics{}
	first := map[string]policy.ActivityRow{}
	for i := range list {
		r := &list[i]
		k := r.KeyHash + "\x00" + r.Route + "\x00" + publicName(*r)
		addTo(sums, k, r)
		first[k] = *r
	}
	out := []Object{}
	for _, k := range sortedNames(sums) {
		r := first[k]
		out = append(out, Object{{"api_key", r.KeyHash}, {"call_type", r.Route}, {"model", publicName(r)}, {"total_rows", sums[k].requests},
			{"cache_hit_true_rows", 0}, {"cached_completion_tokens", 0}, {"generated_completion_tokens", sums[k].output}})
	}
	return out, nil
}
