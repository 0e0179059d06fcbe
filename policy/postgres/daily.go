package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// A day's sums are kept in quarters: of another zone's day, which begins and ends
// anywhere in them, at most three hours at either end are left to the hours.
const (
	quarters = 4
	quarter  = 6 * time.Hour
)

var (
	dayDims    = []int{dAdjusted, dKey, dUser, dTeam, dProject, dOrganization, dAsked, dGroup, dModel, dProvider, dRoute}
	dayTagDims = hourTagDims
)

// dailyTables are the tables of days beside those of hours.
var dailyTables = map[string]struct {
	name string
	dims []int
}{"spend_hourly": {"spend_daily", dayDims}, "spend_hourly_tag": {"spend_daily_tag", dayTagDims}}

// dailyWritten tells the triggers of the tables of hours that the days are written and stamped, too.
const dailyWritten = `SELECT set_config('purser.daily', 'stamped', true)`

// quarterOf is the quarter of its day (UTC) that an hour is in.
func quarterOf(hour time.Time) int { return hour.UTC().Hour() / int(quarter/time.Hour) }

// daySums are a row of a day.
type daySums [quarters]measures

// writeDays adds what a batch changes of the hours to the days, in the order of their key.
func writeDays(ctx context.Context, tx pgx.Tx, hourly string, hours map[hourKey]*measures) error {
	table := dailyTables[hourly]
	days := map[hourKey]*daySums{}
	var used [quarters]bool
	for k, m := range hours {
		if k.dims[dAdjusted] == policy.ScopeCustomer.String() || *m == (measures{}) {
			continue
		}
		q := quarterOf(k.hour)
		k.hour, k.dims[dCustomer] = k.hour.UTC().Truncate(24*time.Hour), ""
		if days[k] == nil {
			days[k] = new(daySums)
		}
		if !days[k][q].add(*m, 1) {
			return errOverflow
		}
		used[q] = true
	}
	if len(days) == 0 {
		return nil
	}
	type row struct {
		id   [16]byte
		key  hourKey
		sums *daySums
	}
	sorted := make([]row, 0, len(days))
	for k, s := range days {
		sorted = append(sorted, row{k.combination(table.dims), k, s})
	}
	slices.SortFunc(sorted, func(a, b row) int { return cmp.Or(a.key.hour.Compare(b.key.hour), slices.Compare(a.id[:], b.id[:])) })
	dates, ids := make([]time.Time, len(sorted)), make([][16]byte, len(sorted))
	texts := columnsOf[string](len(table.dims), len(sorted))
	var counts [][]int64
	for q := range quarters {
		if !used[q] {
			continue
		}
		columns := columnsOf[int64](len(measureNames), len(sorted))
		for i, r := range sorted {
			for c := range columns {
				columns[c][i] = r.sums[q][c]
			}
		}
		counts = append(counts, columns...)
	}
	for i, r := range sorted {
		dates[i], ids[i] = r.key.hour, r.id
		for c, d := range table.dims {
			texts[c][i] = r.key.dims[d]
		}
	}
	_, err := tx.Exec(ctx, dayStatements[hourly][used], arguments([]any{dates, ids}, texts, counts)...)
	return err
}

// daySQL adds rows given as arrays, of which only some quarters changed: all the batch's
// rows in one statement, so that writers take them in one order.
func daySQL(table string, dims []int, used [quarters]bool) string {
	names, types, sets := []string{"day", "combination"}, []string{"$1::date[]", "$2::uuid[]"}, []string{}
	add := func(name, typ string) {
		names = append(names, name)
		types = append(types, "$"+itoa(len(types)+1)+"::"+typ+"[]")
	}
	for _, d := range dims {
		add(dimNames[d], "text")
	}
	for q := range quarters {
		for _, m := range measureNames {
			if used[q] {
				name := inQuarter(m, q)
				add(name, "bigint")
				sets = append(sets, name+" = "+table+"."+name+" + excluded."+name)
			}
		}
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" + strings.Join(types, ", ") +
		") ON CONFLICT (day, combination) DO UPDATE SET " + strings.Join(sets, ", ")
}

var dayStatements = func() map[string]map[[quarters]bool]string {
	out := map[string]map[[quarters]bool]string{}
	for hourly, t := range dailyTables {
		out[hourly] = map[[quarters]bool]string{}
		for mask := 1; mask < 1<<quarters; mask++ {
			var used [quarters]bool
			for q := range used {
				used[q] = mask>>q&1 == 1
			}
			out[hourly][used] = daySQL(t.name, t.dims, used)
		}
	}
	return out
}()

// inQuarter is the column of a measure's quarter.
func inQuarter(measure string, q int) string { return measure + "_" + itoa(q) }

// ofQuarters adds a measure's quarters up.
func ofQuarters(measure string, used [quarters]bool) string {
	var parts []string
	for q := range used {
		if used[q] {
			parts = append(parts, inQuarter(measure, q))
		}
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

var wholeDay = [quarters]bool{true, true, true, true}

// daysDiffer compares a table of days with the hours.
func daysDiffer(hourly string) string {
	table := dailyTables[hourly]
	var keys, sums, same []string
	for _, d := range table.dims {
		keys = append(keys, dimNames[d])
	}
	dims := strings.Join(keys, ", ")
	for _, m := range measureNames {
		for q := range quarters {
			name := inQuarter(m, q)
			sums = append(sums, fmt.Sprintf("coalesce(sum(%s) FILTER (WHERE quarter = %d), 0)::bigint AS %s", m, q, name))
			same = append(same, fmt.Sprintf("coalesce(a.%[1]s, 0) = coalesce(b.%[1]s, 0)", name))
		}
	}
	return `WITH a AS (
			SELECT day, ` + dims + `, ` + strings.Join(sums, ", ") + `
			FROM (SELECT (hour AT TIME ZONE 'UTC')::date AS day, extract(hour FROM hour AT TIME ZONE 'UTC')::int / 6 AS quarter, * FROM ` + hourly + ` WHERE adjusted <> 'customer') AS h
			GROUP BY day, ` + dims + `),
		b AS (SELECT * FROM ` + table.name + `)
		SELECT format('` + table.name + `: hours %s, days %s', row_to_json(a), row_to_json(b))
		FROM a FULL JOIN b USING (day, ` + dims + `)
		WHERE NOT (` + strings.Join(same, " AND ") + `) LIMIT ` + itoa(maxDifferences)
}
