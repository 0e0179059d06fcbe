package adminsvc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// world is a proxy with two organizations' worth of people, a key for each.
type world struct {
	*api
	keys map[string]string // who → key
	hash map[string]string // who → its hash
}

// people of the world: who they are is in the comment.
var people = []string{
	"admin",     // a proxy_admin
	"viewer",    // a proxy_admin_viewer
	"orgadmin",  // org_admin of org1, which has team t1
	"teamadmin", // admin of t1
	"member",    // plain member of t1
	"stranger",  // internal_user with no team; owns key "own"
	"readonly",  // internal_user_viewer, plain member of t1
	"outsider",  // admin of t2, which is in no organization
	"plain",     // a key of t1 and project p1 that belongs to no user
	"memberkey", // member's key within t1
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{api: setup(t), keys: map[string]string{"master": master}, hash: map[string]string{}}
	at := policy.Record{CreatedAt: w.now, UpdatedAt: w.now, Fields: []byte("{}")}
	user := func(id, role string) *policy.User { return &policy.User{ID: id, Role: role, Record: at} }
	err := w.store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
		for _, e := range []policy.Entity{
			user("admin", policy.RoleAdmin), user("viewer", policy.RoleAdminViewer), user("orgadmin", policy.RoleUser), user("teamadmin", policy.RoleUser),
			user("member", policy.RoleUser), user("stranger", policy.RoleUser), user("readonly", policy.RoleUserViewer), user("outsider", policy.RoleUser),
			&policy.Organization{ID: "org1", Record: at}, &policy.Organization{ID: "org2", Record: at},
			&policy.OrganizationMember{OrganizationID: "org1", UserID: "orgadmin", Role: policy.RoleOrgAdmin, Record: at},
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
	w.post("/team/new", `{"team_id":"t1","organization_id":"org1","max_budget":100,"models":["gpt-4","gpt-3.5-turbo"],"members_with_roles":[{"user_id":"teamadmin","role":"admin"},
		{"user_id":"member","role":"user"},{"user_id":"readonly","role":"user"}]}`).ok()
	w.post("/team/new", `{"team_id":"t2","members_with_roles":[{"user_id":"outsider","role":"admin"}]}`).ok()
	w.post("/team/new", `{"team_id":"t3","members_with_roles":[{"user_id":"outsider","role":"admin"}]}`).ok()
	w.post("/project/new", `{"project_id":"p1","team_id":"t1"}`).ok()
	w.post("/project/new", `{"project_id":"p2","team_id":"t2"}`).ok()
	key := func(who, body string) {
		k := w.post("/key/generate", body).ok()
		w.keys[who], w.hash[who] = k.text("key"), k.text("token")
	}
	for _, who := range people[:8] {
		key(who, `{"user_id":"`+who+`"}`)
	}
	key("plain", `{"project_id":"p1"}`)
	key("memberkey", `{"team_id":"t1","user_id":"member"}`)
	key("own", `{"user_id":"stranger","max_budget":5,"models":["gpt-4"]}`)
	key("t1key", `{"team_id":"t1"}`)
	key("t2key", `{"team_id":"t2"}`)
	return w
}

// Who may do what. Each call is made in a world of its own state: calls that
// succeed are written so that the next caller's can too.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fresh := 0
	// What can be done once is done by the least who may; the admin comes too late.
	const once = "regenerate stranger's key, delete a key of t2, delete t3"
	for _, c := range []struct {
		what         string
		method, path string
		body         string // %d is a number not used before, {x} the hash of x's key
		may          string
	}{
		{"make a personal key", "POST", "/key/generate", `{"models":["gpt-4"]}`, "admin orgadmin teamadmin member stranger outsider"},
		{"make a key for another user", "POST", "/key/generate", `{"user_id":"nobody"}`, "admin"},
		{"make a key of t1", "POST", "/key/generate", `{"team_id":"t1"}`, "admin orgadmin teamadmin"},
		{"make a key of t1 for its member", "POST", "/key/generate", `{"team_id":"t1","user_id":"member"}`, "admin orgadmin teamadmin"},
		{"make a key of t1 for an outsider", "POST", "/key/generate", `{"team_id":"t1","user_id":"outsider"}`, "admin"},
		{"make a key of p1", "POST", "/key/generate", `{"project_id":"p1"}`, "admin orgadmin teamadmin"},
		{"make a key of org1", "POST", "/key/generate", `{"organization_id":"org1"}`, "admin orgadmin"},
		{"set permissions", "POST", "/key/generate", `{"permissions":{"get_spend_routes":true}}`, "admin"},
		{"read own info", "GET", "/key/info", ``, "all"},
		{"read a key of t1", "GET", "/key/info?key={t1key}", ``, "admin viewer orgadmin teamadmin member readonly memberkey"},
		{"read a key of t2", "GET", "/key/info?key={t2key}", ``, "admin viewer outsider"},
		{"read stranger's key", "GET", "/key/info?key={own}", ``, "admin viewer stranger"},
		{"read an unknown key", "GET", "/key/info?key=sk-there-is-no-such-key", ``, "404: admin viewer orgadmin teamadmin member stranger readonly outsider memberkey"},
		{"update a key of t1", "POST", "/key/update", `{"key":"{t1key}","metadata":{"n":%d}}`, "admin orgadmin teamadmin"},
		{"update stranger's key", "POST", "/key/update", `{"key":"{own}","metadata":{"n":%d}}`, "admin stranger"},
		{"raise stranger's budget", "POST", "/key/update", `{"key":"{own}","max_budget":6}`, "admin"},
		{"lower stranger's budget", "POST", "/key/update", `{"key":"{own}","max_budget":4}`, "admin stranger"},
		{"widen stranger's models", "POST", "/key/update", `{"key":"{own}","models":[]}`, "admin"},
		{"move a key into t1", "POST", "/key/update", `{"key":"{own}","team_id":"t1"}`, "admin"},
		{"move it out", "POST", "/key/update", `{"key":"{own}","team_id":null}`, "admin"},
		{"block a key of t1", "POST", "/key/block", `{"key":"{t1key}"}`, "admin orgadmin teamadmin"},
		{"unblock it by update", "POST", "/key/update", `{"key":"{t1key}","blocked":false}`, "admin orgadmin teamadmin"},
		{"block stranger's key", "POST", "/key/block", `{"key":"{own}"}`, "admin"},
		{"unblock it", "POST", "/key/unblock", `{"key":"{own}"}`, "admin"},
		{"reset its spend", "POST", "/key/{own}/reset_spend", `{"reset_to":0}`, "admin"},
		{"list t1's keys", "GET", "/key/list?team_id=t1", ``, "admin viewer orgadmin teamadmin member readonly memberkey plain"},
		{"list t2's keys", "GET", "/key/list?team_id=t2", ``, "admin viewer outsider plain"},
		{"list stranger's keys", "GET", "/key/list?user_id=stranger", ``, "admin viewer stranger plain"},

		{"make a team", "POST", "/team/new", `{"team_id":"new-%d"}`, "admin"},
		{"make a team of org1", "POST", "/team/new", `{"team_id":"new-%d","organization_id":"org1"}`, "admin orgadmin"},
		{"make a team of org2", "POST", "/team/new", `{"team_id":"new-%d","organization_id":"org2"}`, "admin"},
		{"read t1", "GET", "/team/info?team_id=t1", ``, "admin viewer orgadmin teamadmin member readonly memberkey plain"},
		{"read t2", "GET", "/team/info?team_id=t2", ``, "admin viewer outsider"},
		{"read no team", "GET", "/team/info?team_id=t0", ``, "404: admin viewer"},
		{"lower t1's budget", "POST", "/team/update", `{"team_id":"t1","max_budget":100}`, "admin orgadmin teamadmin"},
		{"raise t1's budget", "POST", "/team/update", `{"team_id":"t1","max_budget":1000}`, "admin orgadmin"},
		{"lower it back", "PATCH", "/team/t1", `{"max_budget":100}`, "admin orgadmin teamadmin"},
		{"remove t1's budget", "POST", "/team/update", `{"team_id":"t1","max_budget":null}`, "admin orgadmin"},
		{"set it again", "POST", "/team/update", `{"team_id":"t1","max_budget":100}`, "admin orgadmin teamadmin"},
		{"widen t1's models", "POST", "/team/model/add", `{"team_id":"t1","models":["claude-3-sonnet"]}`, "admin orgadmin"},
		{"narrow them", "POST", "/team/model/delete", `{"team_id":"t1","models":["claude-3-sonnet"]}`, "admin orgadmin teamadmin"},
		{"move t1 to org2", "POST", "/team/update", `{"team_id":"t1","organization_id":"org2"}`, "admin"},
		{"and back", "POST", "/team/update", `{"team_id":"t1","organization_id":"org1"}`, "admin"},
		{"block t2", "POST", "/team/block", `{"team_id":"t2"}`, "admin outsider"},
		{"unblock t2", "POST", "/team/unblock", `{"team_id":"t2"}`, "admin outsider"},
		{"add a member to t1", "POST", "/team/member_add", `{"team_id":"t1","member":{"user_id":"m%d","role":"user"}}`, "admin orgadmin teamadmin"},
		{"change a member of t1", "POST", "/team/member_update", `{"team_id":"t1","user_id":"readonly","rpm_limit":5}`, "admin orgadmin teamadmin"},
		{"set t1's permissions", "POST", "/team/permissions_update", `{"team_id":"t1","team_member_permissions":["/key/info"]}`, "admin orgadmin teamadmin"},
		{"list teams", "GET", "/team/list", ``, "all"},
		{"list stranger's teams", "GET", "/team/list?user_id=stranger", ``, "admin viewer stranger"},

		{"make a project of t1", "POST", "/project/new", `{"project_id":"new-p-%d","team_id":"t1"}`, "admin orgadmin teamadmin"},
		{"make a project of t2", "POST", "/project/new", `{"project_id":"new-p-%d","team_id":"t2"}`, "admin outsider"},
		{"make a project of no team", "POST", "/project/new", `{"team_id":"t0"}`, "404: admin"},
		{"update p1", "POST", "/project/update", `{"project_id":"p1","metadata":{"n":%d}}`, "admin orgadmin teamadmin"},
		{"move p1 to t2", "POST", "/project/update", `{"project_id":"p1","team_id":"t2"}`, "admin"},
		{"and back", "POST", "/project/update", `{"project_id":"p1","team_id":"t1"}`, "admin"},
		{"read p1", "GET", "/project/info?project_id=p1", ``, "admin viewer orgadmin teamadmin member readonly memberkey plain"},
		{"read p2", "GET", "/project/info?project_id=p2", ``, "admin viewer outsider"},
		{"delete p2", "DELETE", "/project/delete", `{"project_ids":["p2"]}`, "admin"},
		{"list projects", "GET", "/project/list", ``, "all"},

		{"regenerate stranger's key", "POST", "/key/{own}/regenerate", `{}`, "stranger"},
		{"delete a key of t2", "POST", "/key/delete", `{"keys":["{t2key}"]}`, "outsider"},
		{"delete t3", "POST", "/team/delete", `{"team_ids":["t3"]}`, "outsider"},
	} {
		t.Run(c.what, func(t *testing.T) {
			good := 200
			may := c.may
			if strings.HasPrefix(may, "404: ") {
				good, may = 404, may[5:]
			}
			if may == "all" {
				may = strings.Join(people, " ")
			}
			allowed := func(who string) bool { return strings.Contains(" "+may+" ", " "+who+" ") }
			order := slices.Clone(people) // who may not comes first, while all is as it was
			if strings.Contains(once, c.what) {
				order = slices.DeleteFunc(order, func(who string) bool { return who == "admin" })
			}
			slices.SortStableFunc(order, func(a, b string) int { return rank(allowed(a)) - rank(allowed(b)) })
			for _, who := range order {
				allowed := allowed(who)
				fresh++
				path, body := c.path, c.body
				for name, h := range w.hash {
					path, body = strings.ReplaceAll(path, "{"+name+"}", h), strings.ReplaceAll(body, "{"+name+"}", h)
				}
				body = strings.ReplaceAll(body, "%d", fmt.Sprint(fresh))
				before := w.revision()
				got := w.call(w.keys[who], c.method, path, body)
				if allowed && got.status != good {
					t.Errorf("%s may, and got %d %s", who, got.status, got.raw)
				}
				if !allowed {
					if got.status != 401 && got.status != 403 {
						t.Errorf("%s may not, and got %d %s", who, got.status, got.raw)
					}
					if w.revision() != before {
						t.Errorf("%s was refused, and something changed", who)
					}
					if typ := got.text("error.type"); typ != "auth_error" && typ != "team_member_permission_error" && got.at("detail.error") == nil {
						t.Errorf("%s: %s", who, got.raw)
					}
				}
			}
		})
	}
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What a list shows is cut to the caller.
func TestListsAreCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ who, path, at, want string }{
		{"plain", "/key/list", "keys", `["` + w.hash["plain"] + `"]`},
		{"plain", "/key/list?team_id=t2", "total_count", "0"},
		{"stranger", "/key/list", "total_count", "2"},
		{"stranger", "/key/list?include_team_keys=true", "total_count", "2"},
		{"teamadmin", "/key/list?include_team_keys=true", "total_count", "4"}, // own, plain, memberkey, t1key
		{"teamadmin", "/key/list?team_id=t1", "total_count", "3"},
		{"member", "/key/list?team_id=t1", "total_count", "1"},
		{"orgadmin", "/key/list?organization_id=org1", "total_count", "3"},
		{"memberkey", "/key/list", "total_count", "2"},
		{"master", "/key/list?user_id=member", "total_count", "2"},
		{"stranger", "/team/list", "teams", `[]`},
		{"plain", "/team/list", "teams.0.team_id", `"t1"`},
		{"member", "/team/list", "teams.0.team_id", `"t1"`},
		{"member", "/team/list", "teams.1", "null"},
		{"orgadmin", "/v2/team/list", "total", "1"},
		{"viewer", "/v2/team/list?sort_by=team_id&sort_order=asc", "teams.1.team_id", `"t2"`},
		{"outsider", "/project/list", "0.project_id", `"p2"`},
		{"outsider", "/project/list", "1", "null"},
		{"plain", "/project/list", "0.project_id", `"p1"`},
		{"stranger", "/project/list", "0", "null"},
		{"orgadmin", "/project/list", "0.project_id", `"p1"`},
		{"plain", "/team/info?team_id=t1", "keys.1", "null"}, // a key of the team sees itself
		{"stranger", "/key/aliases", "aliases", "[]"},
	} {
		w.call(w.keys[c.who], "GET", c.path, "").ok().has(map[string]string{c.at: c.want})
	}
}

// A team decides what its plain members may do with its keys.
func TestMemberPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	make := `{"team_id":"t1","models":["gpt-4"]}`
	w.call(w.keys["member"], "POST", "/key/generate", make).refused(401, "team_member_permission_error", "/key/generate")
	w.call(w.keys["teamadmin"], "POST", "/team/permissions_update", `{"team_id":"t1","team_member_permissions":["/key/generate","/key/list"]}`).ok()
	w.get("/team/permissions_list?team_id=t1").ok().has(map[string]string{"team_member_permissions": `["/key/generate","/key/list"]`})
	w.call(w.keys["member"], "POST", "/key/generate", make).ok().has(map[string]string{"user_id": `"member"`})
	w.call(w.keys["readonly"], "POST", "/key/generate", make).refused(401, "auth_error", "None") // viewers write nothing
	w.call(w.keys["member"], "GET", "/key/list?team_id=t1", "").ok().has(map[string]string{"total_count": "4"})
	w.call(w.keys["member"], "GET", "/key/info?key="+w.hash["t1key"], "").refused(401, "team_member_permission_error", "/key/info")
	// What a member may do with the team's keys makes them none of its admins.
	w.post("/team/permissions_update", `{"team_id":"t1","team_member_permissions":["/key/generate","/key/regenerate","/key/info"]}`).ok()
	boss := w.post("/key/generate", `{"team_id":"t1","user_id":"teamadmin"}`).ok().text("token")
	w.call(w.keys["member"], "POST", "/key/"+boss+"/regenerate", `{}`).refused(403, "auth_error", "key")
	w.call(w.keys["member"], "POST", "/key/generate", `{"team_id":"t1","user_id":"teamadmin"}`).refused(403, "auth_error", "user_id")
	w.call(w.keys["member"], "POST", "/key/service-account/generate", `{"team_id":"t1"}`).refused(401, "team_member_permission_error", "/key/service-account/generate")
	w.call(w.keys["member"], "POST", "/key/"+w.hash["t1key"]+"/regenerate", `{}`).ok()
	w.post("/team/permissions_update", `{"team_id":"t1","team_member_permissions":["/everything"]}`).refused(400, "bad_request_error", "team_member_permissions")
}

// Nobody grants more than the key they call with holds.
func TestNobodyGrantsMoreThanTheyHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ field, holder, more, less string }{
		{"models", `"models":["gpt-4"]`, `"models":["gpt-4","gpt-3.5-turbo"]`, `"models":["gpt-4"]`},
		{"models", `"models":["gpt-4"]`, `"models":[]`, `"models":["gpt-4"]`},
		{"max_budget", `"max_budget":5`, `"max_budget":6`, `"max_budget":5`},
		{"max_budget", `"max_budget":5`, ``, `"max_budget":0`},
		{"max_budget", `"max_budget":5,"budget_duration":"30d"`, `"max_budget":5,"budget_duration":"1d"`, `"max_budget":5,"budget_duration":"30d"`},
		{"rpm_limit", `"rpm_limit":5`, `"rpm_limit":6`, `"rpm_limit":1`},
		{"model_rpm_limit", `"model_rpm_limit":{"gpt-4":5}`, `"model_rpm_limit":{"gpt-4":6}`, `"metadata":{"model_rpm_limit":{"gpt-4":4}}`},
		{"max_parallel_requests", `"max_parallel_requests":5`, ``, `"max_parallel_requests":5`},
		{"duration", `"duration":"1d"`, `"duration":"2d"`, `"duration":"1h"`},
		{"duration", `"duration":"1d"`, ``, `"duration":"1h"`},
		{"allowed_routes", `"allowed_routes":["management_routes","/chat/completions"]`, `"allowed_routes":["llm_api_routes"]`, `"allowed_routes":["/chat/completions"]`},
		{"tags", `"tags":["costly"]`, ``, `"tags":["costly","more"]`},
	} {
		k := w.post("/key/generate", `{"user_id":"stranger",`+c.holder+`}`).ok().text("key")
		w.call(k, "POST", "/key/generate", "{"+c.more+"}").refused(403, "auth_error", c.field)
		w.call(k, "POST", "/key/generate", "{"+c.less+"}").ok()
		if c.field == "duration" {
			continue // sent again it would begin again
		}
		w.call(k, "POST", "/key/update", `{"key":"`+k+`",`+strings.Trim(c.holder+","+`"metadata":{}`, ",")+`}`).ok()
	}
	// Keys that carry the master key's user are nobody's.
	k := w.post("/key/generate", `{"user_id":"default_user_id"}`).ok().text("key")
	w.call(k, "POST", "/team/new", `{}`).refused(401, "auth_error", "None")
	w.call(k, "POST", "/key/generate", `{}`).refused(401, "auth_error", "None")
	// A key in a team acts as its user in that team alone, however mighty the user becomes.
	w.post("/team/member_add", `{"team_id":"t1","member":{"user_id":"stranger","role":"admin"}}`).ok()
	in := w.call(w.keys["teamadmin"], "POST", "/key/generate", `{"team_id":"t1","user_id":"stranger"}`).ok().text("key")
	w.call(in, "GET", "/key/info?key="+w.hash["own"], "").refused(403, "auth_error", "None")
	w.call(in, "POST", "/key/"+w.hash["own"]+"/regenerate", "{}").refused(403, "auth_error", "None")
	u, err := policy.Get[*policy.User](t.Context(), w.store, policy.Ref{Kind: policy.EntityUser, ID: "stranger"})
	if err != nil {
		t.Fatal(err)
	}
	u.Role = policy.RoleAdmin
	if err := w.store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error { return tx.Update(t.Context(), u) }); err != nil {
		t.Fatal(err)
	}
	w.call(in, "POST", "/team/new", `{}`).refused(401, "auth_error", "None")
	w.call(w.keys["own"], "POST", "/team/new", `{}`).ok()
	w.call(w.keys["teamadmin"], "POST", "/key/generate", `{"team_id":"t1","user_id":"stranger"}`).refused(403, "auth_error", "user_id")
}
