package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// LiveReplicas counts the replicas that writes wait for: those heard of lately.
func (s *Store) LiveReplicas(ctx context.Context) (n int, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT count(*) FROM replicas WHERE kind = $1 AND seen_at > now() - $2::interval`, s.cfg.WaitFor, s.cfg.Live).Scan(&n)
	})
	return n, err
}

// Await returns once every live replica that writes wait for has applied all that was
// committed so far, or after the limit: for a change that takes them longer than
// Config.Barrier, as one of models may.
func (s *Store) Await(ctx context.Context, limit time.Duration) error {
	revision, err := s.Revision(ctx)
	if err == nil {
		s.barrier.wait(ctx, revision, limit)
	}
	return err
}

// Revision is the last change that was committed.
func (s *Store) Revision(ctx context.Context) (revision int64, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT value FROM revision`).Scan(&revision)
	})
	return revision, err
}
