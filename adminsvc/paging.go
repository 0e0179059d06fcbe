package adminsvc

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
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

// listPage is embedded in the query of lists whose documented answer is all there is, as
// a bare list: whoever has many of them asks for pages. How many there are in all is in
// the header X-Total-Count.
type listPage struct {
	Page     Opt[int64] `query:"page" doc:"From 1. Absent, as page_size: all of them"`
	PageSize Opt[int64] `query:"page_size" doc:"1 to 1000, default 100"`
}

// allPages is the query of a list that knows no filter.
type allPages struct{ listPage }

// cut makes a query that of the page, where one is asked for.
func (l listPage) cut(q *policy.Query) error {
	if !l.Page.Sent && !l.PageSize.Sent {
		return nil
	}
	p, err := pageOf(l.Page, l.PageSize, "page_size", 100, 1000)
	q.Limit, q.Offset = p.limit(), p.offset()
	return err
}

// listed is an answer that says how many there are in all.
func listed(total int, body any) any {
	return &answered{header: http.Header{"X-Total-Count": {strconv.Itoa(total)}}, body: body}
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
