package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

var (
	_ policy.Once         = (*writeTx)(nil)
	_ policy.AnswerReader = (*Store)(nil)
)

// Answered implements policy.AnswerReader.
func (s *Store) Answered(ctx context.Context, id policy.KeyHash, now time.Time) (a policy.Answer, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) (err error) {
		a, err = answered(ctx, c, id, now)
		return err
	})
	return a, err
}

// Answered reads it as of this write.
func (t *writeTx) Answered(ctx context.Context, id policy.KeyHash, now time.Time) (a policy.Answer, err error) {
	err = t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) (err error) {
		a, err = answered(ctx, t.tx, id, now)
		return err
	})
	return a, err
}

func answered(ctx context.Context, q querier, id policy.KeyHash, now time.Time) (policy.Answer, error) {
	a := policy.Answer{ID: id}
	var request []byte
	err := q.QueryRow(ctx, `SELECT request, status, reply, expires_at FROM idempotency WHERE id = $1 AND state = 'answered' AND expires_at > $2`, id[:], now).
		Scan(&request, &a.Status, &a.Sealed, &a.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, fmt.Errorf("answer: %w", policy.ErrNotFound)
	}
	copy(a.Request[:], request)
	return a, err
}

// Answer implements policy.Once. Those that are over make room.
func (t *writeTx) Answer(ctx context.Context, a policy.Answer, now time.Time) error {
	return t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) error {
		if _, err := t.tx.Exec(ctx, `DELETE FROM idempotency WHERE id = $1 AND expires_at <= $2`, a.ID[:], now); err != nil {
			return err
		}
		tag, err := t.tx.Exec(ctx, `INSERT INTO idempotency (id, request, state, status, reply, started_at, expires_at)
			VALUES ($1, $2, 'answered', $3, $4, $5, $6) ON CONFLICT DO NOTHING`, a.ID[:], a.Request[:], a.Status, a.Sealed, now, a.ExpiresAt)
		if err == nil && tag.RowsAffected() == 0 {
			return fmt.Errorf("answer: %w", policy.ErrConflict)
		}
		return err
	})
}

// Within implements policy.Once by a savepoint.
func (t *writeTx) Within(ctx context.Context, f func(policy.Tx) error) (err error) {
	outer, mark, adjusted := t.tx, t.log.mark(), len(t.adjusted)
	var inner pgx.Tx
	err = t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) (err error) {
		inner, err = outer.Begin(ctx)
		return err
	})
	if err != nil {
		return err
	}
	t.tx = inner
	defer func() { t.tx = outer }() // a panic in f ends the whole write
	if err := f(t); err != nil {
		t.log.cut(mark)
		t.adjusted = t.adjusted[:adjusted]
		return errors.Join(err, t.within(context.WithoutCancel(ctx), t.store.cfg.Timeout, inner.Rollback))
	}
	return t.within(ctx, t.store.cfg.Timeout, inner.Commit)
}

// TrimAnswers forgets answers that are over, and guesses of another day.
func (s *Store) TrimAnswers(ctx context.Context) error {
	return s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		if _, err := c.Exec(ctx, `DELETE FROM idempotency WHERE expires_at <= now()`); err != nil {
			return err
		}
		_, err := c.Exec(ctx, `DELETE FROM guesses WHERE at < now() - interval '1 day'`)
		return err
	})
}
