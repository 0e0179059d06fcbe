package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

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
