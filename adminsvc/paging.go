package adminsvc

import (
	"cmp"
	"slices"
	"strings"
)

// page is the part of a list that is asked for.
type page struct {
	number, size int64
}

func (p page) limit() int  { return int(p.size) }
func (p page) offset() int { return int((p.number - 1) * p.size) }

// pages is how many pages hold that many.
func (p page) pages(total int) int64 { return (int64(total) + p.size - 1) / p.size }

// pageOf reads page and size parameters: the first page and def where they are
// absent, 422 outside of 1…most.
func pageOf(number, size Opt[int64], sizeName string, def, most int64) (page, error) {
	p := page{number.Or(1), size.Or(def)}
	var d decoding
	if p.number < 1 {
		d.fail("greater_than_equal", location{"query", "page"}, "Input should be greater than or equal to 1")
	}
	if p.number > 1<<31 {
		d.fail("less_than_equal", location{"query", "page"}, "Input should be less than or equal to "+itoa(1<<31))
	}
	if p.size < 1 {
		d.fail("greater_than_equal", location{"query", sizeName}, "Input should be greater than or equal to 1")
	}
	if p.size > most {
		d.fail("less_than_equal", location{"query", sizeName}, "Input should be less than or equal to "+itoa(most))
	}
	return p, d.err()
}

// sortOf turns a sort_by and sort_order into a field of the store's: names says
// which there are. Newest first where nothing is asked for.
func sortOf(by, order Opt[string], names map[string]string) (field string, descending bool, err error) {
	descending = true
	switch strings.ToLower(order.Or("desc")) {
	case "desc":
	case "asc":
		descending = false
	default:
		return "", false, badRequest("sort_order", "sort_order is asc or desc")
	}
	if by.Or("") == "" {
		return "", descending, nil
	}
	field, ok := names[by.Value]
	if !ok {
		return "", false, badRequest("sort_by", "sort_by is one of %s", strings.Join(sortedNames(names), ", "))
	}
	return field, descending, nil
}

func sortedNames[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// joined lists names in a message: a few of them.
func joined(names []string) string {
	const most = 10
	more := ""
	if len(names) > most {
		names, more = names[:most], ", …"
	}
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = clip(n)
	}
	return strings.Join(short, ", ") + more
}
