package postgres

import (
	"context"
	"encoding/json"

	"github.com/purser/purser/policy"
)

var _ policy.Adjuster = (*writeTx)(nil)

// Adjust books manual changes of spend, and returns once every live data plane
// counts them, or a second has passed. The entries are of type adjustment; each is
// in the audit log too.
func (s *Store) Adjust(ctx context.Context, entries []policy.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.Write(ctx, policy.Actor{UserID: entries[0].UserID}, func(tx policy.Tx) error {
		return tx.(*writeTx).Adjust(ctx, entries)
	})
}

// Flush returns once every live data plane has written what the scope's finished
// requests cost, or a second has passed.
func (s *Store) Flush(ctx context.Context, scope policy.Scope) error {
	return s.Write(ctx, policy.Actor{}, func(tx policy.Tx) error {
		tx.(*writeTx).log.tell(policy.Ref{Kind: policy.EntitySpend, ID: scope.String()})
		return nil
	})
}

// Adjust implements policy.Adjuster. The entries are stored whatever becomes of the
// write.
func (t *writeTx) Adjust(ctx context.Context, entries []policy.Entry) error {
	if err := t.store.WriteEntries(ctx, entries); err != nil {
		return err
	}
	for _, e := range entries {
		what, err := json.Marshal(map[string]any{"spend": e.Cost.Total, "model": e.Model})
		if err != nil {
			return err
		}
		t.log.add(policy.Ref{Kind: policy.EntitySpend, ID: e.AdjustedKind + ":" + e.AdjustedID}, "adjusted", nil, what)
	}
	return nil
}
