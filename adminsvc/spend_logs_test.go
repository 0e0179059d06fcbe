package adminsvc

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// journal writes entries as the data plane would, whole.
func (a *api) journal(entries ...policy.Entry) {
	a.t.Helper()
	if err := a.store.WriteEntries(context.Background(), entries); err != nil {
		a.t.Fatal(err)
	}
}

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// logWorld has two teams, a project, keys and five requests on two days.
func logWorld(t *testing.T, change ...func(*Config)) (a *api, keys map[string]string) {
	a = setup(t, change...)
	keys = map[string]string{}
	a.post("/team/new", `{"team_id":"t1","team_alias":"Team One","members_with_roles":[{"role":"admin","user_id":"lead"},{"role":"user","user_id":"ann"}]}`).ok()
	a.post("/team/new", `{"team_id":"t2"}`).ok()
	a.post("/project/new", `{"project_id":"p1","project_alias":"Project One","team_id":"t1"}`).ok()
	for name, body := range map[string]string{
		"ann": `{"user_id":"ann"}`, "lead": `{"user_id":"lead"}`, "bob": `{"user_id":"bob"}`, "project": `{"project_id":"p1","key_alias":"proj"}`, "t2": `{"team_id":"t2"}`,
		"annTeam": `{"user_id":"ann","team_id":"t1"}`,
	} {
		keys[name] = a.post("/key/generate", body).ok().text("key")
	}
	hash := func(name string) string { return policy.HashKey(keys[name]).String() }
	day := 24 * time.Hour
	entry := func(call string, at time.Time, cost policy.Money, e policy.Entry) policy.Entry {
		e.Type, e.CallID, e.ReservedAt, e.StartedAt, e.EndedAt = policy.EntryRequest, call, at, at, at.Add(1500*time.Millisecond)
		e.FirstByte, e.Cost = at.Add(200*time.Millisecond), policy.Cost{Total: cost, Input: cost / 4, Output: cost - cost/4}
		e.Usage.Source = policy.UsageReported
		if e.Status == "" {
			e.Status = policy.StatusSuccess
		}
		e.CallType, e.Route, e.Provider = "acompletion", "/chat/completions", "openai"
		e.ModelAsked, e.ModelGroup = e.Model, e.Model
		return e
	}
	a.journal(
		entry("c1", noon.Add(-day), 1600000, policy.Entry{RequestID: "chatcmpl-1", KeyHash: hash("project"), KeyAlias: "proj", TeamID: "t1", TeamAlias: "Team One", ProjectID: "p1",
			ProjectAlias: "Project One", OrganizationID: "o1", CustomerID: "cust", Model: "gpt-4", Tags: []string{"red"}, Session: "s1", Deployment: "d1",
			Limits: "os1mo,gjdgxs,1,1 ps1mo,zik0zk,i9a28,zzzzi kr,a,3,1", // of the organization, the project and the key
			Usage:  policy.Usage{Input: 10, Cached: 4, Output: 20, Reasoning: 5}}),
		entry("c2", noon, 2*policy.Dollar, policy.Entry{RequestID: "chatcmpl-2", KeyHash: hash("ann"), UserID: "ann", Model: "gpt-3.5-turbo", Usage: policy.Usage{Input: 1, Output: 2}}),
		entry("c3", noon.Add(time.Hour), policy.Dollar, policy.Entry{RequestID: "chatcmpl-3", KeyHash: hash("bob"), UserID: "bob", Model: "gpt-4", Session: "s1", Usage: policy.Usage{Input: 5}}),
		entry("c4", noon.Add(2*time.Hour), 0, policy.Entry{KeyHash: hash("t2"), TeamID: "t2", Model: "gpt-4", Status: policy.StatusFailure, HTTPStatus: 429, Error: "Rate limit reached"}),
		entry("c5", noon.Add(3*time.Hour), 3*policy.Dollar, policy.Entry{KeyHash: hash("annTeam"), UserID: "ann", TeamID: "t1", Model: "gpt-4"}),
	)
	return a, keys
}

func TestASpendLogHasLiteLLMsShape(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	hash := `"` + policy.HashKey(keys["project"]).String() + `"`
	for _, path := range []string{"/spend/logs?request_id=chatcmpl-1", "/spend/logs?request_id=c1"} {
		a.get(path).ok().has(map[string]string{
			"0.request_id": `"chatcmpl-1"`, "0.litellm_call_id": `"c1"`, "0.api_key": hash, "0.spend": "0.0016", "0.prompt_tokens": "10", "0.completion_tokens": "20",
			"0.total_tokens": "30", "0.startTime": `"2026-03-09T12:00:00Z"`, "0.endTime": `"2026-03-09T12:00:01.5Z"`, "0.request_duration_ms": "1500",
			"0.project_id": `"p1"`, "0.team_id": `"t1"`, "0.organization_id": `"o1"`, "0.end_user": `"cust"`, "0.request_tags": `["red"]`, "0.status": `"success"`,
			"0.model": `"gpt-4"`, "0.model_id": `"d1"`, "0.cache_hit": `"False"`, "0.messages": "{}",
			"0.metadata.user_api_key": hash, "0.metadata.user_api_key_project_id": `"p1"`, "0.metadata.user_api_key_project_alias": `"Project One"`,
			"0.metadata.user_api_key_alias": `"proj"`, "0.metadata.user_api_key_team_id": `"t1"`, "0.metadata.user_api_key_team_alias": `"Team One"`,
			"0.metadata.user_api_key_org_id": `"o1"`, "0.metadata.user_api_key_user_id": "null", "0.metadata.status": `"success"`, "0.metadata.error_information": "null",
			"0.metadata.usage_object.prompt_tokens_details.cached_tokens": "4", "0.metadata.usage_object.completion_tokens_details.reasoning_tokens": "5",
			"0.metadata.cost_breakdown.total_cost": "0.0016", "0.metadata.cost_breakdown.input_cost": "0.0004", "0.metadata.cost_breakdown.output_cost": "0.0012", "1": "null",
		})
	}
	a.get("/spend/logs/v2?request_id=c4").ok().has(map[string]string{"data.0.request_id": `"c4"`, "data.0.status": `"failure"`,
		"data.0.metadata.error_information.error_code": `"429"`, "data.0.metadata.error_information.error_message": `"Rate limit reached"`})
	a.get("/spend/logs/ui/chatcmpl-1").ok().has(map[string]string{"litellm_call_id": `"c1"`, "project_id": `"p1"`, "messages": "{}"})
	a.get("/spend/logs/ui/nothing").refused(404, "not_found_error", "request_id")
}

// calls lists the call ids of an answer's rows.
func (r *answer) calls(at string) string {
	var out []string
	for i := 0; ; i++ {
		path := strings.TrimPrefix(strings.Join([]string{at, itoa(int64(i)), "litellm_call_id"}, "."), ".")
		id := r.text(path)
		if id == "" {
			return strings.Join(out, " ")
		}
		out = append(out, id)
	}
}

func TestSpendLogsFilter(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	for query, want := range map[string]string{
		"":                       "c5 c4 c3 c2 c1",
		"api_key=" + keys["ann"]: "c2",
		"api_key=" + policy.HashKey(keys["ann"]).String(): "c2",
		"user_id=ann":               "c5 c2",
		"team_id=t1":                "c5 c1",
		"project_id=p1":             "c1",
		"organization_id=o1":        "c1",
		"end_user=cust":             "c1",
		"tag=red":                   "c1",
		"session_id=s1":             "c3 c1",
		"model=gpt-3.5-turbo":       "c2",
		"model_group=gpt-3.5-turbo": "c2",
		"model_id=d1":               "c1",
		"key_alias=proj":            "c1",
		"min_spend=2":               "c5 c2",
		"max_spend=0.0016":          "c4 c1",
		"status_filter=failure":     "c4",
		"start_date=2026-03-10":     "c5 c4 c3 c2",
		"end_date=2026-03-09":       "c1",
		"start_date=2026-03-10%2013:00:00&end_date=2026-03-10%2014:00:00&summarize=false": "c4 c3",
		"start_date=2026-03-10&end_date=2026-03-10&summarize=false":                       "c5 c4 c3 c2",
		"user_id=nobody": "",
	} {
		if got := a.get("/spend/logs?" + query).ok().calls(""); got != want {
			t.Errorf("/spend/logs?%s: %q, want %q", query, got, want)
		}
		for _, path := range []string{"/spend/logs/v2?", "/spend/logs/ui?"} {
			if got := a.get(path + strings.TrimSuffix(query, "&summarize=false")).ok().calls("data"); got != want {
				t.Errorf("%s%s: %q, want %q", path, query, got, want)
			}
		}
	}
	for query, want := range map[string]string{
		"error_code=429": "c4", "error_code=500": "", "error_message=RATE": "c4", "cache_hit_filter=hit": "", "cache_hit_filter=miss": "c5 c4 c3 c2 c1", "search=c3": "c3",
		"sort_by=spend&sort_order=asc": "c4 c1 c3 c2 c5", "sort_by=startTime&sort_order=asc": "c1 c2 c3 c4 c5", "page=2&page_size=2": "c3 c2", "page=9": "",
	} {
		if got := a.get("/spend/logs/v2?" + query).ok().calls("data"); got != want {
			t.Errorf("/spend/logs/v2?%s: %q, want %q", query, got, want)
		}
	}
	a.get("/spend/logs/v2?page=2&page_size=2").ok().has(map[string]string{"total": "5", "page": "2", "page_size": "2", "total_pages": "3", "total_is_capped": "false"})
	if got := a.get("/spend/logs/session/ui?session_id=s1").ok().calls("data"); got != "c1 c3" {
		t.Error(got)
	}
}

func TestSpendLogsSummarizeByDay(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	a.get("/spend/logs?start_date=2026-03-09&end_date=2026-03-10").ok().has(map[string]string{
		"0.startTime": `"2026-03-09"`, "0.spend": "0.0016", "0.users": "{}", "0.models": `{"gpt-4":0.0016}`,
		"1.startTime": `"2026-03-10"`, "1.spend": "6.0", "1.users": `{"ann":5.0,"bob":1.0}`, "1.models": `{"gpt-3.5-turbo":2.0,"gpt-4":4.0}`, "2": "null",
	})
	a.get("/spend/logs?start_date=2026-03-09&end_date=2026-03-12&api_key=" + keys["ann"]).ok().has(map[string]string{
		"0.startTime": `"2026-03-10"`, "0.spend": "2.0", "0.users": `{"ann":2.0}`, "1": `{"models":{},"spend":0.0,"startTime":"2026-03-12","users":{}}`, "2": "null",
	})
	a.get("/spend/logs?start_date=2026-03-09&end_date=2026-03-10&project_id=p1&summarize=true").ok().has(map[string]string{
		"0.spend": "0.0016", "1.spend": "0.0", "1.startTime": `"2026-03-10"`, "2": "null"})
	a.get("/spend/logs?start_date=2026-03-10%2012:30:00&end_date=2026-03-10%2013:30:00").ok().has(map[string]string{"0.spend": "1.0", "0.users": `{"bob":1.0}`})
}

func TestWhoSeesWhichSpendLogs(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	for _, c := range []struct{ who, query, want string }{
		{"ann", "", "c5 c2"}, {"bob", "", "c3"}, {"project", "", "c1"}, {"t2", "", "c4"}, {"annTeam", "", "c5"},
		{"lead", "", ""}, {"lead", "team_id=t1", "c5 c1"}, {"lead", "project_id=p1", "c1"}, {"ann", "team_id=t1", "c5"}, {"ann", "project_id=p1", ""},
		{"lead", "api_key=" + policy.HashKey(keys["project"]).String(), "c1"}, {"ann", "user_id=ann", "c5 c2"}, {"project", "project_id=p1", "c1"}, {"t2", "team_id=t2", "c4"},
		{"bob", "request_id=c2", ""},
	} {
		if got := a.call(keys[c.who], "GET", "/spend/logs?"+c.query, "").ok().calls(""); got != c.want {
			t.Errorf("%s ?%s: %q, want %q", c.who, c.query, got, c.want)
		}
	}
	for _, c := range []struct{ who, query, param string }{
		{"bob", "user_id=ann", "user_id"}, {"bob", "team_id=t1", "team_id"}, {"bob", "project_id=p1", "project_id"}, {"bob", "organization_id=o1", "organization_id"},
		{"bob", "api_key=" + keys["ann"], "api_key"}, {"t2", "api_key=" + keys["ann"], "api_key"}, {"t2", "user_id=ann", "user_id"}, {"lead", "team_id=t2", "team_id"},
		{"annTeam", "team_id=t2", "team_id"}, {"bob", "team_id=unknown", "team_id"},
	} {
		for _, path := range []string{"/spend/logs?", "/spend/logs/v2?", "/spend/logs?start_date=2026-03-01&end_date=2026-03-30&"} {
			a.call(keys[c.who], "GET", path+c.query, "").refused(403, "auth_error", c.param)
		}
	}
	a.post("/team/permissions_update", `{"team_id":"t1","team_member_permissions":["/spend/logs"]}`).ok()
	if got := a.call(keys["ann"], "GET", "/spend/logs?team_id=t1", "").ok().calls(""); got != "c5 c1" {
		t.Errorf("with the team's permission: %q", got)
	}
	for who, status := range map[string]int{"lead": 200, "ann": 200, "project": 200, "bob": 404, "t2": 404, "annTeam": 200} {
		if r := a.call(keys[who], "GET", "/spend/logs/ui/c1", ""); r.status != status {
			t.Errorf("%s: %d, want %d", who, r.status, status)
		}
	}
}

func TestASpendLogByItselfHasTheLimitsItMet(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	a.get("/spend/logs/ui/c1").ok().has(map[string]string{
		"limits.0.scope": `"organization"`, "limits.0.scope_id": `"o1"`, "limits.0.window": `"1mo"`, "limits.0.unit": `"USD"`, "limits.0.limit": "1.0",
		"limits.1.scope_id": `"p1"`, "limits.1.limit": "2.147483648", "limits.1.used": "0.030666032", "limits.1.asked": "0.060466158", "limits.1.remaining": "2.056351458",
		"limits.2.scope": `"key"`, "limits.2.kind": `"requests"`, "limits.2.window": `"minute"`, "limits.2.limit": "10", "limits.2.used": "3", "limits.2.asked": "1", "limits.2.remaining": "6", "limits.2.refuses": "false", "limits.3": "null",
	})
	// Whoever runs the team sees its project's figures, but not the organization's.
	a.call(keys["lead"], "GET", "/spend/logs/ui/c1", "").ok().has(map[string]string{"limits.0.hidden": "true", "limits.0.limit": "null", "limits.1.hidden": "false", "limits.1.limit": "2.147483648"})
	a.get("/spend/logs/ui/c2").ok().has(map[string]string{"limits": "[]"}) // nothing is kept of it
}

func TestBadSpendLogFilters(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for query, param := range map[string]string{
		"start_date=yesterday": "start_date", "end_date=2026-02-30": "end_date", "start_date=2026-03-02&end_date=2026-03-01": "end_date", "status_filter=fine": "status_filter",
	} {
		a.get("/spend/logs?"+query).refused(400, "bad_request_error", param)
		a.get("/spend/logs/v2?"+query).refused(400, "bad_request_error", param)
	}
	for query, param := range map[string]string{"sort_by=key": "sort_by", "sort_order=up": "sort_order", "cache_hit_filter=2": "cache_hit_filter"} {
		a.get("/spend/logs/v2?"+query).refused(400, "bad_request_error", param)
	}
	a.get("/spend/logs/v2?page=0").invalid("greater_than_equal", `["query","page"]`)
	a.get("/spend/logs/v2?page_size=1001").invalid("less_than_equal", `["query","page_size"]`)
	a.get("/spend/logs/v2?page=x").invalid("int_parsing", `["query","page"]`)
	a.get("/spend/logs/v2?min_spend=NaN").invalid("finite_number", `["query","min_spend"]`)
	a.get("/spend/logs?summarize=2").invalid("bool_parsing", `["query","summarize"]`)
	a.get("/spend/logs/session/ui").invalid("missing", `["query","session_id"]`)
	a.call("", "GET", "/spend/logs", "").refused(401, "auth_error", "None")
}
