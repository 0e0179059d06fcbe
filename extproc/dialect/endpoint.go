package dialect

import (
	"github.com/purser/purser/policy"
)

// Endpoint is one operation of one API format.
type Endpoint struct {
	Name     string          // "chat.completions", "anthropic.messages"
	CallType string          // as LiteLLM writes it in its spend log: "acompletion"
	Format   policy.Format   // the format deployments must speak to serve it
	Also     []policy.Format // further formats that serve it with the same bodies
	Route    string          // canonical path for logs and allowed_routes: "/chat/completions"
	Method   string          // "POST"; "" is any
	Paths    []string        // every path it answers; {model} and {id} stand for a part

	Billable  bool // consumes tokens, pictures, seconds …: it has a model and a price
	Unmetered bool // passes without a count: realtime, files, batches
	Upgrade   bool // a websocket: no body in either direction

	read   func(e *Endpoint, in Inbound) (*Call, error)
	target func(call *Call, d *policy.Deployment, model string) string
	watch  func(call *Call, head Head) watcher
	shape  shape
}

// Inbound is a request as Envoy handed it over.
type Inbound struct {
	Method      string
	Path        string // without the query
	Query       string // without "?"
	ContentType string
	Model       string // Match.Model
	ID          string // Match.ID
	Body        []byte // Call keeps it: the caller must not change it afterwards
}

// Serves reports whether a deployment speaks the endpoint's format.
func (e *Endpoint) Serves(d *policy.Deployment) bool {
	if d.Format == e.Format {
		return true
	}
	for _, f := range e.Also {
		if d.Format == f {
			return true
		}
	}
	return false
}

// Read parses a request. The error is always a *Malformed.
func (e *Endpoint) Read(in Inbound) (*Call, error) { return e.read(e, in) }
