package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// An id may be deleted and used again. The journal keeps both lives under it, so
// what the second spent is what was reserved since it began: spend_starts says when.
// The totals are emptied then, and entries from before that come late stay out of
// them. Writers of entries share a lock that a beginning takes alone, so that none
// adds to the totals what it does not know to be of before.
const (
	startsShared = `SELECT pg_advisory_xact_lock_shared(hashtextextended('purser spend starts ' || current_schema(), 0))`
	startsAlone  = `SELECT pg_advisory_xact_lock(hashtextextended('purser spend starts ' || current_schema(), 0))`
)

// spendScope is the scope an entity's spend is counted in.
func spendScope(ref policy.Ref) (policy.Scope, bool) {
	kind, ok := map[policy.EntityKind]policy.ScopeKind{
		policy.EntityOrganization: policy.ScopeOrganization, policy.EntityTeam: policy.ScopeTeam, policy.EntityMembership: policy.ScopeMember,
		policy.EntityProject: policy.ScopeProject, policy.EntityUser: policy.ScopeUser, policy.EntityKey: policy.ScopeKey,
		policy.EntityCustomer: policy.ScopeCustomer, policy.EntityTag: policy.ScopeTag,
	}[ref.Kind]
	return policy.Scope{Kind: kind, ID: ref.ID}, ok
}

// deletedSpend remembers that an id's life is over. Customers, tags and members
// spend without a row of their own: their next one begins at once.
func (t *writeTx) deletedSpend(ctx context.Context, ref policy.Ref, at time.Time) error {
	scope, ok := spendScope(ref)
	if !ok {
		return nil
	}
	anonymous := scope.Kind == policy.ScopeCustomer || scope.Kind == policy.ScopeTag || scope.Kind == policy.ScopeMember
	if anonymous {
		return t.restart(ctx, scope, at)
	}
	_, err := t.tx.Exec(ctx, `INSERT INTO spend_starts (scope_kind, scope_id, deleted_at, started_at) VALUES ($1, $2, $3, NULL)
		ON CONFLICT (scope_kind, scope_id) DO UPDATE SET deleted_at = excluded.deleted_at, started_at = NULL`, scope.Kind.String(), scopeID(scope), at)
	return err
}

// Restart implements policy.Adjuster.
func (t *writeTx) Restart(ctx context.Context, scope policy.Scope) error {
	return t.within(ctx, t.store.cfg.Timeout, func(ctx context.Context) error { return t.restart(ctx, scope, time.Now()) })
}

// restart ends a scope's life and begins its next.
func (t *writeTx) restart(ctx context.Context, scope policy.Scope, at time.Time) error {
	_, err := t.tx.Exec(ctx, `INSERT INTO spend_starts (scope_kind, scope_id, deleted_at, started_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (scope_kind, scope_id) DO UPDATE SET deleted_at = excluded.deleted_at, started_at = excluded.started_at`, scope.Kind.String(), scopeID(scope), at)
	if err != nil {
		return err
	}
	return t.begin(ctx, scope)
}

// startSpend begins the next life of ids that had one.
func (t *writeTx) startSpend(ctx context.Context, es []policy.Entity) error {
	var kinds, ids []string
	var at []time.Time
	scopes := map[string]policy.Scope{}
	for _, e := range es {
		if scope, ok := spendScope(e.Ref()); ok && scope.Kind != policy.ScopeCustomer && scope.Kind != policy.ScopeTag && scope.Kind != policy.ScopeMember {
			kinds, ids, at = append(kinds, scope.Kind.String()), append(ids, scopeID(scope)), append(at, policy.RecordOf(e).CreatedAt)
			scopes[scope.Kind.String()+":"+scopeID(scope)] = scope
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := t.tx.Query(ctx, `UPDATE spend_starts AS s SET started_at = n.at
		FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS n(kind, id, at) WHERE s.scope_kind = n.kind AND s.scope_id = n.id
		RETURNING s.scope_kind || ':' || s.scope_id`, kinds, ids, at)
	if err != nil {
		return err
	}
	again, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range again {
		if err := t.begin(ctx, scopes[name]); err != nil {
			return err
		}
	}
	return nil
}

// begin empties a scope's totals, and tells those who count of it.
func (t *writeTx) begin(ctx context.Context, scope policy.Scope) error {
	if _, err := t.tx.Exec(ctx, startsAlone); err != nil {
		return err
	}
	if _, err := t.tx.Exec(ctx, `DELETE FROM spend_totals WHERE scope_kind = $1 AND scope_id = $2`, scope.Kind.String(), scopeID(scope)); err != nil {
		return err
	}
	// A team's members, and a user's places in teams, begin with it.
	where := map[policy.ScopeKind]string{policy.ScopeTeam: `starts_with(scope_id, $1 || E'\x1f')`, policy.ScopeUser: `right(scope_id, length($1) + 1) = E'\x1f' || $1`}[scope.Kind]
	if where != "" {
		if _, err := t.tx.Exec(ctx, `DELETE FROM spend_totals WHERE scope_kind = 'team_member' AND `+where, scopeID(scope)); err != nil {
			return err
		}
	}
	t.log.tell(policy.Ref{Kind: policy.EntitySpend, ID: scope.String()})
	return nil
}

// starts are when scopes' present lives began; those that are not in it always were.
type starts map[policy.Scope]time.Time

// of is when a scope began; the zero time where it always was.
func (s starts) of(scope policy.Scope) time.Time {
	if len(s) == 0 {
		return time.Time{}
	}
	at := s[scope]
	if team, user, ok := strings.Cut(scope.ID, "\x1f"); ok && scope.Kind == policy.ScopeMember {
		for _, above := range []policy.Scope{{Kind: policy.ScopeTeam, ID: team}, {Kind: policy.ScopeUser, ID: user}} {
			if b := s[above]; b.After(at) {
				at = b
			}
		}
	}
	return at
}

func readStarts(rows pgx.Rows, err error) (starts, error) {
	if err != nil {
		return nil, err
	}
	out := starts{}
	var kind, id string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&kind, &id, &at}, func() error {
		k, _ := policy.ParseScopeKind(kind)
		out[policy.Scope{Kind: k, ID: id}] = at
		return nil
	})
	return out, err
}

// startsOf reads the starts of the scopes of some queries.
func startsOf(ctx context.Context, tx pgx.Tx, queries []policy.SpendQuery) (starts, error) {
	var kinds, ids []string
	add := func(kind policy.ScopeKind, id string) {
		kinds, ids = append(kinds, kind.String()), append(ids, id)
	}
	for _, q := range queries {
		id := scopeID(q.Scope)
		add(q.Scope.Kind, id)
		if team, user, ok := strings.Cut(id, "\x1f"); ok && q.Scope.Kind == policy.ScopeMember {
			add(policy.ScopeTeam, team)
			add(policy.ScopeUser, user)
		}
	}
	return readStarts(tx.Query(ctx, `SELECT scope_kind, scope_id, started_at FROM spend_starts
		JOIN unnest($1::text[], $2::text[]) AS q(scope_kind, scope_id) USING (scope_kind, scope_id) WHERE started_at IS NOT NULL`, kinds, ids))
}

// startsSince reads the starts that entries reserved from a time on can be from before of.
// It is how a writer's transaction begins.
func startsSince(ctx context.Context, tx pgx.Tx, earliest time.Time) (starts, error) {
	var batch pgx.Batch
	batch.Queue(startsShared)
	batch.Queue(dailyWritten)
	batch.Queue(`SELECT scope_kind, scope_id, started_at FROM spend_starts WHERE started_at > $1`, earliest)
	results := tx.SendBatch(ctx, &batch)
	for range 2 {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return nil, err
		}
	}
	out, err := readStarts(results.Query())
	return out, errors.Join(err, results.Close())
}
