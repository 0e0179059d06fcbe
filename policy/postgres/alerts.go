package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// SpentSince lists the scopes that anything was booked on in the hours since from.
func (s *Store) SpentSince(ctx context.Context, from time.Time) (scopes []policy.Scope, err error) {
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `SELECT DISTINCT s.kind, s.id FROM spend_hourly AS h, LATERAL (VALUES
				('organization', h.organization_id), ('team', h.team_id), ('project', h.project_id), ('user', h.user_id), ('key', h.key_hash), ('customer', h.customer_id)
			) AS s(kind, id) WHERE h.hour >= date_trunc('hour', $1::timestamptz) AND s.id <> ''`, from)
		if err != nil {
			return err
		}
		scopes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (scope policy.Scope, err error) {
			var kind string
			err = row.Scan(&kind, &scope.ID)
			scope.Kind, _ = policy.ParseScopeKind(kind)
			return scope, err
		})
		return err
	})
	return scopes, err
}

// AddAlert keeps an alert for a webhook, unless one of its key was kept before.
func (s *Store) AddAlert(ctx context.Context, key, webhook, id string, payload []byte) (added bool, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, `INSERT INTO alerts (key, webhook, id, payload) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			clean(key, maxText), clean(webhook, maxID), id, string(payload))
		added = tag.RowsAffected() == 1
		return err
	})
	return added, err
}

// SendAlert takes one alert that is due for one of the webhooks, calls send, and notes
// what came of it; of several replicas one at a time has an alert. again is how long to
// wait after so many failures. It reports whether there was one.
func (s *Store) SendAlert(ctx context.Context, webhooks []string, again func(failures int) time.Duration, send func(ctx context.Context, webhook, id string, payload []byte) error) (found bool, err error) {
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			var key, webhook, id, payload string
			var failures int
			err := tx.QueryRow(ctx, `SELECT key, webhook, id, payload, failures FROM alerts
				WHERE sent_at IS NULL AND next_at <= now() AND webhook = ANY($1) ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`, webhooks).
				Scan(&key, &webhook, &id, &payload, &failures)
			if err == pgx.ErrNoRows {
				return nil
			}
			if err != nil {
				return err
			}
			found = true
			if problem := send(ctx, webhook, id, []byte(payload)); problem != nil {
				_, err = tx.Exec(ctx, `UPDATE alerts SET failures = failures + 1, problem = $3, next_at = now() + make_interval(secs => $4) WHERE key = $1 AND webhook = $2`,
					key, webhook, clean(problem.Error(), maxText), again(failures+1).Seconds())
				return err
			}
			_, err = tx.Exec(ctx, `UPDATE alerts SET sent_at = now(), problem = '' WHERE key = $1 AND webhook = $2`, key, webhook)
			return err
		})
	})
	return found, err
}
