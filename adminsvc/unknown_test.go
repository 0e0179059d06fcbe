package adminsvc

import (
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// names are the fields that name something which must be there.
var namingFields = []string{"key", "keys", "key_ids", "key_aliases", "team_id", "team_ids", "teams", "project_id", "project_ids", "organization_id", "organization_ids", "organizations", "user_ids",
	"budget_id", "end_user_budget_id", "id", "model_id", "invitation_id", "access_group_ids", "assigned_key_ids", "assigned_team_ids", "user_id", "name", "names"}

// coined are those that name what is being made, or what need not be there: users of keys and
// teams are made as they are named, as in LiteLLM.
var coined = []string{
	"POST /team/new team_id", "POST /project/new project_id", "POST /user/new user_id", "POST /organization/new organization_id", "POST /customer/new user_id", "POST /budget/new budget_id",
	"POST /tag/new name", "POST /key/generate key", "POST /key/generate user_id", "POST /key/update user_id", "POST /key/bulk_update user_id", "POST /key/regenerate user_id", "POST /key/{grace}/regenerate user_id",
	"POST /key/{grace}/regenerate key", "POST /management/v1/users/bulk user_id", "POST /customer/block user_ids",
}

// Whatever names something that is not there is refused, and changes nothing: every call that
// writes × every field that names.
func TestWhatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	w := boundWorld(t)
	tried := 0
	for _, c := range everyRoute {
		if strings.HasPrefix(c.route, "GET") || slices.Contains(onlyReads, c.route) {
			continue
		}
		method, path, _ := strings.Cut(c.route, " ")
		schema, around, body := w.schemaOf(c.route), "%s", c.body
		if in, ok := inside[c.route]; ok {
			schema, around, body = w.server.openapi.Components.Schemas.Map()[in.schema], in.around, in.body
		}
		if schema == nil {
			continue
		}
		base, err := parseFields([]byte(strings.ReplaceAll(body, ":%d", ":5")))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range namingFields {
			if schema.Properties[field] == nil || slices.Contains(coined, c.route+" "+field) {
				continue
			}
			value := `"there-is-no-such-thing"`
			if strings.HasSuffix(field, "s") {
				value = "[" + value + "]"
			}
			tried++
			before := w.revision()
			r := w.call(master, method, w.put(path, tried), w.put(strings.Replace(around, "%s", string(base.With(field, []byte(value)).Stored()), 1), tried))
			if w.revision() != before || r.status >= 500 && r.status != 501 || r.status < 400 && !strings.Contains(r.raw, `"success":false`) && !strings.Contains(r.raw, `"failed_reason"`) {
				t.Errorf("%s: %s of nothing: %d %s", c.route, field, r.status, r.raw)
			}
		}
	}
	if tried < 80 {
		t.Errorf("only %d were tried", tried)
	}
}

// What is there already is not made again, and the answer says what is taken.
func TestWhatIsTakenIsRefused(t *testing.T) {
	t.Parallel()
	w := boundWorld(t)
	w.spy.dry.Store(false)
	w.post("/user/new", `{"user_id":"taken","user_email":"taken@example.org","auto_create_key":false}`).ok()
	w.post("/key/generate", `{"key_alias":"taken","key":"sk-taken-0123456789"}`).ok()
	w.post("/team/member_add", `{"team_id":"t1","member":{"user_id":"taken","role":"user"}}`).ok()
	w.post("/organization/member_add", `{"organization_id":"org1","member":{"user_id":"taken","role":"internal_user"}}`).ok()
	w.spy.dry.Store(true)
	for _, c := range []struct{ path, body, names string }{
		{"/key/generate", `{"key_alias":"taken"}`, "taken"}, {"/key/generate", `{"key":"sk-taken-0123456789"}`, "key"}, {"/key/service-account/generate", `{"team_id":"t1","key_alias":"taken"}`, "taken"},
		{"/key/update", `{"key":"{own}","key_alias":"taken"}`, "taken"}, {"/key/regenerate", `{"key":"{own}","new_key":"sk-taken-0123456789"}`, "new_key"},
		{"/team/new", `{"team_id":"t1"}`, "t1"}, {"/project/new", `{"project_id":"p1","team_id":"t1"}`, "p1"},
		{"/user/new", `{"user_id":"taken"}`, "taken"}, {"/user/new", `{"user_email":"TAKEN@example.org"}`, "user_email"}, {"/user/update", `{"user_id":"stranger","user_email":"taken@example.org"}`, "user_email"},
		{"/organization/new", `{"organization_id":"org1","organization_alias":"x"}`, "org1"}, {"/customer/new", `{"user_id":"c1"}`, "c1"}, {"/budget/new", `{"budget_id":"b1"}`, "b1"}, {"/tag/new", `{"name":"g1"}`, "g1"},
		{"/model/new", `{"model_name":"x","litellm_params":{"model":"openai/x","api_key":"k"},"model_info":{"id":"m1"}}`, "m1"}, {"/v1/access_group", `{"access_group_name":"ag1"}`, "ag1"},
		{"/team/member_add", `{"team_id":"t1","member":{"user_id":"taken","role":"user"}}`, "taken"}, {"/organization/member_add", `{"organization_id":"org1","member":{"user_id":"taken","role":"internal_user"}}`, "taken"},
	} {
		before := w.revision()
		r := w.call(master, "POST", c.path, w.put(c.body, 0))
		if r.status != 400 && r.status != 409 || !strings.Contains(r.raw, c.names) || w.revision() != before {
			t.Errorf("%s: %d %s", r.what, r.status, r.raw)
		}
	}
	r := w.post("/management/v1/users/bulk", `{"users":[{"user_id":"taken"}]}`)
	r.has(map[string]string{"data.0.success": "false"})
}

// Every query and every part of a path × every bad value: an answer that is described, no 5xx.
func TestNoQueryBreaks(t *testing.T) {
	t.Parallel()
	w := boundWorld(t)
	texts := []string{"-1", "NaN", "%00%ff", "1e400", strings.Repeat("x", 3000), "there-is-no-such-thing", ""}
	n := 0
	before := w.revision()
	check := func(r *answer) {
		n++
		if w.revision() != before { // it would have been carried out
			before = w.revision()
			return
		}
		if r.status >= 500 && r.status != 501 || r.status >= 400 && r.at("error.message") == nil && r.at("detail") == nil {
			t.Errorf("%.300s: %d %s", r.what, r.status, r.raw)
		}
	}
	for _, c := range everyRoute {
		method, path, _ := strings.Cut(c.route, " ")
		_, pattern := w.server.mux.Handler(httptest.NewRequest(method, w.put(path, 0), nil))
		item := w.server.openapi.Paths[strings.ReplaceAll(pattern, "...}", "}")]
		op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete}[method]
		query, err := url.ParseQuery(w.put(c.query, 0))
		if err != nil {
			t.Fatal(err)
		}
		at := w.revision()
		for _, p := range op.Parameters {
			for _, text := range texts {
				switch p.In {
				case "query":
					q := maps.Clone(query)
					delete(q, p.Name)
					check(w.call(master, method, w.put(path, 0)+"?"+q.Encode()+"&"+url.QueryEscape(p.Name)+"="+text, w.put(c.body, n)))
				case "path":
					if text == "" {
						continue
					}
					hole := strings.NewReplacer("{"+p.Name+"}", text, "{"+p.Name+"...}", text).Replace(pattern)
					if i := strings.Index(hole, "{"); i >= 0 {
						hole = strings.ReplaceAll(strings.ReplaceAll(hole, "{team_id}", "t1"), "{user_id}", "readonly")
					}
					check(w.call(master, method, hole+"?"+query.Encode(), w.put(c.body, n)))
				}
			}
		}
		if w.revision() != at && method == "GET" {
			t.Errorf("%s changed something", c.route)
		}
	}
	if n < 2000 {
		t.Errorf("only %d calls", n)
	}
}
