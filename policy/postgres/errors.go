package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/purser/purser/policy"
)

// fail turns what pgx answers into what policy knows. ctx is the context that the
// failed call ran under.
func (s *Store) fail(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, policy.ErrUnavailable) || errors.Is(err, policy.ErrConflict) || errors.Is(err, policy.ErrNotFound) {
		return err
	}
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		return err // the caller's own wish
	}
	if unavailable(err) || ctx.Err() != nil {
		return fmt.Errorf("%w: %w", policy.ErrUnavailable, err)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch {
	case pg.Code == "23505" && conflicts[pg.ConstraintName] != "":
		return conflict(pg.ConstraintName)
	case pg.Code[:2] == "22" || pg.Code == "54000":
		// Data PostgreSQL cannot hold: a zero byte in a text, a text too long for an index.
		return fmt.Errorf("%w (%w)", &policy.Invalid{Message: "the value cannot be stored: " + pg.Message}, err)
	}
	return err
}

// unavailable tells failures of the server or the way to it from failures of a statement.
func unavailable(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) { // whatever the server says to it: a changed password, a dropped database
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "08", "28", "3D", "53", "57", "58", "XX": // connection, login, no such database, resources (disk, memory, slots), operator, system, internal
			return true
		}
		// A standby after a failover; a lock not granted in time, or never; a right that was taken away.
		return pg.Code == "25006" || pg.Code == "55P03" || pg.Code == "40P01" || pg.Code == "42501"
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, puddle.ErrClosedPool) ||
		pgconn.SafeToRetry(err)
}

// conflicts names the documented field behind each unique constraint.
var conflicts = map[string]string{
	"keys_pkey": "key", "keys_alias_unique": "key_alias", "teams_pkey": "team_id", "memberships_pkey": "user_id",
	"projects_pkey": "project_id", "organizations_pkey": "organization_id", "organization_members_pkey": "user_id",
	"users_pkey": "user_id", "customers_pkey": "user_id", "budgets_pkey": "budget_id", "tags_pkey": "name",
	"access_groups_pkey": "access_group_id", "access_groups_name_unique": "access_group_name",
}

// conflict is policy.ErrConflict and, for who wants the field, a *policy.Invalid.
func conflict(constraint string) error {
	field := conflicts[constraint]
	return fmt.Errorf("%w: %w", policy.ErrConflict, &policy.Invalid{Field: field, Message: field + " is taken"})
}
