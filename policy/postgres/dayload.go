package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// loadDays reads the days that are nil, and keeps them; false where they are too much.
func (s *Store) loadDays(ctx context.Context, tx pgx.Tx, w *wantedDays, stamps [][]stamp, days []*cachedDay, names *naming) (bool, error) {
	by := w.at[0].by
	g, columns, daily := groupOf(by), cacheNames[cOwn+1:], by != policy.ScopeCustomer
	if by != policy.ScopeProxy {
		columns = append([]string{""}, cacheNames[cKey:]...)
	}
	var p parts
	var touched []time.Time
	for i := range days {
		if days[i] == nil {
			days[i] = &cachedDay{at: w.at[i], stamps: stamps[i]}
			p.add(strconv.Itoa(i), w.from[i], w.until[i], daily)
			for _, day := range utcDays(w.from[i], w.until[i]) {
				touched = append(touched, time.Unix(day, 0).UTC())
			}
		} else {
			days[i] = &cachedDay{at: w.at[i], rows: days[i].rows} // not to be kept again
		}
	}
	// Customers are not in the days, only in the hours, of which they have some each.
	count, most := "SELECT FROM "+dailyTables[g.table].name+" WHERE day = ANY($1::date[])", s.cache.most
	if !daily {
		// Day by day, by the hours' own order: joined, each row is held against each day.
		count, most = "SELECT FROM unnest($1::date[]) AS days(day) CROSS JOIN LATERAL (SELECT FROM "+g.table+
			" WHERE hour >= day::timestamp AT TIME ZONE 'UTC' AND hour < (day + 1)::timestamp AT TIME ZONE 'UTC' OFFSET 0) AS found", 4*s.cache.most
	}
	slices.SortFunc(touched, time.Time.Compare)
	touched = slices.CompactFunc(touched, time.Time.Equal)
	var rows int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM ("+count+" LIMIT $2) AS found", touched, most+1).Scan(&rows); err != nil {
		return false, err
	}
	if rows > most {
		s.cache.tooLarge(w.at, true)
		return false, nil
	}
	if !daily {
		p.grouped = append([]string{g.hours}, columns[1:]...)
		if _, err := tx.Exec(ctx, inMemory); err != nil {
			return false, err
		}
	}
	var b conditions
	sql := p.union(&b, g, func(entity string, name func(string) string) string {
		out := "t.label"
		for _, c := range columns {
			if c == "" {
				out += ", " + entity + " AS own"
			} else {
				out += ", " + name(c) + " AS " + c
			}
		}
		return out
	}, func(string) string { return "true" })
	if sql != "" {
		if err := readDays(ctx, tx, days, names, columns, sql, b.args); err != nil {
			return false, err
		}
	}
	for _, d := range days {
		if d.stamps != nil {
			s.cache.put(d, names)
		}
	}
	return true, nil
}

// readDays adds the rows up that days are made of.
func readDays(ctx context.Context, tx pgx.Tx, days []*cachedDay, names *naming, columns []string, sql string, args []any) error {
	place := make([]int, len(columns))
	for i, c := range columns {
		for d, name := range cacheNames {
			if c == name {
				place[i] = d
			}
		}
	}
	rows, err := tx.Query(ctx, sql, append([]any{binaryFormat}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	type key struct {
		day  int
		dims [cDims]uint32
	}
	at := map[key]int{}
	for rows.Next() {
		v := rows.RawValues()
		var k key
		if k.day, err = strconv.Atoi(string(v[0])); err != nil {
			return err
		}
		names.mu.Lock()
		for i, d := range place {
			k.dims[d] = names.id(v[1+i])
		}
		names.mu.Unlock()
		var sums measures
		for i := range sums {
			b := v[1+len(place)+i]
			if len(b) != 8 {
				return fmt.Errorf("a sum of %d bytes", len(b))
			}
			sums[i] = int64(binary.BigEndian.Uint64(b))
		}
		d := days[k.day]
		i, ok := at[k]
		if !ok {
			i = len(d.rows)
			at[k] = i
			d.rows = append(d.rows, cachedRow{dims: k.dims})
		}
		if !d.rows[i].sums.add(sums, 1) {
			return errOverflow
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, d := range days {
		if d.stamps == nil {
			continue
		}
		kept := make([]cachedRow, 0, len(d.rows)) // of its true size: it stays
		for _, r := range d.rows {
			if r.sums != (measures{}) {
				kept = append(kept, r)
			}
		}
		d.rows = kept
	}
	return nil
}
