package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// table is how entities of one kind are stored. The types Es and P are one: P is *E.
type table[E any, P interface {
	*E
	policy.Entity
}] struct {
	kind    policy.EntityKind
	name    string
	archive string // where deleted rows go; "" for kinds that keep none
	// key turns an id into the primary key's values; false for what cannot be one.
	key     func(id string) ([]any, bool)
	keys    []string // the primary key's columns
	columns []column[E]
	// unique finds another row that has what must be unique; nil args: nothing is.
	unique unique[E]
	filter map[string]filter
	sort   map[string]string // what List may sort by → SQL
	scope  policy.ScopeKind  // under which spend_totals holds the spend, where scopeID is set
	// scopeID is the scope's id in SQL.
	scopeID string

	sql statements
}

type unique[E any] struct {
	constraint string
	sql        string
	args       func(*E) []any
}

// statements are a table's SQL, written once.
type statements struct {
	columns, warm          string // all columns; those the data plane needs
	get, many, load        string
	insert, update, delete string
}

// entityTable is a table of any kind.
type entityTable interface {
	get(ctx context.Context, q querier, id string) (policy.Entity, error)
	many(ctx context.Context, q querier, ids []string) (map[string]policy.Entity, error)
	load(ctx context.Context, q querier, in *interner, f func(policy.Entity)) error
	list(ctx context.Context, q querier, query policy.Query) (policy.Page, error)
	countBy(ctx context.Context, q querier, query policy.Query, field string) (map[string]int, error)
	create(ctx context.Context, q querier, e policy.Entity, revision int64) error
	createAll(ctx context.Context, tx pgx.Tx, es []policy.Entity, revision int64) error
	update(ctx context.Context, q querier, e policy.Entity, revision int64) (before []byte, err error)
	delete(ctx context.Context, q querier, id string, by deletion) (before []byte, err error)
	encode(b []byte, e policy.Entity) ([]byte, error)
	decode(b []byte, in *interner) (policy.Entity, error)
	layout() string
}

type deletion struct {
	at time.Time
	by string
}

// tables of all kinds, in the order that entities refer to each other: what is
// referred to comes first.
var tables = map[policy.EntityKind]entityTable{}

var order = []policy.EntityKind{
	policy.EntityBudget, policy.EntityAccessGroup, policy.EntityModel, policy.EntityOrganization, policy.EntityUser, policy.EntityOrganizationMember,
	policy.EntityTeam, policy.EntityMembership, policy.EntityProject, policy.EntityCustomer, policy.EntityTag, policy.EntityKey,
}

func register[E any, P interface {
	*E
	policy.Entity
}](t table[E, P]) {
	names := make([]string, len(t.columns))
	holes := make([]string, len(t.columns))
	var warm []string
	for i, c := range t.columns {
		names[i], holes[i] = c.name, fmt.Sprintf("$%d", i+1)
		if !c.cold {
			warm = append(warm, c.name)
		}
	}
	all, next := strings.Join(names, ", "), len(names)+1
	conditions := make([]string, len(t.keys))
	var unnest []string
	for i, k := range t.keys {
		conditions[i] = fmt.Sprintf("%s = $%d", k, i+1)
		unnest = append(unnest, fmt.Sprintf("$%d::%s[]", i+1, t.columns[i].typ))
	}
	where, keys := strings.Join(conditions, " AND "), strings.Join(t.keys, ", ")
	t.sql = statements{
		columns: all,
		warm:    strings.Join(warm, ", "),
		get:     "SELECT " + all + " FROM " + t.name + " WHERE " + where,
		many: "SELECT " + strings.Join(warm, ", ") + " FROM unnest(" + strings.Join(unnest, ", ") + ") AS wanted(" + keys + ") JOIN " +
			t.name + " USING (" + keys + ")",
		load:   "SELECT " + strings.Join(warm, ", ") + " FROM " + t.name,
		insert: fmt.Sprintf("INSERT INTO %s (%s, revision) VALUES (%s, $%d) ON CONFLICT DO NOTHING", t.name, all, strings.Join(holes, ", "), next),
		update: fmt.Sprintf("WITH old AS (SELECT fields FROM %s WHERE %s) UPDATE %s SET (%s, revision) = (%s, $%d) WHERE %s RETURNING (SELECT fields FROM old)",
			t.name, where, t.name, all, strings.Join(holes, ", "), next, where),
		delete: "DELETE FROM " + t.name + " WHERE " + where + " RETURNING fields",
	}
	if t.archive != "" {
		// Who deleted, and when, reads back as the last update.
		n := len(t.keys)
		t.sql.delete = fmt.Sprintf("WITH gone AS (DELETE FROM %s WHERE %s RETURNING *), kept AS (INSERT INTO %s (%s, revision, deleted_at, deleted_by) SELECT %s, revision, $%d, $%d FROM gone) SELECT fields FROM gone",
			t.name, where, t.archive, all, all, n+1, n+2)
	}
	tables[t.kind] = &t
}

// textKey is the primary key of one text column.
func textKey(id string) ([]any, bool) { return []any{id}, true }

// memberKey is the primary key of a group and a user in it.
func memberKey(id string) ([]any, bool) {
	group, user, ok := strings.Cut(id, "\x1f")
	return []any{group, user}, ok
}

// scan reads the current row's columns into a new entity.
func (t *table[E, P]) scan(rows pgx.Rows, in *interner, warm bool) (*E, error) {
	e, values, i := new(E), rows.RawValues(), 0
	for c := range t.columns {
		col := &t.columns[c]
		if warm && col.cold {
			continue
		}
		if err := col.read(e, values[i], in); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.name, col.name, err)
		}
		i++
	}
	return e, nil
}

// binary asks for all columns in the binary format, which scan reads.
var binaryFormat = pgx.QueryResultFormats{pgx.BinaryFormatCode}

func (t *table[E, P]) each(ctx context.Context, q querier, in *interner, warm bool, f func(*E), sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, append([]any{binaryFormat}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := t.scan(rows, in, warm)
		if err != nil {
			return err
		}
		f(e)
	}
	return rows.Err()
}

func (t *table[E, P]) get(ctx context.Context, q querier, id string) (policy.Entity, error) {
	key, ok := t.key(id)
	if !ok {
		return nil, t.notFound(id)
	}
	var found *E
	if err := t.each(ctx, q, nil, false, func(e *E) { found = e }, t.sql.get, key...); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, t.notFound(id)
	}
	return P(found), nil
}

func (t *table[E, P]) notFound(id string) error {
	if t.kind == policy.EntityKey {
		id = shortHash(id)
	}
	return fmt.Errorf("%s %q: %w", t.kind, id, policy.ErrNotFound)
}

// shortHash keeps from errors and logs what a reader could mistake for a key.
func shortHash(id string) string {
	if len(id) > 8 {
		return id[:8] + "…"
	}
	return id
}

// many reads those of the ids that exist, without what the data plane does not need.
func (t *table[E, P]) many(ctx context.Context, q querier, ids []string) (map[string]policy.Entity, error) {
	args := make([]any, len(t.keys))
	lists := make([]keyList, len(t.keys))
	for _, id := range ids {
		if key, ok := t.key(id); ok {
			for i, v := range key {
				lists[i].add(v)
			}
		}
	}
	for i := range lists {
		args[i] = lists[i].array()
	}
	found := make(map[string]policy.Entity, len(ids))
	err := t.each(ctx, q, nil, true, func(e *E) { found[P(e).Ref().ID] = P(e) }, t.sql.many, args...)
	return found, err
}

// keyList gathers one key column's values as the array pgx can encode.
type keyList struct {
	texts []string
	bytes [][]byte
}

func (l *keyList) add(v any) {
	switch v := v.(type) {
	case string:
		l.texts = append(l.texts, v)
	case []byte:
		l.bytes = append(l.bytes, v)
	}
}

func (l *keyList) array() any {
	if l.bytes != nil {
		return l.bytes
	}
	return l.texts
}

func (t *table[E, P]) load(ctx context.Context, q querier, in *interner, f func(policy.Entity)) error {
	return t.each(ctx, q, in, true, func(e *E) { f(P(e)) }, t.sql.load)
}

func (t *table[E, P]) values(e *E, more ...any) []any {
	out := make([]any, 0, len(t.columns)+len(more))
	for i := range t.columns {
		out = append(out, t.columns[i].value(e))
	}
	return append(out, more...)
}

func (t *table[E, P]) own(e policy.Entity) (*E, error) {
	p, ok := e.(P)
	if !ok || p == nil {
		return nil, fmt.Errorf("a %T is no %s", e, t.kind)
	}
	return (*E)(p), nil
}

// taken is policy.ErrConflict where another row has what must be unique.
func (t *table[E, P]) taken(ctx context.Context, q querier, e *E) error {
	if t.unique.args == nil {
		return nil
	}
	args := t.unique.args(e)
	if args == nil {
		return nil
	}
	var found bool
	if err := q.QueryRow(ctx, t.unique.sql, args...).Scan(&found); err != nil {
		return err
	}
	if found {
		return conflict(t.unique.constraint)
	}
	return nil
}

func (t *table[E, P]) create(ctx context.Context, q querier, e policy.Entity, revision int64) error {
	own, err := t.own(e)
	if err != nil {
		return err
	}
	tag, err := q.Exec(ctx, t.sql.insert, t.values(own, revision)...)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	// Nothing can have changed since: writers take turns.
	if err := t.taken(ctx, q, own); err != nil {
		return err
	}
	return conflict(t.name + "_pkey")
}

// createAll copies many new rows in. A conflict in one fails them all.
func (t *table[E, P]) createAll(ctx context.Context, tx pgx.Tx, es []policy.Entity, revision int64) error {
	names := make([]string, 0, len(t.columns)+1)
	for i := range t.columns {
		names = append(names, t.columns[i].name)
	}
	// In a savepoint, so that the transaction outlives a conflict.
	return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, append(names, "revision"), pgx.CopyFromSlice(len(es), func(i int) ([]any, error) {
			own, err := t.own(es[i])
			if err != nil {
				return nil, err
			}
			return t.values(own, revision+int64(i)), nil
		}))
		return err
	})
}

func (t *table[E, P]) update(ctx context.Context, q querier, e policy.Entity, revision int64) (before []byte, err error) {
	own, err := t.own(e)
	if err != nil {
		return nil, err
	}
	if err := t.taken(ctx, q, own); err != nil {
		return nil, err
	}
	err = q.QueryRow(ctx, t.sql.update, t.values(own, revision)...).Scan(&before)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, t.notFound(e.Ref().ID)
	}
	return before, err
}

func (t *table[E, P]) delete(ctx context.Context, q querier, id string, by deletion) (before []byte, err error) {
	args, ok := t.key(id)
	if !ok {
		return nil, t.notFound(id)
	}
	if t.archive != "" {
		args = append(args, by.at, orNull(by.by))
	}
	err = q.QueryRow(ctx, t.sql.delete, args...).Scan(&before)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, t.notFound(id)
	}
	return before, err
}
