package adminsvc

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestBudgetReadsBackAsSentAndIsShared(t *testing.T) {
	t.Parallel()
	a := setup(t)
	sent := map[string]string{"max_budget": "5", "budget_duration": `"1d"`, "rpm_limit": "0", "tpm_limit": "null", "model_max_budget": `{"gpt-4":{"budget_limit":1,"time_period":"1d"}}`}
	body := `{"budget_id":"b1"`
	for k, v := range sent {
		body += `,"` + k + `":` + v
	}
	a.post("/budget/new", body+`}`).ok().has(sent).has(map[string]string{"budget_reset_at": `"2026-03-11T00:00:00Z"`})
	a.post("/budget/new", `{"budget_id":"b1"}`).refused(400, "bad_request_error", "budget_id").has(map[string]string{"detail.param": `"budget_id"`, "detail.error": `"Budget b1 already exists"`, "error.code": `"400"`})
	a.post("/budget/new", `{"max_budget":-1}`).refused(400, "bad_request_error", "max_budget")
	a.post("/budget/update", `{"budget_id":"b1","max_budget":7}`).ok().has(map[string]string{"max_budget": "7", "rpm_limit": "0"})
	a.post("/budget/update", `{"budget_id":"none"}`).refused(404, "not_found_error", "budget_id")
	a.post("/budget/info", `{"budgets":["b1"]}`).ok().has(map[string]string{"0.budget_id": `"b1"`})
	a.get("/budget/settings?budget_id=b1").ok().has(map[string]string{"0.field_name": `"max_budget"`, "0.field_value": "7"})

	key := a.post("/key/generate", `{"budget_id":"b1"}`).ok()
	a.post("/budget/delete", `{"id":"b1"}`).refused(400, "bad_request_error", "id")
	b, err := policy.Get[*policy.Budget](t.Context(), a.store, policy.Ref{Kind: policy.EntityBudget, ID: "b1"})
	if err != nil || *b.Limits.MaxBudget != 7*policy.Dollar || *b.Limits.RPM != 0 || b.Limits.ModelMaxBudget["gpt-4"].MaxBudget == nil {
		t.Errorf("%+v, %v", b, err)
	}
	plain := key.text("key")
	a.call(plain, "POST", "/budget/new", `{}`).refused(401, "auth_error", "None")
	a.call(plain, "GET", "/budget/list", "").refused(403, "auth_error", "None")
	a.post("/key/delete", `{"keys":["`+plain+`"]}`).ok()
	a.post("/budget/delete", `{"id":"b1"}`).ok()
	if r := a.post("/budget/info", `{"budgets":["b1"]}`).ok(); r.raw != "[]" {
		t.Errorf("a deleted budget: %s", r.raw)
	}
}

func TestTagReadsBackAsSentAndIsEnforced(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/tag/new", `{"name":"prod","description":"x","max_budget":0,"rpm_limit":3}`).ok().has(map[string]string{"tag.name": `"prod"`, "tag.max_budget": "0", "tag.spend": "0.0"})
	a.post("/tag/new", `{"name":"prod"}`).refused(400, "bad_request_error", "name")
	a.post("/tag/new", `{"name":""}`).refused(400, "bad_request_error", "name")
	a.post("/tag/update", `{"name":"prod","max_budget":null}`).ok().has(map[string]string{"tag.max_budget": "null", "tag.rpm_limit": "3"})
	a.post("/tag/update", `{"name":"none"}`).refused(404, "not_found_error", "name")
	a.post("/tag/update", `{"name":"prod","budget_id":"none"}`).refused(400, "bad_request_error", "budget_id")
	a.post("/tag/info", `{"names":["prod"]}`).ok().has(map[string]string{"prod.rpm_limit": "3"})
	a.get("/tag/list").ok().has(map[string]string{"0.name": `"prod"`})
	tag, err := policy.Get[*policy.Tag](t.Context(), a.store, policy.Ref{Kind: policy.EntityTag, ID: "prod"})
	if err != nil || tag.Limits.MaxBudget != nil || *tag.Limits.RPM != 3 {
		t.Errorf("%+v, %v", tag, err)
	}
	a.post("/tag/delete", `{"name":"prod"}`).ok()
	a.post("/tag/delete", `{"name":"prod"}`).refused(404, "not_found_error", "name")
}
