package adminsvc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// writers are the writing endpoints of users, organizations, customers, budgets and tags, with bodies that they accept.
var writers = []struct {
	method, path string
	good         map[string]string // field → JSON
	required     []string
	lists        []string
	limits       bool              // it takes the fields of limits
	unknown      map[string]string // field → an id that is not there
}{
	{"POST", "/user/new", map[string]string{"user_alias": `"x"`}, nil, []string{"models", "organizations"}, true, map[string]string{"budget_id": `"zz"`, "team_id": `"zz"`, "teams": `["zz"]`, "organizations": `["zz"]`}},
	{"POST", "/user/update", map[string]string{"user_id": `"u"`}, nil, []string{"models"}, true, map[string]string{"user_id": `"zz"`, "budget_id": `"zz"`}},
	{"POST", "/user/delete", map[string]string{"user_ids": `["u"]`}, []string{"user_ids"}, []string{"user_ids"}, false, map[string]string{"user_ids": `["zz"]`}},
	{"POST", "/organization/new", map[string]string{"organization_alias": `"x"`}, []string{"organization_alias"}, []string{"models"}, true, map[string]string{"budget_id": `"zz"`}},
	{"PATCH", "/organization/update", map[string]string{"organization_id": `"o"`}, []string{"organization_id"}, []string{"models"}, true, map[string]string{"organization_id": `"zz"`, "budget_id": `"zz"`}},
	{"PATCH", "/v2/organization/o", map[string]string{"organization_alias": `"x"`}, nil, []string{"models"}, true, map[string]string{"budget_id": `"zz"`}},
	{"DELETE", "/organization/delete", map[string]string{"organization_ids": `["o"]`}, []string{"organization_ids"}, []string{"organization_ids"}, false, map[string]string{"organization_ids": `["zz"]`}},
	{"POST", "/organization/member_add", map[string]string{"organization_id": `"o"`, "member": `{"user_id":"m","role":"internal_user"}`}, []string{"organization_id", "member"}, nil, false, map[string]string{"organization_id": `"zz"`}},
	{"PATCH", "/organization/member_update", map[string]string{"organization_id": `"o"`, "user_id": `"u"`}, []string{"organization_id"}, nil, false, map[string]string{"organization_id": `"zz"`, "user_id": `"zz"`}},
	{"DELETE", "/organization/member_delete", map[string]string{"organization_id": `"o"`, "user_id": `"u"`}, []string{"organization_id"}, nil, false, map[string]string{"organization_id": `"zz"`, "user_id": `"zz"`}},
	{"POST", "/customer/new", map[string]string{"user_id": `"x"`}, []string{"user_id"}, []string{"models"}, true, map[string]string{"budget_id": `"zz"`}},
	{"POST", "/customer/update", map[string]string{"user_id": `"c"`}, []string{"user_id"}, []string{"models"}, true, map[string]string{"user_id": `"zz"`, "budget_id": `"zz"`}},
	{"POST", "/customer/delete", map[string]string{"user_ids": `["c"]`}, []string{"user_ids"}, []string{"user_ids"}, false, map[string]string{"user_ids": `["zz"]`}},
	{"POST", "/budget/new", map[string]string{"budget_id": `"x"`}, nil, nil, true, nil},
	{"POST", "/budget/update", map[string]string{"budget_id": `"b"`}, []string{"budget_id"}, nil, true, map[string]string{"budget_id": `"zz"`}},
	{"POST", "/budget/delete", map[string]string{"id": `"b"`}, []string{"id"}, nil, false, map[string]string{"id": `"zz"`}},
	{"POST", "/tag/new", map[string]string{"name": `"x"`}, []string{"name"}, []string{"models"}, true, map[string]string{"budget_id": `"zz"`}},
	{"POST", "/tag/update", map[string]string{"name": `"t"`}, []string{"name"}, []string{"models"}, true, map[string]string{"name": `"zz"`, "budget_id": `"zz"`}},
	{"POST", "/tag/delete", map[string]string{"name": `"t"`}, []string{"name"}, nil, false, map[string]string{"name": `"zz"`}},
}

// Whatever is wrong with a request about users, organizations, customers,
// budgets or tags, the answer names the field and nothing changes.
func TestBadInputChangesNothing(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/user/new", `{"user_id":"u"}`).ok()
	a.post("/organization/new", `{"organization_id":"o","organization_alias":"O"}`).ok()
	a.post("/organization/member_add", `{"organization_id":"o","member":{"user_id":"u","role":"internal_user"}}`).ok()
	a.post("/customer/new", `{"user_id":"c"}`).ok()
	a.post("/budget/new", `{"budget_id":"b"}`).ok()
	a.post("/tag/new", `{"name":"t"}`).ok()
	before := a.revision()
	for _, w := range writers {
		e := endpoint{good: w.good}
		bad := func(what, body, field string, statuses ...int) {
			t.Helper()
			r := a.call(master, w.method, w.path, body)
			known := false
			for _, s := range statuses {
				known = known || r.status == s
			}
			if !known || !strings.Contains(strings.ToLower(r.raw), strings.ToLower(field)) || r.at("error") == nil && r.at("detail") == nil {
				t.Errorf("%s %s, %s %s: %d %s", w.method, w.path, field, what, r.status, r.raw)
			}
			if now := a.revision(); now != before {
				t.Fatalf("%s %s, %s %s: something changed", w.method, w.path, field, what)
			}
		}
		bad("cut off", `{"`, "", 400)
		bad("no object", `[1]`, "body", 422)
		bad("absent", ``, "body", 422)
		for _, field := range w.required {
			bad("missing", e.with(field, ""), field, 422)
			bad("null", e.with(field, "null"), field, 422)
		}
		for field, v := range w.good {
			bad("of the wrong type", e.with(field, `{"x":[]}`), field, 422)
			body := e.with("", "")
			bad("twice", body[:len(body)-1]+fmt.Sprintf(",%q:%s}", field, v), field, 400)
			bad("in capitals", e.with(strings.ToUpper(field), v), field, 400)
		}
		for _, field := range w.lists {
			bad("no list", e.with(field, `"x"`), field, 422)
			bad("a list of numbers", e.with(field, `[1]`), field, 422)
		}
		for field, v := range w.unknown {
			bad("unknown", e.with(field, v), "zz", 400, 404)
		}
		if !w.limits {
			continue
		}
		for _, field := range limitNumbers {
			bad("negative", e.with(field, "-1"), field, 400)
			bad("NaN", e.with(field, "NaN"), field, 400)
			bad("infinite", e.with(field, `"Infinity"`), field, 422)
			bad("huge", e.with(field, "1e300"), field, 422)
			bad("a text", e.with(field, `"many"`), field, 422)
			bad("a list", e.with(field, "[]"), field, 422)
		}
		bad("no duration", e.with("budget_duration", `"often"`), "budget_duration", 400)
		bad("negative", e.with("model_rpm_limit", `{"gpt-4":-1}`), "model_rpm_limit", 400)
		bad("negative", e.with("metadata", `{"model_tpm_limit":{"gpt-4":-1}}`), "model_tpm_limit", 400)
		bad("without a window", e.with("budget_limits", `[{"max_budget":1}]`), "budget_duration", 422)
	}
	for _, w := range writers { // nobody is nobody's admin
		if r := a.call("", w.method, w.path, (endpoint{good: w.good}).with("", "")); r.status != 401 {
			t.Errorf("%s without a credential: %d", w.path, r.status)
		}
	}
	if a.revision() != before {
		t.Error("something changed")
	}
}

func TestABudgetInUseStays(t *testing.T) {
	t.Parallel()
	settings := policy.Settings{MasterKey: policy.HashKey(master), HasMasterKey: true, MasterUserID: "default_user_id", CustomerBudget: "default"}.Compile()
	a := setup(t, func(c *Config) { c.Settings = func() *policy.Settings { return settings } })
	a.post("/budget/new", `{"budget_id":"default"}`).ok()
	a.post("/budget/new", `{"budget_id":"by-key"}`).ok()
	key := a.post("/key/generate", `{"end_user_budget_id":"by-key"}`).ok().text("key")
	for _, id := range []string{"default", "by-key"} {
		a.post("/budget/delete", `{"id":"`+id+`"}`).refused(400, "bad_request_error", "id")
	}
	a.post("/key/delete", `{"keys":["`+key+`"]}`).ok()
	a.post("/budget/delete", `{"id":"by-key"}`).ok()
}
