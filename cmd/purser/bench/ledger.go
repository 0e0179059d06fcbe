package bench

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/redis"
)

// LedgerFigures are what reserving and settling one request takes of Redis.
type LedgerFigures struct {
	Holds     int     `json:"holds"`
	Requests  int64   `json:"requests"`
	RedisUS   float64 `json:"redis_us"`    // CPU of redis-server, microseconds per request
	PerCore   float64 `json:"per_core_s"`  // requests that one core of it serves in a second
	LatencyUS float64 `json:"latency_us"`  // of a request's two calls, mean
	Parallel  int     `json:"concurrency"` // callers
}

// ledgerTime is how long each number of holds is measured.
const ledgerTime = time.Second

// benchLedger drives the ledger without Envoy, for as many holds as requests may have.
func benchLedger(ctx context.Context, server *process, parallel int) ([]LedgerFigures, error) {
	client, err := redis.Connect(server.addr)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var out []LedgerFigures
	for _, n := range []int{1, 4, 9, 27} {
		l, err := newRedisLedger(ctx, client, fmt.Sprintf("{ledger%d}", n))
		if err != nil {
			return nil, err
		}
		f, err := driveLedger(ctx, l, server, n, parallel)
		if err != nil {
			return nil, fmt.Errorf("%d holds: %w", n, err)
		}
		out = append(out, f)
	}
	return out, nil
}

func driveLedger(ctx context.Context, l policy.Ledger, server *process, holds, parallel int) (LedgerFigures, error) {
	f := LedgerFigures{Holds: holds, Parallel: parallel}
	all := sampleHolds(holds, time.Now())
	before, err := server.cpu()
	if err != nil {
		return f, err
	}
	began := time.Now()
	var done atomic.Int64
	failed := make(chan error, parallel)
	var callers sync.WaitGroup
	for c := range parallel {
		callers.Go(func() {
			for i := 0; time.Since(began) < ledgerTime && ctx.Err() == nil; i++ {
				if err := reserveAndSettle(ctx, l, strconv.Itoa(holds)+"-"+strconv.Itoa(c)+"-"+strconv.Itoa(i), all); err != nil {
					failed <- err
					return
				}
				done.Add(1)
			}
		})
	}
	callers.Wait()
	took := time.Since(began)
	after, err := server.cpu()
	if err != nil {
		return f, err
	}
	select {
	case err := <-failed:
		return f, err
	default:
	}
	if f.Requests = done.Load(); f.Requests == 0 {
		return f, fmt.Errorf("none was done: %w", context.Cause(ctx))
	}
	f.RedisUS = micros(after-before) / float64(f.Requests)
	f.PerCore = 1e6 / f.RedisUS
	f.LatencyUS = micros(took) * float64(parallel) / float64(f.Requests)
	return f, nil
}

func reserveAndSettle(ctx context.Context, l policy.Ledger, id string, holds []policy.Hold) error {
	e := policy.Entry{Type: policy.EntryRequest, CallID: id, Status: policy.StatusSuccess, Usage: policy.Usage{Input: 100, Output: 200, Source: policy.UsageReported}}
	out, err := l.Reserve(ctx, policy.Ask{ID: id, Holds: holds, Want: 500, Usual: 100, Least: 1, TTL: time.Minute, Draft: policy.Draft{Entry: e, Input: 100, Choices: 1}})
	if err != nil {
		return err
	}
	if !out.Granted {
		return fmt.Errorf("%s was refused", id)
	}
	e.ReservedAt = out.At
	return l.Settle(ctx, policy.Settlement{ID: id, Entry: e})
}

// sampleHolds are n holds in as few scopes as have so many: spend by month, requests, tokens, parallel in each.
func sampleHolds(n int, now time.Time) []policy.Hold {
	const plenty = 1 << 52
	month := policy.Every(policy.Duration{N: 1, Unit: policy.Months}, now)
	from, until := month.Bounds(now, policy.Calendar{})
	kinds := []policy.Hold{
		{Kind: policy.KindSpend, Window: month, Start: from, End: until, Limit: plenty, Fixed: 2000, PerToken: 60},
		{Kind: policy.KindRequests, Window: policy.Minute, Limit: plenty, Fixed: 1},
		{Kind: policy.KindTokens, Window: policy.Minute, Limit: plenty, Fixed: 100, PerToken: 1},
		{Kind: policy.KindParallel, Window: policy.Live, Limit: plenty, Fixed: 1},
	}
	scopes := []policy.ScopeKind{
		policy.ScopeKey, policy.ScopeTeam, policy.ScopeUser, policy.ScopeProject, policy.ScopeOrganization, policy.ScopeProxy, policy.ScopeMember,
	}
	holds := make([]policy.Hold, n)
	for i := range holds {
		holds[i] = kinds[i%len(kinds)]
		holds[i].Scope = policy.Scope{Kind: scopes[i/len(kinds)], ID: "bench"}
	}
	return holds
}
