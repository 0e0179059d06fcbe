package spool

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	noon  = time.Date(2026, 10, 5, 12, 0, 0, 123456789, time.UTC)
)

func sampleEntry(id string) policy.Entry {
	return policy.Entry{
		Type: policy.EntryRequest, CallID: id, RequestID: "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx",
		Upstream: "f1234567-89ab-cdef-0123-456789abcdef",
		KeyHash:  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", KeyAlias: "prod", UserID: "user-1",
		TeamID: "a1234567-89ab-cdef-0123-456789abcdef", TeamAlias: "team", ProjectID: "b1234567-89ab-cdef-0123-456789abcdef",
		ProjectAlias: "project", OrganizationID: "c1234567-89ab-cdef-0123-456789abcdef", Tags: []string{"a", "b"},
		CallType: "acompletion", Route: "/chat/completions", ModelAsked: "gpt-4o", ModelGroup: "gpt-4o", Model: "gpt-4o-2024-08-06",
		Deployment: "d0123456789", Provider: "openai", APIBase: "https://api.openai.com/v1", Attempts: 1, Stream: true,
		ReservedAt: noon, StartedAt: noon, FirstByte: noon, EndedAt: noon, Status: policy.StatusSuccess, HTTPStatus: 200,
		Usage:    policy.Usage{Input: 1234, Cached: 1024, Output: 321, Reasoning: 12, Source: policy.UsageReported},
		Cost:     policy.Cost{Total: 123456789, Input: 1234567, Output: 34567890, CacheRead: 12345},
		ClientIP: "10.1.2.3", UserAgent: "OpenAI/Python 1.99.0",
	}
}

func sampleDraft(id string) policy.Draft {
	e := sampleEntry(id)
	e.RequestID, e.Usage, e.Cost, e.Status, e.HTTPStatus = "", policy.Usage{}, policy.Cost{}, "", 0
	e.FirstByte, e.EndedAt = time.Time{}, time.Time{}
	return policy.Draft{Entry: e, Price: policy.TokenPrice(2_500_000_000, 10_000_000_000), Input: 1000, Choices: 2}
}

// sink is a Sink that remembers what it took, and fails when told to.
type sink struct {
	mu      sync.Mutex
	entries []policy.Entry
	calls   int
	fail    func(entries []policy.Entry) error // nil: never
	changed chan struct{}
}

func (k *sink) take(_ context.Context, entries []policy.Entry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
	if k.fail != nil {
		if err := k.fail(entries); err != nil {
			return err
		}
	}
	k.entries = append(k.entries, entries...)
	return nil
}

func (k *sink) setFail(f func(entries []policy.Entry) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = f
}

// called is closed at the next call.
func (k *sink) called() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed == nil {
		k.changed = make(chan struct{})
	}
	return k.changed
}

func (k *sink) ids() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	ids := make([]string, len(k.entries))
	for i, e := range k.entries {
		ids[i] = e.CallID
	}
	return ids
}

func (k *sink) taken() []policy.Entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]policy.Entry(nil), k.entries...)
}

func open(t testing.TB, cfg Config) *Spool {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = quiet
	}
	if cfg.Retry.Min == 0 {
		cfg.Retry = Backoff{time.Millisecond, 5 * time.Millisecond}
	}
	if cfg.DiskRetry == 0 {
		cfg.DiskRetry = time.Millisecond
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeSpool(t testing.TB, s *Spool) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func flush(t testing.TB, s *Spool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatalf("Flush: %v; %+v", err, s.Stats())
	}
}

// eventually polls: what it waits for has no signal of its own.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
