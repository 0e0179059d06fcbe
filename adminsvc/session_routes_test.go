package adminsvc

import (
	"net/url"
	"strings"
	"testing"
)

// Who is signed in calls with no key: every call that reads answers them as well, an
// internal user, a viewer and an admin.
func TestEveryReadWithinASession(t *testing.T) {
	t.Parallel()
	w := routesWorld(t)
	for _, who := range []string{"stranger", "viewer", "admin", "member"} {
		w.post("/user/update", `{"user_id":"`+who+`","password":"correct horse battery"}`).ok()
		b := w.browser()
		b.signIn(who, "correct horse battery").ok()
		for _, c := range everyRoute {
			method, path, _ := strings.Cut(c.route, " ")
			if method != "GET" || strings.Contains(c.route+c.query, "{invitation}") || strings.Contains(c.route, "{group}") {
				continue
			}
			query, err := url.ParseQuery(w.put(c.query, 0))
			if err != nil {
				t.Fatal(err)
			}
			if r := b.send(method, w.put(path, 0)+"?"+query.Encode(), ""); r.status >= 500 && r.status != 501 {
				t.Errorf("%s as %s: %d %s", c.route, who, r.status, r.raw)
			}
		}
	}
}
