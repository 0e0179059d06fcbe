package policy

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Seeding adds to the ledger's counters of spend, and of tokens per day, what was used before they began
// to count: after a start, and where a limit is new. Each counter is completed
// once, so it may run as often as it likes and beside live requests; what is in
// flight while a limit is first set is not counted against it.
type Seeding struct {
	Directory *Directory
	Ledger    Seeder
	History   History
	// Flush waits until all that is settled has reached the tables.
	Flush func(ctx context.Context) error
	Clock func() time.Time
}

// BatchSeeder is a Seeder that does many at once: what goes over a network for each
// of a million counters takes minutes.
type BatchSeeder interface {
	BeginAll(ctx context.Context, cs []Counter) (since []time.Time, seeded []bool, err error)
	SeedAll(ctx context.Context, cs []Counter, used []int64) error
}

// seedBatch bounds the queries asked of History at once.
const seedBatch = 5000

// seedRound bounds the counters that are completed together: each round waits once
// until what is settled has reached the tables.
const seedRound = 10 * seedBatch

// All completes the counters of everything the directory holds.
func (s *Seeding) All(ctx context.Context) error { return s.complete(ctx, s.Directory.Each) }

// Entities completes the counters of these entities, which are in the directory,
// and the proxy's own. A changed budget stands for all that refer to it.
func (s *Seeding) Entities(ctx context.Context, changed []Entity) error {
	err := s.complete(ctx, func(f func(Entity) bool) {
		for _, e := range changed {
			if !f(e) {
				return
			}
		}
	})
	if err != nil || !slices.ContainsFunc(changed, func(e Entity) bool { return e.Ref().Kind == EntityBudget }) {
		return err
	}
	return s.complete(ctx, func(f func(Entity) bool) { s.referring(changed, f) })
}

// referring calls f for all whose limits are those of a budget among these.
func (s *Seeding) referring(changed []Entity, f func(Entity) bool) {
	budgets := map[string]bool{}
	for _, e := range changed {
		if b, ok := e.(*Budget); ok {
			budgets[b.ID] = true
		}
	}
	if len(budgets) == 0 {
		return
	}
	byDefault := budgets[s.Directory.Settings().CustomerBudget]
	s.Directory.Each(func(e Entity) bool {
		_, customer := e.(*Customer)
		if r := rulesOf(e); r == nil || !budgets[r.BudgetID] && !(customer && byDefault) {
			return true
		}
		return f(e)
	})
}

// complete completes the counters of some entities, and the proxy's own.
func (s *Seeding) complete(ctx context.Context, entities func(func(Entity) bool)) error {
	settings := s.Directory.Settings()
	now := s.Clock()
	var round []seedable
	var failed error
	add := func(l level) error {
		for _, limit := range l.limits(s.Directory) {
			if !booked(limit.Kind, limit.Window.Kind) {
				continue
			}
			h := Hold{Scope: l.scope, Kind: limit.Kind, Model: limit.Model, Window: limit.Window}
			h.Start, h.End = limit.Window.Bounds(now, settings.Calendar)
			round = append(round, seedable{h.Counter(), h.Start})
		}
		if len(round) < seedRound {
			return nil
		}
		err := s.round(ctx, round)
		round = round[:0]
		return err
	}
	if failed = add(level{scope: Scope{Kind: ScopeProxy}, defaults: settings.compiled}); failed != nil {
		return failed
	}
	entities(func(e Entity) bool {
		failed = s.each(e, add)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return s.round(ctx, round)
}

// seedable is a counter and when its window began.
type seedable struct {
	counter Counter
	start   time.Time
}

// round makes the counters that are not there, and completes those that are not complete.
func (s *Seeding) round(ctx context.Context, all []seedable) error {
	var missing []missingSpend
	for len(all) > 0 {
		batch := all[:min(seedBatch, len(all))]
		all = all[len(batch):]
		counters := make([]Counter, len(batch))
		for i, c := range batch {
			counters[i] = c.counter
		}
		since, seeded, err := s.begin(ctx, counters)
		if err != nil {
			return err
		}
		for i, c := range counters {
			if !seeded[i] {
				missing = append(missing, missingSpend{c, SpendQuery{Scope: c.Scope, Model: c.Model, From: batch[i].start, Until: since[i], Tokens: c.Kind == KindTokens}})
			}
		}
	}
	return s.fill(ctx, missing)
}

func (s *Seeding) begin(ctx context.Context, cs []Counter) (since []time.Time, seeded []bool, err error) {
	if many, ok := s.Ledger.(BatchSeeder); ok {
		return many.BeginAll(ctx, cs)
	}
	since, seeded = make([]time.Time, len(cs)), make([]bool, len(cs))
	for i, c := range cs {
		if since[i], seeded[i], err = s.Ledger.Begin(ctx, c); err != nil {
			return nil, nil, err
		}
	}
	return since, seeded, nil
}

func (s *Seeding) seed(ctx context.Context, cs []Counter, used []int64) error {
	if many, ok := s.Ledger.(BatchSeeder); ok {
		return many.SeedAll(ctx, cs, used)
	}
	for i, c := range cs {
		if err := s.Ledger.Seed(ctx, c, used[i]); err != nil {
			return err
		}
	}
	return nil
}

// booked reports whether the tables tell what was used of a limit: of spend, and of
// tokens in calendar windows. Rolling minutes are over before it would matter.
func booked(k Kind, w WindowKind) bool {
	return k == KindSpend || k == KindTokens && w == WindowCalendar
}

// missingSpend is one counter that is not complete, and what would complete it.
type missingSpend struct {
	counter Counter
	query   SpendQuery
}

func (s *Seeding) fill(ctx context.Context, missing []missingSpend) error {
	if len(missing) == 0 {
		return nil
	}
	if s.Flush != nil {
		if err := s.Flush(ctx); err != nil {
			return fmt.Errorf("flush before seeding: %w", err)
		}
	}
	for len(missing) > 0 {
		batch := missing[:min(seedBatch, len(missing))]
		missing = missing[len(batch):]
		queries := make([]SpendQuery, len(batch))
		for i, m := range batch {
			queries[i] = m.query
		}
		spent, err := s.History.Spent(ctx, queries)
		if err != nil {
			return err
		}
		counters, used := make([]Counter, len(batch)), make([]int64, len(batch))
		for i, m := range batch {
			counters[i], used[i] = m.counter, int64(spent[i])
		}
		if err := s.seed(ctx, counters, used); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for the scopes an entity's limits hold in.
func (s *Seeding) each(e Entity, f func(level) error) error {
	r := rulesOf(e)
	if r == nil {
		return nil
	}
	var scope Scope
	var defaults []Limit
	switch e := e.(type) {
	case *Organization:
		scope = Scope{ScopeOrganization, e.ID}
	case *Team:
		scope = Scope{ScopeTeam, e.ID}
		for _, m := range e.Members {
			if m.UserID == "" || len(e.memberCompiled) == 0 {
				continue
			}
			l := level{scope: Scope{ScopeMember, MemberID(e.ID, m.UserID)}, defaults: e.memberCompiled}
			if own, ok := s.Directory.members.get(l.scope.ID); ok {
				l.rules, l.defaults = &own.Rules, e.memberDefaults(own.compiled)
			}
			if err := f(l); err != nil {
				return err
			}
		}
	case *Membership:
		scope = Scope{ScopeMember, MemberID(e.TeamID, e.UserID)}
		if t, ok := s.Directory.teams.get(e.TeamID); ok {
			defaults = t.memberDefaults(e.compiled)
		}
	case *Project:
		scope = Scope{ScopeProject, e.ID}
	case *User:
		scope = Scope{ScopeUser, e.ID}
	case *Key:
		if scope = (Scope{ScopeKey, e.Hash.String()}); r.compiled == nil { // as it was before the directory took its copy
			r.compile(e.CreatedAt)
		}
	case *Customer:
		scope = Scope{ScopeCustomer, e.ID}
		defaults = s.Directory.customerDefaults(r, s.Directory.Settings().CustomerBudget)
	case *Tag:
		scope = Scope{ScopeTag, e.Name}
	default:
		return nil
	}
	return f(level{scope: scope, rules: r, defaults: defaults})
}

func rulesOf(e Entity) *Rules {
	switch e := e.(type) {
	case *Key:
		return &e.Rules
	case *Team:
		return &e.Rules
	case *Membership:
		return &e.Rules
	case *Project:
		return &e.Rules
	case *Organization:
		return &e.Rules
	case *User:
		return &e.Rules
	case *Customer:
		return &e.Rules
	case *Budget:
		return &e.Rules
	case *Tag:
		return &e.Rules
	}
	return nil
}
