package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/purser/purser/envoy"
)

// Options of a run. The zero value of a field means its default.
type Options struct {
	Self     string // the purser program, whose bench-part the servers are; default: this one
	Envoy    string // default: envoy.FindBinary
	Redis    string // the redis-server program; default: that in PATH; "none", or where there is none: the variants with Redis are left out
	StateDir string // where the result goes, as bench.json; default ".state"
	Version  string // of Purser, for the result

	Scopes   []int         // with limits, at JSON and the larger concurrency; default 1, 3, 9
	Rounds   int           // default 8
	Requests int           // JSON requests of a variant in a round, at Concurrency; default 1500
	Single   int           // JSON requests of a variant in a round, one after the other; default 250
	Streams  int           // streams of a variant in a round, at Concurrency; default 96
	Parallel int           // the larger concurrency; default 16
	Bound    time.Duration // no round is begun that would end after it; default 150 s
	Models   int           // of the Purser that has many; default 200, 1: no such
	Codecs   bool          // Purser with gRPC's own codec as well
	Profile  string        // folder for a CPU profile of Purser at JSON and the larger concurrency; "": none

	Progress io.Writer // default: none
}

func (o Options) withDefaults() (Options, error) {
	o.StateDir = cmp.Or(o.StateDir, ".state")
	o.Rounds, o.Requests, o.Single = cmp.Or(o.Rounds, 8), cmp.Or(o.Requests, 1500), cmp.Or(o.Single, 250)
	o.Models = cmp.Or(o.Models, 200)
	o.Streams, o.Parallel, o.Bound = cmp.Or(o.Streams, 96), cmp.Or(o.Parallel, 16), cmp.Or(o.Bound, 150*time.Second)
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []int{1, 3, 9}
	}
	o.Scopes = slices.Compact(slices.Sorted(slices.Values(o.Scopes)))
	if o.Scopes[0] < 1 || o.Scopes[len(o.Scopes)-1] > maxScopes {
		return o, fmt.Errorf("scopes %v: one request can have limits in 1 to %d", o.Scopes, maxScopes)
	}
	if min(o.Rounds, o.Requests, o.Single, o.Streams, o.Parallel) < 1 || o.Bound < 0 {
		return o, errors.New("rounds, requests and concurrency must be positive")
	}
	var err error
	if o.Self == "" {
		if o.Self, err = os.Executable(); err != nil {
			return o, err
		}
	}
	if o.Envoy == "" {
		if o.Envoy, err = envoy.FindBinary(); err != nil {
			return o, fmt.Errorf("%w (`make envoy` fetches it)", err)
		}
	}
	switch o.Redis {
	case "":
		o.Redis, _ = exec.LookPath("redis-server")
	case "none":
		o.Redis = ""
	}
	return o, nil
}

// scenario is one way of calling. Every variant of which one has figures takes part in each of its rounds.
type scenario struct {
	name     string
	query    query
	parallel int
	requests int // of a variant in a round
	variants []*variant
}

// scenarios of a bed. All numbers of scopes are compared in one of them; in the others the middle one stands for all.
func (b *bed) scenarios() []scenario {
	var some []*variant
	for _, v := range b.variants {
		if v.kind == alone || v.scopes == b.middle() && v.kind != choice {
			some = append(some, v)
		}
	}
	many := b.opts.Parallel
	return []scenario{
		{fmt.Sprintf("JSON 1 KB, c=%d", many), jsonQuery, many, b.opts.Requests, b.variants},
		{"JSON 1 KB, c=1", jsonQuery, 1, b.opts.Single, some},
		{fmt.Sprintf("SSE, %d events %s apart, c=%d", streamEvents, eventPause, many), streamQuery, many, b.opts.Streams, some},
	}
}

// middle is the number of scopes that stands for all.
func (b *bed) middle() int { return b.opts.Scopes[len(b.opts.Scopes)/2] }

// Run benches and returns the result, which it also leaves in the state folder.
func Run(ctx context.Context, opts Options) (_ *Result, err error) {
	opts, err = opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.StateDir, 0o755); err != nil {
		return nil, err
	}
	// Below the state folder, since a spool should be on a real disk.
	dir, err := os.MkdirTemp(opts.StateDir, "bench-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &bed{opts: opts, dir: dir}
	defer b.stop()
	fmt.Fprintf(opts.Progress, "starting an Envoy and a server for each variant\n")
	if err := b.setUp(ctx); err != nil {
		return nil, err
	}
	res := newResult(ctx, opts)
	scenarios := b.scenarios()
	measured, rounds, err := b.rounds(ctx, scenarios)
	if err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	res.Conditions.Rounds = rounds
	for i, s := range scenarios {
		res.Scenarios = append(res.Scenarios, summarize(s, measured[i]))
	}
	if b.redis != nil {
		fmt.Fprintf(opts.Progress, "the ledger in Redis by itself\n")
		if res.Ledger, err = benchLedger(ctx, b.redis, opts.Parallel); err != nil {
			return nil, err
		}
	}
	if opts.Profile != "" {
		if err := b.profile(ctx); err != nil {
			return nil, err
		}
	}
	res.end()
	return res, res.save(filepath.Join(opts.StateDir, "bench.json"))
}

// slot is what one variant used in one round of a scenario.
type slot struct {
	requests             int
	envoy, server, redis time.Duration
	first, whole         []time.Duration // of each request
	messages             int64
}

// rounds lets the variants of all scenarios take turns. What it returns is by scenario, variant and round.
func (b *bed) rounds(ctx context.Context, scenarios []scenario) (measured []map[*variant][]slot, rounds int, err error) {
	for range scenarios {
		measured = append(measured, map[*variant][]slot{})
	}
	began := time.Now()
	for ; rounds < b.opts.Rounds; rounds++ {
		spent := time.Since(began)
		if rounds >= 3 && spent+spent/time.Duration(rounds) > b.opts.Bound {
			break
		}
		for i, s := range scenarios {
			for k := range s.variants {
				v := s.variants[(k+rounds)%len(s.variants)]
				got, err := b.slot(ctx, s, v)
				if err != nil {
					return nil, rounds, fmt.Errorf("%s, %s: %w%s", s.name, v.name(), err, b.logged(v))
				}
				measured[i][v] = append(measured[i][v], got)
			}
		}
		fmt.Fprintf(b.opts.Progress, "round %d of %d, %.0f s\n", rounds+1, b.opts.Rounds, time.Since(began).Seconds())
	}
	return measured, rounds, nil
}

// slotBound is the longest one variant may take in a round.
const slotBound = 10 * time.Second

// slot measures one variant once, after a warm-up that opens its connections anew: they idle while the others run.
func (b *bed) slot(ctx context.Context, s scenario, v *variant) (slot, error) {
	l, err := newLoader(ctx, v.envoy.address, benchKey, v.expects(s.query), s.parallel)
	if err != nil {
		return slot{}, err
	}
	defer l.close()
	warm, err := l.run(ctx, max(s.requests/10, 2*s.parallel), slotBound)
	if err != nil {
		return slot{}, err
	}
	before, err := v.used(ctx)
	if err != nil {
		return slot{}, err
	}
	all, err := l.run(ctx, s.requests, slotBound)
	if err != nil {
		return slot{}, err
	}
	after, err := v.used(ctx)
	if err != nil {
		return slot{}, err
	}
	v.sent += int64(len(warm) + len(all))
	out := slot{
		requests: len(all), envoy: after.envoy - before.envoy, server: after.server - before.server, redis: after.redis - before.redis,
		messages: after.messages - before.messages,
	}
	for _, t := range all {
		out.first, out.whole = append(out.first, t.first), append(out.whole, t.whole)
	}
	return out, nil
}

// used is what a variant has used so far.
func (v *variant) used(ctx context.Context) (u slot, err error) {
	for _, p := range []struct {
		to   *time.Duration
		from *process
	}{{&u.envoy, v.envoy.process}, {&u.server, v.server}, {&u.redis, v.redis}} {
		if *p.to, err = p.from.cpu(); err != nil {
			return u, err
		}
	}
	u.messages, err = v.envoy.messages(ctx)
	return u, err
}

// profile takes a CPU profile of each Purser under load.
func (b *bed) profile(ctx context.Context) error {
	if err := os.MkdirAll(b.opts.Profile, 0o755); err != nil {
		return err
	}
	dir, err := filepath.Abs(b.opts.Profile)
	if err != nil {
		return err
	}
	for _, s := range b.scenarios() {
		if s.parallel == 1 {
			continue // its figures are those of wake-ups
		}
		s.requests *= 4
		for _, v := range s.variants {
			if v.server == nil {
				continue
			}
			file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.pprof", v.kind, v.scopes, s.query.name))
			if _, err := v.server.ask("profile " + file); err != nil {
				return err
			}
			_, err := b.slot(ctx, s, v)
			if _, stop := v.server.ask("profile"); err == nil {
				err = stop
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(b.opts.Progress, "go tool pprof -top %s\n", file)
		}
	}
	return nil
}
