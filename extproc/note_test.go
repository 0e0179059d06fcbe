package extproc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy"
)

// What Envoy's own access log says of who called, what it cost, and why not.
func TestTheAccessLogKnowsWhoAndWhatItCost(t *testing.T) {
	if envoy.MetadataNamespace != "purser" {
		t.Fatal("Envoy's filter takes another namespace than we write")
	}
	p := start(t, policy.Settings{}, nil,
		&policy.Team{ID: "t1", Alias: "Team One"}, &policy.Project{ID: "p1", TeamID: "t1"},
		key("sk-noted", func(k *policy.Key) { k.Alias, k.TeamID, k.ProjectID, k.UserID = "noted", "t1", "p1", "u1" }),
		key("sk-empty", func(k *policy.Key) { k.Alias, k.Limits.MaxBudget = "empty", ptr(policy.Money(0)) }))
	cost := func(prompt, output int64) string { return worth(prompt, output).String() }
	for _, tt := range []struct {
		name string
		send call
		want map[string]string
	}{
		{"a reply that comes whole", call{key: "sk-noted", body: prompt("gpt-4", `fake:{"output_tokens":7}`, "user", "customer-1")}, map[string]string{
			"key_alias": "noted", "team": "t1", "project": "p1", "user": "u1", "customer": "customer-1", "model": "gpt-4", "deployment": "gpt4",
			"status": "success", "usage": "reported", "output_tokens": "7"}},
		{"a stream", call{key: "sk-noted", body: prompt("gpt-4", `fake:{"output_tokens":9,"chunks":3}`, "stream", true)}, map[string]string{
			"key_alias": "noted", "model": "gpt-4", "status": "success", "output_tokens": "9"}},
		{"an error of the provider", call{key: "sk-noted", body: prompt("gpt-4", `fake:{"status":500}`)}, map[string]string{"key_alias": "noted", "status": "failure", "cost": "0"}},
		{"a budget that is used up", call{key: "sk-empty", body: prompt("gpt-4", "x")}, map[string]string{"key_alias": "empty", "decision": "refused", "reason": string(policy.CodeBudget)}},
		{"a key nobody knows", call{key: "sk-unknown", body: prompt("gpt-4", "x")}, map[string]string{"decision": "refused", "reason": string(policy.CodeUnknownKey)}},
		{"a customer whose name is no text", call{key: "sk-noted", headers: map[string]string{"x-litellm-end-user-id": "a\xffb"}, body: prompt("gpt-4", `fake:{"output_tokens":1}`)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := p.send(tt.send)
			var line struct {
				Status int
				Purser map[string]string
			}
			text := p.envoy.WaitAccessLog(t, r.Header.Get("x-litellm-call-id"))
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if line.Status != r.StatusCode || r.StatusCode == 503 {
				t.Errorf("status %d, %d in the log", r.StatusCode, line.Status)
			}
			for name, want := range tt.want {
				if line.Purser[name] != want {
					t.Errorf("%s is %q, want %q of %v", name, line.Purser[name], want, line.Purser)
				}
			}
			if line.Purser["output_tokens"] != "" {
				seen := p.provider.Requests(0)
				last := seen[len(seen)-1]
				if want := cost(int64(last.PromptTokens), int64(last.CompletionTokens)); line.Purser["cost"] != want {
					t.Errorf("cost %s, want %s", line.Purser["cost"], want)
				}
			}
			if strings.Contains(text, "sk-noted") || strings.Contains(text, "sk-unknown") {
				t.Errorf("a key in the log: %s", text)
			}
		})
	}
}
