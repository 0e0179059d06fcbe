package adminsvc

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const march = "start_date=2026-03-09&end_date=2026-03-10"

func TestDailyActivityHasLiteLLMsShape(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	hash := hashOf(keys["project"])
	r := a.get("/team/daily/activity?" + march).ok().has(map[string]string{
		"results.0.date": `"2026-03-10"`, "results.1.date": `"2026-03-09"`, "results.2": "null",
		"results.1.metrics.spend": "0.0016", "results.1.metrics.prompt_tokens": "10", "results.1.metrics.completion_tokens": "20", "results.1.metrics.total_tokens": "30",
		"results.1.metrics.cache_read_input_tokens": "4", "results.1.metrics.api_requests": "1", "results.1.metrics.successful_requests": "1", "results.1.metrics.failed_requests": "0",
		"results.1.metrics.total_response_time_ms": "1500", "results.1.metrics.flat_cost": "0.0", "results.1.breakdown.mcp_servers": "{}",
		"results.1.breakdown.models.gpt-4.metrics.spend": "0.0016", "results.1.breakdown.model_groups.gpt-4.metrics.api_requests": "1",
		"results.1.breakdown.providers.openai.metrics.spend": "0.0016", "results.1.breakdown.endpoints./chat/completions.metrics.spend": "0.0016",
		"results.1.breakdown.entities.t1.metrics.spend": "0.0016", "results.1.breakdown.entities.t1.metadata.team_alias": `"Team One"`,
		"results.1.breakdown.entities.t1.api_key_breakdown." + hash + ".metrics.spend": "0.0016",
		"results.1.breakdown.api_keys." + hash + ".metrics.spend":                      "0.0016",
		"results.1.breakdown.api_keys." + hash + ".metadata.key_alias":                 `"proj"`, "results.1.breakdown.api_keys." + hash + ".metadata.team_id": `"t1"`,
		"results.1.breakdown.api_keys." + hash + ".metadata.key_exists": "true",
		"results.0.breakdown.entities.t2.metrics.failed_requests":       "1", "results.0.breakdown.entities.t2.metadata.team_alias": "null",
		"results.0.metrics.spend": "3.0", "results.0.metrics.api_requests": "2",
		"metadata.total_spend": "3.0016", "metadata.total_prompt_tokens": "10", "metadata.total_tokens": "30", "metadata.total_api_requests": "3",
		"metadata.total_successful_requests": "2", "metadata.total_failed_requests": "1", "metadata.page": "1", "metadata.total_pages": "1", "metadata.has_more": "false",
	})
	_ = r
	a.post("/key/delete", `{"keys":["`+hash+`"]}`).ok()
	a.get("/team/daily/activity?" + march).ok().has(map[string]string{
		"results.1.breakdown.api_keys." + hash + ".metadata.key_alias": `"proj"`, "results.1.breakdown.api_keys." + hash + ".metadata.key_exists": "false"})
}

func TestDailyActivityOfEveryScope(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	for _, c := range []struct{ path, total, entities string }{
		{"/user/daily/activity?", "6.0016", "ann bob"},
		{"/user/daily/activity?user_id=ann&", "5.0", "ann"},
		{"/user/daily/activity?exclude_user_ids=ann&", "1.0", "bob"},
		{"/team/daily/activity?team_ids=t1&", "3.0016", "t1"},
		{"/team/daily/activity?team_ids=t1,%20t2&", "3.0016", "t1 t2"},
		{"/team/daily/activity?exclude_team_ids=t1&", "0.0", "t2"},
		{"/team/daily/activity?team_ids=unknown&", "0.0", ""},
		{"/project/daily/activity?", "0.0016", "p1"},
		{"/project/daily/activity?exclude_project_ids=p1&", "0.0", ""},
		{"/organization/daily/activity?organization_ids=o1&", "0.0016", "o1"},
		{"/customer/daily/activity?end_user_ids=cust&", "0.0016", "cust"},
		{"/end_user/daily/activity?", "0.0016", "cust"},
		{"/tag/daily/activity?tags=red&", "0.0016", "red"},
		{"/tag/daily/activity?exclude_tags=red&", "0.0", ""},
		{"/team/daily/activity?model=gpt-3.5-turbo&", "0.0", ""},
		{"/user/daily/activity?model=gpt-3.5-turbo&", "2.0", "ann"},
		{"/user/daily/activity?api_key=" + keys["bob"] + "&", "1.0", "bob"},
		{"/team/daily/activity?api_key=" + hashOf(keys["project"]) + "&", "0.0016", "t1"},
	} {
		for _, path := range []string{c.path, strings.Replace(c.path, "activity?", "activity/aggregated?", 1)} {
			r := a.get(path + march).ok()
			entities := map[string]bool{}
			list, _ := r.at("results").([]any)
			for i := range list {
				m, _ := r.at("results." + itoa(int64(i)) + ".breakdown.entities").(map[string]any)
				for id := range m {
					entities[id] = true
				}
			}
			if got := strings.Join(sortedNames(entities), " "); got != c.entities {
				t.Errorf("%s: entities %q, want %q", path, got, c.entities)
			}
			r.has(map[string]string{"metadata.total_spend": c.total})
		}
	}
}

func TestDailyActivityPagesByDay(t *testing.T) {
	t.Parallel()
	a, _ := logWorld(t)
	a.get("/user/daily/activity?page_size=1&" + march).ok().has(map[string]string{"results.0.date": `"2026-03-10"`, "results.1": "null",
		"metadata.total_spend": "6.0", "metadata.page": "1", "metadata.total_pages": "2", "metadata.has_more": "true"})
	a.get("/user/daily/activity?page_size=1&page=2&" + march).ok().has(map[string]string{"results.0.date": `"2026-03-09"`, "metadata.total_spend": "0.0016", "metadata.has_more": "false"})
	a.get("/user/daily/activity?page=7&" + march).ok().has(map[string]string{"results": "[]", "metadata.total_spend": "0.0"})
	a.get("/user/daily/activity/aggregated?api_key_limit=1&" + march).ok().has(map[string]string{"metadata.api_key_limit": "1", "metadata.total_api_keys": "5", "metadata.total_spend": "6.0016"})
	a.get("/user/daily/activity?start_date=2026-01-01&end_date=2026-01-31").ok().has(map[string]string{"results": "[]", "metadata.total_pages": "1"})
}

func TestPagesOfActivityEndWhereADayTellsOfMuch(t *testing.T) {
	t.Parallel()
	told := map[string]int{"2026-03-01": 5, "2026-03-02": mostActivity - 10, "2026-03-03": 9, "2026-03-04": 3 * mostActivity, "2026-03-05": 1, "2026-03-07": 1, "2026-03-08": 1}
	for _, c := range []struct {
		days int
		want [][2]int // from the newest
	}{
		{1000, [][2]int{{0, 3}, {3, 4}, {4, 6}, {6, 7}}},
		{2, [][2]int{{0, 2}, {2, 3}, {3, 4}, {4, 6}, {6, 7}}},
		{1, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}}},
	} {
		if got := activityPages(told, c.days); !slices.Equal(got, c.want) {
			t.Errorf("%d days: %v, want %v", c.days, got, c.want)
		}
	}
	if got := activityPages(nil, 10); len(got) != 0 {
		t.Error(got)
	}
}

func TestDailyActivityInOtherTimeZones(t *testing.T) {
	t.Parallel()
	a, _ := logWorld(t)
	// 12:00 UTC on the 9th is the 9th in Auckland (-780) still at 01:00 of the 10th.
	a.get("/project/daily/activity?timezone=-780&" + march).ok().has(map[string]string{"results.0.date": `"2026-03-10"`, "results.0.metrics.spend": "0.0016", "results.1": "null"})
	a.get("/project/daily/activity?timezone=480&" + march).ok().has(map[string]string{"results.0.date": `"2026-03-09"`})
	a.get("/user/daily/activity?timezone=-570&start_date=2026-03-10&end_date=2026-03-10").ok().has(map[string]string{"metadata.total_spend": "3.0"}) // until 14:30 UTC
}

func TestActivityExports(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	a.post("/team/update", `{"team_id":"t2","team_alias":"=HYPERLINK(1)"}`).ok()
	want := map[string]string{
		"daily": "date,team_id,alias,spend,api_requests,successful_requests,failed_requests,total_tokens,prompt_tokens,completion_tokens,cache_read_input_tokens,cache_creation_input_tokens\n" +
			"2026-03-10,t1,Team One,3,1,1,0,0,0,0,0,0\n2026-03-10,t2,'=HYPERLINK(1),0,1,0,1,0,0,0,0,0\n2026-03-09,t1,Team One,0.0016,1,1,0,30,10,20,4,0\n",
		"daily_with_models": "date,model,spend,api_requests,successful_requests,failed_requests,total_tokens,prompt_tokens,completion_tokens,cache_read_input_tokens,cache_creation_input_tokens\n" +
			"2026-03-10,gpt-4,3,2,1,1,0,0,0,0,0\n2026-03-09,gpt-4,0.0016,1,1,0,30,10,20,4,0\n",
		"daily_with_users": "date,team_id,alias,user,spend,api_requests,successful_requests,failed_requests,total_tokens,prompt_tokens,completion_tokens,cache_read_input_tokens,cache_creation_input_tokens\n" +
			"2026-03-10,t1,Team One,ann,3,1,1,0,0,0,0,0,0\n2026-03-10,t2,'=HYPERLINK(1),,0,1,0,1,0,0,0,0,0\n2026-03-09,t1,Team One,,0.0016,1,1,0,30,10,20,4,0\n",
	}
	for by, text := range want {
		r := a.get("/team/daily/activity/export?export_type=" + by + "&" + march).ok()
		if r.raw != text || r.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(r.header.Get("Content-Disposition"), "team_daily_activity.csv") {
			t.Errorf("%s: %v\n%s", by, r.header, r.raw)
		}
	}
	if r := a.get("/team/daily/activity/export?export_type=daily_with_keys&" + march).ok(); !strings.Contains(r.raw, ",t1,Team One,"+hashOf(keys["project"])+",proj,0.0016,") {
		t.Error(r.raw)
	}
	a.get("/project/daily/activity/export?format=json&" + march).ok().has(map[string]string{"0.date": `"2026-03-09"`, "0.project_id": `"p1"`, "0.alias": `"Project One"`, "0.spend": "0.0016", "1": "null"})
	if r := a.get("/tag/daily/activity/export?start_date=2026-01-01&end_date=2026-01-02").ok(); strings.Count(r.raw, "\n") != 1 {
		t.Error(r.raw)
	}
	a.get("/team/daily/activity/export?format=xml&"+march).invalid("literal_error", `["query","format"]`)
	// The headers are whole before the body is.
	w := httptest.NewRecorder()
	(&document{contentType: "text/csv", name: "x.csv", body: []byte("a\n")}).send(w, 200)
	if w.Header().Get("Content-Length") != "2" {
		t.Error(w.Header())
	}
}

func TestWhoSeesWhichActivity(t *testing.T) {
	t.Parallel()
	a, keys := logWorld(t)
	a.post("/key/generate", `{"team_id":"t2","key_alias":"finance","permissions":{"get_spend_routes":true}}`).ok()
	finance := a.post("/key/generate", `{"permissions":{"get_spend_routes":true}}`).ok().text("key")
	keys["finance"], keys["admin"] = finance, master
	for _, c := range []struct{ who, path, total string }{
		{"admin", "/user/daily/activity?", "6.0016"}, {"finance", "/user/daily/activity?", "6.0016"}, {"finance", "/tag/daily/activity?", "0.0016"},
		{"ann", "/user/daily/activity?", "5.0"}, {"ann", "/user/daily/activity?user_id=ann&", "5.0"}, {"annTeam", "/user/daily/activity?", "3.0"},
		{"project", "/user/daily/activity?", "0.0016"}, {"t2", "/user/daily/activity?", "0.0"},
		{"lead", "/user/daily/activity?", "0.0"}, {"lead", "/team/daily/activity?", "3.0016"}, {"lead", "/team/daily/activity?team_ids=t1&", "3.0016"},
		{"ann", "/team/daily/activity?", "3.0"}, {"ann", "/team/daily/activity?team_ids=t1&", "3.0"}, {"bob", "/team/daily/activity?", "0.0"},
		{"project", "/team/daily/activity?", "0.0016"}, {"project", "/team/daily/activity?team_ids=t2&", "0.0"},
		{"lead", "/project/daily/activity?", "0.0016"}, {"lead", "/project/daily/activity?project_ids=p1&", "0.0016"}, {"ann", "/project/daily/activity?", "0.0"},
		{"project", "/project/daily/activity?project_ids=p1&", "0.0016"}, {"bob", "/organization/daily/activity?", "0.0"},
	} {
		a.call(keys[c.who], "GET", c.path+march, "").ok().has(map[string]string{"metadata.total_spend": c.total})
	}
	for _, c := range []struct{ who, path, param string }{
		{"bob", "/user/daily/activity?user_id=ann&", "user_id"}, {"bob", "/team/daily/activity?team_ids=t1&", "team_ids"}, {"bob", "/team/daily/activity?team_ids=unknown&", "team_ids"},
		{"ann", "/project/daily/activity?project_ids=p1&", "project_ids"}, {"lead", "/team/daily/activity?team_ids=t1,t2&", "team_ids"},
		{"bob", "/organization/daily/activity?organization_ids=o1&", "organization_ids"}, {"project", "/user/daily/activity?api_key=" + keys["bob"] + "&", "api_key"},
	} {
		a.call(keys[c.who], "GET", c.path+march, "").refused(403, "auth_error", c.param)
	}
	for _, path := range []string{"/customer/daily/activity?", "/tag/daily/activity?"} {
		if r := a.call(keys["bob"], "GET", path+march, ""); r.status != 403 && r.status != 401 {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	a.post("/team/permissions_update", `{"team_id":"t1","team_member_permissions":["/team/daily/activity"]}`).ok()
	a.call(keys["ann"], "GET", "/team/daily/activity?"+march, "").ok().has(map[string]string{"metadata.total_spend": "3.0016"})
}

func TestBadActivityFilters(t *testing.T) {
	t.Parallel()
	a := setup(t)
	for _, path := range []string{"/user/daily/activity", "/team/daily/activity", "/project/daily/activity/aggregated", "/tag/daily/activity/export"} {
		for _, query := range []string{"", "?start_date=2026-01-01", "?end_date=2026-01-01", "?start_date=&end_date="} {
			r := a.get(path + query)
			if r.status != 400 || r.at("detail.error") != "Please provide start_date and end_date" {
				t.Errorf("%s%s: %d %s", path, query, r.status, r.raw)
			}
		}
		for query, param := range map[string]string{
			"?start_date=today&end_date=2026-01-01": "start_date", "?start_date=2026-01-01&end_date=2026-02-30": "end_date", "?start_date=2026-01-02&end_date=2026-01-01": "end_date",
			"?start_date=1990-01-01&end_date=2026-01-01": "start_date", "?start_date=2026-01-01&end_date=2026-01-02&timezone=900": "timezone",
			"?start_date=0001-01-01&end_date=2026-01-01": "start_date",
		} {
			r := a.get(path + query)
			if r.status != 400 || r.at("detail.param") != param {
				t.Errorf("%s%s: %d %s", path, query, r.status, r.raw)
			}
		}
		a.get(path+"?timezone=NaN&"+march).invalid("int_parsing", `["query","timezone"]`)
	}
	a.get("/team/daily/activity?page=0&"+march).invalid("greater_than_equal", `["query","page"]`)
	a.get("/team/daily/activity?page=99999999999999999999&"+march).invalid("int_parsing_size", `["query","page"]`)
	if r := a.get("/team/daily/activity/aggregated?api_key_limit=0&" + march); r.status != 400 || r.at("detail.param") != "api_key_limit" {
		t.Error(r.raw)
	}
}

func hashOf(key string) string { return keyHash(key).String() }
