package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file, far above any real one: an alias may stand for a large part
// of the text, and ten of them in a row for more than memory holds.
const (
	maxBytes  = 16 << 20
	maxValues = 500_000
	maxDepth  = 64
	maxName   = 100 // characters of a name that are shown in a path
)

// value is a node of the file, aliases and merges resolved. Scalars keep their
// text, so that a price never becomes a float.
type value struct {
	kind   kind
	text   string // of a scalar
	tag    string // of a scalar: "!!str", "!!int", "!!float", "!!bool", "!!null", …
	items  []value
	fields []field
	at     *place
}

type kind uint8

const (
	absent kind = iota // the zero value: nothing was written
	scalar
	list
	object
)

type field struct {
	name  string
	value value
}

// null reports whether the file says nothing here.
func (v value) null() bool { return v.kind == absent || v.kind == scalar && v.tag == "!!null" }

// get is the field of that name; the zero value where there is none.
func (v value) get(name string) value {
	for _, f := range v.fields {
		if f.name == name {
			return f.value
		}
	}
	return value{}
}

// has reports whether the field is there and not null.
func (v value) has(name string) bool { return !v.get(name).null() }

// missing stands for a field that is not there, to say so.
func (v value) missing(name string) value {
	if f := v.get(name); !f.null() {
		return f
	}
	return value{at: &place{parent: v.at, name: name, line: v.at.line, file: v.at.file}}
}

// what names the kind of a value in an error.
func (v value) what() string {
	switch {
	case v.kind == list:
		return "a list"
	case v.kind == object:
		return "a mapping"
	case v.null():
		return "nothing"
	}
	switch v.tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "text"
}

// place is where a value stands.
type place struct {
	parent *place
	name   string // of a field
	index  int    // of an item, where name is ""
	line   int
	file   string
}

// path writes the place as people do: model_list[2].litellm_params.api_base.
func (p *place) path() string {
	var parts []string
	for ; p != nil && p.parent != nil; p = p.parent {
		if p.name == "" {
			parts = append(parts, "["+strconv.Itoa(p.index)+"]")
			continue
		}
		parts = append(parts, "."+printable(p.name))
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i])
	}
	return strings.TrimPrefix(b.String(), ".")
}

// printable cuts and quotes a name so that it fits on a line.
func printable(name string) string {
	if utf8.RuneCountInString(name) > maxName {
		name = string([]rune(name)[:maxName]) + "…"
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(name) {
		return strconv.Quote(name)
	}
	return name
}

// tree turns YAML into values.
type tree struct {
	file   string
	report func(at *place, message string)
	left   int
	open   map[*yaml.Node]bool // what an alias must not stand for: it is in it
}

// parseYAML reads one document. ok is false where it could not be read at all.
func parseYAML(data []byte, file string, report func(at *place, message string)) (root value, ok bool) {
	t := &tree{file: file, report: report, left: maxValues, open: map[*yaml.Node]bool{}}
	top := &place{line: 0, file: file}
	if len(data) > maxBytes {
		report(top, fmt.Sprintf("the file is larger than %d MiB", maxBytes>>20))
		return value{}, false
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return value{at: top}, true // an empty file says nothing
	case err != nil:
		report(syntax(top, err))
		return value{}, false
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			report(syntax(top, err))
		} else {
			report(&place{line: more.Line, file: file}, "a second document begins here: write everything into one")
		}
		return value{}, false
	}
	return t.value(&doc, top, 0), true
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns the parser's error into ours.
func syntax(top *place, err error) (*place, string) {
	text := err.Error()
	at := *top
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	return &at, "not YAML: " + text
}

// value converts a node. at is its place, but for the line.
func (t *tree) value(n *yaml.Node, at *place, depth int) value {
	if at.line == 0 {
		at.line = n.Line
	}
	t.left--
	switch {
	case t.left == 0:
		t.report(at, fmt.Sprintf("more than %d values, aliases counted: too many", maxValues))
		return value{at: at}
	case t.left < 0:
		return value{at: at}
	case depth > maxDepth:
		t.report(at, fmt.Sprintf("nested deeper than %d levels", maxDepth))
		return value{at: at}
	}
	if n.Anchor != "" {
		t.open[n] = true
		defer delete(t.open, n)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return t.value(n.Content[0], at, depth)
	case yaml.AliasNode:
		if t.open[n.Alias] {
			t.report(at, "stands for something that it is a part of")
			return value{at: at}
		}
		return t.value(n.Alias, at, depth+1)
	case yaml.ScalarNode:
		tag := n.ShortTag()
		if !strings.HasPrefix(tag, "!!") {
			t.report(at, "a tag of its own kind is not understood")
		}
		return value{kind: scalar, text: n.Value, tag: tag, at: at}
	case yaml.SequenceNode:
		v := value{kind: list, at: at, items: make([]value, 0, len(n.Content))}
		for i, item := range n.Content {
			v.items = append(v.items, t.value(item, &place{parent: at, index: i, line: item.Line, file: t.file}, depth+1))
		}
		return v
	case yaml.MappingNode:
		return t.object(n, at, depth)
	}
	return value{at: at}
}

// object converts a mapping: its own fields first, then those merged with <<
// that it has not.
func (t *tree) object(n *yaml.Node, at *place, depth int) value {
	v := value{kind: object, at: at}
	lines := map[string]int{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, node := n.Content[i], n.Content[i+1]
		for key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" {
			t.report(&place{parent: at.parent, name: at.name, index: at.index, line: key.Line, file: t.file}, "a name must be text")
			continue
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, node)
			continue
		}
		here := &place{parent: at, name: key.Value, line: key.Line, file: t.file}
		if first, twice := lines[key.Value]; twice {
			t.report(here, fmt.Sprintf("named a second time; the first is on line %d", first))
			continue
		}
		lines[key.Value] = key.Line
		v.fields = append(v.fields, field{key.Value, t.value(node, here, depth+1)})
	}
	for _, node := range merges {
		t.merge(&v, node, lines, depth+1)
	}
	return v
}

func (t *tree) merge(v *value, node *yaml.Node, lines map[string]int, depth int) {
	from := t.value(node, &place{parent: v.at, name: "<<", line: node.Line, file: t.file}, depth)
	parts := []value{from}
	if from.kind == list {
		parts = from.items
	}
	for _, part := range parts {
		if part.kind != object {
			t.report(part.at, "only mappings can be merged")
			continue
		}
		for _, f := range part.fields {
			if _, own := lines[f.name]; !own {
				lines[f.name] = f.value.at.line
				v.fields = append(v.fields, field{f.name, f.value.moved(v.at, f.name)})
			}
		}
	}
}

// moved is the value as a field of parent, at the line it was written.
func (v value) moved(parent *place, name string) value {
	at := *v.at
	at.parent, at.name = parent, name
	v.at = &at
	return v
}
