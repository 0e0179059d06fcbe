package extproc_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/outage"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// island is a plane that counts in a Redis of its own, which the test can take away.
type island struct {
	*plane
	server *redistest.Server
	client goredis.UniversalClient
	shared *redis.Ledger
	alone  *outage.Ledger
	spool  *policytest.Journal
}

func startIsland(t *testing.T, rule outage.Rule, entities ...policy.Entity) *island {
	t.Helper()
	server, err := redistest.Start("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	client, err := redis.Connect("redis://" + server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	i := &island{server: server, client: client, shared: redis.New(redis.Config{Client: client}), spool: &policytest.Journal{}}
	if ok, err := i.shared.Restore(t.Context(), "test", func(context.Context) error { return nil }); err != nil || !ok {
		t.Fatalf("restore: %v, %v", ok, err)
	}
	i.alone = outage.New(outage.Config{
		Shared: i.shared, Journal: i.spool, Rule: rule, Every: 20 * time.Millisecond,
		Probe: func(ctx context.Context) error {
			ok, err := i.shared.Believed(ctx)
			if err == nil && !ok {
				err = redis.ErrNoEpoch
			}
			return err
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go i.alone.Run(ctx)
	i.plane = rig{
		entities: entities, ledger: func(int) policy.Ledger { return i.alone },
		tune:  func(c *extproc.Config) { c.Deadline = 700 * time.Millisecond },
		envoy: func(c *envoy.Config) { c.MessageTimeout = 3 * time.Second },
	}.start(t)
	i.plane.ledger = i.shared
	return i
}

// replay tells Redis what waited in the spool, as that does.
func (i *island) replay() {
	i.t.Helper()
	for _, e := range i.spool.Entries() {
		if err := i.shared.Settle(context.Background(), policy.Settlement{ID: e.CallID, Entry: e}); err != nil {
			i.t.Fatal(err)
		}
	}
}

// Redis dies with a request under way: that is settled all the same, and those that
// come meanwhile are held to what was left.
func TestRedisIsDown(t *testing.T) {
	budget := 10 * worth(15, 30)
	i := startIsland(t, outage.Share, key("sk-caller", func(k *policy.Key) { k.Limits.MaxBudget, k.Limits.MaxParallel = &budget, ptr(int64(5)) }))
	body := chat("gpt-4", 30, "max_tokens", 30)
	for range 3 {
		if r := i.send(call{key: "sk-caller", body: body}); r.StatusCode != 200 {
			t.Fatalf("before: status %d", r.StatusCode)
		}
	}
	slow := make(chan reply)
	go func() {
		slow <- i.send(call{key: "sk-caller", body: prompt("gpt-4", `fake:{"output_tokens":30,"first_byte_delay_ms":500}`, "max_tokens", 30)})
	}()
	eventually(t, "the provider has it", func() bool { return len(i.provider.Requests(0)) == 4 })
	i.idleAt(1)
	i.server.Kill()
	passed := 0
	for range 12 {
		switch r := i.send(call{key: "sk-caller", body: body}); r.StatusCode {
		case 200:
			passed++
		case 422:
		default:
			t.Fatalf("while Redis is away: status %d: %s", r.StatusCode, r.body)
		}
	}
	if r := <-slow; r.StatusCode != 200 {
		t.Errorf("the one under way: status %d", r.StatusCode)
	}
	i.idle()
	if billed, _ := i.billed(); passed == 0 || billed > budget {
		t.Errorf("%d passed; billed %s of a budget of %s", passed, billed, budget)
	}
	if n := len(i.spool.Entries()); n != passed+1 {
		t.Errorf("%d in the spool, want %d and the one that was under way", n, passed)
	}
	if err := i.server.Restart(); err != nil { // empty: it kept no file
		t.Fatal(err)
	}
	eventually(t, "it is believed again", func() bool {
		ok, err := i.shared.Restore(t.Context(), "test", func(context.Context) error { return nil })
		return ok && err == nil
	})
	eventually(t, "it is back", func() bool { return !i.alone.Down() })
	// What the old Redis had acknowledged is told to the new one too: every request has its row, once.
	eventually(t, "all waits in the spool", func() bool { return len(i.spool.Entries()) == 3+1+passed })
	i.replay()
	i.replay() // the spool may tell twice
	if n, requests := len(i.journalled()), len(i.provider.Requests(0)); n != requests {
		t.Errorf("%d entries in the new Redis for %d requests", n, requests)
	}
	if r := i.send(call{key: "sk-caller", body: body}); r.StatusCode != 200 {
		t.Errorf("afterwards: status %d: %s", r.StatusCode, r.body)
	}
}

// journalled is what the stream in Redis holds.
func (i *island) journalled() []policy.Entry { return redistest.Pull(i.t, i.client, "{purser}")() }

// REDIS_DOWN=deny: our own answer, in the API's shape.
func TestRedisIsDownAndDenies(t *testing.T) {
	i := startIsland(t, outage.Deny, key("sk-caller", func(k *policy.Key) { k.Limits.RPM = ptr(int64(100)) }))
	i.server.Kill()
	for range 3 {
		r := i.send(call{key: "sk-caller", body: chat("gpt-4", 5)})
		if r.StatusCode != 503 || r.error(t)["type"] != "internal_server_error" || r.Header.Get("x-litellm-call-id") == "" {
			t.Errorf("status %d: %s", r.StatusCode, r.body)
		}
	}
	if n := len(i.provider.Requests(0)); n != 0 {
		t.Errorf("%d requests at the provider", n)
	}
}

// A Redis that hangs longer than we wait costs the caller our error, not Envoy's 504;
// and what it reserved after all holds nothing in the end, and is never charged.
func TestRedisHangs(t *testing.T) {
	budget := policy.Dollar
	i := startIsland(t, outage.Deny, key("sk-caller", func(k *policy.Key) { k.Limits.MaxBudget, k.Limits.MaxParallel = &budget, ptr(int64(1)) }))
	if r := i.send(call{key: "sk-caller", body: chat("gpt-4", 5)}); r.StatusCode != 200 {
		t.Fatalf("before: status %d", r.StatusCode)
	}
	i.idle()
	used, _ := i.standing(ofKey("sk-caller"), policy.KindSpend)
	i.server.Pause()
	if r := i.send(call{key: "sk-caller", body: chat("gpt-4", 5)}); r.StatusCode != 503 || r.error(t)["type"] != "internal_server_error" {
		t.Errorf("status %d: %s", r.StatusCode, r.body)
	}
	i.server.Resume()
	eventually(t, "what was reserved unheard is taken back", func() bool {
		now, held := i.standing(ofKey("sk-caller"), policy.KindSpend)
		_, slots := i.standing(ofKey("sk-caller"), policy.KindParallel)
		return !i.alone.Down() && now == used && held == 0 && slots == 0
	})
	if r := i.send(call{key: "sk-caller", body: chat("gpt-4", 5)}); r.StatusCode != 200 {
		t.Errorf("afterwards: status %d: %s", r.StatusCode, r.body)
	}
	if n := len(i.provider.Requests(0)); n != 2 {
		t.Errorf("%d requests at the provider, want 2", n)
	}
}
