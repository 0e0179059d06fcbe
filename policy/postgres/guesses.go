package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Guess takes one from a bucket of burst that gets one back each refill, whichever
// server asks, or says how long to wait for the next.
func (s *Store) Guess(ctx context.Context, id policy.KeyHash, burst int, refill time.Duration, now time.Time) (wait time.Duration, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		var remaining float64
		var denied bool
		const full = `least($2::float8, g.remaining + greatest(0, extract(epoch FROM $4::timestamptz - g.at)::float8) / $3::float8)`
		err := c.QueryRow(ctx, `INSERT INTO guesses AS g (id, remaining, at) VALUES ($1, $2::float8 - 1, $4)
			ON CONFLICT (id) DO UPDATE SET denied = `+full+` < 1, remaining = `+full+` - CASE WHEN `+full+` < 1 THEN 0 ELSE 1 END, at = greatest(g.at, $4)
			RETURNING remaining, denied`, id[:], burst, refill.Seconds(), now).Scan(&remaining, &denied)
		if denied {
			wait = max(time.Duration((1-remaining)*float64(refill)), time.Second)
		}
		return err
	})
	return wait, err
}

// Forgive gives a guess back: it was right.
func (s *Store) Forgive(ctx context.Context, id policy.KeyHash, burst int) error {
	return s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `UPDATE guesses SET remaining = least($2::float8, remaining + 1) WHERE id = $1`, id[:], burst)
		return err
	})
}
