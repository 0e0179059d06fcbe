package adminsvc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// raised is, for each field of the bodies below, a value that gives more than tight does.
var raised = map[string]string{
	"max_budget": "1000000", "soft_budget": "1000000", "max_budget_in_team": "1000000", "team_member_budget": "1000000", "spend": "0",
	"rpm_limit": "1000000", "tpm_limit": "1000000", "tpd_limit": "1000000", "itpm_limit": "1000000", "otpm_limit": "1000000", "max_parallel_requests": "1000000",
	"team_member_rpm_limit": "1000000", "team_member_tpm_limit": "1000000",
	"model_rpm_limit": `{"gpt-4":1000000}`, "model_tpm_limit": `{"gpt-4":1000000}`, "model_itpm_limit": `{"gpt-4":1000000}`, "model_otpm_limit": `{"gpt-4":1000000}`,
	"mcp_rpm_limit": `{"a":1000000}`, "tag_rpm_limit": `{"a":1000000}`,
	"model_max_budget": `{"gpt-4":{"budget_limit":1000000,"time_period":"1d"}}`, "budget_limits": `[{"budget_duration":"1d","max_budget":1000000}]`,
	"budget_duration": `"1s"`, "team_member_budget_duration": `"1s"`, "team_member_key_duration": `"9999d"`, "duration": `"9999d"`, "budget_id": `"rich"`, "end_user_budget_id": `"rich"`,
	"budget_fallbacks": `{"gpt-4":["claude-3-sonnet"]}`, "temp_budget_increase": "1000000", "temp_budget_expiry": `"2030-01-01"`, "throttle_on_budget_exceeded": "true",
	"models": `["claude-3-sonnet"]`, "allowed_models": `["claude-3-sonnet"]`, "default_team_member_models": `["claude-3-sonnet"]`, "model_aliases": `{"cheap":"claude-3-sonnet"}`,
	"aliases": `{"cheap":"claude-3-sonnet"}`, "access_group_ids": `["{ag1}"]`, "allowed_routes": `["/*"]`, "allowed_ips": `["0.0.0.0/0"]`, "key_type": `"default"`,
	"allowed_passthrough_routes": `["/x"]`, "denied_passthrough_routes": `["/x"]`, "allowed_vector_store_indexes": `[{"index_name":"x"}]`, "allowed_cache_controls": `["no-cache"]`,
	"organization_id": `"org2"`, "team_id": `"t2"`, "project_id": `"p2"`, "user_id": `"outsider"`, "agent_id": `"a"`, "organizations": `["org2"]`, "teams": `["t2"]`,
	"user_role": `"proxy_admin"`, "role": `"admin"`, "password": `"a-new-long-password"`, "permissions": `{"get_spend_routes":true}`, "team_member_permissions": `["/key/generate"]`,
	"blocked": "false", "enforcement": `"shadow"`, "shadow_limits": `["max_budget"]`, "guardrails": `["x"]`, "policies": `["x"]`, "prompts": `["x"]`, "enforced_params": `["user"]`,
	"object_permission": `{"vector_stores":["x"]}`, "router_settings": `{"num_retries":9}`, "config": `{"a":1}`, "secret_manager_settings": `{"a":1}`, "disable_global_guardrails": "true",
	"allow_team_guardrail_config": "true", "enforced_batch_output_expires_after": `{"anchor":"created_at","seconds":1}`, "enforced_file_expires_after": `{"anchor":"created_at","seconds":1}`,
	"auto_rotate": "true", "rotation_interval": `"1d"`, "rpm_limit_type": `"best_effort_throughput"`, "tpm_limit_type": `"best_effort_throughput"`, "enable_prompt_caching": "true",
	"default_estimated_output_tokens": "1", "default_estimated_output_tokens_per_model": `{"gpt-4":1}`, "metadata": `{"n":"free"}`, "tags": `[]`, "description": `"x"`,
	"key_alias": `"alias-%d"`, "team_alias": `"alias-%d"`, "project_alias": `"alias-%d"`, "organization_alias": `"alias-%d"`, "user_alias": `"alias-%d"`,
	"user_email": `"%d@example.org"`, "sso_user_id": `"sso-%d"`, "send_invite_email": "true", "key": `"{t2key}"`,
}

// tight is a world where everything has limits.
const tight = `"max_budget":5,"budget_duration":"30d","rpm_limit":5,"tpm_limit":500,"tpd_limit":5000,"itpm_limit":500,"otpm_limit":500,"max_parallel_requests":2,"models":["gpt-4"],` +
	`"model_rpm_limit":{"gpt-4":5},"model_tpm_limit":{"gpt-4":500},"model_itpm_limit":{"gpt-4":500},"model_otpm_limit":{"gpt-4":500},` +
	`"model_max_budget":{"gpt-4":{"budget_limit":1,"time_period":"1d"}},"budget_limits":[{"budget_duration":"1d","max_budget":1}],"budget_id":"poor",` +
	`"temp_budget_increase":1,"temp_budget_expiry":"2026-03-12"`

const tightKey = tight + `,"duration":"1d","tags":["costly"],"allowed_routes":["llm_api_routes","management_routes"],"allowed_ips":["192.0.2.1"],"end_user_budget_id":"poor"`

// mayRaise says which fields of what is theirs somebody may set to more than it is: all
// others are refused, field by field. A field that is declared and has no value in
// raised fails the test.
var mayRaise = []struct {
	method, path, good string
	mine               bool // good is sent by a key that itself is tight
	may                map[string]string
}{
	{method: "POST", path: "/team/update", good: `"team_id":"t1"`, may: map[string]string{
		"orgadmin":  "access_group_ids allow_team_guardrail_config blocked budget_duration budget_id budget_limits default_estimated_output_tokens default_estimated_output_tokens_per_model default_team_member_models disable_global_guardrails metadata model_aliases model_itpm_limit model_max_budget model_otpm_limit model_rpm_limit model_tpm_limit rpm_limit_type secret_manager_settings soft_budget tags team_alias team_member_budget team_member_budget_duration team_member_key_duration team_member_permissions team_member_rpm_limit team_member_tpm_limit temp_budget_expiry temp_budget_increase tpm_limit_type",
		"teamadmin": "allow_team_guardrail_config blocked default_estimated_output_tokens default_estimated_output_tokens_per_model default_team_member_models disable_global_guardrails metadata model_aliases rpm_limit_type secret_manager_settings soft_budget team_alias team_member_budget team_member_budget_duration team_member_key_duration team_member_permissions team_member_rpm_limit team_member_tpm_limit tpm_limit_type",
		"member":    "",
	}},
	{method: "POST", path: "/project/update", good: `"project_id":"p1"`, may: map[string]string{
		"orgadmin":  "blocked budget_duration budget_id budget_limits description metadata model_itpm_limit model_max_budget model_otpm_limit model_rpm_limit model_tpm_limit project_alias tags temp_budget_expiry temp_budget_increase",
		"teamadmin": "blocked budget_duration budget_id budget_limits description metadata model_itpm_limit model_max_budget model_otpm_limit model_rpm_limit model_tpm_limit project_alias tags temp_budget_expiry temp_budget_increase",
		"member":    "",
	}},
	{method: "POST", path: "/key/update", good: `"key":"{own}"`, may: map[string]string{
		"stranger": "aliases blocked default_estimated_output_tokens default_estimated_output_tokens_per_model disable_global_guardrails enable_prompt_caching key_alias metadata rotation_interval rpm_limit_type soft_budget tpm_limit_type",
		"own":      "aliases blocked default_estimated_output_tokens default_estimated_output_tokens_per_model disable_global_guardrails enable_prompt_caching key_alias metadata rotation_interval rpm_limit_type soft_budget tpm_limit_type",
	}},
	{method: "POST", path: "/key/update", good: `"key":"{memberkey}"`, may: map[string]string{
		"teamadmin": "access_group_ids aliases allowed_ips allowed_routes blocked budget_duration budget_id budget_limits default_estimated_output_tokens default_estimated_output_tokens_per_model disable_global_guardrails duration enable_prompt_caching end_user_budget_id itpm_limit key_alias max_budget max_parallel_requests metadata model_itpm_limit model_max_budget model_otpm_limit model_rpm_limit model_tpm_limit otpm_limit rotation_interval rpm_limit rpm_limit_type soft_budget spend tags temp_budget_expiry temp_budget_increase tpd_limit tpm_limit tpm_limit_type",
		"member":    "aliases blocked default_estimated_output_tokens default_estimated_output_tokens_per_model disable_global_guardrails enable_prompt_caching key_alias metadata rotation_interval rpm_limit_type soft_budget tpm_limit_type",
		"memberkey": "aliases blocked default_estimated_output_tokens default_estimated_output_tokens_per_model disable_global_guardrails enable_prompt_caching key_alias metadata rotation_interval rpm_limit_type soft_budget tpm_limit_type",
	}},
	{method: "POST", path: "/key/generate", may: map[string]string{
		"own": "",
	}},
	{method: "POST", path: "/user/update", good: `"user_id":"stranger"`, may: map[string]string{
		"stranger": "metadata user_alias",
		"own":      "metadata user_alias",
	}},
	{method: "PATCH", path: "/organization/update", good: `"organization_id":"org1"`, may: map[string]string{
		"orgadmin": "metadata organization_alias soft_budget",
	}},
	{method: "POST", path: "/team/member_update", good: `"team_id":"t1","user_id":"member"`, may: map[string]string{
		"teamadmin": "budget_duration max_budget_in_team role rpm_limit temp_budget_expiry temp_budget_increase tpm_limit user_email",
		"member":    "",
	}},
}

func TestNobodyRaisesWhatBindsThem(t *testing.T) {
	t.Parallel()
	var n int
	for _, c := range mayRaise {
		for who, want := range c.may {
			t.Run(c.path+" "+who, func(t *testing.T) {
				t.Parallel()
				w := routesWorld(t)
				w.post("/budget/new", `{"budget_id":"rich","max_budget":1000000}`).ok()
				w.post("/budget/new", `{"budget_id":"poor","max_budget":1}`).ok()
				w.call(master, "PUT", "/v1/access_group/"+w.hash["ag1"], `{"access_model_names":["claude-3-sonnet"]}`).ok()
				w.call(master, "PATCH", "/organization/update", `{"organization_id":"org1",`+tight+`}`).ok()
				w.post("/team/update", `{"team_id":"t1","tags":["costly"],`+tight+`}`).ok()
				w.post("/project/update", `{"project_id":"p1","tags":["costly"],`+tight+`}`).ok()
				w.post("/user/update", `{"user_id":"stranger",`+tight+`}`).ok()
				for _, k := range []string{"own", "memberkey"} {
					w.post("/key/update", `{"key":"`+w.hash[k]+`",`+tightKey+`}`).ok()
				}
				w.post("/team/member_update", `{"team_id":"t1","user_id":"member","max_budget_in_team":1,"rpm_limit":1,"tpm_limit":10,"budget_duration":"30d","allowed_models":["gpt-4"]}`).ok()
				item := w.server.openapi.Paths[c.path]
				op := item.Post
				if c.method == "PATCH" {
					op = item.Patch
				}
				ref := op.RequestBody.Content["application/json"].Schema.Ref
				schema := w.server.openapi.Components.Schemas.Map()[ref[strings.LastIndex(ref, "/")+1:]]
				var can []string
				for _, field := range slices.Sorted(maps.Keys(schema.Properties)) { // in order: what one set, the next finds
					value, ok := raised[field]
					if !ok {
						t.Errorf("%s has no value here", field)
						continue
					}
					if strings.HasPrefix(c.good, fmt.Sprintf("%q:", field)) || strings.Contains(c.good, fmt.Sprintf(",%q:", field)) {
						continue
					}
					n++
					body := w.put("{"+strings.TrimPrefix(c.good+fmt.Sprintf(",%q:%s}", field, value), ","), n)
					before := w.revision()
					got := w.call(w.keys[who], c.method, c.path, body)
					switch {
					case got.status < 300:
						can = append(can, field)
						if c.path == "/key/generate" {
							w.post("/key/delete", `{"keys":["`+got.text("token")+`"]}`).ok()
						}
					case got.status >= 500 && got.status != 501:
						t.Errorf("%s: %d %s", field, got.status, got.raw)
					case w.revision() != before:
						t.Errorf("%s was refused, and something changed: %s", field, got.raw)
					}
				}
				slices.Sort(can)
				if got := strings.Join(can, " "); got != want {
					t.Errorf("may raise %q, want %q", got, want)
				}
			})
		}
	}
}
