package adminsvc

// sent are two values of each documented field, and what they are read back as where that is another.
var sent = map[string][2]string{
	"max_budget": {"12.345678901", "3.5"}, "soft_budget": {"1.25", "1.5"}, "budget_duration": {`"30d"`, `"7d"`}, "tpm_limit": {"9007199254740993", "77"}, "rpm_limit": {"10", "11"},
	"tpd_limit": {"1000", "1001"}, "max_parallel_requests": {"7", "8"}, "model_max_budget": {`{"gpt-4":{"max_budget":1.5,"budget_duration":"1d"}}`, `{"gpt-4":{"max_budget":2,"budget_duration":"7d","rpm_limit":3}}`},
	"budget_limits": {`[{"budget_duration":"1d","max_budget":1.25}]`, `[{"budget_duration":"7d","max_budget":2.25}]`}, "model_rpm_limit": {`{"gpt-4":5}`, `{"gpt-4":6,"gpt-3.5-turbo":1}`},
	"model_tpm_limit": {`{"gpt-4":500}`, `{"gpt-4":600}`}, "model_itpm_limit": {`{"gpt-4":500}`, `{"gpt-4":600}`}, "model_otpm_limit": {`{"gpt-4":500}`, `{"gpt-4":600}`},
	"mcp_rpm_limit": {`{"s":1}`, `{}`}, "tag_rpm_limit": {`{"s":1}`, `{}`}, "models": {`["gpt-4","gpt-3.5-turbo"]`, `["gpt-3.5-turbo"]`}, "allowed_models": {`["gpt-4"]`, `[]`},
	"default_team_member_models": {`["gpt-4"]`, `["gpt-3.5-turbo"]`}, "metadata": {`{"z":[1,2.5,null],"a":{"b":"ü"},"n":0}`, `{"q":1}`}, "tags": {`["b","a"]`, `["c"]`}, "blocked": {"true", "false"},
	"aliases": {`{"mine":"gpt-4"}`, `{"yours":"gpt-4"}`}, "model_aliases": {`{"mine":"gpt-4"}`, `{"yours":"gpt-4"}`}, "config": {`{"a":1}`, `{}`}, "permissions": {`{"get_spend_routes":true}`, `{}`},
	"allowed_cache_controls": {`["no-cache"]`, `[]`}, "allowed_routes": {`["llm_api_routes"]`, `["/chat/completions"]`}, "guardrails": {`["g"]`, `[]`}, "policies": {`["g"]`, `[]`}, "prompts": {`["g"]`, `[]`},
	"enforced_params": {`["user"]`, `[]`}, "object_permission": {`{"vector_stores":["v"]}`, `{}`}, "router_settings": {`{"num_retries":1}`, `{}`}, "allowed_passthrough_routes": {`["/x"]`, `[]`},
	"denied_passthrough_routes": {`["/x"]`, `[]`}, "allowed_vector_store_indexes": {`[{"index_name":"i","index_permissions":["read"]}]`, `[]`}, "disable_global_guardrails": {"true", "false"},
	"enable_prompt_caching": {"true", "false"}, "throttle_on_budget_exceeded": {"true", "false"}, "secret_manager_settings": {`{"a":"b"}`, `{}`}, "enforced_batch_output_expires_after": {`{"anchor":"created_at","seconds":3600}`, `{}`},
	"enforced_file_expires_after": {`{"anchor":"created_at","seconds":3600}`, `{}`}, "default_estimated_output_tokens": {"100", "200"}, "default_estimated_output_tokens_per_model": {`{"gpt-4":100}`, `{"gpt-4":200}`},
	"rpm_limit_type": {`"best_effort_throughput"`, `"guaranteed_throughput"`}, "tpm_limit_type": {`"best_effort_throughput"`, `"guaranteed_throughput"`}, "auto_rotate": {"true", "false"}, "rotation_interval": {`"30d"`, `"10d"`},
	"budget_fallbacks": {`{"gpt-4":["gpt-3.5-turbo"]}`, `{}`}, "team_member_budget": {"1.5", "2.5"}, "team_member_budget_duration": {`"30d"`, `"7d"`}, "team_member_key_duration": {`"30d"`, `"7d"`},
	"team_member_rpm_limit": {"4", "5"}, "team_member_tpm_limit": {"400", "500"}, "team_member_permissions": {`["/key/info","/key/generate"]`, `["/key/info"]`}, "description": {`"d"`, `"e"`}, "alias": {`"a"`, `"b"`},
	"default_model": {`"gpt-4"`, `"gpt-3.5-turbo"`}, "allowed_model_region": {`"eu"`, `null`}, "agent_id": {`"x"`, `"y"`}, "access_agent_ids": {`["a"]`, `[]`}, "access_mcp_server_ids": {`["a"]`, `[]`},
	"access_model_names": {`["gpt-4"]`, `["gpt-3.5-turbo"]`}, "assigned_team_ids": {`["team-y","team-x"]`, `["team-x"]`}, "assigned_key_ids": {`["{key2}","{key1}"]`, `["{key1}"]`}, "access_group_ids": {`["{group2}","{group1}"]`, `["{group1}"]`},
	"budget_id": {`"shared"`, `"shared2"`}, "end_user_budget_id": {`"shared"`, `"shared2"`}, "organization_id": {`"org-x"`, `"org-y"`}, "team_id": {`"team-x"`, `"team-y"`}, "project_id": {`"proj-x"`, `null`}, "user_id": {`"user-x"`, `"user-y"`},
	"organizations": {`["org-x"]`, ``}, "teams": {`["team-x"]`, ``}, "admins": {`["user-x"]`, ``}, "user_role": {`"internal_user"`, `"internal_user_viewer"`}, "model_info": {`{"a":"b"}`, `{"c":"d"}`},
	"key_alias": {`"{new}"`, `"{new}"`}, "team_alias": {`"{new}"`, `"{new}"`}, "project_alias": {`"{new}"`, `"{new}"`}, "organization_alias": {`"{new}"`, `"{new}"`}, "user_alias": {`"{new}"`, `"{new}"`},
	"user_email": {`"{new}@example.com"`, `"{new}@example.com"`}, "sso_user_id": {`"{new}"`, `"{new}"`}, "access_group_name": {`"{new}"`, `"{new}"`},
}

// notAsCode are documented fields that are not a part of what is read back, and why.
var notAsCode = map[string]string{
	"key": "it names a key", "duration": "expires says until when", "key_type": "allowed_routes says what it means", "spend": "it is what was spent", "password": "nobody reads one",
	"send_invite_email": "of the call", "auto_create_key": "of the call", "temp_budget_increase": "it needs temp_budget_expiry", "temp_budget_expiry": "it needs temp_budget_increase",
	"budget_reset_at": "it follows from budget_duration", "members": "members have rows", "members_with_roles": "members have rows",
	"user aliases": "of the key that is made with it", "user permissions": "of the key that is made with it", "user key_alias": "of the key that is made with it", "user team_id": "of the key that is made with it", "user agent_id": "of the key that is made with it",
}

// unset is what some fields are where nothing, or null, was sent: not null.
var unset = map[string]string{
	"user organizations": "[]", "user teams": "[]", "access_group assigned_key_ids": "[]", "access_group assigned_team_ids": "[]", "project budget_id": `"budget-{id}"`, "organization budget_id": `"budget-{id}"`,
}
