package adminsvc

import (
	"cmp"
	"context"
	"math/big"
	"slices"
	"time"

	"github.com/purser/purser/policy"
)

// The orders of a list that go by what was spent in the current window of each budget.
// No column holds that: the windows are derived from the clock when they are read.
const (
	bySpend   = "spend"
	byRunsOut = "runs_out"
)

// listBySpend is policy.List for the orders of the store and for these two. For the
// latter it reads all that match, and what each spent, before the page is cut: it is for
// kinds of which there are thousands, not for keys.
func listBySpend[E policy.Entity](ctx context.Context, s *server, q policy.Query, of func(E) spender) ([]E, int, error) {
	if q.Sort != bySpend && q.Sort != byRunsOut {
		return policy.List[E](ctx, s.Store, q)
	}
	all := q
	all.Sort, all.Descending, all.Limit, all.Offset = "id", false, 0, 0
	list, total, err := policy.List[E](ctx, s.Store, all)
	if err != nil {
		return nil, 0, err
	}
	spenders := make([]spender, len(list))
	for i, e := range list {
		spenders[i] = of(e)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, 0, err
	}
	type ranked struct {
		e     E
		spend policy.Money
		burn  burn
	}
	rows := make([]ranked, len(list))
	for i, e := range list {
		rows[i] = ranked{e: e, spend: spends[i]}
		if q.Sort == byRunsOut {
			rows[i].burn = s.burnOf(spenders[i], spends[i])
		}
	}
	slices.SortStableFunc(rows, func(a, b ranked) int {
		n := cmp.Compare(a.spend, b.spend)
		if q.Sort == byRunsOut {
			n = a.burn.compare(b.burn)
		}
		if q.Descending {
			n = -n
		}
		return n
	})
	from := min(q.Offset, len(rows))
	until := len(rows)
	if q.Limit > 0 {
		until = min(from+q.Limit, until)
	}
	out := make([]E, 0, until-from)
	for _, r := range rows[from:until] {
		out = append(out, r.e)
	}
	return out, total, nil
}

// burn is how near a budget is to its end.
type burn struct {
	at    time.Time // when it is used up at the pace of its window; zero: not before it resets
	parts int64     // used, in millionths; -1 without a budget
}

// burnOf works out when a budget of the entity's own is used up. A window that has just
// begun says little: it counts as a day.
func (s *server) burnOf(of spender, spent policy.Money) burn {
	limit := of.limits.MaxBudget
	if limit == nil || *limit <= 0 {
		return burn{parts: -1}
	}
	now := s.now()
	out := burn{parts: scaled(1_000_000, spent, *limit)}
	if spent >= *limit {
		out.at = now
		return out
	}
	start, end := of.limits.BudgetWindow(of.created).Bounds(now, s.Settings().Calendar)
	if spent <= 0 || start.IsZero() {
		return out
	}
	passed := max(now.Sub(start), 24*time.Hour)
	if at := now.Add(time.Duration(scaled(int64(passed), *limit-spent, spent))); at.After(now) && at.Before(end) {
		out.at = at
	}
	return out
}

// scaled is n times a by b, beyond 64 bits on its way; what does not fit is the largest.
func scaled(n int64, a, b policy.Money) int64 {
	v := new(big.Int).Mul(big.NewInt(n), big.NewInt(int64(a)))
	if v.Div(v, big.NewInt(int64(b))); v.IsInt64() {
		return v.Int64()
	}
	return 1<<63 - 1
}

// compare puts what is used up first, first: where both last, the fuller.
func (b burn) compare(o burn) int {
	switch {
	case b.at.IsZero() != o.at.IsZero():
		if o.at.IsZero() {
			return -1
		}
		return 1
	case !b.at.Equal(o.at):
		return b.at.Compare(o.at)
	}
	return cmp.Compare(o.parts, b.parts)
}
