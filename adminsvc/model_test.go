package adminsvc

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

func TestModelsAreCutToTheCaller(t *testing.T) {
	t.Parallel()
	a := setup(t)
	err := a.store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
		return tx.Create(t.Context(), &policy.AccessGroup{ID: "g1", Name: "managed", Models: []string{"gpt-3.5-turbo"}, Record: policy.Record{CreatedAt: a.now, UpdatedAt: a.now}})
	})
	if err != nil {
		t.Fatal(err)
	}
	a.post("/team/new", `{"team_id":"t1","models":["gpt-4","gpt-3.5-turbo"]}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1","models":["gpt-4"]}`).ok()
	for body, want := range map[string]string{
		`{}`:                         `gpt-4 gpt-3.5-turbo claude-3-sonnet`,
		`{"models":["gpt-4"]}`:       `gpt-4`,
		`{"models":["beta-models"]}`: `claude-3-sonnet`,
		`{"models":["managed"]}`:     `gpt-3.5-turbo`,
		`{"models":["gpt-4"],"access_group_ids":["g1"]}`: `gpt-4 gpt-3.5-turbo`,
		`{"models":["openai/gpt-5","gpt-4"]}`:            `gpt-4 openai/gpt-5`,
		`{"models":["*"]}`:                               `gpt-4 gpt-3.5-turbo claude-3-sonnet`,
		`{"team_id":"t1"}`:                               `gpt-4 gpt-3.5-turbo`,
		`{"team_id":"t1","models":["all-team-models"]}`:  `gpt-4 gpt-3.5-turbo`,
		`{"project_id":"p1"}`:                            `gpt-4`,
	} {
		k := a.post("/key/generate", body).ok().text("key")
		for _, path := range []string{"/v1/models", "/models"} {
			r := a.call(k, "GET", path, "").ok().has(map[string]string{"object": `"list"`, "data.0.object": `"model"`, "data.0.created": "1677610602", "data.0.owned_by": `"openai"`})
			if got := ids(r); got != want {
				t.Errorf("%s: %s lists %q, want %q", body, path, got, want)
			}
		}
	}
	if got := ids(a.get("/v1/models?return_wildcard_routes=true&include_model_access_groups=true").ok()); got != "gpt-4 gpt-3.5-turbo claude-3-sonnet openai/* beta-models" {
		t.Error(got)
	}
	if got := ids(a.get("/models?team_id=t1").ok()); got != "gpt-4 gpt-3.5-turbo" {
		t.Error(got)
	}
	// On behalf of a customer, what the customer may call.
	a.post("/customer/new", `{"user_id":"c1","models":["gpt-4"]}`).ok()
	for _, c := range [][3]string{
		{"x-litellm-customer-id", "c1", "gpt-4"}, {"x-litellm-end-user-id", "c1", "gpt-4"}, {"x-litellm-customer-id", "nobody", "gpt-4 gpt-3.5-turbo claude-3-sonnet"},
	} {
		r := httptest.NewRequest("GET", "/v1/models", nil)
		r.Header.Set("Authorization", "Bearer "+master)
		r.Header.Set(c[0], c[1])
		if got := ids(a.do(r).ok()); got != c[2] {
			t.Errorf("%v: %s", c, got)
		}
	}
	k := a.post("/key/generate", `{"models":["gpt-4","openai/*"]}`).ok().text("key")
	a.call(k, "GET", "/v1/models/gpt-4", "").ok().has(map[string]string{"id": `"gpt-4"`, "max_output_tokens": "4096", "mode": `"chat"`})
	a.call(k, "GET", "/models/openai/gpt-5", "").ok().has(map[string]string{"id": `"openai/gpt-5"`})
	for _, path := range []string{"/v1/models/claude-3-sonnet", "/models/nothing"} {
		if r := a.call(k, "GET", path, ""); r.status != 404 || !strings.HasPrefix(r.text("detail"), "The model `") {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	a.call(k, "GET", "/v1/model/info", "").ok().has(map[string]string{"data.0.model_name": `"gpt-4"`, "data.0.litellm_params.api_key": `"***"`, "data.0.model_info.id": `"d1"`,
		"data.0.model_info.input_cost_per_token": "0.00003", "data.0.model_info.base_model": `"gpt-4"`, "data.0.model_info.db_model": "false", "data.1.model_name": `"openai/*"`, "data.2": "null"})
	a.get("/model/info?litellm_model_id=d2").ok().has(map[string]string{"data.0.model_name": `"gpt-3.5-turbo"`, "data.1": "null"})
	if r := a.get("/model/info?litellm_model_id=dx"); r.status != 404 {
		t.Error(r.raw)
	}
	a.get("/model_group/info?model_group=claude-3-sonnet").ok().has(map[string]string{"data.0.providers": `["anthropic"]`, "data.0.model_group": `"claude-3-sonnet"`, "data.1": "null"})
}

func ids(r *answer) string {
	var out []string
	for _, m := range r.at("data").([]any) {
		out = append(out, m.(map[string]any)["id"].(string))
	}
	return strings.Join(out, " ")
}

func TestModelBounds(t *testing.T) {
	n := &names{catalog: testCatalog, groups: map[string][]string{"managed": {"gpt-4"}}}
	for _, c := range []struct {
		child, parent string
		over          string
	}{
		{"anything", "", ""}, {"", "gpt-4", ""}, {"gpt-4", "gpt-4", ""}, {"gpt-3.5-turbo", "gpt-4", "gpt-3.5-turbo"},
		{"*", "gpt-4", "*"}, {"*", "*", ""}, {"all-proxy-models", "*", ""}, {"all-team-models", "gpt-4", ""}, {"no-default-models", "gpt-4", ""},
		{"beta-models", "claude-3-sonnet", ""}, {"beta-models", "gpt-4", "beta-models"}, {"claude-3-sonnet", "beta-models", ""},
		{"openai/gpt-5", "openai/*", ""}, {"openai/*", "openai/*", ""}, {"openai/gpt-*", "openai/*", ""}, {"openai/*", "openai/gpt-*", "openai/*"}, {"openai/*", "gpt-4", "openai/*"},
		{"managed", "gpt-4", ""}, {"managed", "gpt-3.5-turbo", "managed"}, {"gpt-4", "managed", ""}, {"gpt-3.5-turbo", "managed", "gpt-3.5-turbo"},
	} {
		if got := n.within(strings.Fields(c.child), strings.Fields(c.parent)); got != c.over {
			t.Errorf("%q within %q: %q goes beyond, want %q", c.child, c.parent, got, c.over)
		}
	}
}
