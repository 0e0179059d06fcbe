package adminsvc

import (
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// raw checks an error in the raw style.
func (r *answer) rawError(status int, param string) *answer {
	r.t.Helper()
	got, _ := r.at("detail.param").(string)
	if text, _ := r.at("detail.error").(string); r.status != status || got != param || text == "" {
		r.t.Errorf("%s: %d %s, want %d about %q", r.what, r.status, r.raw, status, param)
	}
	return r
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	a := setup(t)
	made := a.post("/organization/new", `{"organization_id":"o1","organization_alias":"Acme","models":["gpt-4","beta-models"],"max_budget":100.50,"budget_duration":"30d","tpm_limit":0,"metadata":{"z":1,"a":{"b":2,"c":3}}}`).ok()
	want := map[string]string{"organization_id": `"o1"`, "organization_alias": `"Acme"`, "models": `["gpt-4","beta-models"]`, "max_budget": "100.50", "budget_duration": `"30d"`, "tpm_limit": "0",
		"budget_reset_at": `"2026-04-01T00:00:00Z"`, "spend": "0.0", "budget_id": `"budget-o1"`, "litellm_budget_table.budget_id": `"budget-o1"`, "litellm_budget_table.max_budget": "100.50", "litellm_budget_table.tpm_limit": "0",
		"rpm_limit": "null", "created_by": `"default_user_id"`}
	made.has(want)
	a.get("/organization/info?organization_id=o1").ok().has(want).has(map[string]string{"members": "[]", "teams": "[]", "model_spend": "{}"})
	a.get("/organization/list").ok().has(map[string]string{"0.organization_id": `"o1"`, "1": "null"})
	a.post("/organization/info", `{"organizations":["o1"]}`).ok().has(map[string]string{"0.organization_id": `"o1"`})

	t.Run("an update merges metadata and takes null as absent", func(t *testing.T) {
		a.call(master, "PATCH", "/organization/update", `{"organization_id":"o1","max_budget":null,"rpm_limit":5,"metadata":{"y":2}}`).ok().
			has(map[string]string{"max_budget": "100.50", "rpm_limit": "5", "metadata": `{"a":{"b":2,"c":3},"y":2,"z":1}`})
	})
	t.Run("a patch replaces what it has", func(t *testing.T) {
		a.call(master, "PATCH", "/v2/organization/o1", `{"rpm_limit":null,"metadata":{"a":{"d":4}}}`).ok().
			has(map[string]string{"max_budget": "100.50", "rpm_limit": "null", "metadata": `{"a":{"d":4}}`})
		a.call(master, "PATCH", "/v2/organization/o1", `{"surprise":1}`).invalid("extra_forbidden", `["body","surprise"]`)
		a.call(master, "PATCH", "/v2/organization/o2", `{}`).rawError(404, "organization_id")
	})
	t.Run("teams live within", func(t *testing.T) {
		a.post("/team/new", `{"team_id":"t1","organization_id":"o1","max_budget":100.51}`).refused(403, "auth_error", "max_budget")
		a.post("/team/new", `{"team_id":"t1","organization_id":"o1","models":["gpt-3.5-turbo"]}`).refused(403, "auth_error", "models")
		a.post("/team/new", `{"team_id":"t1","organization_id":"o1","models":["claude-3-sonnet"],"max_budget":100.5}`).ok()
		a.get("/organization/info?organization_id=o1").ok().has(map[string]string{"teams.0.team_id": `"t1"`})
	})
	t.Run("spend is the window's", func(t *testing.T) {
		a.spend(policy.Entry{OrganizationID: "o1", TeamID: "t1", ModelAsked: "gpt-4", Cost: policy.Cost{Total: policy.Dollar}})
		a.get("/organization/info?organization_id=o1").ok().has(map[string]string{"spend": "1.0", "model_spend": `{"gpt-4":1.0}`})
	})
	t.Run("deleting says what hangs on it", func(t *testing.T) {
		r := a.call(master, "DELETE", "/organization/delete", `{"organization_ids":["o1"]}`).rawError(400, "organization_ids")
		if !strings.Contains(r.raw, "t1") {
			t.Error(r.raw)
		}
		a.post("/team/delete", `{"team_ids":["t1"]}`).ok()
		a.post("/key/generate", `{"organization_id":"o1"}`).ok()
		a.call(master, "DELETE", "/organization/delete", `{"organization_ids":["o1"]}`).rawError(400, "organization_ids")
		hash := a.get("/key/list?organization_id=o1").ok().text("keys.0")
		a.post("/key/delete", `{"keys":["`+hash+`"]}`).ok()
		a.call(master, "DELETE", "/organization/delete", `{"organization_ids":["o1","nothing"]}`).rawError(404, "organization_ids")
		a.call(master, "DELETE", "/organization/delete", `{"organization_ids":["o1"]}`).ok().has(map[string]string{"0.organization_id": `"o1"`})
		a.get("/organization/list").ok().has(map[string]string{"0": "null"})
	})
}

func TestOrganizationMembers(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/organization/new", `{"organization_id":"o1","organization_alias":"Acme"}`).ok()
	a.post("/user/new", `{"user_id":"ann","user_email":"ann@example.com"}`).ok()
	a.post("/organization/member_add", `{"organization_id":"o1","member":[{"user_email":"ANN@example.com","role":"org_admin"},{"user_id":"new","role":"internal_user"}]}`).ok().has(map[string]string{
		"organization_id": `"o1"`, "updated_users.0.user_id": `"ann"`, "updated_organization_memberships.1.user_id": `"new"`, "updated_organization_memberships.0.user_role": `"org_admin"`, "updated_organization_memberships.0.user_email": `"ann@example.com"`})
	a.get("/v2/user/info?user_id=new").ok().has(map[string]string{"organizations": `["o1"]`})
	a.post("/organization/member_add", `{"organization_id":"o1","member":{"user_id":"ann","role":"internal_user"}}`).rawError(400, "member")
	a.post("/organization/member_add", `{"organization_id":"o1","member":{"user_id":"x","role":"internal_user"},"max_budget_in_organization":0}`).rawError(400, "max_budget_in_organization")
	a.post("/organization/member_add", `{"organization_id":"o1","member":{"user_id":"x"}}`).invalid("missing", `["body","member","role"]`)
	a.post("/organization/member_add", `{"organization_id":"o1","member":{"user_id":"x","role":"king"}}`).invalid("literal_error", `["body","member","role"]`)
	a.post("/organization/member_add", `{"organization_id":"o1","member":{"role":"internal_user"}}`).rawError(400, "member")
	a.call(master, "PATCH", "/organization/member_update", `{"organization_id":"o1","user_email":"ann@example.com","role":"internal_user_viewer"}`).ok().has(map[string]string{"user_id": `"ann"`, "user_role": `"internal_user_viewer"`})
	a.get("/organization/info?organization_id=o1").ok().has(map[string]string{"members.0.user_role": `"internal_user_viewer"`, "members.1.user_id": `"new"`})
	a.call(master, "PATCH", "/organization/member_update", `{"organization_id":"o1","user_id":"nobody","role":"internal_user"}`).rawError(404, "user_id")
	a.call(master, "PATCH", "/organization/member_update", `{"organization_id":"o1"}`).rawError(400, "user_id")
	a.call(master, "DELETE", "/organization/member_delete", `{"organization_id":"o1","user_id":"ann"}`).ok().has(map[string]string{"user_id": `"ann"`})
	a.call(master, "DELETE", "/organization/member_delete", `{"organization_id":"o1","user_id":"ann"}`).rawError(404, "user_id")
	a.get("/organization/info?organization_id=o1").ok().has(map[string]string{"members.0.user_id": `"new"`, "members.1": "null"})
}

func TestWhatIsWrongWithAnOrganization(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/organization/new", `{"organization_id":"o1","organization_alias":"Acme"}`).ok()
	before := a.revision()
	a.post("/organization/new", `{}`).invalid("missing", `["body","organization_alias"]`)
	a.post("/organization/new", `{"organization_alias":"x","max_budget":"much"}`).invalid("float_parsing", `["body","max_budget"]`)
	for _, path := range []string{"/organization/new", "/organization/update", "/v2/organization/o1"} {
		method, start := "POST", `{"organization_alias":"x"`
		if path == "/organization/update" {
			start = `{"organization_id":"o1"`
		} else if path != "/organization/new" {
			method = "PATCH"
		}
		for field, value := range map[string]string{"max_budget": "-1", "rpm_limit": "-1", "budget_duration": `"often"`, "budget_id": `"nothing"`} {
			a.call(master, method, path, start+`,"`+field+`":`+value+`}`).rawError(400, field)
		}
		for field, value := range map[string]string{"object_permission": `{"models":["x"]}`, "allowed_models": `["x"]`} {
			a.call(master, method, path, start+`,"`+field+`":`+value+`}`).refused(400, "bad_request_error", field)
		}
		a.call(master, method, path, start+`,"max_budget":NaN}`).refused(400, "invalid_request_error", "max_budget")
	}
	a.post("/organization/new", `{"organization_alias":"x","organization_id":"o1"}`).rawError(400, "organization_id")
	a.post("/organization/update", `{"organization_id":"o2","max_budget":1}`).rawError(404, "organization_id")
	a.get("/organization/info?organization_id=o2").rawError(404, "organization_id")
	a.get("/organization/info").invalid("missing", `["query","organization_id"]`)
	if a.revision() != before {
		t.Error("something changed")
	}
}

func TestAnOrganizationsLimitsAreEnforced(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/organization/new", `{"organization_id":"o1","organization_alias":"x","models":["gpt-4"],`+allLimits+`}`).ok()
	a.post("/team/new", `{"team_id":"t1","organization_id":"o1"}`).ok()
	byTeam := a.post("/key/generate", `{"team_id":"t1"}`).ok().text("key")
	direct := a.post("/key/generate", `{"organization_id":"o1"}`).ok().text("key")
	for _, key := range []string{byTeam, direct} {
		enforces(t, a.decide(key, policy.Request{Input: 1}), policy.Scope{Kind: policy.ScopeOrganization, ID: "o1"})
		if d := a.decide(key, policy.Request{Model: "gpt-3.5-turbo"}); d.Refusal == nil || d.Refusal.Scope.Kind != policy.ScopeOrganization {
			t.Errorf("%+v", d.Refusal)
		}
	}
}

func TestWhoMayDoWhatWithOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("/organization/update", `{"organization_id":"org1","max_budget":500}`).ok()
	w.may(t, []mayCase{
		{"make one", "POST", "/organization/new", `{"organization_alias":"x","organization_id":"new-%d"}`, "admin"},
		{"read org1", "GET", "/organization/info?organization_id=org1", "", "admin viewer orgadmin"},
		{"read org2", "GET", "/organization/info?organization_id=org2", "", "admin viewer"},
		{"read one that is not there", "GET", "/organization/info?organization_id=org3", "", "404: admin viewer"},
		{"rename org1", "PATCH", "/v2/organization/org1", `{"organization_alias":"a"}`, "admin orgadmin"},
		{"rename org2", "PATCH", "/v2/organization/org2", `{"organization_alias":"a"}`, "admin"},
		{"lower org1's budget", "PATCH", "/v2/organization/org1", `{"max_budget":400}`, "admin orgadmin"},
		{"raise org1's budget", "PATCH", "/v2/organization/org1", `{"max_budget":500}`, "admin"},
		{"lower it again", "POST", "/organization/update", `{"organization_id":"org1","max_budget":400}`, "admin orgadmin"},
		{"add a member to org1", "POST", "/organization/member_add", `{"organization_id":"org1","member":{"user_id":"m%d","role":"internal_user"}}`, "admin orgadmin"},
		{"add a member to org2", "POST", "/organization/member_add", `{"organization_id":"org2","member":{"user_id":"m%d","role":"internal_user"}}`, "admin"},
		{"list", "GET", "/organization/list", "", "all"},
	})
	if got := w.call(w.keys["orgadmin"], "GET", "/organization/list", "").ok(); got.text("0.organization_id") != "org1" || got.at("1") != nil {
		t.Error(got.raw)
	}
	w.call(w.keys["stranger"], "GET", "/organization/list", "").ok().has(map[string]string{"0": "null"})
}

// mayCase is one call, and who of the world's people may make it: "404: …" for those who get another answer than 200.
type mayCase struct{ what, method, path, body, may string }

// may makes each call as everybody, the least first.
func (w *world) may(t *testing.T, cases []mayCase) {
	t.Helper()
	n := 0
	for _, c := range cases {
		status, who, found := strings.Cut(c.may, ": ")
		if !found {
			status, who = "2", c.may
		}
		for i := len(people) - 1; i >= 0; i-- {
			n++
			name := people[i]
			r := w.call(w.keys[name], c.method, c.path, strings.ReplaceAll(c.body, "%d", itoa(int64(n))))
			may := who == "all" || strings.Contains(" "+who+" ", " "+name+" ")
			if may && !strings.HasPrefix(itoa(int64(r.status)), status) || !may && r.status != 401 && r.status != 403 {
				t.Errorf("%s, %s: %d %s", c.what, name, r.status, r.raw)
			}
		}
	}
}
