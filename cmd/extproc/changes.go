package main

import (
	"context"
	"slices"
	"time"

	"github.com/purser/purser/policy"
)

// pollEvery is well below the second that a look at the changes is good for: an idle
// feed is not waited for.
const pollEvery = 400 * time.Millisecond

// applyWithin bounds what a change needs from the tables: whoever made it waits for us so
// long, and a little longer.
func (s *service) applyWithin() time.Duration {
	barrier := s.cfg.WriteBarrier
	if barrier <= 0 {
		barrier = time.Second
	}
	return barrier - barrier/10
}

// freshWithin is how old a look at the changes may be to decide by: no older than any
// writer waits, and a second at most, for of a replica that is silent for three no writer
// waits any longer.
func freshWithin(barrier time.Duration) time.Duration {
	if barrier <= 0 {
		return time.Second
	}
	return min(barrier, time.Second)
}

// onChange completes the counters of limits that are new, before whoever made the
// change gets its answer. Where the tables cannot tell, the counter starts at
// zero and is completed by the next full pass.
func (s *service) onChange(changed []policy.Entity, gone []policy.Ref) {
	s.models.Changed(changed, gone)
	if slices.ContainsFunc(gone, func(r policy.Ref) bool { return r.Kind == policy.EntitySetting }) {
		s.readEnforcement()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.applyWithin())
	defer cancel()
	if err := s.seeding.Entities(ctx, changed); err != nil {
		s.log.Warn("what was spent under a new limit could not be read yet", "err", err)
		s.unseeded.Store(true)
	}
	var adjusted []policy.Scope
	for _, ref := range gone {
		if scope, ok := policy.ParseScope(ref.ID); ref.Kind == policy.EntitySpend && ok {
			adjusted = append(adjusted, scope)
		}
	}
	if len(adjusted) == 0 {
		return
	}
	err := s.counting.flush(ctx) // who asked reads the tables next
	if err == nil {
		err = s.healing.Scopes(ctx, adjusted)
	}
	if err != nil {
		s.log.Warn("a spend that was changed by hand is not counted yet", "err", err)
		s.unhealed.Store(true)
	}
}

// onLimits sets right the counters of limits that were lifted and are back: what was
// served meanwhile was not counted for them.
func (s *service) onLimits(relimited []policy.Entity) {
	ctx, cancel := context.WithTimeout(context.Background(), s.applyWithin())
	defer cancel()
	if err := s.healing.Entities(ctx, relimited); err != nil {
		s.log.Warn("what was spent while there was no limit could not be read yet", "err", err)
		s.unhealed.Store(true)
	}
}

// readEnforcement puts in force what the tables say of enforcement; where they
// cannot be asked now, soon.
func (s *service) readEnforcement() {
	ctx, cancel := context.WithTimeout(context.Background(), s.applyWithin())
	defer cancel()
	e, err := s.store.Enforcement(ctx)
	if err != nil {
		s.unset.Store(true)
		s.log.Warn("whether to enforce could not be read yet", "err", err)
		return
	}
	was := s.directory.Enforcement()
	s.directory.SetEnforcement(e)
	if now := s.directory.Enforcement(); now != was {
		s.log.Info("enforcement changed", "from", was, "to", now)
	}
}
