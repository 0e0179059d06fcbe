package extproc_test

import (
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy"
)

// TestWhereACallerIs: what x-forwarded-for says is believed as far as Envoy is told to.
func TestWhereACallerIs(t *testing.T) {
	for _, c := range []struct {
		name, forwarded string
		hops            uint32
		want            int
	}{
		{"a client of Envoy's own", "", 0, 403},
		{"one that pretends to be let in", "203.0.113.9", 0, 403},
		{"behind a trusted proxy", "203.0.113.9", 1, 200},
		{"behind a trusted proxy, and pretends", "203.0.113.9, 198.51.100.1", 1, 403},
		{"behind two trusted proxies", "192.0.2.1, 203.0.113.9, 198.51.100.1", 2, 200},
		{"in IPv6", "2001:db8::9", 1, 200},
		{"behind a trusted proxy that does not tell", "", 1, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := rig{
				entities: []policy.Entity{key("sk-here", func(k *policy.Key) { k.AllowedIPs = []string{"203.0.113.9", "2001:db8::/32"} })},
				envoy:    func(cfg *envoy.Config) { cfg.XFFTrustedHops = c.hops },
			}.start(t)
			headers := map[string]string{}
			if c.forwarded != "" {
				headers["x-forwarded-for"] = c.forwarded
			}
			if got := p.send(call{key: "sk-here", headers: headers, body: chat("gpt-4", 1)}); got.StatusCode != c.want {
				t.Errorf("%d, want %d: %s", got.StatusCode, c.want, got.body)
			}
		})
	}
}
