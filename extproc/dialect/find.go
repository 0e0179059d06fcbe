package dialect

import (
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Match is a path that was recognised.
type Match struct {
	Endpoint *Endpoint
	Model    string // from the path, unescaped; "" where the path names none
	ID       string // of a file, a batch, a response
	Allow    string // not empty: the path is known but not with this method; the methods that are, as in an Allow header
}

// registry holds the endpoints in order of declaration.
var registry []*Endpoint

func register(e *Endpoint) *Endpoint {
	registry = append(registry, e)
	return e
}

// Endpoints lists every endpoint of every format.
func Endpoints() []*Endpoint { return slices.Clone(registry) }

// Find recognises a method and a path. Paths are compared exactly, but for one
// slash at the end. ok is false for a path of no format.
func Find(method, path string) (m Match, ok bool) {
	t := table()
	path, _, _ = strings.Cut(path, "?")
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	var allow []string
	try := func(e *Endpoint, model, id string) bool {
		if e.Method == method || e.Method == "" || (method == "HEAD" && e.Method == "GET") {
			m, ok = Match{Endpoint: e, Model: model, ID: id}, true
			return true
		}
		if m.Endpoint == nil {
			m = Match{Endpoint: e, Model: model, ID: id}
		}
		if !slices.Contains(allow, e.Method) {
			allow = append(allow, e.Method)
		}
		return false
	}
	for _, e := range t.exact[path] {
		if try(e, "", "") {
			return m, true
		}
	}
	for i := range t.patterns {
		p := &t.patterns[i]
		if len(path) <= len(p.prefix)+len(p.suffix) || !strings.HasPrefix(path, p.prefix) || !strings.HasSuffix(path, p.suffix) {
			continue
		}
		part := path[len(p.prefix) : len(path)-len(p.suffix)]
		if p.id {
			if plainID(part) && try(p.endpoint, "", part) {
				return m, true
			}
			continue
		}
		name, err := url.PathUnescape(part)
		if err == nil && try(p.endpoint, name, "") {
			return m, true
		}
	}
	m.Allow = strings.Join(allow, ", ")
	return m, m.Endpoint != nil
}

// plainID admits what ids are made of: it goes into the path at the provider.
func plainID(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return len(s) <= 256 && strings.Trim(s, ".") != ""
}

type pattern struct {
	prefix, suffix string
	id             bool // the part is an id: one segment; else a model's name, slashes included
	endpoint       *Endpoint
}

type paths struct {
	exact    map[string][]*Endpoint
	patterns []pattern // most literal first: "/engines/{model}/chat/completions" before "/engines/{model}/completions"
}

var table = sync.OnceValue(func() paths {
	t := paths{exact: map[string][]*Endpoint{}}
	for _, e := range registry {
		for _, path := range e.Paths {
			prefix, rest, part := strings.Cut(path, "{")
			if !part {
				t.exact[path] = append(t.exact[path], e)
				continue
			}
			name, suffix, _ := strings.Cut(rest, "}")
			t.patterns = append(t.patterns, pattern{prefix: prefix, suffix: suffix, id: name == "id", endpoint: e})
		}
	}
	slices.SortStableFunc(t.patterns, func(a, b pattern) int {
		return len(b.prefix) + len(b.suffix) - len(a.prefix) - len(a.suffix)
	})
	return t
})

// Stranger is the endpoint to refuse an unknown path with: it knows only the
// envelope that the path's SDK expects.
func Stranger(path string) *Endpoint {
	for _, s := range strangers() {
		if strings.HasPrefix(path, s.prefix) {
			return s.as
		}
	}
	return stranger
}

type strange struct {
	prefix string
	as     *Endpoint
}

var stranger = &Endpoint{Name: "unknown", shape: openAIShape}

var strangers = sync.OnceValue(func() (all []strange) {
	for _, e := range registry {
		for _, prefix := range e.prefixes {
			all = append(all, strange{prefix, &Endpoint{Name: "unknown", shape: e.shape}})
		}
	}
	return all
})
