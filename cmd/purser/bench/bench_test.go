package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test program is its own bench-part.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bench-part" {
		if err := Part(context.Background(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A short run has figures for everything, and leaves nothing behind but its result.
func TestRun(t *testing.T) {
	if os.Getenv("BENCH") == "" {
		t.Skip("a whole comparison overloads a busy machine: make test-all sets BENCH=1")
	}
	dir := t.TempDir()
	res, err := Run(t.Context(), Options{
		StateDir: dir, Scopes: []int{1, 9}, Rounds: 2, Requests: 40, Single: 5, Streams: 4, Parallel: 4, Codecs: true, Models: 20, Profile: filepath.Join(dir, "profiles"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Conditions.Rounds != 2 || len(res.Scenarios) != 3 {
		t.Errorf("%d rounds of %d scenarios", res.Conditions.Rounds, len(res.Scenarios))
	}
	kinds := []string{"alone", "noop", "memory", "plain"}
	if _, err := exec.LookPath("redis-server"); err == nil {
		kinds = append(kinds, "redis")
		if len(res.Ledger) != 4 || res.Ledger[0].RedisUS <= 0 || res.Ledger[3].RedisUS <= res.Ledger[0].RedisUS {
			t.Errorf("the ledger by itself: %+v", res.Ledger)
		}
	}
	for i, s := range res.Scenarios {
		seen := map[string]int{}
		for _, v := range s.Variants {
			seen[v.Kind]++
			checkVariant(t, s, v, i == 2)
		}
		for _, k := range kinds {
			want := 1
			if i == 0 && k != "alone" {
				want = 2 // both numbers of scopes
			}
			if seen[k] != want {
				t.Errorf("%s: %d variants %q, want %d", s.Name, seen[k], k, want)
			}
		}
	}
	var text bytes.Buffer
	if err := res.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Envoy alone", "no-op, messages of 9 scopes", "Purser, memory, 1 scope", "to no-op", "SSE, 100 events", "2 rounds"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}
	var saved Result
	file, err := os.ReadFile(filepath.Join(dir, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &saved); err != nil || len(saved.Scenarios) != 3 || saved.Scenarios[0].Variants[0].CPU.Median <= 0 {
		t.Errorf("bench.json: %v: %s", err, file)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left in the state folder: %v, %v", left, err)
	}
	profiles, err := filepath.Glob(filepath.Join(dir, "profiles", "memory-9-json.pprof"))
	if err != nil || len(profiles) != 1 {
		t.Errorf("profiles: %v, %v", profiles, err)
	}
}

func checkVariant(t *testing.T, s ScenarioFigures, v VariantFigures, stream bool) {
	t.Helper()
	bad := func(format string, args ...any) { t.Errorf("%s, %s: %s", s.Name, v.Name, fmt.Sprintf(format, args...)) }
	if v.Requests != 2*s.Requests {
		bad("%d requests, want %d", v.Requests, 2*s.Requests)
	}
	if v.EnvoyCPU.Median <= 0 || v.P50.Median <= 0 || v.P99.Median < v.P50.Median {
		bad("%+v", v)
	}
	if v.Kind == "alone" {
		if v.Messages != 0 || v.ServerCPU.Median != 0 || v.ToAlone != nil {
			bad("has an ext_proc server: %+v", v)
		}
		return
	}
	switch {
	case stream && (v.Messages < 4 || v.Messages > 3+streamEvents+3):
		bad("%.2f messages", v.Messages)
	case !stream && v.Messages != 4:
		bad("%.2f messages, want 4", v.Messages)
	}
	if v.ServerCPU.Median <= 0 || v.ToAlone == nil || v.ToAlone.Median <= 1 || v.AddedP50 == nil {
		bad("%+v", v)
	}
	if (v.Kind == "redis") != (v.RedisCPU != nil && v.RedisCPU.Median > 0) {
		bad("Redis: %+v", v.RedisCPU)
	}
	if (v.Kind != "noop") != (v.ToNoOp != nil) || (v.Kind == "memory") != (v.ToPlain != nil) || (v.Kind == "models") != (v.ToOne != nil) {
		bad("compared with the wrong ones: %+v, %+v", v.ToNoOp, v.ToPlain)
	}
}

func TestRunStopsWhenToldTo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	began := time.Now()
	_, err := Run(ctx, Options{StateDir: t.TempDir(), Scopes: []int{1}, Rounds: 1_000_000, Bound: time.Hour, Redis: "none"})
	if err == nil || time.Since(began) > time.Minute {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, o := range map[string]Options{
		"no scope":        {Scopes: []int{0}},
		"too many scopes": {Scopes: []int{1, 10}},
		"negative rounds": {Rounds: -1},
		"negative bound":  {Bound: -1},
		"no Envoy there":  {Envoy: "/nonexistent/envoy", Redis: "none"},
		"no Redis there":  {Redis: "/nonexistent/redis-server"},
	} {
		o.StateDir = t.TempDir()
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Figures over requests that a Purser did not journal would be about something else.
func TestCheckMissesARequest(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startPart(self, "Purser", "purser", "--upstream", "127.0.0.1:1", "--dir", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	b := &bed{variants: []*variant{{kind: local, scopes: 1, server: p}}}
	if err := b.check(); err != nil {
		t.Errorf("nothing was sent: %v", err)
	}
	b.variants[0].sent = 1
	if err := b.check(); err == nil || !strings.Contains(err.Error(), "1 requests were served, 0 are in the journal") {
		t.Errorf("got %v", err)
	}
}

func TestPartsThatCannotStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"purser", "--upstream", "nowhere"}, {"purser", "--upstream", "127.0.0.1:1", "--scopes", "10"}, {"captain"}} {
		if p, err := startPart(self, "part", args...); err == nil {
			p.stop()
			t.Errorf("%v: it runs", args)
		} else if !strings.Contains(err.Error(), "it ended: ") {
			t.Errorf("%v: %v does not say why", args, err)
		}
	}
}
