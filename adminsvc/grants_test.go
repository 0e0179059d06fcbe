package adminsvc

import (
	_ "embed"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// grants says of each call that writes and of each role which fields it may set to more
// than is theirs: lines of "METHOD /path who: field field …", for the calls of everyRoute
// and of moreCalls. Where a change of the API is meant to change it:
// GRANTS=write go test ./adminsvc -run NobodyRaises, and read what became of it.
//
//go:embed testdata/grants.txt
var grants string

// moreCalls are calls on what is the caller's own, or as tight as the caller is, besides
// those of everyRoute on what is team t1's.
var moreCalls = []struct{ name, route, body string }{
	{"own", "POST /key/update", `{"key":"{own}"}`},
	{"own", "POST /key/{own}/regenerate", `{}`},
	{"member's", "POST /key/update", `{"key":"{memberkey}"}`},
	{"member's", "POST /key/{memberkey}/regenerate", `{}`},
	{"personal", "POST /key/generate", `{}`},
	{"as tight", "POST /key/generate", `{` + tightKey + `}`},
	{"of the member", "POST /key/generate", `{"team_id":"t1","user_id":"member"}`},
	{"of the project", "POST /key/generate", `{"project_id":"p1"}`},
	{"of the member", "POST /team/member_update", `{"team_id":"t1","user_id":"member"}`},
	{"themselves", "POST /user/update", `{"user_id":"stranger"}`},
	{"as tight", "POST /user/new", `{"organizations":["org1"],` + tight + `}`},
	{"as tight", "POST /management/v1/users/bulk", `{"organizations":["org1"],` + tight + `}`},
	{"as tight", "POST /team/new", `{"organization_id":"org1",` + tight + `}`},
	{"as tight", "POST /project/new", `{"team_id":"t1",` + tight + `}`},
}

// inside are calls whose fields are in a part of the body: what is around it, whose they are and what it is.
var inside = map[string]struct{ around, schema, body string }{
	"POST /key/bulk_update":                            {`{"keys":[%s]}`, "KeyUpdate", `{"key":"{t1key}"}`},
	"POST /team/key/bulk_update":                       {`{"team_id":"t1","key_ids":["{t1key}"],"update_fields":%s}`, "KeyUpdate", `{"rotation_interval":"1d"}`},
	"POST /user/bulk_update":                           {`{"users":[%s]}`, "UserUpdate", `{"user_id":"stranger"}`},
	"POST /management/v1/users/bulk":                   {`{"users":[%s]}`, "UserNew", `{"organizations":["org1"]}`},
	"POST /management/v1/teams/t1/members/bulk_update": {`{"members":[%s]}`, "MemberUpdate", `{"user_id":"member"}`},
	"POST /management/v1/teams/t1/members/bulk_delete": {`{"members":[%s]}`, "MemberDeletion", `{"user_id":"readonly"}`},
}

// raisedFor is raised for calls where a name means something else.
var raisedFor = map[string]string{
	"/organization/member_add member": `{"user_id":"outsider","role":"org_admin"}`, "/organization/member_update role": `"org_admin"`, "/team/bulk_member_add members": `[{"user_id":"outsider","role":"admin"}]`,
	"/model/update model_info": `{"id":"m1","mode":"chat"}`, "/invitation/new user_id": `"admin"`, "/key/service-account/generate user_id": `"admin"`,
}

// writes are calls with POST that change nothing by their fields.
var onlyReads = []string{"POST /spend/calculate", "POST /policy/simulate", "POST /v2/key/info", "POST /key/health", "POST /organization/info", "POST /tag/info", "POST /budget/info",
	"POST /global/spend/end_users", "POST /health/test_connection", "POST /team/t1/disable_logging"}

// Nobody grants more than they hold, field by field: every call that writes × every role ×
// every field that is declared. Nothing is written: each call is taken back, and what counts
// is whether it would have been. A field without a value in raised fails the test.
func TestNobodyRaisesWhatBindsThem(t *testing.T) {
	t.Parallel()
	w := boundWorld(t)
	callers := append(slices.Clone(people), "orgadmin2", "own")
	want := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(grants), "\n") {
		call, fields, _ := strings.Cut(line, ":")
		want[call] = strings.TrimSpace(fields)
	}
	got := map[string]string{}
	n := 0
	try := func(who, method, path, body string) bool {
		n++
		before := w.revision()
		r := w.call(w.keys[who], method, w.put(path, n), w.put(body, n))
		if r.status >= 500 && r.status != 501 && w.revision() == before {
			t.Errorf("%s as %s: %d %s", r.what, who, r.status, r.raw)
		}
		return w.revision() != before
	}
	check := func(name, route, body string) {
		method, path, _ := strings.Cut(route, " ")
		schema, around := w.schemaOf(route), "%s"
		if in, ok := inside[route]; ok {
			schema, around = w.server.openapi.Components.Schemas.Map()[in.schema], in.around
			if name == "" {
				body = in.body
			}
		}
		if schema == nil {
			return // it has no body
		}
		base, err := parseFields([]byte(strings.ReplaceAll(body, ":%d", ":5")))
		if err != nil {
			t.Fatalf("%s: %s: %v", route, body, err)
		}
		if name == "" {
			base = base.Without("metadata") // it takes away what limits in the metadata
		}
		var fields []string
		all := map[string]bool{}
		with := func(field string) string {
			value := raised[field]
			if v, ok := raisedFor[path+" "+field]; ok {
				value = v
			}
			return strings.Replace(around, "%s", string(base.With(field, []byte(w.put(value, n))).Stored()), 1)
		}
		for _, field := range slices.Sorted(maps.Keys(schema.Properties)) {
			if raised[field] == "" {
				t.Errorf("%s: %s has no value in raised", route, field)
				continue
			}
			fields = append(fields, field)
			all[field] = try("master", method, path, with(field))
		}
		for i, who := range callers {
			var can []string
			for j, field := range fields {
				// Who may raise nothing tries each fifth field, every one of them with GRANTS=all; what
				// the master key may not send is no field to try.
				_, some := want[strings.TrimSpace(route+" "+name)+" "+who]
				if !all[field] || !some && os.Getenv("GRANTS") == "" && (i+j)%5 != 0 {
					continue
				}
				if try(who, method, path, with(field)) {
					can = append(can, field)
				}
			}
			if who == "admin" {
				continue // as the master key
			}
			if len(can) > 0 {
				got[strings.TrimSpace(route+" "+name)+" "+who] = strings.Join(can, " ")
			}
		}
	}
	for _, c := range everyRoute {
		if !strings.HasPrefix(c.route, "GET") && !slices.Contains(onlyReads, c.route) {
			check("", c.route, c.body)
		}
	}
	for _, c := range moreCalls {
		check("("+c.name+")", c.route, c.body)
	}
	if os.Getenv("GRANTS") == "write" {
		var out strings.Builder
		for _, call := range slices.Sorted(maps.Keys(got)) {
			fmt.Fprintf(&out, "%s: %s\n", call, got[call])
		}
		if err := os.WriteFile("testdata/grants.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for call := range maps.Keys(want) {
		if got[call] != want[call] {
			t.Errorf("%s may raise %q, want %q", call, got[call], want[call])
		}
	}
	for call := range maps.Keys(got) {
		if _, ok := want[call]; !ok {
			t.Errorf("%s may raise %q, want nothing", call, got[call])
		}
	}
	t.Log(n, "calls")
}

// boundWorld is routesWorld with limits everywhere, and with everything that calls of
// everyRoute need. Nothing is written in it any more: what would be is counted.
func boundWorld(t *testing.T) *world {
	t.Helper()
	w := routesWorld(t)
	w.post("/budget/new", `{"budget_id":"rich","max_budget":1000000}`).ok()
	w.post("/budget/new", `{"budget_id":"poor","max_budget":1}`).ok()
	w.call(master, "PUT", "/v1/access_group/"+w.hash["ag1"], `{"access_model_names":["claude-3-sonnet"]}`).ok()
	w.call(master, "PATCH", "/organization/update", `{"organization_id":"org1",`+tight+`}`).ok()
	w.post("/team/update", `{"team_id":"t1","tags":["costly"],`+tight+`}`).ok()
	w.post("/project/update", `{"project_id":"p1","tags":["costly"],`+tight+`}`).ok()
	w.post("/user/update", `{"user_id":"stranger",`+tight+`}`).ok()
	for _, k := range []string{"own", "memberkey", "t1key"} {
		w.post("/key/update", `{"key":"`+w.hash[k]+`",`+tightKey+`}`).ok()
	}
	for _, who := range []string{"member", "readonly"} {
		w.post("/team/member_update", `{"team_id":"t1","user_id":"`+who+`","max_budget_in_team":1,"rpm_limit":1,"tpm_limit":10,"budget_duration":"30d","allowed_models":["gpt-4"]}`).ok()
	}
	w.hash["group"] = w.hash["ag1"]
	w.hash["grace"] = w.hash["t1key"]
	w.hash["invitation"] = w.post("/invitation/new", `{"user_id":"stranger"}`).ok().text("id")
	for _, c := range everyRoute { // what is deleted must be there
		if c.first != "" && !strings.HasPrefix(c.route, "GET") {
			method, rest, _ := strings.Cut(w.put(c.first, 0), " ")
			path, body, _ := strings.Cut(rest, " ")
			w.call(master, method, path, body)
		}
	}
	w.spy.dry.Store(true)
	return w
}

// schemaOf is the schema of a call's body; nil where it has none.
func (w *world) schemaOf(route string) *huma.Schema {
	method, path, _ := strings.Cut(route, " ")
	_, pattern := w.server.mux.Handler(httptest.NewRequest(method, w.put(path, 0), nil))
	item := w.server.openapi.Paths[strings.ReplaceAll(pattern, "...}", "}")]
	if item == nil {
		w.t.Fatalf("%s is not there", route)
	}
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete}[method]
	if op.RequestBody == nil {
		return nil
	}
	ref := op.RequestBody.Content["application/json"].Schema.Ref
	return w.server.openapi.Components.Schemas.Map()[ref[strings.LastIndex(ref, "/")+1:]]
}
