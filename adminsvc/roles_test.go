package adminsvc

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/purser/purser/policy"
)

// everyRoute says for each route that is served who may call it, on a thing of team t1
// and organization org1 (or of "stranger", a user of neither): so a role of another
// tenant, such as outsider and orgadmin2, is refused wherever it is not named. In a
// request, %d is a number not used before and {x} the hash of x's key; first is what the
// master key does before each call. may is a list of people, or "all"; the master
// key may do everything but what takes a user (notmaster).
var everyRoute = []struct {
	route, query, body, first string
	good                      int  // 0: 200
	hides                     bool // who may not hears that there is no such thing
	may                       string
}{
	{route: "GET /access_group/list", may: "admin viewer"},
	{route: "POST /access_group/new", body: `{"access_group":"carried%d","model_names":["m"]}`, may: "admin"},
	{route: "GET /access_group/beta-models/budget", first: `PUT /access_group/beta-models/budget {"max_budget":5}`, may: "admin viewer"},
	{route: "PUT /access_group/beta-models/budget", body: `{"max_budget":5}`, may: "admin"},
	{route: "DELETE /access_group/beta-models/budget", first: `PUT /access_group/beta-models/budget {"max_budget":5}`, may: "admin"},
	{route: "DELETE /access_group/gone%d/delete", first: `POST /access_group/new {"access_group":"gone%d","model_ids":["m1"]}`, may: "admin"},
	{route: "GET /access_group/beta-models/info", may: "admin viewer"},
	{route: "PUT /access_group/changed%d/update", body: `{"model_names":["m"]}`, first: `POST /access_group/new {"access_group":"changed%d","model_ids":["m1"]}`, may: "admin"},
	{route: "GET /audit", may: "admin viewer"},
	{route: "GET /audit/export", may: "admin viewer"},
	{route: "GET /audit/1", may: "admin viewer"},
	{route: "POST /budget/new", body: `{"max_budget":1}`, may: "admin"},
	{route: "POST /budget/update", body: `{"budget_id":"b1","max_budget":2}`, may: "admin"},
	{route: "POST /budget/info", body: `{"budgets":["b1"]}`, may: "admin viewer"},
	{route: "GET /budget/list", may: "admin viewer"},
	{route: "GET /budget/settings", query: "budget_id=b1", may: "admin viewer"},
	{route: "POST /budget/delete", body: `{"id":"del-%d"}`, first: `POST /budget/new {"budget_id":"del-%d","max_budget":1}`, may: "admin"},
	{route: "POST /customer/new", body: `{"user_id":"new-c%d"}`, may: "admin"},
	{route: "POST /customer/update", body: `{"user_id":"c1","alias":"%d"}`, may: "admin"},
	{route: "POST /customer/block", body: `{"user_ids":["c1"]}`, may: "admin"},
	{route: "POST /customer/unblock", body: `{"user_ids":["c1"]}`, may: "admin"},
	{route: "GET /customer/info", query: "end_user_id=c1", may: "admin viewer"},
	{route: "GET /customer/list", may: "admin viewer"},
	{route: "POST /customer/delete", body: `{"user_ids":["del-c%d"]}`, first: `POST /customer/new {"user_id":"del-c%d"}`, may: "admin"},
	{route: "GET /customer/daily/activity", query: "end_user_ids=c1&" + inMarch, may: "admin viewer plain"},
	{route: "GET /customer/daily/activity/aggregated", query: "end_user_ids=c1&" + inMarch, may: "admin viewer plain"},
	{route: "GET /customer/daily/activity/export", query: "end_user_ids=c1&" + inMarch, may: "admin viewer plain"},
	{route: "GET /enforcement", may: "admin viewer"},
	{route: "POST /enforcement", body: `{"mode":"enforce"}`, may: "admin"},
	{route: "GET /enforcement/report", may: "admin viewer"},
	{route: "GET /get/default_team_settings", may: "admin viewer"},
	{route: "GET /get/internal_user_settings", may: "admin viewer"},
	{route: "GET /get/sso_settings", may: "admin viewer"},
	{route: "GET /get/ui_settings", may: "all"},
	{route: "GET /get/ui_theme_settings", may: "admin viewer"},
	{route: "PATCH /update/internal_user_settings", body: `{"models":["gpt-4"]}`, may: "admin"},
	{route: "PATCH /ui_settings", body: `{"disable_custom_api_keys":false}`, may: "admin"},
	{route: "PATCH /update/default_team_settings", body: `{"tpm_limit":%d}`, may: "admin"},
	{route: "GET /sso/get/ui_settings", may: "all"},
	{route: "GET /management/v1/budgets", may: "admin viewer"},
	{route: "GET /management/v1/spend_logs/users", query: inMarchFilter, may: "all"},
	{route: "GET /management/v1/spend_logs/end_users", query: inMarchFilter, may: "all"},
	{route: "POST /management/v1/teams/t1/members/bulk_delete", body: `{"members":[{"user_id":"u%d"}]}`, first: `POST /team/member_add {"team_id":"t1","member":{"user_id":"u%d","role":"user"}}`, may: "admin orgadmin teamadmin"},
	{route: "POST /management/v1/teams/t1/members/bulk_update", body: `{"members":[{"user_id":"member","rpm_limit":%d}]}`, may: "admin orgadmin teamadmin"},
	{route: "POST /management/v1/users/bulk", body: `{"users":[{"user_id":"bulk-%d","organizations":["org1"]}]}`, may: "admin orgadmin orgadmin2"},
	{route: "POST /management/v1/users/bulk_delete", body: `{"user_ids":["org1-u%d"]}`, first: `POST /user/new {"user_id":"org1-u%d","organizations":["org1"],"auto_create_key":false}`, may: "admin orgadmin orgadmin2"},
	{route: "GET /model/deprecations", may: "all"},
	{route: "GET /v1/model/deprecations", may: "all"},
	{route: "POST /health/test_connection", body: `{"litellm_params":{"model":"openai/x","api_key":"k"}}`, may: "admin"},
	{route: "GET /team/t1/callback", may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "POST /team/t1/disable_logging", may: "admin orgadmin teamadmin"},
	{route: "GET /tag/dau", may: "admin viewer"},
	{route: "GET /tag/wau", may: "admin viewer"},
	{route: "GET /tag/mau", may: "admin viewer"},
	{route: "GET /user/daily/activity/aggregated/keys", query: "user_id=stranger&" + inMarch, may: "admin viewer stranger plain"},
	{route: "GET /user/daily/activity/aggregated/search", query: "search=k&user_id=stranger&" + inMarch, may: "admin viewer stranger plain"},
	{route: "GET /user/daily/activity/aggregated/model_top_keys", query: "model_group=gpt-4&user_id=stranger&" + inMarch, may: "admin viewer stranger plain"},
	{route: "GET /team/daily/activity/aggregated/keys", query: "team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /team/daily/activity/aggregated/search", query: "search=k&team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /team/daily/activity/aggregated/model_top_keys", query: "model_group=gpt-4&team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /organization/daily/activity/aggregated/keys", query: "organization_ids=org1&" + inMarch, may: "admin viewer orgadmin plain"},
	{route: "GET /organization/daily/activity/aggregated/search", query: "search=k&organization_ids=org1&" + inMarch, may: "admin viewer orgadmin plain"},
	{route: "GET /organization/daily/activity/aggregated/model_top_keys", query: "model_group=gpt-4&organization_ids=org1&" + inMarch, may: "admin viewer orgadmin plain"},
	{route: "GET /project/daily/activity/aggregated/keys", query: "project_ids=p1&" + inMarch, may: "admin viewer orgadmin teamadmin plain"},
	{route: "GET /project/daily/activity/aggregated/search", query: "search=k&project_ids=p1&" + inMarch, may: "admin viewer orgadmin teamadmin plain"},
	{route: "GET /project/daily/activity/aggregated/model_top_keys", query: "model_group=gpt-4&project_ids=p1&" + inMarch, may: "admin viewer orgadmin teamadmin plain"},
	{route: "GET /customer/daily/activity/aggregated/keys", query: "end_user_ids=c1&" + inMarch, may: "admin viewer plain"},
	{route: "GET /customer/daily/activity/aggregated/search", query: "search=k&end_user_ids=c1&" + inMarch, may: "admin viewer plain"},
	{route: "GET /customer/daily/activity/aggregated/model_top_keys", query: "model_group=gpt-4&end_user_ids=c1&" + inMarch, may: "admin viewer plain"},
	{route: "GET /tag/daily/activity/aggregated/keys", query: inMarch, may: "admin viewer plain"},
	{route: "GET /tag/daily/activity/aggregated/search", query: "search=k&" + inMarch, may: "admin viewer plain"},
	{route: "GET /tag/daily/activity/aggregated/model_top_keys", query: "model_group=gpt-4&" + inMarch, may: "admin viewer plain"},
	{route: "GET /global/activity", may: "admin viewer"},
	{route: "GET /global/activity/cache_hits", may: "admin viewer"},
	{route: "GET /global/activity/exceptions", may: "admin viewer"},
	{route: "GET /global/activity/exceptions/deployment", may: "admin viewer"},
	{route: "GET /global/activity/model", may: "admin viewer"},
	{route: "GET /global/spend", may: "admin viewer"},
	{route: "GET /global/spend/all_tag_names", may: "admin viewer"},
	{route: "POST /global/spend/end_users", body: `{}`, may: "admin viewer"},
	{route: "GET /global/spend/keys", may: "admin viewer"},
	{route: "GET /global/spend/logs", may: "admin viewer"},
	{route: "GET /global/spend/models", may: "admin viewer"},
	{route: "GET /global/spend/provider", may: "admin viewer"},
	{route: "GET /global/spend/report", query: inMarch, may: "admin viewer"},
	{route: "POST /global/spend/reset", may: ""},
	{route: "GET /global/spend/tags", may: "admin viewer"},
	{route: "GET /global/spend/teams", may: "admin viewer"},
	{route: "GET /health", may: "admin viewer"},
	{route: "GET /health/latest", may: "admin viewer"},
	{route: "GET /health/system", may: "admin viewer"},
	{route: "GET /health/license", may: "all"},
	{route: "GET /health/readiness/details", may: "all"},
	{route: "GET /health/system", may: "admin viewer"},
	{route: "POST /invitation/new", body: `{"user_id":"stranger"}`, may: "admin"},
	{route: "GET /invitation/info", query: "invitation_id={invitation}", may: "admin"},
	{route: "POST /invitation/update", body: `{"invitation_id":"{invitation}","is_accepted":true}`, may: "admin"},
	{route: "POST /invitation/delete", body: `{"invitation_id":"{invitation}"}`, may: "admin"},
	{route: "GET /key/aliases", may: "all"},
	{route: "POST /key/generate", body: `{"team_id":"t1"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/service-account/generate", body: `{"team_id":"t1"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/update", body: `{"key":"{t1key}","metadata":{"n":%d}}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/bulk_update", body: `{"keys":[{"key":"{t1key}","metadata":{"n":%d}}]}`, may: "admin"},
	{route: "POST /key/block", body: `{"key":"{t1key}"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/unblock", body: `{"key":"{t1key}"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/delete", body: `{"key_aliases":["del-k%d"]}`, first: `POST /key/generate {"team_id":"t1","key_alias":"del-k%d"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/health", may: "all"},
	{route: "GET /key/info", query: "key={t1key}", may: "admin viewer orgadmin teamadmin member readonly memberkey"},
	{route: "POST /v2/key/info", body: `{"keys":["{t1key}"]}`, may: "all"},
	{route: "GET /key/list", query: "team_id=t1", may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "POST /key/regenerate", body: `{"key":"{grace}","grace_period":"1h"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/{grace}/regenerate", body: `{"grace_period":"1h"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /key/{t1key}/reset_spend", body: `{"reset_to":0}`, may: "admin orgadmin teamadmin"},
	{route: "GET /key/spend/report", query: "api_key={t1key}&" + inMarch, may: "admin viewer orgadmin teamadmin"},
	{route: "GET /limits", query: "key={t1key}", may: "admin viewer orgadmin teamadmin member readonly memberkey"},
	{route: "POST /policy/simulate", body: `{"key":"{t1key}","model":"gpt-4"}`, may: "admin viewer orgadmin teamadmin member readonly memberkey"},
	{route: "GET /refusals", query: "key={t1key}", may: "admin viewer orgadmin teamadmin"},
	{route: "POST /model/new", body: `{"model_name":"m%d","litellm_params":{"model":"openai/x","api_key":"k"}}`, may: "admin"},
	{route: "POST /model/update", body: `{"model_info":{"id":"m1"},"model_name":"m-%d"}`, may: "admin"},
	{route: "PATCH /model/m1/update", body: `{"model_name":"m-%d"}`, may: "admin"},
	{route: "POST /model/block", body: `{"model_id":"m1"}`, may: "admin"},
	{route: "POST /model/unblock", body: `{"model_id":"m1"}`, may: "admin"},
	{route: "POST /model/delete", body: `{"id":"del-m%d"}`, first: `POST /model/new {"model_name":"x","litellm_params":{"model":"openai/x","api_key":"k"},"model_info":{"id":"del-m%d"}}`, may: "admin"},
	{route: "GET /v1/model/info", may: "all"},
	{route: "GET /v2/model/info", may: "all"},
	{route: "GET /model_group/info", may: "all"},
	{route: "GET /v1/models", may: "all"},
	{route: "GET /v1/models/gpt-4", may: "all"},
	{route: "POST /organization/new", body: `{"organization_alias":"o-%d"}`, may: "admin"},
	{route: "PATCH /organization/update", body: `{"organization_id":"org1","metadata":{"n":%d}}`, may: "admin orgadmin"},
	{route: "PATCH /v2/organization/org1", body: `{"metadata":{"n":%d}}`, may: "admin orgadmin"},
	{route: "GET /organization/info", query: "organization_id=org1", may: "admin viewer orgadmin"},
	{route: "POST /organization/info", body: `{"organizations":["org1"]}`, may: "admin viewer orgadmin"},
	{route: "GET /organization/list", may: "all"},
	{route: "POST /organization/member_add", body: `{"organization_id":"org1","member":{"user_id":"om%d","role":"internal_user"}}`, may: "admin orgadmin"},
	{route: "PATCH /organization/member_update", body: `{"organization_id":"org1","user_id":"orgmember","role":"internal_user"}`, may: "admin orgadmin"},
	{route: "DELETE /organization/member_delete", body: `{"organization_id":"org1","user_id":"del-om%d"}`, first: `POST /organization/member_add {"organization_id":"org1","member":{"user_id":"del-om%d","role":"internal_user"}}`, may: "admin orgadmin"},
	{route: "DELETE /organization/delete", body: `{"organization_ids":["del-o%d"]}`, first: `POST /organization/new {"organization_id":"del-o%d","organization_alias":"x"}`, may: "admin"},
	{route: "GET /organization/daily/activity", query: "organization_ids=org1&" + inMarch, may: "admin viewer orgadmin plain"},
	{route: "GET /organization/daily/activity/aggregated", query: "organization_ids=org1&" + inMarch, may: "admin viewer orgadmin plain"},
	{route: "GET /organization/daily/activity/export", query: "organization_ids=org1&" + inMarch, may: "admin viewer orgadmin plain"},
	{route: "GET /organization/spend/report", query: "organization_id=org1&" + inMarch, may: "admin viewer orgadmin"},
	{route: "POST /project/new", body: `{"team_id":"t1"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /project/update", body: `{"project_id":"p1","metadata":{"n":%d}}`, may: "admin orgadmin teamadmin"},
	{route: "GET /project/info", query: "project_id=p1", may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /project/list", query: "team_id=t1", may: "all"},
	{route: "DELETE /project/delete", body: `{"project_ids":["del-p%d"]}`, first: `POST /project/new {"project_id":"del-p%d","team_id":"t1"}`, may: "admin"},
	{route: "GET /project/daily/activity", query: "project_ids=p1&" + inMarch, may: "admin viewer orgadmin teamadmin plain"},
	{route: "GET /project/daily/activity/aggregated", query: "project_ids=p1&" + inMarch, may: "admin viewer orgadmin teamadmin plain"},
	{route: "GET /project/daily/activity/export", query: "project_ids=p1&" + inMarch, may: "admin viewer orgadmin teamadmin plain"},
	{route: "GET /provider/budgets", may: "admin viewer"},
	{route: "GET /session", may: "all"},
	{route: "POST /spend/calculate", body: `{"model":"gpt-4","completion_response":{"model":"gpt-4","usage":{"prompt_tokens":1,"completion_tokens":1}}}`, may: "all"},
	{route: "GET /spend/keys", may: "all"},
	{route: "GET /spend/users", may: "admin viewer orgadmin teamadmin member stranger readonly outsider orgadmin2"},
	{route: "GET /spend/tags", may: "admin viewer"},
	{route: "GET /spend/logs", query: "team_id=t1", may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /spend/logs/v2", query: "team_id=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /spend/logs/session/ui", query: "session_id=s1", may: "all"},
	{route: "GET /spend/logs/ui/call-1", hides: true, may: "admin viewer orgadmin teamadmin"},
	{route: "GET /tag/list", may: "admin viewer"},
	{route: "POST /tag/new", body: `{"name":"g%d"}`, may: "admin"},
	{route: "POST /tag/update", body: `{"name":"g1","description":"%d"}`, may: "admin"},
	{route: "POST /tag/info", body: `{"names":["g1"]}`, may: "admin viewer"},
	{route: "POST /tag/delete", body: `{"name":"del-g%d"}`, first: `POST /tag/new {"name":"del-g%d"}`, may: "admin"},
	{route: "GET /tag/distinct", may: "admin viewer"},
	{route: "GET /tag/summary", may: "admin viewer"},
	{route: "GET /tag/daily/activity", query: inMarch, may: "admin viewer plain"},
	{route: "GET /tag/daily/activity/aggregated", query: inMarch, may: "admin viewer plain"},
	{route: "GET /tag/daily/activity/export", query: inMarch, may: "admin viewer plain"},
	{route: "GET /team/available", may: "all"},
	{route: "POST /team/new", body: `{"organization_id":"org1"}`, may: "admin orgadmin"},
	{route: "POST /team/update", body: `{"team_id":"t1","metadata":{"n":%d}}`, may: "admin orgadmin teamadmin"},
	{route: "PATCH /team/t1", body: `{"metadata":{"n":%d}}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/block", body: `{"team_id":"blockable"}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/unblock", body: `{"team_id":"blockable"}`, may: "admin orgadmin teamadmin"},
	{route: "GET /team/info", query: "team_id=t1", may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /team/list", may: "all"},
	{route: "GET /v2/team/list", query: "team_id=t1", may: "all"},
	{route: "POST /team/delete", body: `{"team_ids":["del-t%d"]}`, first: `POST /team/new {"team_id":"del-t%d","organization_id":"org1","members_with_roles":[{"user_id":"teamadmin","role":"admin"},{"user_id":"member","role":"user"}]}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/member_add", body: `{"team_id":"t1","member":{"user_id":"tm%d","role":"user"}}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/bulk_member_add", body: `{"team_id":"t1","members":[{"user_id":"tb%d","role":"user"}]}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/member_update", body: `{"team_id":"t1","user_id":"readonly","rpm_limit":5}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/member_delete", body: `{"team_id":"t1","user_id":"del-tm%d"}`, first: `POST /team/member_add {"team_id":"t1","member":{"user_id":"del-tm%d","role":"user"}}`, may: "admin orgadmin teamadmin"},
	{route: "GET /team/t1/members/me", hides: true, may: "teamadmin member readonly memberkey notmaster"},
	{route: "POST /team/t1/member/readonly/reset_spend", body: `{"reset_to":0}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/t1/member/readonly/reset_budget", may: "admin orgadmin teamadmin"},
	{route: "POST /team/model/add", body: `{"team_id":"t1","models":["gpt-4"]}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/model/delete", body: `{"team_id":"t1","models":["no-such"]}`, may: "admin orgadmin teamadmin"},
	{route: "GET /team/permissions_list", query: "team_id=t1", may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "POST /team/permissions_update", body: `{"team_id":"t1","team_member_permissions":["/key/info"]}`, may: "admin orgadmin teamadmin"},
	{route: "POST /team/permissions_bulk_update", body: `{"team_ids":["t1"],"permissions":["/key/info"]}`, may: "admin"},
	{route: "POST /team/key/bulk_update", body: `{"team_id":"t1","key_ids":["{t1key}"],"update_fields":{"metadata":{"n":%d}}}`, may: "admin orgadmin teamadmin"},
	{route: "GET /team/metadata_schema", may: "all"},
	{route: "GET /team/daily/activity", query: "team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /team/daily/activity/aggregated", query: "team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /team/daily/activity/export", query: "team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin member readonly plain memberkey"},
	{route: "GET /team/spend/by_user", query: "team_ids=t1&" + inMarch, may: "admin viewer orgadmin teamadmin"},
	{route: "GET /team/spend/report", query: "team_id=t1&" + inMarch, may: "admin viewer orgadmin teamadmin"},
	{route: "GET /user/available_roles", may: "all"},
	{route: "GET /user/available_users", may: "admin viewer"},
	{route: "POST /user/new", body: `{"user_id":"nu%d"}`, may: "admin"},
	{route: "POST /user/update", body: `{"user_id":"stranger","metadata":{"n":%d}}`, may: "admin stranger"},
	{route: "POST /user/bulk_update", body: `{"users":[{"user_id":"stranger","metadata":{"n":%d}}]}`, may: "admin"},
	{route: "GET /user/info", query: "user_id=stranger", may: "admin viewer stranger"},
	{route: "GET /v2/user/info", query: "user_id=stranger", may: "admin viewer stranger"},
	{route: "GET /user/list", may: "admin viewer orgadmin orgadmin2"},
	{route: "GET /user/filter/ui", may: "admin viewer orgadmin orgadmin2"},
	{route: "POST /user/delete", body: `{"user_ids":["del-u%d"]}`, first: `POST /user/new {"user_id":"del-u%d","auto_create_key":false}`, may: "admin"},
	{route: "GET /user/daily/activity", query: "user_id=stranger&" + inMarch, may: "admin viewer stranger plain"},
	{route: "GET /user/daily/activity/aggregated", query: "user_id=stranger&" + inMarch, may: "admin viewer stranger plain"},
	{route: "GET /user/daily/activity/export", query: "user_id=stranger&" + inMarch, may: "admin viewer stranger plain"},
	{route: "GET /user/spend/report", query: "internal_user_id=stranger&" + inMarch, may: "admin viewer stranger"},
	{route: "POST /user/password/change", body: `{"current_password":"x","new_password":"y-long-enough-password"}`, good: 400, may: "admin viewer orgadmin teamadmin member stranger readonly outsider orgadmin2 notmaster"},
	{route: "GET /v1/access_group", may: "admin viewer"},
	{route: "POST /v1/access_group", body: `{"access_group_name":"ag%d"}`, good: 201, may: "admin"},
	{route: "GET /v1/access_group/{ag1}", may: "admin viewer"},
	{route: "PUT /v1/access_group/{ag1}", body: `{"description":"%d"}`, may: "admin"},
	{route: "DELETE /v1/access_group/{group}", good: 204, may: "admin"},
}

const inMarchFilter = "filter[startTime][gte]=2026-03-01T00:00:00Z&filter[startTime][lte]=2026-03-11T00:00:00Z"

const inMarch = "start_date=2026-03-01&end_date=2026-03-11"

// foreign is what must be in no answer to somebody: the ids of another tenant's things,
// and what they cost.
var foreign = func() map[string][]string {
	t1 := []string{`"t1"`, `"p1"`, `"org1"`, `"blockable"`, "{t1key}", "0.123454321"}
	stranger := []string{`"stranger"`, "{own}", "0.987656789"}
	out := map[string][]string{"outsider": append(slices.Clone(t1), stranger...), "orgadmin2": append(slices.Clone(t1), stranger...), "stranger": t1}
	for _, who := range []string{"orgadmin", "teamadmin", "member", "readonly", "plain", "memberkey"} {
		out[who] = stranger
	}
	return out
}()

// synonyms are routes with another path or method and the same handler.
var synonyms = strings.NewReplacer("/end_user/", "/customer/", "/v1/unified_access_group", "/v1/access_group", "GET /model/info", "GET /v1/model/info", "GET /models", "GET /v1/models",
	"POST /organization/delete", "DELETE /organization/delete", "POST /organization/member_delete", "DELETE /organization/member_delete",
	"POST /organization/member_update", "PATCH /organization/member_update", "POST /organization/update", "PATCH /organization/update", "POST /project/delete", "DELETE /project/delete",
	"GET /ui_settings", "GET /get/ui_settings", "PATCH /update/ui_settings", "PATCH /ui_settings", "GET /spend/logs/ui ", "GET /spend/logs/v2 ")

// routesWorld is newWorld with one of everything, and the admin of another organization.
func routesWorld(t *testing.T) *world {
	t.Helper()
	w, _ := explainedWorld(t)
	_, k := modelAPI(t)
	w.server.Models = k
	w.server.Enforcement, w.server.RefusalSums = w.store, w.store.RefusalSums
	w.server.Prober = tableProber{}
	w.server.System = func(context.Context) System { return System{} }
	at := policy.Record{CreatedAt: w.now, UpdatedAt: w.now, Fields: []byte("{}")}
	err := w.store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
		for _, e := range []policy.Entity{
			&policy.User{ID: "orgadmin2", Role: policy.RoleUser, Record: at}, &policy.User{ID: "orgmember", Role: policy.RoleUser, Record: at},
			&policy.OrganizationMember{OrganizationID: "org2", UserID: "orgadmin2", Role: policy.RoleOrgAdmin, Record: at},
			&policy.OrganizationMember{OrganizationID: "org1", UserID: "orgmember", Role: policy.RoleUser, Record: at},
		} {
			if err := tx.Create(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.keys["orgadmin2"] = w.post("/key/generate", `{"user_id":"orgadmin2"}`).ok().text("key")
	w.post("/team/new", `{"team_id":"blockable","organization_id":"org1","members_with_roles":[{"user_id":"teamadmin","role":"admin"},{"user_id":"member","role":"user"}]}`).ok()
	w.post("/budget/new", `{"budget_id":"b1","max_budget":1}`).ok()
	w.post("/customer/new", `{"user_id":"c1"}`).ok()
	w.post("/tag/new", `{"name":"g1"}`).ok()
	w.post("/model/new", `{"model_name":"m","litellm_params":{"model":"openai/x","api_key":"k"},"model_info":{"id":"m1"}}`).ok()
	w.hash["ag1"] = w.post("/v1/access_group", `{"access_group_name":"ag1"}`).ok().text("access_group_id")
	cost := func(m policy.Money) policy.Cost { return policy.Cost{Total: m, Other: m} }
	w.spend(
		policy.Entry{KeyHash: w.hash["t1key"], TeamID: "t1", ProjectID: "p1", OrganizationID: "org1", ModelAsked: "gpt-4", Cost: cost(123_454_321)},
		policy.Entry{KeyHash: w.hash["own"], UserID: "stranger", CustomerID: "c1", Tags: []string{"g1"}, ModelAsked: "gpt-4", Cost: cost(987_656_789)})
	return w
}

func (w *world) put(text string, n int) string {
	for name, h := range w.hash {
		text = strings.ReplaceAll(text, "{"+name+"}", h)
	}
	return strings.ReplaceAll(text, "%d", fmt.Sprint(n))
}

// Each route that is served × each role: who may has the answer, who may not is refused
// and changes nothing.
func TestEveryRouteForEveryRole(t *testing.T) {
	t.Parallel()
	w := routesWorld(t)
	callers := append(slices.Clone(people), "orgadmin2")
	inTable := map[string]bool{}
	n := 0
	shown := map[string]bool{}
	for _, c := range everyRoute {
		method, path, _ := strings.Cut(c.route, " ")
		_, pattern := w.server.mux.Handler(httptest.NewRequest(method, w.put(path, 0), nil))
		inTable[method+" "+pattern] = true
		t.Run(c.route, func(t *testing.T) {
			var can []string
			order := slices.Clone(callers)
			may := strings.Fields(c.may)
			if c.may == "all" {
				may = callers
			}
			slices.SortStableFunc(order, func(a, b string) int { return rank(slices.Contains(may, a)) - rank(slices.Contains(may, b)) })
			for _, who := range append(order, "master") {
				n++
				if first := c.first; first != "" {
					method, rest, _ := strings.Cut(w.put(first, n), " ")
					path, body, _ := strings.Cut(rest, " ")
					if r := w.call(master, method, path, body); r.status > 299 {
						t.Fatalf("%s: %d %s", r.what, r.status, r.raw)
					}
				}
				if strings.Contains(c.route+c.query+c.body, "{invitation}") {
					w.hash["invitation"] = w.post("/invitation/new", `{"user_id":"stranger"}`).ok().text("id")
				}
				if strings.Contains(c.route+c.body, "{grace}") {
					w.hash["grace"] = w.post("/key/generate", `{"team_id":"t1"}`).ok().text("token")
				}
				if strings.Contains(c.route, "{group}") {
					w.hash["group"] = w.post("/v1/access_group", fmt.Sprintf(`{"access_group_name":"del-%d"}`, n)).ok().text("access_group_id")
				}
				before := w.revision()
				url := w.put(path, n)
				if c.query != "" {
					url += "?" + w.put(c.query, n)
				}
				got := w.call(w.keys[who], method, url, w.put(c.body, n))
				for _, secret := range foreign[who] {
					if got.status < 300 && strings.Contains(got.raw, w.put(secret, n)) {
						t.Errorf("%s reads %s, which is another tenant's: %s", who, secret, got.raw)
					}
				}
				for _, secret := range foreign["outsider"] {
					shown[secret] = shown[secret] || who == "admin" && strings.Contains(got.raw, w.put(secret, n))
				}
				switch got.status {
				case max(c.good, 200):
					can = append(can, who)
				case 401, 403, 404:
					if got.status == 404 && !c.hides {
						t.Errorf("%s: %d %s", who, got.status, got.raw)
					}
					if w.revision() != before {
						t.Errorf("%s was refused, and something changed", who)
					}
				default:
					t.Errorf("%s: %d %s", who, got.status, got.raw)
				}
			}
			slices.Sort(can)
			want := append(slices.Clone(may), "master")
			if i := slices.Index(want, "notmaster"); i >= 0 { // it is no user
				want = slices.DeleteFunc(want, func(who string) bool { return strings.HasSuffix(who, "master") })
			}
			slices.Sort(want)
			if !slices.Equal(can, want) {
				t.Errorf("%s may, want %s", can, want)
			}
		})
	}
	for _, secret := range foreign["outsider"] {
		if !shown[secret] {
			t.Errorf("not even an admin reads %s: that nobody else does says nothing", secret)
		}
	}
	for path, methods := range w.server.paths {
		for method := range methods {
			route := synonyms.Replace(method + " " + path + " ")
			route = strings.TrimSpace(route)
			item := w.server.openapi.Paths[strings.ReplaceAll(path, "...}", "}")]
			if item == nil {
				continue // /docs and /openapi.json, which are public
			}
			op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete}[method]
			if op.Security == nil || op.Tags[0] == "not supported" {
				continue
			}
			if !inTable[route] {
				t.Errorf("%s %s is not in the table of who may call it", method, path)
			}
		}
	}
}
