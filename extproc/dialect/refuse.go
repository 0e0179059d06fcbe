package dialect

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Refusal is an answer that Purser gives in place of the provider.
type Refusal struct {
	Status  int
	Message string
	Type    string         // OpenAI's and LiteLLM's: "invalid_request_error", "throttling_error"
	Param   string         // "" is null
	Code    string         // "" is the status as a string, as LiteLLM has it
	Extra   map[string]any // machine fields: scope, scope_id, limit_kind, limit, used, reset_at
}

// shape is a format's error envelope.
type shape func(Refusal) []byte

// Refuse writes a refusal in the format's own envelope.
func (e *Endpoint) Refuse(r Refusal) (contentType string, body []byte) {
	if r.Code == "" {
		r.Code = strconv.Itoa(r.Status)
	}
	if e.shape == nil {
		return "application/json", openAIShape(r)
	}
	return "application/json", e.shape(r)
}

// openAIShape is {"error":{message,type,param,code,…}}.
func openAIShape(r Refusal) []byte {
	var param any
	if r.Param != "" {
		param = r.Param
	}
	return encode(struct {
		Error any `json:"error"`
	}{struct {
		Message string         `json:"message"`
		Type    string         `json:"type"`
		Param   any            `json:"param"`
		Code    string         `json:"code"`
		Extra   map[string]any `json:",embed"`
	}{r.Message, r.Type, param, r.Code, without(r.Extra, "message", "type", "param", "code")}})
}

// anthropicShape is {"type":"error","error":{type,message,…}}. The SDK picks its
// exception by status; type is one of the API's own.
func anthropicShape(r Refusal) []byte {
	kind := "api_error"
	switch r.Status {
	case 400, 405, 409, 422:
		kind = "invalid_request_error"
	case 401:
		kind = "authentication_error"
	case 402:
		kind = "billing_error"
	case 403:
		kind = "permission_error"
	case 404:
		kind = "not_found_error"
	case 413:
		kind = "request_too_large"
	case 429:
		kind = "rate_limit_error"
	case 504:
		kind = "timeout_error"
	case 503, 529:
		kind = "overloaded_error"
	}
	extra := without(r.Extra, "message", "type", "param", "code", "reason")
	if extra == nil {
		extra = map[string]any{}
	}
	extra["code"] = r.Code
	if r.Type != "" && r.Type != kind {
		extra["reason"] = r.Type
	}
	if r.Param != "" {
		extra["param"] = r.Param
	}
	return encode(struct {
		Type  string `json:"type"`
		Error any    `json:"error"`
	}{"error", struct {
		Type    string         `json:"type"`
		Message string         `json:"message"`
		Extra   map[string]any `json:",embed"`
	}{kind, r.Message, extra}})
}

// geminiShape is {"error":{code,message,status,details}}, as Google's APIs have
// it; the machine fields are the metadata of an ErrorInfo.
func geminiShape(r Refusal) []byte {
	status := "UNKNOWN"
	switch r.Status {
	case 400, 405, 413, 422:
		status = "INVALID_ARGUMENT"
	case 401:
		status = "UNAUTHENTICATED"
	case 402, 403:
		status = "PERMISSION_DENIED"
	case 404:
		status = "NOT_FOUND"
	case 409:
		status = "ABORTED"
	case 429:
		status = "RESOURCE_EXHAUSTED"
	case 500:
		status = "INTERNAL"
	case 502, 503:
		status = "UNAVAILABLE"
	case 504:
		status = "DEADLINE_EXCEEDED"
	}
	metadata := without(r.Extra, "code", "param")
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["code"] = r.Code
	if r.Param != "" {
		metadata["param"] = r.Param
	}
	type errorInfo struct {
		Type     string         `json:"@type"`
		Reason   string         `json:"reason"`
		Domain   string         `json:"domain"`
		Metadata map[string]any `json:"metadata"`
	}
	return encode(struct {
		Error any `json:"error"`
	}{struct {
		Code    int         `json:"code"`
		Message string      `json:"message"`
		Status  string      `json:"status"`
		Details []errorInfo `json:"details"`
	}{r.Status, r.Message, status, []errorInfo{{"type.googleapis.com/google.rpc.ErrorInfo", r.Type, "purser", metadata}}}})
}

// without copies a map but for some names.
func without(m map[string]any, names ...string) map[string]any {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]any, len(m)+3)
	for k, v := range m {
		out[k] = v
	}
	for _, n := range names {
		delete(out, n)
	}
	return out
}

// encode writes JSON with the members of maps in order. Bytes that are no UTF-8
// (a path, a model's name) are replaced: a refusal is always written.
func encode(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // an Extra that is no JSON: a programmer's mistake, which must not cost the client its answer
		return []byte(`{"error":{"message":"request refused","type":"internal_server_error","param":null,"code":"500"}}`)
	}
	return b
}
