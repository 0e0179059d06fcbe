package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// partitions remembers which days of spend_logs have a table.
type partitions struct {
	mu    sync.Mutex
	known map[string]bool
}

const dayFormat = "2006-01-02"

// dayOf is the day that an entry is unique in.
func dayOf(t time.Time) string { return t.UTC().Format(dayFormat) }

func partitionName(day string) string {
	return "spend_logs_" + day[:4] + day[5:7] + day[8:10]
}

// ensure makes the partitions of the days that have none.
func (p *partitions) ensure(ctx context.Context, c *pgx.Conn, days []string) error {
	for _, day := range days {
		p.mu.Lock()
		known := p.known[day]
		p.mu.Unlock()
		if known {
			continue
		}
		if err := createPartition(ctx, c, day); err != nil {
			return fmt.Errorf("partition of %s: %w", day, err)
		}
		p.mu.Lock()
		if p.known == nil {
			p.known = map[string]bool{}
		}
		p.known[day] = true
		p.mu.Unlock()
	}
	return nil
}

// forget all, where a table turned out to be gone.
func (p *partitions) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.known)
}

// partitionLock makes who creates and drops partitions take turns.
const partitionLock = `SELECT pg_advisory_xact_lock(hashtextextended('purser partitions ' || current_schema(), 0))`

// createPartition attaches a table rather than creating it as a partition: that
// would lock out every reader of spend_logs, and wait for them first.
func createPartition(ctx context.Context, c *pgx.Conn, day string) error {
	from, err := time.Parse(dayFormat, day)
	if err != nil {
		return err
	}
	name, until := partitionName(day), from.AddDate(0, 0, 1).Format(dayFormat)
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, partitionLock); err != nil {
			return err
		}
		var there bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'spend_logs'::regclass AND inhrelid = to_regclass($1))`, name).Scan(&there)
		if err != nil || there {
			return err
		}
		// The constraint spares the attachment a scan; a table left by a detachment that was cut short goes.
		_, err = tx.Exec(ctx, fmt.Sprintf(`
			DROP TABLE IF EXISTS %[1]s;
			CREATE TABLE %[1]s (LIKE spend_logs INCLUDING DEFAULTS, CONSTRAINT day CHECK (day >= '%[2]s' AND day < '%[3]s'));
			ALTER TABLE spend_logs ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s');
			ALTER TABLE %[1]s DROP CONSTRAINT day`, name, day, until))
		return err
	})
}

// Retain drops the rows of whole days older than keep, the counts of refusals of
// that time with them. Sums stay: they are small, and budgets rest on them; so an
// entry must not be written again once its day is gone. It returns the days dropped;
// where another process is at it, none.
func (s *Store) Retain(ctx context.Context, keep time.Duration) (dropped []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.LongTimeout)
	defer cancel()
	// A connection of its own: the lock is the session's, as no transaction may detach concurrently.
	c, err := pgx.ConnectConfig(ctx, s.direct.Copy())
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	defer closeConn(c)
	dropped, err = retain(ctx, c, dayOf(time.Now().Add(-keep)))
	s.days.forget()
	return dropped, s.fail(ctx, err)
}

func retain(ctx context.Context, c *pgx.Conn, oldest string) (dropped []string, err error) {
	var mine bool
	err = c.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('purser retention ' || current_schema(), 0))`).Scan(&mine)
	if err != nil || !mine {
		return nil, err
	}
	rows, err := c.Query(ctx, `SELECT relname, inhdetachpending FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
		WHERE inhparent = 'spend_logs'::regclass AND relname < $1 ORDER BY relname`, partitionName(oldest))
	if err != nil {
		return nil, err
	}
	type partition struct {
		Name    string
		Pending bool
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[partition])
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		// Detaching concurrently neither waits for readers of the other days nor stops
		// them. One that was cut short is finished.
		table, how := pgx.Identifier{p.Name}.Sanitize(), "CONCURRENTLY"
		if p.Pending {
			how = "FINALIZE"
		}
		if _, err := c.Exec(ctx, "ALTER TABLE spend_logs DETACH PARTITION "+table+" "+how); err != nil {
			return dropped, err
		}
		if _, err := c.Exec(ctx, "DROP TABLE "+table); err != nil {
			return dropped, err
		}
		digits := p.Name[len("spend_logs_"):]
		dropped = append(dropped, digits[:4]+"-"+digits[4:6]+"-"+digits[6:])
	}
	_, err = c.Exec(ctx, `DELETE FROM refusals WHERE minute < $1::text::date`, oldest)
	return dropped, err
}
