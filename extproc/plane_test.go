package extproc_test

import (
	"bufio"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestGovernedCall(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	r := p.send(call{key: "sk-caller", body: chat("gpt-4", 30)})
	if r.StatusCode != 200 {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	seen := p.provider.Requests(0)
	if len(seen) != 1 || seen[0].Model != "gpt-4-at-the-provider" || seen[0].Path != "/v1/chat/completions" {
		t.Fatalf("the provider saw %+v", seen)
	}
	if got := seen[0].Headers.Get("authorization"); got != "Bearer "+providerKey {
		t.Errorf("credential at the provider: %q", got)
	}
	for name := range seen[0].Headers {
		if l := strings.ToLower(name); strings.HasPrefix(l, "x-purser-") || l == "accept-encoding" {
			t.Errorf("the provider saw %s", name)
		}
	}
	entries := p.journal.Entries()
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	e := entries[0]
	want := policy.Money(seen[0].PromptTokens*30_000 + 30*60_000)
	if e.Cost.Total != want || e.Usage.Output != 30 || e.Usage.Source != policy.UsageReported || e.Status != policy.StatusSuccess {
		t.Errorf("entry: %+v; want a cost of %s", e, want)
	}
	if got := r.Header.Get("x-litellm-response-cost"); got != want.String() {
		t.Errorf("x-litellm-response-cost: %q, want %s", got, want)
	}
	if r.Header.Get("x-litellm-call-id") != e.CallID || e.RequestID != seen[0].ID {
		t.Errorf("ids: header %q, entry %q, provider's %q, its %q", r.Header.Get("x-litellm-call-id"), e.CallID, e.RequestID, seen[0].ID)
	}
}

func TestStreamIsCountedAndItsUsageFrameRemoved(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	for name, instructions := range map[string]string{
		"as providers send it":   `fake:{"output_tokens":30}`,
		"split at every 7 bytes": `fake:{"output_tokens":30,"split":7}`,
		"CRLF":                   `fake:{"output_tokens":30,"crlf":true}`,
		"no final newline":       `fake:{"output_tokens":30,"no_final_newline":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			before := len(p.journal.Entries())
			r := p.send(call{key: "sk-caller", body: map[string]any{
				"model": "gpt-4", "stream": true, "messages": []any{map[string]any{"role": "user", "content": instructions}},
			}})
			if r.StatusCode != 200 || !strings.Contains(string(r.body), "[DONE]") {
				t.Fatalf("status %d: %s", r.StatusCode, r.body)
			}
			if strings.Contains(string(r.body), `"prompt_tokens"`) {
				t.Errorf("a usage frame nobody asked for: %s", r.body)
			}
			entries := p.journal.Entries()
			if len(entries) != before+1 {
				t.Fatalf("%d entries more; settlement must come before the last bytes", len(entries)-before)
			}
			if u := entries[before].Usage; u.Output != 30 || u.Source != policy.UsageReported {
				t.Errorf("usage %+v", u)
			}
		})
	}
}

func TestWhoMayNotCall(t *testing.T) {
	past := time.Now().Add(-time.Minute)
	team := &policy.Team{ID: "blocked-team", Blocked: true}
	project := &policy.Project{ID: "blocked-project", TeamID: "free-team", Blocked: true}
	p := start(t, policy.Settings{}, nil, team, project, &policy.Team{ID: "free-team"},
		key("sk-blocked", func(k *policy.Key) { k.Blocked = true }),
		key("sk-expired", func(k *policy.Key) { k.Expires = past }),
		key("sk-team-blocked", func(k *policy.Key) { k.TeamID = "blocked-team" }),
		key("sk-project-blocked", func(k *policy.Key) { k.ProjectID = "blocked-project" }),
		key("sk-one-model", func(k *policy.Key) { k.Models = []string{"gpt-3.5-turbo"} }),
		key("sk-routes", func(k *policy.Key) { k.AllowedRoutes = []string{"/embeddings"} }),
		key("sk-fine", nil))
	for _, c := range []struct {
		name   string
		call   call
		status int
		kind   string
	}{
		{"no key", call{body: chat("gpt-4", 1)}, 401, "auth_error"},
		{"no sk-", call{key: "hello", body: chat("gpt-4", 1)}, 401, "auth_error"},
		{"unknown", call{key: "sk-unknown-0000", body: chat("gpt-4", 1)}, 401, "token_not_found_in_db"},
		{"blocked", call{key: "sk-blocked", body: chat("gpt-4", 1)}, 401, "auth_error"},
		{"expired", call{key: "sk-expired", body: chat("gpt-4", 1)}, 401, "expired_key"},
		{"team blocked", call{key: "sk-team-blocked", body: chat("gpt-4", 1)}, 401, "auth_error"},
		{"project blocked", call{key: "sk-project-blocked", body: chat("gpt-4", 1)}, 401, "auth_error"},
		{"model not allowed", call{key: "sk-one-model", body: chat("gpt-4", 1)}, 403, "key_model_access_denied"},
		{"route not allowed", call{key: "sk-routes", body: chat("gpt-4", 1)}, 403, "auth_error"},
		{"unknown model", call{key: "sk-fine", body: chat("gpt-17", 1)}, 400, "invalid_request_error"},
		{"duplicate model", call{key: "sk-fine", body: `{"model":"gpt-3.5-turbo","model":"gpt-4","messages":[]}`}, 400, "invalid_request_error"},
		{"case variant", call{key: "sk-fine", body: `{"model":"gpt-3.5-turbo","Model":"gpt-4","messages":[]}`}, 400, "invalid_request_error"},
		{"bad JSON", call{key: "sk-fine", body: `{"model":`}, 400, "invalid_request_error"},
		{"wrong method", call{method: "PUT", key: "sk-fine", body: chat("gpt-4", 1)}, 405, "invalid_request_error"},
		{"another format", call{key: "sk-fine", body: chat("claude-3-sonnet", 1)}, 400, "invalid_request_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := p.send(c.call)
			if r.StatusCode != c.status || r.error(t)["type"] != c.kind {
				t.Errorf("status %d, %s; want %d, %s", r.StatusCode, r.body, c.status, c.kind)
			}
			if r.Header.Get("x-litellm-call-id") == "" {
				t.Error("no x-litellm-call-id")
			}
		})
	}
	if n := len(p.provider.Requests(0)); n != 0 {
		t.Errorf("the provider saw %d requests", n)
	}
	if n := len(p.journal.Entries()); n != 0 {
		t.Errorf("%d entries for refused requests", n)
	}
}

// Every limit at every level that has one: admitted below it, refused at it.
func TestEveryLimitAtEveryLevel(t *testing.T) {
	limits := map[string]struct {
		limits policy.Limits
		passes int
		status int
	}{
		"requests": {policy.Limits{RPM: ptr(int64(2))}, 2, 429},
		// 14 to 16 tokens of prompt and 30 of answer each: two fit, what is left of a third is not the usual answer.
		"tokens":           {policy.Limits{TPM: ptr(int64(110))}, 2, 429},
		"budget":           {policy.Limits{MaxBudget: ptr(policy.Money(5_500_000))}, 2, 422},
		"requests, model":  {policy.Limits{ModelRPM: map[string]int64{"gpt-4": 2}}, 2, 429},
		"tokens, model":    {policy.Limits{ModelTPM: map[string]int64{"gpt-4": 110}}, 2, 429},
		"budget, model":    {policy.Limits{ModelMaxBudget: map[string]policy.ModelLimits{"gpt-4": {MaxBudget: ptr(policy.Money(5_500_000))}}}, 2, 422},
		"budget windows":   {policy.Limits{BudgetLimits: []policy.BudgetLimit{{Duration: "1d", MaxBudget: policy.Money(5_500_000)}}}, 2, 422},
		"budget of zero":   {policy.Limits{MaxBudget: ptr(policy.Money(0))}, 0, 422},
		"requests of zero": {policy.Limits{RPM: ptr(int64(0))}, 0, 429},
		"tokens of zero":   {policy.Limits{TPM: ptr(int64(0))}, 0, 429},
		"no parallel":      {policy.Limits{MaxParallel: ptr(int64(0))}, 0, 429},
		"tokens per day":   {policy.Limits{TPD: ptr(int64(110))}, 2, 429},
	}
	levels := []string{"organization", "team", "member", "project", "user", "key", "customer", "tag"}
	var entities []policy.Entity
	type one struct{ level, limit, key string }
	var cases []one
	for _, level := range levels {
		for name, l := range limits {
			id := strings.NewReplacer(" ", "-", ",", "").Replace(level + "-" + name)
			c := one{level, name, "sk-" + id}
			cases = append(cases, c)
			k := key(c.key, nil)
			rules := policy.Rules{Limits: l.limits}
			switch level {
			case "organization":
				entities = append(entities, &policy.Organization{ID: id, Rules: rules})
				k.OrganizationID = id
			case "team":
				entities = append(entities, &policy.Team{ID: id, Rules: rules})
				k.TeamID = id
			case "member":
				entities = append(entities, &policy.Team{ID: id, Members: []policy.Member{{UserID: "u-" + id, Role: "user"}}},
					&policy.Membership{TeamID: id, UserID: "u-" + id, Rules: rules})
				k.TeamID, k.UserID = id, "u-"+id
			case "project":
				entities = append(entities, &policy.Team{ID: id}, &policy.Project{ID: id, TeamID: id, Rules: rules})
				k.TeamID, k.ProjectID = id, id
			case "user":
				entities = append(entities, &policy.User{ID: id, Rules: rules})
				k.UserID = id
			case "key":
				k.Rules = rules
			case "customer":
				entities = append(entities, &policy.Customer{ID: id, Rules: rules})
			case "tag":
				entities = append(entities, &policy.Tag{Name: id, Rules: rules})
				k.Tags = []string{id}
			}
			entities = append(entities, k)
		}
	}
	p := start(t, policy.Settings{}, nil, entities...)
	for _, c := range cases {
		t.Run(c.level+"/"+c.limit, func(t *testing.T) {
			l := limits[c.limit]
			body := chat("gpt-4", 30, "max_tokens", 30)
			if c.level == "customer" {
				body["user"] = strings.TrimPrefix(c.key, "sk-")
			}
			for i := range l.passes {
				if r := p.send(call{key: c.key, body: body}); r.StatusCode != 200 {
					t.Fatalf("request %d of %d: status %d: %s", i+1, l.passes, r.StatusCode, r.body)
				}
			}
			r := p.send(call{key: c.key, body: body})
			if r.StatusCode != l.status {
				t.Fatalf("at the limit: status %d, want %d: %s", r.StatusCode, l.status, r.body)
			}
			e := r.error(t)
			level := c.level
			if level == "member" {
				level = "team_member"
			}
			if e["scope"] != level {
				t.Errorf("scope %v, want %s", e["scope"], level)
			}
			if l.status == 429 && r.Header.Get("retry-after") == "" {
				t.Error("429 without Retry-After")
			}
			if l.status == 422 && r.Header.Get("x-should-retry") != "false" {
				t.Error("422 without x-should-retry: false")
			}
			if strings.Contains(c.limit, "model") {
				other := chat("gpt-3.5-turbo", 1)
				other["user"] = body["user"]
				if other["user"] == nil {
					delete(other, "user")
				}
				if r := p.send(call{key: c.key, body: other}); r.StatusCode != 200 {
					t.Errorf("another model: status %d: %s", r.StatusCode, r.body)
				}
			}
		})
	}
}

func TestProxyBudgetOfZeroRefusesEveryone(t *testing.T) {
	p := start(t, policy.Settings{Limits: policy.Limits{MaxBudget: ptr(policy.Money(0))}}, nil, key("sk-caller", nil))
	for _, k := range []string{"sk-caller", masterKey} {
		if r := p.send(call{key: k, body: chat("gpt-4", 1)}); r.StatusCode != 422 || r.error(t)["type"] != "budget_exceeded" {
			t.Errorf("%s: status %d: %s", k, r.StatusCode, r.body)
		}
	}
}

func TestParallelSlotsAreTiedToTheirStreams(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-two", func(k *policy.Key) { k.Limits.MaxParallel = ptr(int64(2)) }))
	slow := map[string]any{"model": "gpt-4", "stream": true, "messages": []any{map[string]any{"role": "user", "content": `fake:{"output_tokens":1000,"chunks":1000,"delay_ms":20}`}}}
	var cancels []context.CancelFunc
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		cancels = append(cancels, cancel)
		resp := p.open(ctx, call{key: "sk-two", body: slow})
		if resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if r := p.send(call{key: "sk-two", body: chat("gpt-4", 1)}); r.StatusCode != 429 || r.Header.Get("retry-after") != "1" {
		t.Fatalf("a third: status %d, retry-after %q", r.StatusCode, r.Header.Get("retry-after"))
	}
	for _, cancel := range cancels {
		cancel()
	}
	eventually(t, "the slots come back", func() bool { return p.server.Open() == 0 && len(p.journal.Entries()) == 2 })
	for _, e := range p.journal.Entries() {
		if e.Status != policy.StatusAbandoned || e.Usage.Source != policy.UsageCounted || e.Usage.Output == 0 || e.Cost.Total == 0 {
			t.Errorf("an abandoned stream is charged for what streamed: %+v", e)
		}
	}
	if r := p.send(call{key: "sk-two", body: chat("gpt-4", 1)}); r.StatusCode != 200 {
		t.Errorf("afterwards: status %d: %s", r.StatusCode, r.body)
	}
}

// Of many at once exactly as many pass as a limit has room for: a key's, and that of a
// customer nobody has heard of before, whose budget is everybody's.
func TestConcurrentRequestsNeverPassALimit(t *testing.T) {
	for _, where := range []string{"memory", "two servers on Redis"} {
		t.Run(where, func(t *testing.T) {
			everybody := &policy.Budget{ID: "everybody's"}
			everybody.Limits.RPM = ptr(int64(20))
			r := rig{
				settings: policy.Settings{CustomerBudget: everybody.ID},
				entities: []policy.Entity{everybody, key("sk-twenty", func(k *policy.Key) { k.Limits.RPM = ptr(int64(20)) }), key("sk-free", nil)},
			}
			if where != "memory" {
				r.servers = 2
				r, _ = r.onRedis(t)
			}
			p := r.start(t)
			for name, c := range map[string]call{
				"a key":                  {key: "sk-twenty"},
				"a customer, by header":  {key: "sk-free", headers: map[string]string{"x-litellm-end-user-id": "new in town"}},
				"a customer, by a field": {key: "sk-free", body: chat("gpt-4", 1, "user", "new too")},
			} {
				if c.body == nil {
					c.body = chat("gpt-4", 1)
				}
				if statuses := p.storm(64, func(int) call { return c }); statuses[200] != 20 || statuses[429] != 44 {
					t.Errorf("%s: statuses %v, want 20 × 200 and 44 × 429", name, statuses)
				}
			}
		})
	}
}

func TestClientCannotSteerOrLeak(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	r := p.send(call{body: chat("gpt-4", 1), headers: map[string]string{
		"x-api-key": "sk-caller", "x-purser-cluster": "llm-claude", "x-purser-anything": "1", "x-litellm-tags": "a, b", "cookie": "session=secret", "x-goog-api-key": "sk-other",
	}})
	if r.StatusCode != 200 {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	seen := p.provider.Requests(0)[0]
	for _, name := range []string{"x-api-key", "x-goog-api-key", "cookie", "x-purser-cluster", "x-purser-anything", "x-litellm-tags"} {
		if v := seen.Headers.Get(name); v != "" {
			t.Errorf("the provider saw %s: %q", name, v)
		}
	}
	if e := p.journal.Entries()[0]; e.Deployment != "gpt4" || len(e.Tags) != 2 {
		t.Errorf("entry: deployment %q, tags %v", e.Deployment, e.Tags)
	}
}

func TestProviderErrorsPassAndCostNothing(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	body := map[string]any{"model": "gpt-4", "messages": []any{map[string]any{"role": "user", "content": `fake:{"status":429,"retry_after":7}`}}}
	r := p.send(call{key: "sk-caller", body: body})
	if r.StatusCode != 429 || r.Header.Get("retry-after") != "7" {
		t.Fatalf("status %d, retry-after %q: %s", r.StatusCode, r.Header.Get("retry-after"), r.body)
	}
	eventually(t, "an entry", func() bool { return len(p.journal.Entries()) == 1 })
	if e := p.journal.Entries()[0]; e.Status != policy.StatusFailure || e.Cost.Total != 0 || e.HTTPStatus != 429 {
		t.Errorf("entry %+v", e)
	}
}
