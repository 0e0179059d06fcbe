package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// leaseTTL is how long after its holder's death others wait before they seed. A live
// holder renews it, however long the seeding takes.
const leaseTTL = 1500 * time.Millisecond

// errLeaseLost ends a seeding whose lease another may hold by now.
var errLeaseLost = errors.New("the lease for seeding was lost")

// lease is the right to seed, of one attempt.
type lease struct {
	client redis.UniversalClient
	key    string
	token  string // of this attempt alone: a replica that starts again is another holder
}

var (
	// Each does something only while the lease is ours.
	leaseReleaseScript = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)
	leaseRenewScript   = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`)
	epochScript        = redis.NewScript(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('SET', KEYS[2], ARGV[2]) return 1`)
)

// takeLease returns nil where another holds it.
func (l *Ledger) takeLease(ctx context.Context, owner string) (*lease, error) {
	s := &lease{client: l.client, key: l.key("seeding"), token: owner + " " + rand.Text()}
	got, err := l.client.SetNX(ctx, s.key, s.token, leaseTTL).Result()
	if err == nil && !got { // its own answer may have been lost, and it was sent again
		var holder string
		if holder, err = l.client.Get(ctx, s.key).Result(); errors.Is(err, redis.Nil) {
			err = nil
		}
		got = holder == s.token
	}
	if err != nil || !got {
		return nil, err
	}
	return s, nil
}

// keep renews the lease until stop is called; the context ends when it is lost.
func (s *lease) keep(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(leaseTTL / 4)
		defer tick.Stop()
		renewed := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			bounded, done := context.WithTimeout(ctx, leaseTTL/4)
			n, err := leaseRenewScript.Run(bounded, s.client, []string{s.key}, s.token, leaseTTL.Milliseconds()).Int()
			done()
			switch {
			case err == nil && n == 1:
				renewed = time.Now()
			case err == nil || time.Since(renewed) > leaseTTL:
				cancel(errLeaseLost)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

func (s *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = leaseReleaseScript.Run(ctx, s.client, []string{s.key}, s.token).Err()
}
