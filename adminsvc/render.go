package adminsvc

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// render makes a reply row. Row declares its names, their order, and what an
// absent one reads as (`default:"[]"`, else null; `optional:"true"` is left out).
// What we know ourselves (set) goes before what was sent; names of either that
// are not declared follow at the end, so that all reads back.
func render[Row any](sent Fields, set Object) Object {
	p := planOf(reflect.TypeFor[Row]())
	out := make(Object, 0, len(p.body)+4)
	for _, s := range p.body {
		switch {
		case hasMember(set, s.name):
			out = append(out, Member{s.name, set.Get(s.name)})
		case has(sent, s.name):
			v, _ := sent.Get(s.name)
			out = append(out, Member{s.name, v})
		case s.optional:
		case s.def != "":
			out = append(out, Member{s.name, jsontext.Value(s.def)})
		default:
			out = append(out, Member{s.name, nil})
		}
	}
	for _, m := range set {
		if _, declared := p.byName[m.Name]; !declared {
			out = append(out, m)
		}
	}
	for _, f := range sent {
		if _, declared := p.byName[f.Name]; !declared && !hasMember(set, f.Name) {
			out = append(out, Member{f.Name, f.Value})
		}
	}
	return out
}

// theRow is the row of a reply about one thing.
func theRow(rows []Object, err error) (Object, error) {
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

func has(f Fields, name string) bool {
	_, ok := f.Get(name)
	return ok
}

func hasMember(o Object, name string) bool {
	for _, m := range o {
		if m.Name == name {
			return true
		}
	}
	return false
}

// orNull is null for what is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// when is a time in UTC, null for none.
func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// dollars marshals an amount as a JSON number.
func dollars(m policy.Money) any { return m }

// record adds what every row has of its bookkeeping.
func (o *Object) record(r policy.Record) {
	o.Set("created_at", when(r.CreatedAt))
	o.Set("updated_at", when(r.UpdatedAt))
	o.Set("created_by", orNull(r.CreatedBy))
	o.Set("updated_by", orNull(r.UpdatedBy))
}

// rows is a list in a reply, of rows or texts. It is only declared, never read.
type rows struct{}

func (*rows) parse(*decoding, location, jsontext.Value) jsontext.Value { return nil }

func (*rows) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{}}
}
