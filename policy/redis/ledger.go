package redis

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

//go:embed reserve.lua
var reserveText string

//go:embed settle.lua
var settleText string

//go:embed release.lua
var releaseText string

var (
	reserveScript = redis.NewScript(reserveText)
	settleScript  = redis.NewScript(settleText)
	releaseScript = redis.NewScript(releaseText)
	timeScript    = redis.NewScript(`return redis.call('TIME')`)
)

// ErrNoEpoch says that the counters are not to be believed: Redis is new, or lost
// its memory, and nobody has seeded it yet.
var ErrNoEpoch = errors.New("redis holds no ledger yet")

// tombstoneLife is how long a settled id is remembered.
const tombstoneLife = 24 * time.Hour

// Config of a Ledger.
type Config struct {
	Client redis.UniversalClient // required; who makes it closes it
	Prefix string                // of every key, with a hash tag; default "{purser}"
	Clock  func() time.Time      // for tests; nil is Redis's own clock
}

// Ledger counts in Redis.
type Ledger struct {
	client redis.UniversalClient
	prefix string
	clock  func() time.Time
	tries  atomic.Int64 // the number of the last attempt to reserve

	epoch, expiry, journal any // keys
}

// New makes a Ledger. It does not connect.
func New(cfg Config) *Ledger {
	l := &Ledger{client: cfg.Client, prefix: cmp.Or(cfg.Prefix, "{purser}"), clock: cfg.Clock}
	l.epoch, l.expiry, l.journal = l.key("epoch"), l.key("expiry"), l.key("journal")
	l.tries.Store(firstNumber())
	return l
}

func (l *Ledger) key(parts ...string) string { return l.prefix + ":" + strings.Join(parts, ":") }

// scopeKey is the hash a hold is counted in.
func (l *Ledger) scopeKey(scope policy.Scope, window string) string {
	part := "c"
	if window == policy.Minute.Name() {
		part = "m"
	}
	return l.key(part, scope.String())
}

// field is a counter's name within its hash.
func field(c policy.Counter) string { return string(appendField(nil, c)) }

func appendField(b []byte, c policy.Counter) []byte {
	b = append(append(append(b, c.Kind.String()...), '|'), c.Window...)
	b = strconv.AppendInt(append(b, '|'), c.Start, 10)
	return append(append(b, '|'), c.Model...)
}

var windowCodes = [...]string{
	policy.WindowMinute: "m", policy.WindowLive: "v", policy.WindowCalendar: "c", policy.WindowLifetime: "f",
}

// now is the argument that stands for the time: empty for Redis's own.
func (l *Ledger) now(at time.Time) string {
	if at.IsZero() && l.clock != nil {
		at = l.clock()
	}
	if at.IsZero() {
		return ""
	}
	return strconv.FormatInt(at.UnixMicro(), 10)
}

// Reserve implements policy.Ledger.
func (l *Ledger) Reserve(ctx context.Context, ask policy.Ask) (policy.Outcome, error) {
	args := make([]any, 3, 24+len(ask.Holds))
	args = append(args, l.epoch, l.key("r", ask.ID), l.key("t", ask.ID), l.expiry)
	args, holds := l.packHolds(args, ask.Holds)
	args[2] = len(args) - 3
	first := len(args) + 7
	args = append(args, l.now(ask.At), cmp.Or(ask.TTL, 30*time.Second).Milliseconds(), ask.Want, ask.Usual, ask.Least, ask.ID, writeDraft(ask.Draft), nil, nil, holds)
	reply, err := l.reserve(ctx, args, first, first+1)
	if err != nil {
		return policy.Outcome{}, err
	}
	return readOutcome(reply, ask)
}

func readOutcome(reply []any, ask policy.Ask) (policy.Outcome, error) {
	if len(reply) == 1 {
		if reply[0] == "epoch" {
			return policy.Outcome{}, ErrNoEpoch
		}
		return policy.Outcome{}, fmt.Errorf("reservation %q: %w", ask.ID, policy.ErrConflict)
	}
	if len(reply) < 5 {
		return policy.Outcome{}, fmt.Errorf("reserve: an answer of %d parts", len(reply))
	}
	out := policy.Outcome{At: time.UnixMicro(number(reply[1])), Balances: make([]policy.Balance, len(ask.Holds))}
	used, _ := reply[2].([]any)
	held, _ := reply[3].([]any)
	for i := range out.Balances {
		if i < len(used) && i < len(held) {
			out.Balances[i] = policy.Balance{Used: number(used[i]), Held: number(held[i])}
		}
	}
	if reply[0] == "granted" {
		out.Granted = true
		out.Output = number(reply[4])
		out.Lowered = out.Output < ask.Want
		return out, nil
	}
	failed, _ := reply[4].([]any)
	waits, _ := reply[5].([]any)
	for _, f := range failed {
		i := int(number(f))
		if i < 0 || i >= len(ask.Holds) {
			continue
		}
		out.Failed = append(out.Failed, i)
		b := &out.Balances[i]
		switch ask.Holds[i].Window.Kind {
		case policy.WindowMinute:
			b.RetryIn = time.Duration(number(waits[i])) * time.Microsecond
		case policy.WindowLive:
			b.RetryIn = time.Second
		case policy.WindowCalendar:
			b.RetryIn = ask.Holds[i].End.Sub(out.At)
		}
	}
	return out, nil
}

func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			f, _ := strconv.ParseFloat(v, 64)
			return int64(max(min(f, math.MaxInt64/2), math.MinInt64/2))
		}
		return n
	}
	return 0
}

// Settle implements policy.Ledger.
func (l *Ledger) Settle(ctx context.Context, s policy.Settlement) error {
	_, err := l.settle(ctx, s, false)
	return err
}

func (l *Ledger) settle(ctx context.Context, s policy.Settlement, reap bool) (string, error) {
	flag := func(on bool) int {
		if on {
			return 1
		}
		return 0
	}
	args := make([]any, 3, 3+5+6+len(policy.Kinds))
	args[2] = 5
	args = append(args, l.epoch, l.key("r", s.ID), l.key("t", s.ID), l.expiry, l.journal,
		l.now(time.Time{}), s.ID, writeEntry(&s.Entry), flag(s.Entry.Usage.Source == policy.UsageEstimated), int64(tombstoneLife/time.Second), flag(reap))
	for k := range policy.Kinds {
		args = append(args, policy.ActualOf(policy.Kind(k), s.Entry.Usage, s.Entry.Cost))
	}
	// Sent again by the client where its answer is lost: the second time it changes nothing.
	return run(ctx, l.client, settleScript, settleText, args, true).Text()
}

// Renew implements policy.Ledger.
func (l *Ledger) Renew(ctx context.Context, ttl time.Duration, ids ...string) error {
	now, err := l.time(ctx)
	if err != nil {
		return err
	}
	until := float64(now.Add(ttl).UnixMilli())
	for len(ids) > 0 {
		batch := ids[:min(len(ids), 1000)]
		ids = ids[len(batch):]
		members := make([]redis.Z, len(batch))
		for i, id := range batch {
			members[i] = redis.Z{Score: until, Member: id}
		}
		if err := l.client.ZAddArgs(ctx, l.key("expiry"), redis.ZAddArgs{XX: true, GT: true, Members: members}).Err(); err != nil {
			return err
		}
	}
	return nil
}

// time is that of the server which counts.
func (l *Ledger) time(ctx context.Context) (time.Time, error) {
	if l.clock != nil {
		return l.clock(), nil
	}
	if _, ok := l.client.(*redis.ClusterClient); !ok {
		return l.client.Time(ctx).Result()
	}
	// A command without a key would be answered by any node of a Cluster.
	v, err := timeScript.Run(ctx, l.client, []string{l.key("epoch")}).Slice()
	if err != nil || len(v) != 2 {
		return time.Time{}, fmt.Errorf("time: %w", err)
	}
	return time.Unix(number(v[0]), 1000*number(v[1])), nil
}

// releasedLife is how long a released id is remembered: longer than any call that
// would still reserve it can be on its way. TCP tries for a quarter of an hour.
const releasedLife = time.Hour

// Release implements policy.Releaser.
func (l *Ledger) Release(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		keys := []string{l.key("epoch"), l.key("r", id), l.key("t", id), l.key("expiry")}
		if err := releaseScript.Run(ctx, l.client, keys, id, int64(releasedLife/time.Second)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// reapBatch bounds what one Reap settles.
const reapBatch = 1000

// Reap settles at their holds the reservations nobody renewed, whichever replica
// made them, and tells how many.
func (l *Ledger) Reap(ctx context.Context) (int, error) {
	now, err := l.time(ctx)
	if err != nil {
		return 0, err
	}
	ids, err := l.client.ZRangeByScore(ctx, l.key("expiry"), &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: reapBatch,
	}).Result()
	if err != nil {
		return 0, err
	}
	reaped := 0
	for _, id := range ids {
		r, err := l.client.HMGet(ctx, l.key("r", id), "at", "out", "draft").Result()
		if err != nil {
			return reaped, err
		}
		text, _ := r[2].(string)
		d, err := readDraft(text)
		e := d.Estimated(time.UnixMicro(number(r[0])), number(r[1]), now)
		if err != nil { // its holds come back all the same, and its row says why it has no more in it
			e = policy.Entry{Type: policy.EntryRequest, Status: e.Status, Error: "what was asked cannot be read: " + err.Error(), Usage: policy.Usage{Source: policy.UsageEstimated}, ReservedAt: e.ReservedAt, EndedAt: now}
		}
		e.CallID = cmp.Or(e.CallID, id)
		what, err := l.settle(ctx, policy.Settlement{ID: id, Entry: e}, true)
		if err != nil {
			return reaped, err
		}
		if what == "settled" {
			reaped++
		}
	}
	return reaped, nil
}
