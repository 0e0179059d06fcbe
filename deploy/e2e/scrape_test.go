package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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
