package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/purser/purser/policy"
)

// enforcementSetting is the setting's key, and the id of its changes in the feed.
const enforcementSetting = "enforcement"

// Enforcement is what was set for the whole proxy; "" where nothing was.
func (s *Store) Enforcement(ctx context.Context) (policy.Enforcement, error) {
	value, err := s.Setting(ctx, enforcementSetting)
	if errors.Is(err, policy.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", fmt.Errorf("setting %q: %w", enforcementSetting, err)
	}
	return policy.ParseEnforcement(text)
}

// SetEnforcement sets it for the whole proxy, "" to take it back, and returns once
// every live data plane does so, or a second has passed.
func (s *Store) SetEnforcement(ctx context.Context, by policy.Actor, e policy.Enforcement) error {
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.Write(ctx, by, func(tx policy.Tx) error {
		w := tx.(*writeTx)
		action := updated
		if e == "" {
			action = deleted
			_, err = w.tx.Exec(ctx, `DELETE FROM settings WHERE key = $1`, enforcementSetting)
		} else {
			_, err = w.tx.Exec(ctx, `INSERT INTO settings (key, value, updated_by) VALUES ($1, $2, $3)
				ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`,
				enforcementSetting, string(value), by.UserID)
		}
		if err != nil {
			return err
		}
		w.log.add(policy.Ref{Kind: policy.EntitySetting, ID: enforcementSetting}, action, nil, value)
		return nil
	})
}
