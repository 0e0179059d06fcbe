package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// batchSize bounds the changes applied in one step.
const batchSize = 5000

// catchUp applies all changes there are.
func (f *Feed) catchUp(ctx context.Context, conn *pgx.Conn) error {
	for {
		var n int
		err := f.within(ctx, func(ctx context.Context) (err error) {
			n, err = f.apply(ctx, conn)
			return err
		})
		if errors.Is(err, errGap) {
			err = f.load(ctx, conn)
		}
		if err != nil || n < batchSize {
			return err
		}
	}
}

// errGap says that changes are missing: they were trimmed, or the database is not
// the one it was.
var errGap = errors.New("the log of changes has a gap")

// apply applies the next batch: entities as they are now, which is no older than
// their change. What a later change says again does no harm.
func (f *Feed) apply(ctx context.Context, conn *pgx.Conn) (int, error) {
	at, began := f.at.Load(), f.fresh.now()
	rows, err := conn.Query(ctx, `SELECT revision, kind, id FROM changes WHERE revision > $1 ORDER BY revision LIMIT $2`, at.revision, batchSize)
	if err != nil {
		return 0, err
	}
	next := at.revision
	wanted := map[policy.EntityKind][]string{}
	known := map[policy.Ref]bool{}
	var revision int64
	var kind, id string
	_, err = pgx.ForEachRow(rows, []any{&revision, &kind, &id}, func() error {
		if next++; revision != next {
			return errGap
		}
		ref := policy.Ref{Kind: policy.EntityKind(kind), ID: id}
		if !known[ref] {
			known[ref] = true
			wanted[ref.Kind] = append(wanted[ref.Kind], id)
		}
		return nil
	})
	n := int(next - at.revision)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		f.lookedAt(began)
		return 0, nil
	}
	if len(wanted[policy.EntityModel]) > 0 {
		if err := f.awaitOthers(ctx, conn, next); err != nil {
			return 0, err
		}
	}
	var puts []policy.Entity
	var gone []policy.Ref
	for _, kind := range order {
		ids := wanted[kind]
		if len(ids) == 0 || !slices.Contains(f.cfg.Only, kind) {
			continue
		}
		found, err := tables[kind].many(ctx, conn, ids)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", kind, err)
		}
		for _, id := range ids {
			if e, ok := found[id]; ok {
				puts = append(puts, e)
			} else {
				gone = append(gone, policy.Ref{Kind: kind, ID: id})
			}
		}
	}
	for _, id := range wanted[policy.EntitySpend] {
		gone = append(gone, policy.Ref{Kind: policy.EntitySpend, ID: id}) // nothing to load: it is told to OnChange
	}
	for _, id := range wanted[policy.EntitySetting] {
		gone = append(gone, policy.Ref{Kind: policy.EntitySetting, ID: id})
	}
	// What is referred to comes before what refers to it, and goes after it.
	relimited := f.cfg.Directory.PutAll(puts)
	slices.Reverse(gone)
	for _, ref := range gone {
		f.cfg.Directory.Delete(ref)
	}
	if n < batchSize {
		f.lookedAt(began) // requests that wait for it need not wait for what follows
	}
	f.cfg.OnChange(puts, gone)
	if f.cfg.OnLimits != nil && len(relimited) > 0 {
		f.cfg.OnLimits(relimited)
	}
	f.at.Store(&position{at.epoch, next})
	f.cfg.Directory.SetRevision(next)
	return n, nil
}

// awaitOthers waits until the live replicas of kind After have applied a revision.
// One that does not in time is not waited for: what it stands for may be broken, and
// other changes wait behind this one.
func (f *Feed) awaitOthers(ctx context.Context, conn *pgx.Conn, revision int64) error {
	if f.cfg.After == "" {
		return nil
	}
	limit := time.Now().Add(f.cfg.AfterWait)
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		var applied bool
		err := conn.QueryRow(ctx, `SELECT coalesce(min(revision) >= $1, true) FROM replicas WHERE kind = $2 AND seen_at > now() - $3::interval`,
			revision, f.cfg.After, f.cfg.Store.cfg.Live).Scan(&applied)
		if err != nil || applied {
			return err
		}
		if time.Now().After(limit) {
			f.cfg.Log.Warn("a change of models is applied before every replica that should go first had it", "kind", f.cfg.After, "revision", revision)
			return nil
		}
		pause(ctx, wait)
	}
}
