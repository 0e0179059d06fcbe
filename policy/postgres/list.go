package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// fieldPrefix before a documented field's name makes it a field of any kind.
const fieldPrefix = "fields."

// condition writes one condition. Fields that the kind does not have are an error:
// a filter that is not understood must not widen the answer.
func (t *table[E, P]) condition(b *conditions, c policy.Condition) (string, error) {
	if f, ok := t.filter[c.Field]; ok {
		return f(b, c)
	}
	if name, ok := strings.CutPrefix(c.Field, fieldPrefix); ok && name != "" {
		return onField(name)(b, c)
	}
	return "", fmt.Errorf("%s: no filter by %q", t.kind, c.Field)
}

func (t *table[E, P]) list(ctx context.Context, q querier, query policy.Query) (policy.Page, error) {
	var b conditions
	from, columns := t.name, t.sql.columns
	if query.Deleted {
		if t.archive == "" {
			return policy.Page{}, nil
		}
		from = t.archive
		columns = strings.Replace(strings.Replace(columns, "updated_at", "deleted_at", 1), "updated_by", "deleted_by", 1)
	}
	where, err := t.where(&b, query)
	if err != nil {
		return policy.Page{}, err
	}
	by, join, err := t.sortBy(query)
	if err != nil {
		return policy.Page{}, err
	}
	sql := "SELECT " + columns + " FROM " + from + join + where + " ORDER BY " + by
	counted := len(b.args)
	if query.Limit > 0 {
		sql += " LIMIT " + b.arg(query.Limit)
	}
	if query.Offset > 0 {
		sql += " OFFSET " + b.arg(query.Offset)
	}
	var page policy.Page
	if err := t.each(ctx, q, nil, false, func(e *E) { page.Entities = append(page.Entities, P(e)) }, sql, b.args...); err != nil {
		return policy.Page{}, err
	}
	page.Total = query.Offset + len(page.Entities)
	full := query.Limit > 0 && len(page.Entities) == query.Limit
	if full || len(page.Entities) == 0 && query.Offset > 0 {
		err = q.QueryRow(ctx, "SELECT count(*) FROM "+from+where, b.args[:counted]...).Scan(&page.Total)
	}
	return page, err
}

// where writes a query's conditions.
func (t *table[E, P]) where(b *conditions, query policy.Query) (string, error) {
	tests := []string{"true"}
	for _, c := range query.Where {
		sql, err := t.condition(b, c)
		if err != nil {
			return "", err
		}
		tests = append(tests, sql)
	}
	if len(query.Any) > 0 {
		any := make([]string, len(query.Any))
		for i, c := range query.Any {
			sql, err := t.condition(b, c)
			if err != nil {
				return "", err
			}
			any[i] = sql
		}
		tests = append(tests, "("+strings.Join(any, " OR ")+")")
	}
	return " WHERE " + strings.Join(tests, " AND "), nil
}

// countBy counts what a query finds by one of the columns that hold ids.
func (t *table[E, P]) countBy(ctx context.Context, q querier, query policy.Query, field string) (map[string]int, error) {
	if !strings.HasSuffix(field, "_id") || !slices.ContainsFunc(t.columns, func(c column[E]) bool { return c.name == field }) || query.Deleted {
		return nil, fmt.Errorf("%s: no counts by %q", t.kind, field)
	}
	var b conditions
	where, err := t.where(&b, query)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, "SELECT coalesce("+field+", ''), count(*) FROM "+t.name+where+" GROUP BY 1", b.args...)
	if err != nil {
		return nil, err
	}
	counts, id, n := map[string]int{}, "", 0
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { counts[id] = n; return nil })
	return counts, err
}

// sortBy writes the order, and the join it needs.
func (t *table[E, P]) sortBy(query policy.Query) (by, join string, err error) {
	expr := "created_at"
	switch {
	case query.Sort == "":
	case query.Sort == "deleted_at" && query.Deleted:
		expr = "deleted_at"
	case query.Sort == "spend" && t.scopeID != "":
		expr = "coalesce(spend, 0)"
		join = " LEFT JOIN spend_totals ON scope_kind = '" + t.scope.String() + "' AND scope_id = " + t.scopeID + " AND model = ''"
	default:
		var ok bool
		if expr, ok = t.sort[query.Sort]; !ok {
			return "", "", fmt.Errorf("%s: no order by %q", t.kind, query.Sort)
		}
	}
	direction := ""
	if query.Descending {
		direction = " DESC"
	}
	by = expr + direction
	for _, k := range t.keys {
		if k != expr {
			by += ", " + k + direction
		}
	}
	return by, join, nil
}

// with adds to a kind's filters or orders those that every kind has.
func with[V any](common, own map[string]V) map[string]V {
	out := maps.Clone(common)
	maps.Copy(out, own)
	return out
}

// recordFilters and recordSorts are those of every kind.
var (
	recordFilters = map[string]filter{
		"created_at": onTime("created_at"), "updated_at": onTime("updated_at"),
		"created_by": onText("created_by"), "updated_by": onText("updated_by"),
		"model": onList("models"),
	}
	recordSorts = map[string]string{"created_at": "created_at", "updated_at": "updated_at", "created_by": "created_by"}
)

// ruleFilters and ruleSorts are those of every kind with limits.
var (
	ruleFilters = with(recordFilters, map[string]filter{"budget_id": onText("budget_id")})
	ruleSorts   = with(recordSorts, map[string]string{
		"budget_id": "budget_id", "max_budget": limitSort("max_budget"), "soft_budget": limitSort("soft_budget"), "budget_duration": "limits ->> 'budget_duration'",
		"tpm_limit": limitSort("tpm_limit"), "rpm_limit": limitSort("rpm_limit"), "max_parallel_requests": limitSort("max_parallel_requests"),
	})
)

func limitSort(field string) string { return "(limits ->> '" + field + "')::numeric" }
