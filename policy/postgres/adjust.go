package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

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

// Adjust implements policy.Adjuster. The entries are written at the end of the write,
// all of them at once: writers of requests lock the same sums, in the same order.
func (t *writeTx) Adjust(ctx context.Context, entries []policy.Entry) error {
	var rejected Rejected
	batch := prepare(entries, &rejected)
	if len(rejected.Entries) > 0 {
		return &rejected
	}
	// A day's table is nothing that is taken back, and is made beside this write: within it, it would keep
	// all writers of the journal waiting.
	err := t.store.with(ctx, t.store.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		return t.store.days.ensure(ctx, c, daysOf(batch))
	})
	if err != nil {
		return err
	}
	for _, e := range entries {
		what, err := json.Marshal(map[string]any{"spend": e.Cost.Total, "model": e.Model})
		if err != nil {
			return err
		}
		t.log.add(policy.Ref{Kind: policy.EntitySpend, ID: e.AdjustedKind + ":" + e.AdjustedID}, "adjusted", nil, what)
	}
	t.adjusted = append(t.adjusted, batch...)
	return nil
}

// book writes what was adjusted.
func (t *writeTx) book(ctx context.Context) error {
	if len(t.adjusted) == 0 {
		return nil
	}
	err := writeIn(ctx, t.tx, prepare(t.adjusted, new(Rejected))) // sorted as a whole; each was checked
	if noPartition(err) {
		t.store.days.forget()
	}
	return err
}
