package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

// DrainConfig of a Drain. Client and Sink are required.
type DrainConfig struct {
	Client   redis.UniversalClient
	Prefix   string                                      // as the Ledger's
	Consumer string                                      // this replica's name, unlike any other's
	Sink     func(context.Context, []policy.Entry) error // writes a batch, idempotently
	Batch    int64                                       // entries at once; default 5000
	Idle     time.Duration                               // after which another consumer's unfinished batch is taken over; default 10 s
	Log      *slog.Logger
}

// Drain moves the journal from Redis to the tables. Replicas share the work as one
// consumer group; an entry leaves Redis only after its batch was committed.
type Drain struct {
	cfg    DrainConfig
	stream string
}

const group = "tables"

// Rejection is the error of a sink that wrote a batch but for entries it can
// never hold.
type Rejection interface {
	error
	RejectedEntries() []policy.Entry
}

// PutAside wraps a sink: what it rejects for good goes to the stream
// <prefix>:journal:rejected, for people to look at, and does not hold up the rest.
func PutAside(c redis.UniversalClient, sink func(context.Context, []policy.Entry) error, log *slog.Logger) func(context.Context, []policy.Entry) error {
	return func(ctx context.Context, entries []policy.Entry) error {
		err := sink(ctx, entries)
		var rejection Rejection
		if !errors.As(err, &rejection) {
			return err
		}
		for _, e := range rejection.RejectedEntries() {
			text, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if err := c.XAdd(ctx, &redis.XAddArgs{Stream: "{purser}:journal:rejected", Values: []any{"e", text}}).Err(); err != nil {
				return err
			}
			log.Error("a journal entry cannot be stored and was put aside", "call_id", e.CallID, "err", rejection)
		}
		return nil
	}
}

// NewDrain makes a Drain.
func NewDrain(cfg DrainConfig) *Drain {
	cfg.Prefix = cmp.Or(cfg.Prefix, "{purser}")
	cfg.Batch = cmp.Or(cfg.Batch, 5000)
	cfg.Idle = cmp.Or(cfg.Idle, 10*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Drain{cfg: cfg, stream: cfg.Prefix + ":journal"}
}

// Run drains until ctx ends.
func (d *Drain) Run(ctx context.Context) {
	wait := 50 * time.Millisecond
	own := true // first what this consumer had read before it last stopped
	for ctx.Err() == nil {
		moved, err := d.once(ctx, own)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				d.cfg.Log.Warn("the journal cannot be drained; it waits in Redis", "err", err)
			}
			own = true // what was read and not written is pending
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			wait = min(2*wait, 2*time.Second)
		case moved == 0 && own:
			own = false
		default:
			wait = 50 * time.Millisecond
		}
	}
}

// once moves one batch: our own pending one, a dead consumer's, or the next.
func (d *Drain) once(ctx context.Context, own bool) (int, error) {
	if own {
		if err := d.ensure(ctx); err != nil {
			return 0, err
		}
		messages, _, err := d.cfg.Client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: d.stream, Group: group, Consumer: d.cfg.Consumer, MinIdle: d.cfg.Idle, Start: "0-0", Count: d.cfg.Batch,
		}).Result()
		if err != nil {
			return 0, err
		}
		if len(messages) > 0 {
			return len(messages), d.write(ctx, messages)
		}
	}
	from := ">"
	if own {
		from = "0"
	}
	streams, err := d.cfg.Client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: d.cfg.Consumer, Streams: []string{d.stream, from}, Count: d.cfg.Batch, Block: 500 * time.Millisecond,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return d.claim(ctx)
	}
	if err != nil {
		if strings.HasPrefix(err.Error(), "NOGROUP") {
			return 0, d.ensure(ctx) // Redis lost its memory
		}
		return 0, err
	}
	n := 0
	for _, s := range streams {
		n += len(s.Messages)
		if err := d.write(ctx, s.Messages); err != nil {
			return n, err
		}
	}
	return n, nil
}

// claim takes over what a dead consumer left, when there is nothing else to do.
func (d *Drain) claim(ctx context.Context) (int, error) {
	messages, _, err := d.cfg.Client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
		Stream: d.stream, Group: group, Consumer: d.cfg.Consumer, MinIdle: d.cfg.Idle, Start: "0-0", Count: d.cfg.Batch,
	}).Result()
	if err != nil || len(messages) == 0 {
		return 0, err
	}
	return len(messages), d.write(ctx, messages)
}

func (d *Drain) ensure(ctx context.Context) error {
	err := d.cfg.Client.XGroupCreateMkStream(ctx, d.stream, group, "0").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// write commits a batch and only then takes it off the stream.
func (d *Drain) write(ctx context.Context, messages []redis.XMessage) error {
	if len(messages) == 0 {
		return nil
	}
	entries := make([]policy.Entry, 0, len(messages))
	ids := make([]string, 0, len(messages))
	for _, m := range messages {
		ids = append(ids, m.ID)
		var e policy.Entry
		text, _ := m.Values["e"].(string)
		if text == "" {
			continue // removed from the stream while it was pending: it is in the tables
		}
		if err := readEntry(text, &e); err != nil {
			d.cfg.Log.Error("a journal entry cannot be read and is left out", "id", m.ID, "err", err)
			continue
		}
		entries = append(entries, e)
	}
	if err := d.cfg.Sink(ctx, entries); err != nil {
		return err
	}
	pipe := d.cfg.Client.Pipeline()
	pipe.XAck(ctx, d.stream, group, ids...)
	pipe.XDel(ctx, d.stream, ids...)
	_, err := pipe.Exec(ctx)
	return err
}

// Lag is how many entries wait in Redis.
func (d *Drain) Lag(ctx context.Context) (int64, error) {
	return d.cfg.Client.XLen(ctx, d.stream).Result()
}

// Flushed waits until the stream is empty of what it holds now.
func (d *Drain) Flushed(ctx context.Context) error {
	last, err := d.cfg.Client.XRevRangeN(ctx, d.stream, "+", "-", 1).Result()
	if err != nil || len(last) == 0 {
		return err
	}
	for {
		left, err := d.cfg.Client.XRangeN(ctx, d.stream, "-", last[0].ID, 1).Result()
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
