package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// known tells from the sums how many rows each day has; nil where they do not tell, or
// there is nothing that they could be looked up by. Not exact: it has at most so many.
func (w *logWalk) known(ctx context.Context, tx pgx.Tx) (counts map[string]int64, exact bool, err error) {
	q := w.q
	m, ok := w.summed()
	if !ok || !w.owned() {
		return nil, false, nil
	}
	counted, exact := measureNames[m], true
	q.Status, q.From, q.Until = "", time.Time{}, time.Time{}
	table, day, sum, column, bound := "spend_daily", "day", ofQuarters(counted, wholeDay), "day", "::text::date"
	var b conditions
	tests := []string{"true"}
	switch {
	case q.Tag != "": // whose sums know the key, and none of the others
		table, exact = "spend_daily_tag", q.Teams == nil && q.UserID+q.TeamID+q.ProjectID+q.OrganizationID+q.Customer == ""
		tests = append(tests, "tag = "+b.arg(clean(q.Tag, maxID)))
		q.Tag, q.Teams, q.UserID, q.TeamID, q.ProjectID, q.OrganizationID, q.Customer = "", nil, "", "", "", "", ""
	case q.Customer != "": // whom the days do not know
		table, day, sum, column, bound = "spend_hourly", "(hour AT TIME ZONE 'UTC')::date", counted, "hour", "::text::timestamp AT TIME ZONE 'UTC'"
	}
	tests = append(tests, strings.ReplaceAll(logConditions(&b, q), "type = '"+string(policy.EntryRequest)+"'", "adjusted = ''"))
	if !w.q.From.IsZero() {
		tests = append(tests, column+" >= "+b.arg(dayOf(w.q.From.Add(-24*time.Hour)))+bound)
	}
	if !w.q.Until.IsZero() {
		tests = append(tests, column+" < "+b.arg(dayOf(w.q.Until.Add(48*time.Hour)))+bound)
	}
	rows, err := tx.Query(ctx, "SELECT "+day+"::text, sum("+sum+")::bigint FROM "+table+" WHERE "+strings.Join(tests, " AND ")+" GROUP BY "+day, b.args...)
	if err != nil {
		return nil, false, err
	}
	counts = map[string]int64{}
	var at string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&at, &n}, func() error { counts[at] = n; return nil })
	return counts, exact, err
}

// owned: the query is of somebody's rows, by whom the sums can be looked up.
func (w *logWalk) owned() bool {
	q := w.q
	return q.Tag != "" || q.Customer != "" || q.KeyHash != "" || q.UserID != "" || q.TeamID != "" || q.ProjectID != "" || q.OrganizationID != "" || q.Teams != nil
}

// summed is what of the sums is the number of the query's rows; false where none is.
func (w *logWalk) summed() (measure int, ok bool) {
	q := w.q
	if q.Session != "" || q.Deployment != "" || q.KeyAlias != "" || q.MinCost != nil || q.MaxCost != nil || q.HTTPStatus != 0 || q.ErrorText != "" {
		return 0, false
	}
	measure, ok = map[policy.Status]int{"": mRequests, policy.StatusSuccess: mSucceeded, policy.StatusFailure: mFailed}[q.Status]
	return measure, ok
}

// know finds out how many rows some days have where nobody's alone are asked for: from
// the days' sums in memory, which are read for as many days as the walk needs.
func (w *logWalk) know(ctx context.Context, tx pgx.Tx, days []logDay) error {
	m, ok := w.summed()
	if !ok || w.owned() || len(days) == 0 {
		return nil
	}
	counts, err := w.s.countDays(ctx, tx, days, w.q, m)
	for i, n := range counts {
		days[i].rows = n
	}
	return err
}
