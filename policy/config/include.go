package config

import (
	"errors"
	"io/fs"
	"slices"
)

// Bounds of what one file may include.
const maxIncludes = 100

// include adds what other files say: their lists to the lists of this one,
// their settings to its sections. A setting may stand in one file only.
func (r *reader) include(root value) value {
	seen := []string{}
	return r.includeInto(root, root, &seen)
}

func (r *reader) includeInto(root, from value, seen *[]string) value {
	names := from.get("include")
	if names.null() {
		return root
	}
	for _, item := range r.list(names) {
		name, ok := r.text(item)
		switch {
		case !ok:
			continue
		case slices.Contains(*seen, name):
			r.fail(item, "is included a second time")
			continue
		case len(*seen) >= maxIncludes:
			r.fail(item, "more than %d files", maxIncludes)
			return root
		case r.opts.ReadFile == nil:
			r.fail(item, "cannot be read: there are no further files here")
			continue
		}
		*seen = append(*seen, name)
		data, err := r.opts.ReadFile(name)
		if err != nil {
			if path := (*fs.PathError)(nil); errors.As(err, &path) {
				err = path.Err
			}
			r.fail(item, "cannot be read: %v", err)
			continue
		}
		more, ok := parseYAML(data, name, r.report)
		if !ok || more.null() {
			continue
		}
		if _, ok := r.object(more); ok {
			root = r.join(root, more)
			root = r.includeInto(root, more, seen)
		}
	}
	return root
}

// join adds the fields of one file's root to another's.
func (r *reader) join(root, more value) value {
	for _, f := range more.fields {
		if f.name == "include" {
			continue
		}
		i := slices.IndexFunc(root.fields, func(g field) bool { return g.name == f.name })
		if i < 0 {
			root.fields = append(root.fields, f)
			continue
		}
		old := root.fields[i].value
		switch {
		case old.null():
			root.fields[i].value = f.value
		case f.value.null():
		case old.kind == list && f.value.kind == list:
			root.fields[i].value.items = slices.Concat(old.items, f.value.items)
		case old.kind == object && f.value.kind == object:
			for _, g := range f.value.fields {
				if old.has(g.name) {
					r.fail(g.value, "is set a second time; the first is in the file that includes this one, or in one before it")
				}
			}
			root.fields[i].value.fields = slices.Concat(old.fields, f.value.fields)
		default:
			r.fail(f.value, "is set a second time")
		}
	}
	return root
}
