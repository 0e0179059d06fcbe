package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

func TestEnforcementIsToldThroughTheFeed(t *testing.T) {
	t.Parallel()
	s := open(t)
	var mu sync.Mutex
	var seen []policy.Enforcement
	_, _ = run(t, s, func(c *postgres.FeedConfig) {
		c.OnChange = func(_ []policy.Entity, gone []policy.Ref) {
			if !slices.ContainsFunc(gone, func(r policy.Ref) bool { return r.Kind == policy.EntitySetting }) {
				return
			}
			e, err := s.Enforcement(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			seen = append(seen, e)
			mu.Unlock()
		}
	})
	if e, err := s.Enforcement(t.Context()); e != "" || err != nil {
		t.Errorf("before anything was set: %q, %v", e, err)
	}
	modes := []policy.Enforcement{policy.Shadow, policy.Enforced, ""}
	for _, e := range modes {
		if err := s.SetEnforcement(t.Context(), policy.Actor{UserID: "admin"}, e); err != nil {
			t.Fatal(err)
		}
	}
	// A write is answered when the data planes have applied it.
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, modes) {
		t.Errorf("told %q, want %q", seen, modes)
	}
}

func TestRefusalsAddUpByWhatRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	at := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	count := func(key, team string, minutes int, n int64, shadow bool) policy.RefusalCount {
		m := at.Add(time.Duration(minutes) * time.Minute)
		return policy.RefusalCount{Minute: m, KeyHash: key, Code: policy.CodeBudget, Scope: policy.Scope{Kind: policy.ScopeTeam, ID: team}, Kind: "spend",
			Count: n, Shadow: shadow, Sample: policy.RefusalSample{CallID: key, At: m, Message: "of " + key}}
	}
	err := s.WriteRefusals(t.Context(), []policy.RefusalCount{
		count("k1", "a", 0, 2, true), count("k2", "a", 1, 3, true), count("k1", "b", 0, 1, true), count("k1", "a", 0, 50, false), count("k1", "a", 100, 9, true),
	})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := s.RefusalSums(t.Context(), true, at, at.Add(time.Hour))
	if err != nil || len(sums) != 2 {
		t.Fatalf("%+v, %v", sums, err)
	}
	first := sums[0]
	if first.Count != 5 || first.Callers != 2 || first.Scope.ID != "a" || !first.First.Equal(at) || !first.Last.Equal(at.Add(time.Minute)) || first.Sample.CallID != "k2" || sums[1].Count != 1 {
		t.Errorf("%+v", sums)
	}
	if sums, err := s.RefusalSums(t.Context(), false, at, at.Add(time.Hour)); err != nil || len(sums) != 1 || sums[0].Count != 50 {
		t.Errorf("what was refused indeed: %+v, %v", sums, err)
	}
	yes := true
	if got, total, err := s.Refusals(t.Context(), postgres.RefusalQuery{Shadow: &yes}); err != nil || total != 4 || !got[0].Shadow {
		t.Errorf("%d %+v, %v", total, got, err)
	}
}
