package adminsvc

import (
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// The types a field can have. Each reads JSON as pydantic's lax mode does (a
// number may come as a string, a whole float as an int) with pydantic's error
// types, but for what would hide a mistake: true is not a 1, "NaN" not a number.

func schemaOf(typ, format string) *huma.Schema { return &huma.Schema{Type: typ, Format: format} }

func unquote(v jsontext.Value) string {
	b, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(b)
}

func quote(s string) jsontext.Value {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return jsontext.Value(`""`) // unreachable: only invalid UTF-8 fails, which never gets in
	}
	return b
}

type textValue string

func (t *textValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	if v.Kind() != '"' {
		d.fail("string_type", at, "Input should be a valid string")
		return nil
	}
	*t = textValue(unquote(v))
	return nil
}

func (*textValue) schema() *huma.Schema { return schemaOf(huma.TypeString, "") }

type boolValue bool

func (b *boolValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	text := string(v)
	switch v.Kind() {
	case 't', 'f':
		*b = v.Kind() == 't'
		return nil
	case '"':
		text = strings.ToLower(unquote(v))
	case '0':
	default:
		d.fail("bool_type", at, "Input should be a valid boolean")
		return nil
	}
	switch text {
	case "true", "1", "yes", "on", "t", "y":
		*b = true
		return jsontext.Value("true")
	case "false", "0", "no", "off", "f", "n":
		*b = false
		return jsontext.Value("false")
	}
	d.fail("bool_parsing", at, "Input should be a valid boolean, unable to interpret input")
	return nil
}

func (*boolValue) schema() *huma.Schema { return schemaOf(huma.TypeBoolean, "") }

type intValue int64

func (i *intValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	text, quoted := string(v), false
	switch v.Kind() {
	case '"':
		text, quoted = strings.TrimSpace(unquote(v)), true
	case '0':
	default:
		d.fail("int_type", at, "Input should be a valid integer")
		return nil
	}
	whole, frac, _ := strings.Cut(text, ".")
	if strings.ContainsAny(text, "eE") { // 1e3 is a float that happens to be whole
		shifted, ok := shift(whole, frac)
		if !ok {
			d.fail("int_from_float", at, "Input should be a valid integer, got a number with a fractional part or out of range")
			return nil
		}
		whole, frac = shifted, ""
	}
	if strings.Trim(frac, "0") != "" {
		typ, msg := "int_from_float", "Input should be a valid integer, got a number with a fractional part"
		if quoted {
			typ, msg = "int_parsing", "Input should be a valid integer, unable to parse string as an integer"
		}
		d.fail(typ, at, msg)
		return nil
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
			d.fail("int_parsing_size", at, "Unable to parse input string as an integer, exceeded maximum size")
		} else {
			d.fail("int_parsing", at, "Input should be a valid integer, unable to parse string as an integer")
		}
		return nil
	}
	*i = intValue(n)
	if canonical := strconv.FormatInt(n, 10); canonical != string(v) {
		return jsontext.Value(canonical)
	}
	return nil
}

// shift writes out the whole number of a mantissa's digits, with its exponent behind the
// last; ok is false where it is none, however little is behind the point.
func shift(whole, frac string) (_ string, ok bool) {
	last := &frac
	if frac == "" {
		last = &whole
	}
	digits, exponent, _ := strings.Cut(strings.ToLower(*last), "e")
	*last = digits
	e, err := strconv.ParseInt(exponent, 10, 32)
	if err != nil {
		return "", false
	}
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	digits = strings.TrimRight(whole+frac, "0")
	zeros := int64(len(whole)) + e - int64(len(digits))
	switch {
	case digits == "" && whole != "":
		return "0", true
	case zeros < 0 || zeros > 18:
		return "", false
	}
	return sign + digits + strings.Repeat("0", int(zeros)), true
}

func (*intValue) schema() *huma.Schema { return schemaOf(huma.TypeInteger, "int64") }

type moneyValue policy.Money

func (m *moneyValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	text := string(v)
	switch v.Kind() {
	case '"':
		text = strings.TrimSpace(unquote(v))
		switch strings.ToLower(strings.TrimLeft(text, "+-")) {
		case "nan", "inf", "infinity":
			d.fail("finite_number", at, "Input should be a finite number")
			return nil
		}
	case '0':
	default:
		d.fail("float_type", at, "Input should be a valid number")
		return nil
	}
	n, err := policy.ParseMoney(text)
	if err != nil {
		if jsontext.Value(text).IsValid() {
			d.fail("less_than_equal", at, "Input should be a number of dollars below 9000000000")
		} else {
			d.fail("float_parsing", at, "Input should be a valid number, unable to parse string as a number")
		}
		return nil
	}
	*m = moneyValue(n)
	if v.Kind() == '"' {
		if jsontext.Value(text).IsValid() {
			return jsontext.Value(text)
		}
		return jsontext.Value(n.String())
	}
	return nil
}

func (*moneyValue) schema() *huma.Schema { return schemaOf(huma.TypeNumber, "double") }

type timeValue time.Time

func (t *timeValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	if v.Kind() != '"' {
		d.fail("datetime_type", at, "Input should be a valid datetime")
		return nil
	}
	parsed, ok := parseTime(unquote(v))
	if !ok {
		d.fail("datetime_parsing", at, "Input should be a valid datetime, as in 2026-01-31T12:00:00Z")
		return nil
	}
	*t = timeValue(parsed)
	return nil
}

// parseTime reads a time as ISO 8601 writes it; without an offset it is UTC.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 0 && t.Year() < 10000 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func (*timeValue) schema() *huma.Schema { return schemaOf(huma.TypeString, "date-time") }

type listValue []string

// maxItem bounds the items of lists, in bytes: names, ids and keys, which every
// extproc holds in memory.
const maxItem = 1024

func (l *listValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	out := []string{}
	d.items(at, v, func(at location, v jsontext.Value) {
		var t textValue
		t.parse(d, at, v)
		if len(t) > maxItem {
			d.fail("string_too_long", at, "Input is longer than "+itoa(maxItem)+" bytes")
		}
		out = append(out, string(t))
	})
	*l = out
	return nil
}

func (*listValue) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: schemaOf(huma.TypeString, "")}
}

// modelFallbacks is {"gpt-4":["gpt-4o-mini"]}.
type modelFallbacks map[string][]string

func (m *modelFallbacks) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	out := map[string][]string{}
	canonical := d.members(at, v, func(at location, name string, v jsontext.Value) jsontext.Value {
		var l listValue
		changed := l.parse(d, at, v)
		out[name] = l
		return changed
	})
	*m = out
	return canonical
}

func (*modelFallbacks) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: (*listValue)(nil).schema()}
}

// countsValue is a limit per model.
type countsValue map[string]int64

func (c *countsValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	out := map[string]int64{}
	canonical := d.members(at, v, func(at location, name string, v jsontext.Value) jsontext.Value {
		var i intValue
		changed := i.parse(d, at, v)
		out[name] = int64(i)
		return changed
	})
	*c = out
	return canonical
}

func (*countsValue) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: schemaOf(huma.TypeInteger, "int64")}
}

type namesValue map[string]string

func (n *namesValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	out := map[string]string{}
	d.members(at, v, func(at location, name string, v jsontext.Value) jsontext.Value {
		var t textValue
		t.parse(d, at, v)
		out[name] = string(t)
		return nil
	})
	*n = out
	return nil
}

func (*namesValue) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: schemaOf(huma.TypeString, "")}
}

// objectValue is an object of the caller's own: kept, never looked into.
type objectValue Fields

func (o *objectValue) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	if v.Kind() != '{' {
		d.fail("dict_type", at, "Input should be a valid dictionary")
		return nil
	}
	f, err := parseFields(v)
	if err != nil {
		d.fail("dict_type", at, "Input should be a valid dictionary")
		return nil
	}
	*o = objectValue(f)
	return nil
}

func (*objectValue) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

type anyValue jsontext.Value

func (a *anyValue) parse(_ *decoding, _ location, v jsontext.Value) jsontext.Value {
	*a = anyValue(v.Clone())
	return nil
}

func (*anyValue) schema() *huma.Schema { return &huma.Schema{} }

// Unenforced is a field that restricts something Purser does not enforce. To
// accept it would be a false promise, so it is refused unless it restricts
// nothing: null, false, 0, "" and whatever holds only such.
type Unenforced struct{}

// insteadOf says what there is in the place of a field that is refused.
var insteadOf = map[string]string{
	"auto_rotate": "Keys are not rotated by themselves: nobody could be given the new secret. Use POST /key/{key}/regenerate, with a grace_period in which the old secret works on.",
}

func (*Unenforced) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	if why := insteadOf[at.field()]; why != "" && !restrictsNothing(v) {
		d.refuse(badRequest(at.field(), "%s is not supported. %s", at.field(), why))
		return nil
	}
	if !restrictsNothing(v) {
		d.refuse(badRequest(at.field(), "%s is not enforced here, and a restriction that is not enforced must not look as if it were. Leave it out or send it empty.", at.field()))
	}
	return nil
}

func (*Unenforced) schema() *huma.Schema {
	return &huma.Schema{Description: "Not enforced: refused unless empty."}
}

func restrictsNothing(v jsontext.Value) bool {
	switch v.Kind() {
	case 'n', 'f':
		return true
	case 't':
		return false
	case '"':
		return string(v) == `""`
	case '0':
		return strings.Trim(string(v), "-0.") == ""
	}
	nothing := true
	var d decoding
	if v.Kind() == '[' {
		d.items(nil, v, func(_ location, v jsontext.Value) { nothing = nothing && restrictsNothing(v) })
	} else {
		d.members(nil, v, func(_ location, _ string, v jsontext.Value) jsontext.Value {
			nothing = nothing && restrictsNothing(v)
			return nil
		})
	}
	return nothing
}
