package postgrestest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/purser/purser/policy/postgres/embedded"
)

// closeTimeout bounds the wait for a test's connections to go after its end.
const closeTimeout = 2 * time.Second

// inRun is set by Run before any test can start.
var inRun bool

// Main runs the tests and exits: the whole of a package's TestMain.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without the exit, for a TestMain that has more to do. It must be
// the first call there.
func Run(m *testing.M) (code int) {
	embedded.RunChildIfAsked()
	inRun = true
	code = m.Run()
	if started == nil {
		return code
	}
	if err := started.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "postgrestest: stopping the server:", err)
		return max(code, 1)
	}
	return code
}

// URL returns the connection string of a database for this test alone, migrated
// and otherwise empty. The database is dropped when the test ends; connections
// still open then (some time is given to those that are just closing) fail the test.
func URL(t testing.TB) string {
	t.Helper()
	if !inRun {
		t.Fatal("postgrestest: TestMain must call postgrestest.Main")
	}
	s, err := shared()
	if err != nil {
		t.Fatalf("postgrestest: %v", err)
	}
	name := newName()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.create(ctx, name, s.template); err != nil {
		t.Fatalf("postgrestest: creating a database: %v", err)
	}
	t.Cleanup(func() { cleanUp(t, s, name) })
	return s.url(name)
}

// DB returns a pool on a database like [URL]'s, closed when the test ends.
func DB(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), URL(t))
	if err != nil {
		t.Fatalf("postgrestest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func cleanUp(t testing.TB, s *server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for deadline := time.Now().Add(closeTimeout); ; {
		open, err := s.connections(ctx, name)
		if err != nil {
			t.Errorf("postgrestest: looking for open connections: %v", err)
			break
		}
		if len(open) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("postgrestest: the test left connections open:\n%s", strings.Join(open, "\n"))
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := s.drop(ctx, name); err != nil {
		t.Errorf("postgrestest: dropping %s: %v", name, err)
	}
}

func newName() string {
	return prefix + strings.ToLower(rand.Text()[:16])
}
