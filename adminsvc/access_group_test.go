package adminsvc

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestManagedAccessGroups(t *testing.T) {
	t.Parallel()
	a := setup(t)
	made := a.post("/v1/access_group", `{"access_group_name":"fast","access_model_names":["gpt-4","openai/x"],"description":"d"}`)
	if made.status != 201 {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	made.has(map[string]string{"access_group_name": `"fast"`, "access_model_names": `["gpt-4","openai/x"]`, "assigned_key_ids": "[]"})
	id := made.text("access_group_id")
	for body, status := range map[string]int{
		`{"access_group_name":"fast"}`: 409, `{"access_group_name":"gpt-4"}`: 409, `{"access_group_name":"beta-models"}`: 409, `{"access_group_name":""}`: 400,
		`{"access_group_name":"x","assigned_team_ids":["t"]}`: 400, `{"access_group_name":"x","access_agent_ids":["t"]}`: 400, `{"access_model_names":7}`: 422,
	} {
		if r := a.post("/v1/access_group", body); r.status != status {
			t.Errorf("%s: %d, want %d: %s", body, r.status, status, r.raw)
		}
	}
	key := a.post("/key/generate", `{"models":["gpt-3.5-turbo"],"access_group_ids":["`+id+`"]}`).ok()
	k, err := policy.Get[*policy.Key](t.Context(), a.store, policy.Ref{Kind: policy.EntityKey, ID: key.text("token")})
	if err != nil || len(k.Models) != 2 || k.Models[1] != "fast" {
		t.Errorf("%+v, %v", k.Models, err)
	}
	a.call(master, "PUT", "/v1/access_group/"+id, `{"access_model_names":["gpt-4"]}`).ok().has(map[string]string{"access_model_names": `["gpt-4"]`, "description": `"d"`, "assigned_key_ids": `["` + key.text("token") + `"]`})
	a.call(master, "PUT", "/v1/access_group/"+id, `{"access_group_name":"slow"}`).refused(400, "bad_request_error", "access_group_name")
	a.call(master, "DELETE", "/v1/access_group/"+id, "").refused(400, "bad_request_error", "access_group_id")
	a.post("/key/delete", `{"keys":["`+key.text("key")+`"]}`).ok()
	a.call(master, "PUT", "/v1/unified_access_group/"+id, `{"access_group_name":"slow"}`).ok().has(map[string]string{"access_group_name": `"slow"`})
	a.get("/v1/access_group").ok().has(map[string]string{"0.access_group_name": `"slow"`})
	if r := a.call(master, "DELETE", "/v1/access_group/"+id, ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if r := a.get("/v1/access_group/" + id); r.status != 404 {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestAccessGroupsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.get("/access_group/list").ok().has(map[string]string{"access_groups.0.access_group": `"beta-models"`, "access_groups.0.model_names": `["claude-3-sonnet"]`, "access_groups.0.deployment_count": "1"})
	a.get("/access_group/beta-models/info").ok().has(map[string]string{"access_group": `"beta-models"`})
	if r := a.get("/access_group/none/info"); r.status != 404 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if r := a.post("/access_group/new", `{"access_group":"x"}`); r.status != 400 {
		t.Errorf("%d %s", r.status, r.raw)
	}
}
