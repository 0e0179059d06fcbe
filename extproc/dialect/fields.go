package dialect

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// fields says what a format reads of a request's JSON: a path ("stream",
// "stream_options.include_usage", "messages[].content[].text") and what to do
// with the value found there. A path may lead both to a value and further down:
// a message's content is a string or a list of parts.
type fields map[string]take

// take does something with a value. For an object or a list that other paths
// lead into it is called when it begins, with v.raw empty.
type take func(r *request, v value)

type value struct {
	raw  jsontext.Value
	at   span   // where raw is in the body
	path string // as in fields
}

// span is a part of the body.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// field is a node of the compiled paths.
type field struct {
	path   string
	take   take
	keys   map[string]*field
	folded map[string]string // folded name → true name
	elem   *field
	twin   *field // the same field by its other spelling
}

func (f fields) compile() *field {
	root := &field{}
	for path, t := range f {
		at := root
		for _, part := range strings.Split(path, ".") {
			name, lists := cutLists(part)
			at = at.key(name)
			for range lists {
				if at.elem == nil {
					at.elem = &field{path: at.path + "[]"}
				}
				at = at.elem
			}
		}
		at.take = t
	}
	return root
}

func (f *field) key(name string) *field {
	if f.keys == nil {
		f.keys, f.folded = map[string]*field{}, map[string]string{}
	}
	k := f.keys[name]
	if k == nil {
		k = &field{path: strings.TrimPrefix(f.path+"."+name, ".")}
		f.keys[name] = k
		folded := foldString(name)
		if other, ok := f.folded[folded]; ok {
			k.twin, f.keys[other].twin = f.keys[other], k
		}
		f.folded[folded] = name
	}
	return k
}

// cutLists takes the brackets off a part of a path.
func cutLists(part string) (name string, lists int) {
	for {
		inner, ok := strings.CutSuffix(part, "[]")
		if !ok {
			return part, lists
		}
		part, lists = inner, lists+1
	}
}

// bothSpellings adds to each path its form in snake_case, part by part: Google's
// APIs take either.
func bothSpellings(f fields) fields {
	out := fields{}
	for path, t := range f {
		forms := []string{""}
		for i, part := range strings.Split(path, ".") {
			var next []string
			for _, form := range forms {
				if i > 0 {
					form += "."
				}
				next = append(next, form+part)
				if s := snake(part); s != part {
					next = append(next, form+s)
				}
			}
			forms = next
		}
		for _, form := range forms {
			out[form] = t
		}
	}
	return out
}

func snake(camel string) string {
	var b strings.Builder
	for _, r := range camel {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func foldString(s string) string { return string(fold(nil, []byte(s))) }

// samePath compares paths whatever their spelling.
func samePath(a, b string) bool { return a == b || foldString(a) == foldString(b) }

// fold makes names equal that some JSON parser takes for the same: it ignores
// case (beyond ASCII, too: K, the Kelvin sign, folds to k), dashes and underscores.
func fold(dst, name []byte) []byte {
	for i := 0; i < len(name); {
		c := name[i]
		switch {
		case c == '_' || c == '-':
			i++
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c+'a'-'A')
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, n := utf8.DecodeRune(name[i:])
			least := r
			for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
				least = min(least, next)
			}
			dst = utf8.AppendRune(dst, unicode.ToLower(least))
			i += n
		}
	}
	return dst
}
