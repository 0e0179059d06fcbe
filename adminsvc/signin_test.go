package adminsvc

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// browser is somebody who keeps cookies, at our own origin unless said otherwise.
type browser struct {
	*api
	cookie string
	header map[string]string
}

func (a *api) browser() *browser {
	return &browser{api: a, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}
}

func (b *browser) send(method, path, body string) *answer {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for name, v := range b.header {
		r.Header.Set(name, v)
	}
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.cookie})
	}
	out := b.do(r)
	for _, c := range (&http.Response{Header: out.header}).Cookies() {
		if c.Name == sessionCookie {
			b.cookie = c.Value
		}
	}
	return out
}

func (b *browser) signIn(name, password string) *answer {
	b.t.Helper()
	return b.send("POST", "/v2/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
}

func withUser(t *testing.T) *api {
	t.Helper()
	a := setup(t)
	a.post("/user/new", `{"user_id":"ann","user_email":"Ann@example.com","password":"correct horse"}`).ok()
	return a
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	a := withUser(t)
	for _, c := range []struct{ name, body, user, role, method string }{
		{"the master key as the password", `{"username":"admin","password":"sk-1234"}`, "default_user_id", "proxy_admin", "username_password"},
		{"the master key alone", `{"master_key":"sk-1234"}`, "default_user_id", "proxy_admin", "master_key"},
		{"a user's id", `{"username":"ann","password":"correct horse"}`, "ann", "internal_user", "username_password"},
		{"a user's e-mail, in any case", `{"username":"aNN@Example.com","password":"correct horse"}`, "ann", "internal_user", "username_password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := a.browser()
			got := b.send("POST", "/v2/login", c.body).ok().has(map[string]string{"user_id": quoted(c.user), "user_role": quoted(c.role), "redirect_url": `"/ui/?login=success"`})
			set := got.header.Get("Set-Cookie")
			if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") || strings.Contains(set, "Secure") || strings.Contains(got.raw, b.cookie) {
				t.Errorf("cookie %q, body %s", set, got.raw)
			}
			b.send("GET", "/session", "").ok().has(map[string]string{"user_id": quoted(c.user), "user_role": quoted(c.role), "login_method": quoted(c.method)})
		})
	}
	for _, body := range []string{
		`{"username":"admin","password":"sk-wrong"}`, `{"master_key":"sk-wrong"}`, `{"username":"ann","password":"wrong horse"}`, `{"username":"nobody","password":"correct horse"}`,
		`{"username":"default_user_id","password":"sk-1234"}`, `{"username":"a\u0001","password":"x"}`, `{"username":"ann","password":"` + strings.Repeat("x", 2000) + `"}`,
	} {
		b := a.browser()
		b.send("POST", "/v2/login", body).refused(401, "auth_error", "invalid_credentials")
		if b.cookie != "" {
			t.Errorf("%s: a cookie", body)
		}
	}
	a.browser().send("POST", "/v2/login", `{}`).refused(400, "bad_request_error", "password")
	if log := a.log.String(); strings.Contains(log, "correct horse") || strings.Contains(log, "sk-1234") {
		t.Error("the log holds a secret")
	}
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func TestSignInByForm(t *testing.T) {
	t.Parallel()
	a := withUser(t)
	b := a.browser()
	b.header["Content-Type"] = "application/x-www-form-urlencoded"
	got := b.send("POST", "/login", "username=ann&password=correct+horse")
	if got.status != 303 || got.header.Get("Location") != "/ui/?login=success" || b.cookie == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	b.send("POST", "/login", "username=ann&password=wrong").refused(401, "auth_error", "invalid_credentials")
	if got := b.send("POST", "/login", "%zz"); got.status != 422 {
		t.Errorf("no form: %d %s", got.status, got.raw)
	}
}

func TestUIPasswordIsNotTheMasterKeys(t *testing.T) {
	t.Parallel()
	a := setup(t, func(c *Config) { c.UIUsername, c.UIPassword = "boss", "a long password" })
	a.browser().signIn("boss", "a long password").ok()
	a.browser().signIn("boss", master).refused(401, "auth_error", "invalid_credentials")
	a.browser().signIn("admin", master).refused(401, "auth_error", "invalid_credentials")
	a.browser().send("POST", "/v2/login", `{"master_key":"sk-1234"}`).ok()
}

// The cookie says Secure where the caller came by https, as far as Envoy tells.
func TestCookieIsSecureByHTTPS(t *testing.T) {
	t.Parallel()
	a := setup(t, func(c *Config) { c.TrustForwarded = true })
	b := a.browser()
	b.header["X-Forwarded-Proto"] = "https"
	if set := b.signIn("admin", master).ok().header.Get("Set-Cookie"); !strings.Contains(set, "Secure") {
		t.Error(set)
	}
}

// Whatever a session rests on ends it, at once and everywhere.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(a *api, b *browser)
	}{
		{"signing out", func(a *api, b *browser) {
			token := b.cookie
			b.send("POST", "/session/logout", "").ok()
			if b.cookie != "" {
				a.t.Error("the cookie stays")
			}
			b.cookie = token
		}},
		{"another role", func(a *api, b *browser) {
			a.post("/user/update", `{"user_id":"ann","user_role":"proxy_admin"}`).ok()
		}},
		{"another role and back", func(a *api, b *browser) {
			a.post("/user/update", `{"user_id":"ann","user_role":"proxy_admin"}`).ok()
			a.post("/user/update", `{"user_id":"ann","user_role":null}`).ok()
		}},
		{"blocked and unblocked", func(a *api, b *browser) {
			a.post("/user/update", `{"user_id":"ann","blocked":true}`).ok()
			a.post("/user/update", `{"user_id":"ann","blocked":false}`).ok()
		}},
		{"deleted and made again", func(a *api, b *browser) {
			a.post("/user/delete", `{"user_ids":["ann"]}`).ok()
			a.post("/user/new", `{"user_id":"ann"}`).ok()
			a.browser().signIn("ann", "correct horse").refused(401, "auth_error", "invalid_credentials")
		}},
		{"another password", func(a *api, b *browser) {
			a.post("/user/update", `{"user_id":"ann","password":"another horse"}`).ok()
		}},
		{"time", func(a *api, b *browser) { a.pass(24 * time.Hour) }},
		{"signing in again", func(a *api, b *browser) {
			token := b.cookie
			b.signIn("ann", "correct horse").ok()
			if b.cookie == token {
				a.t.Error("the token stays the same")
			}
			b.send("GET", "/session", "").ok()
			b.cookie = token
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := withUser(t)
			b := a.browser()
			b.signIn("ann", "correct horse").ok()
			b.send("GET", "/user/info", "").ok().has(map[string]string{"user_id": `"ann"`})
			c.end(a, b)
			b.send("GET", "/session", "").refused(401, "auth_error", "None")
			if b.cookie != "" {
				t.Error("the cookie was not taken away")
			}
		})
	}
}

// A session of the master key's holder ends with the master key.
func TestSessionsEndWithTheMasterKey(t *testing.T) {
	t.Parallel()
	settings := testSettings
	a := setup(t, func(c *Config) { c.Settings = func() *policy.Settings { return settings } })
	b := a.browser()
	b.signIn("admin", master).ok()
	b.send("POST", "/team/new", `{"team_id":"t"}`).ok()
	settings = policy.Settings{MasterKey: policy.HashKey("sk-5678"), HasMasterKey: true, MasterUserID: "default_user_id"}.Compile()
	b.send("GET", "/session", "").refused(401, "auth_error", "None")
}

// What another site makes a browser send is refused, whatever it is.
func TestOtherSitesCannotUseASession(t *testing.T) {
	t.Parallel()
	a := withUser(t)
	b := a.browser()
	b.signIn("admin", master).ok()
	for _, c := range []struct {
		name   string
		header map[string]string
		ok     bool
	}{
		{"same origin", map[string]string{"Sec-Fetch-Site": "same-origin"}, true},
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		{"another subdomain", map[string]string{"Sec-Fetch-Site": "same-site"}, false},
		{"another origin, older browser", map[string]string{"Origin": "https://evil.example"}, false},
		{"our origin, older browser", map[string]string{"Origin": "http://example.com"}, true},
		{"no word of it", map[string]string{}, false},
		{"no word, but a header that others cannot send", map[string]string{"X-Requested-With": "fetch"}, true},
	} {
		b.header = c.header
		before := a.revision()
		got := b.send("POST", "/team/new", `{}`)
		if (got.status == 200) != c.ok || !c.ok && (got.status != 403 || a.revision() != before) {
			t.Errorf("%s: %d %s", c.name, got.status, got.raw)
		}
		if c.ok {
			continue
		}
		b.send("POST", "/session/logout", "").refused(403, "auth_error", "None")
		other := a.browser()
		other.header = c.header
		if got := other.signIn("ann", "correct horse"); got.status != 403 {
			t.Errorf("%s: signing in: %d", c.name, got.status)
		}
	}
	b.header = map[string]string{}
	b.send("GET", "/session", "").ok() // reading answers; the browser keeps the answer from other sites
}

func TestGuessingIsThrottled(t *testing.T) {
	t.Parallel()
	a := withUser(t)
	b := a.browser()
	for range guessesPerAccount {
		b.signIn("ann", "a guess too many").refused(401, "auth_error", "invalid_credentials")
	}
	got := b.signIn("Ann", "correct horse").refused(429, "throttling_error", "")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.signIn("admin", master).ok() // others are not held up
	a.pass(accountRefill)
	b.signIn("ann", "correct horse").ok()
	for i := range guessesPerAddress + 5 {
		b.signIn(fmt.Sprint("nobody-", i), "a guess")
	}
	b.signIn("nobody", "a guess").refused(429, "throttling_error", "")
}

// Whoever guesses at many servers guesses no more often than at one.
func TestGuessingIsThrottledOverAllServers(t *testing.T) {
	t.Parallel()
	a := withUser(t)
	first, second := a.h, http.HandlerFunc(newServer(a.server.Config).serve)
	b := a.browser()
	for i := range guessesPerAccount {
		if a.h = first; i%2 == 1 {
			a.h = second
		}
		b.signIn("ann", "a guess too many").refused(401, "auth_error", "invalid_credentials")
	}
	for _, h := range []http.Handler{first, second} {
		a.h = h
		b.signIn("ann", "correct horse").refused(429, "throttling_error", "")
	}
	a.pass(accountRefill)
	b.signIn("ann", "correct horse").ok() // and gives the guess back
	a.h = first
	b.signIn("ann", "correct horse").ok()
	a.pass(guessesPerAccount * accountRefill)
	a.h = second
	for range 3 * guessesPerAccount { // right ones are no guesses
		b.signIn("ann", "correct horse").ok()
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th, now := newThrottle(2, time.Minute, 100), time.Unix(1e9, 0)
	for i := range 10_000 {
		th.take(fmt.Sprint(i), now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(th.buckets) > 100 {
		t.Errorf("%d names", len(th.buckets))
	}
	th.take("me", now)
	th.take("me", now)
	if wait := th.take("me", now); wait != time.Minute {
		t.Errorf("wait %v", wait)
	}
	if wait := th.take("me", now.Add(time.Minute)); wait != 0 {
		t.Errorf("wait %v after a refill", wait)
	}
}

func TestOnesOwnPassword(t *testing.T) {
	t.Parallel()
	a := withUser(t)
	b, elsewhere := a.browser(), a.browser()
	b.signIn("ann", "correct horse").ok()
	elsewhere.signIn("ann", "correct horse").ok()
	b.send("POST", "/user/password/change", `{"current_password":"wrong horse","new_password":"battery staple"}`).refused(400, "bad_request_error", "current_password")
	b.send("POST", "/user/password/change", `{"current_password":"correct horse","new_password":"short"}`).refused(400, "bad_request_error", "new_password")
	b.send("POST", "/user/password/change", `{"current_password":"correct horse","new_password":"battery staple"}`).ok()
	b.send("GET", "/session", "").ok().has(map[string]string{"has_password": "true"})
	elsewhere.send("GET", "/session", "").refused(401, "auth_error", "None")
	a.browser().signIn("ann", "correct horse").refused(401, "auth_error", "invalid_credentials")
	a.browser().signIn("ann", "battery staple").ok()
	// Nobody sets it otherwise but an admin.
	b.send("POST", "/user/update", `{"user_id":"ann","password":"my own will"}`).refused(401, "auth_error", "None")
	adminBrowser := a.browser()
	adminBrowser.signIn("admin", master).ok()
	adminBrowser.send("POST", "/user/password/change", `{"current_password":"sk-1234","new_password":"battery staple"}`).refused(403, "auth_error", "None")
}

func TestInvitations(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.post("/user/new", `{"user_id":"bob","user_email":"bob@example.com"}`).ok()
	i := a.post("/invitation/new", `{"user_id":"bob"}`).ok().has(map[string]string{"user_id": `"bob"`, "is_accepted": "false", "accepted_at": "null"}).text("id")
	a.get("/invitation/info?invitation_id=" + i).ok().has(map[string]string{"user_id": `"bob"`})
	b := a.browser()
	b.send("GET", "/onboarding/get_token?invite_link="+i, "").ok().has(map[string]string{"user_email": `"bob@example.com"`})
	b.send("POST", "/onboarding/claim_token", `{"invitation_link":"`+i+`","password":"short"}`).refused(400, "bad_request_error", "password")
	b.send("POST", "/onboarding/claim_token", `{"invitation_link":"`+i+`","user_id":"ann","password":"tr0ubador"}`).refused(400, "bad_request_error", "user_id")
	b.send("POST", "/onboarding/claim_token", `{"invitation_link":"nothing","password":"tr0ubador"}`).refused(404, "not_found_error", "invitation_link")

	// Of all who take it up at once, one does.
	var won sync.Map
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if got := a.browser().send("POST", "/onboarding/claim_token", fmt.Sprintf(`{"invitation_link":%q,"password":"tr0ubador-%d"}`, i, n)); got.status == 200 {
				won.Store(n, true)
			}
		}()
	}
	wg.Wait()
	winners := 0
	won.Range(func(n, _ any) bool {
		winners++
		a.browser().signIn("bob", fmt.Sprintf("tr0ubador-%d", n)).ok()
		return true
	})
	if winners != 1 {
		t.Errorf("%d took it up", winners)
	}
	a.get("/invitation/info?invitation_id=" + i).ok().has(map[string]string{"is_accepted": "true"})

	late := a.post("/invitation/new", `{"user_id":"bob"}`).ok().text("id")
	closed := a.post("/invitation/new", `{"user_id":"bob"}`).ok().text("id")
	a.post("/invitation/update", `{"invitation_id":"`+closed+`","is_accepted":true}`).ok()
	b.send("POST", "/onboarding/claim_token", `{"invitation_link":"`+closed+`","password":"tr0ubador"}`).refused(401, "auth_error", "None")
	a.post("/invitation/delete", `{"invitation_id":"`+closed+`"}`).ok()
	a.get("/invitation/info?invitation_id="+closed).refused(404, "not_found_error", "invitation_id")
	a.pass(invitationLife)
	b.send("POST", "/onboarding/claim_token", `{"invitation_link":"`+late+`","password":"tr0ubador"}`).refused(401, "auth_error", "None")
	a.post("/invitation/new", `{"user_id":"nobody"}`).refused(404, "not_found_error", "user_id")
	if strings.Contains(a.log.String(), i) {
		t.Error("the log holds an invitation")
	}
}

func TestUISettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.get("/get/ui_settings").ok().has(map[string]string{"values.enable_projects_ui": "false", "source": `"default"`, "field_schema.properties.enable_projects_ui.type": `["boolean","null"]`})
	w.call(w.keys["viewer"], "PATCH", "/update/ui_settings", `{"enable_projects_ui":true}`).refused(401, "auth_error", "None")
	w.call(master, "PATCH", "/update/ui_settings", `{"enable_projects_ui":true}`).ok().has(map[string]string{"settings.enable_projects_ui": "true"})
	w.call(w.keys["member"], "GET", "/ui_settings", "").ok().has(map[string]string{"values.enable_projects_ui": "true", "source": `"db"`})
	w.call(w.keys["member"], "GET", "/session", "").ok().has(map[string]string{"ui_settings.enable_projects_ui": "true", "login_method": `"api_key"`, "teams.0.role": `"user"`})
	w.call(master, "PATCH", "/ui_settings", `{"enable_chat_ui":true}`).refused(400, "bad_request_error", "enable_chat_ui")
	w.call(master, "PATCH", "/ui_settings", `{"enable_projects_ui":"perhaps"}`).invalid("bool_parsing", `["body","enable_projects_ui"]`)
	// Those that forbid are enforced.
	own := `{"key":"sk-0123456789abcdef0123"}`
	w.call(master, "PATCH", "/ui_settings", `{"disable_custom_api_keys":true,"disable_key_generate_for_org_admin":true,"disable_team_admin_delete_team_user":true}`).ok().has(map[string]string{"settings.enable_projects_ui": "true"})
	w.post("/key/generate", own).refused(403, "auth_error", "key")
	w.call(w.keys["orgadmin"], "POST", "/key/generate", `{"team_id":"t1"}`).refused(403, "auth_error", "None")
	w.call(w.keys["teamadmin"], "POST", "/key/generate", `{"team_id":"t1"}`).ok()
	w.call(w.keys["teamadmin"], "POST", "/team/member_delete", `{"team_id":"t1","user_id":"member"}`).refused(403, "auth_error", "None")
	w.call(w.keys["orgadmin"], "POST", "/team/member_delete", `{"team_id":"t1","user_id":"member"}`).ok()
	// What new users get.
	w.call(master, "PATCH", "/update/internal_user_settings", `{"max_budget":7,"models":["gpt-4"]}`).ok()
	w.get("/get/internal_user_settings").ok().has(map[string]string{"values.max_budget": "7", "source": `"db"`})
	w.post("/user/new", `{"user_id":"fresh"}`).ok().has(map[string]string{"max_budget": "7", "models": `["gpt-4"]`})
	w.call(master, "PATCH", "/update/internal_user_settings", `{"max_budget":-7}`).refused(400, "bad_request_error", "max_budget")
	w.call(master, "PATCH", "/update/internal_user_settings", `{"user_role":"proxy_admin"}`).invalid("literal_error", `["body","user_role"]`)
}

// Who calls is told to everybody who may call, and what they may do is what they may.
func TestWhoAmI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for who, want := range map[string]map[string]string{
		"admin":     {"user_id": `"admin"`, "user_role": `"proxy_admin"`},
		"viewer":    {"permissions": `["list_users","read_all_spend","read_audit"]`},
		"orgadmin":  {"organizations.0.role": `"org_admin"`, "teams.0.role": `"org_admin"`},
		"teamadmin": {"teams.0.role": `"admin"`, "permissions": `["create_key","create_service_account_key","change_team","manage_team_members","create_project"]`},
		"member":    {"teams.0.permissions": `["/key/info","/key/health"]`, "permissions": `["create_key"]`},
		"readonly":  {"permissions": `[]`},
		"plain":     {"user_id": "null", "user_role": "null", "permissions": `[]`},
	} {
		w.call(w.keys[who], "GET", "/session", "").ok().has(want)
	}
}
