package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Replicas lists the processes that were heard of within a minute, by kind and id.
func (s *Store) Replicas(ctx context.Context) (all []policy.Replica, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `
			SELECT id, kind, greatest(0, (SELECT value FROM revision) - revision), greatest(0, extract(epoch FROM now() - seen_at))::float8
			FROM replicas WHERE seen_at > now() - interval '1 minute' ORDER BY kind, id`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r policy.Replica, err error) {
			var seconds float64
			err = row.Scan(&r.ID, &r.Kind, &r.Behind, &seconds)
			r.Seen = time.Duration(seconds * float64(time.Second))
			return r, err
		})
		return err
	})
	return all, err
}
