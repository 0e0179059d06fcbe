package adminsvc

import (
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

func TestSpendOfKeysUsersAndTags(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	a.post("/user/new", `{"user_id":"bob","auto_create_key":false}`).ok()
	a.get("/spend/keys").ok().has(map[string]string{"0.token": `"` + hashOf(keys["annTeam"]) + `"`, "0.spend": "3.0", "1.spend": "2.0", "2.spend": "1.0"})
	a.get("/spend/keys?limit=1").ok().has(map[string]string{"1": "null"})
	a.call(keys["bob"], "GET", "/spend/keys", "").ok().has(map[string]string{"0.user_id": `"bob"`, "1": "null"})
	a.get("/spend/users").ok().has(map[string]string{"0.user_id": `"ann"`, "0.spend": "5.0", "1.spend": "1.0"})
	a.get("/spend/users?user_id=bob").ok().has(map[string]string{"0.user_id": `"bob"`, "1": "null"})
	a.call(keys["bob"], "GET", "/spend/users", "").ok().has(map[string]string{"0.user_id": `"bob"`, "1": "null"})
	a.get("/spend/tags").ok().has(map[string]string{"0": `{"individual_request_tag":"red","log_count":1,"total_spend":0.0016}`, "1": "null"})
	a.post("/tag/new", `{"name":"blue"}`).ok()
	a.get("/tag/distinct").ok().has(map[string]string{"results": `[{"tag":"blue"},{"tag":"red"}]`})
	a.get("/global/spend/all_tag_names").ok().has(map[string]string{"tag_names": `["blue","red"]`})
	a.get("/provider/budgets").ok().has(map[string]string{"providers": "{}"})
	a.get("/spend/keys?limit=0").invalid("greater_than_equal", `["query","limit"]`)
	a.get("/spend/tags?start_date=x").refused(400, "bad_request_error", "start_date")
}

func TestGlobalSpend(t *testing.T) {
	t.Parallel()
	limit := 9 * policy.Dollar
	settings := policy.Settings{MasterKey: policy.HashKey(master), HasMasterKey: true, MasterUserID: "default_user_id", Limits: policy.Limits{MaxBudget: &limit, BudgetDuration: "30d"}}.Compile()
	a, keys := logWorld(t, func(c *Config) { c.Settings = func() *policy.Settings { return settings } })
	hash := hashOf(keys["annTeam"])
	for path, want := range map[string]map[string]string{
		"/global/spend":                             {"spend": "6.0016", "max_budget": "9.0"},
		"/global/spend/logs":                        {"0": `{"date":"2026-03-09","spend":0.0016}`, "1": `{"date":"2026-03-10","spend":6.0}`, "2": "null"},
		"/global/spend/logs?api_key=" + keys["bob"]: {"0": `{"date":"2026-03-10","spend":1.0}`, "1": "null"},
		"/global/spend/keys?limit=1":                {"0.api_key": `"` + hash + `"`, "0.total_spend": "3.0", "0.key_alias": "null", "1": "null"},
		"/global/spend/teams":                       {"teams": `["Team One","t2"]`, "total_spend_per_team.0": `{"name":"Team One","team_id":"t1","total_spend":3.0016}`, "daily_spend.0": `{"Team One":0.0016,"date":"2026-03-09"}`, "daily_spend.1.Team One": "3.0"},
		"/global/spend/models":                      {"0": `{"model":"gpt-4","total_spend":4.0016}`, "1.total_spend": "2.0", "2": "null"},
		"/global/spend/provider":                    {"0": `{"provider":"openai","spend":6.0016}`, "1": "null"},
		"/global/spend/tags":                        {"spend_per_tag": `[{"log_count":1,"name":"red","spend":0.0016}]`},
		"/global/spend/tags?tags=green":             {"spend_per_tag": "[]"},
		"/global/spend/logs?start_date=2026-03-10&end_date=2026-03-10": {"0.date": `"2026-03-10"`, "1": "null"},
		"/global/activity":                             {"daily_data.0": `{"api_requests":1,"date":"Mar 09","day":"2026-03-09","total_tokens":30}`, "sum_api_requests": "5", "sum_total_tokens": "38"},
		"/global/activity/model":                       {"0.model": `"gpt-4"`, "0.sum_api_requests": "4", "1.model": `"gpt-3.5-turbo"`, "1.sum_total_tokens": "3"},
		"/global/activity/exceptions":                  {"daily_data": `[{"date":"Mar 10","day":"2026-03-10","num_rate_limit_exceptions":1}]`, "sum_num_rate_limit_exceptions": "1"},
		"/global/activity/exceptions?model_group=none": {"sum_num_rate_limit_exceptions": "0", "daily_data": "[]"},
		"/global/activity/exceptions/deployment":       {"0.sum_num_rate_limit_exceptions": "1", "1": "null"},
		"/global/activity/cache_hits":                  {"0.cache_hit_true_rows": "0", "0.call_type": `"/chat/completions"`},
	} {
		a.get(path).ok().has(want)
		for _, who := range []string{"bob", "project", "lead"} {
			if r := a.call(keys[who], "GET", path, ""); r.status != 401 && r.status != 403 {
				t.Errorf("%s reads %s: %d", who, path, r.status)
			}
		}
	}
	a.post("/global/spend/end_users", "").ok().has(map[string]string{"0": `{"end_user":"cust","total_count":1,"total_spend":0.0016}`, "1": "null"})
	a.post("/global/spend/end_users", `{"startTime":"2026-03-10T00:00:00Z","endTime":"2026-03-11"}`).ok().has(map[string]string{"0": "null"})
	a.post("/global/spend/end_users", `{"startTime":"soon"}`).refused(400, "bad_request_error", "startTime")
	a.get("/global/activity?start_date=2026-03-10&end_date=2026-03-09").refused(400, "bad_request_error", "end_date")
	finance := a.post("/key/generate", `{"permissions":{"get_spend_routes":true}}`).ok().text("key")
	a.call(finance, "GET", "/global/spend", "").ok()
	a.call(finance, "GET", "/spend/keys", "").ok().has(map[string]string{"0.spend": "3.0"})
}

func TestSpendReports(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	a.get("/global/spend/report?" + march).ok().has(map[string]string{
		"0.group_by_day": `"2026-03-09T00:00:00+00:00"`, "0.teams.0.team_name": `"Team One"`, "0.teams.0.total_spend": "0.0016",
		"0.teams.0.metadata":  `[{"api_key":"` + hashOf(keys["project"]) + `","model":"gpt-4","spend":0.0016,"total_tokens":30}]`,
		"1.teams.0.team_name": `"Team One"`, "1.teams.1.team_name": `"t2"`, "1.teams.1.total_spend": "0.0", "2": "null",
	})
	for query, want := range map[string]map[string]string{
		"group_by=customer":                 {"0.customers.0.customer": `"cust"`, "0.customers.0.total_spend": "0.0016", "1": "null"},
		"group_by=project":                  {"0.projects.0.project_name": `"Project One"`, "0.projects.0.project_id": `"p1"`},
		"group_by=tag":                      {"0.tags.0.tag": `"red"`},
		"group_by=api_key":                  {"0.api_key": `"` + hashOf(keys["annTeam"]) + `"`, "0.total_cost": "3.0", "0.model_details.0.model": `"gpt-4"`},
		"api_key=" + keys["bob"]:            {"0.total_cost": "1.0", "0.total_input_tokens": "5", "1": "null"},
		"internal_user_id=ann":              {"0.user_id": `"ann"`, "0.total_cost": "5.0", "0.model_details.1.total_cost": "2.0", "1": "null"},
		"team_id=t2":                        {"0.teams.0.team_id": `"t2"`, "1": "null"},
		"customer_id=nobody":                {"0": "null"},
		"team_id=t1&api_key=" + keys["bob"]: {"0": "null"},
	} {
		a.get("/global/spend/report?" + march + "&" + query).ok().has(want)
	}
	a.get("/global/spend/report?group_by=moon").invalid("literal_error", `["query","group_by"]`)
	a.get("/global/spend/report?team_id=t1&customer_id=c").refused(400, "bad_request_error", "customer_id")
}

func TestCalculatedSpendIsExact(t *testing.T) {
	t.Parallel()
	a := setup(t, func(c *Config) {
		c.CountTokens = func(_, text string) int64 { return int64(len(strings.Fields(text))) }
	})
	for body, want := range map[string]string{
		// 3 for the reply, 3 a message, 1 a name, then the words: 3+3+1+1+3 = 11 at $30 a million.
		`{"model":"gpt-4","messages":[{"role":"user","content":"one two three","name":"bob"}]}`: "0.00036",
		`{"model":"gpt-4","messages":[]}`: "0.00009",
		`{"model":"gpt-4","messages":[{"role":"user","content":[{"type":"text","text":"one two"},{"type":"image_url","image_url":{}}]}]}`:                                                   "0.00027",
		`{"completion_response":{"model":"gpt-4","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}}`:                                                                      "0.00009",
		`{"model":"gpt-3.5-turbo","completion_response":{"model":"gpt-3.5-turbo-0125","usage":{"prompt_tokens":1,"completion_tokens":0}}}`:                                                  "0.0000005",
		`{"model":"claude-3-sonnet","completion_response":{"usage":{"input_tokens":10,"output_tokens":2,"cache_read_input_tokens":5,"cache_creation_input_tokens":1}}}`:                     "0.000078",
		`{"model":"gpt-4","completion_response":{"usage":{"input_tokens":10,"output_tokens":0,"input_tokens_details":{"cached_tokens":5},"output_tokens_details":{"reasoning_tokens":0}}}}`: "0.0003",
	} {
		r := a.post("/spend/calculate", body).ok()
		if got := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(r.raw), `{"cost":`), "}"); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{}`: "400 model", `{"model":"gpt-4"}`: "400 messages", `{"model":"nothing","messages":[]}`: "404 model", `{"model":"openai/unpriced","messages":[]}`: "400 model",
		`{"model":"gpt-4","completion_response":{}}`: "400 completion_response.usage", `{"model":"gpt-4","completion_response":{"usage":{"prompt_tokens":-1}}}`: "400 completion_response.usage",
		`{"model":"gpt-4","completion_response":{"usage":{"prompt_tokens":9000000000000000000,"completion_tokens":9000000000000000000}}}`: "400 completion_response.usage",
	} {
		r := a.post("/spend/calculate", body)
		status, param, _ := strings.Cut(want, " ")
		r.has(map[string]string{"error.code": `"` + status + `"`, "error.param": `"` + param + `"`})
	}
	a.post("/spend/calculate", `{"model":"gpt-4","messages":"hi"}`).invalid("list_type", `["body","messages"]`)
	a.post("/spend/calculate", `{"model":"gpt-4","messages":["hi"]}`).invalid("dict_type", `["body","messages",0]`)
	a.post("/spend/calculate", `{"model":"gpt-4","completion_response":{"usage":{"prompt_tokens":"many"}}}`).invalid("int_parsing", `["body","completion_response","usage","prompt_tokens"]`)
	without := setup(t)
	without.post("/spend/calculate", `{"model":"gpt-4","messages":[]}`).refused(400, "bad_request_error", "messages")
}

func TestResettingAllSpend(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	admin := a.post("/user/new", `{"user_id":"root","user_role":"proxy_admin"}`).ok().text("key")
	for _, key := range []string{keys["bob"], keys["t2"], admin} {
		if r := a.call(key, "POST", "/global/spend/reset", ""); r.status != 401 {
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
	a.get("/team/info?team_id=t1").ok().has(map[string]string{"spend": "3.0016"})
	a.post("/global/spend/reset", "").ok().has(map[string]string{"status": `"success"`})
	a.get("/team/info?team_id=t1").ok().has(map[string]string{"spend": "0.0"})
	a.get("/key/info?key=" + keys["annTeam"]).ok().has(map[string]string{"info.spend": "0.0"})
	// The log keeps what was spent.
	a.get("/user/daily/activity?" + march).ok().has(map[string]string{"metadata.total_spend": "6.0016"})
	a.post("/global/spend/reset", "").ok()
	a.get("/team/info?team_id=t1").ok().has(map[string]string{"spend": "0.0"})
}
