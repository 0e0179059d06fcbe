package dialect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRefuse(t *testing.T) {
	r := Refusal{Status: 429, Message: "Too \"many\".", Type: "throttling_error", Extra: map[string]any{"scope": "key", "limit": 5, "message": "no"}}
	for _, tc := range []struct {
		path, want string
		r          Refusal
	}{
		{"/v1/chat/completions", `{"error":{"message":"Too \"many\".","type":"throttling_error","param":null,"code":"429","limit":5,"scope":"key"}}`, r},
		{"/v1/messages", `{"type":"error","error":{"type":"rate_limit_error","message":"Too \"many\".","code":"429","limit":5,"reason":"throttling_error","scope":"key"}}`, r},
		{"/v1beta/models/m:generateContent", `{"error":{"code":429,"message":"Too \"many\".","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"throttling_error","domain":"purser","metadata":{"code":"429","limit":5,"message":"no","scope":"key"}}]}}`, r},
		{"/v1/rerank", `{"error":{"message":"x","type":"invalid_request_error","param":"model","code":"c"}}`, (&Malformed{Message: "x", Param: "model", Code: "c"}).Refusal()},
		{"/v1/messages", `{"type":"error","error":{"type":"invalid_request_error","message":"x","code":"c","param":"model"}}`, (&Malformed{Message: "x", Param: "model", Code: "c"}).Refusal()},
		{"/v1/embeddings", "{\"error\":{\"message\":\"\ufffd\",\"type\":\"\",\"param\":null,\"code\":\"400\"}}", Refusal{Status: 400, Message: "\xff"}},
	} {
		m, ok := Find("POST", tc.path)
		if !ok {
			t.Fatal(tc.path)
		}
		contentType, have := m.Endpoint.Refuse(tc.r)
		if string(have) != tc.want || contentType != "application/json" {
			t.Errorf("%s:\n%s\nwant\n%s", tc.path, have, tc.want)
		}
	}
}

// Each status is one that the formats' SDKs know.
func TestRefusalsOfEveryStatus(t *testing.T) {
	for _, status := range []int{400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503, 504} {
		for _, e := range []*Endpoint{Stranger("/nothing"), Stranger("/v1/messages/x"), Stranger("/v1beta/y")} {
			_, body := e.Refuse(Refusal{Status: status, Message: "m", Type: "t"})
			var v struct {
				Error struct{ Message, Type, Status string }
			}
			if err := json.Unmarshal(body, &v); err != nil || v.Error.Message != "m" || v.Error.Type+v.Error.Status == "" || v.Error.Status == "UNKNOWN" {
				t.Errorf("%d: %s, %v", status, body, err)
			}
		}
	}
	if _, body := Stranger("/").Refuse(Refusal{Status: 400, Extra: map[string]any{"f": func() {}}}); !json.Valid(body) {
		t.Errorf("%s", body)
	}
	for path, want := range map[string]string{"/v1/messages/x": `{"type":"error"`, "/anthropic/x": `{"type":"error"`, "/v1beta/y": `{"error":{"code":404,`, "/nothing": `{"error":{"message"`} {
		if _, body := Stranger(path).Refuse(Refusal{Status: 404, Message: "m"}); !strings.HasPrefix(string(body), want) {
			t.Errorf("%s: %s", path, body)
		}
	}
}
