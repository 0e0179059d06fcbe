package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Connect makes a client for a URL, without connecting:
//
//	redis://user:password@host:6379/0     one server; rediss:// with TLS; unix:///path
//	redis+cluster://host:6379?addr=host2:6379       a Cluster; rediss+cluster:// with TLS
//	redis+sentinel://host:26379?master_name=mymaster&addr=host2:26379   Sentinels
//
// Parameters are go-redis's. Timeouts are short unless the URL says otherwise:
// requests wait for the ledger.
func Connect(url string) (redis.UniversalClient, error) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return nil, errors.New("redis url: it has no scheme, as in redis://host:6379")
	}
	switch scheme {
	case "redis", "rediss", "unix":
		o, err := redis.ParseURL(url)
		if err != nil {
			return nil, errURL(err)
		}
		shorten(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		return redis.NewClient(o), nil
	case "redis+cluster", "rediss+cluster":
		o, err := redis.ParseClusterURL(strings.TrimSuffix(scheme, "+cluster") + "://" + rest)
		if err != nil {
			return nil, errURL(err)
		}
		shorten(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		return redis.NewClusterClient(o), nil
	case "redis+sentinel", "rediss+sentinel":
		o, err := redis.ParseFailoverURL(strings.TrimSuffix(scheme, "+sentinel") + "://" + rest)
		if err != nil {
			return nil, errURL(err)
		}
		if o.MasterName == "" {
			return nil, errors.New("redis url: sentinels need ?master_name=")
		}
		shorten(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		return redis.NewFailoverClient(o), nil
	}
	return nil, fmt.Errorf("redis url: scheme %q is none of redis, rediss, unix, redis+cluster, redis+sentinel", scheme)
}

// errURL tells what is wrong without quoting the URL, which holds a password.
func errURL(err error) error {
	var inner interface{ Unwrap() error }
	if errors.As(err, &inner) && inner.Unwrap() != nil {
		return fmt.Errorf("redis url: %w", inner.Unwrap())
	}
	return errors.New("redis url: it cannot be read")
}

func shorten(dial, read, write *time.Duration) {
	for _, d := range []struct {
		value   *time.Duration
		defined time.Duration
	}{{dial, 500 * time.Millisecond}, {read, time.Second}, {write, time.Second}} {
		if *d.value == 0 {
			*d.value = d.defined
		}
	}
}

// Check refuses a server that may throw counters away: its memory policy must be
// noeviction, or it must have no memory limit. Where an ACL hides the
// configuration it returns a warning instead.
func Check(ctx context.Context, c redis.UniversalClient) (warning string, err error) {
	got, err := c.ConfigGet(ctx, "maxmemory*").Result()
	if err != nil {
		if redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "ERR unknown") {
			return "redis hides its configuration: see to it that maxmemory-policy is noeviction", nil
		}
		return "", err
	}
	if policy, limit := got["maxmemory-policy"], got["maxmemory"]; policy != "noeviction" && limit != "0" {
		return "", fmt.Errorf("redis evicts keys (maxmemory-policy %s): it would forget what was spent. Set maxmemory-policy noeviction", policy)
	}
	return "", nil
}
