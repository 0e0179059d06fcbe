package postgres

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/purser/purser/policy"
)

// column is one column of a table of Es: how it is written, and how it is read
// from the wire's binary format (nil is NULL). Decoding the wire ourselves reads a
// million keys in seconds, and is the only way anything is read, so it is tested
// by every test.
type column[E any] struct {
	name  string
	typ   string // PostgreSQL's, where arrays of it must be named
	cold  bool   // the data plane does without
	value func(*E) any
	read  func(*E, []byte, *interner) error
	// wire appends what read reads, for the copy on disk; nil where it is cold.
	wire func([]byte, *E) (b []byte, null bool)
}

// text is a text that no two rows share; "" is NULL.
func text[E any](name string, at func(*E) *string) column[E] {
	return column[E]{name: name, typ: "text",
		value: func(e *E) any { return orNull(*at(e)) },
		read: func(e *E, b []byte, _ *interner) error {
			*at(e) = string(b)
			return nil
		},
		wire: func(b []byte, e *E) ([]byte, bool) { return append(b, *at(e)...), *at(e) == "" }}
}

// shared is a text that many rows share, such as the id of what they belong to.
func shared[E any](name string, at func(*E) *string) column[E] {
	c := text(name, at)
	c.read = func(e *E, b []byte, in *interner) error {
		if b == nil {
			*at(e) = ""
			return nil
		}
		*at(e) = in.text(b)
		return nil
	}
	return c
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func flag[E any](name string, at func(*E) *bool) column[E] {
	return column[E]{name: name, typ: "boolean",
		value: func(e *E) any { return *at(e) },
		read: func(e *E, b []byte, _ *interner) error {
			*at(e) = len(b) == 1 && b[0] == 1
			return nil
		},
		wire: func(b []byte, e *E) ([]byte, bool) {
			if *at(e) {
				return append(b, 1), false
			}
			return append(b, 0), false
		}}
}

// moment is a time; the zero time is NULL. PostgreSQL keeps microseconds.
func moment[E any](name string, at func(*E) *time.Time) column[E] {
	return column[E]{name: name, typ: "timestamptz",
		value: func(e *E) any {
			if at(e).IsZero() {
				return nil
			}
			return *at(e)
		},
		read: func(e *E, b []byte, _ *interner) (err error) {
			*at(e), err = readTime(b)
			return err
		},
		wire: func(b []byte, e *E) ([]byte, bool) {
			return binary.BigEndian.AppendUint64(b, uint64(at(e).UnixMicro()-pgEpoch)), at(e).IsZero()
		}}
}

// The epoch of PostgreSQL's timestamps, in Unix microseconds.
const pgEpoch = 946_684_800_000_000

func readTime(b []byte) (time.Time, error) {
	if b == nil {
		return time.Time{}, nil
	}
	if len(b) != 8 {
		return time.Time{}, fmt.Errorf("timestamp of %d bytes", len(b))
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b)) + pgEpoch).UTC(), nil
}

// list is a list of texts in its order. An empty list reads as nil.
func list[E any](name string, at func(*E) *[]string) column[E] {
	return column[E]{name: name, typ: "text[]",
		value: func(e *E) any {
			if l := *at(e); l != nil {
				return l
			}
			return []string{}
		},
		read: func(e *E, b []byte, in *interner) (err error) {
			if in == nil {
				*at(e), err = readList(b, nil)
				return err
			}
			l, ok := in.lists[string(b)]
			if !ok {
				if l, err = readList(b, in); err != nil {
					return err
				}
				if len(in.lists) < most {
					in.lists[string(b)] = l
				}
			}
			*at(e) = l
			return nil
		},
		wire: func(b []byte, e *E) ([]byte, bool) {
			l := *at(e)
			for _, n := range [...]int{1, 0, 0, len(l), 1} { // dimensions, flags, type, length, lower bound
				b = binary.BigEndian.AppendUint32(b, uint32(n))
			}
			for _, s := range l {
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
			}
			return b, len(l) == 0
		}}
}

var errArray = errors.New("malformed array")

// readList decodes text[]: dimensions, flags, element type, then per dimension its
// length and lower bound, then each element with its length.
func readList(b []byte, in *interner) ([]string, error) {
	if b == nil {
		return nil, nil
	}
	if len(b) < 12 {
		return nil, errArray
	}
	switch dims := binary.BigEndian.Uint32(b); {
	case dims == 0:
		return nil, nil
	case dims != 1 || len(b) < 20:
		return nil, errArray
	}
	n := int(binary.BigEndian.Uint32(b[12:]))
	b = b[20:]
	if n > len(b)/4 {
		return nil, errArray
	}
	out := make([]string, n)
	for i := range out {
		if len(b) < 4 {
			return nil, errArray
		}
		size := int(int32(binary.BigEndian.Uint32(b)))
		if b = b[4:]; size < 0 || size > len(b) {
			return nil, errArray
		}
		out[i], b = in.text(b[:size]), b[size:]
	}
	return out, nil
}

// doc is anything else, as JSON; what empty says is NULL.
func doc[E, V any](name string, at func(*E) *V, empty func(V) bool) column[E] {
	return column[E]{name: name, typ: "json",
		value: func(e *E) any {
			if empty(*at(e)) {
				return nil
			}
			b, err := json.Marshal(*at(e))
			if err != nil {
				return err // pgx refuses to encode it, and names the column
			}
			return string(b)
		},
		read: func(e *E, b []byte, _ *interner) error {
			var v V
			if b != nil {
				if err := json.Unmarshal(b, &v); err != nil {
					return err
				}
			}
			*at(e) = v
			return nil
		},
		wire: func(b []byte, e *E) ([]byte, bool) { return appendJSON(b, *at(e)), empty(*at(e)) }}
}

// appendJSON is for what has been stored as JSON before: it cannot fail, but if it
// did, what is read back would be refused.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(b, "unwritable"...)
	}
	return append(b, text...)
}

// limits is a set of limits; none is NULL.
func limits[E any](name string, at func(*E) *policy.Limits) column[E] {
	return column[E]{name: name, typ: "json",
		value: func(e *E) any {
			b, err := json.Marshal(at(e))
			if err != nil {
				return err
			}
			if string(b) == "{}" {
				return nil
			}
			return string(b)
		},
		read: func(e *E, b []byte, _ *interner) error {
			*at(e) = policy.Limits{}
			if b == nil {
				return nil
			}
			return readLimits(b, at(e))
		},
		wire: func(b []byte, e *E) ([]byte, bool) {
			start := len(b)
			b = appendJSON(b, at(e))
			return b, string(b[start:]) == "{}"
		}}
}

// raw is a JSON document kept byte for byte.
func raw[E any](name string, at func(*E) *json.RawMessage) column[E] {
	return column[E]{name: name, typ: "json",
		value: func(e *E) any {
			if len(*at(e)) == 0 {
				return nil
			}
			return string(*at(e))
		},
		read: func(e *E, b []byte, _ *interner) error {
			*at(e) = nil
			if b != nil {
				*at(e) = append(json.RawMessage{}, b...)
			}
			return nil
		},
		wire: func(b []byte, e *E) ([]byte, bool) { return append(b, *at(e)...), len(*at(e)) == 0 }}
}

// ruleColumns are those of policy.Rules.
func ruleColumns[E any](at func(*E) *policy.Rules) []column[E] {
	return []column[E]{
		list("models", func(e *E) *[]string { return &at(e).Models }),
		limits("limits", func(e *E) *policy.Limits { return &at(e).Limits }),
		shared("budget_id", func(e *E) *string { return &at(e).BudgetID }),
	}
}

// recordColumns are those of policy.Record. Limits' windows count from created_at,
// so the data plane reads that one.
func recordColumns[E any](at func(*E) *policy.Record) []column[E] {
	cold := func(c column[E]) column[E] {
		c.cold = true
		return c
	}
	// Who leaves them unset means now.
	set := func(c column[E]) column[E] {
		value := c.value
		c.value = func(e *E) any { return cmp.Or(value(e), any(time.Now())) }
		return c
	}
	return []column[E]{
		set(moment("created_at", func(e *E) *time.Time { return &at(e).CreatedAt })),
		set(cold(moment("updated_at", func(e *E) *time.Time { return &at(e).UpdatedAt }))),
		cold(shared("created_by", func(e *E) *string { return &at(e).CreatedBy })),
		cold(shared("updated_by", func(e *E) *string { return &at(e).UpdatedBy })),
		cold(raw("fields", func(e *E) *json.RawMessage { return &at(e).Fields })),
	}
}
