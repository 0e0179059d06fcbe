package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/purser/purser/adminsvc"
)

// Each command makes the call it stands for, and says what came of it.
func TestManage(t *testing.T) {
	var method, address, sent, key string
	status, reply := 200, "{}"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, address, sent, key = r.Method, r.URL.String(), string(b), r.Header.Get("Authorization")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reply)
	}))
	defer s.Close()
	t.Setenv("PURSER_URL", s.URL+"/")
	t.Setenv("PURSER_KEY", "sk-1234")
	for _, c := range []struct {
		args                string
		status              int
		reply               string
		code                int
		method, path, body  string
		out, errOut, secret string
	}{
		{args: "key create --team-id 7 --models gpt-4,gpt-5 --max-budget 0.1 --blocked", reply: `{"key":"sk-new","models":[]}`, method: "POST", path: "/key/generate",
			body: `{"blocked":true,"max_budget":0.1,"models":["gpt-4","gpt-5"],"team_id":"7"}`, out: "key  sk-new\n"},
		{args: "key list --team-id t -o json", reply: `{"keys":[{"spend":0.000000001}]}`, method: "GET", path: "/key/list?return_full_object=true&team_id=t", out: `"spend": 0.000000001`},
		{args: "team list", reply: `{"teams":[{"team_id":"t","team_alias":"A\u001b[2J","spend":1.5,"blocked":false}]}`, method: "GET", path: "/v2/team/list?page_size=100", out: "t        A [2J"},
		{args: "team list", reply: `{"teams":[]}`, method: "GET", path: "/v2/team/list?page_size=100", out: "nothing there"},
		{args: "key delete a b", reply: `{"deleted_keys":["a","b"]}`, method: "POST", path: "/key/delete", body: `{"keys":["a","b"]}`, out: `["a","b"]`},
		{args: "team update t --max-budget null --metadata={\"a\":1}", method: "POST", path: "/team/update", body: `{"max_budget":null,"metadata":{"a":1},"team_id":"t"}`},
		{args: "project delete p", reply: `[]`, method: "DELETE", path: "/project/delete", body: `{"project_ids":["p"]}`},
		{args: "limits sk-x", reply: `{"limits":[{"scope":"team","limit":5,"used":1}]}`, method: "GET", path: "/limits?key=sk-x", out: "team"},
		{args: "simulate --model gpt-4", reply: `{"allowed":true}`, method: "POST", path: "/policy/simulate", body: `{"model":"gpt-4"}`, out: "allowed  true"},
		{args: "simulate --model gpt-4", reply: `{"allowed":false}`, code: 4, method: "POST", path: "/policy/simulate", body: `{"model":"gpt-4"}`, out: "allowed  false"},
		{args: "key info k", status: 404, reply: `{"error":{"message":"Key not found: k","type":"not_found_error"}}`, code: 1, method: "GET", path: "/key/info?key=k", errOut: "purser key: Key not found: k (404)"},
		{args: "team create", status: 422, reply: `{"detail":[{"type":"missing","loc":["body","team_id"],"msg":"Field required"}]}`, code: 1, method: "POST", path: "/team/new", body: `{}`, errOut: "body.team_id: Field required (422)"},
		{args: "budget list", status: 400, reply: `{"detail":{"error":"no"}}`, code: 1, method: "GET", path: "/budget/list", errOut: "no (400)"},
		{args: "simulate sk-x --model gpt-4", reply: `{"allowed":true}`, method: "POST", path: "/policy/simulate", body: `{"key":"sk-x","model":"gpt-4"}`, out: "allowed  true"},
		{args: "access-group update g/1 --access-model-names a,b", method: "PUT", path: "/v1/access_group/g%2F1", body: `{"access_model_names":["a","b"]}`},
		{args: "access-group delete g", method: "DELETE", path: "/v1/access_group/g", body: `{}`},
		{args: "key reset-spend sk-x --reset-to 0", method: "POST", path: "/key/sk-x/reset_spend", body: `{"reset_to":0}`},
		{args: "tag info a b", method: "POST", path: "/tag/info", body: `{"names":["a","b"]}`},
		{args: "usage team --start-date 2026-01-01 --end-date 2026-01-02", reply: `[{"date":"2026-01-01","team_id":"t","spend":0.5,"api_requests":3}]`, method: "GET", path: "/team/daily/activity/export?end_date=2026-01-02&format=json&start_date=2026-01-01", out: "2026-01-01"},
		{args: "settings set-ui --enable-projects-ui", method: "PATCH", path: "/update/ui_settings", body: `{"enable_projects_ui":true}`},
		{args: "access-group info", code: 2, errOut: "which one? access_group_id is missing"},
		{args: "key create -h", out: "purser key block|create|"},
		{args: "limits --help", out: "purser limits [key] "},
		{args: "key", code: 2, errOut: "what to do?"},
		{args: "key fly", code: 2, errOut: `there is no "fly"`},
		{args: "key list --output xml", code: 2, errOut: "table or json"},
		{args: "key info a b", code: 2, errOut: "one id at a time"},
	} {
		t.Run(c.args, func(t *testing.T) {
			method, address, sent = "", "", ""
			status, reply = max(c.status, 200), c.reply
			if reply == "" {
				reply = "{}"
			}
			var out, errOut bytes.Buffer
			code := dispatch(t.Context(), strings.Fields(c.args), &out, &errOut)
			if code != c.code || method != c.method || address != c.path || !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.errOut) {
				t.Errorf("%d %s %s\n%s\n%s", code, method, address, out.String(), errOut.String())
			}
			if c.body != "" && !sameJSON(c.body, sent) {
				t.Errorf("sent %s, want %s", sent, c.body)
			}
			if method != "" && key != "Bearer sk-1234" {
				t.Errorf("as %s", key)
			}
		})
	}
	t.Setenv("PURSER_KEY", "")
	var out, errOut bytes.Buffer
	if code := dispatch(t.Context(), []string{"key", "list"}, &out, &errOut); code != 2 || !strings.Contains(errOut.String(), "PURSER_KEY") {
		t.Errorf("without a key: %d %s", code, errOut.String())
	}
	t.Setenv("PURSER_KEY", "sk-1234")
	s.Close()
	if code := dispatch(t.Context(), []string{"key", "info", "sk-secret"}, &out, &errOut); code != 1 || strings.Contains(errOut.String(), "sk-secret") {
		t.Errorf("nobody there: %d %s", code, errOut.String())
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// Every command makes a call that the API has, and its id is a field of it.
func TestManageCallsWhatIsThere(t *testing.T) {
	text, err := adminsvc.OpenAPI("")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters  []struct{ Name string }
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
			Tags []string
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	commands := map[string]bool{}
	for _, c := range manageCommands() {
		commands[c.name] = true
	}
	for name, verbs := range managed {
		if !commands[name] {
			t.Errorf("%s is no command", name)
		}
		for what, v := range verbs {
			path, _, _ := strings.Cut(v.path, "?")
			op, ok := doc.Paths[path][strings.ToLower(v.method)]
			if !ok || op.Tags[0] == "not supported" {
				t.Errorf("%s %s: there is no %s %s", name, what, v.method, path)
				continue
			}
			ref := op.RequestBody.Content["application/json"].Schema.Ref
			known := doc.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]].Properties[v.id] != nil || v.id == ""
			for _, p := range op.Parameters {
				known = known || p.Name == v.id
			}
			if !known {
				t.Errorf("%s %s: %s %s has no %s", name, what, v.method, path, v.id)
			}
		}
	}
}
