package dialect

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Endpoint is one operation of one API format. Formats declare theirs with
// register; what a format leaves empty, its operation does not have.
type Endpoint struct {
	Name     string          // "chat.completions", "anthropic.messages"
	CallType string          // as LiteLLM writes it in its spend log: "acompletion"
	Format   policy.Format   // that deployments must speak to serve it
	Also     []policy.Format // further ones that serve it with the same bodies
	Route    string          // canonical path for logs and allowed_routes: "/chat/completions"
	Method   string          // "POST"; "" is any
	Paths    []string        // every path it answers; {model} and {id} stand for a part

	Billable  bool // it has a model and a price
	Continued bool // its replies may be continued by their ids
	Unmetered bool // it passes without a count: realtime, files, batches
	Upgrade   bool // a websocket: no body in either direction

	read  func(e *Endpoint, call *Call) *Malformed // fills call from call.in
	place func(call *Call, d *policy.Deployment, model string) string
	shape shape

	main        bool                              // the one to name for models of its format
	prefixes    []string                          // paths that begin with one of these are for its format's SDKs, known or not
	mode        string                            // of the deployments that probe tries; "*" is any
	probe       string                            // body of a short call that shows whether a deployment answers; "": none is cheap enough
	lists       func(d *policy.Deployment) string // of main: where a deployment's server lists its models
	headers     map[string]string                 // of main: what a client of the format must send besides its credential
	modelField  string                            // where a model's name is added to a body without one; "": the path carries it
	capField    func(Change) string               // dotted path of the cap that is added; nil: it has no output
	usageField  string                            // dotted path of the flag that asks a stream for usage
	ownMetadata func(*Call, jsontext.Value) bool  // whether "metadata" is meant for the provider
	replies     *node                             // what is looked for in replies; nil: nothing
	tally       func(call *Call, head Head) tally // makes one for a reply
	done        string                            // data of the event that ends a stream
	flat        bool                              // the request alone tells what is paid: Call.Asks
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
	return d.Format == e.Format || slices.Contains(e.Also, d.Format)
}

// Caps reports whether Rewrite can bound the output. Where it cannot and the
// call has output, Call.OutputCap is what it can be at most.
func (e *Endpoint) Caps() bool { return e.capField != nil }

// CountsExactly reports whether Call.CountInput is what providers count: only
// chat's overhead per message is public. Elsewhere it may fall a few tokens short.
func (e *Endpoint) CountsExactly() bool {
	return e.Name == "chat.completions" || e.Name == "completions"
}

// maxModel is the longest name of a model, in bytes.
const maxModel = 256

// Read parses a request. The error is always a *Malformed.
func (e *Endpoint) Read(in Inbound) (*Call, error) {
	call := &Call{in: in, Model: in.Model, Choices: 1}
	if e.read != nil {
		if m := e.read(e, call); m != nil {
			return nil, m
		}
	}
	if !e.Billable && call.Model == "" {
		return call, nil
	}
	switch {
	case call.Model == "":
		return nil, &Malformed{Message: "The request names no model.", Param: "model", Code: "missing_required_parameter"}
	case len(call.Model) > maxModel:
		return nil, &Malformed{Message: "The model's name is too long.", Param: "model", Code: "string_above_max_length"}
	case !utf8.ValidString(call.Model) || strings.ContainsFunc(call.Model, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, &Malformed{Message: "The model's name contains characters that no name has.", Param: "model", Code: "invalid_value"}
	}
	return call, nil
}

// Path is the path and query of a call at a deployment which calls the model
// by the name model. The error is a *Malformed that names the path the
// deployment's own format is served at.
func (e *Endpoint) Path(call *Call, d *policy.Deployment, model string) (string, error) {
	if !e.Serves(d) || e.place == nil {
		return "", &Malformed{Message: wrongFormat(e, call.Model, d.Format), Param: "model", Code: "unsupported_api_format"}
	}
	return e.place(call, d, model), nil
}

func wrongFormat(e *Endpoint, model string, f policy.Format) string {
	m := "The model '" + model + "' is not served at " + e.Route + ", and requests are not translated between API formats."
	for _, other := range registry {
		if other.main && (other.Format == f || slices.Contains(other.Also, f)) {
			return m + " Use " + other.Paths[0] + " for it."
		}
	}
	return m
}
