package extproc_test

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

// served is a deployment of the public name "pool"; its target tells it at the provider.
func served(id string, change func(*policy.Deployment)) *policy.Deployment {
	d := &policy.Deployment{
		ID: id, Model: "pool", Target: "at-" + id, Provider: "openai", Format: policy.FormatOpenAI, PathPrefix: "/v1",
		CredentialHeader: "authorization", CredentialPrefix: "Bearer ", Price: policy.TokenPrice(1_000_000_000, 2_000_000_000), MaxOutput: 100,
	}
	if change != nil {
		change(d)
	}
	return d
}

// byTarget counts the provider's requests.
func (p *plane) byTarget() map[string]int {
	out := map[string]int{}
	for _, r := range p.provider.Requests(0) {
		out[r.Model]++
	}
	return out
}

// What a provider allows a deployment a minute is used up to the last request, by all
// servers together, and then the next deployment serves.
func TestRequestsAMinuteOfADeployment(t *testing.T) {
	r := rig{
		servers: 2, entities: []policy.Entity{key("sk-caller", nil)}, clock: policytest.NewClock(time.Now()).Now,
		models: []*policy.Deployment{
			served("first", func(d *policy.Deployment) { d.RPM = ptr[int64](7) }),
			served("second", func(d *policy.Deployment) { d.RPM, d.Priority = ptr[int64](5), 1 }),
		},
	}
	for name, on := range map[string]func(t *testing.T) *plane{
		"in memory": func(t *testing.T) *plane { return r.start(t) },
		"on Redis":  func(t *testing.T) *plane { r, _ := r.onRedis(t); return r.start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			p := on(t)
			got := p.storm(20, func(int) call { return call{key: "sk-caller", body: chat("pool", 3)} })
			if got[200] != 12 || got[429] != 8 {
				t.Errorf("statuses %v, want 12 of 20", got)
			}
			if by := p.byTarget(); by["at-first"] != 7 || by["at-second"] != 5 {
				t.Errorf("served %v", by)
			}
			refused := p.send(call{key: "sk-caller", body: chat("pool", 3)})
			e := refused.error(t)
			if wait, err := strconv.Atoi(refused.Header.Get("retry-after")); refused.StatusCode != 429 || err != nil || wait < 1 || wait > 60 {
				t.Errorf("%d, retry after %q", refused.StatusCode, refused.Header.Get("retry-after"))
			}
			if e["type"] != "throttling_error" || e["scope"] != "deployment" || e["limit_kind"] != "requests" || e["limit"] != nil {
				t.Errorf("refusal %v", e)
			}
		})
	}
}

func TestTokensAMinuteOfADeployment(t *testing.T) {
	p := rig{
		entities: []policy.Entity{key("sk-caller", nil)}, clock: policytest.NewClock(time.Now()).Now,
		models: []*policy.Deployment{
			served("small", func(d *policy.Deployment) { d.TPM = ptr[int64](200) }),
			served("large", func(d *policy.Deployment) { d.TPM, d.Priority = ptr[int64](100_000), 1 }),
		},
	}.start(t)
	for range 6 {
		if r := p.send(call{key: "sk-caller", body: chat("pool", 60, "max_tokens", 60)}); r.StatusCode != 200 {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
	used, _ := p.standing(policy.Scope{Kind: policy.ScopeDeployment, ID: "small"}, policy.KindTokens)
	if by := p.byTarget(); by["at-small"] < 1 || by["at-large"] < 1 || used > 200 {
		t.Errorf("served %v, %d tokens at the small one", by, used)
	}
	// What needs more than any of them allows is told so at once.
	if r := p.send(call{key: "sk-caller", body: prompt("pool", string(slices.Repeat([]byte("word "), 120_000)))}); r.StatusCode != 429 || r.error(t)["limit_kind"] != "tokens" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

// The caller's own limit is not got around by another deployment, and is what is told.
func TestALimitOfTheKeyIsNotTheDeployments(t *testing.T) {
	p := rig{
		entities: []policy.Entity{key("sk-caller", func(k *policy.Key) { k.Limits.RPM = ptr[int64](1) })}, clock: policytest.NewClock(time.Now()).Now,
		models: []*policy.Deployment{served("a", func(d *policy.Deployment) { d.RPM = ptr[int64](1) }), served("b", nil)},
	}.start(t)
	if r := p.send(call{key: "sk-caller", body: chat("pool", 1)}); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := p.send(call{key: "sk-caller", body: chat("pool", 1)}); r.StatusCode != 429 || r.error(t)["scope"] != "key" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

// A deployment that cannot be reached costs each server one call; then the other serves.
func TestADeadDeploymentIsLeftOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().(*net.TCPAddr).Port
	l.Close()
	clock := policytest.NewClock(time.Now())
	p := rig{
		entities: []policy.Entity{key("sk-caller", nil)}, settings: policy.Settings{AllowedFails: 3}, clock: clock.Now,
		models: []*policy.Deployment{
			served("dead", func(d *policy.Deployment) { d.Port, d.Retries = dead, ptr(2) }),
			served("well", func(d *policy.Deployment) { d.Priority = 1 }),
		},
	}.start(t)
	statuses := func(n int) (list []int) {
		for range n {
			list = append(list, p.send(call{key: "sk-caller", body: chat("pool", 1)}).StatusCode)
		}
		return list
	}
	if got := statuses(4); !slices.Equal(got, []int{503, 200, 200, 200}) {
		t.Errorf("statuses %v", got)
	}
	p.envoy.WaitStat(t, "cluster.llm-dead.upstream_rq_retry", 2)
	clock.Advance(6 * time.Second) // it is tried again, and left out for twice as long
	if got := statuses(2); !slices.Equal(got, []int{503, 200}) {
		t.Errorf("statuses %v", got)
	}
	clock.Advance(6 * time.Second)
	if got := statuses(1); !slices.Equal(got, []int{200}) {
		t.Errorf("statuses %v", got)
	}
	p.idle()
	for _, e := range p.journal.Entries() {
		if e.HTTPStatus == 503 && (e.Cost.Total != 0 || e.Status != policy.StatusFailure) {
			t.Errorf("a call that nobody answered: %+v", e)
		}
	}
}

// A provider that says it is too busy is left out for as long as it asks for.
func TestABusyDeploymentIsLeftOut(t *testing.T) {
	clock := policytest.NewClock(time.Now())
	p := rig{
		entities: []policy.Entity{key("sk-caller", nil)}, settings: policy.Settings{AllowedFails: 1}, clock: clock.Now,
		models: []*policy.Deployment{served("a", nil), served("b", func(d *policy.Deployment) { d.Priority = 1 })},
	}.start(t)
	busy := func() int {
		return p.send(call{key: "sk-caller", body: prompt("pool", `fake:{"status":429,"retry_after":20}`)}).StatusCode
	}
	if busy() != 429 || busy() != 429 {
		t.Fatal("a provider's 429 reaches the client")
	}
	clock.Advance(19 * time.Second)
	p.send(call{key: "sk-caller", body: chat("pool", 1)})
	clock.Advance(2 * time.Second)
	p.send(call{key: "sk-caller", body: chat("pool", 1)})
	if by := p.byTarget(); by["at-a"] != 3 || by["at-b"] != 1 {
		t.Errorf("served %v", by)
	}
}

// What an entry sets about its calls holds: headers, how long they may take, how often
// a connection is tried.
func TestWhatADeploymentSetsAboutItsCalls(t *testing.T) {
	p := rig{
		entities: []policy.Entity{key("sk-caller", nil)},
		models: []*policy.Deployment{served("a", func(d *policy.Deployment) {
			d.Timeout, d.StreamTimeout = 4*time.Second, 4*time.Second
			d.Headers = map[string]policy.Secret{"x-team": "a secret of the header", "openai-organization": "org-1"}
		})},
	}.start(t)
	var all sync.WaitGroup
	for name, c := range map[string]struct {
		body map[string]any
		want int
	}{
		"a call in time":                         {prompt("pool", `fake:{"output_tokens":2}`), 200},
		"a call that takes too long":             {prompt("pool", `fake:{"hang":true}`), 504},
		"a stream that begins too late":          {prompt("pool", `fake:{"hang":true}`, "stream", true), 504},
		"a stream that takes long, but is going": {prompt("pool", `fake:{"output_tokens":10,"chunks":10,"delay_ms":500}`, "stream", true), 200},
	} {
		all.Go(func() {
			if got := p.send(call{key: "sk-caller", body: c.body}).StatusCode; got != c.want {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		})
	}
	all.Wait()
	for _, r := range p.provider.Requests(0) {
		if r.Headers.Get("x-team") != "a secret of the header" || r.Headers.Get("openai-organization") != "org-1" {
			t.Errorf("headers %v", r.Headers)
		}
		for name := range r.Headers {
			if len(name) > 7 && name[:8] == "X-Envoy-" {
				t.Errorf("the provider saw %s", name)
			}
		}
	}
	p.idle()
	for name, text := range map[string]string{
		"Envoy's log": p.envoy.Log(), "its access log": p.envoy.AccessLog(), "its stats": p.envoy.Admin(t, "/stats"), "its clusters": p.envoy.Admin(t, "/clusters"),
	} {
		if containsAny(text, "a secret of the header", providerKey, "sk-caller") {
			t.Errorf("a secret is in %s", name)
		}
	}
	if dump := p.envoy.Admin(t, "/config_dump?include_eds"); !strings.Contains(dump, "llm-a") || containsAny(dump, "a secret of the header", providerKey) {
		t.Error("a secret is in the configuration's dump")
	}
}
