package config

import (
	"slices"
	"strings"
)

// disposition is what becomes of a setting of LiteLLM's.
type disposition uint8

const (
	applies  disposition = iota // it does what it does in LiteLLM
	needless                    // what it is for holds without it: a warning
	ignored                     // it has no effect: a warning
	refused                     // it would limit or deny, and nothing here enforces it: an error
)

// setting is one entry of a table of what is known. Into is what its value is
// read into.
type setting[Into any] struct {
	name string
	does disposition
	as   string // the shape of its value, for the reference
	help string // what it does; for the others, why it does not
	read func(r *reader, into Into, v value)
	free []string // refused: values that restrict nothing, beside false, null and what is empty
}

// table is the settings of one section.
type table[Into any] []setting[Into]

func (t table[Into]) find(name string) (setting[Into], bool) {
	i := slices.IndexFunc(t, func(s setting[Into]) bool { return s.name == name })
	if i < 0 {
		return setting[Into]{}, false
	}
	return t[i], true
}

func (t table[Into]) names() []string {
	names := make([]string, len(t))
	for i, s := range t {
		names[i] = s.name
	}
	return names
}

// apply does with a value what the setting says. each is how warnings are
// given: one each, or one for all models.
func (s setting[Into]) apply(r *reader, into Into, v value, each func(v value, setting, message string)) {
	if v.null() {
		return
	}
	switch s.does {
	case applies:
		s.read(r, into, v)
	case needless:
		each(v, s.name, "not needed: "+s.help)
	case ignored:
		each(v, s.name, "has no effect: "+s.help)
	case refused:
		if s.read != nil { // decides by itself
			s.read(r, into, v)
		} else if s.restricts(r, v) {
			r.fail(v, "is not supported, and must not be ignored: %s", s.help)
		}
	}
}

// restricts reports whether a value of a refused setting asks for anything.
func (s setting[Into]) restricts(r *reader, v value) bool {
	switch v.kind {
	case list:
		return len(v.items) > 0
	case object:
		return len(v.fields) > 0
	}
	text := strings.ToLower(r.optional(v))
	return !slices.Contains([]string{"", "false", "no", "off"}, text) && !slices.Contains(s.free, text)
}

// section reads the settings of a section.
func section[Into any](r *reader, t table[Into], into Into, v value) {
	if v.null() {
		return
	}
	fields, _ := r.object(v)
	for _, f := range fields {
		s, known := t.find(f.name)
		if !known {
			r.unknown(f, t.names())
			continue
		}
		s.apply(r, into, f.value, func(v value, _, message string) { r.warn(v, "%s", message) })
	}
}

// unknown warns of a name that is in no table.
func (r *reader) unknown(f field, here []string) {
	if f.value.null() || len(r.cfg.Warnings) >= maxWarnings {
		return
	}
	message := "unknown, and has no effect"
	near := nearest(f.name, here)
	switch {
	case near != "":
		message += "; did you mean " + near + "?"
	case elsewhere(f.name) != "":
		message += "; it belongs under " + elsewhere(f.name)
	}
	r.warn(f.value, "%s", message)
}

// elsewhere is the section that knows a name, one where it applies first.
func elsewhere(name string) string {
	found := ""
	for _, s := range slices.Backward(sections()) {
		for _, row := range s.rows {
			switch {
			case row.name != name:
			case row.does == applies:
				return s.title
			case found == "":
				found = s.title
			}
		}
	}
	return found
}

// nearest is the name most like another, "" where none is much like it.
func nearest(name string, names []string) string {
	if len(name) > maxName {
		return ""
	}
	best, at := "", min(max(1, len(name)/4), 3)+1
	for _, n := range names {
		if d := distance(name, n, at); d < at {
			best, at = n, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a; limit where it is that or more.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return min(row[len(b)], limit)
}
