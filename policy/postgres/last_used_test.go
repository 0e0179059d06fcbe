package postgres_test

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestLastUsedIsTheLastRequest(t *testing.T) {
	t.Parallel()
	s := open(t)
	entry := func(call, key string, at time.Time, typ policy.EntryType) policy.Entry {
		return policy.Entry{Type: typ, CallID: call, KeyHash: key, ReservedAt: at, StartedAt: at, EndedAt: at, Cost: policy.Cost{Total: 5}, Usage: policy.Usage{Input: 1}}
	}
	last := base.Add(40 * time.Minute)
	adjusted := entry("adjust", "a", base.Add(72*time.Hour), policy.EntryAdjustment)
	adjusted.AdjustedKind, adjusted.AdjustedID = "key", "a"
	writeEntries(t, s, entry("1", "a", base.Add(-50*time.Hour), policy.EntryRequest), entry("2", "a", last, policy.EntryRequest), entry("3", "a", base.Add(20*time.Minute), policy.EntryRequest),
		entry("4", "b", base.Add(-time.Hour), policy.EntryRequest), adjusted)
	got, err := s.LastUsed(t.Context(), []string{"a", "b", "never"})
	if err != nil || len(got) != 2 || !got["a"].Equal(last) || !got["b"].Equal(base.Add(-time.Hour)) {
		t.Errorf("%v, %v", got, err)
	}
}
