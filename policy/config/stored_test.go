package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

const someFile = `
general_settings: {master_key: sk-master-0123456789}
environment_variables: {OWN: own-0123456789}
credential_list: [{credential_name: shared, credential_values: {api_key: shared-0123456789}}]
litellm_settings: {cost_discount_config: {openai: 0.5}}
model_list:
- {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: key-0123456789, weight: 1}, model_info: {id: of-the-file}}
`

func parsed(t testing.TB, text string, vars ...string) *Config {
	t.Helper()
	c, err := Parse([]byte(text), Options{Env: env(vars...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func stored(id, name, params string) *policy.StoredModel {
	return &policy.StoredModel{ID: id, Name: name, Params: []byte(params)}
}

// unseal stands for policy/seal.
func unseal(id, text string) (string, error) {
	if rest, ok := strings.CutPrefix(text, "sealed:"+id+":"); ok {
		return rest, nil
	}
	return "", errors.New("of another")
}

func TestStoredModelsMeanWhatEntriesOfTheFileMean(t *testing.T) {
	c := parsed(t, someFile, "AZURE_API_KEY=azure-0123456789")
	for name, params := range map[string]string{
		"a price of the map with the file's discount": `{"model":"openai/gpt-4o","api_key":"key-0123456789"}`,
		"an address":               `{"model":"openai/x","api_base":"http://10.0.0.1:8000/v1/","api_key":"k"}`,
		"prices, limits and order": `{"model":"openai/x","api_key":"k","input_cost_per_token":1.5e-05,"output_cost_per_token":2E-6,"rpm":7,"tpm":"9","order":2,"weight":0.5}`,
		"Azure":                    `{"model":"azure/dep","api_base":"https://x.openai.azure.com","api_version":"2025-01-01"}`,
		"a credential of the list": `{"model":"openai/x","litellm_credential_name":"shared"}`,
		"the file's own variable":  `{"model":"openai/x","api_key":"os.environ/OWN"}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := stored("m-1", "public", params)
			m.Info = []byte(`{"id":"other","access_groups":["beta"],"max_output_tokens":77,"mode":"chat"}`)
			s, err := c.Compile(m, unseal)
			if err != nil {
				t.Fatal(err)
			}
			same := parsed(t, fmt.Sprintf(strings.ReplaceAll(someFile, "model_list:", "model_list:\n- {model_name: public, litellm_params: %s, model_info: {id: m-1, access_groups: [beta], max_output_tokens: 77, mode: chat}}"),
				params), "AZURE_API_KEY=azure-0123456789").Deployments[0]
			got := *c.With([]*Stored{s})[1]
			if !got.Stored || got.ID != "m-1" || got.Credential != same.Credential {
				t.Errorf("stored %v, id %s, credential the same: %v", got.Stored, got.ID, got.Credential == same.Credential)
			}
			got.Stored, got.Info, got.PriceOf = false, same.Info, nil
			a, _ := json.Marshal(got)
			if b, _ := json.Marshal(*same); !bytes.Equal(a, b) {
				t.Errorf("got  %s\nwant %s", a, b)
			}
		})
	}
}

// JSON's own ways of writing characters, which YAML has not.
func TestStoredModelsAreJSON(t *testing.T) {
	s, err := parsed(t, someFile).Compile(stored("id", "m", `{"model":"openai/x","api_key":"k","metadata":{"\u00e9 \ud83d\ude00":"\/"}}`), unseal)
	if err != nil || !strings.Contains(string(s.Deployment.Params), `"é 😀":"/"`) {
		t.Errorf("%v %s", err, s.Deployment.Params)
	}
}

func TestStoredModelsAreRefusedByField(t *testing.T) {
	c := parsed(t, someFile)
	for name, tc := range map[string]struct{ model, params, info, field string }{
		"no provider":                 {"m", `{"model":"nonsense"}`, "", "litellm_params.model"},
		"no model":                    {"m", `{}`, "", "litellm_params.model"},
		"no name":                     {"", `{"model":"openai/x","api_key":"k"}`, "", "model_name"},
		"no credential":               {"m", `{"model":"openai/x"}`, "", "litellm_params.model"},
		"a wrong address":             {"m", `{"model":"openai/x","api_key":"k","api_base":"ftp://x"}`, "", "litellm_params.api_base"},
		"a negative price":            {"m", `{"model":"openai/x","api_key":"k","input_cost_per_token":-1}`, "", "litellm_params.input_cost_per_token"},
		"a limit of the wrong type":   {"m", `{"model":"openai/x","api_key":"k","rpm":[1]}`, "", "litellm_params.rpm"},
		"what nothing enforces":       {"m", `{"model":"openai/x","api_key":"k"}`, `{"team_id":"t"}`, "model_info.team_id"},
		"guardrails":                  {"m", `{"model":"openai/x","api_key":"k","guardrails":["g"]}`, "", "litellm_params.guardrails"},
		"not an object":               {"m", `[]`, "", "litellm_params"},
		"not JSON":                    {"m", `{"model":`, "", "litellm_params"},
		"info that is none":           {"m", `{"model":"openai/x","api_key":"k"}`, `7`, "model_info"},
		"another process's secret":    {"m", `{"model":"openai/x","api_base":"http://evil","api_key":"os.environ/DATABASE_URL"}`, "", "litellm_params.api_key"},
		"one hidden in a header":      {"m", `{"model":"openai/x","api_key":"k","extra_headers":{"x":"os.environ/LITELLM_MASTER_KEY"}}`, "", "litellm_params.extra_headers.x"},
		"sealed for another":          {"m", `{"model":"openai/x","api_key":"sealed:other:k"}`, "", "litellm_params.api_key"},
		"another environment's model": {"m", `{"model":"openai/x","api_key":"k"}`, `{"supported_environments":["production"]}`, "model_info.supported_environments"},
	} {
		t.Run(name, func(t *testing.T) {
			m := stored("id", tc.model, tc.params)
			m.Info = []byte(tc.info)
			_, err := c.Compile(m, unseal)
			var inv *policy.Invalid
			if !errors.As(err, &inv) || inv.Field != tc.field {
				t.Fatalf("got %v, want a refusal of %s", err, tc.field)
			}
			if strings.Contains(inv.Message, "evil") || strings.Contains(inv.Message, "nonsense") {
				t.Errorf("the message quotes what was sent: %s", inv.Message)
			}
		})
	}
}

func TestSealedCredentials(t *testing.T) {
	c := parsed(t, someFile)
	m := stored("id", "m", `{"model":"openai/x","api_key":"sealed:id:plain-0123456789","extra_headers":{"x-more":"sealed:id:more-0123456789"}}`)
	s, err := c.Compile(m, unseal)
	if err != nil {
		t.Fatal(err)
	}
	if s.Deployment.Credential.Reveal() != "plain-0123456789" {
		t.Error("it was not opened")
	}
	if text := string(s.Deployment.Params); strings.Contains(text, "0123456789") || strings.Contains(text, "sealed") {
		t.Errorf("shown as %s", text)
	}
	// Who routes only needs no credential, and no secret to open one with.
	for _, params := range []string{string(m.Params), `{"model":"openai/x"}`, `{"model":"openai/x","api_key":"os.environ/NOT_SET_API_KEY"}`} {
		s, err := c.Compile(stored("id", "m", params), nil)
		if err != nil || s.Deployment.Credential != "" || s.Deployment.CredentialHeader != "authorization" {
			t.Errorf("%s without the means to open: %+v, %v", params, s, err)
		}
	}
}

func TestSharesAreWorkedOutOverBoth(t *testing.T) {
	c := parsed(t, someFile)
	one, err := c.Compile(stored("one", "gpt-4o", `{"model":"openai/gpt-4o","api_key":"k","weight":3}`), unseal)
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Compile(stored("of-the-file", "gpt-4o", `{"model":"openai/gpt-4o","api_key":"k"}`), unseal)
	if err != nil {
		t.Fatal(err)
	}
	all := c.With([]*Stored{one, two})
	if len(all) != 2 || all[0].ID != "of-the-file" || all[0].Stored || all[0].Weight != 1 || all[1].ID != "one" || all[1].Weight != 3 {
		t.Errorf("%+v", all)
	}
	if !c.Has("of-the-file") || c.Has("one") {
		t.Error("Has tells of stored ones")
	}
	if again := c.With(nil); len(again) != 1 || again[0] == all[0] || again[0] == c.Deployments[0] {
		t.Error("what serves is shared with what is worked out anew")
	}
	if got := new(Config).With([]*Stored{one}); len(got) != 1 {
		t.Errorf("without a file: %+v", got)
	}
}

func TestMapSecrets(t *testing.T) {
	in := `{"model":"openai/gpt-4o","api_key":"k","azure_ad_token":null,"api_base":"http://x","rpm":1.50,"max_tokens":5,` +
		`"extra_headers":{"x-a":"one","n":5},"other":"sk-123","ref_key":"os.environ/A_API_KEY","list":[true,"Bearer x"]}`
	var paths []string
	got, err := MapSecrets([]byte(in), func(path, text string) (string, error) {
		paths = append(paths, path)
		return "<" + text + ">", nil
	})
	want := `{"model":"openai/gpt-4o","api_key":"<k>","azure_ad_token":null,"api_base":"http://x","rpm":1.50,"max_tokens":5,` +
		`"extra_headers":{"x-a":"<one>","n":"<5>"},"other":"<sk-123>","ref_key":"os.environ/A_API_KEY","list":[true,"<Bearer x>"]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	if text := strings.Join(paths, " "); text != "api_key extra_headers.x-a extra_headers.n other list[1]" {
		t.Errorf("paths %s", text)
	}
	for _, bad := range []string{"", "[]", "7", `{"a":1,"a":2}`, `{"a":1}x`, strings.Repeat("[", 1000)} {
		if got, err := MapSecrets([]byte(bad), func(string, string) (string, error) { return "", nil }); err == nil {
			t.Errorf("%.20s: %s", bad, got)
		}
	}
	if _, err := MapSecrets([]byte(`{"api_key":"k"}`), func(string, string) (string, error) { return "", errors.New("no") }); err == nil {
		t.Error("an error of f is lost")
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("m", []byte(`{"model":"openai/gpt-4o","api_key":"secret-word-1"}`), []byte(`{"mode":"chat"}`))
	f.Add("a/*", []byte(`{"model":"azure/*","api_base":"http://x:1/y?z","api_key":"secret-word-1","rpm":1e3}`), []byte(`{"id":7}`))
	c := parsed(f, someFile)
	f.Fuzz(func(t *testing.T, name string, params, info []byte) {
		m := &policy.StoredModel{ID: "id", Name: name, Params: params, Info: info}
		for _, open := range []func(string, string) (string, error){unseal, nil} {
			s, err := c.Compile(m, open)
			if (s == nil) == (err == nil) {
				t.Fatal("neither or both")
			}
			if err == nil && s.Deployment.Credential != "" && len(s.Deployment.Credential) > 7 && bytes.Contains(s.Deployment.Params, []byte(s.Deployment.Credential)) {
				t.Errorf("the credential is shown: %s", s.Deployment.Params)
			}
		}
	})
}
