package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// position is up to where a directory is complete, and of which database.
type position struct {
	epoch    [16]byte
	revision int64
}

// load puts everything into the directory, all as of one moment, and returns it.
// Kinds other than those of only are left out. What the data plane does not need (the fields as sent, who changed what) stays
// empty.
func load(ctx context.Context, c *pgx.Conn, d *policy.Directory, only []policy.EntityKind) (position, error) {
	var at position
	err := pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT epoch, value FROM revision`).Scan(&at.epoch, &at.revision); err != nil {
			return err
		}
		in := newInterner()
		for _, kind := range order {
			if !slices.Contains(only, kind) {
				continue
			}
			if err := tables[kind].load(ctx, tx, in, d.Put); err != nil {
				return err
			}
		}
		return nil
	})
	return at, err
}
