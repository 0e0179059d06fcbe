package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// refusals reads a file that is wrong and returns what is said of it.
func refusals(t *testing.T, text string, opts Options) Errors {
	t.Helper()
	c, err := Parse([]byte(text), opts)
	if err == nil {
		t.Fatalf("was read: %+v", c)
	}
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("%T: %v", err, err)
	}
	if c != nil {
		t.Error("a configuration came back with the error")
	}
	return all
}

func TestErrors(t *testing.T) {
	const model = "model_list:\n- model_name: m\n  litellm_params:\n    model: openai/m\n    api_base: http://h/v1\n"
	for _, tt := range []struct {
		name, text string
		want       string // "line N: path: beginning of the message"
	}{
		// The form of the file.
		{"not YAML", "a: [", "line 1: not YAML: "},
		{"a tab", "a:\n\tb: 1", "line 2: not YAML: "},
		{"text alone", "just text", "line 1: must be a mapping, not text"},
		{"two documents", "a: 1\n---\nb: 2", "line 2: a second document"},
		{"a name twice", "litellm_settings:\n  max_budget: 1\n  max_budget: 2", "line 3: litellm_settings.max_budget: named a second time; the first is on line 2"},
		{"a name twice at the top", "max_budget: 1\nmax_budget: 2", "line 2: max_budget: named a second time"},
		{"a name that is a list", "? [a]\n: 1", "line 1: a name must be text"},
		{"a name that is nothing", "? ~\n: 1", "line 1: a name must be text"},
		{"merging text", "general_settings:\n  <<: text", "line 2: general_settings.<<: only mappings can be merged"},
		{"a tag of one's own", "max_budget: !dollars 5", "line 1: max_budget: a tag of its own kind"},
		{"an alias of itself", "a: &a [*a]", "line 1: a[0]: stands for something that it is a part of"},
		{"a section that is a list", "general_settings: [1]", "line 1: general_settings: must be a mapping, not a list"},
		{"models that are a mapping", "model_list: {a: b}", "line 1: model_list: must be a list, not a mapping"},
		{"a model that is text", "model_list: [gpt]", "line 1: model_list[0]: must be a mapping, not text"},
		{"a setting in two places", "max_budget: 1\nlitellm_settings: {max_budget: 2}", "line 2: litellm_settings.max_budget: is set a second time; the first is max_budget"},
		{"the master key in two places", "master_key: a\ngeneral_settings: {master_key: b}", "line 2: general_settings.master_key: is set a second time"},

		// Amounts and other values.
		{"a negative budget", "max_budget: -1", "line 1: max_budget: must not be negative"},
		{"a budget that is no number", "max_budget: .nan", "line 1: max_budget: must be an amount"},
		{"an endless budget", "max_budget: .inf", "line 1: max_budget: must be an amount"},
		{"a budget of words", "max_budget: ten", "line 1: max_budget: must be an amount"},
		{"a budget of truth", "max_budget: true", "line 1: max_budget: must be an amount"},
		{"an absurd exponent", "max_budget: 1e999999999", "line 1: max_budget: must be an amount"},
		{"a budget that is a list", "max_budget: [1]", "line 1: max_budget: must be text or a number, not a list"},
		{"a duration without a unit", "budget_duration: 30", `line 1: budget_duration: must be a number of at least 1 and a unit`},
		{"a duration of nothing", "budget_duration: 0d", `line 1: budget_duration: must be a number of at least 1`},
		{"a flag that is none", "general_settings: {enforce_user_param: perhaps}", "line 1: general_settings.enforce_user_param: must be true or false"},
		{"a master key that is not set", "general_settings: {master_key: os.environ/NOT_SET}", "line 1: general_settings.master_key: the environment variable NOT_SET is not set"},
		{"an empty master key", `master_key: ""`, "line 1: master_key: is empty"},
		{"an address that is none", "general_settings: {allowed_ips: [10.0.0.1, 10.0.0.300]}", "line 1: general_settings.allowed_ips[1]: must be an address"},
		{"nobody let in", "general_settings: {allowed_ips: []}", "line 1: general_settings.allowed_ips: an empty list lets nobody in"},
		{"a header that is none", "general_settings: {user_header_name: 'a b'}", "line 1: general_settings.user_header_name: must be the name of a header"},
		{"a role that is none", "general_settings: {user_header_mappings: [{header_name: a, litellm_user_role: king}]}", "line 1: general_settings.user_header_mappings[0].litellm_user_role: must be customer"},
		{"half a mapping", "general_settings: {user_header_mappings: [{header_name: a}]}", "line 1: general_settings.user_header_mappings[0]: needs header_name and"},
		{"no parallel requests below none", "general_settings: {global_max_parallel_requests: -1}", "line 1: general_settings.global_max_parallel_requests: must not be negative"},
		{"a zone that is none", "litellm_settings: {timezone: Mars/Olympus}", "line 1: litellm_settings.timezone: must be a time zone"},
		{"a time that is none", "litellm_settings: {budget_reset_time: '25:00'}", "line 1: litellm_settings.budget_reset_time: must be a time of day"},
		{"a status that is no error", "litellm_settings: {budget_exceeded_status_code: 200}", "line 1: litellm_settings.budget_exceeded_status_code: must be the status of an error"},
		{"an upper bound of what has none", "litellm_settings: {upperbound_key_generate_params: {models: [a]}}", "line 1: litellm_settings.upperbound_key_generate_params.models: cannot be bounded"},
		{"a negative default", "litellm_settings: {default_key_generate_params: {tpm_limit: -5}}", "line 1: litellm_settings.default_key_generate_params.tpm_limit: must not be negative"},
		{"half a request", "litellm_settings: {default_team_params: {rpm_limit: 0.5}}", "line 1: litellm_settings.default_team_params.rpm_limit: must be a whole number"},
		{"a discount above all", "litellm_settings: {cost_discount_config: {openai: 1.5}}", "line 1: litellm_settings.cost_discount_config.openai: must be at most 1"},
		{"an alias of nothing", "router_settings: {model_group_alias: {a: {hidden: true}}}", "line 1: router_settings.model_group_alias.a: needs the name of a model"},
		{"too many attempts", "router_settings: {num_retries: 5000}", "line 1: router_settings.num_retries: must be at most 1000"},
		{"a wait without end", "router_settings: {timeout: 1e9}", "line 1: router_settings.timeout: must be at most a year"},
		{"a port that is none", "router_settings: {redis_host: h, redis_port: 99999}", "line 1: router_settings.redis_port: must be a whole number"},
		{"files where there are none", "include: [more.yaml]", "line 1: include[0]: cannot be read"},

		// What would limit or deny.
		{"guardrails", "guardrails: [{guardrail_name: x}]", "line 1: guardrails: is not supported, and must not be ignored"},
		{"guardrails among settings", "litellm_settings:\n  guardrails: [x]", "line 2: litellm_settings.guardrails: is not supported"},
		{"budgets of providers", "router_settings:\n  provider_budget_config: {openai: {budget_limit: 1}}", "line 2: router_settings.provider_budget_config: is not supported"},
		{"required parameters", "general_settings: {enforced_params: [user]}", "line 1: general_settings.enforced_params: is not supported"},
		{"another sign-in", "general_settings: {enable_jwt_auth: True}", "line 1: general_settings.enable_jwt_auth: is not supported"},
		{"a callback that denies", "litellm_settings: {callbacks: [otel, lakera_prompt_injection]}", "line 1: litellm_settings.callbacks[1]: lakera_prompt_injection is not supported"},
		{"one callback that denies", "litellm_settings: {callbacks: presidio}", "line 1: litellm_settings.callbacks: presidio is not supported"},
		{"a check that limits", "router_settings: {optional_pre_call_checks: [router_budget_limiting]}", "line 1: router_settings.optional_pre_call_checks[0]: is not supported"},
		{"a limit of zero", "general_settings: {max_file_size_mb: 0}", "line 1: general_settings.max_file_size_mb: is not supported"},
		{"tokens counted otherwise", "general_settings: {token_rate_limit_type: output}", "line 1: general_settings.token_rate_limit_type: is not supported"},
		{"a budget of a deployment", model + "    max_budget: 5", "line 6: model_list[0].litellm_params.max_budget: is not supported"},
		{"a made-up answer", model + "    mock_response: hi", "line 6: model_list[0].litellm_params.mock_response: is not supported"},
		{"a model of one team", model + "  model_info: {team_id: t}", "line 6: model_list[0].model_info.team_id: is not supported"},

		// Models.
		{"no name", "model_list: [{litellm_params: {model: gpt-4o, api_key: k}}]", "line 1: model_list[0].model_name: is needed"},
		{"no model", "model_list: [{model_name: m, litellm_params: {api_key: k}}]", "line 1: model_list[0].litellm_params.model: is needed"},
		{"nothing but a name", "model_list: [{model_name: m}]", "line 1: model_list[0].litellm_params.model: is needed"},
		{"misspelt settings", "model_list: [{model_name: m, litellm_param: {model: gpt-4o}}]", "line 1: model_list[0].litellm_param: unknown; did you mean litellm_params?"},
		{"no such provider", "model_list: [{model_name: m, litellm_params: {model: opnai/gpt-4o}}]", "line 1: model_list[0].litellm_params.model: names no provider that is known; did you mean openai/…?"},
		{"a name without a provider", "model_list: [{model_name: m, litellm_params: {model: my-own}}]", "line 1: model_list[0].litellm_params.model: names no provider that is known"},
		{"no such custom provider", "model_list: [{model_name: m, litellm_params: {model: x, custom_llm_provider: nobody}}]", "line 1: model_list[0].litellm_params.custom_llm_provider: names no provider"},
		{"everybody's models", "model_list: [{model_name: '*', litellm_params: {model: '*'}}]", "line 1: model_list[0].litellm_params.model: does not say whose models"},
		{"a provider that signs", "model_list: [{model_name: m, litellm_params: {model: bedrock/anthropic.claude-v2}}]", "line 1: model_list[0].litellm_params.model: the provider bedrock cannot be served: it signs"},
		{"a provider that logs in", "model_list: [{model_name: m, litellm_params: {model: vertex_ai/gemini-2.5-pro}}]", "line 1: model_list[0].litellm_params.model: the provider vertex_ai cannot be served"},
		{"a star too many", "model_list: [{model_name: m, litellm_params: {model: openai/*, api_key: k}}]", "line 1: model_list[0].litellm_params.model: has a * for which model_name has none"},
		{"two stars", "model_list: [{model_name: '*/*', litellm_params: {model: openai/*, api_key: k}}]", "line 1: model_list[0].model_name: may hold one * only"},
		{"no address", "model_list: [{model_name: m, litellm_params: {model: hosted_vllm/m}}]", `line 1: model_list[0].litellm_params.model: the model "m" needs an api_base`},
		{"an address that is not set", "model_list: [{model_name: m, litellm_params: {model: azure/m, api_base: os.environ/AZ, api_key: k}}]", "line 1: model_list[0].litellm_params.api_base: the environment variable AZ is not set"},
		{"no credential", "model_list: [{model_name: m, litellm_params: {model: groq/m}}]", `line 1: model_list[0].litellm_params.model: the model "m" has no api_key, and GROQ_API_KEY is not set`},
		{"an empty credential", "model_list: [{model_name: m, litellm_params: {model: groq/m, api_key: ''}}]", `line 1: model_list[0].litellm_params.model: the model "m" has no api_key`},
		{"a credential that is not set", "model_list: [{model_name: m, litellm_params: {model: groq/m, api_key: os.environ/MY_KEY}}]", `line 1: model_list[0].litellm_params.api_key: the environment variable MY_KEY is not set, so calls of the model "m"`},
		{"a credential of two lines", `model_list: [{model_name: m, litellm_params: {model: groq/m, api_key: "a\nb"}}]`, "line 1: model_list[0].litellm_params.api_key: holds what no credential can"},
		{"a credential set without a name", "credential_list: [{credential_values: {}}]", "line 1: credential_list[0]: needs a credential_name"},
		{"a credential set that is not there", "model_list: [{model_name: m, litellm_params: {model: gpt-4o, api_key: k, litellm_credential_name: c}}]", "line 1: model_list[0].litellm_params.litellm_credential_name: credential_list has none"},
		{"a negative price", model + "    input_cost_per_token: -1e-6", "line 6: model_list[0].litellm_params.input_cost_per_token: must not be negative"},
		{"a price that is no number", model + "    input_cost_per_token: .NaN", "line 6: model_list[0].litellm_params.input_cost_per_token: must be a price"},
		{"a price in model_info", model + "  model_info: {output_cost_per_token: cheap}", "line 6: model_list[0].model_info.output_cost_per_token: must be a price"},
		{"a price that YAML reads otherwise", model + "    input_cost_per_token: 010", "line 6: model_list[0].litellm_params.input_cost_per_token: must be a price"},
		{"a band without a range", model + "    tiered_pricing: [{input_cost_per_token: 1}]", "line 6: model_list[0].litellm_params.tiered_pricing[0]: needs a range"},
		{"a limit that is no number", model + "    rpm: many", "line 6: model_list[0].litellm_params.rpm: must be a number"},
		{"a limit below none", model + "    tpm: -1", "line 6: model_list[0].litellm_params.tpm: must not be negative"},
		{"half a token", model + "    tpm: 0.5", "line 6: model_list[0].litellm_params.tpm: must be a whole number"},
		{"a limit that YAML reads otherwise", model + "    rpm: 0100", "line 6: model_list[0].litellm_params.rpm: must be a number"},
		{"no weight", model + "    weight: 0", "line 6: model_list[0].litellm_params.weight: must be more than 0"},
		{"a header that decides the way", model + "    extra_headers: {Host: x}", "line 6: model_list[0].litellm_params.extra_headers.Host: cannot be sent"},
		{"groups that are text", model + "  access_groups: beta", "line 6: model_list[0].access_groups: must be a list, not text"},
		{"an id twice", model + "  model_info: {id: a}\n- model_name: n\n  litellm_params: {model: openai/n, api_base: 'http://h/v1'}\n  model_info: {id: a}", "line 9: model_list[1].model_info.id: is the id of another model as well; see line 6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := refusals(t, tt.text, Options{})
			if !strings.HasPrefix(all[0].Error(), tt.want) {
				t.Errorf("said  %s\nwant  %s", all[0], tt.want)
			}
		})
	}
}

func TestAddressErrors(t *testing.T) {
	for base, want := range map[string]string{
		"ftp://h":               "must begin with http",
		"api.openai.com/v1":     "must begin with http",
		"https://":              "needs the name",
		"https:///v1":           "needs the name",
		"https://h h/v1":        "is no URL",
		"https://u:p@h/v1":      "must not hold a user name",
		"https://h/v1#x":        "must not hold a #",
		"https://h:0/v1":        "has a port that is none",
		"https://h:99999/v1":    "has a port that is none",
		"https://h:/v1":         "has a port that is none",
		"https://h/ä b":         "",
		"https://exa$mple/v1":   "needs the name",
		"https://h/v1?key=ä":    "must be plain ASCII",
		"http://[::1]:8000/v1/": "",
	} {
		_, err := readBase(base)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", base, err, want)
		}
	}
}

// TestAllErrorsTogether says that one start shows all there is to mend.
func TestAllErrorsTogether(t *testing.T) {
	all := refusals(t, `
model_list:
- model_name: a
  litellm_params: {model: bedrock/x, rpm: -1}
- litellm_params: {model: openai/gpt-4o, api_base: nowhere}
router_settings: {provider_budget_config: {openai: {budget_limit: 1}}}
litellm_settings: {max_budget: -5, guardrails: [x]}
`, Options{})
	var lines []int
	for _, e := range all {
		lines = append(lines, e.Line)
	}
	if len(all) != 6 {
		t.Errorf("%d errors:\n%v", len(all), all)
	}
	for i := 1; i < len(lines); i++ {
		if lines[i] < lines[i-1] {
			t.Errorf("not in the order of the file: %v", lines)
		}
	}
	if text := all.Error(); strings.Count(text, "\n") != len(all)-1 {
		t.Errorf("not a line each:\n%s", text)
	}
}

func TestIncludeErrors(t *testing.T) {
	files := map[string]string{
		"again.yaml":  "include: [again.yaml]",
		"budget.yaml": "litellm_settings:\n  max_budget: 2\n  num_retries: -1",
		"list.yaml":   "- model_name: m",
		"broken.yaml": "a: [",
	}
	read := func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
	for _, tt := range []struct{ name, text, want string }{
		{"of itself", "include: [again.yaml]", "again.yaml line 1: include[0]: is included a second time"},
		{"of nothing", "include: [none.yaml]", "line 1: include[0]: cannot be read: file does not exist"},
		{"of a setting that is here", "include: [budget.yaml]\nlitellm_settings: {max_budget: 1}", "budget.yaml line 2: litellm_settings.max_budget: is set a second time"},
		{"of something wrong", "include: [budget.yaml]", "budget.yaml line 3: litellm_settings.num_retries: must not be negative"},
		{"of a list", "include: [list.yaml]", "list.yaml line 1: must be a mapping, not a list"},
		{"of what is not YAML", "include: [broken.yaml]", "broken.yaml line 1: not YAML: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if all := refusals(t, tt.text, Options{ReadFile: read}); !strings.HasPrefix(all[0].Error(), tt.want) {
				t.Errorf("said  %s\nwant  %s", all[0], tt.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+p+",", 10), ",") + "]\n"
	}
	for name, text := range map[string]string{
		"aliases of aliases": bomb,
		"merging itself":     "a: &a {<<: [*a, *a], b: 1}",
		"nothing but errors": "general_settings: {allowed_ips: [" + strings.Repeat("x,", 100_000) + "]}",
		"very deep":          strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"very long":          strings.Repeat("# padding\n", maxBytes/10+1),
	} {
		all := refusals(t, text, Options{})
		if len(all) > maxErrors+1 {
			t.Errorf("%s: %d errors", name, len(all))
		}
	}
}

func TestManyWarnings(t *testing.T) {
	var text strings.Builder
	text.WriteString("litellm_settings:\n")
	for i := range 3 * maxWarnings {
		fmt.Fprintf(&text, "  unknown_%d: 1\n", i)
	}
	text.WriteString("model_list:\n")
	for range 3 {
		text.WriteString("- {model_name: m, litellm_params: {model: openai/m, api_base: 'http://h/v1', drop_params: true}}\n")
	}
	c, err := Parse([]byte(text.String()), Options{})
	if err != nil || len(c.Warnings) != maxWarnings || len(c.Deployments) != 3 {
		t.Errorf("%v, %d warnings", err, len(c.Warnings))
	}
}
