package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what stands behind Envoy.
type kind string

const (
	alone  kind = "alone"  // nothing
	noop   kind = "noop"   // an ext_proc server that decides nothing
	local  kind = "memory" // Purser, counting in its own memory
	plain  kind = "plain"  // the same with gRPC's own codec in place of Purser's
	choice kind = "models" // Purser in memory, with many models, each served at two places
	shared kind = "redis"  // Purser, counting in Redis
)

// variant is one thing that is compared.
type variant struct {
	kind   kind
	scopes int // with limits; of a no-op: of the Purser whose messages it repeats
	models int // that there are; 0 is one
	envoy  *proxy
	server *process // nil of alone
	redis  *process // nil but of shared
	sent   int64    // requests that reached the server
}

func (v *variant) name() string {
	switch v.kind {
	case alone:
		return "Envoy alone"
	case noop:
		return fmt.Sprintf("no-op, messages of %s", scopes(v.scopes))
	case local:
		return fmt.Sprintf("Purser, memory, %s", scopes(v.scopes))
	case choice:
		return fmt.Sprintf("Purser, %d models, %s", v.models, scopes(v.scopes))
	case plain:
		return fmt.Sprintf("Purser, gRPC's codec, %s", scopes(v.scopes))
	}
	return fmt.Sprintf("Purser, Redis, %s", scopes(v.scopes))
}

// purser reports whether it is a Purser.
func (v *variant) purser() bool {
	return v.kind == local || v.kind == plain || v.kind == choice || v.kind == shared
}

func scopes(n int) string {
	if n == 1 {
		return "1 scope"
	}
	return strconv.Itoa(n) + " scopes"
}

// bed is everything that runs during a bench.
type bed struct {
	opts     Options
	dir      string
	upstream *process
	redis    *process // nil where there is no redis-server
	variants []*variant
	running  []interface{ stop() }
}

// setUp starts everything. What was started before an error is stopped by stop.
func (b *bed) setUp(ctx context.Context) (err error) {
	if b.upstream, err = b.part("provider", "upstream"); err != nil {
		return err
	}
	if b.opts.Redis != "" {
		if b.redis, err = startRedis(ctx, b.opts.Redis, b.dir); err != nil {
			return err
		}
		b.running = append(b.running, b.redis)
	}
	if err := b.add(ctx, &variant{kind: alone}); err != nil {
		return err
	}
	for _, n := range b.opts.Scopes {
		if err := b.addScopes(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// addScopes adds the variants of one number of scopes. The no-op learns from the Purser that counts in memory, whose
// messages are those of the one with Redis.
func (b *bed) addScopes(ctx context.Context, n int) error {
	args := []string{"purser", "--upstream", b.upstream.addr, "--scopes", strconv.Itoa(n)}
	pursers := []*variant{{kind: local, scopes: n}}
	if b.redis != nil {
		pursers = append(pursers, &variant{kind: shared, scopes: n, redis: b.redis})
	}
	if b.opts.Models > 1 && n == b.middle() {
		pursers = append(pursers, &variant{kind: choice, scopes: n, models: b.opts.Models})
	}
	if b.opts.Codecs {
		pursers = append(pursers, &variant{kind: plain, scopes: n})
	}
	for _, v := range pursers {
		own := append(args, "--dir", filepath.Join(b.dir, fmt.Sprintf("spool-%s-%d", v.kind, n)))
		switch v.kind {
		case shared:
			own = append(own, "--redis", b.redis.addr)
		case plain:
			own = append(own, "--codec", "plain")
		case choice:
			own = append(own, "--models", strconv.Itoa(v.models))
		}
		var err error
		if v.server, err = b.part(v.name(), own...); err != nil {
			return err
		}
	}
	teacher := pursers[0]
	server, err := b.part("no-op", "noop", "--teacher", teacher.server.addr)
	if err != nil {
		return err
	}
	if err := b.add(ctx, &variant{kind: noop, scopes: n, server: server}); err != nil {
		return err
	}
	for _, v := range pursers {
		if err := b.add(ctx, v); err != nil {
			return err
		}
	}
	teacher.sent += 2 // the two that the no-op learnt from
	return nil
}

// add puts an Envoy before a variant's server, and sends one call of each kind through both.
func (b *bed) add(ctx context.Context, v *variant) error {
	extproc := ""
	if v.server != nil {
		extproc = v.server.addr
	}
	var err error
	if v.envoy, err = startEnvoy(ctx, b.opts.Envoy, b.dir, fmt.Sprintf("%s-%d", v.kind, v.scopes), b.accessLog(v), b.upstream.addr, extproc, v.models); err != nil {
		return err
	}
	b.running = append(b.running, v.envoy)
	b.variants = append(b.variants, v)
	for _, q := range []query{jsonQuery, streamQuery} {
		l, err := newLoader(ctx, v.envoy.address, benchKey, v.expects(q), 1)
		if err != nil {
			return err
		}
		// Until Envoy has seen that its server is well, it answers 503 by itself.
		err = v.envoy.poll(ctx, func() error {
			_, err := l.run(ctx, 1, 10*time.Second)
			return err
		})
		l.close()
		if err != nil {
			return fmt.Errorf("%s: %w", v.name(), err)
		}
		v.sent++
	}
	return nil
}

// expects adds to a query what tells that a reply has been through the variant: the cost of a JSON reply is there only if
// Purser read its usage, and of a no-op only if it repeats that.
func (v *variant) expects(q query) query {
	switch {
	case v.kind == alone:
	case q.stream:
		q.carries = "x-litellm-call-id"
	default:
		q.carries = "x-litellm-response-cost"
	}
	return q
}

func (b *bed) part(name string, args ...string) (*process, error) {
	p, err := startPart(b.opts.Self, name, args...)
	if err == nil {
		b.running = append(b.running, p)
	}
	return p, err
}

// check asks every Purser whether each request it served is in its journal.
func (b *bed) check() error {
	for _, v := range b.variants {
		if !v.purser() {
			continue
		}
		a, err := v.server.ask("settled")
		if err != nil {
			return err
		}
		if a.Settled != v.sent {
			return fmt.Errorf("%s: %d requests were served, %d are in the journal", v.name(), v.sent, a.Settled)
		}
	}
	return nil
}

// logged is what the variant's Envoy says of the last call that failed, after stopping it.
func (b *bed) logged(v *variant) string {
	v.envoy.stop() // which writes out its log
	text, err := os.ReadFile(b.accessLog(v))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range slices.Backward(lines) {
		if !strings.Contains(line, `"status":200`) {
			return "\n" + line
		}
	}
	return ""
}

func (b *bed) accessLog(v *variant) string {
	return filepath.Join(b.dir, fmt.Sprintf("%s-%d.access.log", v.kind, v.scopes))
}

func (b *bed) stop() {
	for i := len(b.running) - 1; i >= 0; i-- { // Envoys before their servers
		b.running[i].stop()
	}
}
