package e2e

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// traced looks for Envoy's spans and the services' in one trace.
func (s *rollout) traced(t *testing.T, c *envoytest.Collector) {
	const trace, caller = "5af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	team := s.manage(t, "/team/new", `{"team_alias":"traced"}`, "team_id")
	key := s.manage(t, "/key/generate", fmt.Sprintf(`{"team_id":%q}`, team), "key")
	status, text := s.ask(t, key, "/v1/chat/completions", `{"model":"gpt-4","messages":[{"role":"user","content":"hunter2 fake:{\"output_tokens\":9}"}]}`,
		"traceparent", "00-"+trace+"-"+caller+"-01")
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	in := func(service, name string) envoytest.Span {
		return c.Await(service+" "+name, func(s envoytest.Span) bool {
			return s.Trace() == trace && s.Service == service && strings.Contains(s.Name, name)
		})
	}
	ours, stream := in("purser-extproc", "chat gpt-4"), in("purser-envoy", "ext_proc")
	if ours.Parent() != stream.ID() {
		t.Errorf("ours is below %s, not below Envoy's stream %s", ours.Parent(), stream.ID())
	}
	request := c.Await("the request", func(s envoytest.Span) bool { return s.Trace() == trace && s.ID() == stream.Parent() })
	if request.Parent() != caller {
		t.Errorf("Envoy's is below %s, not below the caller's", request.Parent())
	}
	for name, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4", "gen_ai.response.model": "gpt-4", "gen_ai.usage.output_tokens": "9",
		"http.response.status_code": "200", "purser.decision": "admitted", "purser.team": team, "purser.request_id": request.Attribute("guid:x-request-id"),
	} {
		if got := ours.Attribute(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if ours.Attribute("purser.call_id") == "" || ours.Attribute("gen_ai.usage.input_tokens") == "" || ours.Attribute("purser.cost_nanousd") == "" {
		t.Errorf("missing attributes: %v", ours.Attributes)
	}
	// The same on the management plane.
	const managed = "6af7651916cd43dd8448eb211c80319c"
	s.ask(t, s.info.MasterKey, "/key/info?key="+key, "", "traceparent", "00-"+managed+"-"+caller+"-01")
	admin := c.Await("adminsvc's", func(s envoytest.Span) bool { return s.Trace() == managed && s.Service == "purser-adminsvc" })
	hop := c.Await("the hop to adminsvc", func(s envoytest.Span) bool { return s.Trace() == managed && s.ID() == admin.Parent() })
	if admin.Name != "GET /key/info" || admin.Attribute("http.response.status_code") != "200" || hop.Service != "purser-envoy" {
		t.Errorf("adminsvc's span %v, below %v", admin.Span, hop.Span)
	}
	for _, secret := range []string{key, s.spent, s.info.MasterKey + "\x12", "sk-nobody-has-this", "hunter2", "Bearer "} {
		if bytes.Contains(c.Bytes(), []byte(secret)) {
			t.Errorf("%q is among what the collector got", secret)
		}
	}
}

// measured compares what services tell with what the alerting rules and the dashboard ask for.
func (s *rollout) measured(t *testing.T, state string) {
	s.manage(t, "/model/new", fmt.Sprintf(`{"model_name":"unpriced","litellm_params":{"model":"openai/of-no-price-list","api_base":%q,"api_key":%q}}`,
		s.info.ProviderURL+"/v1", s.info.ProviderKey), "")
	if got := s.chat(t, s.info.MasterKey, "unpriced"); got != 200 {
		t.Errorf("a model without a price: %d", got)
	}
	_, at, ok := strings.Cut(string(read(t, filepath.Join(state, "logs", "adminsvc.log"))), "msg=metrics http=")
	at, _, _ = strings.Cut(at, "\n")
	if !ok {
		t.Fatal("adminsvc does not say where its metrics are")
	}
	limited := s.manage(t, "/key/generate", `{"rpm_limit":0}`, "key")
	var told map[string][]string
	var missing []string
	// Two of each share the calls: what one of them has not seen yet, it does not tell.
	for range 40 {
		told = scrape(t, s.info.ExtprocURL, "http://"+at)
		if missing = untold(t, told); len(missing) == 0 {
			break
		}
		s.chat(t, s.info.MasterKey, "unpriced")
		s.ask(t, s.info.MasterKey, "/v1/chat/completions", strings.Replace(hello, "{", `{"stream":true,`, 1))
		s.chat(t, limited, "gpt-4")
		time.Sleep(50 * time.Millisecond)
	}
	for _, name := range missing {
		t.Errorf("asked for, and nobody tells it: %s", name)
	}
	for _, name := range []string{"purser_decisions_total", "purser_shadow_refusals_total", "purser_spend_usd_total", "purser_usage_total", "purser_trace_spans_total",
		"purser_journal_entries_total", "gen_ai_client_token_usage_sum", "gen_ai_server_time_to_first_token_seconds_count", "purser_database_up", "purser_admin_request_seconds_count"} {
		if !slices.ContainsFunc(told[name], func(series string) bool { return !strings.HasSuffix(series, " 0") }) {
			t.Errorf("%s does not move: %v", name, told[name])
		}
	}
}

// scrape is what Prometheus would read: the series of each name.
func scrape(t *testing.T, servers ...string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, url := range servers {
		r, err := http.Get(url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if end := strings.IndexAny(line, "{ "); end > 0 && line[0] != '#' {
				out[line[:end]] = append(out[line[:end]], line)
			}
		}
	}
	return out
}

// untold are the metrics and labels that metrics.txt has, and nobody tells.
func untold(t *testing.T, told map[string][]string) (out []string) {
	t.Helper()
	for line := range strings.SplitSeq(string(read(t, "../grafana/metrics.txt")), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		name, labels, _ := strings.Cut(line, " ")
		if len(told[name]) == 0 {
			out = append(out, name)
		}
		for _, label := range strings.Fields(labels) {
			label, value, given := strings.Cut(label, "=")
			want := label + `="`
			if given {
				want += value + `"`
			}
			if !slices.ContainsFunc(told[name], func(series string) bool { return strings.Contains(series, want) }) {
				out = append(out, name+" "+want)
			}
		}
	}
	return out
}

// drained stops one of two extprocs while streams run through Envoy: each ends whole, and nobody who calls meanwhile is turned away.
func (s *rollout) drained(t *testing.T, state string) {
	pid := func() string {
		text, _ := os.ReadFile(filepath.Join(state, "extproc.pid"))
		return strings.TrimSpace(string(text))
	}
	key := s.manage(t, "/key/generate", "{}", "key")
	const each = 6
	begun, ends := make(chan struct{}, each), make(chan error, each)
	for range each {
		go func() {
			req, err := http.NewRequest("POST", s.info.URL+"/v1/chat/completions", strings.NewReader(
				`{"model":"gpt-4","stream":true,"messages":[{"role":"user","content":"fake:{\"output_tokens\":30,\"chunks\":30,\"delay_ms\":60}"}]}`))
			if err != nil {
				ends <- err
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+key)
			r, err := http.DefaultClient.Do(req)
			begun <- struct{}{}
			if err != nil {
				ends <- err
				return
			}
			defer r.Body.Close()
			text, err := io.ReadAll(r.Body)
			if err == nil && (r.StatusCode != 200 || !strings.Contains(string(text), "[DONE]")) {
				err = fmt.Errorf("status %d, %s", r.StatusCode, text)
			}
			ends <- err
		}()
	}
	for range each {
		<-begun
	}
	before := pid()
	n, err := strconv.Atoi(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := s.chat(t, key, "gpt-4"); got != 200 {
			t.Errorf("a new call meanwhile: %d", got)
		}
	}
	for range each {
		if err := <-ends; err != nil {
			t.Errorf("a stream under way: %v", err)
		}
	}
	for deadline := time.Now().Add(time.Minute); pid() == before || pid() == ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not run again")
		}
	}
}

// spend makes a team, a project and a key that have used almost all they have, each in
// a window of another length.
func (s *rollout) spend() {
	t := s.t
	s.team = s.manage(t, "/team/new", `{"team_alias":"spenders","soft_budget":0.0001}`, "team_id")
	project := s.manage(t, "/project/new", fmt.Sprintf(`{"project_alias":"p","team_id":%q}`, s.team), "project_id")
	s.spent = s.manage(t, "/key/generate", fmt.Sprintf(`{"team_id":%q,"project_id":%q}`, s.team, project), "key")
	if got := s.chat(t, s.spent, "gpt-4"); got != 200 {
		t.Fatalf("status %d", got)
	}
	spend := 0.0
	for deadline := time.Now().Add(30 * time.Second); spend == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, text := s.ask(t, s.info.MasterKey, "/key/info?key="+s.spent, "")
		var info struct{ Info struct{ Spend float64 } }
		if err := json.Unmarshal([]byte(text), &info); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		spend = info.Info.Spend
	}
	for path, id := range map[string]string{"/team/update 1mo": `"team_id":"` + s.team, "/project/update 1d": `"project_id":"` + project, "/key/update 1h": `"key":"` + s.spent} {
		path, window, _ := strings.Cut(path, " ")
		s.manage(t, path, fmt.Sprintf(`{%s","max_budget":%.9f,"budget_duration":%q}`, id, spend*1.02, window), "")
	}
}

// alerted waits for what webhooks are told of that.
func (s *rollout) alerted(t *testing.T, h *hooks) {
	want := map[string]bool{"soft_budget": true, "threshold": true, "projected": true}
	if now := time.Now().UTC(); now.Day() <= 3 && now.Hour() <= 2 && now.Minute() <= 6 {
		delete(want, "projected") // no window is old enough to tell its pace
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		got := h.events(s.team)
		missing := false
		for event := range want {
			missing = missing || !got[event] || !got["slack"]
		}
		if !missing {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("told %v, want %v and Slack", got, want)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == 0 || len(h.unsigned) > 0 {
		t.Errorf("%d failed before they were sent again; without a signature: %q", h.failed, h.unsigned)
	}
}

// hooks are an operator's webhook, which is away for the first two alerts, and one that
// speaks Slack's format.
type hooks struct {
	url      string
	mu       sync.Mutex
	failed   int
	told     []map[string]any
	slack    []string
	unsigned []string
}

const hookSecret = "whsec-of-this-test"

func startHooks(t *testing.T) *hooks {
	h := &hooks{}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var alert map[string]any
	if json.Unmarshal(body, &alert) != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	if r.URL.Path == "/slack" {
		h.slack = append(h.slack, fmt.Sprint(alert["text"]))
		return
	}
	if h.failed < 2 {
		h.failed++
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	at, sum, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Purser-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(hookSecret))
	fmt.Fprintf(mac, "%s.%s", at, body)
	if hex.EncodeToString(mac.Sum(nil)) != sum || r.Header.Get("X-Purser-Alert-Id") != alert["id"] {
		h.unsigned = append(h.unsigned, string(body))
	}
	h.told = append(h.told, alert)
}

// events are those told; soft_budget only of that team.
func (h *hooks) events(team string) map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]bool{}
	for _, a := range h.told {
		if a["event"] != "soft_budget" || a["scope_id"] == team {
			out[fmt.Sprint(a["event"])] = true
		}
	}
	for _, text := range h.slack {
		out["slack"] = out["slack"] || strings.HasPrefix(text, "Purser: ") && strings.Contains(text, "soft budget")
	}
	return out
}
