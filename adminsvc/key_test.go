package adminsvc

import (
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// What is sent reads back the same, from the reply and from /key/info: absent as
// the default, null as null, 0 as 0, lists in order, objects verbatim.
func TestKeyReadsBackAsSent(t *testing.T) {
	t.Parallel()
	a := setup(t)
	k := a.post("/key/generate", `{"key_alias":"first","max_budget":0,"tpm_limit":null,"rpm_limit":"10","models":["gpt-4","a","b"],"metadata":{"z":1.50,"a":[{"b":null}]},
		"aliases":{"fast":"gpt-4"},"model_max_budget":{"gpt-4":5,"x":{"budget_limit":1.5,"time_period":"1d"}},"budget_limits":[{"budget_duration":"1d","max_budget":10},{"budget_duration":"1mo","max_budget":100}],
		"budget_duration":"30d","model_rpm_limit":{"gpt-4":0},"duration":"30d","tags":["t"],"guardrails":[],"object_permission":null,"soft_budget":0.000000001,"nonsense":1}`).ok()
	want := map[string]string{
		"key_alias": `"first"`, "max_budget": "0", "tpm_limit": "null", "rpm_limit": "10", "models": `["gpt-4","a","b"]`, "aliases": `{"fast":"gpt-4"}`,
		"metadata.z": "1.50", "metadata.a": `[{"b":null}]`, "model_max_budget.gpt-4": "5", "model_max_budget.x.budget_limit": "1.5", "budget_limits.1.max_budget": "100",
		"budget_duration": `"30d"`, "budget_reset_at": `"2026-04-01T00:00:00Z"`, "model_rpm_limit": `{"gpt-4":0}`, "tags": `["t"]`, "guardrails": "[]", "object_permission": "null",
		"soft_budget": "0.000000001", "nonsense": "null", "tpd_limit": "null", "permissions": "{}", "spend": "0.0", "team_id": "null", "blocked": "null",
	}
	k.has(want)
	if strings.Contains(k.raw, "nonsense") {
		t.Error("an unknown field is echoed")
	}
	expires, err := time.Parse(time.RFC3339Nano, k.text("expires"))
	if d := expires.Sub(a.now); err != nil || d > 30*24*time.Hour || d < 30*24*time.Hour-time.Second {
		t.Errorf("30d expires %v", k.text("expires"))
	}
	info := map[string]string{"key": `"` + k.text("key") + `"`, "info.status": `"active"`, "info.total_spend": "0.0", "info.key_name": `"` + k.text("key_name") + `"`}
	for path, v := range want {
		info["info."+path] = v
	}
	got := a.get("/key/info?key=" + k.text("key")).ok().has(info)
	if strings.Contains(strings.Replace(got.raw, k.text("key"), "", 1), k.text("key")) || got.at("info.token") != nil {
		t.Error("the key or its token is in info")
	}
	a.get("/key/info?key=" + k.text("token")).ok().has(map[string]string{"info.key_alias": `"first"`})
	a.call(k.text("key"), "GET", "/key/info", "").ok().has(map[string]string{"info.key_alias": `"first"`, "key": `"` + k.text("token") + `"`})
	for _, path := range []string{k.text("key"), master} {
		if strings.Contains(a.log.String(), path) {
			t.Errorf("a key is in the log")
		}
	}

	// The rules follow from the fields.
	e, err := policy.Get[*policy.Key](t.Context(), a.store, policy.Ref{Kind: policy.EntityKey, ID: k.text("token")})
	if err != nil {
		t.Fatal(err)
	}
	l := e.Limits
	if *l.MaxBudget != 0 || l.TPM != nil || *l.RPM != 10 || *l.SoftBudget != 1 || *l.ModelMaxBudget["gpt-4"].MaxBudget != 5*policy.Dollar ||
		*l.ModelMaxBudget["x"].MaxBudget != 3*policy.Dollar/2 || l.ModelMaxBudget["x"].Duration != "1d" || l.ModelRPM["gpt-4"] != 0 || len(l.BudgetLimits) != 2 || e.Tags[0] != "t" {
		t.Errorf("rules: %+v", l)
	}
}

func TestKeyUpdateKeepsClearsAndReplaces(t *testing.T) {
	t.Parallel()
	a := setup(t)
	k := a.post("/key/generate", `{"max_budget":5,"tpm_limit":100,"rpm_limit":7,"metadata":{"a":1},"models":["gpt-4"],"duration":"1d"}`).ok()
	up := a.post("/key/update", `{"key":"`+k.text("key")+`","tpm_limit":null,"rpm_limit":0,"metadata":{"b":2},"duration":null}`).ok().
		has(map[string]string{"key": `"` + k.text("key") + `"`, "max_budget": "5", "tpm_limit": "null", "rpm_limit": "0", "metadata": `{"b":2}`, "models": `["gpt-4"]`, "expires": "null"})
	if up.at("expires") != nil {
		t.Error("duration null did not clear expires")
	}
	a.post("/key/update", `{"key":"`+k.text("token")+`","duration":"-1","models":[],"key_alias":"named"}`).ok().has(map[string]string{"models": "[]", "key_alias": `"named"`})
	a.post("/key/update", `{"key_alias":"named","max_budget":1.25}`).ok().has(map[string]string{"max_budget": "1.25", "token": `"` + k.text("token") + `"`})
	a.post("/key/update", `{}`).invalid("missing", `["body","key"]`)
	a.post("/key/update", `{"key":"sk-nowhere-to-be-found"}`).refused(404, "not_found_error", "key")
	// key_type's preset stays when other fields change.
	typed := a.post("/key/generate", `{"key_type":"llm_api"}`).ok().has(map[string]string{"allowed_routes": `["llm_api_routes"]`, "key_type": `"llm_api"`})
	a.post("/key/update", `{"key":"`+typed.text("token")+`","rpm_limit":1}`).ok().has(map[string]string{"allowed_routes": `["llm_api_routes"]`})
	a.call(typed.text("key"), "GET", "/key/info", "").refused(403, "auth_error", "None")
}

func TestKeyRefusals(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","models":["gpt-4"],"organization_id":""}`).ok()
	a.post("/team/new", `{"team_id":"t2"}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1","models":["gpt-4"],"max_budget":10}`).ok()
	a.post("/key/generate", `{"key_alias":"taken"}`).ok()
	a.post("/key/generate", `{"key":"sk-my-own-key-of-16"}`).ok().has(map[string]string{"key": `"sk-my-own-key-of-16"`, "key_name": `"sk-...f-16"`})
	before := a.revision()
	for name, c := range map[string]struct {
		body   string
		status int
		typ    string
		param  string
	}{
		"alias twice":                {`{"key_alias":"taken"}`, 400, "bad_request_error", "key_alias"},
		"key twice":                  {`{"key":"sk-my-own-key-of-16"}`, 400, "bad_request_error", "key"},
		"the master key":             {`{"key":"` + master + `"}`, 400, "bad_request_error", "key"},
		"key of another form":        {`{"key":"my-own-key-of-16-chars"}`, 400, "bad_request_error", "key"},
		"short key":                  {`{"key":"sk-short"}`, 400, "bad_request_error", "key"},
		"unknown team":               {`{"team_id":"nowhere"}`, 400, "bad_request_error", "team_id"},
		"unknown project":            {`{"project_id":"nowhere"}`, 404, "not_found_error", "project_id"},
		"unknown organization":       {`{"organization_id":"nowhere"}`, 400, "bad_request_error", "organization_id"},
		"unknown budget":             {`{"budget_id":"nowhere"}`, 400, "bad_request_error", "budget_id"},
		"unknown customer budget":    {`{"end_user_budget_id":"nowhere"}`, 400, "bad_request_error", "end_user_budget_id"},
		"project of another team":    {`{"project_id":"p1","team_id":"t2"}`, 400, "bad_request_error", "team_id"},
		"model beyond the team":      {`{"team_id":"t1","models":["gpt-3.5-turbo"]}`, 400, "bad_request_error", "models"},
		"all models beyond the team": {`{"team_id":"t1","models":["*"]}`, 400, "bad_request_error", "models"},
		"budget beyond the project":  {`{"project_id":"p1","max_budget":11}`, 400, "bad_request_error", "max_budget"},
		"negative budget":            {`{"max_budget":-1}`, 400, "bad_request_error", "max_budget"},
		"negative rpm":               {`{"rpm_limit":-1}`, 400, "bad_request_error", "rpm_limit"},
		"negative model limit":       {`{"metadata":{"model_rpm_limit":{"gpt-4":-1}}}`, 400, "bad_request_error", "model_rpm_limit.gpt-4"},
		"bad duration":               {`{"duration":"soon"}`, 400, "bad_request_error", "duration"},
		"endless duration":           {`{"duration":"3650000d"}`, 400, "bad_request_error", "duration"},
		"bad budget duration":        {`{"max_budget":1,"budget_duration":"0d"}`, 400, "bad_request_error", "budget_duration"},
		"increase without an end":    {`{"max_budget":1,"temp_budget_increase":1}`, 400, "bad_request_error", "temp_budget_expiry"},
		"an address that is none":    {`{"allowed_ips":["10.0.0.0/80"]}`, 400, "bad_request_error", "allowed_ips"},
		"control character":          {`{"key_alias":"a\nb"}`, 400, "bad_request_error", "key_alias"},
		"huge id":                    {`{"user_id":"` + strings.Repeat("x", 300) + `"}`, 400, "bad_request_error", "user_id"},
		"guardrails":                 {`{"guardrails":["x"]}`, 400, "bad_request_error", "guardrails"},
		"guardrails in metadata":     {`{"metadata":{"guardrails":["x"]}}`, 400, "bad_request_error", "metadata.guardrails"},
		"limit in another case":      {`{"metadata":{"Model_RPM_Limit":{}}}`, 400, "bad_request_error", "metadata.Model_RPM_Limit"},
		"object permission":          {`{"object_permission":{"vector_stores":["v"]}}`, 400, "bad_request_error", "object_permission"},
		"auto rotation":              {`{"auto_rotate":true}`, 400, "bad_request_error", "auto_rotate"},
		"key type and routes":        {`{"key_type":"llm_api","allowed_routes":["/x"]}`, 400, "bad_request_error", "key_type"},
		"spent less than nothing":    {`{"spend":-5}`, 400, "bad_request_error", "spend"},
		"falling back on itself":     {`{"budget_fallbacks":{"gpt-4":["gpt-4"]}}`, 400, "bad_request_error", "budget_fallbacks.gpt-4"},
		"falling back on nothing":    {`{"budget_fallbacks":{"gpt-4":[""]}}`, 400, "bad_request_error", "budget_fallbacks.gpt-4"},
	} {
		t.Run(name, func(t *testing.T) {
			a.post("/key/generate", c.body).refused(c.status, c.typ, c.param)
		})
	}
	a.post("/key/service-account/generate", `{}`).refused(400, "bad_request_error", "team_id")
	a.post("/key/service-account/generate", `{"team_id":"t1","user_id":"u"}`).refused(400, "bad_request_error", "user_id")
	if a.revision() != before {
		t.Error("something changed")
	}
}

func TestKeyInheritsFromItsProject(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1"}`).ok()
	a.post("/team/new", `{"team_id":"t2"}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1"}`).ok()
	a.post("/project/new", `{"project_id":"p2","team_id":"t2"}`).ok()
	k := a.post("/key/generate", `{"project_id":"p1","team_id":"","user_id":""}`).ok().has(map[string]string{"team_id": `"t1"`, "project_id": `"p1"`, "user_id": "null"}).text("token")
	// Reassigned to another project the key follows it; a team of its own takes it out.
	a.post("/key/update", `{"key":"`+k+`","project_id":"p2"}`).ok().has(map[string]string{"team_id": `"t2"`, "project_id": `"p2"`})
	a.post("/key/update", `{"key":"`+k+`","team_id":"t1"}`).refused(400, "bad_request_error", "team_id")
	a.post("/key/update", `{"key":"`+k+`","project_id":null}`).ok().has(map[string]string{"project_id": "null", "team_id": "null"})
	// The project moves, and its keys with it.
	k = a.post("/key/generate", `{"project_id":"p1"}`).ok().text("token")
	a.post("/project/update", `{"project_id":"p1","team_id":"t2"}`).ok().has(map[string]string{"team_id": `"t2"`})
	a.get("/key/info?key=" + k).ok().has(map[string]string{"info.team_id": `"t2"`, "info.project_id": `"p1"`})
	svc := a.post("/key/service-account/generate", `{"team_id":"t1","key_alias":"svc","metadata":{"a":1}}`).ok()
	svc.has(map[string]string{"user_id": "null", "metadata": `{"a":1,"service_account_id":"svc"}`})
}

func TestBlockedExpiredAndDeletedKeysAreRefused(t *testing.T) {
	t.Parallel()
	a := setup(t)
	k := a.post("/key/generate", `{"duration":"30s"}`).ok()
	key, hash := k.text("key"), k.text("token")
	a.call(key, "POST", "/key/health", "").ok().has(map[string]string{"key": `"healthy"`})
	a.post("/key/block", `{"key":"`+key+`"}`).ok().has(map[string]string{"blocked": "true", "token": `"` + hash + `"`})
	a.call(key, "GET", "/key/info", "").refused(401, "auth_error", "None")
	a.get("/key/info?key=" + hash).ok().has(map[string]string{"info.status": `"revoked"`})
	a.post("/key/unblock", `{"key":"`+hash+`"}`).ok().has(map[string]string{"blocked": "false"})
	a.call(key, "GET", "/key/info", "").ok()
	a.now = a.now.Add(time.Minute)
	a.call(key, "GET", "/key/info", "").refused(401, "expired_key", k.text("key_name"))
	a.get("/key/info?key=" + hash).ok().has(map[string]string{"info.status": `"expired"`})
	a.post("/key/delete", `{"keys":["`+key+`"]}`).ok().has(map[string]string{"deleted_keys": `["` + key + `"]`})
	a.call(key, "GET", "/key/info", "").refused(401, "token_not_found_in_db", "key")
	a.get("/key/info?key=" + hash).ok().has(map[string]string{"info.status": `"deleted"`})
	a.get("/key/list?status=deleted").ok().has(map[string]string{"keys": `["` + hash + `"]`})
	a.post("/key/delete", `{"keys":["`+key+`"]}`).refused(404, "not_found_error", "keys")
	a.post("/key/delete", `{}`).invalid("missing", `["body","keys"]`)
	a.post("/key/block", `{"key":"no key"}`).refused(400, "bad_request_error", "key")

	// All or none, by alias too.
	one := a.post("/key/generate", `{"key_alias":"one"}`).ok().text("token")
	a.post("/key/delete", `{"keys":["`+one+`"],"key_aliases":["nobody"]}`).refused(400, "bad_request_error", "keys")
	a.get("/key/info?key=" + one).ok().has(map[string]string{"info.status": `"active"`})
	a.post("/key/delete", `{"key_aliases":["one"]}`).ok().has(map[string]string{"deleted_keys": `["one"]`})

	// A team's block holds its keys.
	a.post("/team/new", `{"team_id":"t"}`).ok()
	tk := a.post("/key/generate", `{"team_id":"t"}`).ok().text("key")
	a.post("/team/block", `{"team_id":"t"}`).ok()
	a.call(tk, "GET", "/key/info", "").refused(401, "auth_error", "None")
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.call("", "GET", "/key/info", "").refused(401, "auth_error", "None")
	a.call("no-key", "GET", "/key/info", "").refused(401, "auth_error", "None")
	r := a.call("sk-unknown-and-long-enough", "GET", "/key/info", "").refused(401, "token_not_found_in_db", "key")
	if strings.Contains(r.raw, "sk-unknown") || !strings.Contains(r.text("error.message"), "sk-...ough") {
		t.Error(r.raw)
	}
	// The credential is asked for before the body is looked at.
	a.call("", "POST", "/key/generate", "{").refused(401, "auth_error", "None")
	k := a.post("/key/generate", `{"allowed_ips":["10.9.8.7"]}`).ok().text("key")
	a.call(k, "GET", "/key/info", "").refused(403, "auth_error", "None")
	k = a.post("/key/generate", `{"allowed_ips":["192.0.2.0/24"]}`).ok().text("key") // where httptest calls from
	a.call(k, "GET", "/key/info", "").ok()
}

func TestRegenerate(t *testing.T) {
	t.Parallel()
	a := setup(t)
	k := a.post("/key/generate", `{"key_alias":"rotating","max_budget":10,"budget_duration":"1d","budget_limits":[{"budget_duration":"1mo","max_budget":100}],
		"model_max_budget":{"gpt-4":{"max_budget":50,"budget_duration":"1mo"}},"metadata":{"a":1}}`).ok()
	old, hash := k.text("key"), k.text("token")
	a.spend(
		policy.Entry{KeyHash: hash, ModelAsked: "gpt-4", ReservedAt: a.now.AddDate(0, 0, -40), Cost: policy.Cost{Total: 8 * policy.Dollar}},
		policy.Entry{KeyHash: hash, ModelAsked: "gpt-4", ReservedAt: a.now.AddDate(0, 0, -3), Cost: policy.Cost{Total: 4 * policy.Dollar}},
		policy.Entry{KeyHash: hash, ModelAsked: "gpt-4", Cost: policy.Cost{Total: 2 * policy.Dollar}},
		policy.Entry{KeyHash: hash, ModelAsked: "gpt-3.5-turbo", Cost: policy.Cost{Total: policy.Dollar}},
	)
	stands := map[string]string{"info.spend": "3.0", "info.total_spend": "15.0", "info.budget_limits_usage.1mo.current_spend": "7.0",
		"info.model_max_budget_usage.gpt-4.current_spend": "6.0", "info.key_alias": `"rotating"`, "info.metadata": `{"a":1}`}
	a.get("/key/info?key=" + hash).ok().has(stands)

	n := a.post("/key/"+hash+"/regenerate", `{"grace_period":"1h","tpm_limit":5}`).ok().has(map[string]string{"key_alias": `"rotating"`, "tpm_limit": "5", "spend": "3.0", "rotation_count": "1"})
	fresh := n.text("key")
	if fresh == old || fresh == "" {
		t.Fatal("the key is the same")
	}
	a.get("/key/info?key=" + fresh).ok().has(stands) // a new secret is no new budget
	a.call(old, "POST", "/key/health", "").ok()
	a.post("/key/"+old+"/regenerate", `{}`).refused(400, "bad_request_error", "key")
	a.get("/key/list").ok().has(map[string]string{"total_count": "1", "keys": `["` + n.text("token") + `"]`})

	// Again, without grace: the middle one goes, the first one's grace goes on.
	m := a.post("/key/regenerate?key="+fresh, ``).ok().has(map[string]string{"rotation_count": "2", "spend": "3.0"})
	a.call(fresh, "POST", "/key/health", "").refused(401, "token_not_found_in_db", "key")
	a.call(old, "POST", "/key/health", "").ok()
	// Blocking the key means its old secret too.
	a.post("/key/block", `{"key":"`+m.text("key")+`"}`).ok()
	a.call(old, "POST", "/key/health", "").refused(401, "token_not_found_in_db", "key")

	// A key of one's own, by its owner; after grace it ends.
	own := a.post("/key/generate", `{"user_id":"u1"}`).ok().text("key")
	next := a.call(own, "POST", "/key/regenerate", `{"new_key":"sk-chosen-by-its-owner","grace_period":"30m"}`).ok().text("key")
	if next != "sk-chosen-by-its-owner" {
		t.Error(next)
	}
	a.now = a.now.Add(31 * time.Minute)
	a.call(own, "POST", "/key/health", "").refused(401, "expired_key", "None")
	a.call(next, "POST", "/key/health", "").ok()
	a.post("/key/regenerate", `{}`).refused(400, "bad_request_error", "key")
	a.post("/key/nowhere-to-be-found/regenerate", `{}`).refused(404, "not_found_error", "key")
	a.post("/key/regenerate", `{"key":"`+next+`","grace_period":"soon"}`).refused(400, "bad_request_error", "grace_period")
}

// As the keys that `litellm-proxy keys import` brings along.
func TestAKeyCanHaveSpentAlready(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/key/generate", `{"key":"sk-comes-from-elsewhere","spend":2.5,"max_budget":10}`).ok().has(map[string]string{"spend": "2.5", "max_budget": "10"})
	a.get("/key/info?key=sk-comes-from-elsewhere").ok().has(map[string]string{"info.spend": "2.5"})
	before := a.revision()
	a.post("/key/generate", `{"spend":-1}`).refused(400, "bad_request_error", "spend")
	a.post("/key/generate", `{"spend":"much"}`).invalid("float_parsing", `["body","spend"]`)
	if a.revision() != before {
		t.Error("a refused call changed something")
	}
}

func TestResetKeySpend(t *testing.T) {
	t.Parallel()
	a := setup(t)
	hash := a.post("/key/generate", `{"max_budget":10}`).ok().text("token")
	a.spend(policy.Entry{KeyHash: hash, UserID: "u", ModelAsked: "gpt-4", Cost: policy.Cost{Total: 3 * policy.Dollar}})
	a.post("/key/"+hash+"/reset_spend", `{"reset_to":0.5}`).ok().has(map[string]string{"key_hash": `"` + hash + `"`, "spend": "0.5", "previous_spend": "3.0", "max_budget": "10.0"})
	a.get("/key/info?key=" + hash).ok().has(map[string]string{"info.spend": "0.5"})
	a.post("/key/"+hash+"/reset_spend", `{"reset_to":1}`).refused(400, "bad_request_error", "reset_to")
	a.post("/key/"+hash+"/reset_spend", `{"reset_to":-1}`).refused(400, "bad_request_error", "reset_to")
	a.post("/key/"+hash+"/reset_spend", `{}`).invalid("missing", `["body","reset_to"]`)
	a.post("/key/update", `{"key":"`+hash+`","spend":0}`).ok().has(map[string]string{"spend": "0.0"})
}

func TestKeyList(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","members_with_roles":[{"user_id":"boss","role":"admin"},{"user_id":"u1","role":"user"}]}`).ok()
	a.post("/project/new", `{"project_id":"p1","team_id":"t1"}`).ok()
	k1 := a.post("/key/generate", `{"key_alias":"alpha","user_id":"u1"}`).ok()
	k2 := a.post("/key/generate", `{"key_alias":"beta","team_id":"t1","user_id":"u2"}`).ok()
	k3 := a.post("/key/generate", `{"key_alias":"gamma","project_id":"p1","blocked":true}`).ok()
	k4 := a.post("/key/generate", `{"key_alias":"delta","duration":"1s","user_id":"boss"}`).ok()
	a.now = a.now.Add(time.Minute)
	list := func(keys ...*answer) string {
		var out []string
		for _, k := range keys {
			out = append(out, `"`+k.text("token")+`"`)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	for query, want := range map[string]string{
		"":                                  list(k4, k3, k2, k1),
		"sort_order=asc":                    list(k1, k2, k3, k4),
		"sort_by=key_alias&sort_order=asc":  list(k1, k2, k4, k3),
		"size=2":                            list(k4, k3),
		"size=2&page=2":                     list(k2, k1),
		"user_id=u1":                        list(k1),
		"team_id=t1":                        list(k3, k2),
		"project_id=p1":                     list(k3),
		"key_alias=alpha":                   list(k1),
		"key_alias=ta":                      "[]",
		"key_alias=ta&substring_matching=1": list(k4, k2),
		"search=GAM":                        list(k3),
		"key_hash=" + k2.text("token"):      list(k2),
		"key_hash=" + k2.text("key"):        list(k2),
		"status=revoked":                    list(k3),
		"status=expired":                    list(k4),
		"status=active":                     list(k2, k1),
		"user_id=boss&include_team_keys=1":  list(k4, k3, k2),
		"access_group_id=x":                 "[]",
	} {
		a.get("/key/list?" + query).ok().has(map[string]string{"keys": want})
	}
	a.get("/key/list?size=3").ok().has(map[string]string{"total_count": "4", "current_page": "1", "total_pages": "2"})
	a.get("/key/list?return_full_object=true&key_alias=beta&expand=user").ok().has(map[string]string{"keys.0.key_alias": `"beta"`, "keys.0.team_id": `"t1"`, "keys.0.status": `"active"`})
	a.get("/key/aliases?size=2").ok().has(map[string]string{"aliases": `["alpha","beta"]`, "total_count": "4", "total_pages": "2", "size": "2"})
	a.get("/key/aliases?search=mm").ok().has(map[string]string{"aliases": `["gamma"]`})
	a.post("/v2/key/info", `{"keys":["`+k1.text("key")+`","sk-nothing-there-at-all"],"key_aliases":["gamma","nobody"]}`).ok().
		has(map[string]string{"key.0": `"` + k1.text("key") + `"`, "info.0.key_alias": `"alpha"`, "info.1.key_alias": `"gamma"`, "info.2": "null"})

	for query, loc := range map[string]string{"page=0": `["query","page"]`, "size=101": `["query","size"]`, "size=0": `["query","size"]`} {
		r := a.get("/key/list?" + query)
		if r.status != 422 {
			t.Errorf("%s: %d", query, r.status)
		}
		r.has(map[string]string{"detail.0.loc": loc})
	}
	a.get("/key/list?page=x").invalid("int_parsing", `["query","page"]`)
	a.get("/key/list?sort_by=password").refused(400, "bad_request_error", "sort_by")
	a.get("/key/list?status=sleeping").invalid("literal_error", `["query","status"]`)
}

// Guaranteed limits never add up to more than the team or project has.
func TestGuaranteedThroughput(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/team/new", `{"team_id":"t1","rpm_limit":100,"tpm_limit":1000,"model_rpm_limit":{"gpt-4":10}}`).ok()
	g := `"team_id":"t1","rpm_limit_type":"guaranteed_throughput","tpm_limit_type":"guaranteed_throughput"`
	k := a.post("/key/generate", `{`+g+`,"rpm_limit":60,"tpm_limit":600}`).ok().text("token")
	a.post("/key/generate", `{`+g+`,"rpm_limit":41}`).refused(400, "bad_request_error", "rpm_limit")
	a.post("/key/generate", `{`+g+`,"tpm_limit":401}`).refused(400, "bad_request_error", "tpm_limit")
	a.post("/key/generate", `{`+g+`,"model_rpm_limit":{"gpt-4":11}}`).refused(400, "bad_request_error", "model_rpm_limit")
	a.post("/key/generate", `{"team_id":"t1","rpm_limit_type":"best_effort_throughput","rpm_limit":41}`).ok()
	a.post("/key/generate", `{`+g+`,"rpm_limit":40}`).ok()
	a.post("/key/update", `{"key":"`+k+`","rpm_limit":61}`).refused(400, "bad_request_error", "rpm_limit")
	a.post("/key/update", `{"key":"`+k+`","rpm_limit":60}`).ok()
	a.post("/key/generate", `{`+g+`,"rpm_limit":9223372036854775807}`).refused(400, "bad_request_error", "rpm_limit")
}
