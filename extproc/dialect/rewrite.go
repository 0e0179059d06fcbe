package dialect

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Change is what Purser decides about a request.
type Change struct {
	Model        string // name at the provider; "" leaves it
	OutputCap    int64  // every cap of the request above it is lowered to it, one is added where there is none; 0 leaves them
	IncludeUsage bool   // ask a stream for its usage frame; the meter takes it out again
	Strip        bool   // take out what only proxies read: tags, litellm_metadata, metadata with members providers refuse
	Provider     string // of the deployment, as LiteLLM calls it: decides how an added cap is spelled
}

// Rewrite is the request body after a change; changed is false where it is
// the body that came. No byte but those of the changed members differs. It can
// be called again, for another deployment.
func (e *Endpoint) Rewrite(call *Call, ch Change) (body []byte, changed bool) {
	ed := edits{kept: len(call.extras)}
	call.injected = false
	if ch.Strip {
		call.strip(&ed, e.ownMetadata)
	}
	if ch.Model != "" {
		call.setModel(&ed, e.modelField, ch.Model)
	}
	if ch.OutputCap > 0 && e.capField != nil {
		call.setCap(&ed, e.capField(ch), ch.OutputCap)
	}
	if ch.IncludeUsage && e.usageField != "" && call.Stream && !call.UsageAsked {
		call.askUsage(&ed, e.usageField)
	}
	return ed.apply(call.in.Body)
}

// edits are replacements of parts of the body.
type edits struct {
	list   []edit
	kept   int      // extras that stay
	filled []string // objects that a member was added to
}

type edit struct {
	at   span
	text string
}

func (ed *edits) replace(at span, text string) { ed.list = append(ed.list, edit{at, text}) }

// apply makes the new body. Edits at one place keep their order.
func (ed *edits) apply(body []byte) ([]byte, bool) {
	if len(ed.list) == 0 {
		return body, false
	}
	slices.SortStableFunc(ed.list, func(a, b edit) int { return cmp.Or(a.at.from-b.at.from, a.at.to-b.at.to) })
	size := len(body)
	for _, e := range ed.list {
		size += len(e.text) - e.at.len()
	}
	out := make([]byte, 0, size)
	from := 0
	for _, e := range ed.list {
		out = append(append(out, body[from:e.at.from]...), e.text...)
		from = e.at.to
	}
	return append(out, body[from:]...), true
}

func quote(s string) string {
	b, _ := jsontext.AppendQuote(nil, s) // an error only says that bytes which are no UTF-8 were replaced
	return string(b)
}

func (c *Call) slot(path string) *slot {
	for i := range c.slots {
		if samePath(c.slots[i].path, path) {
			return &c.slots[i]
		}
	}
	return nil
}

// add puts a member at the beginning of an object of the body. The object is
// made where it is null or missing.
func (c *Call) add(ed *edits, object, name, value string) {
	member := quote(name) + ":" + value
	s := c.slot(object)
	switch {
	case s == nil && object == "":
		return // no JSON object was read
	case s == nil:
		c.add(ed, "", object, "{"+member+"}")
	case s.null:
		ed.replace(s.at, "{"+member+"}")
	case s.members > 0 || object == "" && ed.kept > 0:
		ed.replace(s.at, member+",")
	case slices.Contains(ed.filled, object):
		ed.replace(s.at, ","+member)
	default:
		ed.replace(s.at, member)
		ed.filled = append(ed.filled, object)
	}
}

func (c *Call) setModel(ed *edits, field, name string) {
	switch {
	case len(c.models) > 0 || field == "":
	case c.form:
		ed.replace(span{}, "--"+c.boundary+"\r\nContent-Disposition: form-data; name="+quote(field)+"\r\n\r\n"+name+"\r\n")
	default:
		c.add(ed, "", field, quote(name))
	}
	for _, at := range c.models {
		have := string(c.in.Body[at.from:at.to])
		want := name
		if !c.form {
			if c.prefix != "" && strings.HasPrefix(have, `"`+c.prefix) {
				want = c.prefix + name
			}
			want = quote(want)
		}
		if have != want {
			ed.replace(at, want)
		}
	}
}

// setCap lowers the caps that the request has. field is the dotted path of the
// one that is added where it has none.
func (c *Call) setCap(ed *edits, field string, limit int64) {
	number := strconv.FormatInt(limit, 10)
	for _, have := range c.caps {
		if have.limit > limit {
			ed.replace(have.at, number)
		}
	}
	if c.OutputCap != nil {
		return
	}
	for _, have := range c.caps { // null: the member is there already
		if samePath(have.path, field) {
			ed.replace(have.at, number)
			return
		}
	}
	object, name := splitPath(field)
	c.add(ed, object, name, number)
}

func (c *Call) askUsage(ed *edits, field string) {
	c.injected = true
	if c.wantFlag.len() > 0 {
		ed.replace(c.wantFlag, "true")
		return
	}
	object, name := splitPath(field)
	c.add(ed, object, name, "true")
}

// strip takes members out, each with the comma before it; those at the
// beginning of the object with the comma behind. Metadata stays where own says
// that it is the provider's.
func (c *Call) strip(ed *edits, own func(*Call, jsontext.Value) bool) {
	ed.kept = 0
	for _, x := range c.extras {
		if x.name == "metadata" && own != nil && own(c, valueOf(c.in.Body[x.colon:x.at.to])) {
			ed.kept++
			continue
		}
		at := x.at
		if x.behind || ed.kept > 0 {
			at.from = backComma(c.in.Body, at.from)
		} else {
			at.to = skipComma(c.in.Body, at.to)
		}
		ed.replace(at, "")
	}
}

// valueOf cuts the colon off a member whose name was cut off.
func valueOf(b []byte) jsontext.Value {
	_, v, _ := bytes.Cut(b, []byte(":"))
	return jsontext.Value(bytes.TrimSpace(v))
}

// onlyStrings reports whether v is an object of strings: what OpenAI accepts as
// metadata. Lists of tags and the like were meant for a proxy.
func onlyStrings(v jsontext.Value) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	if dec.PeekKind() != '{' {
		return false
	}
	_, _ = dec.ReadToken()
	for dec.PeekKind() == '"' {
		if dec.SkipValue() != nil || dec.PeekKind() != '"' || dec.SkipValue() != nil {
			return false
		}
	}
	return dec.PeekKind() == '}'
}

func skipComma(b []byte, i int) int {
	for j := i; j < len(b); j++ {
		switch b[j] {
		case ',':
			return j + 1
		case ' ', '\t', '\r', '\n':
		default:
			return i
		}
	}
	return i
}

func backComma(b []byte, i int) int {
	for j := i - 1; j >= 0; j-- {
		switch b[j] {
		case ',':
			return j
		case ' ', '\t', '\r', '\n':
		default:
			return i
		}
	}
	return i
}

func splitPath(path string) (object, name string) {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[:i], path[i+1:]
		}
	}
	return "", path
}
