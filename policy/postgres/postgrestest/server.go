package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/embedded"
)

// startTimeout covers a first fetch of PostgreSQL over a slow line.
const startTimeout = 5 * time.Minute

// prefix of every database that this package makes.
const prefix = "purser_test_"

// server is what the tests of this binary share.
type server struct {
	admin    string // URL of a database to create others from
	template string // name of the migrated template
	stopFunc func() error
}

// shared starts the server when the first test asks.
var shared = sync.OnceValues(startServer)

// started is set by startServer, so that Run stops only what was started.
var started *server

func startServer() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s := &server{stopFunc: func() error { return nil }}
	if s.admin = os.Getenv("TEST_DATABASE_URL"); s.admin == "" {
		if err := s.startEmbedded(ctx); err != nil {
			return nil, fmt.Errorf("these tests need a PostgreSQL server: none could be started (%w), and TEST_DATABASE_URL is not set", err)
		}
	}
	if err := s.makeTemplate(ctx); err != nil {
		return nil, errors.Join(err, s.stopFunc())
	}
	started = s
	return s, nil
}

func (s *server) startEmbedded(ctx context.Context) error {
	slot, release, err := takeSlot(filepath.Join(embedded.DefaultCacheDir(), "test"))
	if err != nil {
		return err
	}
	start := func() (*embedded.Server, error) {
		return embedded.Start(ctx, embedded.Config{
			DataDir:  filepath.Join(slot, "data"),
			Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
		})
	}
	pg, err := start()
	if err != nil && ctx.Err() == nil {
		// The folder may be broken or of an older version; nothing in it is worth keeping.
		if removeErr := os.RemoveAll(filepath.Join(slot, "data")); removeErr == nil {
			pg, err = start()
		}
	}
	if err != nil {
		release()
		return err
	}
	s.admin = pg.URL()
	s.stopFunc = func() error {
		defer release()
		return pg.Stop()
	}
	if err := s.dropLeftovers(ctx); err != nil {
		return errors.Join(err, s.stopFunc())
	}
	return nil
}

// takeSlot locks the first free folder 0, 1, 2, … below dir.
func takeSlot(dir string) (slot string, release func(), err error) {
	for n := 0; ; n++ {
		slot := filepath.Join(dir, strconv.Itoa(n))
		if err := os.MkdirAll(slot, 0o755); err != nil {
			return "", nil, err
		}
		release, ok, err := embedded.TryLock(filepath.Join(slot, "lock"))
		if err != nil {
			return "", nil, err
		}
		if ok {
			return slot, release, nil
		}
	}
}

// dropLeftovers removes what a killed run left in our slot. Only there: on a server
// of somebody else's, such a database may belong to a run that is going on now.
func (s *server) dropLeftovers(ctx context.Context) error {
	return s.exec(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE starts_with(datname, $1)`, prefix)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *server) makeTemplate(ctx context.Context) error {
	s.template = newName()
	if err := s.create(ctx, s.template, "template0"); err != nil {
		return fmt.Errorf("creating a database at TEST_DATABASE_URL or in the test server: %w", err)
	}
	return postgres.Migrate(ctx, s.url(s.template))
}

func (s *server) create(ctx context.Context, name, template string) error {
	return s.exec(ctx, func(conn *pgx.Conn) error {
		// Copying files beats writing every block to the log, where nothing is synced.
		_, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY file_copy")
		return err
	})
}

func (s *server) drop(ctx context.Context, name string) error {
	return s.exec(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		return err
	})
}

// connections describes who is still connected to the database, one line each.
func (s *server) connections(ctx context.Context, name string) (lines []string, err error) {
	err = s.exec(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT format('pid %s, application %L, %s: %s', pid, application_name, state, query)
			FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`, name)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return lines, err
}

func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := s.drop(ctx, s.template)
	return errors.Join(err, s.stopFunc())
}

func (s *server) exec(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return do(conn)
}

// url is the server's URL with another database in it.
func (s *server) url(name string) string {
	u, err := url.Parse(s.admin)
	if err != nil || u.Scheme == "" {
		// The keyword form, host=… dbname=…: the last mention of a keyword wins.
		return strings.TrimSpace(s.admin) + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}
