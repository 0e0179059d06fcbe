package adminsvc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

func TestProjectReadsBackAsSent(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	sent := map[string]string{
		"project_alias": `"A"`, "description": `"what for"`, "team_id": `"t1"`, "max_budget": "0", "tpm_limit": "null", "rpm_limit": "5", "max_parallel_requests": "2", "models": `["b","a"]`,
		"metadata": `{"z":1.0}`, "budget_duration": `"1mo"`, "blocked": "true", "model_rpm_limit": `{"a":0,"b":1}`, "tags": `["x"]`, "model_itpm_limit": `{"a":7}`,
	}
	body := `{"project_id":"p1"`
	for k, v := range sent {
		body += `,"` + k + `":` + v
	}
	also := map[string]string{"spend": "0.0", "budget_reset_at": `"2026-04-01T00:00:00Z"`, "budget_id": `"budget-p1"`,
		"litellm_budget_table.budget_id": `"budget-p1"`, "litellm_budget_table.max_budget": "0", "litellm_budget_table.rpm_limit": "5", "litellm_budget_table.budget_duration": `"1mo"`}
	a.post("/project/new", body+`}`).ok().has(sent).has(also)
	a.get("/project/info?project_id=p1").ok().has(sent).has(also)
	// Its own limits under the id they show by change nothing; a shared budget must be there.
	a.post("/project/update", `{"project_id":"p1","budget_id":"budget-p1","rpm_limit":6}`).ok().has(map[string]string{"rpm_limit": "6", "budget_id": `"budget-p1"`})
	a.post("/project/update", `{"project_id":"p1","budget_id":"other"}`).refused(400, "bad_request_error", "budget_id")
	a.post("/project/update", `{"project_id":"p1","max_budget":null,"tpm_limit":4}`).ok().has(map[string]string{"max_budget": "null", "tpm_limit": "4", "rpm_limit": "6", "litellm_budget_table.max_budget": "null"})
	p, err := policy.Get[*policy.Project](t.Context(), a.store, policy.Ref{Kind: policy.EntityProject, ID: "p1"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Limits.MaxBudget != nil || *p.Limits.TPM != 4 || *p.Limits.RPM != 6 || *p.Limits.MaxParallel != 2 || p.Limits.ModelRPM["a"] != 0 || p.Limits.ModelITPM["a"] != 7 || !p.Blocked || p.Tags[0] != "x" {
		t.Errorf("%+v", p)
	}
}

// Limits in metadata hold as those beside it; of two the lower.
func TestProjectModelQuotas(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1","model_rpm_limit":{"gpt-4":10,"x":1},"metadata":{"model_rpm_limit":{"gpt-4":5,"y":"2"},"model_tpm_limit":{"gpt-4":9}}}`).ok().
		has(map[string]string{"model_rpm_limit": `{"gpt-4":10,"x":1}`, "metadata.model_rpm_limit": `{"gpt-4":5,"y":"2"}`})
	p, err := policy.Get[*policy.Project](t.Context(), a.store, policy.Ref{Kind: policy.EntityProject, ID: "p1"})
	if err != nil {
		t.Fatal(err)
	}
	if l := p.Limits; l.ModelRPM["gpt-4"] != 5 || l.ModelRPM["x"] != 1 || l.ModelRPM["y"] != 2 || l.ModelTPM["gpt-4"] != 9 {
		t.Errorf("%+v", l)
	}
	a.post("/project/new", `{"team_id":"t1","metadata":{"model_rpm_limit":{"gpt-4":"many"}}}`).invalid("int_parsing", `["body","metadata","model_rpm_limit","gpt-4"]`)
	a.post("/project/new", `{"team_id":"t1","metadata":{"model_rpm_limit":5}}`).invalid("dict_type", `["body","metadata","model_rpm_limit"]`)
}

func TestProjectWithinItsTeam(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","models":["gpt-4","beta-models"],"max_budget":100,"rpm_limit":10,"tpm_limit":1000}`).ok()
	a.post("/team/new", `{"team_id":"t2","models":["gpt-3.5-turbo"]}`).ok()
	for body, param := range map[string]string{
		`"models":["gpt-3.5-turbo"]`: "models", `"models":["gpt-4","*"]`: "models", `"max_budget":100.000000001`: "max_budget", `"rpm_limit":11`: "rpm_limit", `"tpm_limit":1001`: "tpm_limit",
		`"soft_budget":5,"max_budget":5`: "soft_budget",
	} {
		a.post("/project/new", `{"team_id":"t1",`+body+`}`).refused(400, "bad_request", param)
	}
	a.post("/project/new", `{"team_id":"nowhere"}`).refused(404, "not_found", "team_id")
	a.post("/project/new", `{"team_id":""}`).invalid("missing", `["body","team_id"]`)
	for _, body := range []string{`"models":["all-team-models"]`, `"models":[]`, `"models":["claude-3-sonnet","beta-models"]`, `"max_budget":100,"rpm_limit":10`} {
		a.post("/project/new", `{"team_id":"t1",`+body+`}`).ok()
	}
	a.post("/project/new", `{"project_id":"p1","team_id":"t1","models":["gpt-4"]}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1"}`).refused(400, "bad_request", "project_id")
	a.post("/project/update", `{"project_id":"p1","team_id":"t2"}`).refused(400, "bad_request", "models")
	a.post("/project/update", `{"project_id":"p1","team_id":null}`).refused(400, "bad_request", "team_id")
	a.post("/project/update", `{"project_id":"p1","team_id":"t2","models":["gpt-3.5-turbo"]}`).ok()
	a.post("/project/update", `{"project_id":"nowhere"}`).refused(404, "not_found", "project_id")
}

func TestProjectDelete(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	for _, id := range []string{"p1", "p2"} {
		a.post("/project/new", `{"project_id":"`+id+`","team_id":"t1"}`).ok()
	}
	k := a.post("/key/generate", `{"project_id":"p2","key_alias":"holds it"}`).ok().text("token")
	r := a.call(master, "DELETE", "/project/delete", `{"project_ids":["p1","p2"]}`).refused(400, "bad_request", "project_ids")
	if want := "Project p2 still has 1 keys: holds it. Delete or reassign them first."; r.text("error.message") != want {
		t.Error(r.raw)
	}
	a.get("/project/info?project_id=p1").ok()
	a.call(master, "DELETE", "/project/delete", `{"project_ids":["p1","nowhere"]}`).refused(404, "not_found", "project_id")
	a.get("/project/info?project_id=p1").ok()
	a.call(master, "DELETE", "/project/delete", `{"project_ids":[]}`).refused(400, "bad_request", "project_ids")
	a.post("/key/update", `{"key":"`+k+`","project_id":"p1"}`).ok()
	a.post("/project/delete", `{"project_ids":["p2"]}`).ok().has(map[string]string{"0.project_id": `"p2"`, "1": "null"})
}

// Spend is that of the current budget window; by model it is all there ever was.
func TestProjectSpend(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1","max_budget":10,"budget_duration":"1mo"}`).ok()
	a.post("/project/new", `{"project_id":"p2","team_id":"t1"}`).ok()
	a.spend(
		policy.Entry{ProjectID: "p1", ModelAsked: "gpt-4", ReservedAt: a.now.AddDate(0, -1, 0), Cost: policy.Cost{Total: 40 * policy.Dollar}},
		policy.Entry{ProjectID: "p1", ModelAsked: "gpt-4", Cost: policy.Cost{Total: 23 * policy.Dollar / 10}},
		policy.Entry{ProjectID: "p1", ModelAsked: "gpt-3.5-turbo", Cost: policy.Cost{Total: 1}},
		policy.Entry{ProjectID: "p2", ModelAsked: "gpt-4", ReservedAt: a.now.AddDate(0, -1, 0), Cost: policy.Cost{Total: policy.Dollar}},
	)
	a.get("/project/info?project_id=p1").ok().has(map[string]string{"spend": "2.300000001", "model_spend": `{"gpt-3.5-turbo":0.000000001,"gpt-4":42.3}`})
	a.get("/project/list").ok().has(map[string]string{"0.spend": "2.300000001", "1.spend": "1.0"})
	a.get("/project/list?names=true").ok().has(map[string]string{"0.project_id": `"` + a.get("/project/list").ok().text("0.project_id") + `"`, "0.spend": "null", "1.models": "[]", "2": "null"})
}

// A list in an order and in pages: by name, by what the current windows spent, and by which budget runs out first.
func TestProjectListOrders(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for _, body := range []string{`{"team_id":"t1","team_alias":"Zebra"}`, `{"team_id":"t2","team_alias":"Ant"}`} {
		a.post("/team/new", body).ok()
	}
	for _, body := range []string{
		`{"project_id":"lasts","project_alias":"Beta","team_id":"t1","max_budget":1000,"budget_duration":"1mo"}`,
		`{"project_id":"soon","project_alias":"Gamma","team_id":"t2","max_budget":12,"budget_duration":"1mo"}`,
		`{"project_id":"over","project_alias":"alpha","team_id":"t1","max_budget":1}`,
		`{"project_id":"free","project_alias":"Delta beta","team_id":"t2"}`,
	} {
		a.post("/project/new", body).ok()
	}
	a.spend(
		policy.Entry{ProjectID: "lasts", ModelAsked: "gpt-4", ReservedAt: a.now.AddDate(0, -1, 0), Cost: policy.Cost{Total: 400 * policy.Dollar}}, // of another month
		policy.Entry{ProjectID: "lasts", ModelAsked: "gpt-4", Cost: policy.Cost{Total: 2 * policy.Dollar}},
		policy.Entry{ProjectID: "soon", ModelAsked: "gpt-4", Cost: policy.Cost{Total: 11 * policy.Dollar}},
		policy.Entry{ProjectID: "over", ModelAsked: "gpt-4", Cost: policy.Cost{Total: 3 * policy.Dollar}},
		policy.Entry{ProjectID: "free", ModelAsked: "gpt-4", Cost: policy.Cost{Total: 7 * policy.Dollar}},
	)
	for query, want := range map[string]string{
		"sort_by=spend": "soon free over lasts",
		"sort_by=spend&sort_order=asc&page=2&page_size=3":       "soon",
		"sort_by=runs_out&sort_order=asc":                       "over soon lasts free",
		"sort_by=runs_out&sort_order=asc&page=1&page_size=2":    "over soon",
		"sort_by=runs_out&sort_order=asc&page=9&page_size=2":    "",
		"sort_by=project_id&sort_order=asc":                     "free lasts over soon",
		"sort_by=team_alias&sort_order=asc&team_id=t2":          "free soon",
		"sort_by=team_alias&sort_order=desc&page=1&page_size=2": "over lasts",
		"search=BETA": "lasts free",
		"search=beta&sort_by=project_id&sort_order=asc": "free lasts",
		"search=beta&team_id=t1":                        "lasts",
		"names=true&search=gam":                         "soon",
		"":                                              "lasts soon over free",
		"search=100%25":                                 "",
		"sort_by=max_budget&sort_order=asc&page=1&page_size=1": "over",
	} {
		got, reply := []string{}, a.get("/project/list?"+query).ok()
		for i := 0; reply.text(fmt.Sprintf("%d.project_id", i)) != ""; i++ {
			got = append(got, reply.text(fmt.Sprintf("%d.project_id", i)))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("?%s: %q, want %q", query, got, want)
		}
	}
	a.get("/project/list?sort_by=color").refused(400, "bad_request_error", "sort_by")
	a.get("/project/list?sort_by=spend&sort_order=up").refused(400, "bad_request_error", "sort_order")
}
