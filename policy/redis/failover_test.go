package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

func TestBorrowersThroughSeveralClients(t *testing.T) {
	url := "redis://" + redistest.Address()
	exactly(t, redistest.Prefix(), connect(t, url), connect(t, url), connect(t, url))
}

func TestScriptsSurviveAFlush(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	for i := range 4 {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		id := strconv.Itoa(i)
		if out, err := l.Reserve(t.Context(), policy.Ask{ID: id, Holds: []policy.Hold{h}}); err != nil || !out.Granted {
			t.Fatal(out, err)
		}
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		settleAll(t, []string{id}, 5, l)
	}
	stands(t, l, h, 20, 0)
}

// What Redis has acknowledged with its file synced outlives a kill: counters,
// reservations, settled ids, journal.
func TestRestartWithAOF(t *testing.T) {
	s := server(t, "--appendonly", "yes", "--appendfsync", "always")
	client := connect(t, "redis://"+s.Addr)
	l := believed(t, client, "{purser}")
	spend, slot, minute := policytest.Hold(policy.KindSpend, 200, 10, 0), policytest.Hold(policy.KindParallel, 20, 1, 0), policytest.Hold(policy.KindRequests, 20, 1, 0)
	for i := range 10 {
		if out, err := l.Reserve(t.Context(), policy.Ask{ID: strconv.Itoa(i), Holds: []policy.Hold{spend, slot, minute}, TTL: time.Minute}); err != nil || !out.Granted {
			t.Fatal(out, err)
		}
	}
	settleAll(t, []string{"0", "1", "2", "3"}, 7, l)
	for range 2 {
		s.Kill()
		if _, err := l.Reserve(t.Context(), policy.Ask{ID: "away", Holds: []policy.Hold{spend}}); err == nil {
			t.Fatal("a dead Redis reserved")
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is back", func() bool { ok, err := l.Believed(t.Context()); return err == nil && ok })
		stands(t, l, spend, 28, 60)
		stands(t, l, slot, 0, 6)
		stands(t, l, minute, 10, 0)
	}
	settleAll(t, []string{"0", "4", "5", "6", "7", "8", "9"}, 7, l) // the first for the second time
	stands(t, l, spend, 70, 0)
	stands(t, l, slot, 0, 0)
	if n := len(redistest.Pull(t, client, "{purser}")()); n != 10 {
		t.Errorf("%d entries, want 10", n)
	}
}

// A Redis that lost its memory admits nothing until it is seeded.
func TestFlushedInMidWindow(t *testing.T) {
	s := server(t)
	client := connect(t, "redis://"+s.Addr)
	l := believed(t, client, "{purser}")
	h := policytest.Hold(policy.KindSpend, 100, 10, 0)
	ids := borrow(t, "before", 5, h, l)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Reserve(t.Context(), policy.Ask{ID: "x", Holds: []policy.Hold{h}}); !errors.Is(err, redis.ErrNoEpoch) {
		t.Fatalf("%+v, %v; want ErrNoEpoch", out, err)
	}
	settleAll(t, ids, 10, l) // their entries are journalled all the same
	seed := func(ctx context.Context) error {
		if _, _, err := l.Begin(ctx, h.Counter()); err != nil {
			return err
		}
		return l.Seed(ctx, h.Counter(), 50)
	}
	if ok, err := l.Restore(t.Context(), "a", seed); !ok || err != nil {
		t.Fatal(ok, err)
	}
	stands(t, l, h, 50, 0)
	if ids := borrow(t, "after", 20, h, l); len(ids) != 5 {
		t.Errorf("%d passed, want the 5 that are left", len(ids))
	}
	if n := len(redistest.Pull(t, client, "{purser}")()); n != 5 {
		t.Errorf("%d entries, want 5", n)
	}
}

// Sentinel makes the replica the master; clients follow by themselves.
func TestSentinelFailover(t *testing.T) {
	master := server(t)
	replica := server(t, "--replicaof", "127.0.0.1", strconv.Itoa(master.Port))
	of := goredis.NewClient(&goredis.Options{Addr: replica.Addr})
	defer of.Close()
	eventually(t, "the replica is in step", func() bool {
		info, err := of.InfoMap(t.Context(), "replication").Result()
		return err == nil && info["Replication"]["master_link_status"] == "up"
	})
	sentinel, err := redistest.StartSentinel(master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sentinel.Stop)
	watch := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel.Addr})
	defer watch.Close()
	eventually(t, "the sentinel has found the replica", func() bool {
		all, err := watch.Replicas(t.Context(), "ledger").Result()
		return err == nil && len(all) == 1
	})

	client := connect(t, "redis+sentinel://"+sentinel.Addr+"?master_name=ledger")
	l := believed(t, client, "{purser}")
	h := policytest.Hold(policy.KindSpend, 200, 10, 0)
	before := borrow(t, "before", 8, h, l)
	if len(before) != 8 {
		t.Fatalf("%d passed before", len(before))
	}
	m := goredis.NewClient(&goredis.Options{Addr: master.Addr})
	defer m.Close()
	if n, err := m.Wait(t.Context(), 1, patience).Result(); err != nil || n != 1 {
		t.Fatalf("replicated to %d, %v", n, err)
	}
	master.Kill()
	eventually(t, "the replica is the master", func() bool {
		addr, err := watch.GetMasterAddrByName(t.Context(), "ledger").Result()
		return err == nil && fmt.Sprint(addr) == fmt.Sprintf("[127.0.0.1 %d]", replica.Port)
	})
	eventually(t, "the ledger is back", func() bool { ok, err := l.Believed(t.Context()); return err == nil && ok })
	after := borrow(t, "after", 40, h, l)
	if len(after) > 12 {
		t.Errorf("%d passed after the failover, want 12", len(after))
	}
	b, err := l.Standings(t.Context(), []policy.Hold{h})
	if err != nil || b[0].Used+b[0].Held != h.Limit {
		t.Errorf("%+v taken, %v; want all of %d", b, err, h.Limit)
	}
	settleAll(t, append(before, after...), 10, l)
}
