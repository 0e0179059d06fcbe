package adminsvc

import (
	"bytes"
	"errors"
	"io"
	"slices"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Fields is a JSON object as it was sent: names in order, values verbatim. It
// is what an entity's Record keeps, so that everything reads back the same.
type Fields []Field

// Field is one name with its value.
type Field struct {
	Name  string
	Value jsontext.Value
}

// parseFields reads a JSON object strictly: duplicate names at any level,
// invalid UTF-8, NaN and trailing data are errors of type *jsontext.SyntacticError
// or io.ErrUnexpectedEOF; another value than an object is errNotObject.
func parseFields(data []byte) (Fields, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if k := d.PeekKind(); k != '{' && k != 0 { // 0: not JSON at all, which ReadToken reports better
		if _, err := d.ReadValue(); err != nil {
			return nil, err
		}
		return nil, errNotObject
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var out Fields
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		field := Field{Name: name.String()} // before the next read invalidates the token
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		field.Value = value.Clone()
		out = append(out, field)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("more data after the object")
		}
		return nil, err
	}
	return out, nil
}

var errNotObject = errors.New("not a JSON object")

// storedFields reads what an entity's Record keeps. What cannot be read is treated as empty:
// it was validated when it came in.
func storedFields(raw []byte) Fields {
	if len(raw) == 0 {
		return nil
	}
	f, err := parseFields(raw)
	if err != nil {
		return nil
	}
	return f
}

// Get returns the value of a name; false where it is absent.
func (f Fields) Get(name string) (jsontext.Value, bool) {
	i := slices.IndexFunc(f, func(m Field) bool { return m.Name == name })
	if i < 0 {
		return nil, false
	}
	return f[i].Value, true
}

// Has reports whether the name is there with a value other than null.
func (f Fields) Has(name string) bool {
	v, ok := f.Get(name)
	return ok && v.Kind() != 'n'
}

// With returns a copy with the name set: in its place where it was there, else at the end.
func (f Fields) With(name string, v jsontext.Value) Fields {
	out := slices.Clone(f)
	if i := slices.IndexFunc(out, func(m Field) bool { return m.Name == name }); i >= 0 {
		out[i].Value = v
		return out
	}
	return append(out, Field{name, v})
}

// Without returns a copy without the names.
func (f Fields) Without(names ...string) Fields {
	return slices.DeleteFunc(slices.Clone(f), func(m Field) bool { return slices.Contains(names, m.Name) })
}

// Merge returns a copy in which what was sent replaces what was there; the rest stays.
func (f Fields) Merge(sent Fields) Fields {
	out := slices.Clone(f)
	for _, m := range sent {
		out = out.With(m.Name, m.Value)
	}
	return out
}

// MarshalJSONTo writes the object in its order.
func (f Fields) MarshalJSONTo(e *jsontext.Encoder) error {
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range f {
		if err := e.WriteToken(jsontext.String(m.Name)); err != nil {
			return err
		}
		if err := e.WriteValue(m.Value); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}

// Stored is the form a Record keeps.
func (f Fields) Stored() []byte {
	b, err := json.Marshal(f)
	if err != nil {
		return []byte("{}") // unreachable: every value was parsed
	}
	return b
}

// Object is a reply's JSON object under construction: names in order.
type Object []Member

// Member is one name of an Object. Value may be anything that marshals.
type Member struct {
	Name  string
	Value any
}

// Set adds or replaces a name in place.
func (o *Object) Set(name string, v any) {
	if i := slices.IndexFunc(*o, func(m Member) bool { return m.Name == name }); i >= 0 {
		(*o)[i].Value = v
		return
	}
	*o = append(*o, Member{name, v})
}

// Get returns a name's value; nil where it is absent.
func (o Object) Get(name string) any {
	if i := slices.IndexFunc(o, func(m Member) bool { return m.Name == name }); i >= 0 {
		return o[i].Value
	}
	return nil
}

// MarshalJSONTo writes the object in its order.
func (o Object) MarshalJSONTo(e *jsontext.Encoder) error {
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := e.WriteToken(jsontext.String(m.Name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(e, m.Value); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}
