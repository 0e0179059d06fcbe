package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// LastUsed tells when each key last made a request, for those that did. The sums say in
// which hour it was, so that only one day's rows are asked, and by an index.
func (s *Store) LastUsed(ctx context.Context, hashes []string) (map[string]time.Time, error) {
	out := make(map[string]time.Time, len(hashes))
	if len(hashes) == 0 {
		return out, nil
	}
	err := s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `
			SELECT k.hash, coalesce((SELECT max(l.reserved_at) FROM spend_logs l WHERE l.key_hash = k.hash AND l.reserved_at >= h.hour AND l.day = (h.hour AT TIME ZONE 'UTC')::date), h.hour)
			FROM unnest($1::text[]) AS k(hash)
			CROSS JOIN LATERAL (SELECT hour FROM spend_hourly WHERE key_hash = k.hash AND adjusted = '' AND requests > 0 ORDER BY hour DESC LIMIT 1) AS h`, hashes)
		if err != nil {
			return err
		}
		var hash string
		var at time.Time
		_, err = pgx.ForEachRow(rows, []any{&hash, &at}, func() error {
			out[hash] = at.UTC()
			return nil
		})
		return err
	})
	return out, err
}
