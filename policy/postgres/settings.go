package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Setting reads a value kept under a key; policy.ErrNotFound where there is none.
func (s *Store) Setting(ctx context.Context, key string) (value json.RawMessage, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("setting %q: %w", key, policy.ErrNotFound)
		}
		return err
	})
	return value, err
}

// PutSetting keeps a value, a JSON document, under a key; nil removes it. The audit
// log says who did, but not the value, which may be a secret.
func (s *Store) PutSetting(ctx context.Context, by policy.Actor, key string, value json.RawMessage) error {
	return s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			action := updated
			var err error
			if value == nil {
				action = deleted
				_, err = tx.Exec(ctx, `DELETE FROM settings WHERE key = $1`, key)
			} else {
				_, err = tx.Exec(ctx, `INSERT INTO settings (key, value, updated_by) VALUES ($1, $2, $3)
					ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`,
					key, string(value), by.UserID)
			}
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO audit_log (at, changed_by, changed_by_key, action, kind, object_id) VALUES (now(), $1, $2, $3, 'setting', $4)`,
				by.UserID, by.KeyHash, action, key)
			return err
		})
	})
}
