package postgres

import (
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// ranges are stretches of time, each counted to a day by its name.
type ranges struct {
	day         []string
	from, until []time.Time
	sign        []int64 // -1: taken out again
}

func (r *ranges) add(day string, from, until time.Time, sign int64) {
	if from.Before(until) {
		r.day, r.from, r.until, r.sign = append(r.day, day), append(r.from, from), append(r.until, until), append(r.sign, sign)
	}
}

// parts are how a query's days are added up: from quarters of days (UTC), what is
// nearest, then from the hours that this has too few or too many, then from rows.
type parts struct {
	days  map[[quarters]bool]*ranges // from is the day
	masks [][quarters]bool           // in the order they were needed
	hours ranges
	rows  ranges
	// grouped are the columns that the hours of a range are added up by before they are
	// given out: a range at a time is few groups, all of them at once are many.
	grouped []string
}

// add counts [from, until) to a day. Where there are no sums by day, it is all from hours.
func (p *parts) add(day string, from, until time.Time, daily bool) {
	s := spansOf(from, until)
	if s.wantHead {
		p.rows.add(day, s.head, s.headEnd, 1)
	}
	if s.wantTail {
		p.rows.add(day, s.tail, s.tailEnd, 1)
	}
	if !s.wantHours {
		return
	}
	first, last := s.from.Round(quarter), s.until.Round(quarter)
	if !daily || !first.Before(last) {
		p.hours.add(day, s.from, s.until, 1)
		return
	}
	p.hours.add(day, s.from, first, 1)
	p.hours.add(day, first, s.from, -1)
	p.hours.add(day, s.until, last, -1)
	p.hours.add(day, last, s.until, 1)
	for at := first; at.Before(last); {
		date := at.Truncate(24 * time.Hour)
		var mask [quarters]bool
		for ; at.Before(last) && at.Truncate(24*time.Hour).Equal(date); at = at.Add(quarter) {
			mask[quarterOf(at)] = true
		}
		if p.days[mask] == nil {
			if p.days == nil {
				p.days = map[[quarters]bool]*ranges{}
			}
			p.days[mask] = &ranges{}
			p.masks = append(p.masks, mask)
		}
		p.days[mask].add(day, date, at, 1)
	}
}

// union selects what the parts are made of: what it is told apart by, then the measures,
// some of them to be taken out again. Empty where there are no parts.
func (p *parts) union(b *conditions, g grouping, dims func(entity string, name func(string) string) string, filters func(entity string) string) string {
	named := func(column string) string { return column }
	orEmpty := func(column string) string { return "coalesce(l." + column + ", '')" }
	measured := func(of func(i int, m string) string) string {
		var out []string
		for i, m := range measureNames {
			out = append(out, of(i, m)+" AS "+m)
		}
		return strings.Join(out, ", ")
	}
	given := func(r *ranges, columns string, lists ...any) string {
		holes := []string{b.arg(r.day) + "::text[]"}
		for i, list := range lists {
			holes = append(holes, b.arg(list)+"::"+strings.Fields(columns)[i*2+1]+"[]")
		}
		var names []string
		for i := range lists {
			names = append(names, strings.Fields(columns)[i*2])
		}
		return "unnest(" + strings.Join(holes, ", ") + ") AS t(label, " + strings.Join(names, ", ") + ")"
	}
	var union []string
	for _, mask := range p.masks {
		r := p.days[mask]
		union = append(union, "SELECT "+dims(g.hours, named)+", "+measured(func(_ int, m string) string { return ofQuarters(m, mask) })+
			" FROM "+given(r, "of date", r.from)+" JOIN "+dailyTables[g.table].name+" ON day = t.of WHERE adjusted = '' AND "+g.hoursWhere+" AND "+filters(g.hours))
	}
	if len(p.hours.day) == 1 && p.grouped == nil {
		// Of one range the planner knows how much it is, and reads much of it in parallel.
		r := &p.hours
		union = append(union, "SELECT "+dims(g.hours, named)+", "+measured(func(_ int, m string) string { return "sign * " + m })+
			" FROM (SELECT "+b.arg(r.day[0])+"::text AS label, "+b.arg(r.sign[0])+"::bigint AS sign) AS t, "+g.table+
			" WHERE hour >= "+b.arg(r.from[0])+" AND hour < "+b.arg(r.until[0])+" AND adjusted = '' AND "+g.hoursWhere+" AND "+filters(g.hours))
	} else if len(p.hours.day) > 0 {
		from, by := "*", ""
		if p.grouped != nil {
			by = strings.Join(p.grouped, ", ")
			from = by + ", " + measured(func(_ int, m string) string { return "sum(" + m + ")::bigint" })
			by = " GROUP BY " + by
		}
		union = append(union, "SELECT "+dims(g.hours, named)+", "+measured(func(_ int, m string) string { return "sign * " + m })+
			" FROM "+given(&p.hours, "h1 timestamptz h2 timestamptz sign bigint", p.hours.from, p.hours.until, p.hours.sign)+
			// Range by range: joined, the planner reads the whole table and looks at every range for every row.
			" CROSS JOIN LATERAL (SELECT "+from+" FROM "+g.table+" WHERE hour >= t.h1 AND hour < t.h2 AND adjusted = '' AND "+g.hoursWhere+" AND "+filters(g.hours)+by+" OFFSET 0) AS h")
	}
	if len(p.rows.day) > 0 {
		// A part of an hour is of one day, UTC: of one partition, and there are many.
		union = append(union, "SELECT "+dims(g.rows, orEmpty)+", "+measured(func(i int, _ string) string { return "(" + rowMeasures[i] + ")::bigint" })+
			" FROM "+given(&p.rows, "a1 timestamptz a2 timestamptz", p.rows.from, p.rows.until)+
			" CROSS JOIN LATERAL (SELECT * FROM spend_logs WHERE reserved_at >= t.a1 AND reserved_at < t.a2 AND day = (t.a1 AT TIME ZONE 'UTC')::date OFFSET 0) AS l"+
			" CROSS JOIN LATERAL (SELECT l.type = '"+string(policy.EntryRequest)+"' AS request) AS is_request"+g.rowsJoin+
			" WHERE request AND "+g.rowsWhere+" AND "+filters(g.rows))
	}
	return strings.Join(union, " UNION ALL ")
}
