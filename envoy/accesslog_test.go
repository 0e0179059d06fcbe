package envoy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
)

func TestAccessLogHasNoSecrets(t *testing.T) {
	l := startLab(t, nil)
	for _, c := range []struct{ method, path, logged string }{
		{"GET", "/key/info?key=sk-hidden1", "/key/info?***"},
		{"POST", "/key/sk-hidden2/regenerate", "/key/***/regenerate"},
		{"POST", "/key/custom-hidden3/reset_spend?x=hidden4", "/key/***/reset_spend?***"},
		{"POST", "/key/%73k-hidden5/regenerate", "/key/***/regenerate"},
		{"GET", "/team/x/sk-hidden6/y", "/team/x/sk-***/y"},
		{"POST", "//key/./sk-hidden7/regenerate", "/key/***/regenerate"},
		{"GET", "/key/list", "/key/list"},
		{"POST", "/v1beta/models/g:generateContent?key=sk-hidden8", "/v1beta/models/g:generateContent?***"},
		{"POST", "/v1/chat/completions", "/v1/chat/completions"},
	} {
		t.Run(c.path, func(t *testing.T) {
			agent := "agent-of-" + strings.NewReplacer("hidden", "", `"`, "").Replace(t.Name())
			call(t, c.method, l.URL+c.path, "{}", "Authorization", "Bearer sk-hidden-a", "X-Api-Key", "sk-hidden-b", "User-Agent", agent, "Referer", "sk-hidden-c")
			line := l.WaitAccessLog(t, agent)
			var entry struct {
				Path, Route, Cluster string
				Status               int
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("not JSON: %s", line)
			}
			if entry.Path != c.logged || entry.Status != 200 || entry.Cluster == "" || entry.Route == "" {
				t.Errorf("logged %s", line)
			}
			if strings.Contains(strings.ReplaceAll(line, agent, ""), "hidden") {
				t.Errorf("a secret in %s", line)
			}
		})
	}
}

// The log names the path that the client called, not the provider's.
func TestAccessLogNamesTheClientsPath(t *testing.T) {
	l := startLab(t, nil)
	l.proc.Path = "/provider/path?api-key=hidden"
	call(t, "POST", l.URL+"/v1/embeddings", "{}")
	if line := l.WaitAccessLog(t, "/v1/embeddings"); strings.Contains(line, "/provider") {
		t.Error(line)
	}
}

func TestTheCallersAddress(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		hops      uint32
		want      string
	}{
		{"is the connection's", 0, "127.0.0.1"},
		{"is what the one trusted proxy saw", 1, "203.0.113.9"},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			l := startLab(t, func(cfg *envoy.Config) { cfg.XFFTrustedHops = c.hops })
			call(t, "POST", l.URL+"/v1/chat/completions", "{}", "X-Forwarded-For", "198.51.100.1, 203.0.113.9")
			if line := l.WaitAccessLog(t, "chat"); !strings.Contains(line, `"client":"`+c.want+`"`) {
				t.Errorf("want %s in %s", c.want, line)
			}
		})
	}
}
