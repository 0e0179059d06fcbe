package postgres

import (
	"context"
	"encoding/json"

	"github.com/purser/purser/policy"
)

// Adjust books manual changes of spend, and returns once every live data plane
// counts them, or a second has passed. The entries are of type adjustment; each is
// in the audit log too.
func (s *Store) Adjust(ctx context.Context, entries []policy.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := s.WriteEntries(ctx, entries); err != nil {
		return err
	}
	return s.Write(ctx, policy.Actor{UserID: entries[0].UserID}, func(tx policy.Tx) error {
		w := tx.(*writeTx)
		for _, e := range entries {
			what, err := json.Marshal(map[string]any{"spend": e.Cost.Total, "model": e.Model})
			if err != nil {
				return err
			}
			w.log.add(policy.Ref{Kind: policy.EntitySpend, ID: e.AdjustedKind + ":" + e.AdjustedID}, "adjusted", nil, what)
		}
		return nil
	})
}
