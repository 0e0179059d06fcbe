package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Believed reports whether the counters are to be believed.
func (l *Ledger) Believed(ctx context.Context) (bool, error) {
	n, err := l.client.Exists(ctx, l.key("epoch")).Result()
	return n == 1, err
}

// Identity tells one life of Redis's memory from the next: it changes when the
// process is started again, another takes its place, or the counters are seeded anew.
func (l *Ledger) Identity(ctx context.Context) (string, error) {
	epoch, err := l.client.Get(ctx, l.key("epoch")).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", err
	}
	var info string
	if c, ok := l.client.(*redis.ClusterClient); ok {
		node, err := c.MasterForKey(ctx, l.key("epoch"))
		if err != nil {
			return "", err
		}
		info, err = node.Info(ctx, "server").Result()
		if err != nil {
			return epoch, nil // hidden by an ACL: the epoch has to do
		}
	} else if info, err = l.client.Info(ctx, "server").Result(); err != nil {
		if redis.HasErrorPrefix(err, "NOPERM") {
			return epoch, nil
		}
		return "", err
	}
	_, after, _ := strings.Cut(info, "run_id:")
	id, _, _ := strings.Cut(after, "\r\n")
	return epoch + " " + id, nil
}

// Restore makes an empty or mistrusted Redis the ledger again: one replica, however
// many race, forgets what counters there are, has seed complete them from the tables,
// and declares a new epoch. It tells whether the counters are to be believed now;
// false is that another replica is at it. One that dies at it is followed by another
// after leaseTTL.
func (l *Ledger) Restore(ctx context.Context, owner string, seed func(context.Context) error) (bool, error) {
	ok, err := l.Believed(ctx)
	if ok || err != nil {
		return ok, err
	}
	lease, err := l.takeLease(ctx, owner)
	if err != nil || lease == nil {
		return false, err
	}
	defer lease.release(ctx)
	if ok, err := l.Believed(ctx); ok || err != nil {
		return ok, err // whoever held the lease before finished
	}
	ctx, stop := lease.keep(ctx)
	defer stop()
	for _, part := range []string{"c", "m", "r"} {
		if err := l.forget(ctx, l.key(part)+":"); err != nil {
			return false, fmt.Errorf("forget old counters: %w", err)
		}
	}
	if err := l.client.Del(ctx, l.key("expiry")).Err(); err != nil {
		return false, err
	}
	if err := seed(ctx); err != nil {
		return false, fmt.Errorf("seed: %w", err)
	}
	now, err := l.time(ctx)
	if err != nil {
		return false, err
	}
	n, err := epochScript.Run(ctx, l.client, []string{lease.key, l.key("epoch")}, lease.token, now.UnixMicro()).Int()
	if err == nil && n == 0 {
		err = errLeaseLost
	}
	return err == nil, err
}

func (l *Ledger) forget(ctx context.Context, prefix string) error {
	iter := l.scan(ctx, prefix)
	var batch []string
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := l.client.Unlink(ctx, batch...).Err()
		batch = batch[:0]
		return err
	}
	for iter.Next(ctx) {
		if batch = append(batch, iter.Val()); len(batch) == 500 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := iter.Err(); err != nil {
		return err
	}
	return flush()
}
