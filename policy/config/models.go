package config

import (
	"slices"

	"github.com/purser/purser/policy"
)

// anyOther marks a table whose section may hold more than is known.
const anyOther = "(anything else)"

// entryTable is an entry of model_list.
var entryTable = slices.Concat(
	table[*entry]{
		{name: "model_name", as: "text", help: "the public name; openai/* and the like serve every name they match", read: func(r *reader, e *entry, v value) { e.name, _ = r.text(v) }},
		{name: "litellm_params", as: "mapping", help: "see below; its settings may stand in the entry itself, where it is left out", read: func(*reader, *entry, value) {}},
		{name: "model_info", as: "mapping", help: "see below", read: func(*reader, *entry, value) {}},
		{name: "access_groups", as: "list of text", help: "groups the model is granted by; also in model_info", read: readGroups},
		{name: "rpm", as: "number", help: "as litellm_params.rpm", read: func(r *reader, e *entry, v value) { e.rpm = r.limit(v, 0) }},
		{name: "tpm", as: "number", help: "as litellm_params.tpm", read: func(r *reader, e *entry, v value) { e.tpm = r.limit(v, 0) }},
	},
)

const unchanged = "nothing is added to requests, and nothing taken out"

// paramsTable is litellm_params. Prices are apart: see isPrice.
var paramsTable = slices.Concat(
	table[*entry]{
		{name: "model", as: "text", help: "provider/name; the provider may be left out where the name tells it", read: func(_ *reader, e *entry, v value) { e.model = v }},
		{name: "custom_llm_provider", as: "text", help: "the provider, where model does not say", read: func(r *reader, e *entry, v value) {
			e.provider, _ = r.text(v)
			e.providerAt = v
		}},
		{name: "api_base", as: "URL", help: "where the provider is; known for most", read: func(_ *reader, e *entry, v value) { e.base = v }},
		{name: "base_url", as: "URL", help: "another name of api_base", read: func(_ *reader, e *entry, v value) { e.base = v }},
		{name: "api_key", as: "text", help: "the provider's credential; else the provider's own variable, such as OPENAI_API_KEY", read: func(r *reader, e *entry, v value) {
			e.key = v
			r.hide(r.optional(v))
		}},
		{name: "azure_ad_token", as: "text", help: "the same, sent as a bearer token", read: func(r *reader, e *entry, v value) {
			e.token = v
			r.hide(r.optional(v))
		}},
		{name: "api_version", as: "text", help: "Azure's API version; else AZURE_API_VERSION, else " + azureVersion, read: func(r *reader, e *entry, v value) { e.version, _ = r.text(v) }},
		{name: "organization", as: "text", help: "OpenAI's organization", read: readOrganization},
		{name: "litellm_credential_name", as: "text", help: "take what is not given here from this entry of credential_list", read: func(*reader, *entry, value) {}},
		{name: "extra_headers", as: "mapping", help: "headers sent with each call", read: readHeaders},
		{name: "headers", as: "mapping", help: "the same", read: readHeaders},
		{name: "base_model", as: "text", help: "the model whose price and limits hold; also in model_info", read: readBaseModel},
		{name: "rpm", as: "number", help: "requests a minute that the provider allows here; what is more goes to another deployment of the model, or is refused", read: func(r *reader, e *entry, v value) { e.rpm = r.limit(v, 0) }},
		{name: "tpm", as: "number", help: "tokens a minute that the provider allows here", read: func(r *reader, e *entry, v value) { e.tpm = r.limit(v, 0) }},
		{name: "weight", as: "number", help: "share of the calls among deployments of one model", read: readWeight},
		{name: "order", as: "number", help: "lower ones are tried first", read: readOrder},
		{name: "timeout", as: "seconds", help: "of a call", read: func(r *reader, e *entry, v value) { e.timeout, _ = r.seconds(v) }},
		{name: "stream_timeout", as: "seconds", help: "of a streaming call, until its reply begins", read: func(r *reader, e *entry, v value) { e.stream, _ = r.seconds(v) }},
		{name: "max_retries", as: "number", help: "further attempts after a failure to connect", read: func(r *reader, e *entry, v value) { e.retries = r.count(v) }},
		{name: "num_retries", as: "number", help: "the same", read: func(r *reader, e *entry, v value) { e.retries = r.count(v) }},
		{name: "access_groups", as: "list of text", help: "also read here", read: readGroups},
		{name: "max_tokens", does: ignored, help: unchanged + "; limit answers with the caller's limits"},
	},
	many[*entry](ignored, unchanged, "max_completion_tokens", "temperature", "top_p", "n", "seed", "stop", "stream", "user", "presence_penalty",
		"frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls",
		"functions", "function_call", "modalities", "audio", "prediction", "reasoning_effort", "thinking", "web_search_options", "service_tier",
		"store", "verbosity", "dimensions", "encoding_format", "input_type", "extra_body", "extra_query", "metadata", "safety_settings",
		"safety_identifier", "prompt_cache_key", "initial_prompt_value", "roles", "final_prompt_value", "bos_token", "eos_token", "hf_model_name",
		"drop_params", "additional_drop_params", "allowed_openai_params", "cache_control_injection_points", "merge_reasoning_content_in_choices",
		"use_chat_completions_api", "fireworks_forward_user_id", "prompt_id", "prompt_variables", "prompt_label", "prompt_version", "provider_affinity_header",
		"top_k", "repetition_penalty", "min_p", "guided_json", "keep_alive", "num_ctx", "format", "litellm_system_prompt", "language", "voice"),
	many[*entry](ignored, "calls are signed with api_key", "tenant_id", "client_id", "client_secret", "azure_scope", "azure_username", "azure_password",
		"azure_ad_token_provider", "use_xai_oauth", "chatgpt_auth_file", "anthropic_federation_rule_id", "anthropic_organization_id",
		"anthropic_service_account_id", "anthropic_federation_workspace_id", "anthropic_identity_token_file", "anthropic_identity_token",
		"anthropic_identity_source", "openai_identity_provider_id", "openai_service_account_id", "openai_identity_token_file"),
	many[*entry](ignored, "a client's own provider credentials and addresses are never used", "configurable_clientside_auth_params"),
	many[*entry](ignored, noFallbacks, "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "cooldown_time", "allowed_fails", "retry_policy"),
	many[*entry](ignored, "deployments are not chosen by tag", "tags", "tag_regex"),
	many[*entry](ignored, noCallbacks, "success_callback", "failure_callback", "litellm_trace_id", "langfuse_public_key", "langfuse_secret", "langfuse_host", "no-log"),
	many[*entry](ignored, noCache, "cache", "caching", "caching_groups"),
	many[*entry](ignored, noPassThrough, "use_in_pass_through"),
	many[*entry](ignored, "Envoy makes the connections", "use_litellm_proxy", "ssl_verify", "keepalive_seconds", "allow_client_keepalive_override", "http_client", "api_type", "force_timeout"),
	many[*entry](ignored, "one timeout holds for every service tier", "timeout_by_service_tier", "stream_timeout_by_service_tier"),
	many[*entry](ignored, "write it beside litellm_params", "model_info", "model_name"),
	many[*entry](refused, "there are no budgets of deployments; give one to the key, team or proxy", "max_budget", "budget_duration"),
	many[*entry](refused, "set model_rpm_limit and model_tpm_limit on each key", "default_api_key_rpm_limit", "default_api_key_tpm_limit"),
	many[*entry](refused, "a deployment's tokens are limited together, by tpm", "itpm", "otpm"),
	many[*entry](refused, "deployments have no limit of parallel requests; set one on keys and teams", "max_parallel_requests"),
	many[*entry](refused, noFiles, "max_file_size_mb"),
	many[*entry](refused, noGuardrails, "guardrails"),
	many[*entry](refused, "the provider would be called, and charge", "mock_response", "mock_tool_calls", "mock_timeout", "mock_delay"),
	many[*entry](refused, "models are not chosen by what is asked", "auto_router_config", "auto_router_config_path", "auto_router_default_model",
		"auto_router_embedding_model", "complexity_router_config", "complexity_router_default_model", "adaptive_router_config",
		"adaptive_router_default_model", "quality_router_config", "quality_router_default_model"),
)

// infoTable is model_info. Prices are apart: see isPrice.
var infoTable = slices.Concat(
	table[*entry]{
		{name: "id", as: "text", help: "the deployment's id; else made of the public name and a hash of the entry", read: func(_ *reader, e *entry, v value) { e.id = v }},
		{name: "mode", as: "text", help: "chat, completion, responses, embedding, image_generation, audio_speech, audio_transcription, rerank, moderation, …", read: func(r *reader, e *entry, v value) { e.mode, _ = r.text(v) }},
		{name: "base_model", as: "text", help: "the model whose price and limits hold, as the price map names it", read: readBaseModel},
		{name: "max_tokens", as: "number", help: "an older name of max_output_tokens", read: func(r *reader, e *entry, v value) { e.maxTokens, _ = r.whole(v, 0) }},
		{name: "max_input_tokens", as: "number", help: "the longest prompt", read: func(r *reader, e *entry, v value) { e.maxInput, _ = r.whole(v, 0) }},
		{name: "max_output_tokens", as: "number", help: "the longest answer: what a call without a cap of its own is held at", read: func(r *reader, e *entry, v value) { e.maxOutput, _ = r.whole(v, 0) }},
		{name: "access_groups", as: "list of text", help: "groups the model is granted by", read: readGroups},
		{name: "blocked", as: "true or false", help: "send no calls here", read: func(r *reader, e *entry, v value) { e.blocked, _ = r.flag(v) }},
		{name: "supported_environments", as: "list of text", help: "leave the entry out unless LITELLM_ENVIRONMENT is one of these", read: func(r *reader, e *entry, v value) { e.places, _ = r.texts(v) }},
		{name: "rpm", as: "number", help: "as litellm_params.rpm, which comes first", read: func(r *reader, e *entry, v value) {
			if e.rpm == nil {
				e.rpm = r.limit(v, 0)
			}
		}},
		{name: "tpm", as: "number", help: "as litellm_params.tpm, which comes first", read: func(r *reader, e *entry, v value) {
			if e.tpm == nil {
				e.tpm = r.limit(v, 0)
			}
		}},
		{name: "order", as: "number", help: "as litellm_params.order, which comes first", read: func(r *reader, e *entry, v value) {
			if e.order == nil {
				readOrder(r, e, v)
			}
		}},
		{name: anyOther, as: "", help: "is kept, and shown by /model/info", read: func(*reader, *entry, value) {}},
	},
	many[*entry](ignored, "what is used is charged at list price, not by the hour", "ptu_count", "cost_per_ptu_per_hour", "ptu_effective_from", "ptu_effective_to"),
	many[*entry](refused, "grant the model through an access group instead", "team_id", "team_public_model_name"),
	many[*entry](refused, "models are open at all hours", "access_windows"),
	many[*entry](refused, "deployments are not chosen by tag", "enable_tag_filtering"),
)

func readOrganization(r *reader, e *entry, v value) {
	text, ok := r.text(v)
	if ok && !isHeaderValue(text) {
		r.fail(v, "holds what no header can")
		return
	}
	e.organization = policy.Secret(text) // it is sent as a header is
}

func readBaseModel(r *reader, e *entry, v value) {
	e.baseModel, _ = r.text(v)
	e.baseAt = v
}
