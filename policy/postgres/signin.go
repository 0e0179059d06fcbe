package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Keep writes what is no entity: passwords, invitations, settings. The audit log
// tells of it in the same transaction, without what is secret.
func (t *writeTx) Keep(ctx context.Context, k policy.Kept) error {
	return t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) error {
		switch k := k.(type) {
		case policy.NewPassword:
			return t.keepPassword(ctx, k)
		case policy.NewInvitation:
			return t.keepInvitation(ctx, k.Invitation)
		case policy.AcceptInvitation:
			return t.acceptInvitation(ctx, k)
		case policy.EndInvitation:
			return t.endInvitation(ctx, k.ID)
		case policy.NewSetting:
			return t.keepSetting(ctx, k)
		}
		return fmt.Errorf("a %T cannot be kept", k)
	})
}

// audit notes a change of what is no entity.
func (t *writeTx) audit(ctx context.Context, action, kind, id string, before, after any) error {
	_, err := t.tx.Exec(ctx, `INSERT INTO audit_log (at, changed_by, changed_by_key, action, kind, object_id, before, after)
		VALUES (clock_timestamp(), $1, $2, $3, $4, $5, $6, $7)`, t.by.UserID, t.by.KeyHash, action, kind, id, before, after)
	return err
}

func (t *writeTx) keepPassword(ctx context.Context, p policy.NewPassword) error {
	action, sql, args := updated, `INSERT INTO passwords (user_id, hash, changed_at, changed_by) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
		[]any{p.UserID, p.Hash, p.At, t.by.UserID}
	if p.Hash == "" {
		action, sql, args = deleted, `DELETE FROM passwords WHERE user_id = $1`, args[:1]
	}
	if _, err := t.tx.Exec(ctx, sql, args...); err != nil {
		return err
	}
	if _, err := t.tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, p.UserID); err != nil {
		return err
	}
	return t.audit(ctx, action, "password", p.UserID, nil, nil)
}

func (t *writeTx) keepInvitation(ctx context.Context, i policy.Invitation) error {
	var fresh bool
	err := t.tx.QueryRow(ctx, `INSERT INTO invitations (id_hash, user_id, accepted_at, expires_at, created_at, created_by, updated_at, updated_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id_hash) DO UPDATE SET accepted_at = excluded.accepted_at, expires_at = excluded.expires_at,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by
		RETURNING xmax = 0`,
		i.ID[:], i.UserID, orNoTime(i.AcceptedAt), i.ExpiresAt, i.CreatedAt, i.CreatedBy, i.UpdatedAt, i.UpdatedBy).Scan(&fresh)
	if err != nil {
		return err
	}
	action := updated
	if fresh {
		action = created
	}
	after, err := json.Marshal(map[string]any{"user_id": i.UserID, "expires_at": i.ExpiresAt, "is_accepted": !i.AcceptedAt.IsZero()})
	if err != nil {
		return err
	}
	return t.audit(ctx, action, "invitation", i.UserID, nil, string(after))
}

func (t *writeTx) acceptInvitation(ctx context.Context, a policy.AcceptInvitation) error {
	var user string
	err := t.tx.QueryRow(ctx, `UPDATE invitations SET accepted_at = $2, updated_at = $2, updated_by = user_id
		WHERE id_hash = $1 AND accepted_at IS NULL AND expires_at > $2 RETURNING user_id`, a.ID[:], a.At).Scan(&user)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("invitation: %w", policy.ErrConflict)
	}
	if err != nil {
		return err
	}
	if err := t.audit(ctx, updated, "invitation", user, nil, `{"is_accepted":true}`); err != nil {
		return err
	}
	return t.keepPassword(ctx, policy.NewPassword{UserID: user, Hash: a.Password, At: a.At})
}

func (t *writeTx) endInvitation(ctx context.Context, id policy.KeyHash) error {
	var user string
	err := t.tx.QueryRow(ctx, `DELETE FROM invitations WHERE id_hash = $1 RETURNING user_id`, id[:]).Scan(&user)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("invitation: %w", policy.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return t.audit(ctx, deleted, "invitation", user, nil, nil)
}

func (t *writeTx) keepSetting(ctx context.Context, k policy.NewSetting) error {
	var before *string
	err := t.tx.QueryRow(ctx, `SELECT value::text FROM settings WHERE key = $1 FOR UPDATE`, k.Key).Scan(&before)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if k.Value == nil {
		if _, err := t.tx.Exec(ctx, `DELETE FROM settings WHERE key = $1`, k.Key); err != nil {
			return err
		}
		return t.audit(ctx, deleted, "setting", k.Key, before, nil)
	}
	_, err = t.tx.Exec(ctx, `INSERT INTO settings (key, value, updated_by) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`, k.Key, string(k.Value), t.by.UserID)
	if err != nil {
		return err
	}
	action := updated
	if before == nil {
		action = created
	}
	return t.audit(ctx, action, "setting", k.Key, before, string(k.Value))
}

// Password reads the hash of a user's password; policy.ErrNotFound where there is none.
func (s *Store) Password(ctx context.Context, user string) (hash string, err error) {
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, `SELECT hash FROM passwords WHERE user_id = $1`, user).Scan(&hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("password: %w", policy.ErrNotFound)
		}
		return err
	})
	return hash, err
}

// NewSession keeps a session, in the place of another (rotation) where old is not
// zero, and forgets those that are over. A session of a user begins only while the
// user has the role and the password it was checked against.
func (s *Store) NewSession(ctx context.Context, session policy.Session, old policy.KeyHash, password string) error {
	return s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE token_hash = $1 OR expires_at < $2`, old[:], session.CreatedAt); err != nil {
				return err
			}
			if session.UserID != "" {
				// Locked, so that a change beside us comes wholly before or after.
				var fits bool
				err := tx.QueryRow(ctx, `SELECT coalesce(u.role, '') = $2 AND NOT u.blocked AND p.hash = $3
					FROM users u JOIN passwords p ON p.user_id = u.id WHERE u.id = $1 FOR SHARE`, session.UserID, session.Role, password).Scan(&fits)
				if errors.Is(err, pgx.ErrNoRows) || err == nil && !fits {
					return fmt.Errorf("the user changed meanwhile: %w", policy.ErrConflict)
				}
				if err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, `INSERT INTO sessions (token_hash, user_id, role, method, bound, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				session.Token[:], session.UserID, session.Role, session.Method, session.Bound, session.CreatedAt, session.ExpiresAt)
			return err
		})
	})
}

// Session reads a session by its token's hash; policy.ErrNotFound where there is none.
func (s *Store) Session(ctx context.Context, token policy.KeyHash) (out policy.Session, err error) {
	out.Token = token
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, `SELECT user_id, role, method, bound, created_at, expires_at FROM sessions WHERE token_hash = $1`, token[:]).
			Scan(&out.UserID, &out.Role, &out.Method, &out.Bound, &out.CreatedAt, &out.ExpiresAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("session: %w", policy.ErrNotFound)
		}
		return err
	})
	return out, err
}

// EndSession forgets a session, if it is there.
func (s *Store) EndSession(ctx context.Context, token policy.KeyHash) error {
	return s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `DELETE FROM sessions WHERE token_hash = $1`, token[:])
		return err
	})
}

// Invitation reads one by its id's hash; policy.ErrNotFound where there is none.
func (s *Store) Invitation(ctx context.Context, id policy.KeyHash) (i policy.Invitation, err error) {
	i.ID = id
	err = s.with(ctx, s.cfg.Timeout, func(ctx context.Context, c *pgx.Conn) error {
		var accepted *time.Time
		err := c.QueryRow(ctx, `SELECT user_id, accepted_at, expires_at, created_at, created_by, updated_at, updated_by FROM invitations WHERE id_hash = $1`, id[:]).
			Scan(&i.UserID, &accepted, &i.ExpiresAt, &i.CreatedAt, &i.CreatedBy, &i.UpdatedAt, &i.UpdatedBy)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("invitation: %w", policy.ErrNotFound)
		}
		if accepted != nil {
			i.AcceptedAt = *accepted
		}
		return err
	})
	return i, err
}

func orNoTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
