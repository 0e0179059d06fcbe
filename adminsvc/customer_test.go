package adminsvc

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestCustomers(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/budget/new", `{"budget_id":"free","max_budget":0.02,"budget_duration":"1d"}`).ok()
	want := map[string]string{"user_id": `"c1"`, "alias": `"One"`, "blocked": "false", "spend": "0.0", "models": `["gpt-4"]`, "default_model": `"gpt-4"`, "allowed_model_region": "null",
		"budget_id": `"budget-c1"`, "litellm_budget_table.max_budget": "2.50", "litellm_budget_table.rpm_limit": "0", "litellm_budget_table.budget_reset_at": `"2026-04-01T00:00:00Z"`, "max_budget": "2.50", "rpm_limit": "0"}
	a.post("/customer/new", `{"user_id":"c1","alias":"One","max_budget":2.50,"rpm_limit":0,"budget_duration":"30d","models":["gpt-4"],"default_model":"gpt-4"}`).ok().has(want)
	a.get("/customer/info?end_user_id=c1").ok().has(want)
	a.get("/end_user/info?end_user_id=c1").ok().has(want)
	a.post("/end_user/new", `{"user_id":"c2","budget_id":"free","spend":0.01}`).ok().has(map[string]string{"budget_id": `"free"`, "litellm_budget_table.max_budget": "0.02", "spend": "0.01", "litellm_budget_table.budget_reset_at": `"2026-03-11T00:00:00Z"`})
	a.get("/customer/list").ok().has(map[string]string{"0.user_id": `"c1"`, "1.user_id": `"c2"`, "2": "null"})
	a.get("/customer/list?search=ONE").ok().has(map[string]string{"0.user_id": `"c1"`, "1": "null"})
	a.get("/customer/list?sort_by=user_id&sort_order=desc").ok().has(map[string]string{"0.user_id": `"c2"`, "1.user_id": `"c1"`})
	a.get("/customer/list?sort_by=color").refused(400, "bad_request", "sort_by")
	a.post("/customer/update", `{"user_id":"c1","max_budget":null,"budget_id":"budget-c1","alias":"Uno"}`).ok().has(map[string]string{"alias": `"Uno"`, "max_budget": "null", "rpm_limit": "0", "models": `["gpt-4"]`})
	a.post("/customer/update", `{"user_id":"c1","budget_id":"free"}`).ok().has(map[string]string{"budget_id": `"free"`, "rpm_limit": "0"})
	a.post("/customer/block", `{"user_ids":["c1","seen-once"]}`).ok().has(map[string]string{"blocked_users.0.blocked": "true", "blocked_users.1.user_id": `"seen-once"`})
	a.get("/customer/info?end_user_id=seen-once").ok().has(map[string]string{"blocked": "true"})
	a.post("/customer/unblock", `{"user_ids":["c1"]}`).ok().has(map[string]string{"blocked_users": `["seen-once"]`})
	a.post("/customer/delete", `{"user_ids":["c1","nobody"]}`).refused(404, "not_found", "user_ids")
	a.post("/customer/delete", `{"user_ids":["c1","c1"]}`).ok().has(map[string]string{"deleted_customers": "1"})
	a.get("/customer/info?end_user_id=c1").refused(404, "not_found", "end_user_id")
	// An id that only calls know has a row as well.
	a.spend(policy.Entry{CustomerID: "passer-by", ModelAsked: "gpt-4", Cost: policy.Cost{Total: policy.Dollar}})
	a.get("/customer/info?end_user_id=passer-by").ok().has(map[string]string{"user_id": `"passer-by"`, "spend": "1.0", "blocked": "false", "budget_id": "null"})
	// It can be limited as it is, and from then on is one that was made.
	a.post("/customer/update", `{"user_id":"passer-by","max_budget":3}`).ok().has(map[string]string{"spend": "1.0", "litellm_budget_table.max_budget": "3"})
	a.post("/customer/update", `{"user_id":"passer-by","alias":"P"}`).ok().has(map[string]string{"alias": `"P"`, "max_budget": "3"})
	a.get("/customer/list?search=passer").ok().has(map[string]string{"0.user_id": `"passer-by"`, "1": "null"})
}

func TestWhatIsWrongWithACustomer(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/customer/new", `{"user_id":"c1"}`).ok()
	before := a.revision()
	for _, path := range []string{"/customer/new", "/customer/update", "/end_user/new"} {
		id := `{"user_id":"c9"`
		if path == "/customer/update" {
			id = `{"user_id":"c1"`
		}
		a.post(path, `{}`).invalid("missing", `["body","user_id"]`)
		a.post(path, `{"user_id":7}`).invalid("string_type", `["body","user_id"]`)
		a.post(path, id+`,"max_budget":NaN}`).refused(400, "invalid_request_error", "max_budget")
		a.post(path, id+`,"max_budget":1e300}`).invalid("less_than_equal", `["body","max_budget"]`)
		a.post(path, id+`,"blocked":"perhaps"}`).invalid("bool_parsing", `["body","blocked"]`)
		for field, value := range map[string]string{"max_budget": "-1", "soft_budget": "-1", "rpm_limit": "-1", "budget_duration": `"often"`, "budget_id": `"nothing"`, "alias": `"a\nb"`} {
			a.post(path, id+`,"`+field+`":`+value+`}`).refused(400, "bad_request", field)
		}
		for field, value := range map[string]string{"allowed_model_region": `"eu"`, "object_permission": `{"models":["x"]}`} {
			a.post(path, id+`,"`+field+`":`+value+`}`).refused(400, "bad_request_error", field)
		}
	}
	a.post("/customer/new", `{"user_id":"c1"}`).refused(400, "bad_request", "user_id")
	a.post("/customer/new", `{"user_id":""}`).refused(400, "bad_request", "user_id")
	a.post("/customer/new", `{"user_id":"c9","spend":-1}`).refused(400, "bad_request", "spend")
	a.post("/customer/update", `{"user_id":"nobody"}`).refused(404, "not_found", "user_id")
	a.post("/customer/unblock", `{"user_ids":["nobody"]}`).refused(404, "not_found", "user_ids")
	for _, path := range []string{"/customer/block", "/customer/unblock", "/customer/delete"} {
		a.post(path, `{"user_ids":[]}`).refused(400, "bad_request", "user_ids")
		a.post(path, `{"user_ids":"c1"}`).invalid("list_type", `["body","user_ids"]`)
		a.post(path, `{}`).invalid("missing", `["body","user_ids"]`)
	}
	a.get("/customer/info").invalid("missing", `["query","end_user_id"]`)
	a.get("/customer/info?end_user_id=nobody").refused(404, "not_found", "end_user_id")
	if a.revision() != before {
		t.Error("something changed")
	}
}

func TestACustomersLimitsAreEnforced(t *testing.T) {
	t.Parallel()
	a := setup(t)
	key := a.post("/key/generate", `{}`).ok().text("key")
	a.post("/customer/new", `{"user_id":"own",`+allLimits+`}`).ok()
	a.post("/budget/new", `{"budget_id":"shared",`+allLimits+`}`).ok()
	a.post("/customer/new", `{"user_id":"referring","budget_id":"shared"}`).ok()
	for _, id := range []string{"own", "referring"} {
		enforces(t, a.decide(key, policy.Request{Input: 1, Customer: id}), policy.Scope{Kind: policy.ScopeCustomer, ID: id})
		enforces(t, a.decide(master, policy.Request{Input: 1, Customer: id}), policy.Scope{Kind: policy.ScopeCustomer, ID: id})
	}
	a.post("/customer/new", `{"user_id":"narrow","models":["gpt-3.5-turbo"]}`).ok()
	if d := a.decide(key, policy.Request{Customer: "narrow"}); d.Refusal == nil || d.Refusal.Code != policy.CodeModelDenied {
		t.Errorf("%+v", d.Refusal)
	}
	a.post("/customer/block", `{"user_ids":["anybody"]}`).ok()
	if d := a.decide(key, policy.Request{Customer: "anybody"}); d.Refusal == nil || d.Refusal.Code != policy.CodeCustomerBlocked {
		t.Errorf("%+v", d.Refusal)
	}
	// The same budget binds everything that refers to it.
	a.post("/tag/new", `{"name":"red","budget_id":"shared"}`).ok()
	enforces(t, a.decide(key, policy.Request{Input: 1, Tags: []string{"red"}}), policy.Scope{Kind: policy.ScopeTag, ID: "red"})
	a.post("/tag/new", `{"name":"blue",`+allLimits+`}`).ok()
	enforces(t, a.decide(key, policy.Request{Input: 1, Tags: []string{"blue"}}), policy.Scope{Kind: policy.ScopeTag, ID: "blue"})
}

func TestWhoMayDoWhatWithCustomers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("/customer/new", `{"user_id":"c"}`).ok()
	w.may(t, []mayCase{
		{"make one", "POST", "/customer/new", `{"user_id":"c%d"}`, "admin"},
		{"read one", "GET", "/customer/info?end_user_id=c", "", "admin viewer"},
		{"read none", "GET", "/customer/info?end_user_id=d", "", "404: admin viewer"},
		{"list", "GET", "/end_user/list", "", "admin viewer"},
		{"change one", "POST", "/customer/update", `{"user_id":"c","alias":"x"}`, "admin"},
		{"block one", "POST", "/customer/block", `{"user_ids":["c"]}`, "admin"},
		{"unblock one", "POST", "/customer/unblock", `{"user_ids":["c"]}`, "admin"},
		{"delete one", "POST", "/customer/delete", `{"user_ids":["c"]}`, "admin"},
	})
}
