package adminsvc

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestEnforcementIsSetAndReported(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.server.Enforcement, a.server.RefusalSums = a.store, a.store.RefusalSums
	a.get("/enforcement").ok().has(map[string]string{"mode": `"enforce"`, "source": `"config"`})
	a.post("/enforcement", `{"mode":"shadow"}`).ok().has(map[string]string{"mode": `"shadow"`, "source": `"api"`})
	a.get("/enforcement").ok().has(map[string]string{"mode": `"shadow"`, "source": `"api"`})
	for _, bad := range []string{`{"mode":"maybe"}`, `{}`, `{"mode":null}`} {
		if got := a.post("/enforcement", bad); got.status != 422 {
			t.Errorf("%s: %d %s", bad, got.status, got.raw)
		}
	}
	a.post("/enforcement", `{"mode":"configured"}`).ok().has(map[string]string{"mode": `"enforce"`, "source": `"config"`})

	at := a.clock().Truncate(time.Minute)
	err := a.store.WriteRefusals(t.Context(), []policy.RefusalCount{{
		Minute: at, KeyHash: "k", Code: policy.CodeRate, Scope: policy.Scope{Kind: policy.ScopeTeam, ID: "travel"}, Kind: "requests", Count: 7, Shadow: true,
		Sample: policy.RefusalSample{CallID: "c1", At: at, Message: "too many"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a.get("/enforcement/report").ok().has(map[string]string{
		"total": "7", "refusals.0.scope": `"team"`, "refusals.0.scope_id": `"travel"`, "refusals.0.limit_kind": `"requests"`, "refusals.0.count": "7",
		"refusals.0.callers": "1", "refusals.0.example": `"too many"`, "refusals.0.call_id": `"c1"`, "refusals.0.reason": `"throttling_error"`,
	})
	a.get("/enforcement/report?mode=enforce").ok().has(map[string]string{"total": "0"})
	a.get("/enforcement/report?until=2026-01-01").ok().has(map[string]string{"total": "0"})
	a.get("/enforcement/report?from=yesterday").refused(400, "bad_request_error", "from")
}

func TestOnlyAdminsPutAnythingInShadow(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.server.Enforcement = a.store
	a.post("/team/new", `{"team_id":"travel","max_budget":1,"enforcement":"shadow","members_with_roles":[{"user_id":"lead","role":"admin"}]}`).ok().has(map[string]string{"enforcement": `"shadow"`})
	a.post("/project/new", `{"project_alias":"p","team_id":"travel","rpm_limit":1,"shadow_limits":["rpm_limit"]}`).ok().has(map[string]string{"shadow_limits.0": `"rpm_limit"`})
	a.post("/team/update", `{"team_id":"travel","max_budget":2}`).ok().has(map[string]string{"enforcement": `"shadow"`})
	team, err := policy.Get[*policy.Team](t.Context(), a.store, policy.Ref{Kind: policy.EntityTeam, ID: "travel"})
	if err != nil || team.Limits.Enforcement != policy.Shadow {
		t.Fatalf("%+v, %v", team, err)
	}
	a.post("/team/update", `{"team_id":"travel","shadow_limits":["max_budjet"]}`).refused(400, "bad_request_error", "shadow_limits")
	if got := a.post("/team/update", `{"team_id":"travel","enforcement":"off"}`); got.status != 422 {
		t.Errorf("%d %s", got.status, got.raw)
	}

	lead := a.post("/key/generate", `{"user_id":"lead","team_id":"travel"}`).ok().text("key")
	for path, body := range map[string]string{
		"/team/update":  `{"team_id":"travel","enforcement":"shadow"}`,
		"/key/generate": `{"team_id":"travel","shadow_limits":["max_budget"]}`,
		"/enforcement":  `{"mode":"shadow"}`,
	} {
		if got := a.call(lead, "POST", path, body); got.status != 401 && got.status != 403 {
			t.Errorf("a team's admin at %s: %d %s", path, got.status, got.raw)
		}
	}
}
