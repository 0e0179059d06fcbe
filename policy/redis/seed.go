package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

// BeginAll implements policy.BatchSeeder: Begin for many counters on one trip.
func (l *Ledger) BeginAll(ctx context.Context, cs []policy.Counter) ([]time.Time, []bool, error) {
	if len(cs) == 0 {
		return nil, nil, nil
	}
	now, err := l.time(ctx)
	if err != nil {
		return nil, nil, err
	}
	pipe := l.client.Pipeline()
	got := make([]*redis.SliceCmd, len(cs))
	for i, c := range cs {
		key := l.scopeKey(c.Scope, c.Window)
		name, _ := field(c)
		pipe.HSetNX(ctx, key, name+":b", now.UnixMicro())
		got[i] = pipe.HMGet(ctx, key, name+":b", name+":d")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, nil, err
	}
	since, seeded := make([]time.Time, len(cs)), make([]bool, len(cs))
	for i, g := range got {
		v := g.Val()
		since[i], seeded[i] = time.UnixMicro(number(v[0])), v[1] != nil
	}
	return since, seeded, nil
}

// SeedAll implements policy.BatchSeeder.
func (l *Ledger) SeedAll(ctx context.Context, cs []policy.Counter, used []int64) error {
	if len(cs) == 0 {
		return nil
	}
	// Loaded first: a pipeline cannot send it along where it turns out to be unknown.
	if err := seedScript.Load(ctx, l.client).Err(); err != nil {
		return err
	}
	pipe := l.client.Pipeline()
	for i, c := range cs {
		name, _ := field(c)
		seedScript.EvalSha(ctx, pipe, []string{l.scopeKey(c.Scope, c.Window)}, name, used[i])
	}
	_, err := pipe.Exec(ctx)
	return err
}
