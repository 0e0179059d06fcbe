package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

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
				return expr + contains(b, v), nil
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

// contains is the test of a text for another anywhere in it, whatever its case. Of ASCII
// letters alone every collation makes the same small ones, "C" in half the time.
func contains(b *conditions, text string) string {
	collation := ` COLLATE "C"`
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		collation = ""
	}
	return collation + " ILIKE " + b.arg("%"+escapeLike(text)+"%")
}

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
				return "EXISTS (SELECT FROM unnest(" + expr + ") AS item WHERE item" + contains(b, v) + ")", nil
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
		test, tests := contains(b, v), make([]string, len(exprs))
		for i, expr := range exprs {
			tests[i] = expr + test
		}
		return "(" + strings.Join(tests, " OR ") + ")", nil
	}
}

// onKeySearch finds keys by a part of their alias or name, or by how their hash
// begins. Writing a million hashes as text to look inside would take seconds.
func onKeySearch(b *conditions, c policy.Condition) (string, error) {
	test, err := onSearch("alias", "name")(b, c)
	if err != nil {
		return "", err
	}
	text, _ := c.Value.(string)
	start, err := hex.DecodeString(text[:len(text)&^1])
	if err != nil || len(start) == 0 || len(start) > sha256.Size {
		return test, nil
	}
	return "(" + test + " OR substring(hash FROM 1 FOR " + itoa(len(start)) + ") = " + b.arg(start) + ")", nil
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
