package adminsvc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// plane is a data plane's answer, and the question it was asked.
type plane struct {
	asked  policy.Question
	answer policy.Explanation
	err    error
}

func (p *plane) Explain(_ context.Context, q policy.Question) (policy.Explanation, error) {
	p.asked = q
	return p.answer, p.err
}

func explainedWorld(t *testing.T) (*world, *plane) {
	w, p := newWorld(t), &plane{}
	w.server.Explainer = p
	refused := &policy.Refusal{Code: policy.CodeBudget, Message: "Budget has been exceeded! Team=t1", Scope: policy.Scope{Kind: policy.ScopeTeam, ID: "t1"}, Kind: policy.KindSpend, Window: "1mo", Limited: true, Limit: 100, Used: 100, Asked: 5}
	p.answer = policy.Explanation{Found: true, At: w.now, Limits: []policy.LimitState{
		{Scope: policy.Scope{Kind: policy.ScopeProxy}, Kind: policy.KindParallel, Window: "live", Limit: 500, Used: 0, Held: 3},
		{Scope: policy.Scope{Kind: policy.ScopeOrganization, ID: "org1"}, Kind: policy.KindTokens, Window: "minute", Limit: 1000, Used: 10},
		{Scope: policy.Scope{Kind: policy.ScopeTeam, ID: "t1"}, Kind: policy.KindSpend, Window: "1mo", Limit: int64(100 * policy.Dollar), Used: int64(99 * policy.Dollar), Held: int64(policy.Dollar / 2), ResetAt: w.now, Refuses: true, Asked: int64(policy.Dollar)},
		{Scope: policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t1", "member")}, Kind: policy.KindRequests, Window: "minute", Limit: 5, Used: 6, RetryIn: 1500 * time.Millisecond},
	}, Verdict: &policy.Verdict{Status: 422, Refusal: refused, Deployment: "d1", Cost: policy.Dollar, Trace: []policy.Step{{Scope: refused.Scope, Check: "spend", Window: "1mo", Passed: true}}}}
	return w, p
}

// What a caller sees of limits is cut to what they may read.
func TestLimitsAreCut(t *testing.T) {
	t.Parallel()
	w, p := explainedWorld(t)
	for who, hidden := range map[string]string{"master": "", "admin": "", "viewer": "", "orgadmin": "0", "teamadmin": "01", "member": "01", "memberkey": "01", "plain": "013"} {
		path := "/limits?team_id=t1"
		got := w.call(w.keys[who], "GET", path, "").ok()
		for i, n := range []string{"0", "1", "2", "3"} {
			row := got.at("limits." + n).(map[string]any)
			if is := strings.Contains(hidden, n); row["hidden"] != is || (row["limit"] == nil) != is || (row["used"] == nil) != is {
				t.Errorf("%s sees %d as %v", who, i, row)
			}
		}
	}
	w.get("/limits?key=" + w.hash["t1key"]).ok().has(map[string]string{
		"limits.0.scope": `"proxy"`, "limits.0.reserved": "3", "limits.0.remaining": "497", "limits.2.unit": `"USD"`, "limits.2.limit": "100.0", "limits.2.remaining": "0.5",
		"limits.3.scope": `"team_member"`, "limits.3.scope_id": `"member"`, "limits.3.team_id": `"t1"`, "limits.3.retry_after": "2", "limits.3.remaining": "0",
	})
	if p.asked.Key != w.hash["t1key"] {
		t.Errorf("asked %+v", p.asked)
	}
	sim := `{"team_id":"t1","model":"gpt-4","input_tokens":10,"max_tokens":5}`
	w.call(w.keys["member"], "POST", "/policy/simulate", sim).ok().has(map[string]string{
		"allowed": "false", "status": "422", "error.type": `"budget_exceeded"`, "error.scope_id": `"t1"`, "error.limit_kind": `"spend"`, "deployment": "null", "limits.2.refuses": "true", "limits.2.asked": "1.0", "trace.0.passed": "false",
	})
	w.post("/policy/simulate", sim).ok().has(map[string]string{"deployment": `"d1"`, "max_cost": "1.0"})
	if c := p.asked.Call; c.Path != "/v1/chat/completions" || c.Input != 10 || c.MaxOutput != 5 || c.Choices != 1 || p.asked.TeamID != "t1" {
		t.Errorf("asked %+v", p.asked)
	}
}

// Nobody asks about what is not theirs to read.
func TestWhoMayAskWhatBindsWhom(t *testing.T) {
	t.Parallel()
	w, p := explainedWorld(t)
	for _, c := range []struct{ query, may string }{
		{"", strings.Join(people, " ")},
		{"?key=" + w.hash["t1key"], "admin viewer orgadmin teamadmin member readonly memberkey"},
		{"?key=" + w.hash["own"], "admin viewer stranger"},
		{"?team_id=t2", "admin viewer outsider"},
		{"?team=t1", "admin viewer orgadmin teamadmin member readonly memberkey plain"},
		{"?project_id=p1", "admin viewer orgadmin teamadmin member readonly memberkey plain"},
		{"?project=p2", "admin viewer outsider"},
		{"?user_id=stranger", "admin viewer stranger"},
		{"?organization_id=org1", "admin viewer orgadmin"},
	} {
		for _, who := range people {
			allowed := strings.Contains(" "+c.may+" ", " "+who+" ")
			got := w.call(w.keys[who], "GET", "/limits"+c.query, "")
			if allowed != (got.status == 200) || !allowed && got.status != 401 && got.status != 403 {
				t.Errorf("%s %s: %d %s", who, c.query, got.status, got.raw)
			}
		}
	}
	w.get("/limits?team_id=nothing").refused(404, "not_found_error", "team_id")
	w.get("/limits?key="+w.hash["t1key"]+"&team_id=t1").refused(400, "bad_request_error", "key")
	w.post("/policy/simulate", `{"model":"gpt-4","input_tokens":-1}`).refused(400, "bad_request_error", "input_tokens")
	w.post("/policy/simulate", `{"model":"gpt-4","endpoint":"chat"}`).refused(400, "bad_request_error", "endpoint")
	w.post("/policy/simulate", `{}`).invalid("missing", `["body","model"]`)
	p.err = errors.New("away")
	w.get("/limits").refused(503, "counters_unavailable", "")
	w.server.Explainer = nil
	w.get("/limits").refused(503, "not_configured", "")
}

func TestRefusalsAreListedAndCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	minute := w.now.Truncate(time.Minute)
	count := func(who, team, project string, scope policy.Scope, kind policy.Kind, n int64, back time.Duration) policy.RefusalCount {
		return policy.RefusalCount{Minute: minute.Add(-back), KeyHash: w.hash[who], TeamID: team, Project: project, Code: policy.CodeRate, Scope: scope, Kind: kind.String(), Count: n,
			Sample: policy.RefusalSample{CallID: "call-" + who, At: minute.Add(-back), Message: "Rate limit exceeded", Limit: 5, Used: 6, Asked: 1, Route: "/chat/completions",
				Limits: "or,z,5,1 tr!,5,6,1"}}
	}
	err := w.store.WriteRefusals(t.Context(), []policy.RefusalCount{
		count("t1key", "t1", "", policy.Scope{Kind: policy.ScopeTeam, ID: "t1"}, policy.KindRequests, 7, 0),
		count("memberkey", "t1", "", policy.Scope{Kind: policy.ScopeOrganization, ID: "org1"}, policy.KindRequests, 2, time.Minute),
		count("own", "", "", policy.Scope{Kind: policy.ScopeKey, ID: w.hash["own"]}, policy.KindSpend, 1, 48*time.Hour),
		count("t2key", "t2", "", policy.Scope{Kind: policy.ScopeTeam, ID: "t2"}, policy.KindRequests, 3, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who, query string
		total      string
	}{
		{"master", "", "4"}, {"viewer", "", "4"}, {"viewer", "?team_id=t1", "2"}, {"teamadmin", "?team_id=t1", "2"}, {"orgadmin", "?team_id=t1", "2"},
		{"member", "", "1"}, {"member", "?team_id=t1", "1"}, {"memberkey", "", "1"}, {"stranger", "", "1"}, {"outsider", "?team_id=t2", "1"}, {"outsider", "", "0"}, {"plain", "", "0"},
		{"master", "?end_date=2026-03-08", "1"}, {"master", "?start_date=2026-03-10+11:59&end_date=2026-03-10T11:59", "1"}, {"master", "?start_date=2026-03-10+12:00&end_date=2026-03-10+12:00", "2"}, {"master", "?start_date=2026-03-10", "3"}, {"master", "?reason=budget_exceeded", "0"}, {"master", "?kind=spend", "1"}, {"master", "?page_size=1&page=4", "4"},
	} {
		w.call(w.keys[c.who], "GET", "/refusals"+c.query, "").ok().has(map[string]string{"total": c.total})
	}
	w.call(w.keys["stranger"], "GET", "/refusals?team_id=t1", "").refused(403, "auth_error", "team_id")
	w.get("/refusals?key=" + w.hash["t1key"]).ok().has(map[string]string{"refusals.0.count": "7", "refusals.0.reason": `"throttling_error"`, "refusals.0.sample.limit": "5", "refusals.0.scope": `"team"`, "refusals.0.sample.call_id": `"call-t1key"`,
		"refusals.0.sample.limits.0.scope": `"organization"`, "refusals.0.sample.limits.0.remaining": "29", "refusals.0.sample.limits.1.scope_id": `"t1"`, "refusals.0.sample.limits.1.refuses": "true", "refusals.0.sample.limits.1.used": "6"})
	w.call(w.keys["member"], "GET", "/refusals", "").ok().has(map[string]string{"refusals.0.sample.limit": "null", "refusals.0.scope": `"organization"`, "refusals.0.sample.limits.0.used": "null"}) // not theirs to see
	w.get("/refusals?start_date=yesterday").refused(400, "bad_request_error", "start_date")
}

func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(w.keys["teamadmin"], "POST", "/team/update", `{"team_id":"t1","max_budget":50}`).ok()
	w.post("/user/update", `{"user_id":"member","password":"correct horse"}`).ok()
	w.call(master, "PATCH", "/ui_settings", `{"enable_projects_ui":true}`).ok()
	got := w.get("/audit?object_id=t1&page_size=1").ok().has(map[string]string{"audit_logs.0.action": `"updated"`, "audit_logs.0.changed_by": `"teamadmin"`, "audit_logs.0.table_name": `"LiteLLM_TeamTable"`,
		"audit_logs.0.before_value.max_budget": "100", "audit_logs.0.updated_values.max_budget": "50", "audit_logs.0.changed_by_api_key": quoted(w.hash["teamadmin"]), "page_size": "1"})
	w.get("/audit/" + got.text("audit_logs.0.id")).ok().has(map[string]string{"updated_values.max_budget": "50"})
	for query, total := range map[string]string{
		"table_name=password": "1", "table_name=LiteLLM_Config": "1", "changed_by=teamadmin": "1", "object_team_id=t3": "1", "object_key_hash=" + w.hash["own"]: "1", "search=ADMIN&table_name=user": "3",
		"end_date=2000-01-01": "0", "action=deleted": "0", "changed_by_api_key=" + w.hash["teamadmin"]: "1",
	} {
		if r := w.get("/audit?" + query).ok(); r.has(map[string]string{"total": total}).status != 200 {
			t.Error(query)
		}
	}
	w.get("/audit?sort_by=object_id&sort_order=asc&page=2").ok()
	w.get("/audit?table_name=nothing").refused(400, "bad_request_error", "table_name")
	w.get("/audit/0").refused(404, "not_found_error", "id")
	w.get("/audit?search=%00%ff").ok()
	for _, who := range []string{"orgadmin", "teamadmin", "member", "plain"} {
		if r := w.call(w.keys[who], "GET", "/audit", ""); r.status != 401 && r.status != 403 {
			t.Errorf("%s: %d", who, r.status)
		}
	}
	all := w.call(w.keys["viewer"], "GET", "/audit/export", "").ok()
	if all.header.Get("Content-Type") != "application/x-ndjson" || strings.Contains(all.raw, "correct horse") || strings.Contains(all.raw, w.keys["member"]) {
		t.Error("the export holds a secret, or is no JSON lines")
	}
	lines := strings.Split(strings.TrimSpace(all.raw), "\n")
	two := strings.Split(strings.TrimSpace(w.get("/audit/export?limit=2").ok().raw), "\n")
	if len(two) != 2 || two[1] != lines[1] {
		t.Errorf("%d lines", len(two))
	}
	_, rest, _ := strings.Cut(two[1], `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if next := w.get("/audit/export?limit=1&before_id=" + id).ok().raw; strings.TrimSpace(next) != lines[2] {
		t.Errorf("going on: %s", next)
	}
}
