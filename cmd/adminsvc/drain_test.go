package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// ownRedis is a server of the test's own, so that tests that need none start none.
func ownRedis(tb testing.TB) (goredis.UniversalClient, string) {
	tb.Helper()
	server, err := redistest.Start("", nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Stop)
	client, err := redis.Connect("redis://" + server.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client, "{purser}"
}

// journaled is an entry as an extproc leaves it in Redis.
func journaled(i, keys int) policy.Entry {
	k, now := i%keys, time.Now().UTC()
	return policy.Entry{
		Type: policy.EntryRequest, CallID: fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761, i), RequestID: fmt.Sprint("chatcmpl-", i),
		KeyHash: policy.HashKey(strconv.Itoa(k)).String(), KeyAlias: fmt.Sprint("alias-", k), UserID: fmt.Sprint("user-", k/2), TeamID: fmt.Sprint("team-", k/10),
		ProjectID: fmt.Sprint("project-", k/5), OrganizationID: "org", CallType: "acompletion", Route: "/chat/completions",
		ModelAsked: fmt.Sprint("gpt-", k%4), ModelGroup: fmt.Sprint("gpt-", k%4), Model: fmt.Sprint("gpt-", k%4, "-2026"), Deployment: "d", Provider: "openai",
		APIBase: "https://api.openai.com", ReservedAt: now, StartedAt: now, FirstByte: now, EndedAt: now.Add(time.Second),
		Status: policy.StatusSuccess, HTTPStatus: 200, Usage: policy.Usage{Input: 1000, Output: 200, Source: policy.UsageReported},
		Cost: policy.Cost{Total: 1234567, Input: 234567, Output: 1000000}, ClientIP: "10.1.2.3", UserAgent: "OpenAI/Python 2.1.0",
	}
}

// fillJournal appends entries as settling does.
func fillJournal(tb testing.TB, client goredis.UniversalClient, prefix string, from, n, keys int) {
	tb.Helper()
	for done := 0; done < n; {
		pipe := client.Pipeline()
		for range min(2000, n-done) {
			e := journaled(from+done, keys)
			pipe.XAdd(tb.Context(), &goredis.XAddArgs{Stream: prefix + ":journal", Values: []any{"e", codec.AppendEntry(nil, &e)}})
			done++
		}
		if _, err := pipe.Exec(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
}

// drainAll moves everything with as many consumers as an adminsvc runs.
func drainAll(tb testing.TB, client goredis.UniversalClient, prefix string, store *postgres.Store) {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	defer func() { stop(); running.Wait() }()
	for i := range consumers {
		drain := redis.NewDrain(redis.DrainConfig{Client: client, Prefix: prefix, Consumer: consumer("a", i), Sink: store.WriteEntries})
		running.Go(func() { drain.Run(ctx) })
	}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		n, err := client.XLen(tb.Context(), prefix+":journal").Result()
		if err != nil || time.Now().After(deadline) {
			tb.Fatalf("%d entries left, %v", n, err)
		}
		if n == 0 {
			return
		}
	}
}

func openStore(tb testing.TB) *postgres.Store {
	tb.Helper()
	store, err := postgres.Open(tb.Context(), postgres.Config{URL: postgrestest.URL(tb), Barrier: -1, Timeout: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(store.Close)
	return store
}

// Consumers side by side, with entries that came twice: each has one row, and the sums agree.
func TestJournalDrains(t *testing.T) {
	client, prefix := ownRedis(t)
	store := openStore(t)
	fillJournal(t, client, prefix, 0, 12_000, 50)
	fillJournal(t, client, prefix, 6_000, 7_000, 50) // all but a thousand of them again
	drainAll(t, client, prefix, store)
	differences, err := store.Verify(t.Context())
	if err != nil || len(differences) > 0 {
		t.Errorf("%v, %v", differences, err)
	}
	spent, err := store.Spent(t.Context(), []policy.SpendQuery{{Scope: policy.Scope{Kind: policy.ScopeProxy}, Until: time.Now().Add(time.Hour)}})
	if err != nil || spent[0] != 13_000*1234567 {
		t.Errorf("%v, %v; want 13,000 requests' cost", spent, err)
	}
}

func BenchmarkDrain(b *testing.B) {
	for _, keys := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("%d keys", keys), func(b *testing.B) {
			client, prefix := ownRedis(b)
			store := openStore(b)
			const n = 40_000
			rows := 0
			for b.Loop() {
				b.StopTimer()
				fillJournal(b, client, prefix, rows, n, keys)
				b.StartTimer()
				drainAll(b, client, prefix, store)
				rows += n
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
