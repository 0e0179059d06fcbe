package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// LastUsed tells when each key last made a request, for those that did. The sums say in
// which hour it was, so that only one day's rows are asked, and by an index; where that
// day's are gone, it was in that hour.
func (s *Store) LastUsed(ctx context.Context, hashes []string) (map[string]time.Time, error) {
	out := make(map[string]time.Time, len(hashes))
	if len(hashes) == 0 {
		return out, nil
	}
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		// An index is of keys with a name, which a hash that is looked up is not known to have.
		rows, err := c.Query(ctx, `SELECT k.hash, h.hour FROM unnest($1::text[]) AS k(hash)
			CROSS JOIN LATERAL (SELECT hour FROM spend_hourly WHERE key_hash = k.hash AND key_hash <> '' AND adjusted = '' AND requests > 0 ORDER BY hour DESC LIMIT 1) AS h`, hashes)
		if err != nil {
			return err
		}
		days := map[string][]string{}
		var hash string
		var at time.Time
		if _, err = pgx.ForEachRow(rows, []any{&hash, &at}, func() error {
			out[hash] = at.UTC()
			days[dayOf(at)] = append(days[dayOf(at)], hash)
			return nil
		}); err != nil {
			return err
		}
		var batch pgx.Batch
		for day, of := range days {
			batch.Queue(`SELECT key_hash, max(reserved_at) FROM spend_logs WHERE day = $1::text::date AND key_hash = ANY($2::text[]) AND type = '`+string(policy.EntryRequest)+`' GROUP BY key_hash`, day, of).Query(func(rows pgx.Rows) error {
				_, err := pgx.ForEachRow(rows, []any{&hash, &at}, func() error { out[hash] = at.UTC(); return nil })
				return err
			})
		}
		if len(days) == 0 {
			return nil
		}
		return c.SendBatch(ctx, &batch).Close()
	})
	return out, err
}
