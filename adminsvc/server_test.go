package adminsvc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"context"

	"github.com/purser/purser/policy"
)

func bare(cfg Config) http.Handler {
	cfg.Settings = func() *policy.Settings {
		return policy.Settings{MasterKey: policy.HashKey("sk-1234"), HasMasterKey: true, MasterUserID: "default_user_id"}.Compile()
	}
	cfg.Catalog = func() *policy.Catalog { return policy.NewCatalog(nil, nil) }
	return New(cfg)
}

func TestEdges(t *testing.T) {
	h := bare(Config{Version: "1.2.3", NewID: func() string { return "new-id" }})
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		status             int
		body, allow        string
	}{
		{name: "unknown route", method: "GET", path: "/nowhere", status: 404, body: `{"detail":"Not Found"}`},
		{name: "unclean path is not redirected", method: "POST", path: "/health//liveliness", status: 404, body: `{"detail":"Not Found"}`},
		{name: "wrong method", method: "POST", path: "/health/liveliness", status: 405, body: `{"detail":"Method Not Allowed"}`, allow: "GET, HEAD, OPTIONS"},
		{name: "options", method: "OPTIONS", path: "/health/liveliness", status: 204, allow: "GET, HEAD, OPTIONS"},
		{name: "alive", method: "GET", path: "/health/liveness", status: 200, body: `"I'm alive!"`},
		{name: "ready", method: "GET", path: "/health/readiness", status: 200, body: `{"status":"healthy","db":"connected","litellm_version":"1.2.3"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || strings.TrimSpace(w.Body.String()) != c.body || w.Header().Get("Allow") != c.allow {
				t.Errorf("got %d %s Allow %q, want %d %s Allow %q", w.Code, w.Body, w.Header().Get("Allow"), c.status, c.body, c.allow)
			}
			if w.Header().Get("x-litellm-call-id") != "new-id" || w.Header().Get("x-litellm-version") != "1.2.3" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

func TestCallIDIsTheClientsWhereItIsSane(t *testing.T) {
	h := bare(Config{NewID: func() string { return "ours" }})
	for sent, want := range map[string]string{"abc-1": "abc-1", "": "ours", "a b": "ours", strings.Repeat("x", 200): "ours", "ä": "ours"} {
		r := httptest.NewRequest("GET", "/health/liveness", nil)
		r.Header.Set("x-litellm-call-id", sent)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("x-litellm-call-id"); got != want {
			t.Errorf("sent %q: got %q, want %q", sent, got, want)
		}
	}
}

func TestNotReadyIs503(t *testing.T) {
	h := bare(Config{Ready: func(context.Context) error { return errors.New("connection refused to 10.0.0.1") }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/health/readiness", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"type":"no_db_connection"`) || strings.Contains(w.Body.String(), "10.0.0.1") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestOpenAPIAndDocsAreServed(t *testing.T) {
	h := bare(Config{})
	for path, want := range map[string]string{"/openapi.json": `"openapi":"3.1.0"`, "/docs": "<!doctype html>"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %.200s", path, w.Code, w.Body)
		}
	}
}
