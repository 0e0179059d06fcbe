package adminsvc

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
	"access_group": `"more-%d"`, "access_group_name": `"more-%d"`, "access_model_names": `["claude-3-sonnet"]`, "assigned_key_ids": `["{t2key}"]`, "assigned_team_ids": `["t2"]`,
	"access_agent_ids": `["a"]`, "access_mcp_server_ids": `["a"]`, "admins": `["outsider"]`, "members": `[{"user_id":"outsider","role":"admin"}]`,
	"members_with_roles": `[{"user_id":"outsider","role":"admin"}]`, "all_users": "true", "apply_to_all_teams": "true", "auto_create_key": "true", "alias": `"alias-%d"`,
	"allowed_model_region": `"eu"`, "budget_reset_at": `"2030-01-01T00:00:00Z"`, "default_model": `"claude-3-sonnet"`, "grace_period": `"9999d"`, "id": `"m1"`, "keys": `["{t2key}"]`,
	"member": `{"user_id":"outsider","role":"admin"}`, "team_ids": `["t2"]`, "user_ids": `["outsider"]`, "organization_ids": `["org2"]`, "project_ids": `["p2"]`, "key_ids": `["{t2key}"]`, "key_aliases": `["alias"]`,
	"name": `"g-%d"`, "model_name": `"m-%d"`, "model_id": `"m1"`, "model_ids": `["m1"]`, "model_names": `["m"]`, "mode": `"shadow"`, "reset_to": "0", "invitation_id": `"{invitation}"`, "is_accepted": "true", "users": `[{"user_id":"outsider","rpm_limit":1}]`,
	"user_updates": `{"rpm_limit":1}`, "update_fields": `{"rpm_limit":1000000}`, "all_keys_in_team": "true",
	"litellm_params": `{"model":"openai/y"}`, "model_info": `{"mode":"chat"}`, "max_budget_in_organization": "1000000", "current_password": `"x"`, "new_password": `"a-new-long-password"`, "new_key": `"sk-a-key-of-my-own-%d"`, "new_master_key": `"sk-another-master-%d"`,
	"disable_custom_api_keys": "true", "disable_agents_for_internal_users": "true", "disable_key_generate_for_org_admin": "true", "disable_model_add_for_internal_users": "true", "disable_team_admin_delete_team_user": "true",
	"disable_vector_stores_for_internal_users": "true", "enable_chat_ui": "true", "enable_projects_ui": "true", "enabled_ui_pages_internal_users": `["keys"]`,
	"forward_client_headers_to_llm_api": "true", "require_auth_for_public_ai_hub": "true", "scope_user_search_to_org": "true", "team_admin_editable_team_fields": `["max_budget"]`,
}

// tight is a world where everything has limits.
const tight = `"metadata":{"model_rpm_limit":{"gpt-3.5-turbo":1}},"max_budget":5,"budget_duration":"30d","rpm_limit":5,"tpm_limit":500,"tpd_limit":5000,"itpm_limit":500,"otpm_limit":500,"max_parallel_requests":2,"models":["gpt-4"],` +
	`"model_rpm_limit":{"gpt-4":5},"model_tpm_limit":{"gpt-4":500},"model_itpm_limit":{"gpt-4":500},"model_otpm_limit":{"gpt-4":500},` +
	`"model_max_budget":{"gpt-4":{"budget_limit":1,"time_period":"1d"}},"budget_limits":[{"budget_duration":"1d","max_budget":1}],"budget_id":"poor",` +
	`"temp_budget_increase":1,"temp_budget_expiry":"2026-03-12"`

const tightKey = tight + `,"duration":"1d","tags":["costly"],"allowed_routes":["llm_api_routes","management_routes"],"allowed_ips":["192.0.2.1"],"end_user_budget_id":"poor"`
