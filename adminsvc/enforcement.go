package adminsvc

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Enforcement says whether refusals happen. In shadow everything is decided, counted
// and recorded, and nothing is refused; the report tells what would have been.
const (
	enforcementRead  action = "read what is enforced"
	enforcementWrite action = "change what is enforced"
)

func init() {
	rules[enforcementRead] = rule{allow: readers, reads: true}
	rules[enforcementWrite] = rule{allow: isAdmin}
}

// Enforcer keeps what is set for the whole proxy; "" is nothing. SetEnforcement
// returns once it is in force.
type Enforcer interface {
	Enforcement(ctx context.Context) (policy.Enforcement, error)
	SetEnforcement(ctx context.Context, by policy.Actor, e policy.Enforcement) error
}

type enforcementChange struct {
	Body
	Mode Opt[string] `json:"mode" required:"true" enum:"enforce,shadow,configured" doc:"configured: what config.yaml and ENFORCEMENT say"`
}

type enforcementRow struct {
	Mode   Opt[string] `json:"mode" doc:"In force for the whole proxy"`
	Source Opt[string] `json:"source" doc:"api, or config: config.yaml and ENFORCEMENT"`
}

type enforcementQuery struct {
	From  Opt[string] `query:"from" doc:"A time, or a day of UTC; default seven days ago"`
	Until Opt[string] `query:"until" doc:"Default now"`
	Mode  Opt[string] `query:"mode" enum:"shadow,enforce" doc:"enforce: what was refused indeed; default shadow"`
}

type refusalSumRow struct {
	Reason  Opt[string] `json:"reason"`
	Scope   Opt[string] `json:"scope"`
	ScopeID Opt[string] `json:"scope_id"`
	Kind    Opt[string] `json:"limit_kind"`
	Count   Opt[int64]  `json:"count"`
	Callers Opt[int64]  `json:"callers" doc:"Different keys"`
	First   Opt[string] `json:"first"`
	Last    Opt[string] `json:"last"`
	Example Opt[string] `json:"example" doc:"The last one's message"`
	CallID  Opt[string] `json:"call_id" doc:"Of the last one"`
}

type enforcementReport struct {
	Mode     Opt[string] `json:"mode"`
	From     Opt[string] `json:"from"`
	Until    Opt[string] `json:"until"`
	Total    Opt[int64]  `json:"total"`
	Refusals Opt[rows]   `json:"refusals"`
}

func enforcement(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "enforcement", Summary: summary, Reply: reply}
	}
	route(s, op(http.MethodGet, "/enforcement", "Whether refusals happen, for the whole proxy", enforcementRow{}), s.enforcementInfo)
	route(s, op(http.MethodPost, "/enforcement", "Refuse, or only record; in force at once", enforcementRow{}), s.setEnforcement)
	route(s, op(http.MethodGet, "/enforcement/report", "What would have been refused, by what would have refused it", enforcementReport{}), s.enforcementReport)
}

var noEnforcement = &Error{Status: http.StatusServiceUnavailable, Type: "no_db_connection", Param: "None", Message: "This server keeps no settings"}

func (s *server) enforcementInfo(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, enforcementRead, target{}); err != nil {
		return nil, err
	}
	if s.Enforcement == nil {
		return nil, noEnforcement
	}
	e, err := s.Enforcement.Enforcement(ctx)
	if err != nil {
		return nil, err
	}
	return s.enforcementRow(e), nil
}

func (s *server) enforcementRow(set policy.Enforcement) Object {
	mode, source := set, "api"
	if mode == "" {
		mode, source = s.Settings().Enforcement, "config"
	}
	if mode == "" {
		mode = policy.Enforced
	}
	return Object{{"mode", string(mode)}, {"source", source}}
}

func (s *server) setEnforcement(ctx context.Context, c *Caller, in *enforcementChange) (any, error) {
	if err := s.authorize(ctx, c, enforcementWrite, target{}); err != nil {
		return nil, err
	}
	if s.Enforcement == nil {
		return nil, noEnforcement
	}
	mode := policy.Enforcement(in.Mode.Value)
	if mode == "configured" {
		mode = ""
	}
	if err := s.Enforcement.SetEnforcement(ctx, c.Actor, mode); err != nil {
		return nil, err
	}
	return s.enforcementRow(mode), nil
}

func (s *server) enforcementReport(ctx context.Context, c *Caller, in *enforcementQuery) (any, error) {
	if err := s.authorize(ctx, c, enforcementRead, target{}); err != nil {
		return nil, err
	}
	if s.RefusalSums == nil {
		return nil, noEnforcement
	}
	until, err := reportTime("until", in.Until.Or(""), s.now())
	if err != nil {
		return nil, err
	}
	from, err := reportTime("from", in.From.Or(""), until.AddDate(0, 0, -7))
	if err != nil {
		return nil, err
	}
	mode := in.Mode.Or(string(policy.Shadow))
	// Counts are by the minute: the one that is not over counts as well.
	sums, err := s.RefusalSums(ctx, mode == string(policy.Shadow), from.Truncate(time.Minute), until.Add(time.Minute))
	if err != nil {
		return nil, err
	}
	list, total := make([]any, 0, len(sums)), int64(0)
	for _, r := range sums {
		total += r.Count
		list = append(list, Object{
			{"reason", string(r.Code)}, {"scope", r.Scope.Kind.String()}, {"scope_id", r.Scope.ID}, {"limit_kind", r.Kind},
			{"count", r.Count}, {"callers", r.Callers}, {"first", r.First.Format(time.RFC3339)}, {"last", r.Last.Format(time.RFC3339)},
			{"example", r.Sample.Message}, {"call_id", r.Sample.CallID},
		})
	}
	return Object{
		{"mode", mode}, {"from", from.UTC().Format(time.RFC3339)}, {"until", until.UTC().Format(time.RFC3339)}, {"total", total}, {"refusals", list},
	}, nil
}

func reportTime(field, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badRequest(field, "%s is a time such as 2026-03-04T05:06:07Z, or a day", field)
}

// mentionsShadow reports whether a body, or an entity in a list of it, says that
// something is in shadow: it would lift limits that others have set.
func mentionsShadow(sent Fields) bool {
	for _, m := range sent {
		if m.Name == "enforcement" || m.Name == "shadow_limits" {
			return true
		}
		if m.Value.Kind() == '[' || m.Value.Kind() == '{' && m.Name != "metadata" {
			if nestedShadow(m.Value) {
				return true
			}
		}
	}
	return false
}

// nestedShadow looks for the two names in the values of a list, or in an object.
func nestedShadow(v jsontext.Value) bool {
	switch v.Kind() {
	case '{':
		return mentionsShadow(storedFields([]byte(v)))
	case '[':
		var items []jsontext.Value
		if json.Unmarshal(v, &items) != nil {
			return false
		}
		for _, item := range items {
			if nestedShadow(item) {
				return true
			}
		}
	}
	return false
}
