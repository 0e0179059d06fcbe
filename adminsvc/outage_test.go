package adminsvc

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// withoutDatabase are the routes that answer as ever while there is none, and why.
var withoutDatabase = map[string]string{
	"GET /health":                                "it calls the providers",
	"GET /health/latest":                         "the latest probes are in memory",
	"GET /health/system":                         "it says itself what cannot be reached",
	"GET /health/license":                        "it is always the same",
	"GET /get/sso_settings":                      "it is always the same",
	"GET /get/ui_theme_settings":                 "it is always the same",
	"GET /sso/get/ui_settings":                   "it is always the same",
	"GET /team/metadata_schema":                  "it is always the same",
	"GET /team/available":                        "it is always the same",
	"GET /user/available_roles":                  "it is always the same",
	"GET /access_group/list":                     "models are in memory",
	"GET /access_group/beta-models/info":         "models are in memory",
	"GET /provider/budgets":                      "there are none",
	"GET /global/activity/exceptions/deployment": "none are counted",
	"GET /global/activity/exceptions":            "none are counted",
	"POST /spend/calculate":                      "prices are in memory",
	"POST /health/test_connection":               "it calls the provider",
	"POST /key/health":                           "the master key is in memory",
	"POST /user/password/change":                 "the master key has none",
}

// Whatever is wrong with the database, every call answers 503 in the one envelope and
// in time: never 500, and never nothing.
func TestEveryRouteWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	w := boundWorld(t)
	at := postgrestest.URL(t)
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	for _, c := range []struct {
		what string
		url  string
		lock bool
	}{
		{what: "it is away", url: with(func(u *url.URL) {
			q := u.Query()
			q.Set("host", "127.0.0.1")
			q.Set("port", "1")
			u.RawQuery, u.Host = q.Encode(), "127.0.0.1:1"
		})},
		{what: "it refuses the login", url: with(func(u *url.URL) { u.User = url.UserPassword("nobody", "wrong") })},
		{what: "it was dropped", url: with(func(u *url.URL) { u.Path = "/there_is_none" })},
		{what: "it answers too slowly", url: at, lock: true},
	} {
		t.Run(c.what, func(t *testing.T) {
			store, err := postgres.Open(t.Context(), postgres.Config{URL: c.url, Timeout: 100 * time.Millisecond, LongTimeout: 100 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.Close)
			if c.lock {
				locked(t, c.url)
			}
			cfg := w.server.Config
			cfg.Store, cfg.Spend, cfg.Adjust, cfg.SignIn, cfg.Answers, cfg.Kept, cfg.Refusals, cfg.Facets, cfg.AuditLog = store, store, store.Adjust, store, store, store, store, store, store
			cfg.Enforcement, cfg.RefusalSums, cfg.Ready = store, store.RefusalSums, store.Ping
			cfg.Timeout = 20 * time.Second // nothing waits for it: the store gives up first
			broken := newServer(cfg)
			var calls sync.WaitGroup
			few := make(chan struct{}, 8)
			for _, r := range everyRoute {
				method, path, _ := strings.Cut(r.route, " ")
				if c.lock && (method != http.MethodGet || r.route == "GET /health/readiness/details") {
					continue // a write has ten seconds for its turn; and it is connected
				}
				target := w.put(path, 0)
				if r.query != "" {
					target += "?" + w.put(r.query, 0)
				}
				few <- struct{}{}
				calls.Go(func() {
					defer func() { <-few }()
					req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(w.put(r.body, 0)))
					req.Header.Set("Authorization", "Bearer "+master)
					req.Header.Set("Content-Type", "application/json")
					out := httptest.NewRecorder()
					broken.serve(out, req)
					if withoutDatabase[r.route] != "" && out.Code < http.StatusInternalServerError {
						return
					}
					if out.Code != http.StatusServiceUnavailable || !strings.Contains(out.Body.String(), `"no_db_connection"`) {
						t.Errorf("%s: %d %s", r.route, out.Code, out.Body)
					}
				})
			}
			calls.Wait()
			// Of a key it cannot even be said whether it is one.
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/user/available_roles", nil)
			req.Header.Set("Authorization", "Bearer "+w.keys["admin"])
			out := httptest.NewRecorder()
			if broken.serve(out, req); out.Code != http.StatusServiceUnavailable {
				t.Errorf("with a key: %d %s", out.Code, out.Body)
			}
		})
	}
}

// locked keeps every statement waiting until the test is over.
func locked(t *testing.T, at string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	_, err = c.Exec(t.Context(), `BEGIN; DO $$ DECLARE n text; BEGIN
		FOR n IN SELECT quote_ident(relname) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace LOOP EXECUTE 'LOCK TABLE ' || n || ' IN ACCESS EXCLUSIVE MODE'; END LOOP; END $$`)
	if err != nil {
		t.Fatal(err)
	}
}
