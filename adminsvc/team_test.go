package adminsvc

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestTeamReadsBackAsSent(t *testing.T) {
	t.Parallel()
	a := setup(t)
	sent := map[string]string{
		"team_alias": `"A"`, "max_budget": "0", "tpm_limit": "null", "rpm_limit": "5", "models": `["b","a"]`, "metadata": `{"a":null,"z":1.0}`, "budget_duration": `"1mo"`,
		"team_member_budget": "2.50", "team_member_rpm_limit": "3", "default_team_member_models": `["a"]`, "model_aliases": `{"fast":"a"}`, "tags": `["x"]`, "team_member_permissions": `["/key/info"]`,
		"blocked": "false", "soft_budget": "1", "team_member_key_duration": `"30d"`,
	}
	body := `{"team_id":"t1"`
	for k, v := range sent {
		body += `,"` + k + `":` + v
	}
	a.post("/team/new", body+`}`).ok().has(sent).has(map[string]string{"spend": "0.0", "budget_reset_at": `"2026-04-01T00:00:00Z"`, "litellm_model_table.model_aliases": `{"fast":"a"}`, "members": "[]"})
	a.get("/team/info?team_id=t1").ok().has(sent)
	e, err := policy.Get[*policy.Team](t.Context(), a.store, policy.Ref{Kind: policy.EntityTeam, ID: "t1"})
	if err != nil {
		t.Fatal(err)
	}
	if *e.MemberLimits.MaxBudget != 5*policy.Dollar/2 || *e.MemberLimits.RPM != 3 || e.MemberModels[0] != "a" || e.Aliases["fast"] != "a" || e.Tags[0] != "x" || *e.Limits.MaxBudget != 0 {
		t.Errorf("%+v", e)
	}
	// Members' keys live as long as the team lets them.
	a.post("/key/generate", `{"team_id":"t1","user_id":"u","duration":"31d"}`).refused(400, "bad_request_error", "duration")
	if k := a.post("/key/generate", `{"team_id":"t1","user_id":"u"}`).ok(); k.at("expires") == nil {
		t.Error("a member's key lives forever")
	}
	// The alias of an alias: PATCH answers the row alone.
	a.call(master, "PATCH", "/team/t1", `{"metadata":null,"models":null,"blocked":true}`).ok().
		has(map[string]string{"metadata": "null", "models": "null", "blocked": "true", "data": "null", "rpm_limit": "5"})
}

func TestTeamMembers(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","admins":["boss"],"members":["u0"],"team_member_budget":5,"models":["gpt-4"]}`).ok().
		has(map[string]string{"members_with_roles.0.user_id": `"u0"`, "members_with_roles.0.role": `"user"`, "members_with_roles.1.role": `"admin"`, "admins": `["boss"]`})
	a.post("/team/member_add", `{"team_id":"t1","member":[{"user_id":"u1","role":"user"},{"user_email":"New@Example.com","role":"admin"}],"max_budget_in_team":0,"allowed_models":["gpt-4"]}`).ok().
		has(map[string]string{"members_with_roles.2.user_id": `"u1"`, "members_with_roles.3.user_email": `"New@Example.com"`, "updated_users.0.user_id": `"u1"`, "updated_users.1.user_email": `"New@Example.com"`,
			"updated_team_memberships.0.litellm_budget_table.max_budget": "0.0", "updated_team_memberships.0.litellm_budget_table.allowed_models": `["gpt-4"]`})
	m, err := policy.Get[*policy.Membership](t.Context(), a.store, policy.Ref{Kind: policy.EntityMembership, ID: policy.MemberID("t1", "u1")})
	if err != nil || *m.Limits.MaxBudget != 0 || m.Models[0] != "gpt-4" {
		t.Fatalf("%+v %v", m, err)
	}
	a.post("/team/member_add", `{"team_id":"t1","member":{"user_id":"u1","role":"user"}}`).refused(400, "team_member_already_in_team", "member")
	a.post("/team/member_add", `{"team_id":"t1","member":{"user_email":"new@example.COM","role":"user"}}`).refused(400, "team_member_already_in_team", "member")
	a.post("/team/member_add", `{"team_id":"t1","member":{"role":"user"}}`).refused(400, "bad_request_error", "member")
	a.post("/team/member_add", `{"team_id":"t1","member":[]}`).refused(400, "bad_request_error", "member")
	a.post("/team/member_add", `{"team_id":"t1","member":{"user_id":"u5","role":"user"},"allowed_models":["other"]}`).refused(400, "bad_request_error", "allowed_models")
	a.post("/team/member_add", `{"team_id":"t1","member":{"user_id":"u5","role":"user"},"budget_duration":"x","max_budget_in_team":1}`).refused(400, "bad_request_error", "budget_duration")

	a.post("/team/member_update", `{"team_id":"t1","user_id":"u1","role":"admin","max_budget_in_team":3,"tpm_limit":9}`).ok().
		has(map[string]string{"user_id": `"u1"`, "role": `"admin"`, "max_budget_in_team": "3", "tpm_limit": "9", "allowed_models": `["gpt-4"]`})
	a.post("/team/member_update", `{"team_id":"t1","user_email":"NEW@example.com","max_budget_in_team":null}`).ok().has(map[string]string{"max_budget_in_team": "null"})
	a.post("/team/member_update", `{"team_id":"t1"}`).refused(400, "bad_request_error", "user_id")

	k := a.post("/key/generate", `{"team_id":"t1","user_id":"u1"}`).ok()
	a.post("/key/generate", `{"team_id":"t1","user_id":"u0"}`).ok()
	a.spend(policy.Entry{KeyHash: k.text("token"), TeamID: "t1", UserID: "u1", ModelAsked: "gpt-4", Cost: policy.Cost{Total: policy.Dollar}})
	me := a.call(k.text("key"), "GET", "/team/t1/members/me", "").ok()
	me.has(map[string]string{"user_id": `"u1"`, "team_id": `"t1"`, "spend": "1.0", "role": `"admin"`, "litellm_budget_table.max_budget": "3.0"})
	a.get("/team/t1/members/me").refused(404, "not_found_error", "team_id")
	a.post("/team/t1/member/u1/reset_spend", `{"reset_to":0}`).ok().has(map[string]string{"previous_spend": "1.0", "spend": "0.0", "max_budget": "3.0"})
	a.get("/team/info?team_id=t1&key_limit=1").ok().has(map[string]string{"spend": "1.0", "model_spend": `{"gpt-4":1.0}`, "keys.1": "null",
		"members.0.user_id": `"u1"`, "members.1.user_id": `"u0"`, "members.2.user_id": `"boss"`, "members.2.key": "null", "members.4": "null",
		"team_memberships.0.user_id": `"u0"`, "team_memberships.0.litellm_budget_table.max_budget": "5.0", "team_memberships.2.spend": "0.0", "team_memberships.2.total_spend": "0.0"})

	// Whoever leaves leaves nothing behind.
	a.post("/team/member_delete", `{"team_id":"t1","user_id":"u1"}`).ok()
	a.call(k.text("key"), "POST", "/key/health", "").refused(401, "token_not_found_in_db", "key")
	if _, err := policy.Get[*policy.Membership](t.Context(), a.store, policy.Ref{Kind: policy.EntityMembership, ID: policy.MemberID("t1", "u1")}); err == nil {
		t.Error("the membership is there")
	}
	a.post("/team/member_update", `{"team_id":"t1","user_id":"boss","role":"user"}`).ok()
	a.get("/team/info?team_id=t1").ok().has(map[string]string{"admins": "[]"})

	bulk := a.post("/team/bulk_member_add", `{"team_id":"t1","members":[{"user_id":"b1","role":"user"},{"user_id":"boss","role":"user"},{"role":"user"}],"max_budget_in_team":1}`).ok()
	bulk.has(map[string]string{"total_requested": "3", "successful_additions": "1", "failed_additions": "2", "results.0.success": "true", "results.1.success": "false"})
	a.post("/team/bulk_member_add", `{"team_id":"t1","all_users":true}`).ok().has(map[string]string{"failed_additions": "4"})
	a.post("/team/bulk_member_add", `{"team_id":"t1"}`).refused(400, "bad_request_error", "members")
}

func TestTeamModels(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","models":["a","b"]}`).ok()
	a.post("/team/model/add", `{"team_id":"t1","models":["c","a"]}`).ok().has(map[string]string{"models": `["a","b","c"]`})
	a.post("/team/model/delete", `{"team_id":"t1","models":["b","x"]}`).ok().has(map[string]string{"models": `["a","c"]`})
	// The empty list would be all models.
	a.post("/team/model/delete", `{"team_id":"t1","models":["a","c"]}`).ok().has(map[string]string{"models": `["no-default-models"]`})
}

// What hangs on a team holds it, or goes with it.
func TestTeamDelete(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for _, id := range []string{"t1", "t2"} {
		a.post("/team/new", `{"team_id":"`+id+`"}`).ok()
	}
	k := a.post("/key/generate", `{"team_id":"t1"}`).ok().text("key")
	a.post("/project/new", `{"project_id":"p2","team_id":"t2"}`).ok()
	r := a.post("/team/delete", `{"team_ids":["t1","t2"]}`).refused(400, "bad_request_error", "team_ids")
	if want := "Team t2 still has 1 projects: p2. Delete or move them first."; r.text("error.message") != want {
		t.Error(r.raw)
	}
	a.call(k, "POST", "/key/health", "").ok() // all or none
	a.post("/team/delete", `{"team_ids":["t1","nowhere"]}`).refused(404, "not_found_error", "team_id")
	a.post("/team/delete", `{"team_ids":[]}`).refused(400, "bad_request_error", "team_ids")
	a.post("/team/delete", `{"team_ids":["t1"]}`).ok().has(map[string]string{"deleted_teams": `["t1"]`})
	a.call(k, "POST", "/key/health", "").refused(401, "token_not_found_in_db", "key")
	a.get("/v2/team/list?status=deleted").ok().has(map[string]string{"teams.0.team_id": `"t1"`, "total": "1"})
}

// An organization bounds its teams.
func TestTeamWithinItsOrganization(t *testing.T) {
	t.Parallel()
	a := setup(t)
	rpm, budget := int64(100), 50*policy.Dollar
	org := &policy.Organization{ID: "o1", Record: policy.Record{CreatedAt: a.now, UpdatedAt: a.now}}
	org.Models, org.Limits = []string{"gpt-4", "beta-models"}, policy.Limits{MaxBudget: &budget, RPM: &rpm}
	if err := a.store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error { return tx.Create(t.Context(), org) }); err != nil {
		t.Fatal(err)
	}
	for body, param := range map[string]string{
		`"models":["gpt-3.5-turbo"]`: "models", `"models":["all-proxy-models"]`: "models", `"max_budget":51`: "max_budget", `"rpm_limit":101`: "rpm_limit",
	} {
		a.post("/team/new", `{"organization_id":"o1",`+body+`}`).refused(403, "auth_error", param)
	}
	a.post("/team/new", `{"team_id":"t1","organization_id":"o1","models":["claude-3-sonnet"],"max_budget":50,"rpm_limit":60,"rpm_limit_type":"guaranteed_throughput"}`).ok()
	a.post("/team/new", `{"organization_id":"o1","rpm_limit":41,"rpm_limit_type":"guaranteed_throughput"}`).refused(400, "bad_request_error", "rpm_limit")
	a.post("/team/update", `{"team_id":"t1","max_budget":60}`).refused(403, "auth_error", "max_budget")
	a.post("/key/generate", `{"team_id":"t1"}`).ok().has(map[string]string{"organization_id": `"o1"`})
	a.post("/key/generate", `{"team_id":"t1","organization_id":"o2"}`).refused(400, "bad_request_error", "organization_id")
	a.get("/team/list?organization_id=o1").ok().has(map[string]string{"teams.0.team_id": `"t1"`, "teams.1": "null"})
	a.get("/v2/team/list?search=T1").ok().has(map[string]string{"total": "1", "teams.0.keys_count": "1", "teams.0.members_count": "0"})
}
