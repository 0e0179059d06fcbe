package adminsvc

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestBudgetsInPages(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for _, b := range []string{`"b1","max_budget":5,"budget_duration":"1d"`, `"b2","max_budget":0.5`, `"other","tpm_limit":7`} {
		a.post("/budget/new", `{"budget_id":`+b+`}`).ok()
	}
	for query, want := range map[string]string{
		"":                                                  `["other","b2","b1"]`,
		"?sort=budget_id":                                   `["b1","b2","other"]`,
		"?sort=-max_budget":                                 `["b1","b2","other"]`, // what has none comes last
		"?sort=max_budget":                                  `["b2","b1","other"]`,
		"?q=B&sort=-budget_id":                              `["b2","b1"]`,
		"?filter[max_budget][gte]=1":                        `["b1"]`,
		"?filter[max_budget][lte]=1":                        `["b2"]`,
		"?filter[max_budget][is_null]=true":                 `["other"]`,
		"?filter[budget_duration][in]=1d,30d":               `["b1"]`,
		"?filter[budget_duration][is_null]=false":           `["b1"]`,
		"?filter[created_at][gte]=2030-01-01T00:00:00Z":     `[]`,
		"?filter[created_at][lte]=2030-01-01T00:00:00Z&q=o": `["other"]`,
		"?page_size=2&page=2":                               `["b1"]`,
	} {
		r := a.get("/management/v1/budgets" + query).ok()
		got := "["
		for i := range r.at("data").([]any) {
			if i > 0 {
				got += ","
			}
			got += `"` + r.text("data."+itoa(int64(i))+".budget_id") + `"`
		}
		if got += "]"; got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	a.get("/management/v1/budgets?page_size=2&q=").ok().has(map[string]string{
		"meta":       `{"page":1,"page_size":2,"total_count":3,"total_pages":2}`,
		"links.next": `"/management/v1/budgets?page=2\u0026page_size=2\u0026q="`, "links.prev": `null`,
	})
	a.get("/management/v1/budgets?sort=nothing").refused(400, "bad_request_error", "sort")
	a.get("/management/v1/budgets?page_size=101").invalid("less_than_equal", `["query","page_size"]`)
}

func TestWhoMadeCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.spend(policy.Entry{KeyHash: w.hash["own"], UserID: "stranger", CustomerID: "c1"}, policy.Entry{KeyHash: w.hash["t1key"], TeamID: "t1", CustomerID: "C2"},
		policy.Entry{KeyHash: w.hash["member"], UserID: "member", CustomerID: "c3"})
	in := "filter[startTime][gte]=2026-03-10T00:00:00Z&filter[startTime][lte]=2026-03-10T23:59:59Z"
	for _, c := range []struct{ who, path, want string }{
		{"master", "users?" + in, `["member","stranger"]`},
		{"master", "end_users?" + in, `["C2","c1","c3"]`},
		{"master", "end_users?q=c2&" + in, `["C2"]`},
		{"stranger", "users?" + in, `["stranger"]`},
		{"stranger", "end_users?" + in, `["c1"]`},
		{"plain", "end_users?" + in, `[]`},
		{"master", "end_users?page_size=2&page=2&" + in, `["c3"]`},
		{"master", "users?filter[startTime][gte]=2026-03-11T00:00:00Z&filter[startTime][lte]=2026-03-12T00:00:00Z", `[]`},
	} {
		w.call(w.keys[c.who], "GET", "/management/v1/spend_logs/"+c.path, "").ok().has(map[string]string{"data": c.want})
	}
	w.get("/management/v1/spend_logs/users?page_size=1&" + in).ok().has(map[string]string{"meta": `{"has_more":true,"page":1,"page_size":1}`})
	w.get("/management/v1/spend_logs/users").refusedAnyhow(422)
}

func (r *answer) refusedAnyhow(status int) {
	r.t.Helper()
	if r.status != status {
		r.t.Errorf("%s: %d %s, want %d", r.what, r.status, r.raw, status)
	}
}

// Each item has its own answer, in the order of the request, and one that fails changes nothing.
func TestManagementBulk(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t","models":["gpt-4"],"team_member_budget":3}`).ok()
	a.post("/management/v1/users/bulk", `{"users":[{"user_id":"a","user_email":"a@example.com","teams":["t"]},{"user_id":"a"},{"user_id":"b","auto_create_key":true},{"user_id":"c","nonsense":1},{"user_id":"d","max_budget":-1}]}`).
		ok().has(map[string]string{
		"meta": `{"created":2,"failed":3,"total_requested":5}`, "data.0.success": "true", "data.0.key": "null", "data.0.teams": `["t"]`,
		"data.1.success": "false", "data.2.success": "true", "data.3.success": "false", "data.3.error": `"nonsense: Extra inputs are not permitted"`, "data.4.user_id": `"d"`, "data.4.success": "false",
	})
	a.get("/user/info?user_id=d").refusedAnyhow(404)
	a.post("/team/member_add", `{"team_id":"t","member":[{"user_id":"b","role":"user"}]}`).ok()
	a.post("/management/v1/teams/t/members/bulk_update", `{"members":[{"user_id":"a","rpm_limit":0,"max_budget_in_team":2},{"user_id":"nobody","rpm_limit":1},{"user_email":"a@example.com","allowed_models":["claude-3-sonnet"]},{"user_id":"b","tpm_limit":9},{"user_id":"b","user_email":"b"},{"user_id":"b","role":"admin"}]}`).
		ok().has(map[string]string{
		"data.0.success": "true", "data.0.rpm_limit": "0", "data.0.max_budget": "2", "data.0.max_budget_source": `"member"`, "data.1.success": "false", "data.2.success": "false",
		"data.3.tpm_limit": "9", "data.3.max_budget_source": `"team_default"`, "data.4.success": "false", "data.5.success": "false", "data.6": "null",
	})
	a.get("/team/info?team_id=t").ok().has(map[string]string{"members_with_roles.1.role": `"user"`})
	a.post("/management/v1/teams/t/members/bulk_delete", `{"members":[{"user_email":"a@example.com"},{"user_id":"nobody"},{"user_id":"b"}]}`).ok().has(map[string]string{
		"data.0.success": "true", "data.1.success": "false", "data.2.success": "true"})
	a.get("/team/info?team_id=t").ok().has(map[string]string{"members_with_roles": `[]`})
	a.post("/team/member_add", `{"team_id":"t","member":[{"user_id":"a","role":"user"}]}`).ok()
	a.post("/management/v1/users/bulk_delete", `{"user_ids":["a","nobody","b"]}`).ok().has(map[string]string{
		"data.0": `{"error":null,"success":true,"teams_removed":["t"],"user_email":"a@example.com","user_id":"a"}`, "data.1.success": "false", "data.2.teams_removed": "[]"})
	before := a.revision()
	for path, body := range map[string]string{"teams/t/members/bulk_delete": `{"members":[]}`, "teams/t/members/bulk_update": `{"members":[],"x":1}`, "users/bulk": `{"users":[]}`, "users/bulk_delete": `{}`} {
		if r := a.post("/management/v1/"+path, body); r.status != 400 && r.status != 422 {
			t.Errorf("%s: %d", r.what, r.status)
		}
	}
	if a.revision() != before {
		t.Error("something changed")
	}
}

// What a new team was not sent it gets from the settings, and from config.yaml before there are any.
func TestNewTeamsGetTheDefaults(t *testing.T) {
	t.Parallel()
	a := setup(t, func(c *Config) { c.TeamDefaults = []byte(`{"max_budget":50,"rpm_limit":9}`) })
	a.get("/get/default_team_settings").ok().has(map[string]string{"values.max_budget": "50", "source": `"config"`})
	a.post("/team/new", `{"team_id":"one"}`).ok().has(map[string]string{"max_budget": "50", "rpm_limit": "9"})
	a.post("/team/new", `{"team_id":"two","max_budget":7,"rpm_limit":null}`).ok().has(map[string]string{"max_budget": "7", "rpm_limit": "null"})
	patch := func(body string) *answer { return a.call(master, "PATCH", "/update/default_team_settings", body) }
	patch(`{"max_budget":null,"models":["gpt-4"],"team_member_permissions":["/key/generate"]}`).ok().has(map[string]string{"settings.rpm_limit": "9"})
	a.get("/get/default_team_settings").ok().has(map[string]string{"values.max_budget": "null", "values.rpm_limit": "9", "source": `"db"`})
	a.post("/team/new", `{"team_id":"three"}`).ok().has(map[string]string{"max_budget": "null", "rpm_limit": "9", "models": `["gpt-4"]`, "team_member_permissions": `["/key/generate"]`})
	patch(`{"max_budget":-1}`).refused(400, "bad_request_error", "max_budget")
	patch(`{"budget_duration":"often"}`).refused(400, "bad_request_error", "budget_duration")
	patch(`{"organization_id":"none"}`).refused(400, "bad_request_error", "organization_id")
	patch(`{"team_member_permissions":["/everything"]}`).refused(400, "bad_request_error", "team_member_permissions")
	a.call(master, "PATCH", "/update/sso_settings", `{}`).refusedAnyhow(501)
}

// default_key_generate_params and upperbound_key_generate_params hold for every new key, and for what is changed later.
func TestKeysStayWithinTheBounds(t *testing.T) {
	t.Parallel()
	a := setup(t, func(c *Config) {
		c.KeyDefaults = []byte(`{"rpm_limit":3,"models":["gpt-4"]}`)
		c.KeyBounds = []byte(`{"max_budget":10,"duration":"30d","tpm_limit":100,"budget_duration":"30d"}`)
	})
	whole := a.post("/key/generate", `{}`).ok()
	whole.has(map[string]string{"rpm_limit": "3", "models": `["gpt-4"]`, "max_budget": "10", "tpm_limit": "100", "duration": `"30d"`})
	if whole.at("expires") == nil {
		t.Error("it never expires")
	}
	a.post("/key/generate", `{"duration":null,"max_budget":null,"rpm_limit":null,"models":[]}`).ok().has(map[string]string{"max_budget": "10", "duration": `"30d"`, "rpm_limit": "null", "models": "[]"})
	a.post("/key/generate", `{"duration":"-1"}`).ok().has(map[string]string{"duration": `"30d"`})
	made := a.post("/key/generate", `{"max_budget":10,"duration":"1h","tpm_limit":0,"budget_duration":"1d"}`).ok()
	made.has(map[string]string{"max_budget": "10", "tpm_limit": "0"})
	over := map[string]string{"max_budget": "10.000000001", "duration": `"31d"`, "tpm_limit": "101", "budget_duration": `"60d"`, "temp_budget_increase": `1,"temp_budget_expiry":"2030-01-01"`}
	for field, v := range over {
		a.post("/key/generate", `{"`+field+`":`+v+`}`).refused(400, "bad_request_error", field)
		a.post("/key/service-account/generate", `{"team_id":"t","`+field+`":`+v+`}`).refused(400, "bad_request_error", field)
		a.post("/key/update", `{"key":"`+made.text("token")+`","`+field+`":`+v+`}`).refused(400, "bad_request_error", field)
		a.post("/key/"+made.text("token")+"/regenerate", `{"`+field+`":`+v+`}`).refused(400, "bad_request_error", field)
	}
	for field, v := range map[string]string{"max_budget": "null", "duration": `"-1"`, "tpm_limit": "null", "budget_duration": "null"} {
		a.post("/key/update", `{"key":"`+made.text("token")+`","`+field+`":`+v+`}`).refused(400, "bad_request_error", field)
	}
	a.post("/key/update", `{"key":"`+made.text("token")+`","max_budget":4,"metadata":{}}`).ok()
	// A user's first key is a key.
	k := a.post("/user/new", `{"user_id":"u"}`).ok().text("token")
	a.get("/key/info?key=" + k).ok().has(map[string]string{"info.max_budget": "10", "info.tpm_limit": "100"})
}

func TestModelDeprecations(t *testing.T) {
	t.Parallel()
	catalog := policy.NewCatalog([]*policy.Deployment{
		{ID: "d1", Model: "old", Provider: "openai", Target: "o", Info: []byte(`{"deprecation_date":"2026-03-09"}`)},
		{ID: "d2", Model: "today", Provider: "openai", Info: []byte(`{"deprecation_date":"2026-03-10"}`)},
		{ID: "d3", Model: "later", Provider: "openai", Info: []byte(`{"deprecation_date":"2026-06-09"}`)},
		{ID: "d4", Model: "none", Provider: "openai", Info: []byte(`{"deprecation_date":"sometime"}`)},
	}, nil)
	a := setup(t, func(c *Config) { c.Catalog = func() *policy.Catalog { return catalog } })
	a.get("/model/deprecations").ok().has(map[string]string{
		"deprecated.0.model_name": `"old"`, "deprecated.0.days_until_deprecation": "-1", "imminent.0.model_name": `"today"`, "upcoming.0.days_until_deprecation": "91", "upcoming.1": "null",
	})
	a.get("/model/deprecations?warn_within_days=91").ok().has(map[string]string{"imminent.1.model_name": `"later"`})
	only := a.post("/key/generate", `{"models":["today"]}`).ok().text("key")
	a.call(only, "GET", "/model/deprecations", "").ok().has(map[string]string{"deprecated": "[]", "imminent.0.model_name": `"today"`, "upcoming": "[]"})
	a.get("/model/deprecations?warn_within_days=-1").refused(400, "bad_request_error", "warn_within_days")
}

func TestKeysOfATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cost := func(n policy.Money) policy.Cost { return policy.Cost{Total: n, Other: n} }
	w.post("/key/update", `{"key":"`+w.hash["own"]+`","key_alias":"The Own"}`).ok()
	w.spend(policy.Entry{KeyHash: w.hash["own"], UserID: "stranger", ModelAsked: "gpt-4", Tags: []string{"g"}, Cost: cost(5)},
		policy.Entry{KeyHash: w.hash["t1key"], TeamID: "t1", ModelAsked: "gpt-4", Tags: []string{"g"}, Cost: cost(9)},
		policy.Entry{KeyHash: w.hash["member"], UserID: "member", ModelAsked: "gpt-3.5-turbo", Tags: []string{"g"}, Cost: cost(7)})
	at := "/user/daily/activity/aggregated/"
	w.get(at + "keys?limit=2&" + inMarch).ok().has(map[string]string{"total_api_keys": "3", "api_keys.0.api_key": `"` + w.hash["t1key"] + `"`, "api_keys.0.metrics.spend": "0.000000009", "api_keys.2": "null"})
	w.get(at + "keys?limit=2&offset=2&" + inMarch).ok().has(map[string]string{"api_keys.0.metadata.key_alias": `"The Own"`, "api_keys.1": "null"})
	w.get(at + "search?search=the+own&" + inMarch).ok().has(map[string]string{"api_keys.0.metadata.user_id": `"stranger"`, "api_keys.1": "null"})
	w.get(at + "model_top_keys?model_group=gpt-4&" + inMarch).ok().has(map[string]string{"api_keys.0.metrics.spend": "0.000000009", "api_keys.1.metrics.api_requests": "1", "api_keys.2": "null"})
	w.call(w.keys["stranger"], "GET", at+"keys?"+inMarch, "").ok().has(map[string]string{"total_api_keys": "1"})
	w.get(at + "keys?limit=0&" + inMarch).refusedAnyhow(400)
	w.get(at + "search?" + inMarch).refusedAnyhow(400)
	for path, n := range map[string]string{"dau": "2", "wau": "2", "mau": "2"} {
		w.get("/tag/" + path).ok().has(map[string]string{"results.0.tag": `"g"`, "results.0.active_users": n, "results.0.date": `"2026-03-10"`, "results.1": "null"})
	}
	w.get("/tag/mau?tag_filter=other").ok().has(map[string]string{"results": "[]"})
}
