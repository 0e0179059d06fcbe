package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// request is one pass over a JSON body.
type request struct {
	call   *Call
	dec    *jsontext.Decoder
	buf    bytes.Buffer
	body   []byte
	fail   *Malformed
	name   []byte // scratch: an unescaped name
	folded []byte // scratch: a folded name
	user   int    // rank of the field EndUser was taken from
}

var requests = sync.Pool{New: func() any { return &request{dec: jsontext.NewDecoder(new(bytes.Buffer))} }}

// readJSON reads a request whose body is one JSON object.
func readJSON(f *field, call *Call) *Malformed {
	r := requests.Get().(*request)
	r.call, r.body, r.fail, r.user = call, call.in.Body, nil, 1<<10
	r.buf = *bytes.NewBuffer(r.body)
	r.dec.Reset(&r.buf) // parses in place: values are parts of the body
	r.document(f)
	fail := r.fail
	r.call, r.body, r.fail, r.buf = nil, nil, nil, bytes.Buffer{}
	r.dec.Reset(&r.buf) // lets go of the body
	requests.Put(r)
	return fail
}

func (r *request) document(f *field) {
	switch kind := r.dec.PeekKind(); {
	case kind == '{':
		r.object(f, 0)
	case kind != 0:
		r.refuse("", "invalid_json", "Invalid JSON payload: the body must be an object.")
	default:
		_, err := r.dec.ReadToken()
		r.syntax(err)
	}
	if r.fail != nil {
		return
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		r.refuse("", "invalid_json", "Invalid JSON payload: something follows the object.")
	}
}

// walk reads the value that comes next.
func (r *request) walk(f *field, depth int) {
	switch kind := r.dec.PeekKind(); {
	case f == nil:
		r.syntax(r.dec.SkipValue())
	case kind == '{' && f.keys != nil:
		if f.take != nil {
			f.take(r, value{path: f.path})
		}
		r.object(f, depth)
	case kind == '[' && f.elem != nil:
		if f.take != nil {
			f.take(r, value{path: f.path})
		}
		r.array(f, depth)
	case f.take != nil:
		raw, err := r.dec.ReadValue()
		if err != nil {
			r.syntax(err)
			return
		}
		end := int(r.dec.InputOffset())
		f.take(r, value{raw: raw, at: span{end - len(raw), end}, path: f.path})
	default:
		r.syntax(r.dec.SkipValue())
	}
}

func (r *request) array(f *field, depth int) {
	if _, err := r.dec.ReadToken(); err != nil {
		r.syntax(err)
		return
	}
	for r.fail == nil {
		if kind := r.dec.PeekKind(); kind == ']' || kind == 0 {
			_, err := r.dec.ReadToken()
			r.syntax(err)
			return
		}
		r.walk(f.elem, depth+1)
	}
}

func (r *request) object(f *field, depth int) {
	if _, err := r.dec.ReadToken(); err != nil {
		r.syntax(err)
		return
	}
	var twins []*field
	here := slot{path: f.path, at: span{int(r.dec.InputOffset()), int(r.dec.InputOffset())}}
	for r.fail == nil {
		if kind := r.dec.PeekKind(); kind == '}' || kind == 0 {
			_, err := r.dec.ReadToken()
			r.syntax(err)
			if depth < 2 {
				r.call.slots = append(r.call.slots, here)
			}
			return
		}
		raw, err := r.dec.ReadValue()
		if err != nil {
			r.syntax(err)
			return
		}
		start := int(r.dec.InputOffset()) - len(raw)
		name := raw[1 : len(raw)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			r.name, _ = jsontext.AppendUnquote(r.name[:0], raw) // the decoder has checked it
			name = r.name
		}
		next := f.keys[string(name)]
		if next == nil && !freeForm[f.path] {
			r.folded = fold(r.folded[:0], name)
			if like, ok := f.folded[string(r.folded)]; ok {
				r.refuse(dotted(f.path, like), "ambiguous_field", fmt.Sprintf("The field %q must be written %q.", clip(name), like))
				return
			}
		}
		if next != nil && next.twin != nil {
			if slices.Contains(twins, next.twin) {
				r.refuse(next.path, "duplicate_field", fmt.Sprintf("The field %q is given more than once.", next.path))
				return
			}
			twins = append(twins, next)
		}
		r.walk(next, depth+1)
		if depth == 0 && next != nil && proxyOnly[next.path] {
			r.call.extras = append(r.call.extras, extra{next.path, span{start, int(r.dec.InputOffset())}, start + len(raw), here.members > 0})
		} else {
			here.members++
		}
	}
}

func dotted(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// clip shortens what a client sent to what an error may repeat.
func clip(b []byte) string {
	if len(b) > 64 {
		return string(b[:64]) + "…"
	}
	return string(b)
}

func (r *request) refuse(param, code, message string) {
	if r.fail == nil {
		r.fail = &Malformed{Message: message, Param: param, Code: code}
	}
}

// where is the path of the value just read, with its indexes: "messages[0].content".
func (r *request) where() string { return pointed(string(r.dec.StackPointer())) }

func pointed(pointer string) string {
	var b strings.Builder
	for i, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch {
		case part != "" && strings.Trim(part, "0123456789") == "":
			b.WriteString("[" + part + "]")
		case i > 0:
			b.WriteString("." + part)
		default:
			b.WriteString(part)
		}
		if b.Len() > 256 {
			return b.String()[:256]
		}
	}
	return b.String()
}

// syntax turns a decoder's error into what the client is told.
func (r *request) syntax(err error) {
	if err == nil || r.fail != nil {
		return
	}
	var at *jsontext.SyntacticError
	switch {
	case len(bytes.TrimSpace(r.body)) == 0:
		r.refuse("", "invalid_json", "Invalid JSON payload: the body is empty.")
	case errors.As(err, &at) && errors.Is(err, jsontext.ErrDuplicateName):
		where := pointed(string(at.JSONPointer))
		r.refuse(where, "duplicate_field", fmt.Sprintf("The field %q is given more than once.", where))
	case errors.As(err, &at):
		r.refuse("", "invalid_json", fmt.Sprintf("Invalid JSON payload: %v at byte %d.", at.Err, at.ByteOffset))
	default:
		r.refuse("", "invalid_json", "Invalid JSON payload: it ends too early.")
	}
}
