package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// stutter sends every call twice, as a client does whose first answer was lost.
type stutter struct{}

func (stutter) DialHook(next goredis.DialHook) goredis.DialHook { return next }
func (stutter) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if err := next(ctx, cmd); err != nil {
			return err
		}
		return next(ctx, cmd)
	}
}
func (stutter) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func TestCallsSentTwiceCountOnce(t *testing.T) {
	clock := policytest.NewClock(policytest.Epoch)
	client, prefix := redistest.Client(t)
	l := redis.New(redis.Config{Client: client, Prefix: prefix, Clock: clock.Now})
	if ok, err := l.Restore(t.Context(), "test", nothing); err != nil || !ok {
		t.Fatal(ok, err)
	}
	client.AddHook(stutter{})
	spend := policytest.In("1d", clock.Now(), policytest.Hold(policy.KindSpend, 1000, 20, 2))
	tokens, slot := policytest.Hold(policy.KindTokens, 1000, 10, 1), policytest.Hold(policy.KindParallel, 3, 1, 0)
	ask := func(id string) policy.Ask {
		return policy.Ask{ID: id, Holds: []policy.Hold{spend, tokens, slot}, Want: 500, Usual: 10, Least: 1, TTL: time.Minute}
	}
	for _, id := range []string{"a", "b", "c"} {
		out, err := l.Reserve(t.Context(), ask(id))
		if err != nil || !out.Granted {
			t.Fatalf("%s: %+v, %v", id, out, err)
		}
		if b := out.Balances[2]; id == "b" && (b.Used+b.Held != 2 || out.At.IsZero()) {
			t.Errorf("slots %+v at %v, want 2", b, out.At)
		}
		if id == "a" && (out.Output != 52 || out.Balances[0].Held != 124 || out.Balances[1].Used != 62) { // an eighth of 1000, less the prompt
			t.Errorf("%+v", out)
		}
	}
	if out, err := l.Reserve(t.Context(), ask("d")); err != nil || out.Granted || len(out.Failed) != 1 {
		t.Errorf("a fourth: %+v, %v; want refused by the slots", out, err)
	}
	if _, err := l.Reserve(t.Context(), ask("a")); !errors.Is(err, policy.ErrConflict) {
		t.Errorf("another call under an id in use: %v, want ErrConflict", err)
	}
	settleAll(t, []string{"a"}, 30, l)
	if err := l.Release(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	clock.Advance(2 * time.Minute)
	if _, err := l.Reap(t.Context()); err != nil { // c, for nothing: it has no draft
		t.Fatal(err)
	}
	stands(t, l, spend, 30, 0)
	stands(t, l, slot, 0, 0)
	if _, _, err := l.Begin(t.Context(), spend.Counter()); err != nil {
		t.Fatal(err)
	}
	if err := l.Seed(t.Context(), spend.Counter(), 500); err != nil {
		t.Fatal(err)
	}
	stands(t, l, spend, 530, 0)
	if n := len(redistest.Pull(t, client, prefix)()); n != 2 {
		t.Errorf("%d entries, want a's and c's", n)
	}
}

// A Redis that hangs costs a call its own deadline, not the client's patience; what
// was reserved after all is taken back.
func TestARedisThatHangs(t *testing.T) {
	s := server(t)
	l := believed(t, connect(t, "redis://"+s.Addr), "{purser}")
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	borrow(t, "before", 1, h, l)
	s.Pause()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := l.Reserve(ctx, policy.Ask{ID: "lost", Holds: []policy.Hold{h}})
	if took := time.Since(began); err == nil || took > 600*time.Millisecond {
		t.Errorf("%v after %v, want an error after 100 ms", err, took)
	}
	s.Resume()
	eventually(t, "it has reserved after all", func() bool {
		b, err := l.Standings(t.Context(), []policy.Hold{h})
		return err == nil && b[0].Held == 20
	})
	if err := l.Release(t.Context(), "lost"); err != nil {
		t.Fatal(err)
	}
	stands(t, l, h, 0, 10)
}
