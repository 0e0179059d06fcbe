package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/alerts"
	fileconfig "github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// hook is a webhook that fails for as long as it is told to.
type hook struct {
	mu     sync.Mutex
	failed int
	fails  int
	got    []alerts.Alert
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var a alerts.Alert
	if json.Unmarshal(body, &a) != nil || r.Header.Get(alerts.SignatureHeader) == "" || r.Header.Get(alerts.IDHeader) != a.ID {
		http.Error(w, "not an alert", http.StatusBadRequest)
		return
	}
	if h.failed < h.fails {
		h.failed++
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	h.got = append(h.got, a)
}

func (h *hook) events() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.got {
		out = append(out, fmt.Sprint(a.Event, a.Percent))
	}
	slices.Sort(out)
	return out
}

func TestAlertsAreToldOnceWhateverDies(t *testing.T) {
	store, err := postgres.Open(t.Context(), postgres.Config{URL: postgrestest.URL(t), Timeout: time.Minute}) // a machine that stands still for seconds is not what is tested
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	budget, soft := 10*policy.Dollar, 4*policy.Dollar
	now := time.Now().UTC()
	team := &policy.Team{ID: "travel", Alias: "Travel", Rules: policy.Rules{Limits: policy.Limits{MaxBudget: &budget, SoftBudget: &soft, BudgetDuration: "1mo"}}, Record: policy.Record{CreatedAt: now, UpdatedAt: now}}
	if err := store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error { return tx.Create(t.Context(), team) }); err != nil {
		t.Fatal(err)
	}
	spend := func(id string, cost policy.Money) {
		t.Helper()
		at := time.Now().UTC()
		e := policy.Entry{Type: policy.EntryRequest, CallID: id, TeamID: "travel", CallType: "acompletion", Route: "/chat/completions", ModelGroup: "m", ModelAsked: "m", Status: policy.StatusSuccess,
			ReservedAt: at, StartedAt: at, EndedAt: at, Cost: policy.Cost{Total: cost, Other: cost}}
		if err := store.WriteEntries(t.Context(), []policy.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	h := &hook{}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	start := func() *alerting {
		n := 0
		return &alerting{
			store: store, client: server.Client(), clock: time.Now, log: slog.New(slog.DiscardHandler), backoff: func(int) time.Duration { return 0 },
			newID:    func() string { n++; return fmt.Sprint("id-", n) },
			settings: func() *policy.Settings { return policy.Settings{}.Compile() },
			cfg:      fileconfig.Alerts{Percent: []int{99}, At: map[policy.ScopeKind][]int{policy.ScopeTeam: {50, 100}}, Webhooks: []fileconfig.Webhook{{Name: "ops", URL: policy.Secret(server.URL), Secret: "s"}}},
		}
	}
	expect := func(a *alerting, want ...string) {
		t.Helper()
		if err := a.once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.events(); !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	first := start()
	expect(first)
	spend("c1", 3*policy.Dollar)
	expect(first)
	h.fails = 3 // the webhook is away for a while
	spend("c2", 3*policy.Dollar)
	expect(first, "soft_budget0", "threshold50")
	if h.failed != 3 {
		t.Errorf("%d failures, want 3", h.failed)
	}
	expect(first, "soft_budget0", "threshold50")
	expect(start(), "soft_budget0", "threshold50") // restarted: nothing is repeated

	// One that dies after it has found what is due, and before it tells.
	dying := start()
	spend("c3", 5*policy.Dollar)
	ctx, die := context.WithCancel(t.Context())
	dying.client = &http.Client{Transport: dead{die}}
	_ = dying.once(ctx)
	if got := h.events(); len(got) != 2 {
		t.Fatalf("told %q by the dead", got)
	}
	expect(start(), "soft_budget0", "threshold100", "threshold50")
	expect(start(), "soft_budget0", "threshold100", "threshold50")
}

// dead ends its process's context instead of sending.
type dead struct{ die func() }

func (d dead) RoundTrip(*http.Request) (*http.Response, error) {
	d.die()
	return nil, context.Canceled
}
