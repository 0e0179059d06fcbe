package redis

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

// Begin implements policy.Seeder.
func (l *Ledger) Begin(ctx context.Context, c policy.Counter) (time.Time, bool, error) {
	now, err := l.time(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	key := l.scopeKey(c.Scope, c.Window)
	name := field(c)
	pipe := l.client.Pipeline()
	pipe.HSetNX(ctx, key, name+":b", now.UnixMicro())
	got := pipe.HMGet(ctx, key, name+":b", name+":d")
	if _, err := pipe.Exec(ctx); err != nil {
		return time.Time{}, false, err
	}
	v := got.Val()
	return time.UnixMicro(number(v[0])), v[1] != nil, nil
}

// seedScript adds once to each of some counters: their keys, then for each its field
// and how much.
var seedScript = redis.NewScript(`
for i, key in ipairs(KEYS) do
  local name = ARGV[2 * i - 1]
  if redis.call('HEXISTS', key, name .. ':b') == 1 and redis.call('HSETNX', key, name .. ':d', 1) == 1 and ARGV[2 * i] ~= '0' then
    redis.call('HINCRBY', key, name .. ':u', ARGV[2 * i])
  end
end
return 1`)

// Seed implements policy.Seeder.
func (l *Ledger) Seed(ctx context.Context, c policy.Counter, used int64) error {
	name := field(c)
	return seedScript.Run(ctx, l.client, []string{l.scopeKey(c.Scope, c.Window)}, name, used).Err()
}

// correctScript sets what is used, unless it moved meanwhile or is forgotten.
var correctScript = redis.NewScript(`
if redis.call('HEXISTS', KEYS[1], ARGV[1] .. ':b') == 0 then return 0 end
if (redis.call('HGET', KEYS[1], ARGV[1] .. ':u') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1] .. ':u', ARGV[3], ARGV[1] .. ':d', 1)
return 1`)

// Correct implements policy.Corrector.
func (l *Ledger) Correct(ctx context.Context, c policy.Counter, from, to int64) (bool, error) {
	name := field(c)
	n, err := correctScript.Run(ctx, l.client, []string{l.scopeKey(c.Scope, c.Window)}, name, strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)).Int()
	return n == 1, err
}

// Standings implements policy.Inspector.
func (l *Ledger) Standings(ctx context.Context, holds []policy.Hold) ([]policy.Balance, error) {
	if len(holds) == 0 {
		return nil, nil
	}
	now, err := l.time(ctx)
	if err != nil {
		return nil, err
	}
	pipe := l.client.Pipeline()
	minutes := make([]*redis.MapStringStringCmd, len(holds))
	others := make([]*redis.SliceCmd, len(holds))
	for i, h := range holds {
		c := h.Counter()
		name := field(c)
		key := l.scopeKey(h.Scope, c.Window)
		if h.Window.Kind == policy.WindowMinute {
			minutes[i] = pipe.HGetAll(ctx, key)
		} else {
			others[i] = pipe.HMGet(ctx, key, name+":u", name+":h")
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	out := make([]policy.Balance, len(holds))
	for i, h := range holds {
		if minutes[i] != nil {
			name := field(h.Counter())
			out[i] = minuteBalance(minutes[i].Val(), name, now, h)
			continue
		}
		v := others[i].Val()
		out[i] = policy.Balance{Used: number(v[0]), Held: number(v[1])}
	}
	return out, nil
}

// minuteBalance sums the sub-windows that still count.
func minuteBalance(all map[string]string, name string, now time.Time, h policy.Hold) policy.Balance {
	var b policy.Balance
	var first int64
	for id := all[name+":o"]; id != "" && id != "0"; {
		var from, to int64
		var next string
		if _, err := fmt.Sscan(all[name+":"+id+"i"], &from, &to, &next); err != nil {
			break
		}
		if now.UnixMicro() < to+time.Minute.Microseconds() {
			b.Used += number(all[name+":"+id])
			if first == 0 {
				first = to
			}
		}
		id = next
	}
	if b.Used >= h.Limit && first != 0 {
		b.RetryIn = time.UnixMicro(first).Add(time.Minute).Sub(now)
	}
	return b
}

// Each implements policy.Inspector.
func (l *Ledger) Each(ctx context.Context, f func(policy.Standing) bool) error {
	now, err := l.time(ctx)
	if err != nil {
		return err
	}
	return l.hashes(ctx, func(scope policy.Scope, all map[string]string) bool {
		for name, c := range counters(scope, all) {
			s := policy.Standing{Counter: c, Used: number(all[name+":u"]), Held: number(all[name+":h"])}
			if c.Window == policy.Minute.Name() {
				s.Used = minuteBalance(all, name, now, policy.Hold{}).Used
			}
			if !f(s) {
				return false
			}
		}
		return true
	})
}

// hashes reads each scope's hash as it is at one moment, until f returns false.
func (l *Ledger) hashes(ctx context.Context, f func(policy.Scope, map[string]string) bool) error {
	node, err := l.node(ctx)
	if err != nil {
		return err
	}
	for _, part := range []string{"c", "m"} {
		prefix := l.key(part) + ":"
		// A scan may tell a key twice. Of a million keys only hashes are remembered: two
		// that are alike, one chance in ten million, would hide a scope until the next scan.
		seen, seed := map[uint64]struct{}{}, maphash.MakeSeed()
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			var keys []string
			if keys, cursor, err = node.Scan(ctx, cursor, pattern(prefix), trip).Result(); err != nil {
				return err
			}
			keys = slices.DeleteFunc(keys, func(key string) bool {
				h := maphash.String(seed, key)
				_, twice := seen[h]
				seen[h] = struct{}{}
				return twice
			})
			on, err := l.read(ctx, prefix, keys, f)
			if err != nil || !on {
				return err
			}
		}
	}
	return nil
}

// read tells f of some scopes' hashes, which come on one trip.
func (l *Ledger) read(ctx context.Context, prefix string, keys []string, f func(policy.Scope, map[string]string) bool) (on bool, err error) {
	if len(keys) == 0 {
		return true, nil
	}
	pipe := l.client.Pipeline()
	got := make([]*redis.MapStringStringCmd, len(keys))
	for i, key := range keys {
		got[i] = pipe.HGetAll(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return false, err
	}
	for i, key := range keys {
		scope, ok := policy.ParseScope(strings.TrimPrefix(key, prefix))
		if ok && !f(scope, got[i].Val()) {
			return false, nil
		}
	}
	return true, nil
}

func pattern(prefix string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(prefix) + "*"
}

// node is where to scan: one slot means that the whole ledger is on one of a cluster's nodes.
func (l *Ledger) node(ctx context.Context) (redis.Cmdable, error) {
	if c, ok := l.client.(*redis.ClusterClient); ok {
		return c.MasterForKey(ctx, l.key("c")+":")
	}
	return l.client, nil
}

func (l *Ledger) scan(ctx context.Context, prefix string) *redis.ScanIterator {
	node, err := l.node(ctx)
	if err != nil {
		node = l.client
	}
	return node.Scan(ctx, 0, pattern(prefix), trip).Iterator()
}
