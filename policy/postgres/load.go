package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// position is up to where a directory is complete, and of which database.
type position struct {
	epoch    [16]byte
	revision int64
}

// load puts everything into the directory, all as of one moment, and returns it.
// What the data plane does not need (the fields as sent, who changed what) stays
// empty. Each entity is passed to f once it is in the directory.
func load(ctx context.Context, c *pgx.Conn, d *policy.Directory, f func(policy.Entity)) (position, error) {
	var at position
	err := pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT epoch, value FROM revision`).Scan(&at.epoch, &at.revision); err != nil {
			return err
		}
		in := newInterner()
		for _, kind := range order {
			err := tables[kind].load(ctx, tx, in, func(e policy.Entity) {
				d.Put(e)
				f(e)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return at, err
}
