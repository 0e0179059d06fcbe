package adminsvc

import (
	"fmt"
	"slices"
	"testing"
)

// Lists whose documented answer is everything are everything, and come in pages where
// pages are asked for: each thing on one page, none on two.
func TestDocumentedListsInPages(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t0"}`).ok()
	for _, c := range []struct{ list, in, id, make, body string }{
		{"/project/list", "", "project_id", "/project/new", `{"project_id":"p%d","team_id":"t0"}`},
		{"/team/list", "teams.", "team_id", "/team/new", `{"team_id":"t%d"}`},
		{"/team/list?format=array", "", "team_id", "", ""},
		{"/customer/list", "", "user_id", "/customer/new", `{"user_id":"c%d"}`},
		{"/tag/list", "", "name", "/tag/new", `{"name":"g%d"}`},
		{"/budget/list", "", "budget_id", "/budget/new", `{"budget_id":"b%d","max_budget":1}`},
		{"/organization/list", "", "organization_id", "/organization/new", `{"organization_alias":"o%d"}`},
		{"/v1/access_group", "", "access_group_id", "/v1/access_group", `{"access_group_name":"ag%d"}`},
	} {
		for i := 1; c.make != "" && i <= 5; i++ {
			a.post(c.make, fmt.Sprintf(c.body, i)).ok()
		}
		ids := func(query string) (out []string) {
			sep := "?"
			if slices.Contains([]byte(c.list), '?') {
				sep = "&"
			}
			if query == "" {
				sep = ""
			}
			got := a.get(c.list + sep + query).ok()
			for i := 0; ; i++ {
				id := got.text(fmt.Sprintf("%s%d.%s", c.in, i, c.id))
				if id == "" {
					break
				}
				out = append(out, id)
			}
			all := 5
			if c.id == "team_id" && c.list[1] == 't' {
				all = 6
			}
			if n := got.header.Get("X-Total-Count"); n != fmt.Sprint(all) {
				t.Errorf("%s: X-Total-Count %q", got.what, n)
			}
			return out
		}
		all := ids("")
		var paged []string
		for page := 1; page <= 4; page++ {
			paged = append(paged, ids(fmt.Sprintf("page=%d&page_size=2", page))...)
		}
		if len(all) < 5 || !slices.Equal(all, paged) {
			t.Errorf("%s: all %q, in pages %q", c.list, all, paged)
		}
	}
	a.get("/project/list?page=0").invalid("greater_than_equal", `["query","page"]`)
	a.get("/tag/list?page_size=1001").invalid("less_than_equal", `["query","page_size"]`)
}
