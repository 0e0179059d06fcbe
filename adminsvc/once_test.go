package adminsvc

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// again sends a creating call with an Idempotency-Key.
func (a *api) again(key, once, path, body string) *answer {
	a.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set(idempotencyHeader, once)
	out := a.do(r)
	out.what = "POST " + path + " " + body + " " + once
	return out
}

// creations are a body for each creating endpoint, and another.
var creations = map[string][2]string{
	"/key/generate":                 {`{"key_alias":"k","models":["gpt-4"]}`, `{"key_alias":"k2"}`},
	"/key/service-account/generate": {`{"team_id":"t1"}`, `{"team_id":"t2"}`},
	"/key/regenerate":               {`{"key":"{key}","grace_period":"1h"}`, `{"key":"{key}","grace_period":"2h"}`},
	"/key/{key}/regenerate":         {`{"grace_period":"1h"}`, `{"grace_period":"2h"}`},
	"/team/new":                     {`{"team_alias":"a"}`, `{"team_alias":"b"}`},
	"/team/member_add":              {`{"team_id":"t1","member":{"user_email":"a@x.org","role":"user"}}`, `{"team_id":"t1","member":{"user_email":"b@x.org","role":"user"}}`},
	"/team/bulk_member_add":         {`{"team_id":"t1","members":[{"user_email":"c@x.org","role":"user"},{"user_id":"there","role":"user"}]}`, `{"team_id":"t2","members":[]}`},
	"/project/new":                  {`{"team_id":"t1"}`, `{"team_id":"t2"}`},
	"/user/new":                     {`{"user_email":"u@x.org"}`, `{"user_email":"v@x.org"}`},
	"/organization/new":             {`{"organization_alias":"o"}`, `{"organization_alias":"p"}`},
	"/organization/member_add":      {`{"organization_id":"o1","member":{"user_email":"d@x.org","role":"internal_user"}}`, `{"organization_id":"o1","member":{"user_id":"x","role":"internal_user"}}`},
	"/customer/new":                 {`{"user_id":"c1"}`, `{"user_id":"c2"}`},
	"/end_user/new":                 {`{"user_id":"c3"}`, `{"user_id":"c4"}`},
	"/budget/new":                   {`{"max_budget":1}`, `{"max_budget":2}`},
	"/tag/new":                      {`{"name":"g1"}`, `{"name":"g2"}`},
	"/model/new":                    {`{"model_name":"m","litellm_params":{"model":"openai/x","api_key":"provider-key"}}`, `{"model_name":"n","litellm_params":{"model":"openai/x"}}`},
	"/management/v1/users/bulk":     {`{"users":[{"user_email":"bulk@x.org","auto_create_key":true},{"user_id":"there"}]}`, `{"users":[{"user_id":"y"}]}`},
	"/access_group/new":             {`{"access_group":"cg","model_ids":["kept"]}`, `{"access_group":"ch","model_ids":["kept"]}`},
	"/v1/access_group":              {`{"access_group_name":"ag"}`, `{"access_group_name":"ah"}`},
	"/v1/unified_access_group":      {`{"access_group_name":"ai"}`, `{"access_group_name":"aj"}`},
	"/invitation/new":               {`{"user_id":"there"}`, `{"user_id":"t"}`},
}

// Every call that creates something creates it once for an Idempotency-Key, and
// answers the same as often as it is asked.
func TestCreatingCallsAreCarriedOutOnce(t *testing.T) {
	t.Parallel()
	a, _ := modelAPI(t)
	for _, c := range [][2]string{
		{"/team/new", `{"team_id":"t1","members_with_roles":[{"user_id":"there","role":"user"}]}`}, {"/team/new", `{"team_id":"t2"}`},
		{"/organization/new", `{"organization_id":"o1","organization_alias":"o1"}`},
		{"/model/new", `{"model_name":"kept","litellm_params":{"model":"openai/x","api_key":"provider-key"},"model_info":{"id":"kept"}}`},
	} {
		a.post(c[0], c[1]).ok()
	}
	described := 0
	for path, item := range a.server.openapi.Paths {
		takes := false
		if item.Post != nil {
			for _, p := range item.Post.Parameters {
				takes = takes || p.In == "header" && p.Name == idempotencyHeader
			}
		}
		made := strings.HasSuffix(path, "/new") || strings.HasSuffix(path, "generate") || strings.HasSuffix(path, "member_add")
		if made && !takes && item.Post != nil {
			t.Errorf("%s takes no %s", path, idempotencyHeader)
		}
		if !takes {
			continue
		}
		described++
		bodies, ok := creations[path]
		if !ok {
			t.Errorf("%s is not in the table", path)
			continue
		}
		t.Run(path, func(t *testing.T) {
			key := a.post("/key/generate", `{"max_budget":7}`).ok().text("token")
			put := strings.NewReplacer("{key}", key)
			to, once := put.Replace(path), "retry "+path
			first := a.again(master, once, to, put.Replace(bodies[0]))
			first.t = t
			first.ok()
			if first.header.Get("Idempotent-Replayed") != "" {
				t.Error("the first answer says it is a repetition")
			}
			rev := a.revision()
			for range 2 {
				next := a.again(master, once, to, put.Replace(bodies[0]))
				if next.raw != first.raw || next.status != first.status || next.header.Get("Idempotent-Replayed") != "true" {
					t.Errorf("again: %d %s\nfirst: %d %s", next.status, next.raw, first.status, first.raw)
				}
			}
			other := a.again(master, once, to, put.Replace(bodies[1]))
			other.t = t
			other.refused(422, "bad_request_error", idempotencyHeader)
			if a.revision() != rev {
				t.Error("something was made again")
			}
		})
	}
	if described != len(creations) {
		t.Errorf("%d endpoints take the header, the table has %d", described, len(creations))
	}
	if strings.Contains(a.log.String(), "sk-") {
		t.Error("the log holds a key")
	}
}

func TestAnAnswerIsItsCallersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"models":["gpt-4"]}`
	first := w.again(w.keys["member"], "n1", "/key/generate", body).ok()
	if w.again(w.keys["member"], "n1", "/key/generate", body).ok().text("key") != first.text("key") {
		t.Error("the same caller has another key")
	}
	for _, who := range []string{"master", "stranger"} {
		if w.again(w.keys[who], "n1", "/key/generate", body).ok().text("key") == first.text("key") {
			t.Errorf("%s reads what member was answered", who)
		}
	}
	// What refuses a caller refuses the repetition too.
	w.post("/key/block", `{"key":"`+w.hash["member"]+`"}`).ok()
	w.again(w.keys["member"], "n1", "/key/generate", body).refused(401, "auth_error", "None")

	// Nothing that is kept shows the key that was made.
	h := policy.HashKey("idempotency\x00key\x00" + policy.HashKey(w.keys["member"]).String() + "\x00n1")
	kept, err := w.store.Answered(t.Context(), h, w.now)
	if err != nil || len(kept.Sealed) == 0 || strings.Contains(string(kept.Sealed), first.text("key")) || strings.Contains(string(kept.Sealed), "models") {
		t.Errorf("kept: %q, %v", kept.Sealed, err)
	}
}

func TestARefusedCallIsNotKept(t *testing.T) {
	t.Parallel()
	a := setup(t)
	rev := a.revision()
	a.again(master, "n", "/project/new", `{"team_id":"later"}`).refused(404, "not_found", "team_id")
	if a.revision() != rev {
		t.Error("a refused call changed something")
	}
	a.post("/team/new", `{"team_id":"later"}`).ok()
	a.again(master, "n", "/project/new", `{"team_id":"later"}`).ok()
	// One item of several that cannot be is taken back alone.
	in := a.again(master, "b", "/team/bulk_member_add", `{"team_id":"later","members":[{"user_id":"m1","role":"user"},{"user_id":"m1","role":"user"},{"user_id":"m2","role":"user"}]}`).ok()
	in.has(map[string]string{"successful_additions": "2", "failed_additions": "1"})
	if n := len(a.get("/team/info?team_id=later").ok().at("members_with_roles").([]any)); n != 2 {
		t.Errorf("%d members", n)
	}
	for _, bad := range []string{"", strings.Repeat("x", 256), "a\x01"} {
		a.again(master, bad, "/team/new", `{}`).refused(400, "bad_request_error", idempotencyHeader)
	}
}

func TestAnAnswerIsForgottenAfterADay(t *testing.T) {
	t.Parallel()
	a := setup(t)
	first := a.again(master, "n", "/team/new", `{}`).ok().text("team_id")
	a.pass(23 * time.Hour)
	if a.again(master, "n", "/team/new", `{}`).ok().text("team_id") != first {
		t.Error("forgotten within the day")
	}
	a.pass(2 * time.Hour)
	second := a.again(master, "n", "/team/new", `{"team_alias":"another"}`).ok().text("team_id")
	if second == first {
		t.Error("kept for more than a day")
	}
	if a.again(master, "n", "/team/new", `{"team_alias":"another"}`).ok().text("team_id") != second {
		t.Error("the place of what was forgotten is not taken")
	}
	if err := a.store.TrimAnswers(t.Context()); err != nil { // by the database's clock, which is past the test's
		t.Fatal(err)
	}
	if _, err := a.store.Answered(t.Context(), policy.HashKey("idempotency\x00key\x00"+policy.HashKey(master).String()+"\x00n"), a.now); err == nil {
		t.Error("what is over stays in the table")
	}
}

// Many at once, at two servers on one database: one is first, all hear the same.
func TestTheSameCallAtOnceAtTwoServers(t *testing.T) {
	t.Parallel()
	a := setup(t)
	cfg := a.server.Config
	cfg.Store = a.spy // with a turn of its own, as another process has
	second := newServer(cfg)
	old := a.post("/key/generate", `{"max_budget":3}`).ok().text("token")
	for _, c := range [][2]string{{"/key/generate", `{"max_budget":5}`}, {"/key/" + old + "/regenerate", `{}`}} {
		var wait sync.WaitGroup
		got := make([]string, 8)
		for i := range got {
			on := a.server
			if i%2 == 1 {
				on = second
			}
			wait.Go(func() {
				r := httptest.NewRequestWithContext(context.Background(), "POST", c[0], strings.NewReader(c[1]))
				r.Header.Set("Authorization", "Bearer "+master)
				r.Header.Set(idempotencyHeader, "same "+c[0])
				w := httptest.NewRecorder()
				on.serve(w, r)
				got[i] = fmt.Sprint(w.Code, w.Body.String())
			})
		}
		wait.Wait()
		for i, text := range got {
			if text != got[0] || !strings.HasPrefix(text, "200") {
				t.Errorf("%s: %d: %s\nbut %s", c[0], i, text, got[0])
			}
		}
	}
	a.get("/key/list").ok().has(map[string]string{"total_count": "2"}) // the one that took the old one's place, and the other
}
