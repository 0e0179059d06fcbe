package redis_test

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// BenchmarkRequest is what one request takes of this process and of Redis: Reserve and
// Settle with as much in its draft and entry as extproc puts there.
func BenchmarkRequest(b *testing.B) {
	for _, n := range []int{1, 4, 9} {
		b.Run(strconv.Itoa(n)+" holds", func(b *testing.B) {
			client, prefix := redistest.Client(b)
			l := redis.New(redis.Config{Client: client, Prefix: prefix})
			if ok, err := l.Restore(b.Context(), "bench", nothing); err != nil || !ok {
				b.Fatal(ok, err)
			}
			holds := policytest.Holds(n, time.Now())
			e := full()
			draft := policy.Draft{Entry: e, Price: policytest.PerMillion(3, 15), Input: 120, Choices: 1}
			e.Usage, e.Cost = policy.Usage{Input: 112, Output: 230, Source: policy.UsageReported}, policy.Cost{Total: 3_786_000, Input: 336_000, Output: 3_450_000}
			before, redisBefore := spent(b), redisSpent(b, client)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id := "bench-" + strconv.Itoa(i)
				draft.Entry.CallID, e.CallID = id, id
				out, err := l.Reserve(b.Context(), policy.Ask{ID: id, Holds: holds, Want: 500, Usual: 100, Least: 1, TTL: time.Minute, Draft: draft})
				if err != nil || !out.Granted {
					b.Fatal(out, err)
				}
				e.ReservedAt = out.At
				if err := l.Settle(b.Context(), policy.Settlement{ID: id, Entry: e}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((spent(b)-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
			b.ReportMetric((redisSpent(b, client)-redisBefore)*1e6/float64(b.N), "redis-cpu-µs/op")
		})
	}
}

// full is an entry with what a governed call of a team's key has.
func full() policy.Entry {
	now := time.Now()
	return policy.Entry{
		Type: policy.EntryRequest, RequestID: "chatcmpl-9bXq2Yv7mKcT4", Upstream: "6f4cfb42-0f3e-4c8e-9a6c-6ce3c6a1d2aa",
		KeyHash: strings.Repeat("5e", 32), KeyAlias: "search-backend", UserID: "user-4711", TeamID: "team-search", TeamAlias: "Search", ProjectID: "project-12",
		OrganizationID: "org-1", Tags: []string{"production", "search"}, CallType: "acompletion", Route: "/chat/completions", ModelAsked: "gpt-4o", ModelGroup: "gpt-4o",
		Model: "gpt-4o-2024-08-06", Deployment: "d-gpt-4o-eu", Provider: "openai", APIBase: "https://api.openai.com/v1", Attempts: 1,
		ReservedAt: now, StartedAt: now, FirstByte: now, EndedAt: now, Status: policy.StatusSuccess, HTTPStatus: 200, ClientIP: "10.21.3.7", UserAgent: "OpenAI/Python 1.40.0",
	}
}

// spent is the CPU time of this process.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// redisSpent is Redis's, in seconds.
func redisSpent(b *testing.B, c goredis.UniversalClient) (seconds float64) {
	info, err := c.Info(context.Background(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, line := range strings.Split(info, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			seconds += v
		}
	}
	return seconds
}
