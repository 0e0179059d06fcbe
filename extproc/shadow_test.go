package extproc_test

import (
	"context"
	"sync"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
)

// counted gathers what is written of refusals.
type counted struct {
	mu  sync.Mutex
	all map[policy.Code]map[bool]int64 // by shadow
}

func (c *counted) write(_ context.Context, list []policy.RefusalCount) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[policy.Code]map[bool]int64{}
	}
	for _, r := range list {
		if c.all[r.Code] == nil {
			c.all[r.Code] = map[bool]int64{}
		}
		c.all[r.Code][r.Shadow] += r.Count
	}
	return nil
}

func (c *counted) of(code policy.Code, shadow bool) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[code][shadow]
}

func TestShadowRefusesNothingAndRecordsAll(t *testing.T) {
	var refusals counted
	p := rig{
		entities: []policy.Entity{
			key("sk-limited", func(k *policy.Key) {
				k.Limits.RPM, k.Models, k.AllowedRoutes = ptr[int64](1), []string{"gpt-4"}, []string{"/v1/chat/completions", "/v1/embeddings"}
			}),
			key("sk-blocked", func(k *policy.Key) { k.Blocked = true }),
			key("sk-poor", func(k *policy.Key) { k.Limits.MaxBudget = ptr(policy.Money(1)) }),
		},
		tune: func(c *extproc.Config) { c.WriteRefusals = refusals.write },
	}.start(t)
	try := func(key, model string) int { return p.send(call{key: key, body: chat(model, 5)}).StatusCode }
	for _, tc := range []struct {
		mode  policy.Enforcement
		key   string
		model string
		want  int
	}{
		{policy.Shadow, "sk-limited", "gpt-4", 200},
		{policy.Shadow, "sk-limited", "gpt-4", 200},
		{policy.Shadow, "sk-limited", "gpt-3.5-turbo", 200},
		{policy.Shadow, "sk-blocked", "gpt-4", 200},
		{policy.Shadow, "sk-poor", "gpt-4", 200},
		{policy.Shadow, "sk-nobody", "gpt-4", 401}, // a stand-alone Envoy would lend strangers the provider's key
		{policy.Shadow, "sk-limited", "no-such-model", 400},
		{policy.Enforced, "sk-limited", "gpt-4", 429},
		{policy.Enforced, "sk-limited", "gpt-3.5-turbo", 403},
		{policy.Enforced, "sk-blocked", "gpt-4", 401},
		{policy.Enforced, "sk-poor", "gpt-4", 422},
		{policy.Shadow, "sk-limited", "gpt-4", 200},
	} {
		p.directory.SetEnforcement(tc.mode)
		if got := try(tc.key, tc.model); got != tc.want {
			t.Errorf("%s in %s, %s: %d, want %d", tc.key, tc.mode, tc.model, got, tc.want)
		}
	}
	p.idle()
	if n := len(p.journal.Entries()); n != 6 {
		t.Errorf("%d rows, want 6: what shadow lets pass is counted as ever", n)
	}
	for _, tc := range []struct {
		code            policy.Code
		shadow, refused int64
	}{
		{policy.CodeRate, 3, 1}, {policy.CodeModelDenied, 1, 1}, {policy.CodeKeyBlocked, 1, 1}, {policy.CodeBudget, 1, 1}, {policy.CodeUnknownKey, 0, 1},
	} {
		eventually(t, "the counts are written", func() bool {
			return refusals.of(tc.code, true) >= tc.shadow && refusals.of(tc.code, false) >= tc.refused
		})
		if refusals.of(tc.code, true) != tc.shadow || refusals.of(tc.code, false) != tc.refused {
			t.Errorf("%s: %d in shadow and %d refused, want %d and %d", tc.code, refusals.of(tc.code, true), refusals.of(tc.code, false), tc.shadow, tc.refused)
		}
	}
}

// In a mesh, where calls had a way to their provider before, shadow as a whole is in
// nobody's way: not even of who is not known.
func TestShadowInAMeshLetsStrangersOn(t *testing.T) {
	var refusals counted
	p := rig{
		entities: []policy.Entity{key("sk-known", func(k *policy.Key) { k.Limits.RPM = ptr(int64(0)) })},
		tune: func(c *extproc.Config) {
			c.InjectCredentials, c.WriteRefusals = true, refusals.write
		},
		// The route that a mesh has without us.
		envoy: func(c *envoy.Config) { c.FailOpen, c.FailOpenDeployment = true, "llm-gpt4" },
	}.start(t)
	p.directory.SetEnforcement(policy.Shadow)
	for _, tt := range []struct {
		name   string
		call   call
		status [2]int // in shadow; enforced
		model  string // at the provider, in shadow; "": whatever
		rows   int    // of the journal, in shadow
	}{
		{"a stranger", call{key: "sk-stranger", body: chat("gpt-4", 5), headers: map[string]string{"x-purser-tags": "a"}}, [2]int{200, 401}, "gpt-4", 0},
		{"a stranger's stream", call{key: "sk-stranger", body: chat("gpt-4", 5, "stream", true)}, [2]int{200, 401}, "gpt-4", 0},
		{"no key at all", call{body: chat("gpt-4", 5)}, [2]int{200, 401}, "gpt-4", 0},
		{"a model we do not know", call{key: "sk-known", body: chat("their-own", 5)}, [2]int{200, 400}, "their-own", 0},
		{"what we cannot read", call{key: "sk-known", body: `{"model":`}, [2]int{400, 400}, "", 0},
		{"a known caller beyond its limit", call{key: "sk-known", body: chat("gpt-4", 5)}, [2]int{200, 429}, "gpt-4-at-the-provider", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.directory.SetEnforcement(policy.Shadow)
			reached, rows := len(p.provider.Requests(0)), len(p.journal.Entries())
			r := p.send(tt.call)
			if r.StatusCode != tt.status[0] {
				t.Fatalf("in shadow: %d %s", r.StatusCode, r.body)
			}
			seen := p.provider.Requests(0)
			if len(seen) != reached+1 {
				t.Fatalf("%d requests at the provider", len(seen)-reached)
			}
			last := seen[len(seen)-1]
			if tt.model != "" && last.Model != tt.model || last.Headers.Get("x-purser-tags") != "" {
				t.Errorf("the provider saw %q, %v", last.Model, last.Headers)
			}
			p.idle()
			if n := len(p.journal.Entries()) - rows; n != tt.rows {
				t.Errorf("%d rows, want %d", n, tt.rows)
			}
			// The very next call, once it is enforced.
			p.directory.SetEnforcement(policy.Enforced)
			if got := p.send(tt.call).StatusCode; got != tt.status[1] {
				t.Errorf("enforced: %d, want %d", got, tt.status[1])
			}
			if n := len(p.provider.Requests(0)); n != reached+1 {
				t.Errorf("a refused call reached the provider")
			}
		})
	}
	if got := p.metric("purser_decisions_total", "passed"); got != 5 {
		t.Errorf("%v passed, want 5", got)
	}
	eventually(t, "who would have been refused is told", func() bool {
		return refusals.of(policy.CodeUnknownKey, true) == 2 && refusals.of(policy.CodeRate, true) == 1
	})
}
