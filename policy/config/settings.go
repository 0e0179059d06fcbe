package config

import (
	"slices"

	"github.com/purser/purser/policy"
)

// Everything LiteLLM knows in a config.yaml, and what becomes of it here. The
// reference in the README is made of these tables.

// many is a group of settings with one fate and one reason.
func many[Into any](does disposition, help string, names ...string) table[Into] {
	t := make(table[Into], len(names))
	for i, name := range names {
		t[i] = setting[Into]{name: name, does: does, help: help}
	}
	return t
}

// Reasons that several settings share.
const (
	noGuardrails  = "requests and replies are not inspected"
	noCallbacks   = "there are no callbacks; take spend from /spend/logs, and metrics from Prometheus"
	noCache       = "replies are not cached"
	noMCP         = "there is no gateway for MCP, tools and agents here"
	noFallbacks   = "a failed call is not tried again on another model"
	noAlerting    = "alerts are set up in Purser's own settings"
	noFiles       = "files, batches and fine-tuning pass through without being looked at"
	noPassThrough = "only the paths of the known API formats are served"
	noPrompts     = "prompts are not kept here"
	noHooks       = "there is no Python here to run it"
	noDatabase    = "set it in DATABASE_URL"
	noCredential  = "write api_key into the model's entry"
	ownHealth     = "a deployment that fails is left out by itself: see allowed_fails and cooldown_time"
	ownLogs       = "logs and traces are set up where the services are started"
	ownUI         = "the web interface has its own settings"
	noVault       = "secrets come from the environment, from files or from this file"
)

// topTable is the file itself. The three settings that documentation shows
// without their section may stand here as well.
var topTable = slices.Concat(
	table[*Config]{
		{name: "model_list", as: "list of models", help: "the deployments, see below", read: func(*reader, *Config, value) {}},
		{name: "credential_list", as: "list", help: "named sets of api_key, api_base, … for litellm_params.litellm_credential_name", read: func(*reader, *Config, value) {}},
		{name: "environment_variables", as: "mapping", help: "values for os.environ/NAME, before the process's own", read: func(*reader, *Config, value) {}},
		{name: "include", as: "list of files", help: "files whose lists and settings are added to these; relative to the file", read: func(*reader, *Config, value) {}},
		{name: "general_settings", as: "mapping", help: "see below", read: func(r *reader, c *Config, v value) { section(r, generalTable, c, v) }},
		{name: "litellm_settings", as: "mapping", help: "see below", read: func(r *reader, c *Config, v value) { section(r, litellmTable, c, v) }},
		{name: "router_settings", as: "mapping", help: "see below", read: func(r *reader, c *Config, v value) { section(r, routerTable, c, v) }},
		{name: "alerts", as: "mapping", help: "webhooks that are told of budgets: thresholds (percent, 80 and 100; or a mapping from level to them, with a default), projected, webhooks (name, url, secret, format)", read: readAlerts},
		{name: "identity", as: "mapping", help: "who callers without a key are: jwt and spiffe, see deploy/docs/bare-envoy.md", read: readIdentity},
		{name: "master_key", as: "text", help: "as general_settings.master_key", read: readMasterKey},
		{name: "max_budget", as: "dollars", help: "as litellm_settings.max_budget", read: readMaxBudget},
		{name: "budget_duration", as: "duration", help: "as litellm_settings.budget_duration", read: readBudgetDuration},
	},
	many[*Config](needless, noResetJob, "proxy_budget_rescheduler_min_time", "proxy_budget_rescheduler_max_time"),
	many[*Config](refused, noGuardrails, "guardrails", "policies", "policy_attachments"),
	many[*Config](ignored, noCallbacks, "callback_settings"),
	many[*Config](ignored, noFiles, "files_settings", "finetune_settings", "assistant_settings"),
	many[*Config](ignored, noMCP, "mcp_servers", "mcp_tools", "search_tools", "sandbox_tools", "vector_store_registry", "agent_list", "agents"),
	many[*Config](ignored, noPrompts, "prompts"),
	many[*Config](ignored, "vertex_ai is not served", "default_vertex_config"),
	many[*Config](ignored, "replicas find each other through PostgreSQL and Redis", "worker_registry"),
)

const noResetJob = "a budget's window ends by itself, to the second"

func readMasterKey(r *reader, c *Config, v value) {
	if r.twice("master_key", v) {
		return
	}
	key, ok := r.secret(v)
	if ok && key == "" {
		r.fail(v, "is empty")
	}
	c.MasterKey = key
}

func readMaxBudget(r *reader, c *Config, v value) {
	if r.twice("max_budget", v) {
		return
	}
	if m, ok := r.money(v); ok {
		c.MaxBudget = &m
	}
}

func readBudgetDuration(r *reader, c *Config, v value) {
	if !r.twice("budget_duration", v) {
		c.BudgetDuration, _ = r.duration(v)
	}
}

var generalTable = slices.Concat(
	table[*Config]{
		{name: "master_key", as: "text", help: "the administrator's key; else LITELLM_MASTER_KEY", read: readMasterKey},
		{name: "database_url", as: "text", help: "PostgreSQL; ours where the variable it names is not set", read: func(r *reader, c *Config, v value) {
			c.General.DatabaseURL = policy.Secret(r.optional(v))
			r.hide(r.optional(v))
		}},
		{name: "allowed_ips", as: "list of addresses", help: "who may call at all: addresses, and ranges such as 10.0.0.0/8", read: readAllowedIPs},
		{name: "enforcement", as: "enforce or shadow", help: "in shadow all is decided and recorded, and nothing refused; POST /enforcement goes before it", read: func(r *reader, c *Config, v value) {
			c.General.Enforcement, _ = r.text(v)
			if _, err := policy.ParseEnforcement(c.General.Enforcement); err != nil {
				r.fail(v, "must be enforce or shadow")
			}
		}},
		{name: "use_x_forwarded_for", as: "true or false", help: "take the caller's address from X-Forwarded-For", read: func(r *reader, c *Config, v value) {
			c.General.UseXForwardedFor, _ = r.flag(v)
		}},
		{name: "user_header_name", as: "header", help: "the header that names the customer a call is for", read: func(r *reader, c *Config, v value) { c.General.UserHeader = r.header(v) }},
		{name: "user_header_mappings", as: "list", help: "headers (header_name) and whom they name (litellm_user_role: customer or internal_user)", read: readUserHeaders},
		{name: "litellm_key_header_name", as: "header", help: "the header read for a key before all others", read: func(r *reader, c *Config, v value) { c.General.KeyHeader = r.header(v) }},
		{name: "enforce_user_param", as: "true or false", help: "a call must name its customer", read: func(r *reader, c *Config, v value) { c.General.RequireUser, _ = r.flag(v) }},
		{name: "max_request_size_mb", as: "number", help: "larger requests are refused", read: func(r *reader, c *Config, v value) { c.General.MaxRequestMB = r.limit(v, 1) }},
		{name: "global_max_parallel_requests", as: "number", help: "requests at once, over the whole proxy", read: func(r *reader, c *Config, v value) { c.General.MaxParallel = r.limit(v, 0) }},
		{name: "fail_closed_budget_enforcement", as: "true or false", help: "refuse while the counters cannot be reached, as REDIS_DOWN=deny", read: readFailClosed},
		{name: "fail_closed_rate_limit_enforcement", as: "true or false", help: "the same", read: readFailClosed},
		{name: "maximum_spend_logs_retention_period", as: "duration", help: "how long rows of the spend log are kept", read: func(r *reader, c *Config, v value) {
			c.General.SpendLogsRetention, _ = r.duration(v)
		}},
		{name: "token_rate_limit_type", as: "text", help: "total: tpm_limit counts input and output; nothing else is supported", does: refused, free: []string{"total"}},
		{name: "missing_session_id", does: refused, free: []string{"generate", "omit"}, help: "calls need no session id"},
		{name: "ui_access_mode", does: refused, free: []string{"all"}, help: "who may use the web interface follows from roles"},
	},
	many[*Config](needless, noResetJob, "proxy_budget_rescheduler_min_time", "proxy_budget_rescheduler_max_time"),
	many[*Config](needless, "a user's budget always holds, on team keys too", "apply_user_budget_to_team_keys"),
	many[*Config](needless, "while PostgreSQL is away requests go on, with every limit in force", "allow_requests_on_db_unavailable"),
	many[*Config](needless, "keys are held in memory and changes reach every replica at once", "user_api_key_cache_ttl", "user_api_key_cache_max_size"),
	many[*Config](needless, "rows are written in batches within seconds", "proxy_batch_write_at", "use_redis_transaction_buffer"),
	many[*Config](needless, "models made through the API are always kept", "store_model_in_db", "supported_db_objects", "disable_model_info_refresh"),
	many[*Config](needless, "the spend log is kept in parts by day, dropped whole", "use_spend_logs_partitioning", "maximum_spend_logs_retention_interval",
		"maximum_spend_logs_cleanup_cron", "maximum_spend_logs_cleanup_batch_size", "maximum_spend_logs_cleanup_max_batches",
		"maximum_spend_logs_cleanup_run_budget", "maximum_spend_logs_cleanup_batch_timeout"),
	many[*Config](needless, "changes of the file are taken up by themselves", "proxy_config_reload_interval_seconds"),
	many[*Config](needless, "every feature is there", "litellm_license"),
	many[*Config](needless, "a stream is always asked for its usage", "always_include_stream_usage"),
	many[*Config](needless, "a call whose client has left ends", "cancel_on_disconnect"),
	many[*Config](needless, "clients choose no fallback models", "enforce_fallback_model_access"),
	many[*Config](needless, "nothing is ever fetched from an address that a client names", "user_url_validation", "user_url_allowed_hosts",
		"provider_url_destination_allowed_hosts"),
	many[*Config](needless, "the master key is never returned", "disable_master_key_return"),
	many[*Config](needless, noPassThrough, "vector_store_deny_by_default", "search_tool_deny_by_default", "passthrough_managed_object_ids"),
	many[*Config](needless, noMCP, "mcp_internal_ip_ranges", "mcp_advertised_versions", "mcp_allowed_clients", "mcp_client_id_header",
		"mcp_trusted_proxy_ranges", "mcp_xff_num_trusted_hops", "mcp_prefer_client_id_metadata_document", "mcp_required_fields",
		"mcp_client_side_auth_header_name", "mcp_session_token_signing", "mcp_allow_all_keys_respects_mcp_scope",
		"require_key_mcp_access_defined", "require_end_user_mcp_access_defined", "user_mcp_management_mode", "enable_mcp_registry"),
	many[*Config](ignored, noDatabase, "database_connection_pool_limit", "database_connection_pool_timeout", "database_connection_timeout",
		"database_connect_timeout", "database_socket_timeout", "database_max_idle_connection_lifetime", "database_extra_connection_params",
		"database_disable_prepared_statements", "database_type", "database_args"),
	many[*Config](needless, "the tables are Purser's own", "disable_prisma_schema_update"),
	many[*Config](ignored, "set REDIS_URL, or router_settings.redis_url", "coordination_redis"),
	many[*Config](ignored, "a budget is always reserved before the call", "disable_budget_reservation"),
	many[*Config](ignored, "every call has its row in the spend log", "disable_spend_logs", "disable_spend_updates", "disable_error_logs",
		"spend_capture_rate_check", "spend_report_frequency", "track_unmanaged_batch_cost"),
	many[*Config](ignored, "prompts and replies are never stored", "store_prompts_in_spend_logs", "spend_logs_metadata_fields"),
	many[*Config](ignored, "there are no such rows to drop", "maximum_autorouter_session_retention_period",
		"maximum_health_check_retention_period", "maximum_daily_tag_spend_retention_period", "scheduled_job_stagger"),
	many[*Config](ignored, ownHealth, "background_health_checks", "health_check_interval", "health_check_concurrency", "health_check_details",
		"health_check_skip_disabled_background_models", "health_check_staleness_threshold", "health_check_ignore_transient_errors",
		"background_health_check_model_groups", "use_shared_health_check", "enable_health_check_routing", "model_list_healthy_only",
		"allow_public_health_readiness_details", "enable_drain_endpoint", "drain_endpoint_token"),
	many[*Config](ignored, noAlerting, "alerting", "alerting_args", "alerting_threshold", "alert_types", "alert_type_config", "alert_to_webhook_url"),
	many[*Config](ignored, ownLogs, "otel", "tracing"),
	many[*Config](ignored, ownUI, "control_plane_url", "plugins", "enable_public_model_hub", "hide_default_credentials_hint",
		"auto_redirect_ui_login_to_sso", "custom_sso", "custom_ui_sso_sign_in_handler", "allow_cli_sso_verification_uri_complete",
		"allow_user_auth", "disable_auto_add_proxy_admin_to_teams", "disable_env_credential_login"),
	many[*Config](ignored, noVault, "key_management_system", "key_management_settings", "use_google_kms", "use_azure_key_vault"),
	many[*Config](ignored, noPassThrough, "pass_through_endpoints", "pass_through_request_timeout", "enable_openai_websocket_passthrough",
		"disable_bedrock_agent_runtime_passthrough", "search_tools", "transcribe_media_buckets", "enable_claude_code_gateway",
		"claude_code_gateway_managed_settings"),
	many[*Config](ignored, "a client's own provider credentials and addresses are never used", "allow_client_side_credentials",
		"forward_llm_provider_auth_headers", "infer_model_from_keys"),
	many[*Config](ignored, "Envoy passes a client's headers on, but for its credential", "forward_client_headers_to_llm_api", "forward_openai_org_id"),
	many[*Config](ignored, "management paths need a key", "public_routes"),
	many[*Config](ignored, noFiles, "disable_batch_input_file_rate_limiting", "skip_batch_input_file_rate_limiting_for_models",
		"skip_batch_input_file_rate_limiting_for_providers"),
	many[*Config](ignored, "errors have one shape", "include_call_id_in_error_body", "expose_fallback_errors_to_caller"),
	many[*Config](ignored, "ids of responses are the provider's", "disable_responses_id_security", "allow_unmanaged_response_ids"),
	many[*Config](ignored, "a master key is always needed", "dangerously_permit_weak_or_unset_master_key"),
	many[*Config](ignored, "refused requests are not tried again", "disable_retry_on_max_parallel_request_limit_error"),
	many[*Config](ignored, "a model has one public name", "use_team_public_model_name"),
	many[*Config](ignored, "it only shapes checks that are not there", "custom_auth_run_common_checks", "admission_queue_timeout_seconds",
		"failed_login_window_seconds", "failed_login_block_seconds", "max_failed_login_attempts_per_source_overrides",
		"team_metadata_validation_timeout", "team_metadata_validation_error_message"),
	many[*Config](refused, noHooks, "custom_auth", "custom_key_generate", "custom_key_update", "custom_key_policy", "custom_team_metadata_validate"),
	many[*Config](refused, "tokens are verified by Envoy and mapped by the section identity", "enable_jwt_auth", "litellm_jwtauth", "enable_oauth2_auth",
		"enable_oauth2_proxy_auth", "oauth2_config_mappings"),
	many[*Config](refused, "what a caller may do follows from roles and from the key's allowed_routes", "enforce_rbac", "role_permissions",
		"allowed_routes", "admin_only_routes"),
	many[*Config](refused, "a proxy's address cannot be told from a caller's; leave use_x_forwarded_for off, or limit who reaches Envoy", "trusted_proxy_ranges"),
	many[*Config](refused, "parameters are not required of requests", "enforced_params", "service_account_settings", "team_metadata_schema"),
	many[*Config](refused, "set it on each key, team or user", "max_parallel_requests", "default_team_disabled"),
	many[*Config](refused, "use global_max_parallel_requests", "max_in_flight_requests_per_worker", "max_queued_requests_per_worker"),
	many[*Config](refused, "every model is called by its own name; see router_settings.model_group_alias", "completion_model"),
	many[*Config](refused, "who may make keys follows from roles", "disable_key_generate_for_org_admin", "disable_custom_api_keys"),
	many[*Config](refused, "a budget without budget_duration is never reset", "disable_reset_budget"),
	many[*Config](refused, "clients may always send tags", "reject_clientside_metadata_tags"),
	many[*Config](refused, noFiles, "max_file_size_mb", "max_batch_file_size_mb", "max_batch_file_records", "max_batch_file_uploads_per_day",
		"max_file_downloads_per_minute", "allowed_file_extensions", "blocked_file_extensions"),
	many[*Config](refused, "replies are passed on whatever their length", "max_response_size_mb", "responses_websocket_session_limit_seconds"),
	many[*Config](refused, "there are no rules for passwords and logins to set", "password_policy_min_length", "password_policy_require_uppercase",
		"password_policy_require_lowercase", "password_policy_require_numbers", "password_policy_require_special_characters",
		"password_policy_check_breached_passwords", "disable_password_login_when_sso_enabled", "max_failed_login_attempts_per_source"),
)

var litellmTable = slices.Concat(
	table[*Config]{
		{name: "max_budget", as: "dollars", help: "of the whole proxy, the master key's calls included", read: readMaxBudget},
		{name: "budget_duration", as: "duration", help: "when it starts anew", read: readBudgetDuration},
		{name: "timezone", as: "text", help: "in which days, weeks and months begin; UTC", read: readTimeZone},
		{name: "budget_reset_time", as: "HH:MM", help: "when a day begins; 00:00", read: readResetTime},
		{name: "budget_exceeded_status_code", as: "number", help: "HTTP status of a refusal for want of budget; 422", read: readExceededStatus},
		{name: "max_end_user_budget_id", as: "text", help: "the budget of customers without one of their own", read: func(r *reader, c *Config, v value) {
			c.LiteLLM.CustomerBudgetID, _ = r.text(v)
		}},
		{name: "max_internal_user_budget", as: "dollars", help: "max_budget of new internal users", read: readUserBudget},
		{name: "default_max_internal_user_budget", as: "dollars", help: "an older name of max_internal_user_budget", read: readUserBudget},
		{name: "internal_user_budget_duration", as: "duration", help: "budget_duration of new internal users", read: func(r *reader, c *Config, v value) {
			c.LiteLLM.UserBudgetDuration, _ = r.duration(v)
		}},
		{name: "default_internal_user_params", as: "mapping", help: "fields of new internal users, where /user/new has none", read: func(r *reader, c *Config, v value) {
			c.LiteLLM.UserDefaults = r.defaults(v)
		}},
		{name: "default_key_generate_params", as: "mapping", help: "fields of new keys, where /key/generate has none", read: func(r *reader, c *Config, v value) {
			c.LiteLLM.KeyDefaults = r.defaults(v)
		}},
		{name: "upperbound_key_generate_params", as: "mapping", help: "the most a new key may ask for, and what it gets where it asks for nothing: " + boundNames(), read: readKeyBounds},
		{name: "default_team_params", as: "mapping", help: "fields of new teams, where /team/new has none", read: func(r *reader, c *Config, v value) {
			c.LiteLLM.TeamDefaults = r.defaults(v)
		}},
		{name: "block_requests_for_models_without_pricing", as: "true or false", help: "as UNPRICED_MODELS=deny", read: func(r *reader, c *Config, v value) {
			c.LiteLLM.DenyUnpriced, _ = r.flag(v)
		}},
		{name: "cost_discount_config", as: "mapping", help: "provider → share taken off its prices: 0.05", read: func(r *reader, c *Config, v value) { r.readDiscounts(v) }},
		{name: "cost_margin_config", as: "mapping", help: "provider or global → share added to its prices (0.1), or percentage and fixed_amount per call", read: func(r *reader, c *Config, v value) { r.readMargins(v) }},
		{name: "request_timeout", as: "seconds", help: "of a call to a provider", read: func(r *reader, c *Config, v value) { c.LiteLLM.Timeout, _ = r.seconds(v) }},
		{name: "num_retries", as: "number", help: "further attempts after a failure to connect", read: func(r *reader, c *Config, v value) { c.LiteLLM.Retries = r.count(v) }},
		{name: "allowed_fails", as: "number", help: "as router_settings.allowed_fails, which comes first", read: func(r *reader, c *Config, v value) {
			if c.Router.AllowedFails == nil {
				c.Router.AllowedFails = r.count(v)
			}
		}},
		{name: "callbacks", does: refused, help: noCallbacks, read: readCallbacks},
		{name: "success_callback", does: refused, help: noCallbacks, read: readCallbacks},
		{name: "failure_callback", does: refused, help: noCallbacks, read: readCallbacks},
		{name: "input_callback", does: refused, help: noCallbacks, read: readCallbacks},
	},
	many[*Config](needless, "a budget is not overshot, so there is nothing to carry over", "budget_rollover"),
	many[*Config](needless, "every Redis key carries one hash tag", "force_redis_hash_tag_grouping"),
	many[*Config](needless, "prompts, replies and keys are never logged", "turn_off_message_logging", "redact_messages_in_exceptions",
		"redact_user_api_key_info", "standard_logging_payload_excluded_fields", "global_disable_no_log_param"),
	many[*Config](ignored, noCache, "cache", "cache_params", "caching", "caching_with_models", "enable_redis_auth_cache", "default_in_memory_ttl",
		"default_redis_ttl", "default_redis_batch_cache_expiry", "enable_caching_on_provider_specific_optional_params", "responses"),
	many[*Config](ignored, noCallbacks, "service_callback", "audit_log_callbacks", "callback_settings", "datadog_llm_observability_params",
		"datadog_params", "newrelic_params", "pointfive_params", "zerobus_params", "aws_sqs_callback_params", "generic_logger_headers",
		"langfuse_default_tags", "langfuse_enable_update_trace_keys", "langsmith_batch_size", "argilla_batch_size",
		"argilla_transformation_object", "cold_storage_custom_logger", "logged_real_time_event_types", "s3_callback_params",
		"gcs_pub_sub_use_v1", "datadog_use_v1", "generic_api_use_v1", "default_team_settings", "allow_dynamic_callback_disabling",
		"disable_streaming_logging", "log_raw_request_response", "dynamodb_table_name", "otel_tenant_destination_mode"),
	many[*Config](ignored, "Prometheus has Purser's own metrics", "prometheus_initialize_budget_metrics", "prometheus_latency_buckets",
		"prometheus_metrics_config", "prometheus_exclude_metrics", "prometheus_exclude_labels", "prometheus_emit_stream_label",
		"prometheus_emit_input_sequence_length_label", "prometheus_emit_rate_limit_labels", "prometheus_user_budget_label_include_email_alias",
		"prometheus_end_user_metrics_max_series_per_metric", "prometheus_end_user_metrics_ttl_seconds",
		"prometheus_end_user_metrics_cleanup_interval_seconds", "prometheus_metrics_max_series_per_metric", "prometheus_metrics_ttl_seconds",
		"prometheus_metrics_cleanup_interval_seconds", "prometheus_deployment_and_latency_caller_identity", "custom_prometheus_metadata_labels",
		"custom_prometheus_tags", "disable_end_user_cost_tracking_prometheus_only", "enable_end_user_cost_tracking_prometheus_only",
		"require_auth_for_metrics_endpoint"),
	many[*Config](ignored, ownLogs, "set_verbose", "json_logs", "suppress_debug_info", "log_client_error_tracebacks",
		"log_auth_failure_key_identity", "request_correlation_in_logs", "expose_router_debug_in_errors", "error_logs", "return_response_headers"),
	many[*Config](ignored, "audit rows are always written", "store_audit_logs"),
	many[*Config](ignored, "requests pass unchanged to a provider that speaks their format", "drop_params", "modify_params", "additional_drop_params",
		"add_function_to_prompt", "overwrite_user_with_key_hash", "add_user_information_to_llm_headers", "enable_anthropic_prompt_caching",
		"anthropic_prompt_caching_ttl", "openai_system_messages_first", "disable_stop_sequence_limit", "disable_copilot_system_to_assistant",
		"disable_add_prefix_to_prompt", "disable_add_transform_inline_image_block", "disable_anthropic_gemini_context_caching_transform",
		"use_chat_completions_url_for_anthropic_messages", "route_all_chat_openai_to_responses", "reasoning_auto_summary",
		"enable_gemini_default_thinking_level_low", "strip_anthropic_total_tokens", "bedrock_neutralize_orphaned_tool_blocks",
		"bedrock_request_metadata_fields", "gemini_live_defer_setup", "disable_vertex_batch_output_transformation", "merge_reasoning_content_in_choices",
		"vertex_ai_safety_settings", "max_tokens", "forward_traceparent_to_llm_provider", "filter_invalid_headers", "check_provider_endpoint",
		"anthropic_sse_ping_interval_seconds", "sse_keepalive_ping_interval_seconds", "include_cost_in_streaming_usage", "websearch_interception_params",
		"code_interpreter_interception_params", "compression_interception_params", "output_parse_pii"),
	many[*Config](ignored, noFallbacks, "fallbacks", "default_fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "max_fallbacks",
		"model_fallbacks", "longer_context_model_fallback_dict"),
	many[*Config](ignored, "only failures to connect are tried again", "num_retries_per_request", "retry"),
	many[*Config](ignored, noPrompts, "global_prompt_directory", "global_bitbucket_config", "global_gitlab_config", "prompt_name_config_map", "custom_prompt_dict"),
	many[*Config](ignored, noHooks, "custom_provider_map"),
	many[*Config](ignored, noMCP, "mcp_aliases", "mcp_semantic_tool_filter", "mcp_tool_search", "public_mcp_servers", "public_mcp_hub_strict_whitelist",
		"agent_search_embedding_model", "skill_search_embedding_model", "public_skills_index", "public_agent_groups",
		"vector_store_registry", "vector_store_index_registry", "vector_store_search_failure_mode"),
	many[*Config](ignored, ownUI, "public_model_groups", "public_model_groups_links", "scim_upsert_user", "scim_admin_group"),
	many[*Config](ignored, noAlerting, "default_soft_budget", "default_key_max_budget_alert_emails"),
	many[*Config](ignored, "a budget that is used up refuses, it does not slow down", "budget_exceeded_throttle_percentage"),
	many[*Config](ignored, "customers' spend is always tracked", "disable_end_user_cost_tracking"),
	many[*Config](ignored, "tags come from metadata.tags, tags and x-litellm-tags", "extra_spend_tag_headers", "disable_add_user_agent_to_request_tags"),
	many[*Config](ignored, "certificates are checked against the system's; Envoy's own settings can say otherwise", "ssl_verify", "ssl_certificate",
		"ssl_security_level", "ssl_ecdh_curve"),
	many[*Config](ignored, "Envoy makes the connections", "use_aiohttp_transport", "disable_aiohttp_transport", "aiohttp_trust_env",
		"disable_aiohttp_trust_env", "client_session", "aclient_session", "use_client", "network_mock", "use_litellm_proxy", "proxy_auth"),
	many[*Config](ignored, "which price map is used is said when the services are started", "model_cost_map_url", "model_cost", "blog_posts_url",
		"anthropic_beta_headers_url", "autorouter_presets_url"),
	many[*Config](ignored, "give the model a second entry, or an alias in router_settings.model_group_alias", "model_alias_map"),
	many[*Config](ignored, noCredential, "api_key", "api_base", "api_version", "organization", "headers", "openai_key", "azure_key", "anthropic_key",
		"groq_key", "xai_key", "cohere_key", "openrouter_key", "togetherai_api_key", "ollama_key", "replicate_key", "huggingface_key",
		"databricks_key", "vertex_project", "vertex_location", "enable_azure_ad_token_refresh", "enable_model_config_credential_overrides",
		"credential_list", "common_cloud_provider_auth_params"),
	many[*Config](ignored, "it only shapes checks that are not there", "llamaguard_model_name", "openai_moderations_model_name",
		"presidio_ad_hoc_recognizers", "presidio_logging_only", "google_moderation_confidence_threshold", "llamaguard_unsafe_content_categories",
		"llm_guard_mode", "guardrail_name_config_map", "skip_system_message_in_guardrail", "skip_tool_message_in_guardrail",
		"prompt_injection_params", "azure_content_safety_params"),
	many[*Config](ignored, "it is not needed here", "telemetry", "user_url_validation", "user_url_allowed_hosts", "provider_url_destination_allowed_hosts",
		"model_group_settings", "disable_token_counter", "disable_hf_tokenizer_download", "enable_preview_features", "safe_memory_mode",
		"enable_loadbalancing_on_batch_endpoints", "apply_search_free_tier", "secret_manager_client", "config_path", "project"),
	many[*Config](refused, noGuardrails, "guardrails", "blocked_user_list", "banned_keywords_list", "enable_json_schema_validation"),
	many[*Config](refused, noHooks, "pre_call_rules", "post_call_rules"),
	many[*Config](refused, "make a budget and name it in max_end_user_budget_id", "max_end_user_budget"),
	many[*Config](refused, "use max_internal_user_budget", "max_user_budget"),
	many[*Config](refused, "what is done in the web interface counts for its user", "max_ui_session_budget"),
	many[*Config](refused, "make the tags with /tag/new", "tag_budget_config"),
	many[*Config](refused, "limits do not depend on priorities", "priority_reservation", "priority_reservation_settings"),
	many[*Config](refused, "who may make which keys follows from roles", "key_generation_settings", "enable_key_alias_format_validation", "key_alias_pattern"),
	many[*Config](refused, "customers need not be known beforehand", "validate_end_user_id_in_db"),
	many[*Config](refused, noFiles, "require_managed_files"),
)

var routerTable = slices.Concat(
	table[*Config]{
		{name: "model_group_alias", as: "mapping", help: "further names of models: alias → model, or alias → {model, hidden}", read: readAliases},
		{name: "num_retries", as: "number", help: "further attempts after a failure to connect", read: func(r *reader, c *Config, v value) { c.Router.Retries = r.count(v) }},
		{name: "max_retries", as: "number", help: "the same, where num_retries is not given", read: func(r *reader, c *Config, v value) {
			if c.Router.Retries == nil {
				c.Router.Retries = r.count(v)
			}
		}},
		{name: "timeout", as: "seconds", help: "of a call to a provider", read: func(r *reader, c *Config, v value) { c.Router.Timeout, _ = r.seconds(v) }},
		{name: "stream_timeout", as: "seconds", help: "of a streaming call, until its reply begins", read: func(r *reader, c *Config, v value) { c.Router.StreamTimeout, _ = r.seconds(v) }},
		{name: "allowed_fails", as: "number", help: "failures in a row after which a deployment is left out for a while, where the model has others; default 3; one that cannot be reached is left out at once", read: func(r *reader, c *Config, v value) { c.Router.AllowedFails = r.count(v) }},
		{name: "cooldown_time", as: "seconds", help: "for how long; default 5, and longer each time it is found no better", read: func(r *reader, c *Config, v value) { c.Router.Cooldown, _ = r.seconds(v) }},
		{name: "disable_cooldowns", as: "true or false", help: "never leave a deployment out", read: func(r *reader, c *Config, v value) { c.Router.NoCooldown, _ = r.flag(v) }},
		{name: "redis_url", as: "text", help: "Redis for the counters; ours where the variable it names is not set", read: readRedis},
		{name: "redis_host", as: "text", help: "the same, in parts", read: readRedis},
		{name: "redis_port", as: "number", help: "6379", read: readRedis},
		{name: "redis_password", as: "text", help: "", read: readRedis},
		{name: "redis_db", as: "number", help: "0", read: readRedis},
		{name: "routing_strategy", as: "text", help: "simple-shuffle: by weight; others are read as that, with a warning", read: readStrategy},
		{name: "optional_pre_call_checks", as: "list", help: "a deployment's own rpm and tpm always hold; router_budget_limiting is refused", read: readPreCallChecks},
	},
	many[*Config](needless, "a deployment's rpm and tpm always hold, and the provider refuses what is too long", "enable_pre_call_checks"),
	many[*Config](ignored, noFallbacks, "fallbacks", "default_fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "max_fallbacks",
		"enable_weighted_failover", "fallback_access_check", "fallback_budget_check"),
	many[*Config](ignored, "only failures to connect are tried again, and at once", "retry_policy", "model_group_retry_policy", "retry_after"),
	many[*Config](ignored, ownHealth, "allowed_fails_policy", "enable_health_check_routing", "health_check_staleness_threshold",
		"health_check_ignore_transient_errors", "background_health_check_model_groups"),
	many[*Config](ignored, "deployments are chosen by order and weight", "routing_strategy_args", "routing_groups", "weights", "model_group_affinity_config",
		"deployment_affinity_ttl_seconds", "default_priority", "polling_interval", "auto_router_capability_limit", "plugins"),
	many[*Config](ignored, noCache, "cache_responses", "cache_kwargs", "caching_groups"),
	many[*Config](ignored, noAlerting, "alerting_config"),
	many[*Config](ignored, ownLogs, "set_verbose", "debug_level"),
	many[*Config](ignored, noFiles, "assistants_config"),
	many[*Config](ignored, noMCP, "search_tools"),
	many[*Config](ignored, "requests pass unchanged", "default_litellm_params"),
	many[*Config](ignored, "Envoy makes the connections", "client_ttl"),
	many[*Config](ignored, "write it at the top of the file", "model_list"),
	many[*Config](ignored, "a model that cannot be served stops the start", "ignore_invalid_deployments", "router_general_settings"),
	many[*Config](ignored, "it only shapes checks that are not there", "tag_filtering_match_any", "tag_routing_prefix"),
	many[*Config](refused, "deployments are not chosen by tag; grant models through access groups", "enable_tag_filtering"),
	many[*Config](refused, "there are no budgets of providers; give one to the key, team or proxy", "provider_budget_config"),
	many[*Config](refused, "deployments have no limit of parallel requests; set one on keys and teams, or general_settings.global_max_parallel_requests", "default_max_parallel_requests"),
	many[*Config](refused, noGuardrails, "guardrail_list"),
)
