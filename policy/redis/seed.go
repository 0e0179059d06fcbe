package redis

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

// trip bounds what goes to Redis at once: live requests wait behind it.
const trip = 1000

// atOnce bounds the counters of one script: Redis serves nobody else meanwhile, for some
// hundred microseconds.
const atOnce = 50

// BeginAll implements policy.BatchSeeder: Begin for many counters on few trips.
func (l *Ledger) BeginAll(ctx context.Context, cs []policy.Counter) (since []time.Time, seeded []bool, err error) {
	for part := range slices.Chunk(cs, trip) {
		now, err := l.time(ctx)
		if err != nil {
			return nil, nil, err
		}
		pipe := l.client.Pipeline()
		got := make([]*redis.SliceCmd, len(part))
		for i, c := range part {
			key := l.scopeKey(c.Scope, c.Window)
			name := field(c)
			pipe.HSetNX(ctx, key, name+":b", now.UnixMicro())
			got[i] = pipe.HMGet(ctx, key, name+":b", name+":d")
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, nil, err
		}
		for _, g := range got {
			v := g.Val()
			since, seeded = append(since, time.UnixMicro(number(v[0]))), append(seeded, v[1] != nil)
		}
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
	for part := range slices.Chunk(cs, trip) {
		pipe := l.client.Pipeline()
		for some := range slices.Chunk(part, atOnce) {
			keys, args := make([]string, len(some)), make([]any, 0, 2*len(some))
			for i, c := range some {
				name := field(c)
				keys[i], args = l.scopeKey(c.Scope, c.Window), append(args, name, used[i])
			}
			used = used[len(some):]
			seedScript.EvalSha(ctx, pipe, keys, args...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}
