package dialect

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
	return "application/json", e.shape(r)
}
