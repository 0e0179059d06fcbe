package adminsvc

import (
	"slices"
	"strings"
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

// Who has a group can be said of the group too: it is the same as access_group_ids of keys
// and teams, and one write with the rest.
func TestAccessGroupsAreAssigned(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","team_alias":"One","models":["gpt-3.5-turbo"]}`).ok()
	a.post("/team/new", `{"team_id":"t2","models":["gpt-3.5-turbo"]}`).ok()
	a.post("/team/new", `{"team_id":"all"}`).ok()
	plain := a.post("/key/generate", `{"models":["gpt-3.5-turbo"],"key_alias":"k1"}`).ok()
	key, hash := plain.text("key"), plain.text("token")
	models := func(ref policy.Ref, want ...string) {
		t.Helper()
		e, err := a.store.Get(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		switch e := e.(type) {
		case *policy.Key:
			have = e.Models
		case *policy.Team:
			have = e.Models
		}
		if !slices.Equal(have, want) {
			t.Errorf("%v has the models %q, want %q", ref, have, want)
		}
	}
	team := func(id string) policy.Ref { return policy.Ref{Kind: policy.EntityTeam, ID: id} }
	theKey := policy.Ref{Kind: policy.EntityKey, ID: hash}

	made := a.post("/v1/access_group", `{"access_group_name":"fast","access_model_names":["gpt-4"],"assigned_team_ids":["t2","t1","all"],"assigned_key_ids":["`+key+`"]}`).ok()
	id := made.text("access_group_id")
	made.has(map[string]string{"assigned_team_ids": `["t2","t1","all"]`, "assigned_key_ids": `["` + hash + `"]`, "assigned_keys": `[{"id":"` + hash + `","name":"k1"}]`, "assigned_teams.1.name": `"One"`})
	models(team("t1"), "gpt-3.5-turbo", "fast")
	models(team("t2"), "gpt-3.5-turbo", "fast")
	models(team("all")) // all models, as before
	models(theKey, "gpt-3.5-turbo", "fast")
	a.get("/team/info?team_id=t1").ok().has(map[string]string{"access_group_ids": `["` + id + `"]`, "models": `["gpt-3.5-turbo"]`})
	a.get("/key/info?key=" + hash).ok().has(map[string]string{"info.access_group_ids": `["` + id + `"]`})

	// What is not sent stays, what is not named loses it.
	path := "/v1/access_group/" + id
	a.call(master, "PUT", path, `{"description":"d"}`).ok().has(map[string]string{"assigned_team_ids": `["t2","t1","all"]`, "assigned_key_ids": `["` + hash + `"]`})
	a.call(master, "PUT", path, `{"assigned_team_ids":["t2"]}`).ok().has(map[string]string{"assigned_team_ids": `["t2"]`, "assigned_key_ids": `["` + hash + `"]`})
	models(team("t1"), "gpt-3.5-turbo")
	models(team("all"))
	a.call(master, "PUT", path, `{"assigned_key_ids":null}`).ok().has(map[string]string{"assigned_team_ids": `["t2"]`, "assigned_key_ids": `[]`})
	models(theKey, "gpt-3.5-turbo")
	a.post("/team/update", `{"team_id":"t1","access_group_ids":["`+id+`"]}`).ok()
	a.get(path).ok().has(map[string]string{"assigned_team_ids": `["t2","t1"]`})

	// All or nothing.
	before := a.revision()
	for body, param := range map[string]string{`{"assigned_team_ids":["t1","none"]}`: "assigned_team_ids", `{"description":"x","assigned_key_ids":["sk-there-is-none-of-it"]}`: "assigned_key_ids"} {
		a.call(master, "PUT", path, body).refused(400, "bad_request_error", param)
		a.post("/v1/access_group", `{"access_group_name":"other",`+body[1:]).refused(400, "bad_request_error", param)
	}
	a.post("/team/new", `{"team_id":"narrow","models":["gpt-3.5-turbo"]}`).ok()
	held := a.post("/key/generate", `{"team_id":"narrow","models":["gpt-3.5-turbo"]}`).ok().text("token")
	before++
	before++
	a.call(master, "PUT", path, `{"assigned_key_ids":["`+held+`"]}`).refused(400, "bad_request_error", "access_group_ids") // its team has not these models
	if now := a.revision(); now != before {
		t.Errorf("%d things changed", now-before)
	}

	if r := a.call(master, "DELETE", path, ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	models(team("t1"), "gpt-3.5-turbo")
	models(team("t2"), "gpt-3.5-turbo")
	a.get("/team/info?team_id=t2").ok().has(map[string]string{"access_group_ids": `[]`})
	for _, text := range []string{a.log.String(), a.get("/audit").ok().raw, made.raw} {
		if strings.Contains(text, key) {
			t.Error("a key is shown")
		}
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
}

func TestModelsArePutIntoAccessGroups(t *testing.T) {
	t.Parallel()
	a, _ := modelAPI(t)
	for _, id := range []string{"m-1", "m-2", "m-3"} {
		name := "one"
		if id == "m-3" {
			name = "two"
		}
		a.post("/model/new", `{"model_name":"`+name+`","litellm_params":{"model":"openai/x","api_key":"k"},"model_info":{"id":"`+id+`","access_groups":["kept"]}}`).ok()
	}
	group := func(name, models, deployments string) {
		t.Helper()
		a.get("/access_group/" + name + "/info").ok().has(map[string]string{"access_group": `"` + name + `"`, "model_names": models, "deployment_count": deployments})
	}
	a.post("/access_group/new", `{"access_group":"fast","model_names":["one"]}`).ok().has(map[string]string{"access_group": `"fast"`, "model_names": `["one"]`, "model_ids": "null", "models_updated": "2"})
	group("fast", `["one"]`, "2")
	group("kept", `["one","two"]`, "3")

	// Who holds the group may call what is in it, from the next request on.
	key := a.post("/key/generate", `{"models":["fast"]}`).ok().text("key")
	may := func(want string) {
		t.Helper()
		got := ""
		for _, row := range a.call(key, "GET", "/models", "").ok().at("data").([]any) {
			got += row.(map[string]any)["id"].(string) + " "
		}
		if got != want {
			t.Errorf("may call %q, want %q", got, want)
		}
	}
	may("one ")
	a.call(master, "PUT", "/access_group/fast/update", `{"model_ids":["m-1","m-3"]}`).ok().has(map[string]string{"model_ids": `["m-1","m-3"]`, "models_updated": "2"})
	group("fast", `["one","two"]`, "2")
	may("one two ")

	a.call(master, "PUT", "/access_group/fast/budget", `{"max_budget":5}`).ok()
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "new", `{"access_group":"fast","model_names":["one"]}`, 409},
		{"POST", "new", `{"access_group":"one","model_names":["one"]}`, 409},
		{"POST", "new", `{"access_group":"x"}`, 400},
		{"POST", "new", `{"access_group":"","model_names":["one"]}`, 400},
		{"POST", "new", `{"model_names":["one"]}`, 422},
		{"POST", "new", `{"access_group":"x","model_names":["none"]}`, 400},
		{"POST", "new", `{"access_group":"x","model_names":["one","gpt-4"]}`, 400}, // of the file
		{"POST", "new", `{"access_group":"x","model_ids":["of-the-file"]}`, 400},
		{"POST", "new", `{"access_group":"x","model_ids":["none"]}`, 400},
		{"PUT", "none/update", `{"model_names":["one"]}`, 404},
		{"PUT", "fast/update", `{}`, 400},
		{"DELETE", "none/delete", ``, 404},
	} {
		if r := a.call(master, c.method, "/access_group/"+c.path, c.body); r.status != c.status {
			t.Errorf("%s %s %s: %d, want %d: %s", c.method, c.path, c.body, r.status, c.status, r.raw)
		}
	}
	group("fast", `["one","two"]`, "2")

	a.call(master, "DELETE", "/access_group/fast/delete", "").ok().has(map[string]string{"access_group": `"fast"`, "models_updated": "2"})
	if r := a.get("/access_group/fast/info"); r.status != 404 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	group("kept", `["one","two"]`, "3")
	if strings.Contains(a.get("/tag/list").ok().raw, "fast") {
		t.Error("the budget of a group that is gone is still there")
	}
	// One of the same name begins without the old one's budget.
	a.post("/access_group/new", `{"access_group":"fast","model_ids":["m-2"]}`).ok()
	a.get("/access_group/fast/budget").ok().has(map[string]string{"budget": "null"})
}
