package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// A filter writes one condition on a field as SQL.
type filter func(*conditions, policy.Condition) (string, error)

// conditions gathers the arguments of a statement.
type conditions struct{ args []any }

// arg adds an argument and returns its placeholder.
func (c *conditions) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

func badCondition(c policy.Condition) error {
	return fmt.Errorf("no test number %d of %s with a %T", c.Op, c.Field, c.Value)
}

// onText tests a text column; "" is an absent id, which is NULL.
func onText(expr string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		if s, ok := c.Value.(string); ok && s == "" && c.Op != policy.Contains {
			c.Value = nil
		}
		switch v := c.Value.(type) {
		case nil:
			return onNull(expr, c)
		case string:
			switch c.Op {
			case policy.Is:
				return expr + " = " + b.arg(v), nil
			case policy.IsNot:
				return expr + " IS DISTINCT FROM " + b.arg(v), nil
			case policy.Contains:
				return expr + " ILIKE " + b.arg("%"+escapeLike(v)+"%"), nil
			}
		case []string:
			if c.Op == policy.In {
				return expr + " = ANY(" + b.arg(v) + "::text[])", nil
			}
		}
		return "", badCondition(c)
	}
}

func onNull(expr string, c policy.Condition) (string, error) {
	switch c.Op {
	case policy.Is:
		return expr + " IS NULL", nil
	case policy.IsNot:
		return expr + " IS NOT NULL", nil
	}
	return "", badCondition(c)
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func escapeLike(s string) string { return likeEscapes.Replace(s) }

func onFlag(expr string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		v, ok := c.Value.(bool)
		switch {
		case ok && (c.Op == policy.Is && v || c.Op == policy.IsNot && !v):
			return expr, nil
		case ok && (c.Op == policy.Is || c.Op == policy.IsNot):
			return "NOT " + expr, nil
		}
		return "", badCondition(c)
	}
}

func onTime(expr string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		switch v := c.Value.(type) {
		case nil:
			return onNull(expr, c)
		case time.Time:
			op, ok := map[policy.Op]string{policy.Is: " = ", policy.IsNot: " IS DISTINCT FROM ", policy.Before: " < ", policy.After: " > "}[c.Op]
			if ok {
				return expr + op + b.arg(v), nil
			}
		}
		return "", badCondition(c)
	}
}

// onList tests what a list of texts holds.
func onList(expr string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		switch v := c.Value.(type) {
		case string:
			switch c.Op {
			case policy.Is:
				return expr + " @> ARRAY[" + b.arg(v) + "::text]", nil
			case policy.IsNot:
				return "NOT " + expr + " @> ARRAY[" + b.arg(v) + "::text]", nil
			case policy.Contains:
				return "EXISTS (SELECT FROM unnest(" + expr + ") AS item WHERE item ILIKE " + b.arg("%"+escapeLike(v)+"%") + ")", nil
			}
		case []string:
			if c.Op == policy.In {
				return expr + " && " + b.arg(v) + "::text[]", nil
			}
		}
		return "", badCondition(c)
	}
}

// onHash tests a key's hash, given in hex. What is no hash matches nothing.
func onHash(expr string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		switch v := c.Value.(type) {
		case string:
			h, ok := policy.ParseKeyHash(v)
			switch c.Op {
			case policy.Is:
				if !ok {
					return "false", nil
				}
				return expr + " = " + b.arg(h[:]), nil
			case policy.IsNot:
				if !ok {
					return "true", nil
				}
				return expr + " <> " + b.arg(h[:]), nil
			}
		case []string:
			if c.Op == policy.In {
				hashes := make([][]byte, 0, len(v))
				for _, id := range v {
					if h, ok := policy.ParseKeyHash(id); ok {
						hashes = append(hashes, h[:])
					}
				}
				return expr + " = ANY(" + b.arg(hashes) + "::bytea[])", nil
			}
		}
		return "", badCondition(c)
	}
}

// onSearch finds a text anywhere in one of several columns, whatever its case.
func onSearch(exprs ...string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		v, ok := c.Value.(string)
		if !ok || c.Op != policy.Contains {
			return "", badCondition(c)
		}
		hole, tests := b.arg("%"+escapeLike(v)+"%"), make([]string, len(exprs))
		for i, expr := range exprs {
			tests[i] = expr + " ILIKE " + hole
		}
		return "(" + strings.Join(tests, " OR ") + ")", nil
	}
}

// onIDs tests membership in something else: sql is a condition with one %s for an
// array of ids.
func onIDs(sql string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		switch v := c.Value.(type) {
		case string:
			switch c.Op {
			case policy.Is:
				return fmt.Sprintf(sql, b.arg([]string{v})+"::text[]"), nil
			case policy.IsNot:
				return "NOT " + fmt.Sprintf(sql, b.arg([]string{v})+"::text[]"), nil
			}
		case []string:
			if c.Op == policy.In {
				return fmt.Sprintf(sql, b.arg(v)+"::text[]"), nil
			}
		}
		return "", badCondition(c)
	}
}

// onMembers finds teams by a user among their members; role "" is any.
func onMembers(role string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		users, ok := c.Value.([]string)
		if user, single := c.Value.(string); single && c.Op == policy.Is {
			users, ok = []string{user}, true
		} else if c.Op != policy.In {
			ok = false
		}
		if !ok {
			return "", badCondition(c)
		}
		// One containment per user, so that the index on members serves it.
		tests := []string{"false"}
		for _, u := range users {
			like, err := json.Marshal([]policy.Member{{UserID: u, Role: role}})
			if err != nil {
				return "", err
			}
			text := string(like)
			if role == "" {
				text = strings.Replace(text, `,"role":""`, "", 1)
			}
			tests = append(tests, "members @> "+b.arg(text)+"::jsonb")
		}
		return "(" + strings.Join(tests, " OR ") + ")", nil
	}
}

// onField tests one of the documented fields as they were sent, by its text. No
// index serves it.
func onField(name string) filter {
	return func(b *conditions, c policy.Condition) (string, error) {
		hole := b.arg(name)
		return onText("(fields ->> "+hole+"::text)")(b, c)
	}
}

// onFieldList tests a list among the documented fields.
func onFieldList(name string) filter {
	return onList("ARRAY(SELECT json_array_elements_text(CASE json_typeof(fields -> '" + name + "') WHEN 'array' THEN fields -> '" + name + "' END))")
}

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
	tests := []string{"true"}
	for _, c := range query.Where {
		sql, err := t.condition(&b, c)
		if err != nil {
			return policy.Page{}, err
		}
		tests = append(tests, sql)
	}
	if len(query.Any) > 0 {
		any := make([]string, len(query.Any))
		for i, c := range query.Any {
			sql, err := t.condition(&b, c)
			if err != nil {
				return policy.Page{}, err
			}
			any[i] = sql
		}
		tests = append(tests, "("+strings.Join(any, " OR ")+")")
	}
	where := " WHERE " + strings.Join(tests, " AND ")
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
	out := make(map[string]V, len(common)+len(own))
	for k, v := range common {
		out[k] = v
	}
	for k, v := range own {
		out[k] = v
	}
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
