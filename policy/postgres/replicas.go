package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// LiveReplicas counts the replicas that writes wait for: those heard of lately.
func (s *Store) LiveReplicas(ctx context.Context) (n int, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT count(*) FROM replicas WHERE kind = $1 AND seen_at > now() - $2::interval`, s.cfg.WaitFor, s.cfg.Live).Scan(&n)
	})
	return n, err
}
