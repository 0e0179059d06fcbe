package extproc_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
)

// The callers, the provider and the journal must not be able to tell the codecs apart.
func TestBothCodecsServeTheSame(t *testing.T) {
	calls := map[string]call{
		"json":      {key: "sk-caller", body: chat("gpt-4", 30)},
		"stream":    {key: "sk-caller", body: chat("gpt-4", 30, "stream", true)},
		"large":     {key: "sk-caller", body: chat("gpt-4", 30, "user", strings.Repeat("u", 300_000))},
		"refused":   {key: "sk-unknown-0000", body: chat("gpt-4", 1)},
		"malformed": {key: "sk-caller", body: `{"model":`},
		"no body":   {method: "GET", path: "/v1/files", key: "sk-caller"},
	}
	type seen struct {
		status  int
		headers []string
		usage   policy.Usage
		cost    policy.Money
	}
	got := map[bool]map[string]seen{}
	for _, plain := range []bool{false, true} {
		p := start(t, policy.Settings{}, func(c *extproc.Config) { c.PlainCodec = plain }, key("sk-caller", nil))
		got[plain] = map[string]seen{}
		for name, c := range calls {
			before := len(p.journal.Entries())
			r := p.send(c)
			s := seen{status: r.StatusCode, headers: names(r.Header)}
			if entries := p.journal.Entries(); len(entries) > before {
				s.usage, s.cost = entries[before].Usage, entries[before].Cost.Total
			}
			got[plain][name] = s
		}
	}
	for name := range calls {
		ours, grpcs := got[false][name], got[true][name]
		if ours.status != grpcs.status || !slices.Equal(ours.headers, grpcs.headers) || ours.usage != grpcs.usage || ours.cost != grpcs.cost {
			t.Errorf("%s:\nours   %+v\ngRPC's %+v", name, ours, grpcs)
		}
	}
	if s := got[false]["json"]; s.status != 200 || s.cost == 0 {
		t.Errorf("a governed call: %+v", s)
	}
}

// The codec is the whole gRPC server's: Envoy's health checks, of another service
// beside ours, must get through it.
func TestHealthIsServedBesideTheCodec(t *testing.T) {
	start(t, policy.Settings{}, nil).envoy.WaitStat(t, "cluster.purser-extproc.membership_healthy", 1)
}

func names(h http.Header) []string {
	var out []string
	for name := range h {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
