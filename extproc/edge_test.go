package extproc_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/purser/purser/policy"
)

// worth is what a call of chat costs whose prompt and answer have so many tokens.
func worth(prompt, output int64) policy.Money { return policy.Money(prompt*30_000 + output*60_000) }

// A budget worth twenty requests, behind one Envoy with two servers that share a
// Redis, or one that counts by itself: never over, whatever the caps say; nobody
// refused one by one; nothing left held.
func TestABudgetWorthTwentyRequests(t *testing.T) {
	cases := []struct {
		name   string
		output int
		more   []any
	}{
		{"capped at what is used", 30, []any{"max_tokens", 30}},
		{"capped four times too high", 30, []any{"max_tokens", 120}},
		{"no cap, short answers", 30, nil},
		{"no cap, long answers", 2000, nil},
	}
	for _, where := range []string{"memory", "two servers on Redis"} {
		t.Run(where, func(t *testing.T) {
			r := rig{}
			if where != "memory" {
				r.servers = 2
				r, _ = r.onRedis(t)
			}
			p := r.start(t)
			for i, c := range cases {
				ask := func(more ...any) map[string]any {
					return prompt("gpt-4", fmt.Sprintf(`fake:{"output_tokens":%d,"chunks":20}`, c.output), more...)
				}
				if r := p.send(call{key: masterKey, body: ask()}); r.StatusCode != 200 {
					t.Fatalf("status %d: %s", r.StatusCode, r.body)
				}
				seen := p.provider.Requests(0)
				budget := 20 * worth(int64(seen[len(seen)-1].PromptTokens), int64(c.output))
				for _, how := range []string{"one-by-one", "at-once", "at-once-streamed"} {
					p.directory.Put(key(fmt.Sprintf("sk-%d-%s", i, how), func(k *policy.Key) {
						k.Limits.MaxBudget, k.Limits.MaxParallel = &budget, ptr(int64(100))
					}))
				}
				body := ask(c.more...)
				check := func(t *testing.T, key string, passed, least int) {
					t.Helper()
					p.idle()
					billed, requests := p.billed()
					used, held := p.standing(ofKey(key), policy.KindSpend)
					if policy.Money(used) != billed || billed > budget || requests != passed {
						t.Errorf("settled %s, billed %s of a budget of %s; %d requests at the provider, %d passed", policy.Money(used), billed, budget, requests, passed)
					}
					if _, slots := p.standing(ofKey(key), policy.KindParallel); held != 0 || slots != 0 {
						t.Errorf("held afterwards: %s, %d slots", policy.Money(held), slots)
					}
					if passed < least {
						t.Errorf("%d passed, want %d at least", passed, least)
					}
				}
				t.Run(c.name+"/one by one", func(t *testing.T) {
					p.provider.Reset()
					key := fmt.Sprintf("sk-%d-one-by-one", i)
					for n := range 20 {
						if r := p.send(call{key: key, body: body}); r.StatusCode != 200 {
							t.Fatalf("request %d of 20: status %d: %s", n+1, r.StatusCode, r.body)
						}
					}
					check(t, key, 20, 20)
					if r := p.send(call{key: key, body: body}); r.StatusCode != 422 {
						t.Errorf("one more: status %d", r.StatusCode)
					}
				})
				for _, how := range []string{"at-once", "at-once-streamed"} {
					t.Run(c.name+"/"+how, func(t *testing.T) {
						p.provider.Reset()
						key := fmt.Sprintf("sk-%d-%s", i, how)
						body := ask(append(c.more, "stream", how != "at-once")...)
						statuses := p.storm(64, func(int) call { return call{key: key, body: body} })
						if statuses[200]+statuses[422] != 64 {
							t.Errorf("statuses %v, want 200 and 422 only", statuses)
						}
						check(t, key, statuses[200], 2)
						// Whoever was refused while others held the balance has it afterwards.
						passed := statuses[200]
						for range 20 {
							r := p.send(call{key: key, body: body})
							if r.StatusCode != 200 {
								break
							}
							passed++
						}
						check(t, key, passed, 20)
						t.Logf("%d of 64 at once, %d in all", statuses[200], passed)
					})
				}
			}
		})
	}
}

// The cap that goes to the provider is what the hold pays for, however a format spells it.
func TestTheCapIsLoweredInEveryFormat(t *testing.T) {
	text := `fake:{"output_tokens":4000,"chunks":10}`
	message := []any{map[string]any{"role": "user", "content": text}}
	with := func(base map[string]any, more ...any) map[string]any {
		for i := 0; i+1 < len(more); i += 2 {
			base[more[i].(string)] = more[i+1]
		}
		return base
	}
	openai := func(more ...any) map[string]any {
		return with(map[string]any{"model": "gpt-4", "messages": message}, more...)
	}
	const gemini = "/v1beta/models/gemini-flash:"
	geminiBody := func(more ...any) map[string]any {
		return with(map[string]any{"contents": []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": text}}}}}, more...)
	}
	for _, c := range []struct {
		name, path string
		body       map[string]any
		in, out    int64 // nano-USD per token
		choices    int64
		fields     []string // that the provider must see lowered
		asked      int64    // of a cap that needs no lowering
	}{
		{"chat, no cap", "/v1/chat/completions", openai(), 30_000, 60_000, 1, []string{"max_tokens|max_completion_tokens"}, 0},
		{"chat, max_tokens", "/v1/chat/completions", openai("max_tokens", 3000), 30_000, 60_000, 1, []string{"max_tokens"}, 0},
		{"chat, max_completion_tokens", "/v1/chat/completions", openai("max_completion_tokens", 3000), 30_000, 60_000, 1, []string{"max_completion_tokens"}, 0},
		{"chat, streamed", "/v1/chat/completions", openai("max_tokens", 3000, "stream", true), 30_000, 60_000, 1, []string{"max_tokens"}, 0},
		{"chat, three choices", "/v1/chat/completions", openai("n", 3), 30_000, 60_000, 3, []string{"max_tokens|max_completion_tokens"}, 0},
		{"chat, a cap that fits", "/v1/chat/completions", openai("max_tokens", 100), 30_000, 60_000, 1, []string{"max_tokens"}, 100},
		{"completions", "/v1/completions", map[string]any{"model": "gpt-4", "prompt": text, "max_tokens": 3000}, 30_000, 60_000, 1, []string{"max_tokens"}, 0},
		{"responses, no cap", "/v1/responses", map[string]any{"model": "gpt-4", "input": text}, 30_000, 60_000, 1, []string{"max_output_tokens"}, 0},
		{"responses, a cap", "/v1/responses", map[string]any{"model": "gpt-4", "input": text, "max_output_tokens": 3000}, 30_000, 60_000, 1, []string{"max_output_tokens"}, 0},
		{"anthropic", "/v1/messages", map[string]any{"model": "claude-3-sonnet", "max_tokens": 4000, "messages": message}, 3_000, 15_000, 1, []string{"max_tokens"}, 0},
		{"anthropic, streamed", "/v1/messages", map[string]any{"model": "claude-3-sonnet", "max_tokens": 4000, "stream": true, "messages": message}, 3_000, 15_000, 1, []string{"max_tokens"}, 0},
		{"gemini, no cap", gemini + "generateContent", geminiBody(), 300, 2_500, 1, []string{"generationConfig.maxOutputTokens"}, 0},
		{"gemini, a cap", gemini + "generateContent", geminiBody("generationConfig", map[string]any{"maxOutputTokens": 3000}), 300, 2_500, 1, []string{"generationConfig.maxOutputTokens"}, 0},
		{"gemini, streamed", gemini + "streamGenerateContent?alt=sse", geminiBody(), 300, 2_500, 1, []string{"generationConfig.maxOutputTokens"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			// An eighth of the budget is worth a thousand tokens.
			budget := policy.Money(8 * 1000 * c.out * c.choices)
			p := start(t, policy.Settings{}, nil, key("sk-edge", func(k *policy.Key) { k.Limits.MaxBudget = &budget }))
			if r := p.send(call{path: c.path, key: "sk-edge", body: c.body}); r.StatusCode != 200 {
				t.Fatalf("status %d: %s", r.StatusCode, r.body)
			}
			p.idle()
			seen, entry := p.provider.Requests(0)[0], p.journal.Entries()[0]
			limit := int64(seen.MaxTokens)
			if c.asked > 0 {
				if limit != c.asked || entry.Clamped != 0 {
					t.Errorf("the cap was changed to %d (%d)", limit, entry.Clamped)
				}
				return
			}
			// The prompt is estimated near its true length and not below it.
			most := (int64(budget)/8 - int64(seen.PromptTokens)*c.in) / (c.out * c.choices)
			least := (int64(budget)/8 - (int64(seen.PromptTokens)*3/2+20)*c.in) / (c.out * c.choices)
			if limit > most || limit < least || entry.Clamped != limit {
				t.Errorf("the provider saw a cap of %d, the journal %d; want %d to %d", limit, entry.Clamped, least, most)
			}
			if found := capsIn(t, seen.Body); !anyOf(found, c.fields, limit) {
				t.Errorf("caps %v in what the provider saw, want %v at %d", found, c.fields, limit)
			}
			if entry.Usage.Output != limit*c.choices || int64(entry.Cost.Total) > int64(budget)/8 {
				t.Errorf("answered with %d tokens for %s, held an eighth of %s", entry.Usage.Output, entry.Cost.Total, budget)
			}
		})
	}
}

// capsIn lists the caps of a request by their names.
func capsIn(t *testing.T, body string) map[string]int64 {
	t.Helper()
	var r struct {
		MaxTokens           *int64 `json:"max_tokens"`
		MaxCompletionTokens *int64 `json:"max_completion_tokens"`
		MaxOutputTokens     *int64 `json:"max_output_tokens"`
		GenerationConfig    struct {
			MaxOutputTokens *int64 `json:"maxOutputTokens"`
		} `json:"generationConfig"`
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for name, v := range map[string]*int64{
		"max_tokens": r.MaxTokens, "max_completion_tokens": r.MaxCompletionTokens, "max_output_tokens": r.MaxOutputTokens,
		"generationConfig.maxOutputTokens": r.GenerationConfig.MaxOutputTokens,
	} {
		if v != nil {
			out[name] = *v
		}
	}
	return out
}

// anyOf reports whether the only cap found is one of those meant, at the limit.
func anyOf(found map[string]int64, fields []string, limit int64) bool {
	if len(found) != 1 {
		return false
	}
	for _, f := range fields {
		for _, name := range []string{"max_tokens", "max_completion_tokens", "max_output_tokens", "generationConfig.maxOutputTokens"} {
			if v, ok := found[name]; ok && v == limit && (f == name || f == "max_tokens|max_completion_tokens" && name != "max_output_tokens") {
				return true
			}
		}
	}
	return false
}

// A key that is used to long answers is refused rather than given a stump; what one
// key and model are used to says nothing of others.
func TestFloorsAreLearnedPerKeyAndModel(t *testing.T) {
	budget := worth(16, 200) + worth(16, 100)
	team := &policy.Team{ID: "t", Rules: policy.Rules{Limits: policy.Limits{MaxBudget: &budget}}}
	in := func(k *policy.Key) { k.TeamID = "t" }
	p := start(t, policy.Settings{}, nil, team, key("sk-long", in), key("sk-short", in))
	if r := p.send(call{key: "sk-long", body: chat("gpt-4", 200)}); r.StatusCode != 200 {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	p.idle()
	if e := p.journal.Entries()[0]; e.Usage.Output != 200 {
		t.Fatalf("answered with %d tokens, want 200: there was room for the usual answer", e.Usage.Output)
	}
	if r := p.send(call{key: "sk-long", body: chat("gpt-4", 200)}); r.StatusCode != 422 {
		t.Errorf("half of its usual answer: status %d, want 422", r.StatusCode)
	}
	if r := p.send(call{key: "sk-long", body: chat("gpt-3.5-turbo", 20, "max_tokens", 20)}); r.StatusCode != 200 {
		t.Errorf("another model: status %d", r.StatusCode)
	}
	if r := p.send(call{key: "sk-short", body: chat("gpt-4", 200)}); r.StatusCode != 200 {
		t.Errorf("another key: status %d", r.StatusCode)
	}
	p.idle()
	used, held := p.standing(policy.Scope{Kind: policy.ScopeTeam, ID: "t"}, policy.KindSpend)
	if policy.Money(used) > budget || held != 0 {
		t.Errorf("used %s, held %s of %s", policy.Money(used), policy.Money(held), budget)
	}
}

// BUDGET_EDGE=refuse: what does not fit whole is refused, and no cap is touched.
func TestRefuseAtTheEdge(t *testing.T) {
	budget := worth(15, 300) // 15 tokens is what the prompts below have
	p := start(t, policy.Settings{RefuseAtEdge: true}, nil, key("sk-edge", func(k *policy.Key) { k.Limits.MaxBudget = &budget }))
	for _, c := range []struct {
		body   map[string]any
		status int
	}{
		{chat("gpt-4", 30), 422}, // the model's maximum
		{chat("gpt-4", 30, "max_tokens", 301), 422},
		{chat("gpt-4", 30, "max_tokens", 300), 200},
		{chat("gpt-4", 30, "max_tokens", 300), 422},
		{chat("gpt-4", 30, "max_tokens", 200), 200},
	} {
		if r := p.send(call{key: "sk-edge", body: c.body}); r.StatusCode != c.status {
			t.Errorf("max_tokens %v: status %d, want %d", c.body["max_tokens"], r.StatusCode, c.status)
		}
	}
	for i, want := range []int{300, 200} {
		if got := p.provider.Requests(0)[i].MaxTokens; got != want {
			t.Errorf("the provider saw a cap of %d, want the caller's %d", got, want)
		}
	}
	for _, e := range p.journal.Entries() {
		if e.Clamped != 0 {
			t.Errorf("clamped to %d", e.Clamped)
		}
	}
}
