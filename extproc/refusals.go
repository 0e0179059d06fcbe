package extproc

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

const (
	refusalsEvery = 3 * time.Second // between writes
	// refusalsKept bounds the counts that wait to be written; what comes on top is
	// counted by its reason alone.
	refusalsKept = 5000
	// strangersKept bounds those of keys that nobody knows, of which anyone can make
	// as many as they like.
	strangersKept = 50
)

// refusals counts refused requests by caller, reason and minute, with the last of
// each whole, until they are written. Neither one bad key nor many can make it grow:
// the first is one count, the others are counted together.
type refusals struct {
	mu        sync.Mutex
	counts    map[policy.RefusalCount]*policy.RefusalCount // by what they are counted by
	strangers int
}

// add counts a refusal; c carries a Count and a Sample.
func (r *refusals) add(c policy.RefusalCount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stranger := c.Code == policy.CodeUnknownKey || c.Code == policy.CodeMalformedKey
	full := len(r.counts) >= refusalsKept || stranger && r.strangers >= strangersKept
	found := r.counts[groupOf(c)]
	if found == nil && full {
		c = policy.RefusalCount{Minute: c.Minute, Code: c.Code, Count: c.Count, Sample: c.Sample}
		found = r.counts[groupOf(c)]
	}
	if found == nil {
		if r.counts == nil {
			r.counts = map[policy.RefusalCount]*policy.RefusalCount{}
		}
		if stranger {
			r.strangers++
		}
		r.counts[groupOf(c)] = &c
		return
	}
	found.Count += c.Count
	if !c.Sample.At.Before(found.Sample.At) {
		found.Sample = c.Sample
	}
}

// groupOf is what a refusal is counted by.
func groupOf(c policy.RefusalCount) policy.RefusalCount {
	c.Count, c.Sample = 0, policy.RefusalSample{}
	return c
}

// take empties it.
func (r *refusals) take() []policy.RefusalCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]policy.RefusalCount, 0, len(r.counts))
	for _, c := range r.counts {
		out = append(out, *c)
	}
	clear(r.counts)
	r.strangers = 0
	return out
}

// run writes what was gathered until ctx ends, and once more then. What cannot be
// written waits, within the bounds.
func (r *refusals) run(ctx context.Context, write func(context.Context, []policy.RefusalCount) error, log *slog.Logger) {
	tick := time.NewTicker(refusalsEvery)
	defer tick.Stop()
	failing := false
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		all := r.take()
		if len(all) > 0 {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			err := write(bounded, all)
			cancel()
			if err != nil {
				for _, c := range all {
					r.add(c)
				}
				if !failing {
					log.Warn("counts of refused requests cannot be written; they wait", "err", err)
				}
			}
			failing = err != nil
		}
		if ended {
			return
		}
	}
}

// record counts a refusal of this request, or one that shadow mode kept from happening.
func (x *exchange) record(r *policy.Refusal, shadow bool) {
	if x.s.cfg.WriteRefusals == nil {
		return
	}
	now := x.s.cfg.Clock()
	c := policy.RefusalCount{
		Minute: now.UTC().Truncate(time.Minute), Code: r.Code, Scope: r.Scope, Model: cmp.Or(r.Model, x.request.Model), Count: 1, Shadow: shadow,
		Sample: policy.RefusalSample{CallID: x.id, At: now, Message: r.Message, Limit: r.Limit, Used: r.Used, Asked: r.Asked, ResetAt: r.ResetAt, Route: x.endpoint.Route},
	}
	if x.keyHash != (policy.KeyHash{}) {
		c.KeyHash = x.keyHash.String()
	}
	if k := x.grant.Key; k != nil {
		c.TeamID, c.Project = k.TeamID, k.ProjectID
	}
	if r.Limited {
		c.Kind = r.Kind.String()
		c.Sample.Limits = policy.Marks(&x.decision.Ask, &x.outcome, &policy.Entry{KeyHash: c.KeyHash, TeamID: c.TeamID, ProjectID: c.Project})
	}
	x.s.refusals.add(c)
}
