package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

var update = flag.Bool("update", false, "write the golden files")

// env is the environment of the tests.
func env(pairs ...string) func(string) (string, bool) {
	all := map[string]string{}
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		all[name] = text
	}
	return func(name string) (string, bool) {
		text, ok := all[name]
		return text, ok
	}
}

var providerKeys = []string{
	"OPENAI_API_KEY=sk-openai-0123456789", "AZURE_API_KEY=azure-0123456789", "ANTHROPIC_API_KEY=sk-ant-0123456789", "GEMINI_API_KEY=gemini-0123456789",
	"GROQ_API_KEY=gsk-0123456789", "COHERE_API_KEY=co-0123456789", "LITELLM_MASTER_KEY=sk-master-0123456789",
}

func TestFull(t *testing.T) {
	c, err := Load("testdata/full.yaml", env(append(providerKeys, "OUTER=outer-0123456789")...))
	if err != nil {
		t.Fatal(err)
	}
	got := dump(t, c)
	if *update {
		if err := os.WriteFile("testdata/full.golden", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/full.golden")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in testdata/full.golden; run with -update and look at the difference:\n%s", firstDifference(got, want))
	}
	for _, pair := range providerKeys {
		_, secret, _ := strings.Cut(pair, "=")
		if bytes.Contains(got, []byte(secret)) {
			t.Errorf("%s can be seen", pair)
		}
	}
	if c.MasterKey.Reveal() != "sk-master-0123456789" || c.Environment["INNER"].Reveal() != "outer-0123456789" {
		t.Error("a secret is not what its variable says")
	}
	if d := c.Deployments[0]; d.Credential.Reveal() != "sk-openai-0123456789" {
		t.Error("the credential is not what its variable says")
	}
}

// dump writes a configuration line by line, secrets masked as they mask themselves.
func dump(t *testing.T, c *Config) []byte {
	t.Helper()
	var b bytes.Buffer
	line := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s\n", name, text)
	}
	for _, d := range c.Deployments {
		shown := *d
		shown.Info, shown.Params = nil, nil
		line(d.ID, shown)
		fmt.Fprintf(&b, "  info: %s\n  params: %s\n", d.Info, d.Params)
	}
	line("aliases", c.Aliases)
	line("hidden", c.HiddenAlias)
	line("budget", c.MaxBudget)
	line("budget duration", c.BudgetDuration)
	line("general", c.General)
	shown := c.LiteLLM
	for _, fields := range []struct {
		name string
		json *[]byte
	}{
		{"users", &shown.UserDefaults}, {"keys", &shown.KeyDefaults}, {"bounds", &shown.KeyBounds}, {"teams", &shown.TeamDefaults},
	} {
		fmt.Fprintf(&b, "%s: %s\n", fields.name, *fields.json)
		*fields.json = nil
	}
	line("zone", fmt.Sprint(shown.TimeZone))
	shown.TimeZone = nil
	line("litellm", shown)
	line("router", c.Router)
	line("environment", c.Environment)
	for _, w := range c.Warnings {
		fmt.Fprintln(&b, w)
	}
	return b.Bytes()
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + strings.Join(w[i:min(i+1, len(w))], "")
		}
	}
	return "got nothing more"
}

func TestEmptyFile(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "a comment": "# nothing\n", "null": "~", "empty sections": "model_list:\ngeneral_settings:\nlitellm_settings: {}\n"} {
		c, err := Parse([]byte(text), Options{})
		if err != nil || len(c.Deployments) > 0 || len(c.Warnings) > 0 {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// TestDocumentFragments reads what doc-budgets-rate-limits shows, without
// section headings and with the settings in the model's entry.
func TestDocumentFragments(t *testing.T) {
	c, err := Parse([]byte(`
master_key: sk-1234
# other litellm settings
max_budget: 0 # (float) sets max budget as $0 USD
budget_duration: 30d # (str) frequency of reset
proxy_budget_rescheduler_min_time: 1
proxy_budget_rescheduler_max_time: 1
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.MasterKey.Reveal() != "sk-1234" || c.MaxBudget == nil || *c.MaxBudget != 0 || c.BudgetDuration != "30d" || len(c.Warnings) != 2 {
		t.Errorf("%+v", c)
	}
	c, err = Parse([]byte(`
- model_name: text-embedding-ada-002
  model: azure/azure-embedding-model
  api_base: "os.environ/AZURE_API_BASE"
  api_key: "os.environ/AZURE_API_KEY"
  api_version: "2023-07-01-preview"
  access_groups: ["beta-models"] # 👈 Model Access Group
`), Options{Env: env("AZURE_API_BASE=https://acme.openai.azure.com", "AZURE_API_KEY=k")})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Deployments[0]
	if d.Format != policy.FormatAzure || d.Host != "acme.openai.azure.com" || d.PathPrefix != "/openai/deployments/azure-embedding-model" ||
		d.Query != "api-version=2023-07-01-preview" || d.CredentialHeader != "api-key" || d.CredentialPrefix != "" || d.AccessGroups[0] != "beta-models" {
		t.Errorf("%+v", d)
	}
}

func TestMasterKeyFromEnvironment(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"named nowhere", "", "sk-env"},
		{"named in the file", "general_settings: {master_key: sk-file}", "sk-file"},
	} {
		c, err := Parse([]byte(tt.text), Options{Env: env("LITELLM_MASTER_KEY=sk-env")})
		if err != nil || c.MasterKey.Reveal() != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestUnsetStoresAreOurs(t *testing.T) {
	c, err := Parse([]byte(`
general_settings: {database_url: os.environ/DATABASE_URL}
router_settings: {redis_host: os.environ/REDIS_HOST, redis_port: os.environ/REDIS_PORT, redis_password: os.environ/REDIS_PASSWORD}
`), Options{})
	if err != nil || c.General.DatabaseURL != "" || c.Router.RedisURL != "" || len(c.Warnings) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Parse([]byte(`
general_settings: {database_url: os.environ/DATABASE_URL}
router_settings: {redis_password: os.environ/REDIS_PASSWORD, redis_host: os.environ/REDIS_HOST, redis_port: 6380, redis_db: 2}
`), Options{Env: env("DATABASE_URL=postgres://x", "REDIS_HOST=cache", "REDIS_PASSWORD=p@ss word")})
	if err != nil {
		t.Fatal(err)
	}
	if c.General.DatabaseURL.Reveal() != "postgres://x" || c.Router.RedisURL.Reveal() != "redis://:p%40ss%20word@cache:6380/2" {
		t.Errorf("%s, %s", c.General.DatabaseURL.Reveal(), c.Router.RedisURL.Reveal())
	}
}
