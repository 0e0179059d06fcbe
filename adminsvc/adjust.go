package adminsvc

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// adjustment is a journal entry that changes what a scope has spent by delta, at
// a time: the budget windows that hold the time count it.
func (s *server) adjustment(c *Caller, scope policy.Scope, model string, delta policy.Money, at time.Time, id string) policy.Entry {
	return policy.Entry{
		Type: policy.EntryAdjustment, CallID: id, UserID: c.Actor.UserID, CallType: "adjustment", Route: "/spend",
		ModelAsked: model, ModelGroup: model, Model: model,
		ReservedAt: at, StartedAt: at, EndedAt: at, Status: policy.StatusSuccess,
		Cost: policy.Cost{Total: delta, Other: delta}, AdjustedKind: scope.Kind.String(), AdjustedID: scope.ID,
	}
}

func (s *server) adjust(ctx context.Context, entries []policy.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if s.Adjust == nil {
		return &Error{Status: 503, Type: "no_db_connection", Param: "None", Message: "Spend cannot be adjusted: this server keeps no journal"}
	}
	return s.Adjust(ctx, entries)
}

// setSpend makes what an entity has spent in its current window to, and returns what it was.
func (s *server) setSpend(ctx context.Context, c *Caller, e spender, to policy.Money) (was policy.Money, err error) {
	if err := s.flush(ctx, e.scope); err != nil {
		return 0, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		was, err = s.setSpendIn(ctx, tx, c, e, to)
		return err
	})
	return was, err
}

// setSpendIn is setSpend within a write, before which the scope was flushed. The past
// is not rewritten: the difference is booked.
func (s *server) setSpendIn(ctx context.Context, tx policy.Tx, c *Caller, e spender, to policy.Money) (policy.Money, error) {
	was, err := s.spentIn(ctx, tx, e)
	if err != nil {
		return 0, err
	}
	if was[0] == to {
		return was[0], nil
	}
	return was[0], s.adjustIn(ctx, tx, []policy.Entry{s.adjustment(c, e.scope, "", to-was[0], s.now(), s.NewID())})
}

// writeWithSpend is one write of an entity and of what it has spent. of is who spends,
// once change has run; it is run twice, the first time to see whether it may be.
func (s *server) writeWithSpend(ctx context.Context, c *Caller, to policy.Money, change func(policy.Tx) error, of func() spender) error {
	if err := s.flushFor(ctx, c, change, of); err != nil {
		return err
	}
	return s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		_, err := s.setSpendIn(ctx, tx, c, of(), to)
		return err
	})
}

// flushFor flushes the scope of a change that would be made. Flushing writes, and
// waits for data planes: nobody does so who is refused, and not within a write.
func (s *server) flushFor(ctx context.Context, c *Caller, change func(policy.Tx) error, of func() spender) error {
	if err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error { return cmp.Or(change(tx), errChecked) }); err != errChecked {
		return err
	}
	return s.flush(ctx, of().scope)
}

// createWithSpend makes an entity that has spent already, 0 for what it has anyway, and answers with its row.
func (s *server) createWithSpend(ctx context.Context, c *Caller, spent policy.Money, create func(policy.Tx) error, of func() spender, row func(context.Context) (Object, error)) (any, error) {
	if spent != 0 {
		if err := s.flushFor(ctx, c, create, of); err != nil {
			return nil, err
		}
	}
	return onceHere(ctx, func(ctx context.Context) (any, error) {
		err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
			if err := create(tx); err != nil || spent == 0 {
				return err
			}
			_, err := s.setSpendIn(ctx, tx, c, of(), spent)
			return err
		})
		if err != nil {
			return nil, err
		}
		reply, err := row(ctx)
		if err == nil && spent != 0 {
			reply.Set("spend", dollars(spent)) // it may not be committed yet
		}
		return reply, err
	})
}

// carrySpend books on a scope what another has spent, so that every budget
// window of it, each model's included, stands where the other's stood. Each stretch of
// time between two windows' beginnings is one entry, dated into it.
func (s *server) carrySpend(ctx context.Context, tx policy.Tx, c *Caller, from policy.Scope, l *policy.Limits, created time.Time, to policy.Scope) error {
	starts, models := []time.Time{{}}, []string{""}
	for _, limit := range l.Compile(created) {
		if limit.Kind != policy.KindSpend && limit.Window.Kind != policy.WindowCalendar {
			continue
		}
		if start, _ := limit.Window.Bounds(s.now(), s.Settings().Calendar); !slices.ContainsFunc(starts, start.Equal) {
			starts = append(starts, start)
		}
		if limit.Model != "" && !strings.Contains(limit.Model, "*") && !slices.Contains(models, limit.Model) {
			models = append(models, limit.Model)
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	var queries []policy.SpendQuery
	for _, start := range starts {
		for _, m := range models {
			queries = append(queries, policy.SpendQuery{Scope: from, Model: m, From: start})
		}
	}
	for _, start := range starts {
		queries = append(queries, policy.SpendQuery{Scope: from, From: start, Tokens: true})
	}
	since, err := s.Spend.Spent(ctx, queries)
	if err != nil {
		return err
	}
	var entries []policy.Entry
	for i, start := range starts {
		tokens := since[len(starts)*len(models)+i]
		if i+1 < len(starts) {
			tokens -= since[len(starts)*len(models)+i+1]
		}
		at := start
		if at.IsZero() {
			at = created
		}
		if i+1 < len(starts) && !at.Before(starts[i+1]) {
			at = starts[i+1].Add(-time.Second)
		}
		whole := policy.Money(0)
		for m := len(models) - 1; m >= 0; m-- { // "" last: it is what no model accounts for
			piece := since[i*len(models)+m]
			if i+1 < len(starts) {
				piece -= since[(i+1)*len(models)+m]
			}
			if m == 0 {
				piece -= whole
			} else {
				whole += piece
			}
			if piece != 0 || m == 0 && tokens != 0 {
				id := "carry-" + to.ID[:min(len(to.ID), 16)] + "-" + itoa(at.Unix()) + "-" + models[m] // the same however often it is booked
				e := s.adjustment(c, to, models[m], piece, at, id)
				if m == 0 {
					e.Usage.Input = int64(tokens) // of tokens per day
				}
				entries = append(entries, e)
			}
		}
	}
	return s.adjustIn(ctx, tx, entries)
}

// flush waits until what a scope's finished requests cost is in the tables.
func (s *server) flush(ctx context.Context, scope policy.Scope) error {
	if s.Flush == nil {
		return nil
	}
	return s.Flush(ctx, scope)
}

// adjustIn is adjust within a write under way.
func (s *server) adjustIn(ctx context.Context, tx policy.Tx, entries []policy.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	books, ok := tx.(policy.Adjuster)
	if !ok {
		return &Error{Status: 503, Type: "no_db_connection", Param: "None", Message: "Spend cannot be adjusted: this server keeps no journal"}
	}
	return books.Adjust(ctx, entries)
}
