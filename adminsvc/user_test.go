package adminsvc

import (
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// The examples of doc-budgets-rate-limits.txt.
func TestBudgetsDocument(t *testing.T) {
	t.Parallel()
	a := setup(t)
	r := a.post("/user/new", `{"user_id": "", "max_parallel_requests": 10, "tpm_limit": 20, "rpm_limit": 4}`).ok().
		has(map[string]string{"expires": "null", "max_parallel_requests": "10", "tpm_limit": "20", "rpm_limit": "4", "spend": "0.0"})
	id, key := r.text("user_id"), r.text("key")
	if id == "" || !strings.HasPrefix(key, "sk-") {
		t.Fatal(r.raw)
	}
	a.call(key, "GET", "/user/info", "").ok().has(map[string]string{"user_id": `"` + id + `"`, "user_info.tpm_limit": "20", "keys.0.user_id": `"` + id + `"`, "keys.1": "null", "teams": "[]"})
	a.post("/user/new", `{"models": ["beta-models"], "max_budget": 0}`).ok().has(map[string]string{"models": `["beta-models"]`, "max_budget": "0"})
	a.post("/key/generate", `{"models": ["gpt-4"], "user_id": "`+id+`"}`).ok()
	a.get("/user/info?user_id=" + id).ok().has(map[string]string{"keys.1.user_id": `"` + id + `"`})
	a.post("/user/update", `{"user_id":"`+id+`","max_budget": 10,"budget_duration": "10s"}`).ok().has(map[string]string{"max_budget": "10", "data.budget_duration": `"10s"`, "rpm_limit": "4"})
}

func TestANewUserReadsBackAsSent(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","team_alias":"One"}`).ok()
	a.post("/team/new", `{"team_id":"t2"}`).ok()
	a.post("/organization/new", `{"organization_id":"o1","organization_alias":"Org"}`).ok()
	r := a.post("/user/new", `{"user_id":"ann","user_email":"Ann@example.com","user_alias":"Ann","user_role":"internal_user","teams":["t1",{"team_id":"t2","user_role":"admin","max_budget_in_team":2.5}],
		"organizations":["o1"],"models":["gpt-4"],"max_budget":1e1,"budget_duration":"30d","soft_budget":0,"metadata":{"b":1,"a":2},"duration":"30d","key_alias":"anns","aliases":{"x":"gpt-4"},"sso_user_id":"sso","unknown":1}`).ok()
	want := map[string]string{"user_id": `"ann"`, "user_email": `"Ann@example.com"`, "user_alias": `"Ann"`, "user_role": `"internal_user"`, "teams": `["t1","t2"]`, "organizations": `["o1"]`,
		"models": `["gpt-4"]`, "max_budget": "1e1", "budget_duration": `"30d"`, "budget_reset_at": `"2026-04-01T00:00:00Z"`, "soft_budget": "0", "metadata": `{"a":2,"b":1}`, "spend": "0.0",
		"sso_user_id": `"sso"`, "tpm_limit": "null", "blocked": "false", "unknown": "null"}
	r.has(want).has(map[string]string{"key_alias": `"anns"`, "duration": `"30d"`, "aliases": `{"x":"gpt-4"}`, "team_id": "null"})
	if at, err := time.Parse(time.RFC3339, r.text("expires")); err != nil || at.Sub(a.now) < 29*24*time.Hour {
		t.Error(r.raw)
	}
	a.get("/v2/user/info?user_id=ann").ok().has(want)
	info := a.get("/user/info?user_id=ann").ok()
	for path, v := range want {
		info.has(map[string]string{"user_info." + path: v})
	}
	info.has(map[string]string{"keys.0.key_alias": `"anns"`, "keys.0.models": "[]", "keys.0.max_budget": "null", "keys.0.organization_id": `"o1"`, "teams.0.team_id": `"t1"`, "teams.1.team_id": `"t2"`})
	a.get("/team/info?team_id=t2").ok().has(map[string]string{"members_with_roles.0.role": `"admin"`, "team_memberships.0.litellm_budget_table.max_budget": "2.5"})
	if raw := a.get("/v2/user/info?user_id=ann").raw; !strings.Contains(raw, `"metadata":{"b":1,"a":2}`) {
		t.Errorf("metadata lost its order: %s", raw)
	}
	none := a.post("/user/new", `{"user_id":"bob","auto_create_key":false}`).ok().has(map[string]string{"key": `""`, "user_role": "null", "models": "[]"})
	a.get("/user/info?user_id=bob").ok().has(map[string]string{"keys": "[]"})
	_ = none
	member := a.post("/user/new", `{"user_id":"cat","team_id":"t1","teams":["t2"]}`).ok().has(map[string]string{"teams": `["t1","t2"]`, "team_id": `"t1"`})
	a.get("/key/info?key=" + member.text("key")).ok().has(map[string]string{"info.team_id": `"t1"`})
}

func TestWhatIsWrongWithANewUser(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/user/new", `{"user_id":"ann","user_email":"ann@example.com"}`).ok()
	before := a.revision()
	for body, want := range map[string]string{
		`{"user_id":"ann"}`: "409 user_id", `{"user_email":"ANN@example.com"}`: "409 user_email", `{"user_id":"default_user_id"}`: "409 user_id",
		`{"teams":["nowhere"]}`: "404 team_id", `{"organizations":["nowhere"]}`: "400 organizations", `{"budget_id":"nothing"}`: "400 budget_id",
		`{"spend":1}`: "400 spend", `{"password":"x"}`: "400 password", `{"key_alias":"a","team_id":"nowhere"}`: "404 team_id", `{"guardrails":["x"]}`: "400 guardrails",
		`{"user_id":"a\nb"}`: "400 user_id", `{"duration":"soon"}`: "400 duration",
	} {
		r := a.post("/user/new", body)
		status, param, _ := strings.Cut(want, " ")
		r.has(map[string]string{"error.code": `"` + status + `"`, "error.param": `"` + param + `"`})
	}
	if a.revision() != before {
		t.Error("something changed")
	}
	a.post("/user/new", `{"user_role":"org_admin"}`).invalid("literal_error", `["body","user_role"]`)
}

func TestUserUpdates(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/user/new", `{"user_id":"ann","user_email":"ann@example.com","max_budget":5,"rpm_limit":3,"metadata":{"a":1}}`).ok()
	a.post("/user/new", `{"user_id":"bob","user_email":"bob@example.com"}`).ok()
	a.post("/user/update", `{"user_id":"ann","max_budget":null,"metadata":{"b":2}}`).ok().has(map[string]string{"max_budget": "null", "rpm_limit": "3", "metadata": `{"b":2}`, "data.rpm_limit": "3"})
	a.post("/user/update", `{"user_email":"ANN@example.com","rpm_limit":0}`).ok().has(map[string]string{"user_id": `"ann"`, "rpm_limit": "0"})
	a.get("/v2/user/info?user_id=ann").ok().has(map[string]string{"user_email": `"ANN@example.com"`})
	a.post("/user/update", `{"user_id":"bob","user_email":"ann@example.com"}`).refused(409, "bad_request_error", "user_email")
	a.post("/user/update", `{"user_id":"nobody"}`).refused(404, "not_found_error", "user_id")
	a.post("/user/update", `{"user_email":"nobody@example.com"}`).refused(404, "not_found_error", "user_email")
	a.post("/user/update", `{}`).invalid("missing", `["body","user_id"]`)
	a.post("/user/update", `{"user_id":"ann","spend":-1}`).refused(400, "bad_request_error", "spend")
	a.spend(policy.Entry{UserID: "ann", ModelAsked: "gpt-4", Cost: policy.Cost{Total: policy.Dollar}})
	a.get("/v2/user/info?user_id=ann").ok().has(map[string]string{"spend": "1.0", "model_spend": `{"gpt-4":1.0}`})
	a.post("/user/update", `{"user_id":"ann","spend":0.25}`).ok().has(map[string]string{"spend": "0.25"})
	r := a.post("/user/bulk_update", `{"users":[{"user_id":"ann","tpm_limit":1},{"user_id":"nobody","tpm_limit":1},{"user_id":"bob","tpm_limit":"x"},{"user_id":"bob","max_budget":-1}]}`).ok()
	r.has(map[string]string{"total_requested": "4", "successful_updates": "1", "failed_updates": "3", "results.0.success": "true", "results.0.updated_user.tpm_limit": "1",
		"results.1.success": "false", "results.1.error": `"user_id: User not found: nobody"`, "results.2.error": `"tpm_limit: Input should be a valid integer, unable to parse string as an integer"`,
		"results.3.error": `"max_budget must not be negative"`})
	a.post("/user/bulk_update", `{"all_users":true,"user_updates":{"otpm_limit":9}}`).ok().has(map[string]string{"successful_updates": "2"})
	a.get("/v2/user/info?user_id=bob").ok().has(map[string]string{"otpm_limit": "9", "max_budget": "null", "tpm_limit": "null"})
	a.post("/user/bulk_update", `{"users":[]}`).refused(400, "bad_request_error", "users")
	a.post("/user/bulk_update", `{"all_users":true}`).refused(400, "bad_request_error", "user_updates")
}

func TestUserLists(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	a.post("/user/new", `{"user_id":"ann","user_email":"ann@example.com","teams":["t1"],"user_role":"proxy_admin_viewer"}`).ok()
	a.post("/user/new", `{"user_id":"bob","user_email":"bob@example.org","sso_user_id":"s2"}`).ok()
	a.post("/key/generate", `{"user_id":"bob"}`).ok()
	ids := func(r *answer, at string) string {
		var out []string
		for i := 0; ; i++ {
			id := r.text(strings.TrimPrefix(at+"."+itoa(int64(i))+".user_id", "."))
			if id == "" {
				return strings.Join(out, " ")
			}
			out = append(out, id)
		}
	}
	for query, want := range map[string]string{
		"": "ann bob", "role=proxy_admin_viewer": "ann", "user_ids=bob,nobody": "bob", "user_email=EXAMPLE.org": "bob", "team=t1": "ann", "search=an": "ann", "sso_user_ids=s2": "bob",
		"sort_by=user_id&sort_order=desc": "bob ann", "page=2&page_size=1": "bob", "organization_ids=o": "",
	} {
		if got := ids(a.get("/user/list?"+query).ok(), "users"); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	a.get("/user/list?page_size=1").ok().has(map[string]string{"total": "2", "page": "1", "page_size": "1", "total_pages": "2", "users.0.key_count": "1"})
	a.get("/user/list?user_ids=bob").ok().has(map[string]string{"users.0.key_count": "2"})
	a.get("/user/list?sort_by=secret").refused(400, "bad_request_error", "sort_by")
	a.get("/user/list?page_size=101").invalid("less_than_equal", `["query","page_size"]`)
	if got := ids(a.get("/user/filter/ui?user_email=ann").ok(), ""); got != "ann" {
		t.Error(got)
	}
	a.get("/user/available_roles").ok().has(map[string]string{"proxy_admin.ui_label": `"Admin (All Permissions)"`})
	a.get("/user/available_users").ok().has(map[string]string{"total_users_used": "2", "total_users": "null", "total_teams_used": "1"})
	a.get("/user/info?user_id=nobody").refused(404, "not_found_error", "user_id")
	a.get("/v2/user/info?user_id=nobody").refused(404, "not_found_error", "user_id")
	// Who sees all and names nobody hears of everybody's keys and teams.
	key := a.post("/key/generate", `{"team_id":"`+a.get("/v2/team/list").ok().text("teams.0.team_id")+`","key_alias":"newest"}`).ok().text("key")
	a.get("/user/info").ok().has(map[string]string{"user_id": `"default_user_id"`, "user_info": "null", "keys.0.key_alias": `"newest"`, "teams.1": "null"})
	a.call(key, "GET", "/user/info", "").refused(400, "bad_request_error", "user_id")
}

func TestDeletedUsersTakeTheirKeysAlong(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	key := a.post("/user/new", `{"user_id":"ann","teams":["t1"]}`).ok().text("key")
	a.post("/user/new", `{"user_id":"bob"}`).ok()
	a.post("/user/delete", `{"user_ids":["ann","nobody"]}`).refused(404, "not_found_error", "user_ids")
	a.post("/user/delete", `{"user_ids":[]}`).refused(400, "bad_request_error", "user_ids")
	a.get("/user/info?user_id=ann").ok()
	if r := a.post("/user/delete", `{"user_ids":["ann"]}`).ok(); strings.TrimSpace(r.raw) != "1" {
		t.Error(r.raw)
	}
	a.call(key, "GET", "/key/info", "").refused(401, "token_not_found_in_db", "key")
	a.get("/team/info?team_id=t1").ok().has(map[string]string{"members_with_roles": "[]"})
	a.get("/user/list").ok().has(map[string]string{"total": "1"})
}

func TestConfiguredDefaultsOfNewUsers(t *testing.T) {
	t.Parallel()
	budget := 3 * policy.Dollar
	a := setup(t, func(c *Config) {
		c.UserDefaults = []byte(`{"user_role":"internal_user_viewer","models":["gpt-4"],"teams":["t1"],"user_id":"ignored"}`)
		c.UserBudget, c.UserBudgetDuration = &budget, "7d"
	})
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	a.post("/user/new", `{"user_id":"ann"}`).ok().has(map[string]string{"user_id": `"ann"`, "user_role": `"internal_user_viewer"`, "models": `["gpt-4"]`, "max_budget": "3", "budget_duration": `"7d"`, "teams": `["t1"]`})
	a.post("/user/new", `{"user_id":"bob","user_role":"internal_user","max_budget":null,"models":[],"teams":[]}`).ok().has(map[string]string{"max_budget": "null", "budget_duration": "null", "models": "[]", "teams": "[]"})
	a.post("/user/new", `{"user_id":"cat","user_role":"proxy_admin"}`).ok().has(map[string]string{"max_budget": "null", "models": `["gpt-4"]`})
	a.post("/user/new", `{"user_id":"dan","max_budget":9}`).ok().has(map[string]string{"max_budget": "9", "budget_duration": "null"})
}

func TestWhoMayDoWhatWithUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("/organization/update", `{"organization_id":"org1","max_budget":50}`).ok()
	w.post("/organization/member_add", `{"organization_id":"org1","member":{"user_id":"member","role":"internal_user"}}`).ok()
	n := 0
	for _, c := range []struct{ what, method, path, body, may string }{
		{"make a user", "POST", "/user/new", `{"user_id":"new-%d"}`, "admin"},
		{"make an admin", "POST", "/user/new", `{"user_id":"new-%d","user_role":"proxy_admin"}`, "admin"},
		{"make a user of org1", "POST", "/user/new", `{"user_id":"new-%d","organizations":["org1"],"max_budget":50}`, "admin orgadmin"},
		{"make an admin of org1", "POST", "/user/new", `{"user_id":"new-%d","organizations":["org1"],"max_budget":50,"user_role":"proxy_admin"}`, "admin"},
		{"make a user of org1 and org2", "POST", "/user/new", `{"user_id":"new-%d","organizations":["org1","org2"],"max_budget":50}`, "admin"},
		{"make a user who may spend what org1 may not", "POST", "/user/new", `{"user_id":"new-%d","organizations":["org1"],"max_budget":51}`, "admin"},
		{"make a user of t2", "POST", "/user/new", `{"user_id":"new-%d","organizations":["org1"],"max_budget":50,"teams":["t2"]}`, "admin"},
		{"read stranger", "GET", "/user/info?user_id=stranger", "", "admin viewer stranger"},
		{"read member", "GET", "/v2/user/info?user_id=member", "", "admin viewer orgadmin member"},
		{"read a user who is not there", "GET", "/user/info?user_id=nobody", "", "404: admin viewer"},
		{"rename stranger", "POST", "/user/update", `{"user_id":"stranger","user_alias":"x"}`, "admin stranger"},
		{"promote stranger", "POST", "/user/update", `{"user_id":"stranger","user_role":"internal_user"}`, "admin"},
		{"limit stranger", "POST", "/user/update", `{"user_id":"stranger","metadata":{"model_rpm_limit":{"gpt-4":5}}}`, "admin stranger"},
		{"unlimit stranger", "POST", "/user/update", `{"user_id":"stranger","metadata":{}}`, "admin"},
		{"give stranger an email", "POST", "/user/update", `{"user_id":"stranger","user_email":"s%d@example.com"}`, "admin"},
		{"give stranger money", "POST", "/user/update", `{"user_id":"stranger","max_budget":5}`, "admin"},
		{"reset stranger's spend", "POST", "/user/update", `{"user_id":"stranger","spend":0}`, "admin"},
		{"change many", "POST", "/user/bulk_update", `{"users":[{"user_id":"stranger","user_alias":"y"}]}`, "admin"},
		{"list users", "GET", "/user/list", "", "admin viewer orgadmin"},
		{"list org2's", "GET", "/user/list?organization_ids=org2", "", "admin viewer"},
		{"count users", "GET", "/user/available_users", "", "admin viewer"},
		{"read the roles", "GET", "/user/available_roles", "", strings.Join(people, " ")},
		{"delete stranger", "POST", "/user/delete", `{"user_ids":["stranger"]}`, ""},
	} {
		status, who, found := strings.Cut(c.may, ": ")
		if !found {
			status, who = "200", c.may
		}
		for i := len(people) - 1; i >= 0; i-- {
			n++
			name := people[i]
			if c.what == "delete stranger" && (name == "admin" || name == "stranger") {
				continue
			}
			r := w.call(w.keys[name], c.method, c.path, strings.ReplaceAll(c.body, "%d", itoa(int64(n))))
			may := strings.Contains(" "+who+" ", " "+name+" ")
			if may && itoa(int64(r.status)) != status || !may && r.status != 401 && r.status != 403 {
				t.Errorf("%s, %s: %d %s", c.what, name, r.status, r.raw)
			}
			if c.what == "unlimit stranger" && may {
				w.post("/user/update", `{"user_id":"stranger","metadata":{"model_rpm_limit":{"gpt-4":5}}}`).ok()
			}
		}
	}
	if got := w.call(w.keys["orgadmin"], "GET", "/user/list?page_size=100", "").ok().text("users.0.user_id"); got == "" || strings.Contains(w.call(w.keys["orgadmin"], "GET", "/user/list?page_size=100", "").raw, `"stranger"`) {
		t.Error("an org_admin lists others than their own")
	}
	// Nor may one of theirs be deleted with keys that are not the organization's.
	w.call(w.keys["orgadmin"], "POST", "/user/delete", `{"user_ids":["member"]}`).refused(403, "auth_error", "None")
	w.call(w.keys["orgadmin"], "POST", "/user/new", `{"user_id":"theirs","organizations":["org1"],"max_budget":50}`).ok()
	w.call(w.keys["orgadmin"], "POST", "/user/delete", `{"user_ids":["theirs"]}`).ok()
	w.post("/key/generate", `{"user_id":"shadow"}`).ok()
	w.call(w.keys["orgadmin"], "POST", "/user/new", `{"user_id":"shadow","organizations":["org1"],"max_budget":0}`).refused(409, "bad_request_error", "user_id")
}
