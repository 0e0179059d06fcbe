package policy

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Corrector is a ledger whose counters can be set right.
type Corrector interface {
	Inspector
	// Correct makes what a counter has used to, if it is from now; it tells whether it was.
	Correct(ctx context.Context, c Counter, from, to int64) (bool, error)
}

// Drift is a counter beside what the tables say of it.
type Drift struct {
	Counter Counter
	Counted int64 // settled, as the ledger has it: nano-dollars, or tokens
	Booked  int64 // settled, as the tables have it
	By      int64 // what the counter lacks for certain, whatever was settled meanwhile; 0: nothing
}

// Healing compares the ledger's counters of spend, and of tokens per day, with the tables, and sets right what
// differs: after a manual reset, an outage, a crash, or a fault of ours. It runs
// beside live requests: what is settled while it looks is no drift.
type Healing struct {
	Directory *Directory
	Ledger    Corrector
	History   History
	Flush     func(ctx context.Context) error // waits until all that is settled has reached the tables
	Clock     func() time.Time
}

// All compares every spend counter of a window that is not over. Without fix it
// only tells.
func (h *Healing) All(ctx context.Context, fix bool) ([]Drift, error) {
	return h.where(ctx, fix, func(Scope) bool { return true })
}

// Scopes sets right the counters of a few scopes, of a team's or a user's with those
// of its members or of its places in teams.
func (h *Healing) Scopes(ctx context.Context, scopes []Scope) error {
	_, err := h.where(ctx, true, func(s Scope) bool {
		if slices.Contains(scopes, s) {
			return true
		}
		team, user, ok := strings.Cut(s.ID, "\x1f")
		return ok && s.Kind == ScopeMember && (slices.Contains(scopes, Scope{ScopeTeam, team}) || slices.Contains(scopes, Scope{ScopeUser, user}))
	})
	return err
}

func (h *Healing) where(ctx context.Context, fix bool, wanted func(Scope) bool) ([]Drift, error) {
	var drifts []Drift
	err := h.compare(ctx, wanted, func(hold Hold, d Drift) error {
		if d.By == 0 {
			return nil
		}
		drifts = append(drifts, d)
		if !fix {
			return nil
		}
		return h.correct(ctx, hold, d)
	})
	return drifts, err
}

// correct sets a counter right. One that moved since is looked at again the next time.
func (h *Healing) correct(ctx context.Context, hold Hold, d Drift) error {
	if d.By == 0 {
		return nil
	}
	_, err := h.Ledger.Correct(ctx, hold.Counter(), d.Counted, d.Counted+d.By)
	return err
}

// compare tells f of every spend counter that is of now.
func (h *Healing) compare(ctx context.Context, wanted func(Scope) bool, f func(Hold, Drift) error) error {
	var holds []Hold
	var failed error
	now := h.Clock()
	// A batch at a time: of a million counters only the ledger holds all.
	err := h.Ledger.Each(ctx, func(s Standing) bool {
		if hold, ok := currentSpend(s.Counter, now, h.Directory.Settings().Calendar); ok && wanted(s.Counter.Scope) {
			holds = append(holds, hold)
		}
		if len(holds) < seedBatch {
			return true
		}
		failed = h.batch(ctx, holds, f)
		holds = holds[:0]
		return failed == nil
	})
	if err = cmp.Or(failed, err); err != nil || len(holds) == 0 {
		return err
	}
	return h.batch(ctx, holds, f)
}

// currentSpend makes a hold of a counter that is of spend and of now.
func currentSpend(c Counter, now time.Time, cal Calendar) (Hold, bool) {
	h := Hold{Scope: c.Scope, Kind: c.Kind, Model: c.Model, Window: Lifetime}
	if c.Window == Lifetime.Name() {
		return h, c.Kind == KindSpend
	}
	if !booked(c.Kind, WindowCalendar) {
		return h, false
	}
	d, err := ParseDuration(c.Window)
	if err != nil {
		return h, false
	}
	start := time.Unix(c.Start, 0)
	h.Window = Every(d, start)
	h.Start, h.End = h.Window.Bounds(start, cal)
	return h, h.Start.Equal(start) && now.Before(h.End)
}

func (h *Healing) batch(ctx context.Context, holds []Hold, f func(Hold, Drift) error) error {
	before, err := h.Ledger.Standings(ctx, holds)
	if err != nil {
		return err
	}
	if err := h.Flush(ctx); err != nil {
		return err
	}
	queries := make([]SpendQuery, len(holds))
	for i, hold := range holds {
		queries[i] = SpendQuery{Scope: hold.Scope, Model: hold.Model, From: hold.Start, Until: hold.End, Tokens: hold.Kind == KindTokens}
	}
	booked, err := h.History.Spent(ctx, queries)
	if err != nil {
		return err
	}
	after, err := h.Ledger.Standings(ctx, holds)
	if err != nil {
		return err
	}
	for i, hold := range holds {
		d := Drift{Counter: hold.Counter(), Counted: after[i].Used, Booked: int64(booked[i])}
		// What was settled meanwhile may be in the tables or not: only what lies
		// outside of both readings is certain to differ.
		low, high := min(before[i].Used, after[i].Used), max(before[i].Used, after[i].Used)
		switch {
		case d.Booked > high:
			d.By = d.Booked - high
		case d.Booked < low:
			d.By = d.Booked - low
		}
		if err := f(hold, d); err != nil {
			return err
		}
	}
	return nil
}

// ParseScope reads what Scope.String writes.
func ParseScope(text string) (Scope, bool) {
	kind, id, _ := strings.Cut(text, ":")
	k, ok := ParseScopeKind(kind)
	return Scope{Kind: k, ID: id}, ok
}
