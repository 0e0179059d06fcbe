// Package redistest starts a real redis-server for the tests of a package, once,
// and gives each test a prefix of its own in it.
package redistest

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
)

var (
	address string
	tests   atomic.Int64
)

// Main runs a package's tests with a redis-server, that of TEST_REDIS_ADDR or one
// of its own. Without either the tests fail: they never skip.
func Main(m *testing.M) {
	os.Exit(func() int {
		if address = os.Getenv("TEST_REDIS_ADDR"); address != "" {
			return m.Run()
		}
		s, err := Start("", nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, "redistest:", err)
			return 1
		}
		defer s.Stop()
		address = s.Addr
		return m.Run()
	}())
}

// Client connects to the package's server, and names a prefix no other test has.
func Client(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	if address == "" {
		t.Fatal("redistest.Main is not this package's TestMain")
	}
	c := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = c.Close() })
	return c, Prefix()
}

// Address is the package's server's.
func Address() string { return address }

// Prefix is one that no other test has.
func Prefix() string { return fmt.Sprintf("{test%d}", tests.Add(1)) }

// Pull reads the whole journal stream.
func Pull(t testing.TB, c redis.UniversalClient, prefix string) func() []policy.Entry {
	return func() []policy.Entry {
		t.Helper()
		messages, err := c.XRange(context.Background(), prefix+":journal", "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		var out []policy.Entry
		for _, m := range messages {
			var e policy.Entry
			if err := codec.ReadEntry(m.Values["e"].(string), &e); err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
		return out
	}
}
