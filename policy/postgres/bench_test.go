package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// traffic makes entries of the last minutes by a number of keys in a tenth as many teams.
func traffic(rng *rand.Rand, n, from, keys int) []policy.Entry {
	now := time.Now().UTC()
	out := make([]policy.Entry, n)
	for i := range out {
		k := rng.IntN(keys)
		at := now.Add(-time.Duration(rng.IntN(120)) * time.Second)
		out[i] = policy.Entry{
			Type: policy.EntryRequest, CallID: fmt.Sprintf("%08x-0000-4000-8000-%012x", rng.Uint32(), from+i), RequestID: fmt.Sprint("chatcmpl-", from+i),
			KeyHash: policy.HashKey(strconv.Itoa(k)).String(), KeyAlias: fmt.Sprint("alias-", k), UserID: fmt.Sprint("user-", k/2), TeamID: fmt.Sprint("team-", k/10),
			ProjectID: fmt.Sprint("project-", k/5), OrganizationID: "org", Tags: []string{"production"}, CallType: "acompletion", Route: "/chat/completions",
			ModelAsked: fmt.Sprint("gpt-", k%4), ModelGroup: fmt.Sprint("gpt-", k%4), Model: fmt.Sprint("gpt-", k%4, "-2026"), Deployment: "d", Provider: "openai",
			APIBase: "https://api.openai.com", Stream: true, ReservedAt: at, StartedAt: at, FirstByte: at.Add(time.Second), EndedAt: at.Add(3 * time.Second),
			Status: policy.StatusSuccess, HTTPStatus: 200, Usage: policy.Usage{Input: 1000, Output: 200, Cached: 100, Source: policy.UsageReported},
			Cost: policy.Cost{Total: 1234567, Input: 234567, Output: 1000000}, ClientIP: "10.1.2.3", UserAgent: "OpenAI/Python 2.1.0",
		}
	}
	return out
}

func BenchmarkWriteEntries(b *testing.B) {
	for _, c := range []struct{ batch, keys int }{{1000, 1000}, {5000, 1000}, {10_000, 1000}, {10_000, 1_000_000}} {
		b.Run(fmt.Sprintf("batches of %d by %d keys", c.batch, c.keys), func(b *testing.B) {
			s := open(b)
			rng := rand.New(rand.NewPCG(1, 2))
			rows := 0
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				batch := traffic(rng, c.batch, rows, c.keys)
				b.StartTimer()
				writeEntries(b, s, batch...)
				rows += c.batch
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkLoad is a cold start with a million keys.
func BenchmarkLoad(b *testing.B) {
	const keys = 1_000_000
	url := postgrestest.URL(b)
	s := openAt(b, url, func(c *postgres.Config) { c.LongTimeout = 10 * time.Minute })
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	_, err = conn.Exec(b.Context(), `INSERT INTO keys (hash, name, alias, user_id, team_id, project_id, models, limits, created_at, updated_at, created_by, updated_by, fields, revision)
		SELECT sha256(n::text::bytea), 'sk-...' || lpad(n::text, 4, '0'), 'alias-' || n, 'user-' || n / 10, 'team-' || n / 100, 'project-' || n / 50, '{gpt-4o,gpt-4o-mini}',
			json_build_object('max_budget', n / 100.0, 'budget_duration', '30d', 'rpm_limit', 100, 'tpm_limit', 100000), now(), now(), 'admin', 'admin', '{"models":["gpt-4o","gpt-4o-mini"],"max_budget":10.0}', n
		FROM generate_series(1, `+strconv.Itoa(keys)+`) AS n`)
	conn.Close(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
		if err := postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "bench"}).Load(b.Context()); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if d.Keys() != keys {
			b.Fatalf("%d keys", d.Keys())
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		runtime.KeepAlive(d)
	}
}

// BenchmarkSpent is what seeding asks: many keys' spend of this month until now.
func BenchmarkSpent(b *testing.B) {
	s := open(b)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 10 {
		writeEntries(b, s, traffic(rng, 10_000, i*10_000, 20_000)...)
	}
	now := time.Now().UTC()
	queries := make([]policy.SpendQuery, 5000)
	for i := range queries {
		queries[i] = policy.SpendQuery{Scope: policy.Scope{Kind: policy.ScopeKey, ID: policy.HashKey(strconv.Itoa(i)).String()},
			From: time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC), Until: now.Add(-time.Duration(i) * time.Millisecond)}
	}
	for b.Loop() {
		if _, err := s.Spent(b.Context(), queries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(queries)*b.N)/b.Elapsed().Seconds(), "queries/s")
}
