package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// BenchmarkCounters is what many budgets take: to be completed in an empty Redis, and
// to be compared with the tables.
func BenchmarkCounters(b *testing.B) {
	const keys = 200_000
	server, err := redistest.Start("", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Stop)
	client, err := redis.Connect("redis://" + server.Addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	store, err := postgres.Open(b.Context(), postgres.Config{URL: postgrestest.URL(b), Barrier: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	directory := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	budget := 10 * policy.Dollar
	for i := range keys {
		k := &policy.Key{Hash: policy.HashKey(fmt.Sprint(i))}
		k.Limits.MaxBudget, k.Limits.BudgetDuration = &budget, "30d"
		directory.Put(k)
	}
	ledger, nothing := redis.New(redis.Config{Client: client}), func(context.Context) error { return nil }
	if ok, err := ledger.Restore(b.Context(), "bench", nothing); err != nil || !ok {
		b.Fatal(ok, err)
	}
	seeding := policy.Seeding{Directory: directory, Ledger: ledger, History: store, Flush: nothing, Clock: time.Now}
	healing := policy.Healing{Directory: directory, Ledger: ledger, History: store, Flush: nothing, Clock: time.Now}
	b.Run("complete", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if err := client.FlushAll(b.Context()).Err(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if err := seeding.All(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "counters/s")
	})
	b.Run("compare", func(b *testing.B) {
		for b.Loop() {
			if drifts, err := healing.All(b.Context(), true); err != nil || len(drifts) > 0 {
				b.Fatal(len(drifts), err)
			}
		}
		b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "counters/s")
	})
}
