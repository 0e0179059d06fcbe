package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// mostCachedDays bounds the days of a query that are looked for in memory.
const mostCachedDays = 1000

// wantedDays are the days of a query.
type wantedDays struct {
	labels      []string
	from, until []time.Time
	at          []cachedAt
}

func daysWanted(q policy.ActivityQuery, zone *time.Location) (w wantedDays) {
	by := policy.ScopeProxy
	if q.Scope == policy.ScopeTag || q.Scope == policy.ScopeCustomer {
		by = q.Scope
	}
	y, m, first := q.From.Date()
	uy, um, uday := q.Until.Date()
	end := time.Date(uy, um, uday, 0, 0, 0, 0, time.UTC)
	for i := range maxDays {
		date := time.Date(y, m, first+i, 0, 0, 0, 0, time.UTC)
		if !date.Before(end) {
			break
		}
		from, until := time.Date(y, m, first+i, 0, 0, 0, 0, zone), time.Date(y, m, first+i+1, 0, 0, 0, 0, zone)
		w.labels, w.from, w.until = append(w.labels, date.Format(dayFormat)), append(w.from, from), append(w.until, until)
		w.at = append(w.at, cachedAt{by: by, from: from.Unix(), until: until.Unix()})
	}
	return w
}

// stamps of each day.
func (w *wantedDays) stamps(of map[int64]stamp) [][]stamp {
	out := make([][]stamp, len(w.at))
	for i := range out {
		for _, day := range utcDays(w.from[i], w.until[i]) {
			out[i] = append(out[i], of[day])
		}
	}
	return out
}

// cachedActivity answers from days in memory, which it reads where they are not there or
// have changed; false where that is not for this query: a few entities' sums are read faster
// than everybody's, and what does not fit into the memory meant for it is read in vain. Behind are
// days that are to be read once the tables have answered.
func (s *Store) cachedActivity(ctx context.Context, q policy.ActivityQuery, zone *time.Location) (out []policy.ActivityRow, ok bool, behind *wantedDays, err error) {
	w := daysWanted(q, zone)
	if s.cfg.ActivityRows < 0 || len(w.at) == 0 || len(w.at) > mostCachedDays {
		return nil, false, nil, nil
	}
	var days []*cachedDay
	var names *naming
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		stamps, err := stampsOf(ctx, c, w.from[0], w.until[len(w.until)-1])
		days, ok, names = s.cache.find(w.at, w.stamps(stamps))
		return err
	})
	if err != nil {
		return nil, false, nil, err
	}
	if !ok {
		if q.IDs != nil || q.KeyHash != "" || s.cache.tooLarge(w.at, false) {
			return nil, false, nil, nil
		}
		if coarse(q, days) {
			return nil, false, &w, nil
		}
		select {
		case s.cache.loading <- struct{}{}:
			defer func() { <-s.cache.loading }()
		case <-ctx.Done():
			return nil, false, nil, s.fail(ctx, ctx.Err())
		}
		if days, names, ok, err = s.loadWanted(ctx, &w); err != nil || !ok {
			return nil, false, nil, err
		}
	}
	out, err = reduce(q, w.labels, days, names)
	return out, true, nil, err
}

// loadWanted makes a query's days be there; false where they are too much.
func (s *Store) loadWanted(ctx context.Context, w *wantedDays) (days []*cachedDay, names *naming, ok bool, err error) {
	first, last := w.from[0], w.until[len(w.until)-1]
	err = s.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		of, err := stampsOf(ctx, tx, first, last)
		if err != nil {
			return err
		}
		stamps := w.stamps(of)
		if days, ok, names = s.cache.find(w.at, stamps); ok {
			return nil
		}
		ok, err = s.loadDays(ctx, tx, w, stamps, days, names)
		return err
	})
	return days, names, ok, err
}

// fewDays of customers are read while somebody waits for them.
const fewDays = 3

// coarse reports whether a query of customers is answered from the tables sooner than
// many days of them are read: they have no sums by day, and here few groups.
func coarse(q policy.ActivityQuery, days []*cachedDay) bool {
	missing := 0
	for _, d := range days {
		if d == nil {
			missing++
		}
	}
	return q.Scope == policy.ScopeCustomer && q.By != 0 && q.By&(policy.ByDay|policy.ByKey) == 0 && missing > fewDays
}

// loadBehind reads days for who asks next, where nobody reads any.
func (s *Store) loadBehind(w wantedDays) {
	select {
	case s.cache.loading <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.cache.loading }()
		if _, _, _, err := s.loadWanted(s.life, &w); err != nil {
			s.cfg.Log.Debug("days of customers were not read ahead", "error", err)
		}
	}()
}

// countDays adds up what a measure is of the rows of each of some days (UTC) that a query
// of nobody's rows in particular selects; nil where that is not known.
func (s *Store) countDays(ctx context.Context, tx pgx.Tx, of []logDay, q policy.LogQuery, measure int) ([]int64, error) {
	if s.cfg.ActivityRows < 0 {
		return nil, nil
	}
	var w wantedDays
	first, last := of[0].day, of[0].day
	for _, d := range of {
		from, until := d.day, d.day.AddDate(0, 0, 1)
		w.from, w.until, w.at = append(w.from, from), append(w.until, until), append(w.at, cachedAt{by: policy.ScopeProxy, from: from.Unix(), until: until.Unix()})
		if from.Before(first) {
			first = from
		}
		last = later(last, from)
	}
	stamps, err := stampsOf(ctx, tx, first, last)
	if err != nil {
		return nil, err
	}
	days, ok, names := s.cache.find(w.at, w.stamps(stamps))
	if !ok {
		if s.cache.tooLarge(w.at, false) {
			return nil, nil
		}
		if ok, err = s.loadDays(ctx, tx, &w, w.stamps(stamps), days, names); err != nil || !ok {
			return nil, err
		}
	}
	out := make([]int64, len(days))
	model, modelKnown := names.find(clean(q.Model, maxID))
	group, groupKnown := names.find(clean(q.ModelGroup, maxID))
	if q.Model != "" && !modelKnown || q.ModelGroup != "" && !groupKnown {
		return out, nil
	}
	for i, d := range days {
		for n := range d.rows {
			r := &d.rows[n]
			if (q.Model == "" || r.dims[cModel] == model || r.dims[cAsked] == model) && (q.ModelGroup == "" || r.dims[cGroup] == group || r.dims[cAsked] == group) {
				out[i] += r.sums[measure]
			}
		}
	}
	return out, nil
}
