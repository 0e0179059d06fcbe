package redis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

func TestConnectTellsWhatIsWrongWithoutThePassword(t *testing.T) {
	for name, c := range map[string]struct{ url, says string }{
		"no scheme":           {"localhost:6379", "no scheme"},
		"unknown scheme":      {"http://:hunter2@localhost", "scheme"},
		"sentinel, no master": {"redis+sentinel://:hunter2@localhost:26379", "master_name"},
		"bad database":        {"redis://:hunter2@localhost:6379/x", "redis url"},
		"no such authority":   {"rediss://:hunter2@localhost:6379?tls_ca=/nowhere", "tls_ca"},
		"authority, no TLS":   {"redis://:hunter2@localhost:6379?tls_ca=/nowhere", "rediss://"},
		"certificate, no key": {"rediss+cluster://:hunter2@localhost:6379?tls_cert=/nowhere", "tls_key"},
		"unknown parameter":   {"redis://:hunter2@localhost:6379?tls_cat=/nowhere", "redis url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := redis.Connect(c.url)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
	for _, url := range []string{"redis://localhost", "rediss://u:p@h:1/2", "redis+cluster://a:1?addr=b:2", "redis+sentinel://a:1?master_name=m", "unix:///tmp/r.sock"} {
		c, err := redis.Connect(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		_ = c.Close()
	}
}

func TestCheckRefusesAServerThatEvicts(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		fine bool
	}{
		"no limit":   {nil, true},
		"noeviction": {[]string{"--maxmemory", "100mb"}, true},
		"evicting":   {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := redistest.Start("", c.args)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			client, err := redis.Connect("redis://" + s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := redis.Check(ctx, client); (err == nil) != c.fine {
				t.Errorf("check: %v", err)
			}
		})
	}
}
