package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// stamp of a day: another one after every transaction that changed its sums. The zero
// one is of a day that has not changed since there are stamps.
type stamp [16]byte

// A random one, because a database restored from yesterday counts on from yesterday.
const stampSQL = `INSERT INTO spend_day_stamps (day, stamp) SELECT day, gen_random_uuid() FROM unnest($1::date[]) AS days(day)
	ON CONFLICT (day) DO UPDATE SET stamp = excluded.stamp`

// stampDays marks the days that a batch changes. It comes last in a transaction: each
// writer wants today's.
func (s *sums) stampDays(ctx context.Context, tx pgx.Tx) error {
	var days []time.Time
	for _, hours := range []map[hourKey]*measures{s.hours, s.tags} {
		for k := range hours {
			if day := k.hour.UTC().Truncate(24 * time.Hour); !slices.Contains(days, day) {
				days = append(days, day)
			}
		}
	}
	if len(days) == 0 {
		return nil
	}
	slices.SortFunc(days, time.Time.Compare)
	_, err := tx.Exec(ctx, stampSQL, days)
	return err
}

// stampsOf reads the stamps of the days (UTC) that a time touches, by the day's start.
func stampsOf(ctx context.Context, q querier, from, until time.Time) (map[int64]stamp, error) {
	rows, err := q.Query(ctx, `SELECT day, stamp FROM spend_day_stamps WHERE day BETWEEN $1 AND $2`, from.UTC().Truncate(24*time.Hour), until.UTC().Truncate(24*time.Hour))
	if err != nil {
		return nil, err
	}
	out := map[int64]stamp{}
	var day time.Time
	var id [16]byte
	_, err = pgx.ForEachRow(rows, []any{&day, &id}, func() error { out[day.Unix()] = id; return nil })
	return out, err
}
