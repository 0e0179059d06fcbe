package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// go-redis writes to stderr what its calls return anyway, past our log and its format.
func init() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Commands are what a ledger's ACL user must be allowed, with the keys of its
// prefix: ACL SETUSER purser on >password ~{purser}:* followed by these.
const Commands = "+ping +hello +select +info +cluster|slots +cluster|nodes +command " +
	"+eval +evalsha +script|load +time +scan +exists +del +unlink +get +set +setnx +pexpire " +
	"+hget +hmget +hgetall +hset +hsetnx +hincrby +hdel +hexists +zadd +zrem +zscore +zrange +zrangebyscore " +
	"+xadd +xlen +xrange +xrevrange +xack +xdel +xgroup|create +xreadgroup +xautoclaim"

// Connect makes a client for a URL, without connecting:
//
//	redis://user:password@host:6379/0     one server; rediss:// with TLS; unix:///path
//	redis+cluster://host:6379?addr=host2:6379       a Cluster; rediss+cluster:// with TLS
//	redis+sentinel://host:26379?master_name=mymaster&addr=host2:26379   Sentinels; the user in
//	                       front of the host is theirs, &username= and &password= are the server's
//
// Parameters are go-redis's, and tls_ca, tls_cert and tls_key: PEM files with the
// authorities to trust in place of the system's, and with our own certificate.
// Timeouts are short unless the URL says otherwise, and a call's context bounds it:
// requests wait for the ledger.
func Connect(address string) (redis.UniversalClient, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return nil, errors.New("redis url: it has no scheme, as in redis://host:6379")
	}
	rest, files := cutFiles(rest)
	bare, _, _ := strings.Cut(scheme, "+")
	switch scheme {
	case "redis", "rediss", "unix":
		o, err := redis.ParseURL(scheme + "://" + rest)
		if err != nil {
			return nil, errURL(err)
		}
		if err := files.into(o.TLSConfig); err != nil {
			return nil, err
		}
		shorten(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		o.ContextTimeoutEnabled, o.DialerRetries, o.Protocol = true, cmp.Or(o.DialerRetries, 1), cmp.Or(o.Protocol, protocol)
		return redis.NewClient(o), nil
	case "redis+cluster", "rediss+cluster":
		o, err := redis.ParseClusterURL(bare + "://" + rest)
		if err != nil {
			return nil, errURL(err)
		}
		if err := files.into(o.TLSConfig); err != nil {
			return nil, err
		}
		shorten(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		o.ContextTimeoutEnabled, o.DialerRetries, o.Protocol = true, cmp.Or(o.DialerRetries, 1), cmp.Or(o.Protocol, protocol)
		// A dead master only refuses connections: who serves its slots now is learnt by asking.
		o.ClusterStateReloadInterval = time.Second
		return redis.NewClusterClient(o), nil
	case "redis+sentinel", "rediss+sentinel":
		o, err := redis.ParseFailoverURL(bare + "://" + rest)
		if err != nil {
			return nil, errURL(err)
		}
		if o.MasterName == "" {
			return nil, errors.New("redis url: sentinels need ?master_name=")
		}
		if err := files.into(o.TLSConfig); err != nil {
			return nil, err
		}
		shorten(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		o.ContextTimeoutEnabled, o.DialerRetries, o.Protocol = true, cmp.Or(o.DialerRetries, 1), cmp.Or(o.Protocol, protocol)
		return redis.NewFailoverClient(o), nil
	}
	return nil, fmt.Errorf("redis url: scheme %q is none of redis, rediss, unix, redis+cluster, redis+sentinel", scheme)
}

// tlsFiles are the parameters go-redis does not know.
type tlsFiles struct{ ca, cert, key string }

// cutFiles takes them out of a URL. What it cannot read it leaves to go-redis to refuse.
func cutFiles(rest string) (string, tlsFiles) {
	before, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil || query == "" {
		return rest, tlsFiles{}
	}
	f := tlsFiles{values.Get("tls_ca"), values.Get("tls_cert"), values.Get("tls_key")}
	for _, name := range []string{"tls_ca", "tls_cert", "tls_key"} {
		values.Del(name)
	}
	return before + "?" + values.Encode(), f
}

func (f tlsFiles) into(cfg *tls.Config) error {
	if f == (tlsFiles{}) {
		return nil
	}
	if cfg == nil {
		return errors.New("redis url: tls_ca, tls_cert and tls_key need rediss://")
	}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return fmt.Errorf("redis url: tls_ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("redis url: tls_ca: %s holds no certificate", f.ca)
		}
	}
	if f.cert != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return fmt.Errorf("redis url: tls_cert, tls_key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// errURL tells what is wrong without quoting the URL, which holds a password.
func errURL(err error) error {
	var inner interface{ Unwrap() error }
	if errors.As(err, &inner) && inner.Unwrap() != nil {
		return fmt.Errorf("redis url: %w", inner.Unwrap())
	}
	return errors.New("redis url: it cannot be read")
}

// protocol is RESP2: with RESP3 the client looks for messages nobody asked for in front
// of every answer, and we have Redis send none.
const protocol = 2

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
