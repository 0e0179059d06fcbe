package postgrestest_test

import (
	"fmt"
	"testing"

	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestEveryTestHasItsOwnMigratedDatabase(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			pool := postgrestest.DB(t)
			if _, err := pool.Exec(t.Context(), "CREATE TABLE only_mine AS SELECT 1 AS n"); err != nil {
				t.Errorf("another test's table is visible: %v", err)
			}
			var migrated bool
			if err := pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM goose_db_version WHERE version_id > 0)").Scan(&migrated); err != nil || !migrated {
				t.Errorf("the database is not migrated: %v, %v", migrated, err)
			}
		})
	}
}

func TestMigrateTwiceAtOnce(t *testing.T) {
	url := postgrestest.URL(t)
	errs := make(chan error)
	for range 4 {
		go func() { errs <- postgres.Migrate(t.Context(), url) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	applied, newest, err := postgres.SchemaVersion(t.Context(), url)
	if err != nil || applied != newest || applied == 0 {
		t.Errorf("applied %d of %d, %v", applied, newest, err)
	}
}

// recorder is a testing.TB whose failures are looked at instead of reported.
type recorder struct {
	testing.TB
	cleanups []func()
	failed   bool
}

func (r *recorder) Cleanup(f func())      { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestConnectionLeftOpenFailsTheTest(t *testing.T) {
	r := &recorder{TB: t}
	pool := postgrestest.DB(r)
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Everything but the pool's own cleanup, which came last.
	r.cleanups[0]()
	if !r.failed {
		t.Error("the open connection went unnoticed")
	}
	pool.Close()
}
