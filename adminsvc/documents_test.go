package adminsvc

import "testing"

// The examples of doc-project-management-api.txt, in their order.
func TestProjectDocument(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"ad898803-c8a3-4f4a-976a-a3c372cffa45"}`).ok()
	a.post("/team/new", `{"team_id":"team-123"}`).ok()

	p := a.post("/project/new", `{
"project_alias": "flight-search-assistant",
"team_id": "ad898803-c8a3-4f4a-976a-a3c372cffa45",
"models": ["gpt-4", "gpt-3.5-turbo"],
"max_budget": 100,
"metadata": {
"use_case_id": "SNOW-12345",
"responsible_ai_id": "RAI-67890"
}
}`).ok().has(map[string]string{
		"project_alias": `"flight-search-assistant"`, "team_id": `"ad898803-c8a3-4f4a-976a-a3c372cffa45"`, "models": `["gpt-4","gpt-3.5-turbo"]`,
		"max_budget": "100", "spend": "0.0", "metadata.use_case_id": `"SNOW-12345"`, "litellm_budget_table.max_budget": "100",
	})
	id := p.text("project_id")
	if id == "" || p.text("budget_id") == "" || p.text("budget_id") != p.text("litellm_budget_table.budget_id") {
		t.Fatal(p.raw)
	}
	k := a.post("/key/generate", `{
"models": ["gpt-3.5-turbo", "gpt-4"],
"metadata": {"user": "ishaan@berri.ai"},
"project_id": "`+id+`"
}`).ok().has(map[string]string{"project_id": `"` + id + `"`, "team_id": `"ad898803-c8a3-4f4a-976a-a3c372cffa45"`, "models": `["gpt-3.5-turbo","gpt-4"]`, "metadata": `{"user":"ishaan@berri.ai"}`})
	if key := k.text("key"); len(key) != 25 || k.text("key_name") != "sk-..."+key[21:] {
		t.Error(k.raw)
	}
	a.post("/project/new", `{"project_id":"project-abc","project_alias":"hotel-recommendations","team_id":"team-123","models":["claude-3-sonnet"],
		"max_budget":200,"tpm_limit":100000,"metadata":{"use_case_id":"SNOW-12346","cost_center":"travel-products"}}`).ok().
		has(map[string]string{"project_id": `"project-abc"`, "tpm_limit": "100000", "litellm_budget_table.tpm_limit": "100000"})
	a.post("/project/update", `{"project_id":"project-abc","max_budget":200,"tpm_limit":200000,"metadata":{"status":"production"}}`).ok().
		has(map[string]string{"metadata": `{"status":"production"}`, "tpm_limit": "200000", "models": `["claude-3-sonnet"]`, "project_alias": `"hotel-recommendations"`})
	a.post("/project/new", `{"project_id":"project-def","team_id":"team-123"}`).ok()
	a.get("/project/info?project_id=project-abc").ok().has(map[string]string{"project_id": `"project-abc"`, "spend": "0.0", "model_spend": "{}", "metadata": `{"status":"production"}`})
	a.get("/project/list").ok().has(map[string]string{"1.project_id": `"project-abc"`, "2.project_id": `"project-def"`, "3": "null"})
	a.call(master, "DELETE", "/project/delete", `{"project_ids":["project-abc","project-def"]}`).ok().has(map[string]string{"0.project_id": `"project-abc"`, "1.project_id": `"project-def"`})
	a.get("/project/list").ok().has(map[string]string{"1": "null"})
	a.post("/project/new", `{"project_alias":"multi-model-project","team_id":"team-123","models":["gpt-4","gpt-3.5-turbo","claude-3-sonnet"],"max_budget":500,
		"metadata":{"model_tpm_limit":{"gpt-4":50000,"gpt-3.5-turbo":200000,"claude-3-sonnet":100000},"model_rpm_limit":{"gpt-4":50,"gpt-3.5-turbo":500,"claude-3-sonnet":100}}}`).ok().
		has(map[string]string{"metadata.model_rpm_limit.gpt-4": "50"})
}

// The examples of doc-team-api.txt, its Python's reads included.
func TestTeamDocument(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"data-science-team","team_alias":"Data Science Team","models":["gpt-4","claude-2"],"max_budget":500.0,"tpm_limit":500000,
		"budget_duration":"30d","metadata":{"department":"Data Science"}}`).ok().
		has(map[string]string{"team_id": `"data-science-team"`, "team_alias": `"Data Science Team"`, "models": `["gpt-4","claude-2"]`, "max_budget": "500.0", "spend": "0.0",
			"tpm_limit": "500000", "budget_duration": `"30d"`, "budget_reset_at": `"2026-04-01T00:00:00Z"`, "blocked": "false"})
	for _, user := range []string{"1", "2", "3"} {
		a.post("/key/generate", `{"team_id":"data-science-team","user_id":"ds-user-`+user+`","models":["gpt-4"],"duration":"30d"}`).ok().
			has(map[string]string{"user_id": `"ds-user-` + user + `"`})
	}
	info := a.get("/team/info?team_id=data-science-team").ok().has(map[string]string{
		"team_alias": `"Data Science Team"`, "spend": "0.0", "max_budget": "500.0", "metadata": `{"department":"Data Science"}`,
		"members.0.user_id": `"ds-user-1"`, "members.2.user_id": `"ds-user-3"`, "members.3": "null",
		"team_info.team_id": `"data-science-team"`, "keys.2.user_id": `"ds-user-3"`, "team_memberships": "[]",
	})
	if key := info.text("members.0.key"); len(key) != 10 {
		t.Errorf("a member's key is shown as %q", key)
	}
	a.post("/team/update", `{"team_id":"data-science-team","max_budget":1000.0}`).ok().
		has(map[string]string{"max_budget": "1000.0", "data.max_budget": "1000.0", "tpm_limit": "500000", "metadata": `{"department":"Data Science"}`})
	a.get("/team/list").ok().has(map[string]string{"teams.0.team_alias": `"Data Science Team"`, "teams.0.max_budget": "1000.0", "teams.1": "null"})
	a.get("/team/list?format=array").ok().has(map[string]string{"0.team_id": `"data-science-team"`, "0.keys.2.user_id": `"ds-user-3"`})
	a.post("/team/block", `{"team_id":"data-science-team"}`).ok().has(map[string]string{"blocked": "true"})
	a.post("/team/unblock", `{"team_id":"data-science-team"}`).ok().has(map[string]string{"blocked": "false"})
	a.post("/team/delete", `{"team_ids":["data-science-team"]}`).ok().has(map[string]string{"deleted_teams": `["data-science-team"]`})
	a.get("/team/list").ok().has(map[string]string{"teams": "[]"})
	a.get("/key/list").ok().has(map[string]string{"keys": "[]"})
}
