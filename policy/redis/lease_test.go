package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// A seeding that takes longer than the lease keeps it: nobody seeds beside it.
func TestALongSeedingKeepsItsLease(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := redis.New(redis.Config{Client: client, Prefix: prefix})
	began, finish := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		ok, err := l.Restore(t.Context(), "a", func(context.Context) error { close(began); <-finish; return nil })
		if !ok && err == nil {
			t.Error("it finished, and the counters are not to be believed")
		}
		first <- err
	}()
	<-began
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if ok, err := l.Restore(t.Context(), "b", func(context.Context) error { t.Error("two seed at once"); return nil }); ok || err != nil {
			t.Fatalf("%v, %v, while another seeds", ok, err)
		}
	}
	close(finish)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// Whoever died while seeding is followed soon, by itself started again as well.
func TestADeadSeederIsFollowed(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := redis.New(redis.Config{Client: client, Prefix: prefix})
	// It was killed: it neither renews nor gives back.
	if err := client.Set(t.Context(), prefix+":seeding", "a", 1500*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ok, err := l.Restore(t.Context(), "a", nothing)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(until) {
			t.Fatal("nobody follows")
		}
	}
}

// Who lost the lease, because it was frozen for long, does not declare what another is making.
func TestALostLeaseDeclaresNothing(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := redis.New(redis.Config{Client: client, Prefix: prefix})
	ok, err := l.Restore(t.Context(), "a", func(ctx context.Context) error {
		return client.Set(ctx, prefix+":seeding", "b", time.Minute).Err()
	})
	if ok || err == nil {
		t.Errorf("%v, %v; want an error", ok, err)
	}
	if believed, err := l.Believed(t.Context()); believed || err != nil {
		t.Errorf("%v, %v; want counters that nobody believes", believed, err)
	}
	if holder := client.Get(t.Context(), prefix+":seeding").Val(); holder != "b" {
		t.Errorf("the other's lease is %q", holder)
	}
}

func TestManyCountersAtOnce(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	fresh, complete := policytest.Hold(policy.KindSpend, 1000, 10, 0), policytest.Of(policy.ScopeTeam, "t", policytest.Hold(policy.KindSpend, 1000, 10, 0))
	if _, _, err := l.Begin(t.Context(), complete.Counter()); err != nil {
		t.Fatal(err)
	}
	if err := l.Seed(t.Context(), complete.Counter(), 70); err != nil {
		t.Fatal(err)
	}
	counters := []policy.Counter{fresh.Counter(), complete.Counter()}
	since, seeded, err := l.BeginAll(t.Context(), counters)
	if err != nil || len(since) != 2 || since[0].IsZero() || seeded[0] || !seeded[1] {
		t.Fatalf("%v, %v, %v; want one to be completed", since, seeded, err)
	}
	if err := client.ScriptFlush(t.Context()).Err(); err != nil { // as after a restart
		t.Fatal(err)
	}
	for range 2 { // each is completed once
		if err := l.SeedAll(t.Context(), counters, []int64{40, 50}); err != nil {
			t.Fatal(err)
		}
	}
	stands(t, l, fresh, 40, 0)
	stands(t, l, complete, 70, 0)
	if _, _, err := l.BeginAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
