package bench

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/purser/purser/envoy"
)

// Result of a run: what bench.json holds. Times are in microseconds.
type Result struct {
	At         time.Time         `json:"at"`
	Conditions Conditions        `json:"conditions"`
	Scenarios  []ScenarioFigures `json:"scenarios"`
	Ledger     []LedgerFigures   `json:"ledger_redis,omitempty"`
	Noisy      bool              `json:"noisy"` // some ratio's quartiles lie more than a tenth apart
}

// Conditions are what the figures depend on.
type Conditions struct {
	Purser         string `json:"purser"`
	Envoy          string `json:"envoy"`
	Redis          string `json:"redis,omitempty"`
	GRPC           string `json:"grpc"`
	Go             string `json:"go"`
	Kernel         string `json:"kernel"`
	CPU            string `json:"cpu"`
	Cores          int    `json:"cores"`
	LoadBefore     string `json:"load_before"` // of the machine, over a minute
	LoadAfter      string `json:"load_after"`
	Rounds         int    `json:"rounds"`
	LimitsPerScope int    `json:"limits_per_scope"`
	RequestBytes   int    `json:"request_bytes"`
	ReplyBytes     int    `json:"reply_bytes"`
}

// ScenarioFigures are the variants of one way of calling.
type ScenarioFigures struct {
	Name     string           `json:"name"`
	Parallel int              `json:"concurrency"`
	Requests int              `json:"requests_per_round"`
	Variants []VariantFigures `json:"variants"`
}

// VariantFigures are one variant's, over the rounds. Ratios and differences are taken within a round.
type VariantFigures struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Scopes   int     `json:"scopes"`
	Requests int     `json:"requests"` // in all rounds
	Messages float64 `json:"messages"` // of ext_proc, per request

	EnvoyCPU  quartiles  `json:"envoy_cpu_us"`
	ServerCPU quartiles  `json:"server_cpu_us"`
	RedisCPU  *quartiles `json:"redis_cpu_us,omitempty"`
	CPU       quartiles  `json:"cpu_us"`             // Envoy and server
	ToAlone   *quartiles `json:"to_alone,omitempty"` // CPU over that of Envoy alone
	ToNoOp    *quartiles `json:"to_noop,omitempty"`  // CPU over that of the no-op with the same messages
	ToPlain   *quartiles `json:"to_plain,omitempty"` // CPU over that of Purser with gRPC's own codec
	ToOne     *quartiles `json:"to_one,omitempty"`   // CPU of many models over that of one
	AddedOne  *quartiles `json:"added_one_us,omitempty"`

	// Latency: of streams to the first event, else of the whole reply.
	P50      quartiles  `json:"p50_us"`
	P99      quartiles  `json:"p99_us"`
	AddedP50 *quartiles `json:"added_p50_us,omitempty"` // over Envoy alone
	AddedP99 *quartiles `json:"added_p99_us,omitempty"`
}

func newResult(ctx context.Context, o Options) *Result {
	c := Conditions{
		Purser: o.Version, Envoy: firstLine(ctx, o.Envoy, "--version"), Go: runtime.Version(), Cores: runtime.NumCPU(),
		GRPC: moduleVersion("google.golang.org/grpc"), CPU: cpuModel(), Kernel: firstLine(ctx, "uname", "-r"), LoadBefore: load(),
		LimitsPerScope: limitsPerScope, RequestBytes: len(jsonQuery.body), ReplyBytes: len(jsonAnswer),
	}
	if _, rest, ok := strings.Cut(c.Envoy, "version: "); ok { // hash/number/state/build/TLS library
		c.Envoy = rest
	}
	if o.Redis != "" {
		c.Redis = firstLine(ctx, o.Redis, "--version")
		if _, rest, ok := strings.Cut(c.Redis, "v="); ok {
			c.Redis, _, _ = strings.Cut(rest, " ")
		}
	}
	if !strings.Contains(c.Envoy, envoy.BinaryVersion) {
		c.Envoy += " (not the version Purser is written for, " + envoy.BinaryVersion + ")"
	}
	return &Result{At: time.Now().UTC().Truncate(time.Second), Conditions: c}
}

// end adds what is known only then.
func (r *Result) end() {
	r.Conditions.LoadAfter = load()
	for _, s := range r.Scenarios {
		for _, v := range s.Variants {
			r.Noisy = r.Noisy || v.noisy()
		}
	}
}

func (v VariantFigures) noisy() bool {
	return v.ToAlone != nil && v.ToAlone.noisy() || v.ToNoOp != nil && v.ToNoOp.noisy()
}

func (r *Result) save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// summarize takes the figures of a scenario from its slots.
func summarize(s scenario, measured map[*variant][]slot) ScenarioFigures {
	out := ScenarioFigures{Name: s.name, Parallel: s.parallel, Requests: s.requests}
	var base []slot
	for _, v := range s.variants {
		if v.kind == alone {
			base = measured[v]
		}
	}
	for _, v := range s.variants {
		slots := measured[v]
		over := func(f func(slot) float64) quartiles { return quartilesOf(each(slots, f)) }
		f := VariantFigures{
			Name: v.name(), Kind: string(v.kind), Scopes: v.scopes,
			EnvoyCPU: over(func(t slot) float64 { return t.per(t.envoy) }), ServerCPU: over(func(t slot) float64 { return t.per(t.server) }),
			CPU: over(slot.cpu), P50: over(s.latency(0.5)), P99: over(s.latency(0.99)),
		}
		var messages int64
		for _, t := range slots {
			f.Requests += t.requests
			messages += t.messages
		}
		f.Messages = float64(messages) / float64(max(f.Requests, 1))
		if v.kind == shared {
			q := over(func(t slot) float64 { return t.per(t.redis) })
			f.RedisCPU = &q
		}
		if v.kind != alone {
			f.ToAlone = paired(slots, base, slot.cpu, divided)
			f.AddedP50, f.AddedP99 = paired(slots, base, s.latency(0.5), minus), paired(slots, base, s.latency(0.99), minus)
		}
		for _, n := range s.variants {
			switch {
			case n.scopes != v.scopes:
			case n.kind == noop && v.purser():
				f.ToNoOp = paired(slots, measured[n], slot.cpu, divided)
			case n.kind == local && v.kind == choice:
				f.ToOne = paired(slots, measured[n], slot.cpu, divided)
				f.AddedOne = paired(slots, measured[n], slot.cpu, minus)
			case n.kind == plain && v.kind == local:
				f.ToPlain = paired(slots, measured[n], slot.cpu, divided)
			}
		}
		out.Variants = append(out.Variants, f)
	}
	return out
}

// per is a time for each request, in microseconds.
func (t slot) per(d time.Duration) float64 { return micros(d) / float64(max(t.requests, 1)) }

// cpu of Envoy and server for each request.
func (t slot) cpu() float64 { return t.per(t.envoy + t.server) }

// latency is a quantile of a slot, in microseconds.
func (s scenario) latency(q float64) func(slot) float64 {
	return func(t slot) float64 {
		all := t.whole
		if s.query.stream {
			all = t.first
		}
		return at(sorted(all), q)
	}
}

func divided(a, b float64) float64 { return a / b }
func minus(a, b float64) float64   { return a - b }

// paired compares two variants round by round.
func paired(a, b []slot, of func(slot) float64, how func(a, b float64) float64) *quartiles {
	x, y := each(a, of), each(b, of)
	sample := make([]float64, min(len(x), len(y)))
	for i := range sample {
		sample[i] = how(x[i], y[i])
	}
	q := quartilesOf(sample)
	return &q
}

func each(slots []slot, f func(slot) float64) []float64 {
	out := make([]float64, len(slots))
	for i, t := range slots {
		out[i] = f(t)
	}
	return out
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func firstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return runtime.GOARCH
}

func moduleVersion(path string) string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, d := range info.Deps {
			if d.Path == path {
				return d.Version
			}
		}
	}
	return "unknown"
}

// MarshalJSON writes what cannot be told (a ratio to nothing) as null, which JSON has and NaN it has not.
func (q quartiles) MarshalJSON() ([]byte, error) {
	number := func(f float64) any {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		return math.Round(f*1000) / 1000
	}
	return json.Marshal(map[string]any{"q1": number(q.Q1), "median": number(q.Median), "q3": number(q.Q3)})
}
