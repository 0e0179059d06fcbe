package adminsvc

import (
	"context"
	"time"

	"github.com/purser/purser/policy"
)

// spendDay is one day's sums, as /spend/logs answers with.
type spendDay struct {
	day    string
	spend  policy.Money
	users  map[string]policy.Money
	models map[string]policy.Money
}

// spendByDay sums what a query selects by day. Where the hourly sums can tell,
// they do; other filters are added up from the rows.
func (s *server) spendByDay(ctx context.Context, q policy.LogQuery) (any, error) {
	days, err := s.sumDays(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Object, 0, len(days)+1)
	last := q.Until.Add(-time.Microsecond).UTC().Format(time.DateOnly)
	seen := false
	for _, day := range sortedNames(days) {
		d := days[day]
		out = append(out, Object{{"startTime", day}, {"spend", dollars(d.spend)}, {"users", moneyMap(d.users)}, {"models", moneyMap(d.models)}})
		seen = day == last
	}
	if !seen { // charts need a point where the range ends
		out = append(out, Object{{"startTime", last}, {"spend", dollars(0)}, {"users", Object{}}, {"models", Object{}}})
	}
	return out, nil
}

func (s *server) sumDays(ctx context.Context, q policy.LogQuery) (map[string]*spendDay, error) {
	days := map[string]*spendDay{}
	at := func(day string) *spendDay {
		d := days[day]
		if d == nil {
			d = &spendDay{day: day, users: map[string]policy.Money{}, models: map[string]policy.Money{}}
			days[day] = d
		}
		return d
	}
	wholeDays := q.From.Equal(q.From.Truncate(24*time.Hour)) && q.Until.Equal(q.Until.Truncate(24*time.Hour))
	if a, ok := sumsOf(q); ok && wholeDays {
		if a.By = policy.ByDay | policy.ByModel; a.Scope == policy.ScopeUser {
			a.By |= policy.ByEntity
		}
		rows, err := s.Spend.Activity(ctx, a)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			d := at(r.Day)
			d.spend += r.Spend
			d.models[publicName(r)] += r.Spend
			if a.Scope == policy.ScopeUser {
				d.users[r.Entity] += r.Spend
			}
		}
		if a.Scope == policy.ScopeUser {
			return days, nil
		}
		a.Scope, a.IDs, a.By = policy.ScopeUser, nil, policy.ByDay|policy.ByEntity // nothing but the key narrows it
		if rows, err = s.Spend.Activity(ctx, a); err != nil {
			return nil, err
		}
		for _, r := range rows {
			at(r.Day).users[r.Entity] += r.Spend
		}
		return days, nil
	}
	const most = 10 * maxSpendLogs
	q.Limit = most
	entries, total, _, err := s.Spend.Logs(ctx, q)
	if err != nil {
		return nil, err
	}
	if total > len(entries) {
		return nil, badRequest("start_date", "More than %d requests match: ask for fewer days", most)
	}
	for i := range entries {
		e := &entries[i]
		d := at(e.StartedAt.UTC().Format(time.DateOnly))
		d.spend += e.Cost.Total
		d.models[publicName(policy.ActivityRow{Model: e.Model, ModelGroup: e.ModelGroup})] += e.Cost.Total
		if e.UserID != "" {
			d.users[e.UserID] += e.Cost.Total
		}
	}
	return days, nil
}

// sumsOf is a query as one of the sums; false where they cannot tell.
func sumsOf(q policy.LogQuery) (policy.ActivityQuery, bool) {
	a := policy.ActivityQuery{Scope: policy.ScopeProxy, From: q.From, Until: q.Until, KeyHash: q.KeyHash, Zone: time.UTC}
	if q.UserID != "" {
		a.Scope, a.IDs = policy.ScopeUser, []string{q.UserID}
	}
	return a, q.TeamID == "" && q.ProjectID == "" && q.OrganizationID == "" && q.Customer == "" && q.RequestID == "" && q.Session == "" &&
		q.Model == "" && q.ModelGroup == "" && q.Deployment == "" && q.KeyAlias == "" && q.Status == "" && q.Tag == "" &&
		q.MinCost == nil && q.MaxCost == nil && q.Teams == nil
}

// publicName is the model of a sum as callers know it.
func publicName(r policy.ActivityRow) string {
	if r.ModelGroup != "" {
		return r.ModelGroup
	}
	return r.Model
}
