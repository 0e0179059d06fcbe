package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is and how long to wait for it.
type Config struct {
	// URL of the database, as libpq reads it. A pooler in transaction mode will do.
	URL string
	// DirectURL reaches PostgreSQL itself, for LISTEN. Default: URL.
	DirectURL string
	// MaxConns bounds the pool. Default 10.
	MaxConns int
	// Name is shown in pg_stat_activity. Default "purser".
	Name string
	// Timeout bounds the wait for a connection and for what is quick when the
	// server is well. Default 2 s.
	Timeout time.Duration
	// LongTimeout bounds lists, sums and batches. Default 60 s.
	LongTimeout time.Duration
	// WaitFor is the kind of replica that a write waits for. Default "extproc".
	WaitFor string
	// Barrier bounds that wait. Default 1 s; negative: writes do not wait.
	Barrier time.Duration
	// Live is how recently a replica must have reported to be waited for. Default 3 s.
	Live time.Duration
	// ActivityRows bounds the rows of days' sums that are kept in memory for Activity,
	// 130 bytes each. Default 400 000; negative: none.
	ActivityRows int
	// Log takes what no caller hears of. Default: nothing is logged.
	Log *slog.Logger
}

// Store is everything that is kept in PostgreSQL. It implements policy.Store and
// policy.History. All methods may be called concurrently.
type Store struct {
	cfg     Config
	pool    *pgxpool.Pool
	direct  *pgx.ConnConfig
	barrier *barrier
	days    partitions
	cache   *dayCache // of Activity
	life    context.Context
	end     context.CancelFunc // of life
}

// Open makes a Store without connecting: an unreachable server shows in the calls.
func Open(_ context.Context, cfg Config) (*Store, error) {
	cfg.DirectURL = cmp.Or(cfg.DirectURL, cfg.URL)
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 10)
	cfg.Name = cmp.Or(cfg.Name, "purser")
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.LongTimeout = cmp.Or(cfg.LongTimeout, time.Minute)
	cfg.WaitFor = cmp.Or(cfg.WaitFor, "extproc")
	cfg.Barrier = cmp.Or(cfg.Barrier, time.Second)
	cfg.Live = cmp.Or(cfg.Live, 3*time.Second)
	cfg.ActivityRows = cmp.Or(cfg.ActivityRows, 400_000)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("database url: it cannot be read") // pgx's own words may quote the password
	}
	direct, err := pgx.ParseConfig(cfg.DirectURL)
	if err != nil {
		return nil, errors.New("direct database url: it cannot be read")
	}
	pc.MaxConns = int32(cfg.MaxConns)
	for _, c := range []*pgx.ConnConfig{pc.ConnConfig, direct} {
		c.ConnectTimeout = cfg.Timeout
		c.RuntimeParams["application_name"] = cfg.Name
		if c.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
			return nil, errors.New("database url: default_query_exec_mode=simple_protocol is not supported")
		}
	}
	// A call that gives up also stops its statement on the server.
	pc.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 500 * time.Millisecond}
	}
	// Compiling a statement takes longer than any of ours that are short, and hardly helps the long ones.
	pc.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET jit = off")
		return err
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	s := &Store{cfg: cfg, pool: pool, direct: direct, cache: newDayCache(max(cfg.ActivityRows, 0))}
	s.barrier = newBarrier(s)
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() {
	s.end()
	s.barrier.close()
	s.pool.Close()
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return s.fail(ctx, s.pool.Ping(ctx))
}

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// with lends a connection for at most d, of which Timeout to get it.
func (s *Store) with(ctx context.Context, d time.Duration, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return s.fail(ctx, f(ctx, conn.Conn()))
}

func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return conn, nil
}
