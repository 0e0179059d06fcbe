package policy

import (
	"context"
	"fmt"
	"time"
)

// Seeding adds to the ledger's spend counters what was spent before they began
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

// seedBatch bounds the queries asked of History at once.
const seedBatch = 5000

// All completes the counters of everything the directory holds.
func (s *Seeding) All(ctx context.Context) error {
	var all []Entity
	s.Directory.Each(func(e Entity) bool {
		all = append(all, e)
		return true
	})
	return s.Entities(ctx, all)
}

// Entities completes the counters of these entities, which are in the directory,
// and the proxy's own. A changed budget stands for all that refer to it.
func (s *Seeding) Entities(ctx context.Context, changed []Entity) error {
	settings := s.Directory.Settings()
	now := s.Clock()
	var missing []missingSpend
	add := func(l level) error {
		for _, limit := range l.limits(s.Directory) {
			if limit.Kind != KindSpend {
				continue
			}
			h := Hold{Scope: l.scope, Kind: limit.Kind, Model: limit.Model, Window: limit.Window}
			h.Start, h.End = limit.Window.Bounds(now, settings.Calendar)
			since, seeded, err := s.Ledger.Begin(ctx, h.Counter())
			if err != nil {
				return err
			}
			if !seeded {
				missing = append(missing, missingSpend{h.Counter(), SpendQuery{l.scope, limit.Model, h.Start, since}})
			}
		}
		return nil
	}
	if err := add(level{scope: Scope{Kind: ScopeProxy}, defaults: settings.compiled}); err != nil {
		return err
	}
	budgets := map[string]bool{}
	for _, e := range changed {
		if b, ok := e.(*Budget); ok {
			budgets[b.ID] = true
		}
		if err := s.each(e, add); err != nil {
			return err
		}
	}
	if len(budgets) > 0 {
		var err error
		s.Directory.Each(func(e Entity) bool {
			_, customer := e.(*Customer)
			if r := rulesOf(e); r != nil && (budgets[r.BudgetID] || customer && budgets[settings.CustomerBudget]) {
				err = s.each(e, add)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return s.fill(ctx, missing)
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
		for i, m := range batch {
			if err := s.Ledger.Seed(ctx, m.counter, int64(spent[i])); err != nil {
				return err
			}
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
