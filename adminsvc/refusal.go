package adminsvc

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// RefusalReader lists counts of refused requests, and how many rows there are in all.
type RefusalReader interface {
	Refusals(ctx context.Context, q policy.RefusalQuery) ([]policy.RefusalCount, int, error)
}

type refusalQuery struct {
	Key       Opt[string] `query:"key" doc:"A key or its hash"`
	TeamID    Opt[string] `query:"team_id"`
	ProjectID Opt[string] `query:"project_id"`
	Reason    Opt[string] `query:"reason" doc:"Such as budget_exceeded, throttling_error, model_access_denied"`
	Kind      Opt[string] `query:"kind" doc:"Of the limit that refused: requests, tokens, spend, …"`
	Model     Opt[string] `query:"model"`
	Start     Opt[string] `query:"start_date" doc:"YYYY-MM-DD, or with a time; UTC"`
	End       Opt[string] `query:"end_date" doc:"The last day, or the time before which"`
	Page      Opt[int64]  `query:"page"`
	Size      Opt[int64]  `query:"page_size" doc:"At most 1000"`
}

type refusalRows struct {
	Refusals   Opt[rows]  `json:"refusals" doc:"Newest first: minute, count, reason, key, key_name, key_alias, team_id, project_id, scope, scope_id, limit_kind, model, and sample, the last one whole (call_id, at, message, route, limit, used, asked, reset_at, and as limits all that it met, as /limits lists them)"`
	Total      Opt[int64] `json:"total"`
	Page       Opt[int64] `json:"page"`
	PageSize   Opt[int64] `json:"page_size"`
	TotalPages Opt[int64] `json:"total_pages"`
}

// refusalsRoutes: why calls were refused.
func refusalsRoutes(s *server) {
	route(s, operation{Method: http.MethodGet, Path: "/refusals", Tag: "limits", Reply: refusalRows{},
		Summary: "Refused calls, counted by key, reason and minute, with the last of each whole"}, s.listRefusals)
}

func (s *server) listRefusals(ctx context.Context, c *Caller, in *refusalQuery) (any, error) {
	if s.Refusals == nil {
		return nil, &Error{Status: http.StatusServiceUnavailable, Type: "not_configured", Message: "Refused calls are not counted here"}
	}
	p, err := pageOf(in.Page, in.Size, "page_size", 50, 1000)
	if err != nil {
		return nil, err
	}
	q := policy.RefusalQuery{TeamID: in.TeamID.Or(""), Project: in.ProjectID.Or(""), Code: policy.Code(in.Reason.Or("")), Kind: in.Kind.Or(""), Model: in.Model.Or(""), Limit: p.limit(), Offset: p.offset()}
	if id := in.Key.Or(""); id != "" {
		q.KeyHash = keyHash(id).String()
	}
	if q.From, q.Until, err = timesOf(in.Start, in.End); err != nil {
		return nil, err
	}
	// The same callers see refusals who see what the same calls would have cost.
	logs := policy.LogQuery{KeyHash: q.KeyHash, TeamID: q.TeamID, ProjectID: q.Project}
	if err := s.spendScope(ctx, c, &logs); err != nil {
		return nil, err
	}
	q.KeyHash, q.TeamID = logs.KeyHash, logs.TeamID
	if logs.UserID != "" {
		if q.Keys, err = s.hashesOf(ctx, logs.UserID); err != nil {
			return nil, err
		}
	}
	counts, total, err := s.Refusals.Refusals(ctx, q)
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(counts))
	for _, r := range counts {
		keys = append(keys, r.KeyHash)
	}
	names, err := s.keysByHash(ctx, keys)
	if err != nil {
		return nil, err
	}
	sees := s.eyes(c)
	out := make([]Object, 0, len(counts))
	for _, r := range counts {
		visible, err := sees(ctx, r.Scope)
		if err != nil {
			return nil, err
		}
		limits, err := markRows(ctx, sees, policy.ReadMarks(r.Sample.Limits, &policy.Entry{KeyHash: r.KeyHash, TeamID: r.TeamID, ProjectID: r.Project}))
		if err != nil {
			return nil, err
		}
		out = append(out, refusalCountRow(r, names[r.KeyHash], visible, limits))
	}
	return Object{{"refusals", out}, {"total", total}, {"page", p.number}, {"page_size", p.size}, {"total_pages", p.pages(total)}}, nil
}

func refusalCountRow(r policy.RefusalCount, k *policy.Key, visible bool, limits []Object) Object {
	var name, alias string
	if k != nil {
		name, alias = k.Name, k.Alias
	}
	scope, id := "", r.Scope.ID
	if id != "" || r.Kind != "" {
		scope = r.Scope.Kind.String()
	}
	if r.Scope.Kind == policy.ScopeMember {
		_, id, _ = strings.Cut(id, "\x1f")
	}
	sample := Object{{"call_id", orNull(r.Sample.CallID)}, {"at", when(r.Sample.At)}, {"message", r.Sample.Message}, {"route", orNull(r.Sample.Route)}, {"reset_at", when(r.Sample.ResetAt)}, {"limits", limits}}
	for _, f := range []struct {
		name string
		n    int64
	}{{"limit", r.Sample.Limit}, {"used", r.Sample.Used}, {"asked", r.Sample.Asked}} {
		switch {
		case !visible || r.Kind == "":
			sample.Set(f.name, nil)
		case r.Kind == policy.KindSpend.String():
			sample.Set(f.name, dollars(policy.Money(f.n)))
		default:
			sample.Set(f.name, f.n)
		}
	}
	return Object{{"minute", when(r.Minute)}, {"count", r.Count}, {"reason", string(r.Code)}, {"key", orNull(r.KeyHash)}, {"key_name", orNull(name)}, {"key_alias", orNull(alias)},
		{"team_id", orNull(r.TeamID)}, {"project_id", orNull(r.Project)}, {"scope", orNull(scope)}, {"scope_id", orNull(id)}, {"limit_kind", orNull(r.Kind)}, {"model", orNull(r.Model)}, {"sample", sample}}
}

// hashesOf lists the keys of a user; none is a list that matches nothing.
func (s *server) hashesOf(ctx context.Context, user string) ([]string, error) {
	keys, _, err := policy.List[*policy.Key](ctx, s.Store, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: user}}})
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, k.Hash.String())
	}
	return out, err
}

// keysByHash reads the keys of a page that are still there.
func (s *server) keysByHash(ctx context.Context, hashes []string) (map[string]*policy.Key, error) {
	out := map[string]*policy.Key{}
	wanted := union(nil, nonEmpty(hashes...))
	if len(wanted) == 0 {
		return out, nil
	}
	keys, _, err := policy.List[*policy.Key](ctx, s.Store, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "hash", Op: policy.In, Value: wanted}}})
	for _, k := range keys {
		out[k.Hash.String()] = k
	}
	return out, err
}

// timesOf reads a range: days or minutes, the last one included, or times.
func timesOf(start, end Opt[string]) (from, until time.Time, err error) {
	if from, _, err = timeOf("start_date", start.Or("")); err != nil {
		return
	}
	var whole time.Duration
	if until, whole, err = timeOf("end_date", end.Or("")); err != nil {
		return
	}
	until = until.Add(whole)
	if !until.IsZero() && until.Before(from) {
		err = badRequest("end_date", "end_date is before start_date")
	}
	return
}

// timeOf reads a time, and how long what it names is: a day, a minute, or a moment.
func timeOf(field, text string) (t time.Time, whole time.Duration, err error) {
	if text == "" {
		return t, 0, nil
	}
	for _, l := range []struct {
		layout string
		whole  time.Duration
	}{{time.DateOnly, 24 * time.Hour}, {"2006-01-02 15:04", time.Minute}, {"2006-01-02T15:04", time.Minute}, {time.DateTime, 0}, {time.RFC3339Nano, 0}} {
		if t, err := time.Parse(l.layout, text); err == nil && t.Year() > 1 && t.Year() < 9999 {
			return t.UTC(), l.whole, nil
		}
	}
	return t, 0, badRequest(field, "%s is no time such as 2026-03-10, 2026-03-10 12:03 or 2026-03-10T12:00:00Z", field)
}
