package adminsvc

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Opt is one field of a request: absent, null or a value, kept apart. It reads
// itself as pydantic's lax mode does and tells its own OpenAPI schema.
//
// T is one of string, bool, int64, policy.Money, time.Time, []string,
// map[string]int64, map[string]string, Fields (any object), jsontext.Value
// (anything), or a type whose pointer is a value.
type Opt[T any] struct {
	Value T
	Sent  bool // the name was there
	Null  bool // and null
}

// value is a type that reads itself from JSON. parse returns the canonical form
// of what it read, or nil to keep it as sent.
type value interface {
	parse(d *decoding, at location, v jsontext.Value) jsontext.Value
	schema() *huma.Schema
}

// field is what every Opt is to the decoder.
type field interface {
	read(d *decoding, at location, v jsontext.Value) jsontext.Value
	schema() *huma.Schema
}

// Get returns the value; false where it is absent or null.
func (o Opt[T]) Get() (T, bool) { return o.Value, o.Sent && !o.Null }

// Or returns the value, or def where it is absent or null.
func (o Opt[T]) Or(def T) T {
	if o.Sent && !o.Null {
		return o.Value
	}
	return def
}

// Ptr returns a pointer to the value; nil where it is absent or null.
func (o Opt[T]) Ptr() *T {
	if o.Sent && !o.Null {
		v := o.Value
		return &v
	}
	return nil
}

func (o *Opt[T]) read(d *decoding, at location, v jsontext.Value) jsontext.Value {
	o.Sent = true
	if v.Kind() == 'n' {
		o.Null = true
		return v
	}
	if canonical := reader(&o.Value).parse(d, at, v); canonical != nil {
		return canonical
	}
	return v
}

func (o *Opt[T]) schema() *huma.Schema {
	s := reader(&o.Value).schema()
	if s.Type != "" {
		s.Nullable = true
	}
	return s
}

// reader finds how a type is read.
func reader(p any) value {
	switch p := p.(type) {
	case *string:
		return (*textValue)(p)
	case *bool:
		return (*boolValue)(p)
	case *int64:
		return (*intValue)(p)
	case *policy.Money:
		return (*moneyValue)(p)
	case *time.Time:
		return (*timeValue)(p)
	case *[]string:
		return (*listValue)(p)
	case *map[string]int64:
		return (*countsValue)(p)
	case *map[string]string:
		return (*namesValue)(p)
	case *Fields:
		return (*objectValue)(p)
	case *jsontext.Value:
		return (*anyValue)(p)
	case value:
		return p
	}
	return new(anyValue) // unreachable: TestEveryFieldIsReadable
}
