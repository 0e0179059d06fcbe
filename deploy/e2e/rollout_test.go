package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/envoy/envoytest"
)

// A platform team brings Purser in: two replicas of each service behind a real Envoy, in shadow, with spans to a collector and
// alerts to webhooks; then it enforces, while everything runs.
func TestRollout(t *testing.T) {
	collector := envoytest.StartCollector(t)
	hooks := startHooks(t)
	text, err := os.ReadFile("../local/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	text = append(text, fmt.Sprintf(`
alerts:
  thresholds: [50]
  webhooks:
  - {name: ops, url: %q, secret: %q}
  - {name: chat, url: %q, format: slack}
`, hooks.url+"/ops", hookSecret, hooks.url+"/slack")...)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	state, stop := startWith(t, "auto", []string{
		"ENFORCEMENT=shadow", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.Address, "OTEL_BSP_SCHEDULE_DELAY=100", "METRICS_ADDR=127.0.0.1:0", "DRAIN_TIMEOUT=60s",
	}, "--config", config, "--replicas", "2")
	defer stop()
	s := &rollout{t: t}
	if err := json.Unmarshal(read(t, filepath.Join(state, "stack.json")), &s.info); err != nil {
		t.Fatal(err)
	}
	// What is told of later comes from this: looked for every 15 seconds.
	s.spend()
	t.Run("shadow, then enforced", s.enforce)
	t.Run("one trace", func(t *testing.T) { s.traced(t, collector) })
	t.Run("metrics", func(t *testing.T) { s.measured(t, state) })
	t.Run("an extproc is told to stop", func(t *testing.T) { s.drained(t, state) })
	t.Run("alerts", func(t *testing.T) { s.alerted(t, hooks) })
}

// rollout is the stack and those who call it.
type rollout struct {
	t    *testing.T
	info struct {
		URL         string
		MasterKey   string `json:"master_key"`
		ProviderURL string `json:"fake_provider_url"`
		ProviderKey string `json:"fake_provider_key"`
		ExtprocURL  string `json:"extproc_url"`
	}
	team  string
	spent string // the key that spends
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ask sends one request through Envoy, once.
func (s *rollout) ask(t *testing.T, key, path, body string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(cmp.Or(map[bool]string{true: "GET"}[body == ""], "POST"), s.info.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// manage calls the admin API as the master, and reads a field of its answer.
func (s *rollout) manage(t *testing.T, path, body, field string) string {
	t.Helper()
	status, text := s.ask(t, s.info.MasterKey, path, body)
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); status != 200 || err != nil {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	return fmt.Sprint(answer[field])
}

func (s *rollout) chat(t *testing.T, key, model string) int {
	t.Helper()
	status, _ := s.ask(t, key, "/v1/chat/completions", strings.Replace(hello, "gpt-4", model, 1))
	return status
}

// enforce goes from shadow to enforcement, as a whole and of a team, a project and a limit.
func (s *rollout) enforce(t *testing.T) {
	team := s.manage(t, "/team/new", `{"team_alias":"limited","rpm_limit":0,"enforcement":"shadow"}`, "team_id")
	free := s.manage(t, "/team/new", `{"team_alias":"free"}`, "team_id")
	project := s.manage(t, "/project/new", fmt.Sprintf(`{"project_alias":"limited","team_id":%q,"rpm_limit":0,"enforcement":"shadow"}`, free), "project_id")
	key := func(fields string) string { return s.manage(t, "/key/generate", "{"+fields+"}", "key") }
	callers := []struct {
		name  string
		key   string
		scope string
		then  string // what enforces it for good
		path  string
	}{
		{"a team's", key(fmt.Sprintf(`"team_id":%q`, team)), "team", fmt.Sprintf(`{"team_id":%q,"enforcement":"enforce"}`, team), "/team/update"},
		{"a project's", key(fmt.Sprintf(`"team_id":%q,"project_id":%q`, free, project)), "project", fmt.Sprintf(`{"project_id":%q,"enforcement":"enforce"}`, project), "/project/update"},
		{"one limit", key(`"rpm_limit":0,"shadow_limits":["rpm_limit"],"models":["gpt-4"]`), "key", "", "/key/update"},
	}
	callers[2].then = fmt.Sprintf(`{"key":%q,"shadow_limits":[]}`, callers[2].key)
	limited := key(`"rpm_limit":0`)

	if got := s.chat(t, limited, "gpt-4"); got != 200 {
		t.Errorf("in shadow: %d", got)
	}
	if got := s.chat(t, callers[2].key, "gpt-3.5-turbo"); got != 200 {
		t.Errorf("another model in shadow: %d", got)
	}
	if got := s.chat(t, "sk-nobody-has-this", "gpt-4"); got != 401 {
		t.Errorf("a stranger in shadow: %d", got)
	}
	s.manage(t, "/enforcement", `{"mode":"enforce"}`, "mode")
	// Nobody was restarted, and there are two of each.
	for range 4 {
		if got := s.chat(t, limited, "gpt-4"); got != 429 {
			t.Errorf("right after: %d", got)
		}
	}
	for _, c := range callers {
		for range 2 {
			if got := s.chat(t, c.key, "gpt-4"); got != 200 {
				t.Errorf("%s in shadow: %d", c.name, got)
			}
		}
	}
	if got := s.chat(t, callers[2].key, "gpt-3.5-turbo"); got != 403 {
		t.Errorf("what is not in shadow of a key whose rpm_limit is: %d", got)
	}
	for _, c := range callers {
		s.manage(t, c.path, c.then, "")
		for range 4 {
			if got := s.chat(t, c.key, "gpt-4"); got != 429 {
				t.Errorf("%s, right after: %d", c.name, got)
			}
		}
	}
	s.manage(t, "/enforcement", `{"mode":"shadow"}`, "mode")
	if got := s.chat(t, limited, "gpt-4"); got != 200 {
		t.Errorf("back in shadow: %d", got)
	}

	// What would have been refused, by who would have.
	want := map[string]float64{"team " + team: 2, "project " + project: 2, "key throttling_error": 5, "key model_access_denied": 1}
	var got map[string]float64
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		status, text := s.ask(t, s.info.MasterKey, "/enforcement/report", "")
		var report struct {
			Refusals []struct {
				Reason, Scope string
				ScopeID       string  `json:"scope_id"`
				Count         float64 `json:"count"`
			}
		}
		if err := json.Unmarshal([]byte(text), &report); status != 200 || err != nil {
			t.Fatalf("the report: %d %s", status, text)
		}
		got = map[string]float64{}
		for _, r := range report.Refusals {
			if r.Scope == "key" {
				r.ScopeID = r.Reason // a hash
			}
			got[r.Scope+" "+r.ScopeID] += r.Count
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
	}
	t.Errorf("the report has %v, want %v", got, want)
}
