package adminsvc

import (
	"context"
	"time"

	"github.com/purser/purser/policy"
)

// spender is an entity whose spend is asked for.
type spender struct {
	scope    policy.Scope
	limits   *policy.Limits
	budgetID string // a shared budget, whose window counts where the entity has no budget of its own
	created  time.Time
}

// spent answers what each spent in its current budget window, in order.
func (s *server) spent(ctx context.Context, of ...spender) ([]policy.Money, error) {
	return s.spentIn(ctx, s.Store, of...)
}

// spentIn is spent with shared budgets as r has them.
func (s *server) spentIn(ctx context.Context, r policy.Reader, of ...spender) ([]policy.Money, error) {
	if len(of) == 0 {
		return nil, nil
	}
	queries := make([]policy.SpendQuery, len(of))
	for i, e := range of {
		w, err := s.budgetWindow(ctx, r, e)
		if err != nil {
			return nil, err
		}
		from, until := w.Bounds(s.now(), s.Settings().Calendar)
		queries[i] = policy.SpendQuery{Scope: e.scope, From: from, Until: until}
	}
	return s.Spend.Spent(ctx, queries)
}

func (s *server) budgetWindow(ctx context.Context, r policy.Reader, e spender) (policy.Window, error) {
	if e.limits.BudgetDuration == "" && e.limits.MaxBudget == nil && e.budgetID != "" {
		b, err := find[*policy.Budget](ctx, r, policy.EntityBudget, e.budgetID)
		if err != nil {
			return policy.Window{}, err
		}
		if b != nil {
			return b.Limits.BudgetWindow(b.CreatedAt), nil
		}
	}
	return e.limits.BudgetWindow(e.created), nil
}

// resetAt is when the entity's budget is next full again; nil if never.
func (s *server) resetAt(l *policy.Limits, created time.Time) any {
	_, end := l.BudgetWindow(created).Bounds(s.now(), s.Settings().Calendar)
	return when(end)
}
