package extproc_test

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// A limit that is changed holds for the next request, whatever the last one was told.
func TestAChangedLimitHoldsAtOnce(t *testing.T) {
	with := func(budget policy.Money) *policy.Key {
		return key("sk-caller", func(k *policy.Key) { k.Limits.MaxBudget = &budget })
	}
	p := start(t, policy.Settings{}, nil, with(worth(15, 30)))
	body := chat("gpt-4", 30, "max_tokens", 30)
	for i, step := range []struct {
		budget policy.Money // 0: as it is
		status int
	}{{0, 200}, {0, 422}, {2 * worth(15, 30), 200}, {0, 422}, {worth(15, 1), 422}, {10 * worth(15, 30), 200}} {
		if step.budget != 0 {
			p.directory.Put(with(step.budget))
		}
		if r := p.send(call{key: "sk-caller", body: body}); r.StatusCode != step.status {
			t.Errorf("step %d: status %d, want %d: %s", i, r.StatusCode, step.status, r.body)
		}
	}
	blocked := with(policy.Dollar)
	blocked.Blocked = true
	p.directory.Put(blocked)
	if r := p.send(call{key: "sk-caller", body: body}); r.StatusCode != 401 {
		t.Errorf("blocked: status %d", r.StatusCode)
	}
	p.directory.Put(with(policy.Dollar))
	if r := p.send(call{key: "sk-caller", body: body}); r.StatusCode != 200 {
		t.Errorf("unblocked: status %d", r.StatusCode)
	}
}

// Everything a request stands on goes away while it is under way: it ends as it began,
// at the price it was admitted with.
func TestTheConfigurationChangesUnderWay(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", func(k *policy.Key) { k.Limits.MaxBudget = ptr(policy.Dollar) }))
	resp := p.open(t.Context(), call{key: "sk-caller", body: prompt("gpt-4", `fake:{"output_tokens":10,"delay_ms":30}`, "stream", true)})
	if words(bufio.NewScanner(resp.Body), 1) != 1 {
		t.Fatal("nothing came")
	}
	p.directory.SetCatalog(policy.NewCatalog(nil, nil))
	settings := *p.directory.Settings()
	settings.Limits.MaxBudget = ptr(policy.Money(0))
	p.directory.SetSettings(settings.Compile())
	p.directory.Delete(policy.Ref{Kind: policy.EntityKey, ID: policy.HashKey("sk-caller").String()})
	if rest, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(rest), "[DONE]") {
		t.Errorf("%v: %s", err, rest)
	}
	record, e := p.last()
	if want := worth(int64(record.PromptTokens), 10); e.Cost.Total != want || e.Status != policy.StatusSuccess {
		t.Errorf("%s %s, want %s", e.Status, e.Cost.Total, want)
	}
	if used, held := p.standing(ofKey("sk-caller"), policy.KindSpend); policy.Money(used) != e.Cost.Total || held != 0 {
		t.Errorf("used %d, held %d", used, held)
	}
	if r := p.send(call{key: "sk-caller", body: chat("gpt-4", 5)}); r.StatusCode != 401 {
		t.Errorf("the next: status %d", r.StatusCode)
	}
}

// A model nobody gave a price: served and counted, refused, or at a price for such.
func TestAnUnpricedModel(t *testing.T) {
	model := func() []*policy.Deployment {
		return []*policy.Deployment{{ID: "new", Model: "brand-new", Target: "brand-new", Provider: "openai", Format: policy.FormatOpenAI, PathPrefix: "/v1",
			CredentialHeader: "authorization", CredentialPrefix: "Bearer ", MaxOutput: 1000}}
	}
	price := policy.TokenPrice(30_000_000_000, 60_000_000_000)
	for name, c := range map[string]struct {
		settings policy.Settings
		status   int
		priced   bool
		counted  float64
	}{
		"allow":   {policy.Settings{Unpriced: policy.UnpricedAllow}, 200, false, 1},
		"deny":    {policy.Settings{Unpriced: policy.UnpricedDeny}, 403, false, 0},
		"default": {policy.Settings{Unpriced: policy.UnpricedAllow, DefaultPrice: &price}, 200, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			budget := worth(15, 300)
			p := rig{settings: c.settings, models: model(), entities: []policy.Entity{key("sk-caller", func(k *policy.Key) { k.Limits.MaxBudget = &budget })}}.start(t)
			r := p.send(call{key: "sk-caller", body: chat("brand-new", 30)})
			if r.StatusCode != c.status {
				t.Fatalf("status %d: %s", r.StatusCode, r.body)
			}
			if got := p.metric("purser_unpriced_total", "brand-new"); got != c.counted {
				t.Errorf("purser_unpriced_total %v, want %v", got, c.counted)
			}
			if c.status != 200 {
				if r.error(t)["type"] != "model_cost_map_missing" || len(p.provider.Requests(0)) != 0 {
					t.Errorf("%s", r.body)
				}
				return
			}
			record, e := p.last()
			want := policy.Money(0)
			if c.priced {
				want = worth(int64(record.PromptTokens), 30)
			}
			if e.Cost.Total != want || e.Usage.Output != 30 {
				t.Errorf("cost %s for %+v, want %s", e.Cost.Total, e.Usage, want)
			}
			// A default price is held to the budget like any other.
			if c.priced != (record.MaxTokens > 0 && record.MaxTokens < 1000) {
				t.Errorf("the provider saw a cap of %d", record.MaxTokens)
			}
		})
	}
}
