package adminsvc

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxBody bounds a request's body on every plane.
const maxBody = 16 << 20

// Body is embedded in a request that has one. Sent is what came, the known names
// only, in canonical form.
type Body struct {
	Sent Fields
}

func (b *Body) body() Fields { return b.Sent }

// location says where in a request something is: "body", "members", 0, "role".
type location []any

func (l location) at(step any) location {
	out := make(location, 0, len(l)+1)
	return append(append(out, l...), step)
}

// field is the location without its first step, as a param: "members[0].role".
func (l location) field() string {
	var b strings.Builder
	for i, step := range l {
		switch s := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(s) + "]")
		case string:
			if i == 0 {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

// decoding collects what is wrong with a request: all of it, not the first only.
type decoding struct {
	problems []any
	refusal  *Error
}

func (d *decoding) fail(typ string, at location, msg string) {
	if len(d.problems) < 100 { // a list of a million wrong items is told about once
		d.problems = append(d.problems, Object{{"type", typ}, {"loc", []any(at)}, {"msg", msg}})
	}
}

// refuse says that a well-formed field is not acceptable. Malformed ones are told first.
func (d *decoding) refuse(e *Error) {
	if d.refusal == nil {
		d.refusal = e
	}
}

func (d *decoding) err() error {
	if len(d.problems) > 0 {
		return &Error{Status: http.StatusUnprocessableEntity, Detail: d.problems}
	}
	if d.refusal != nil {
		return d.refusal
	}
	return nil
}

// items calls f for each item of a JSON array.
func (d *decoding) items(at location, v jsontext.Value, f func(at location, v jsontext.Value)) {
	if v.Kind() != '[' {
		d.fail("list_type", at, "Input should be a valid list")
		return
	}
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	_, _ = dec.ReadToken()
	for i := 0; dec.PeekKind() != ']'; i++ {
		item, err := dec.ReadValue()
		if err != nil {
			return // unreachable: the whole was validated
		}
		f(at.at(i), item)
	}
}

// oneOrItems is items where a single object may come without the list.
func (d *decoding) oneOrItems(at location, v jsontext.Value, f func(at location, v jsontext.Value)) {
	if v.Kind() == '{' {
		f(at, v)
		return
	}
	d.items(at, v, f)
}

// members calls f for each member of a JSON object. Where f changed a value, the
// object with the changes is returned.
func (d *decoding) members(at location, v jsontext.Value, f func(at location, name string, v jsontext.Value) jsontext.Value) jsontext.Value {
	if v.Kind() != '{' {
		d.fail("dict_type", at, "Input should be a valid dictionary")
		return nil
	}
	fields, err := parseFields(v)
	if err != nil {
		d.fail("dict_type", at, "Input should be a valid dictionary")
		return nil
	}
	changed := false
	for i, m := range fields {
		if canonical := f(at.at(m.Name), m.Name, m.Value); canonical != nil {
			fields[i].Value, changed = canonical, true
		}
	}
	if !changed {
		return nil
	}
	return fields.Stored()
}

// plan is what a request type declares, read once by reflection.
type plan struct {
	name   string
	body   []slot
	query  []slot
	path   []slot
	sent   []int // index of Body; nil where the request has none
	strict bool  // Body is tagged strict:"true": names that are not declared are refused
	byName map[string]int
	folded map[string]string // lower case → name
}

// slot is one declared field.
type slot struct {
	name     string
	index    []int
	required bool
	doc      string
	enum     []string
	def      string // of a row: what an absent field reads as
	optional bool   // of a row: left out when absent
}

var plans sync.Map // reflect.Type → *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{name: t.Name(), byName: map[string]int{}, folded: map[string]string{}}
	p.add(t, nil)
	for i, s := range p.body {
		p.byName[s.name] = i
		p.folded[strings.ToLower(s.name)] = s.name
	}
	got, _ := plans.LoadOrStore(t, p)
	return got.(*plan)
}

func (p *plan) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		if f.Type == reflect.TypeFor[Body]() {
			p.sent, p.strict = index, f.Tag.Get("strict") == "true"
			continue
		}
		s := slot{index: index, required: f.Tag.Get("required") == "true", doc: f.Tag.Get("doc"), def: f.Tag.Get("default"), optional: f.Tag.Get("optional") == "true"}
		if e := f.Tag.Get("enum"); e != "" {
			s.enum = strings.Split(e, ",")
		}
		for _, source := range []struct {
			tag  string
			into *[]slot
		}{{"json", &p.body}, {"query", &p.query}, {"path", &p.path}} {
			if name := f.Tag.Get(source.tag); name != "" {
				s.name = name
				*source.into = append(*source.into, s)
			}
		}
		if s.name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct {
			p.add(f.Type, index)
		}
	}
}

// decode reads a request into a *In.
func decode(p *plan, r *http.Request, in reflect.Value, bodyOptional bool) error {
	var d decoding
	for _, s := range p.path {
		s.read(&d, in, location{"path", s.name}, quote(strings.ToValidUTF8(r.PathValue(s.name), "\uFFFD")))
	}
	values := r.URL.Query()
	for _, s := range p.query {
		sent, ok := values[s.name]
		if !ok {
			if s.required {
				d.fail("missing", location{"query", s.name}, "Field required")
			}
			continue
		}
		s.read(&d, in, location{"query", s.name}, queryValue(s.field(in), sent))
	}
	if p.sent != nil {
		data, err := readBody(r)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(data)) > 0 || !bodyOptional {
			fields, err := parseBody(data)
			if err != nil {
				return err
			}
			if err := p.decodeFields(&d, fields, in); err != nil {
				return err
			}
		}
	}
	return d.err()
}

// decodeFields reads an object into a *In and its Body.
func (p *plan) decodeFields(d *decoding, fields Fields, in reflect.Value) error {
	seen := make([]bool, len(p.body))
	var sent Fields
	for _, m := range fields {
		i, ok := p.byName[m.Name]
		if !ok {
			if known, ok := p.folded[strings.ToLower(m.Name)]; ok {
				return &Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: m.Name,
					Message: fmt.Sprintf("Unknown field %q: did you mean %q? Names differ in case.", m.Name, known)}
			}
			if p.strict {
				d.fail("extra_forbidden", location{"body", m.Name}, "Extra inputs are not permitted")
			}
			continue
		}
		seen[i] = true
		s := p.body[i]
		sent = append(sent, Field{m.Name, s.read(d, in, location{"body", m.Name}, m.Value)})
	}
	for i, s := range p.body {
		if s.required && !seen[i] {
			d.fail("missing", location{"body", s.name}, "Field required")
		}
	}
	if p.sent != nil {
		in.FieldByIndex(p.sent).Field(0).Set(reflect.ValueOf(sent))
	}
	return nil
}

// decodeStored reads what a Record keeps into a request type, to compile it again.
func decodeStored[In any](stored Fields) (*In, error) {
	in := new(In)
	var d decoding
	if err := planOf(reflect.TypeFor[In]()).decodeFields(&d, stored, reflect.ValueOf(in).Elem()); err != nil {
		return nil, err
	}
	d.problems = nil // required names of another request
	return in, d.err()
}

func (s slot) field(in reflect.Value) field {
	f, _ := in.FieldByIndex(s.index).Addr().Interface().(field)
	return f
}

func (s slot) read(d *decoding, in reflect.Value, at location, v jsontext.Value) jsontext.Value {
	f := s.field(in)
	if s.required && v.Kind() == 'n' {
		f.(interface{ failNull(*decoding, location) }).failNull(d, at)
		return v
	}
	out := f.read(d, at, v)
	if len(s.enum) > 0 && v.Kind() == '"' {
		got := unquote(v)
		for _, e := range s.enum {
			if e == got {
				return out
			}
		}
		d.fail("literal_error", at, "Input should be '"+strings.Join(s.enum, "', '")+"'")
	}
	return out
}

// failNull reports null where a value is required, as the type's own error.
func (o *Opt[T]) failNull(d *decoding, at location) {
	reader(&o.Value).parse(d, at, jsontext.Value("null"))
}

// queryValue is a query parameter as JSON: a list's values as an array, else the
// last one as a string, which every type reads.
func queryValue(f field, sent []string) jsontext.Value {
	if _, list := f.(*Opt[[]string]); !list {
		return quote(strings.ToValidUTF8(sent[len(sent)-1], "\uFFFD"))
	}
	out := jsontext.Value{'['}
	for i, v := range sent {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, quote(strings.ToValidUTF8(v, "\uFFFD"))...)
	}
	return append(out, ']')
}

// object reads a JSON object within a body into a pointer to a struct of Opt fields.
func (d *decoding) object(at location, v jsontext.Value, into any) {
	if v.Kind() != '{' {
		d.fail("model_attributes_type", at, "Input should be a valid dictionary or object to extract fields from")
		return
	}
	fields, err := parseFields(v)
	if err != nil {
		d.fail("dict_type", at, "Input should be a valid dictionary")
		return
	}
	in := reflect.ValueOf(into).Elem()
	p := planOf(in.Type())
	seen := make([]bool, len(p.body))
	for _, m := range fields {
		i, ok := p.byName[m.Name]
		if !ok {
			if known, ok := p.folded[strings.ToLower(m.Name)]; ok {
				d.refuse(badRequest(at.at(m.Name).field(), "Unknown field %q: did you mean %q? Names differ in case.", m.Name, known))
			}
			continue
		}
		seen[i] = true
		p.body[i].read(d, in, at.at(m.Name), m.Value)
	}
	for i, s := range p.body {
		if s.required && !seen[i] {
			d.fail("missing", at.at(s.name), "Field required")
		}
	}
}
