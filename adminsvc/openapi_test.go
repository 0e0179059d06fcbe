package adminsvc

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// The document describes what is there: every reference leads somewhere, every
// path parameter is declared, every endpoint has a summary and can be called.
func TestOpenAPIIsWhole(t *testing.T) {
	h := bare(Config{})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	text := w.Body.String()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Tags        []string
			Parameters  []struct{ Name, In string }
			RequestBody json.RawMessage
			Responses   map[string]json.RawMessage
			Security    []any
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(text, `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is not there", name)
		}
	}
	if strings.Contains(text, "$schema") {
		t.Error("$schema is in the document")
	}
	public := map[string]bool{"/health/liveliness": true, "/health/liveness": true, "/health/readiness": true, "/login": true, "/v2/login": true, "/session/logout": true,
		"/onboarding/get_token": true, "/onboarding/claim_token": true, "/.well-known/litellm-ui-config": true, "/routes": true}
	endpoints := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			endpoints++
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || op.Responses["4XX"] == nil || op.Security == nil && !public[path] {
				t.Errorf("%s %s is not described", method, path)
			}
			for _, part := range strings.Split(path, "{")[1:] {
				name, _, _ := strings.Cut(part, "}")
				found := false
				for _, p := range op.Parameters {
					found = found || p.Name == name && p.In == "path"
				}
				if !found {
					t.Errorf("%s %s does not declare %s", method, path, name)
				}
			}
			for _, p := range op.Parameters {
				if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s %s declares %s, which is not in it", method, path, p.Name)
				}
			}
			// Nothing in the document is without a handler, which asks for a credential first.
			r := httptest.NewRequest(strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path), nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 401 && op.Security != nil {
				t.Errorf("%s %s without a credential: %d", method, path, w.Code)
			}
		}
	}
	if endpoints < 40 {
		t.Errorf("only %d endpoints", endpoints)
	}
	for _, want := range []string{`"max_budget":{"description":`, `"type":["number","null"]`, `"required":["team_id"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the document", want)
		}
	}
}
