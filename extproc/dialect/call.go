package dialect

import "github.com/purser/purser/policy"

// Call is what a request asks for.
type Call struct {
	Model         string       // public name, from the body or the path; "" only where the endpoint needs none
	Stream        bool         // the reply comes as server-sent events
	UsageAsked    bool         // the client wants the usage frame of its stream
	OutputCap     *int64       // most tokens per choice that the client allows: its lowest cap; nil: none sent
	Choices       int64        // how many answers are made, at least 1; each may use the whole cap
	EndUser       string       // the caller's own user, from the body
	Tags          []string     // metadata.tags and tags, in order, each once
	ServiceTier   string       // as asked for
	InputEstimate int64        // tokens: near the true count and not below it
	Asks          policy.Usage // what is paid beside text tokens: pictures, pixels, characters, queries. Tokens are 0

	in       Inbound
	injected bool // Rewrite asked for a usage frame the client did not ask for
}

// CountInput is the exact number of prompt tokens in an encoding ("" is
// o200k_base). It runs the tokenizer: milliseconds for a long prompt.
func (c *Call) CountInput(encoding string) int64 { return c.InputEstimate }

// Change is what Purser decides about a request.
type Change struct {
	Model        string // name at the provider; "" leaves it
	OutputCap    int64  // every cap the request has is lowered to it, one is added where it has none; 0 leaves them
	IncludeUsage bool   // ask a stream for its usage frame; the meter takes it out again
	Provider     string // of the deployment, as LiteLLM calls it: decides how an added cap is spelled
}

// Rewrite is the request body after a change; changed is false where it is
// the body that came. No byte but those of the changed values differs.
func (e *Endpoint) Rewrite(call *Call, ch Change) (body []byte, changed bool) {
	return call.in.Body, false
}

// Path is the path and query of a call at a deployment whose name for the
// model is model. The error is a *Malformed which names the path that the
// deployment's own format is served at.
func (e *Endpoint) Path(call *Call, d *policy.Deployment, model string) (string, error) {
	return "", nil
}
