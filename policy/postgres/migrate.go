package postgres

import (
	"context"
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/purser/purser/migrations"
)

// migrateLockID is the advisory lock that makes concurrent migrations take turns.
const migrateLockID = 0x7075727365720001 // "purser", 1

// Migrate brings the schema of the database at url up to the newest version built
// into this program, each migration in a transaction of its own. Any number of
// processes may call it at once: one migrates, the others wait up to 5 minutes and
// find nothing to do. A schema newer than this program is left alone, so that an
// old replica keeps running during a rolling upgrade.
//
// The url must reach PostgreSQL itself, not a pooler in transaction mode: the lock
// belongs to the session.
func Migrate(ctx context.Context, url string) error {
	return withProvider(url, func(p *goose.Provider) error {
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrating the database: %w", err)
		}
		return nil
	})
}

// SchemaVersion tells the number of the last migration applied to the database at
// url (0: none), and of the newest one built into this program.
func SchemaVersion(ctx context.Context, url string) (applied, newest int64, err error) {
	err = withProvider(url, func(p *goose.Provider) error {
		var err error
		applied, newest, err = p.GetVersions(ctx)
		return err
	})
	return applied, newest, err
}

func withProvider(url string, use func(*goose.Provider) error) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("database url: %w", err)
	}
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrateLockID), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	// Verbose logging stays off: the caller says what happened.
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	return use(provider)
}
