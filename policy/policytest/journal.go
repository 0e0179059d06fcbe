package policytest

import (
	"context"
	"slices"
	"sync"

	"github.com/purser/purser/policy"
)

// Journal is a policy.Journal that remembers what it was given.
type Journal struct {
	// Pull, where set, returns all entries of a journal the ledger keeps by itself,
	// in order: a Redis stream. Entries asks it instead.
	Pull func() []policy.Entry
	// Discard makes it forget: for benchmarks.
	Discard bool

	mu      sync.Mutex
	entries []policy.Entry
	fail    error
}

// Append implements policy.Journal.
func (j *Journal) Append(_ context.Context, e policy.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	if !j.Discard {
		j.entries = append(j.entries, e)
	}
	return nil
}

// Fail makes every Append fail with err, until it is nil again.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

// Entries lists what was appended.
func (j *Journal) Entries() []policy.Entry {
	if j.Pull != nil {
		return j.Pull()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// Of lists what was appended for one call id.
func (j *Journal) Of(id string) []policy.Entry {
	return slices.DeleteFunc(j.Entries(), func(e policy.Entry) bool { return e.CallID != id })
}
