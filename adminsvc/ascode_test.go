package adminsvc

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// asCode is how a resource is made, read, changed and deleted; {id} is its name, {own} what
// its body needs besides.
var asCode = []struct {
	name, id, own                     string
	create, read, at, change, destroy string
}{
	{"team", "team_id", "", "POST /team/new", "GET /team/info?team_id={id}", "", "POST /team/update", `POST /team/delete {"team_ids":["{id}"]}`},
	{"project", "project_id", `"team_id":"team-x"`, "POST /project/new", "GET /project/info?project_id={id}", "", "POST /project/update", `DELETE /project/delete {"project_ids":["{id}"]}`},
	{"key", "key", "", "POST /key/generate", "GET /key/info?key={id}", "info", "POST /key/update", `POST /key/delete {"keys":["{id}"]}`},
	{"user", "user_id", `"auto_create_key":false`, "POST /user/new", "GET /user/info?user_id={id}", "user_info", "POST /user/update", `POST /user/delete {"user_ids":["{id}"]}`},
	{"organization", "organization_id", `"organization_alias":"o"`, "POST /organization/new", "GET /organization/info?organization_id={id}", "", "PATCH /v2/organization/{id}", `DELETE /organization/delete {"organization_ids":["{id}"]}`},
	{"customer", "user_id", "", "POST /customer/new", "GET /customer/info?end_user_id={id}", "", "POST /customer/update", `POST /customer/delete {"user_ids":["{id}"]}`},
	{"budget", "budget_id", "", "POST /budget/new", `POST /budget/info {"budgets":["{id}"]}`, "0", "POST /budget/update", `POST /budget/delete {"id":"{id}"}`},
	{"tag", "name", "", "POST /tag/new", `POST /tag/info {"names":["{id}"]}`, "{id}", "POST /tag/update", `POST /tag/delete {"name":"{id}"}`},
	{"access_group", "access_group_id", `"access_group_name":"{id}"`, "POST /v1/access_group", "GET /v1/access_group/{id}", "", "PUT /v1/access_group/{id}", `DELETE /v1/access_group/{id}`},
}

// Infrastructure as code: each resource × each field that LiteLLM documents of it is made,
// reads back as it was sent, does not change when it is applied again, changes alone, and can be
// null, empty and 0, which are three things. What is not enforced is refused by name, and empty accepted.
func TestEveryFieldAsCode(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for _, b := range []string{
		`/budget/new {"budget_id":"shared","max_budget":5}`, `/budget/new {"budget_id":"shared2","max_budget":5}`, `/organization/new {"organization_id":"org-x","organization_alias":"x"}`,
		`/organization/new {"organization_id":"org-y","organization_alias":"y"}`, `/team/new {"team_id":"team-x"}`, `/team/new {"team_id":"team-y"}`, `/project/new {"project_id":"proj-x","team_id":"team-x"}`,
		`/user/new {"user_id":"user-x","auto_create_key":false}`, `/user/new {"user_id":"user-y","auto_create_key":false}`,
	} {
		path, body, _ := strings.Cut(b, " ")
		a.post(path, body).ok()
	}
	there := map[string]string{}
	for _, n := range []string{"1", "2"} {
		there["{key"+n+"}"] = a.post("/key/generate", `{}`).ok().text("token")
		there["{group"+n+"}"] = a.post("/v1/access_group", `{"access_group_name":"g`+n+`","access_model_names":["gpt-4"]}`).ok().text("access_group_id")
	}
	fields := documentedFields(t)
	n, refused := 0, []string{}
	for _, r := range asCode {
		d := &driver{a: a, there: there, n: &n, name: r.name, idField: r.id, own: r.own, create: r.create, read: r.read, at: r.at, change: r.change, destroy: r.destroy}
		for _, field := range fields[r.name] {
			if field.name == r.id || notAsCode[field.name] != "" || notAsCode[r.name+" "+field.name] != "" {
				continue
			}
			if _, ok := sent[field.name]; !ok {
				t.Errorf("%s %s: the test has no value of it", r.name, field.name)
				continue
			}
			t.Run(r.name+"/"+field.name, func(t *testing.T) {
				if !d.cycle(t, field) {
					refused = append(refused, r.name+"."+field.name)
				}
			})
		}
	}
	if n < 500 {
		t.Errorf("only %d were made", n)
	}
	t.Logf("%d made; refused unless empty: %s", n, strings.Join(refused, " "))
}

type documentedField struct {
	name         string
	made, change bool   // it is of the creating, of the changing call
	kind         string // of the creating call, or else of the other
	nullable     bool   // on change
}

// documentedFields are LiteLLM's, by resource.
func documentedFields(t *testing.T) map[string][]documentedField {
	t.Helper()
	f, err := os.Open("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]documentedField{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var resource, call, name, kind string
		if _, err := fmt.Sscan(lines.Text(), &resource, &call, &name, &kind); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		list := out[resource]
		i := slices.IndexFunc(list, func(f documentedField) bool { return f.name == name })
		if i < 0 {
			list, i = append(list, documentedField{name: name, kind: kind}), len(list)
		}
		if call == "new" {
			list[i].made = true
		} else {
			list[i].change, list[i].nullable = true, strings.Contains(kind, "null")
		}
		out[resource] = list
	}
	return out
}

// driver makes, reads, changes and deletes one resource.
type driver struct {
	a                                 *api
	there                             map[string]string
	n                                 *int
	name, idField, own                string
	create, read, at, change, destroy string
}

func (d *driver) value(text string) string {
	*d.n++
	for name, id := range d.there {
		text = strings.ReplaceAll(text, name, id)
	}
	return strings.ReplaceAll(text, "{new}", fmt.Sprint("new-", *d.n))
}

// make makes one with a field, and returns its id; "" where it is refused.
func (d *driver) make(field, value string) (string, *answer) {
	*d.n++
	id := fmt.Sprintf("%s-%d", d.name, *d.n)
	body := fmt.Sprintf(`{%q:%q`, d.idField, id)
	switch d.name {
	case "key":
		id = "sk-" + id + "-0123456789"
		body = fmt.Sprintf(`{"key":%q`, id)
	case "access_group":
		body = "{"
	}
	if d.own != "" && !strings.Contains(d.own, `"`+field+`"`) {
		body += "," + strings.ReplaceAll(d.own, "{id}", id)
	}
	if field != "" {
		body += fmt.Sprintf(",%q:%s", field, value)
	}
	method, path, _ := strings.Cut(d.create, " ")
	r := d.a.call(master, method, path, strings.Replace(body, "{,", "{", 1)+"}")
	if r.status > 299 {
		return "", r
	}
	if d.name == "access_group" {
		id = r.text("access_group_id")
	}
	return id, r
}

func (d *driver) do(what, id string) *answer {
	method, rest, _ := strings.Cut(strings.ReplaceAll(what, "{id}", id), " ")
	path, body, _ := strings.Cut(rest, " ")
	return d.a.call(master, method, path, body)
}

func (d *driver) set(id, field, value string) *answer {
	method, path, _ := strings.Cut(d.change, " ")
	body := fmt.Sprintf(`{%q:%s`, field, value)
	if !strings.Contains(path, "{id}") {
		body += fmt.Sprintf(",%q:%q", d.idField, id)
	}
	return d.a.call(master, method, strings.ReplaceAll(path, "{id}", id), body+"}")
}

// row is what is read: each field as JSON text.
func (d *driver) row(t *testing.T, id string) map[string]string {
	t.Helper()
	r := d.do(d.read, id)
	r.t = t
	r.ok()
	v := r.body
	if d.at != "" {
		v = r.at(strings.ReplaceAll(d.at, "{id}", id))
	}
	row, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%s: no row: %s", r.what, r.raw)
	}
	out := map[string]string{}
	for _, from := range []any{row["litellm_budget_table"], row} {
		if from, ok := from.(map[string]any); ok {
			for name, v := range from {
				b, _ := json.Marshal(v)
				out[name] = string(b)
			}
		}
	}
	return out
}

func compact(text string) string {
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return text
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// follows are fields that change with another.
var follows = []string{"updated_at", "updated_by", "settings_updated_at", "team_info", "budget_reset_at", "litellm_budget_table", "status", "data", "budget_limits_usage", "model_max_budget_usage", "litellm_model_table",
	"key_rotation_at", "organization_id", "org_id", "assigned_keys", "assigned_teams", "object_permission", "team_id", "metadata", "created_at"}

// cycle takes one field through its life, and reports whether it may be other than empty.
func (d *driver) cycle(t *testing.T, f documentedField) bool {
	reads := func(what, id, want string) map[string]string {
		t.Helper()
		row := d.row(t, id)
		if want == "null" {
			if u := unset[d.name+" "+f.name]; u != "" {
				want = strings.ReplaceAll(u, "{id}", id)
			}
		}
		if got, ok := row[f.name]; !ok && want != "null" || ok && got != compact(want) {
			t.Errorf("%s: reads back as %s, want %s", what, got, want)
		}
		return row
	}
	gone := func(id string) {
		t.Helper()
		if r := d.do(d.destroy, id); r.status > 299 {
			t.Errorf("deleted: %d %s", r.status, r.raw)
		}
	}
	first, second := d.value(sent[f.name][0]), d.value(sent[f.name][1])
	empty := map[byte]string{'[': "[]", '{': "{}", '"': "null", 't': "false", 'n': "null"}[first[0]]
	if empty == "" {
		empty = "0"
	}
	if !f.made {
		id, _ := d.make("", "")
		if r := d.set(id, f.name, first); r.status > 299 {
			t.Errorf("changed: %d %s", r.status, r.raw)
		}
		reads("changed", id, first)
		gone(id)
		return true
	}
	id, r := d.make(f.name, first)
	enforced := id != ""
	if !enforced {
		if r.status != 400 || !strings.Contains(r.raw, f.name) || !strings.Contains(r.raw, "not enforced") && !strings.Contains(r.raw, "not supported") {
			t.Errorf("refused: %d %s", r.status, r.raw)
		}
		if empty == "0" || f.name == "allowed_model_region" {
			empty = "null"
		}
	} else {
		before := reads("created", id, first)
		if f.change {
			if r := d.set(id, f.name, before[f.name]); r.status > 299 {
				t.Errorf("applied again: %d %s", r.status, r.raw)
			}
			for name, v := range d.row(t, id) {
				if v != before[name] && !slices.Contains(follows[:4], name) {
					t.Errorf("applied again: %s was %s and is %s", name, before[name], v)
				}
			}
			if second != "" {
				if r := d.set(id, f.name, second); r.status > 299 {
					t.Errorf("changed: %d %s", r.status, r.raw)
				}
				for name, v := range reads("changed", id, second) {
					if v != before[name] && name != f.name && !slices.Contains(follows, name) {
						t.Errorf("changed: %s changed too, from %s to %s", name, before[name], v)
					}
				}
			}
			if f.nullable && !strings.HasSuffix(f.name, "_name") && !(d.name == "project" && f.name == "team_id") {
				if r := d.set(id, f.name, "null"); r.status > 299 {
					t.Errorf("set to null: %d %s", r.status, r.raw)
				}
				reads("set to null", id, "null")
				if empty != "null" {
					if r := d.set(id, f.name, empty); r.status > 299 {
						t.Errorf("set to %s: %d %s", empty, r.status, r.raw)
					}
					reads("set to "+empty, id, empty)
				}
			}
		}
		gone(id)
	}
	without, _ := d.make("", "")
	absent := d.row(t, without)[f.name]
	gone(without)
	for _, v := range []string{"null", empty} {
		if v == "null" && !strings.Contains(f.kind, "null") {
			continue
		}
		id, r := d.make(f.name, v)
		if id == "" {
			t.Errorf("created with %s: %d %s", v, r.status, r.raw)
			continue
		}
		reads("created with "+v, id, v)
		gone(id)
	}
	if enforced && absent == compact(first) && !strings.Contains(d.own, f.name) {
		t.Errorf("absent is %s, as what was sent", absent)
	}
	return enforced
}
