package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestNoSettingTwice(t *testing.T) {
	for _, s := range sections() {
		seen := map[string]bool{}
		for _, row := range s.rows {
			if seen[row.name] {
				t.Errorf("%s.%s is listed twice", s.title, row.name)
			}
			seen[row.name] = true
			if row.does == applies && row.as == "" && row.name != anyOther {
				t.Errorf("%s.%s does not say what its value is", s.title, row.name)
			}
			if row.does != applies && row.help == "" {
				t.Errorf("%s.%s gives no reason", s.title, row.name)
			}
		}
	}
}

// at writes a setting of a section, with what the section needs besides.
func at(title, name, text string) string {
	setting := fmt.Sprintf("%q: %s", name, text)
	switch title {
	case "the top of the file":
		return setting
	case "model_list[]":
		return "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}, " + setting + "}]"
	case "model_list[].litellm_params":
		return "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k, " + setting + "}}]"
	case "model_list[].model_info":
		return "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}, model_info: {" + setting + "}}]"
	}
	return title + ": {" + setting + "}"
}

// TestEveryFate gives every known setting a value and looks for what the table
// says becomes of it.
func TestEveryFate(t *testing.T) {
	for _, s := range sections() {
		for _, row := range s.rows {
			path := strings.ReplaceAll(s.title, "[]", "[0]") + "." + row.name
			if s.title == "the top of the file" {
				path = row.name
			}
			if row.name == anyOther || row.does == applies {
				continue
			}
			for value, restricts := range map[string]bool{"true": true, "null": false, "false": false, "[]": false, "{}": false, "[x]": true, "{a: 1}": true} {
				if strings.HasSuffix(row.name, "_callback") || row.name == "callbacks" || row.name == "optional_pre_call_checks" {
					continue // see TestErrors
				}
				c, err := Parse([]byte(at(s.title, row.name, value)), Options{})
				switch {
				case row.does == refused && restricts:
					if err == nil || !strings.Contains(err.Error(), path+": is not supported") {
						t.Errorf("%s: %s is not refused: %v", path, value, err)
					}
				case err != nil:
					t.Errorf("%s: %s: %v", path, value, err)
				default:
					n := 0
					for _, w := range c.Warnings {
						if w.Path == path {
							n++
						}
					}
					want := 1
					if row.does == refused || value == "null" {
						want = 0
					}
					if n != want {
						t.Errorf("%s: %s gives %d warnings, want %d", path, value, n, want)
					}
				}
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a slip", "litellm_settings: {max_budgt: 1}", "line 1: litellm_settings.max_budgt: unknown, and has no effect; did you mean max_budget?"},
		{"letters swapped", "genreal_settings: {}", "line 1: genreal_settings: unknown, and has no effect; did you mean general_settings?"},
		{"in another section", "general_settings: {cooldown_time: 1}", "line 1: general_settings.cooldown_time: unknown, and has no effect; it belongs under router_settings"},
		{"nothing like it", "general_settings: {zebra: 1}", "line 1: general_settings.zebra: unknown, and has no effect"},
		{"of a model", at("model_list[].litellm_params", "api_bse", "x"), "line 1: model_list[0].litellm_params.api_bse: unknown, and has no effect; did you mean api_base?"},
		{"a price", at("model_list[].litellm_params", "input_cost_per_tokn", "1"), "line 1: model_list[0].litellm_params.input_cost_per_tokn: unknown, and has no effect; did you mean input_cost_per_token?"},
		{"a price nobody counts by", at("model_list[].litellm_params", "input_cost_per_token_batches", "1"), "line 1: model_list[0].litellm_params.input_cost_per_token_batches: has no effect: no usage is counted by it"},
		{"a setting of the model beside it", at("model_list[]", "api_base", "x"), "line 1: model_list[0].api_base: has no effect here: write it into litellm_params"},
		{"almost known in model_info", at("model_list[].model_info", "acess_groups", "[x]"), "line 1: model_list[0].model_info.acess_groups: is kept and has no effect; did you mean access_groups?"},
		{"anything in model_info", at("model_list[].model_info", "colour", "red"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse([]byte(tt.text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, w := range c.Warnings {
				said = append(said, w.String())
			}
			if got := strings.Join(said, "\n"); got != tt.want {
				t.Errorf("said  %s\nwant  %s", got, tt.want)
			}
		})
	}
}

// TestSecretsStay puts a secret in the place of every value, and looks for it
// wherever it could come out.
func TestSecretsStay(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2"
	for _, s := range sections() {
		for _, row := range s.rows {
			for _, form := range []string{"%s", "[%s]", "{a: %s}", "[{header_name: %s, litellm_user_role: %s}]", "os.environ/SECRET", "%s: ["} {
				switch row.name {
				case "model_name", "model", "model_group_alias", "include", "access_groups", anyOther:
					continue // names, which are there to be shown
				}
				text := at(s.title, row.name, strings.ReplaceAll(form, "%s", secret))
				c, err := Parse([]byte(text), Options{Env: env("SECRET=" + secret)})
				if err != nil {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%s: %v", text, err)
					}
					continue
				}
				for _, w := range c.Warnings {
					if strings.Contains(w.String(), secret) {
						t.Errorf("%s: %v", text, w)
					}
				}
				for _, d := range c.Deployments {
					if secretName(row.name) && (strings.Contains(string(d.Params), secret) || strings.Contains(string(d.Info), secret)) {
						t.Errorf("%s: %s %s", text, d.Params, d.Info)
					}
				}
			}
		}
	}
}

func TestMasked(t *testing.T) {
	c, err := Parse([]byte(`
environment_variables: {WORD: environment-word-1}
model_list:
- model_name: m
  litellm_params:
    model: openai/m
    api_base: http://h/v1
    api_key: literal-key-1
    extra_headers: {x-team: header-value-1}
    aws_secret_access_key: cloud-secret-1
    extra_body: {nested: [{password: body-password-1}], safe: yes}
    note: "the key is literal-key-1, the word environment-word-1"
    bearer: sk-looks-like-one
    max_tokens: 5
    input_cost_per_token: 1.50e-06
  model_info: {comment: literal-key-1, contact_token: t-1, tokens: 7}
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Deployments[0]
	wantParams := `{"model":"openai/m","api_base":"http://h/v1","api_key":"***","extra_headers":{"x-team":"***"},"aws_secret_access_key":"***",` +
		`"extra_body":{"nested":[{"password":"***"}],"safe":"yes"},"note":"***","bearer":"***","max_tokens":5,"input_cost_per_token":1.50e-06}`
	if string(d.Params) != wantParams {
		t.Errorf("params %s\nwant   %s", d.Params, wantParams)
	}
	if want := `{"comment":"***","contact_token":"***","tokens":7}`; string(d.Info) != want {
		t.Errorf("info %s\nwant %s", d.Info, want)
	}
	if text := fmt.Sprintf("%v %+v %#v %v", *c, *c, *c, d.Headers); strings.Contains(text, "literal-key-1") || strings.Contains(text, "header-value-1") {
		t.Error("a secret is printed")
	}
}

func TestReference(t *testing.T) {
	text := Reference()
	for _, s := range sections() {
		if !strings.Contains(text, "### "+s.title+"\n") {
			t.Errorf("no section %s", s.title)
		}
		for _, row := range s.rows {
			if !strings.Contains(text, "`"+row.name+"`") {
				t.Errorf("%s is not in it", row.name)
			}
		}
	}
}
