package adminsvc

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// activityScope is one family of …/daily/activity endpoints.
type activityScope struct {
	path   string
	kind   policy.ScopeKind
	filter string // the parameter that names entities
	entity string // what an export's column of entities is called
}

var activityScopes = map[string]*activityScope{
	"user":         {"user", policy.ScopeUser, "user_id", "user_id"},
	"team":         {"team", policy.ScopeTeam, "team_ids", "team_id"},
	"organization": {"organization", policy.ScopeOrganization, "organization_ids", "organization_id"},
	"project":      {"project", policy.ScopeProject, "project_ids", "project_id"},
	"customer":     {"customer", policy.ScopeCustomer, "end_user_ids", "end_user_id"},
	"tag":          {"tag", policy.ScopeTag, "tags", "tag"},
}

// activityFilters are the parameters that all the families share.
type activityFilters struct {
	StartDate    Opt[string] `query:"start_date" doc:"First day, YYYY-MM-DD"`
	EndDate      Opt[string] `query:"end_date" doc:"Last day, inclusive"`
	Model        Opt[string] `query:"model"`
	APIKey       Opt[string] `query:"api_key" doc:"The key or its hash"`
	Timezone     Opt[int64]  `query:"timezone" doc:"Minutes from local time to UTC, as JavaScript's getTimezoneOffset: 480 is UTC-8"`
	Page         Opt[int64]  `query:"page" doc:"From 1"`
	PageSize     Opt[int64]  `query:"page_size" doc:"Days per page at most, 1 to 1000; pages have fewer where a day tells of many keys"`
	KeyLimit     Opt[int64]  `query:"api_key_limit" doc:"Of aggregated: how many keys are told apart, those that spent most; default 100"`
	UTCDay       Opt[bool]   `query:"include_current_utc_day" doc:"Accepted: the current day is always included"`
	ExportType   Opt[string] `query:"export_type" enum:"daily,daily_with_keys,daily_with_models,daily_with_users" doc:"Of export: what each day is split by"`
	Format       Opt[string] `query:"format" enum:"csv,json" doc:"Of export; default csv"`
	Offset       Opt[int64]  `query:"offset" doc:"Of aggregated/keys: how many keys come before"`
	Limit        Opt[int64]  `query:"limit" doc:"Of aggregated/keys, search and model_top_keys: how many keys, 1 to 1000"`
	Search       Opt[string] `query:"search" doc:"Of aggregated/search: part of a key's alias, name, hash or user"`
	ModelGroup   Opt[string] `query:"model_group" doc:"Of aggregated/model_top_keys: the model"`
	ByModelGroup Opt[bool]   `query:"by_model_group" doc:"Of aggregated/model_top_keys: whether model_group is the name that was called, the default, or the provider's"`
	ids, except  Opt[string]
}

// The families' own parameters.
type (
	userActivity struct {
		ID     Opt[string] `query:"user_id"`
		Except Opt[string] `query:"exclude_user_ids" doc:"Comma-separated"`
		activityFilters
	}
	teamActivity struct {
		IDs    Opt[string] `query:"team_ids" doc:"Comma-separated"`
		Except Opt[string] `query:"exclude_team_ids" doc:"Comma-separated"`
		activityFilters
	}
	organizationActivity struct {
		IDs    Opt[string] `query:"organization_ids" doc:"Comma-separated"`
		Except Opt[string] `query:"exclude_organization_ids" doc:"Comma-separated"`
		activityFilters
	}
	projectActivity struct {
		IDs    Opt[string] `query:"project_ids" doc:"Comma-separated"`
		Except Opt[string] `query:"exclude_project_ids" doc:"Comma-separated"`
		activityFilters
	}
	customerActivity struct {
		IDs    Opt[string] `query:"end_user_ids" doc:"Comma-separated"`
		Except Opt[string] `query:"exclude_end_user_ids" doc:"Comma-separated"`
		activityFilters
	}
	tagActivity struct {
		IDs    Opt[string] `query:"tags" doc:"Comma-separated"`
		Except Opt[string] `query:"exclude_tags" doc:"Comma-separated"`
		activityFilters
	}
)

func (in *userActivity) filters() *activityFilters { return in.with(in.ID, in.Except) }
func (in *teamActivity) filters() *activityFilters { return in.with(in.IDs, in.Except) }
func (in *organizationActivity) filters() *activityFilters {
	return in.with(in.IDs, in.Except)
}
func (in *projectActivity) filters() *activityFilters  { return in.with(in.IDs, in.Except) }
func (in *customerActivity) filters() *activityFilters { return in.with(in.IDs, in.Except) }
func (in *tagActivity) filters() *activityFilters      { return in.with(in.IDs, in.Except) }

func (f *activityFilters) with(ids, except Opt[string]) *activityFilters {
	f.ids, f.except = ids, except
	return f
}

// csvList splits a comma-separated parameter; nil where it is absent or empty.
func csvList(o Opt[string]) []string {
	var out []string
	for _, v := range strings.Split(o.Or(""), ",") {
		if v = strings.TrimSpace(v); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// query turns the filters into one of the store's. Its errors are in the raw style, as LiteLLM's here.
func (f *activityFilters) query() (policy.ActivityQuery, error) {
	q := policy.ActivityQuery{Exclude: csvList(f.except), Model: f.Model.Or(""), Zone: time.UTC}
	if key := f.APIKey.Or(""); key != "" {
		q.KeyHash = keyHash(key).String()
	}
	if f.StartDate.Or("") == "" || f.EndDate.Or("") == "" {
		return q, detail(http.StatusBadRequest, Object{{"error", "Please provide start_date and end_date"}})
	}
	var err error
	if q.From, q.Until, err = dayRange(f.StartDate.Value, f.EndDate.Value); err != nil {
		return q, err
	}
	if offset, ok := f.Timezone.Get(); ok {
		if offset < -14*60 || offset > 14*60 {
			return q, inDetail(badRequest("timezone", "timezone is a number of minutes from -840 to 840"))
		}
		q.Zone = time.FixedZone("", -int(offset)*60)
	}
	return q, nil
}

// dayRange reads two dates, as they are written; until is the day after the last.
func dayRange(start, end string) (from, until time.Time, err error) {
	for field, v := range map[string]string{"start_date": start, "end_date": end} {
		t, err := time.Parse(time.DateOnly, strings.TrimSpace(v))
		if err != nil || t.Year() < 1970 || t.Year() > 9000 {
			return from, until, inDetail(badRequest(field, "%s is a date like 2026-01-31", field))
		}
		if field == "start_date" {
			from = t
		} else {
			until = t.AddDate(0, 0, 1)
		}
	}
	if !from.Before(until) {
		return from, until, inDetail(badRequest("end_date", "end_date is before start_date"))
	}
	if until.Sub(from) > mostActivityDays*24*time.Hour {
		return from, until, inDetail(badRequest("start_date", "At most %d days at once", mostActivityDays))
	}
	return from, until, nil
}

const mostActivityDays = 3660

// parts are the queries that answer for what the caller may see.
func (f *activityFilters) parts(ctx context.Context, s *server, c *Caller, a *activityScope) ([]activityPart, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	return s.activityParts(ctx, c, a, csvList(f.ids), q)
}

// activity sums what the caller may see, told apart as said (0: by everything).
func (s *server) activity(ctx context.Context, c *Caller, a *activityScope, f *activityFilters, by policy.Dimensions) (activityDays, error) {
	parts, err := f.parts(ctx, s, c, a)
	if err != nil {
		return nil, err
	}
	return s.sumActivity(ctx, parts, func(q *policy.ActivityQuery) { q.By = by })
}

// dailyActivity answers with a page of days, the newest first. Its totals are the page's.
func (s *server) dailyActivity(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error) {
	def := int64(10)
	if a.kind == policy.ScopeUser {
		def = 50
	}
	p, err := pageOf(f.Page, f.PageSize, "page_size", def, 1000)
	if err != nil {
		return nil, err
	}
	parts, err := f.parts(ctx, s, c, a)
	if err != nil {
		return nil, err
	}
	told, err := s.activityRows(ctx, parts)
	if err != nil {
		return nil, err
	}
	bounds := activityPages(told, p.limit())
	pages, from, until := max(int64(len(bounds)), 1), 0, 0
	if p.number <= int64(len(bounds)) {
		from, until = bounds[p.number-1][0], bounds[p.number-1][1]
	}
	shown := []*activityDay{}
	if from < until {
		names := sortedNames(told)
		slices.Reverse(names)
		names = names[from:until]
		first, err := time.Parse(time.DateOnly, names[len(names)-1])
		if err != nil {
			return nil, err
		}
		last, err := time.Parse(time.DateOnly, names[0])
		if err != nil {
			return nil, err
		}
		days, err := s.sumActivity(ctx, parts, func(q *policy.ActivityQuery) { q.From, q.Until = first, last.AddDate(0, 0, 1) })
		if err != nil {
			return nil, err
		}
		shown = days.newest()
	}
	sums := keyTotals(shown)
	return s.activityReply(ctx, a, shown, dearest(sums, 0), Object{{"page", p.number}, {"total_pages", pages}, {"has_more", p.number < pages}})
}

// aggregatedActivity answers with all days at once.
func (s *server) aggregatedActivity(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error) {
	limit := f.KeyLimit.Or(100)
	if limit < 1 || limit > 1000 {
		return nil, inDetail(badRequest("api_key_limit", "api_key_limit is a number from 1 to 1000"))
	}
	parts, err := f.parts(ctx, s, c, a)
	if err != nil {
		return nil, err
	}
	byKey, err := s.sumActivity(ctx, parts, func(q *policy.ActivityQuery) { q.By = policy.ByKey })
	if err != nil {
		return nil, err
	}
	sums := keyTotals(byKey.newest())
	keys := dearest(sums, int(limit))
	days, err := s.sumActivity(ctx, parts, func(q *policy.ActivityQuery) {
		if len(keys) < len(sums) {
			q.Keys = keys
		}
	})
	if err != nil {
		return nil, err
	}
	return s.activityReply(ctx, a, days.newest(), keys, Object{{"page", 1}, {"total_pages", 1}, {"has_more", false}, {"api_key_limit", limit}, {"total_api_keys", len(sums)}})
}

// analytics is LiteLLM's SpendAnalyticsPaginatedResponse.
type analytics struct {
	Results  Opt[rows]   `json:"results" doc:"Per day, newest first: date, metrics, and breakdown by models, model_groups, providers, endpoints, api_keys, entities"`
	Metadata Opt[Fields] `json:"metadata" doc:"Totals of these days, page, total_pages, has_more"`
}

// addActivity declares a family's endpoints.
func addActivity[In any, P interface {
	*In
	filters() *activityFilters
}](s *server, a *activityScope) {
	type handler func(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error)
	add := func(suffix, summary string, reply any, h handler) {
		op := operation{Method: http.MethodGet, Path: "/" + a.path + "/daily/activity" + suffix, Tag: "activity", Summary: summary, Reply: reply}
		if a.path == "customer" {
			op.Also = []string{"/end_user/daily/activity" + suffix}
		}
		op.CSV = suffix == "/export"
		route(s, op, func(ctx context.Context, c *Caller, in *In) (any, error) { return h(ctx, c, a, P(in).filters()) })
	}
	add("", "Spend, tokens and requests by day, in pages of days", analytics{}, s.dailyActivity)
	add("/aggregated", "Spend, tokens and requests by day, all days", analytics{}, s.aggregatedActivity)
	add("/aggregated/keys", "What each key used, those that spent most first, in pages", keyActivityPage{}, s.activeKeys)
	add("/aggregated/search", "What keys used that are called something like this", keyActivity{}, s.findActiveKeys)
	add("/aggregated/model_top_keys", "The keys that spent most on a model", modelKeyActivity{}, s.modelKeys)
	add("/export", "The same as rows, in CSV or JSON", nil, s.exportActivity)
}

// activities: what was used, by day, for every scope.
func activities(s *server) {
	addActivity[userActivity](s, activityScopes["user"])
	addActivity[teamActivity](s, activityScopes["team"])
	addActivity[organizationActivity](s, activityScopes["organization"])
	addActivity[projectActivity](s, activityScopes["project"])
	addActivity[customerActivity](s, activityScopes["customer"])
	addActivity[tagActivity](s, activityScopes["tag"])
}
