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
