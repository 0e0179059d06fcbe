package adminsvc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// endpoint is one writing endpoint with a body that it accepts.
type endpoint struct {
	method, path string
	good         map[string]string // a body that would succeed: field → JSON
	required     []string
	numbers      []string          // fields that are amounts
	lists        []string          // fields that are lists
	unknown      map[string]string // field → an id that is not there; what it answers
	foreign      map[string]string // field → an id of another team; what it answers
	duplicate    map[string]string // field → an id or name that is taken; what it answers
}

var limitNumbers = []string{"max_budget", "tpm_limit", "rpm_limit", "max_parallel_requests", "tpd_limit"}

// endpoints of keys, teams and projects. Other resources add theirs in their own tests.
var endpoints = []endpoint{
	{
		method: "POST", path: "/key/generate", good: map[string]string{"models": `["gpt-4"]`}, numbers: limitNumbers, lists: []string{"models", "tags", "allowed_routes"},
		unknown:   map[string]string{"team_id": "400 team_id", "project_id": "404 project_id", "organization_id": "400 organization_id", "budget_id": "400 budget_id"},
		foreign:   map[string]string{"project_id": "400 team_id"},
		duplicate: map[string]string{"key_alias": "400 key_alias"},
	},
	{
		method: "POST", path: "/key/service-account/generate", good: map[string]string{"team_id": `"t1"`}, numbers: limitNumbers,
		unknown: map[string]string{"team_id": "400 team_id"},
	},
	{
		method: "POST", path: "/key/update", good: map[string]string{"key": `"{key}"`}, numbers: limitNumbers, lists: []string{"models"},
		unknown:   map[string]string{"key": "404 key", "team_id": "400 team_id", "project_id": "404 project_id"},
		duplicate: map[string]string{"key_alias": "400 key_alias"},
	},
	{method: "POST", path: "/key/block", good: map[string]string{"key": `"{key}"`}, required: []string{"key"}, unknown: map[string]string{"key": "400 key"}},
	{method: "POST", path: "/key/unblock", good: map[string]string{"key": `"{key}"`}, required: []string{"key"}, unknown: map[string]string{"key": "400 key"}},
	{method: "POST", path: "/key/delete", good: map[string]string{"keys": `["{key}"]`}, lists: []string{"keys", "key_aliases"}},
	{method: "POST", path: "/key/regenerate", good: map[string]string{"key": `"{key}"`}, numbers: limitNumbers, unknown: map[string]string{"key": "404 key"}},
	{method: "POST", path: "/key/{key}/reset_spend", good: map[string]string{"reset_to": "0"}, required: []string{"reset_to"}, numbers: []string{"reset_to"}},
	{
		method: "POST", path: "/team/new", good: map[string]string{"team_id": `"new"`}, numbers: append([]string{"team_member_budget", "team_member_rpm_limit"}, limitNumbers...),
		lists:     []string{"models", "admins", "members_with_roles"},
		unknown:   map[string]string{"organization_id": "400 organization_id", "budget_id": "400 budget_id"},
		duplicate: map[string]string{"team_id": "400 team_id"},
	},
	{
		method: "POST", path: "/team/update", good: map[string]string{"team_id": `"t1"`}, required: []string{"team_id"}, numbers: limitNumbers, lists: []string{"models"},
		unknown: map[string]string{"team_id": "404 team_id", "organization_id": "400 organization_id"},
	},
	{method: "PATCH", path: "/team/t1", good: map[string]string{}, numbers: limitNumbers, lists: []string{"models"}},
	{method: "POST", path: "/team/block", good: map[string]string{"team_id": `"t1"`}, required: []string{"team_id"}, unknown: map[string]string{"team_id": "404 team_id"}},
	{method: "POST", path: "/team/unblock", good: map[string]string{"team_id": `"t1"`}, required: []string{"team_id"}, unknown: map[string]string{"team_id": "404 team_id"}},
	{method: "POST", path: "/team/delete", good: map[string]string{"team_ids": `["t3"]`}, required: []string{"team_ids"}, lists: []string{"team_ids"}},
	{
		method: "POST", path: "/team/member_add", good: map[string]string{"team_id": `"t1"`, "member": `{"user_id":"u9","role":"user"}`}, required: []string{"team_id", "member"},
		numbers: []string{"max_budget_in_team"}, unknown: map[string]string{"team_id": "404 team_id"},
	},
	{
		method: "POST", path: "/team/member_update", good: map[string]string{"team_id": `"t1"`, "user_id": `"m1"`}, required: []string{"team_id"},
		numbers: []string{"max_budget_in_team", "tpm_limit", "rpm_limit"}, lists: []string{"allowed_models"}, unknown: map[string]string{"team_id": "404 team_id", "user_id": "400 user_id"},
	},
	{
		method: "POST", path: "/team/member_delete", good: map[string]string{"team_id": `"t1"`, "user_id": `"m1"`}, required: []string{"team_id"},
		unknown: map[string]string{"team_id": "404 team_id", "user_id": "400 user_id"},
	},
	{
		method: "POST", path: "/team/model/add", good: map[string]string{"team_id": `"t1"`, "models": `["gpt-4"]`}, required: []string{"team_id", "models"}, lists: []string{"models"},
		unknown: map[string]string{"team_id": "404 team_id"},
	},
	{
		method: "POST", path: "/project/new", good: map[string]string{"team_id": `"t1"`}, required: []string{"team_id"}, numbers: limitNumbers, lists: []string{"models"},
		unknown:   map[string]string{"team_id": "404 team_id", "budget_id": "400 budget_id"},
		duplicate: map[string]string{"project_id": "400 project_id"},
	},
	{
		method: "POST", path: "/project/update", good: map[string]string{"project_id": `"p1"`}, required: []string{"project_id"}, numbers: limitNumbers, lists: []string{"models"},
		unknown: map[string]string{"project_id": "404 project_id", "team_id": "404 team_id"},
	},
	{method: "DELETE", path: "/project/delete", good: map[string]string{"project_ids": `["p1"]`}, required: []string{"project_ids"}, lists: []string{"project_ids"}},
}

// with is the endpoint's good body with a field set, or without it where v is "".
func (e endpoint) with(field, v string) string {
	out := []string{}
	for _, name := range sortedNames(e.good) {
		if name != field {
			out = append(out, fmt.Sprintf("%q:%s", name, e.good[name]))
		}
	}
	if v != "" {
		out = append(out, fmt.Sprintf("%q:%s", field, v))
	}
	return "{" + strings.Join(out, ",") + "}"
}

// Whatever is wrong with a request, it gets the documented envelope that names
// the field, and changes nothing.
func TestBadRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","members_with_roles":[{"user_id":"m1","role":"user"}]}`).ok()
	a.post("/team/new", `{"team_id":"t2"}`).ok()
	a.post("/team/new", `{"team_id":"t3"}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1"}`).ok()
	a.post("/project/new", `{"project_id":"p2","team_id":"t2"}`).ok()
	a.post("/key/generate", `{"key_alias":"taken"}`).ok()
	key := a.post("/key/generate", `{"key_alias":"mine","team_id":"t1"}`).ok().text("token")
	before := a.revision()
	put := func(s string) string { return strings.ReplaceAll(s, "{key}", key) }
	for _, e := range endpoints {
		t.Run(e.method+" "+e.path, func(t *testing.T) {
			call := func(body string) *answer {
				t.Helper()
				r := a.call(master, e.method, put(e.path), put(body))
				r.t = t
				if a.revision() != before {
					t.Errorf("%s: %d, and something changed", r.what, r.status)
					before = a.revision()
				}
				return r
			}
			answers := func(r *answer, want string) {
				t.Helper()
				status, field, _ := strings.Cut(want, " ")
				r.has(map[string]string{"error.param": fmt.Sprintf("%q", field), "error.code": fmt.Sprintf("%q", status)})
			}
			call("{").refused(400, "invalid_request_error", "request_body")
			if e.path != "/key/regenerate" { // whose body is optional
				call("").invalid("missing", `["body"]`)
			}
			call("[1]").invalid("model_attributes_type", `["body"]`)
			for _, field := range e.required {
				call(e.with(field, "")).invalid("missing", fmt.Sprintf(`["body",%q]`, field))
				if r := call(e.with(field, "null")); r.status != 422 {
					t.Errorf("%s null: %d %s", field, r.status, r.raw)
				}
			}
			for name := range e.good {
				if r := call(e.with(name, `{"x":[]}`)); r.status != 422 {
					t.Errorf("%s of the wrong type: %d %s", name, r.status, r.raw)
				}
				call(e.with(strings.ToUpper(name), `1`)).refused(400, "invalid_request_error", strings.ToUpper(name))
				body := e.with("", "")
				twice := body[:len(body)-1] + fmt.Sprintf(",%q:%s}", name, e.good[name])
				call(twice).refused(400, "invalid_request_error", name)
			}
			for _, field := range e.numbers {
				answers(call(e.with(field, "-1")), "400 "+field)
				call(e.with(field, "NaN")).refused(400, "invalid_request_error", field)
				call(e.with(field, `"many"`)).has(map[string]string{"detail.0.loc": fmt.Sprintf(`["body",%q]`, field)})
				if r := call(e.with(field, "1e300")); r.status != 422 {
					t.Errorf("%s huge: %d %s", field, r.status, r.raw)
				}
				if r := call(e.with(field, `"Infinity"`)); r.status != 422 {
					t.Errorf("%s infinite: %d %s", field, r.status, r.raw)
				}
				if r := call(e.with(field, "[]")); r.status != 422 {
					t.Errorf("%s a list: %d %s", field, r.status, r.raw)
				}
			}
			for _, field := range e.lists {
				call(e.with(field, `"gpt-4"`)).invalid("list_type", fmt.Sprintf(`["body",%q]`, field))
				if r := call(e.with(field, `[1]`)); r.status != 422 || !slices.Contains([]string{"string_type", "model_attributes_type"}, r.text("detail.0.type")) {
					t.Errorf("%s of numbers: %d %s", field, r.status, r.raw)
				}
			}
			for field, want := range e.unknown {
				answers(call(e.with(field, `"there-is-no-such-thing"`)), want)
			}
			for field, want := range e.foreign {
				answers(call(strings.Replace(e.with(field, `"p2"`), "{", `{"team_id":"t1",`, 1)), want)
			}
			taken := map[string]string{"key_alias": `"taken"`, "team_id": `"t1"`, "project_id": `"p1"`}
			for field, want := range e.duplicate {
				answers(call(e.with(field, taken[field])), want)
			}
			if r := a.call("", e.method, put(e.path), put(e.with("", ""))); r.status != 401 {
				t.Errorf("without a credential: %d", r.status)
			}
			if r := a.call(master, "PUT", put(e.path), ""); r.status != 405 || r.header.Get("Allow") == "" {
				t.Errorf("PUT: %d", r.status)
			}
		})
	}
	// All of them were good but for what was made wrong.
	for _, e := range endpoints {
		if !strings.Contains(e.path, "delete") && e.path != "/key/regenerate" {
			a.call(master, e.method, put(e.path), put(e.with("", ""))).ok()
		}
	}
}

// Queries too.
func TestBadQueries(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for path, want := range map[string]string{
		"/team/info": `["query","team_id"]`, "/project/info": `["query","project_id"]`, "/team/permissions_list": `["query","team_id"]`,
	} {
		a.get(path).invalid("missing", want)
		name := strings.Split(want, `"`)[3]
		r := a.get(path + "?" + name + "=there-is-no-such-thing")
		if r.status != 404 || r.at("error.type") == nil {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
		r = a.get(path + "?" + name + "=%00%ff")
		if r.status != 404 && r.status != 400 {
			t.Errorf("%s with bytes that are no text: %d %s", path, r.status, r.raw)
		}
	}
	for _, path := range []string{"/key/list?user_id=%00", "/v2/team/list?search=%00%ff", "/key/aliases?search=%00", "/key/info?key=%00"} {
		if r := a.get(path); r.status >= 500 {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	a.get("/v2/team/list?page_size=101").invalid("less_than_equal", `["query","page_size"]`)
	a.get("/v2/team/list?status=x").refused(400, "bad_request_error", "status")
	a.get("/v2/team/list?sort_order=up").refused(400, "bad_request_error", "sort_order")
	a.get("/team/list?format=xml").invalid("literal_error", `["query","format"]`)
}

// Without the database every endpoint says so, and nothing of why.
func TestWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	a := setup(t)
	key := a.post("/key/generate", `{}`).ok().text("key")
	a.store.Close()
	for _, c := range []struct{ key, method, path, body string }{
		{key, "GET", "/key/info", ""}, {master, "POST", "/key/generate", "{}"}, {master, "GET", "/team/list", ""}, {master, "POST", "/team/new", "{}"}, {master, "GET", "/key/list", ""},
	} {
		a.call(c.key, c.method, c.path, c.body).refused(503, "no_db_connection", "None")
	}
	a.get("/health/liveliness").ok()
	if strings.Contains(a.log.String(), key) {
		t.Error("the log holds a key")
	}
}
