package boot

import (
	"strings"
	"testing"
	"time"
)

func TestCheckSaysWhichSettingIsWrongAndWhatItMayBe(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(*Check)
		want  string // "": nothing is wrong
	}{
		{"a word among those there are", func(c *Check) { c.OneOf("ABANDONED", "hold", "free", "input", "hold") }, ""},
		{"another word", func(c *Check) { c.OneOf("ABANDONED", "fre", "free", "input", "hold") }, `ABANDONED="fre": it is free, input or hold`},
		{"a number at the bound", func(c *Check) { Within(c, "TRUSTED_HOPS", 0, 0, 64) }, ""},
		{"a number below it", func(c *Check) { Within(c, "TRUSTED_HOPS", -1, 0, 64) }, `TRUSTED_HOPS="-1": it is from 0 to 64`},
		{"a number above it", func(c *Check) { Within(c, "BUDGET_EXCEEDED_STATUS", 9999, 400, 599) }, `BUDGET_EXCEEDED_STATUS="9999"`},
		{"no time at all", func(c *Check) { c.NotNegative("DRAIN_DELAY", 0) }, ""},
		{"less than that", func(c *Check) { c.NotNegative("DRAIN_DELAY", -time.Second) }, `DRAIN_DELAY="-1s": it is not negative`},
		{"nothing, where there must be something", func(c *Check) { c.Positive("SESSION_DURATION", 0) }, `SESSION_DURATION="0s"`},
		{"an address", func(c *Check) { c.Address("LISTEN_ADDR", "[::1]:9001") }, ""},
		{"every address", func(c *Check) { c.Address("LISTEN_ADDR", ":9001") }, ""},
		{"none", func(c *Check) { c.Address("METRICS_ADDR", "") }, ""},
		{"a host alone", func(c *Check) { c.Address("LISTEN_ADDR", "localhost") }, `LISTEN_ADDR="localhost": it is host:port`},
		{"a port that is none", func(c *Check) { c.Address("LISTEN_ADDR", "localhost:99999") }, `LISTEN_ADDR="localhost:99999"`},
		{"two URLs", func(c *Check) { c.URLs("EXTPROC_URL", "http://a:9003, https://b/,") }, ""},
		{"a URL without its scheme", func(c *Check) { c.URLs("EXTPROC_URL", "http://a:9003,b:9003") }, `EXTPROC_URL="http://a:9003,b:9003"`},
		{"all that is wrong at once", func(c *Check) { c.Positive("A", 0); c.Positive("B", 0) }, "\nB="},
	} {
		t.Run(c.name, func(t *testing.T) {
			var check Check
			c.check(&check)
			err := check.Err()
			if c.want == "" && err != nil {
				t.Errorf("%v, want nothing", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
