package adminsvc

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// maxSpendLogs is the longest unpaged list of rows.
const maxSpendLogs = 10_000

// spendFilters select requests, in every endpoint that lists them.
type spendFilters struct {
	APIKey         Opt[string]       `query:"api_key" doc:"The key or its hash"`
	UserID         Opt[string]       `query:"user_id"`
	TeamID         Opt[string]       `query:"team_id"`
	ProjectID      Opt[string]       `query:"project_id"`
	OrganizationID Opt[string]       `query:"organization_id"`
	EndUser        Opt[string]       `query:"end_user"`
	Tag            Opt[string]       `query:"tag"`
	RequestID      Opt[string]       `query:"request_id" doc:"The provider's response id, or our call id"`
	SessionID      Opt[string]       `query:"session_id"`
	Model          Opt[string]       `query:"model"`
	ModelID        Opt[string]       `query:"model_id"`
	ModelGroup     Opt[string]       `query:"model_group"`
	KeyAlias       Opt[string]       `query:"key_alias"`
	MinSpend       Opt[policy.Money] `query:"min_spend"`
	MaxSpend       Opt[policy.Money] `query:"max_spend"`
	StatusFilter   Opt[string]       `query:"status_filter" doc:"success, failure or abandoned"`
	StartDate      Opt[string]       `query:"start_date" doc:"YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, UTC"`
	EndDate        Opt[string]       `query:"end_date" doc:"Inclusive: a date is its whole day"`
}

// query turns the filters into one of the journal's.
func (f *spendFilters) query() (policy.LogQuery, error) {
	q := policy.LogQuery{
		UserID: f.UserID.Or(""), TeamID: f.TeamID.Or(""), ProjectID: f.ProjectID.Or(""), OrganizationID: f.OrganizationID.Or(""), Customer: f.EndUser.Or(""),
		Tag: f.Tag.Or(""), RequestID: f.RequestID.Or(""), Session: f.SessionID.Or(""), Model: f.Model.Or(""), ModelGroup: f.ModelGroup.Or(""),
		Deployment: f.ModelID.Or(""), KeyAlias: f.KeyAlias.Or(""), MinCost: f.MinSpend.Ptr(), MaxCost: f.MaxSpend.Ptr(),
	}
	if key := f.APIKey.Or(""); key != "" {
		q.KeyHash = keyHash(key).String()
	}
	switch status := policy.Status(f.StatusFilter.Or("")); status {
	case "", "all":
	case policy.StatusSuccess, policy.StatusFailure, policy.StatusAbandoned:
		q.Status = status
	default:
		return q, badRequest("status_filter", "status_filter is success, failure or abandoned")
	}
	var err error
	q.From, q.Until, err = spendRange(f.StartDate, f.EndDate)
	return q, err
}

// spendRange reads a start and an end, either of which may be absent: from is
// inclusive, until is just beyond the end.
func spendRange(start, end Opt[string]) (from, until time.Time, err error) {
	read := func(field string, o Opt[string]) (t time.Time, date bool, err error) {
		text := strings.TrimSpace(o.Or(""))
		if text == "" {
			return t, false, nil
		}
		t, ok := parseTime(text)
		if !ok {
			return t, false, badRequest(field, "%s is a date like 2026-01-31, or a time like 2026-01-31 12:00:00", field)
		}
		return t, len(text) == len(time.DateOnly), nil
	}
	if from, _, err = read("start_date", start); err != nil {
		return from, until, err
	}
	until, date, err := read("end_date", end)
	if err != nil || until.IsZero() {
		return from, until, err
	}
	if until.Before(from) {
		return from, until, badRequest("end_date", "end_date is before start_date")
	}
	if date {
		return from, until.AddDate(0, 0, 1), nil
	}
	return from, until.Add(time.Microsecond), nil
}

type spendLogsQuery struct {
	Summarize Opt[bool] `query:"summarize" doc:"With both dates: sums by day, the default, or with false the rows"`
	spendFilters
}

// spendLogs answers /spend/logs: rows, or with both dates sums by day.
func (s *server) spendLogs(ctx context.Context, c *Caller, in *spendLogsQuery) (any, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if err := s.spendScope(ctx, c, &q); err != nil {
		return nil, err
	}
	if !q.From.IsZero() && !q.Until.IsZero() && in.Summarize.Or(true) {
		return s.spendByDay(ctx, q)
	}
	q.Limit = maxSpendLogs
	entries, _, _, err := s.Spend.Logs(ctx, q)
	if err != nil {
		return nil, err
	}
	return spendLogRows(entries), nil
}

func spendLogRows(entries []policy.Entry) []Object {
	rows := make([]Object, len(entries))
	for i := range entries {
		rows[i] = spendLogRow(&entries[i])
	}
	return rows
}

type spendPageQuery struct {
	Page         Opt[int64]  `query:"page" doc:"From 1"`
	PageSize     Opt[int64]  `query:"page_size" doc:"1 to 1000, default 50"`
	SortBy       Opt[string] `query:"sort_by" doc:"startTime, endTime, spend, total_tokens, prompt_tokens, completion_tokens, request_duration_ms, model, status"`
	SortOrder    Opt[string] `query:"sort_order" doc:"asc or desc, default desc"`
	ErrorCode    Opt[string] `query:"error_code"`
	ErrorMessage Opt[string] `query:"error_message" doc:"Part of it, whatever its case"`
	CacheHit     Opt[string] `query:"cache_hit_filter" doc:"hit or miss; nothing is cached here"`
	Search       Opt[string] `query:"search" doc:"A request id"`
	spendFilters
}

type spendPage struct {
	Data          Opt[rows]  `json:"data" doc:"Rows of /spend/logs"`
	Total         Opt[int64] `json:"total"`
	Page          Opt[int64] `json:"page"`
	PageSize      Opt[int64] `json:"page_size"`
	TotalPages    Opt[int64] `json:"total_pages"`
	TotalIsCapped Opt[bool]  `json:"total_is_capped" doc:"There are more than total"`
}

var spendSorts = map[string]string{
	"startTime": "startTime", "endTime": "endTime", "spend": "spend", "total_tokens": "total_tokens", "prompt_tokens": "prompt_tokens",
	"completion_tokens": "completion_tokens", "request_duration_ms": "request_duration_ms", "model": "model", "status": "status",
}

// spendLogsPage answers /spend/logs/v2.
func (s *server) spendLogsPage(ctx context.Context, c *Caller, in *spendPageQuery) (any, error) {
	p, err := pageOf(in.Page, in.PageSize, "page_size", 50, 1000)
	if err != nil {
		return nil, err
	}
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if id := in.Search.Or(""); id != "" && q.RequestID == "" {
		q.RequestID = id
	}
	sort, descending, err := sortOf(in.SortBy, in.SortOrder, spendSorts)
	if err != nil {
		return nil, err
	}
	q.Sort, q.Ascending = sort, !descending
	if err := s.spendScope(ctx, c, &q); err != nil {
		return nil, err
	}
	entries, total, capped, err := s.spendEntries(ctx, q, p, in)
	if err != nil {
		return nil, err
	}
	return Object{{"data", spendLogRows(entries)}, {"total", total}, {"page", p.number}, {"page_size", p.size}, {"total_pages", p.pages(total)}, {"total_is_capped", capped}}, nil
}

// spendEntries is a page of the journal.
func (s *server) spendEntries(ctx context.Context, q policy.LogQuery, p page, in *spendPageQuery) ([]policy.Entry, int, bool, error) {
	switch strings.ToLower(in.CacheHit.Or("")) {
	case "", "miss", "false", "all":
	case "hit", "true":
		return nil, 0, false, nil
	default:
		return nil, 0, false, badRequest("cache_hit_filter", "cache_hit_filter is hit or miss")
	}
	if code := in.ErrorCode.Or(""); code != "" {
		n, err := strconv.Atoi(code)
		if err != nil || n < 100 || n > 999 {
			return nil, 0, false, badRequest("error_code", "error_code is the HTTP status of the answer, as 429")
		}
		q.HTTPStatus = n
	}
	q.ErrorText = in.ErrorMessage.Or("")
	q.Limit, q.Offset = p.limit(), p.offset()
	return s.Spend.Logs(ctx, q)
}

type spendLogID struct {
	RequestID Opt[string] `path:"request_id"`
	StartDate Opt[string] `query:"start_date"`
	EndDate   Opt[string] `query:"end_date"`
}

// spendLogOne answers with one request. Whoever may not see it hears that it is not there.
func (s *server) spendLogOne(ctx context.Context, c *Caller, in *spendLogID) (any, error) {
	q := policy.LogQuery{RequestID: in.RequestID.Value, Limit: 10} // providers' ids need not be unique
	var err error
	if q.From, q.Until, err = spendRange(in.StartDate, in.EndDate); err != nil {
		return nil, err
	}
	entries, _, _, err := s.Spend.Logs(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		ok, err := s.readsEntry(ctx, c, &entries[i])
		if err != nil {
			return nil, err
		}
		if ok {
			limits, err := markRows(ctx, s.eyes(c), policy.ReadMarks(entries[i].Limits, &entries[i]))
			if err != nil {
				return nil, err
			}
			row := spendLogRow(&entries[i])
			row.Set("limits", limits)
			return row, nil
		}
	}
	return nil, notFound("request_id", "Request not found: %s", clip(in.RequestID.Value))
}

type spendSessionQuery struct {
	SessionID Opt[string] `query:"session_id" required:"true"`
	Page      Opt[int64]  `query:"page"`
	PageSize  Opt[int64]  `query:"page_size"`
}

// spendSession answers with the requests of one session, oldest first.
func (s *server) spendSession(ctx context.Context, c *Caller, in *spendSessionQuery) (any, error) {
	asc := Opt[string]{Value: "asc", Sent: true}
	return s.spendLogsPage(ctx, c, &spendPageQuery{Page: in.Page, PageSize: in.PageSize, SortOrder: asc, spendFilters: spendFilters{SessionID: in.SessionID}})
}

// spendLogsRoutes: the journal, row by row.
func spendLogsRoutes(s *server) {
	get := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodGet, Path: path, Tag: "spend", Summary: summary, Reply: reply}
	}
	rows := get("/spend/logs", "Requests, newest first, at most 10 000; with start_date and end_date, sums by day", nil)
	rows.Description = "Without both dates, or with `summarize=false`: rows. With both: `[{startTime, spend, users: {id: spend}, models: {name: spend}}]`, one entry per day that spent and one for the last day."
	route(s, rows, s.spendLogs)
	paged := get("/spend/logs/v2", "Requests in pages", spendPage{})
	paged.Also = []string{"/spend/logs/ui"}
	route(s, paged, s.spendLogsPage)
	route(s, get("/spend/logs/session/ui", "The requests of one session", spendPage{}), s.spendSession)
	route(s, get("/spend/logs/ui/{request_id}", "One request, with the limits that it met", spendLog{}), s.spendLogOne)
}
