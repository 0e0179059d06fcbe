package dialect

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/extproc/tokens"
	"github.com/purser/purser/policy"
)

// Call is what a request asks for.
type Call struct {
	Model         string       // public name, from the path or the body; "" only where the endpoint needs none
	Stream        bool         // the reply comes as server-sent events
	UsageAsked    bool         // the client wants the usage frame of its stream
	OutputCap     *int64       // most tokens per choice that the client allows: its lowest cap; nil: none sent
	CapFloor      int64        // lowest cap that the provider accepts with this request: it thinks by a budget below the cap; 0: any
	Choices       int64        // how many answers are made, at least 1; each may use the whole cap
	NoOutput      bool         // the endpoint produces no tokens: embeddings, moderation, rerank, counting
	Unseen        bool         // a part of the prompt lies at the provider: an earlier response, a cache; InputEstimate is without it
	Continues     string       // Unseen is an earlier response alone, of this id; "": it may be anything
	EndUser       string       // the caller's own user, from the body
	Tags          []string     // metadata.tags and tags, in order, each once
	ServiceTier   string       // as asked for; "" where none is
	InputEstimate int64        // prompt tokens: near the true count and not below it
	Asks          policy.Usage // what is paid beside text tokens and known from the request: Images, Pixels, Characters, Queries

	in         Inbound
	form       bool   // the body is multipart: values stand there without quotes
	boundary   string // of its parts
	prefix     string // names of models in the body may begin with it: it is no part of them
	models     []span // where the body names the model
	caps       []cap  // as they stand in the body
	slots      []slot // the body's object and the objects in it that we read
	extras     []extra
	texts      []text
	counted    int64  // by CountInput
	countedIn  string // in this encoding
	overhead   int64  // prompt tokens beside those of texts: 3 a message, pictures …
	wantFlag   span   // stream_options.include_usage, where the body has it
	encoding   string // to estimate with, where the endpoint's models have another than the default
	slack      int64  // percent on top of what texts count, where the tokenizer is not public
	prompts    int64  // texts to be continued, where there are several
	background bool   // the reply would come before its usage
	size       string // of pictures, as asked for
	stored     bool   // the provider is asked to store the reply
	injected   bool   // Rewrite asked for a usage frame that the client did not ask for
}

// cap is a field that bounds the output.
type cap struct {
	path  string
	at    span
	limit int64 // -1: null
}

// slot is a place where members can be added.
type slot struct {
	path    string
	at      span // behind the brace; or the null that stands where the object could
	members int  // those in it, extras aside
	null    bool
}

// extra is a member of the body that only proxies may understand.
type extra struct {
	name   string
	at     span // name and value
	colon  int  // where its name ends
	behind bool // a member that is no extra comes before it
}

// text is a piece of the prompt in the body.
type text struct {
	at   span
	kind textKind
}

type textKind uint8

const (
	plainText  textKind = iota // as it stands
	jsonString                 // with its quotes
	jsonValue                  // a schema, a list of tools: counted as it is written
)

// CountInput is the number of prompt tokens in an encoding ("" is o200k_base):
// exact for text, but where the provider's tokenizer is not public. It runs the
// tokenizer once: milliseconds for a long prompt.
func (c *Call) CountInput(encoding string) int64 {
	if c.counted > 0 && c.countedIn == encoding {
		return c.counted
	}
	n := c.overhead
	var scratch []byte
	for _, t := range c.texts {
		raw := c.in.Body[t.at.from:t.at.to]
		if t.kind == jsonString {
			scratch, _ = jsontext.AppendUnquote(scratch[:0], raw) // checked when it was read
			raw = scratch
		}
		n += c.withSlack(tokens.Count(encoding, string(raw)))
	}
	c.counted, c.countedIn = n, encoding
	return n
}

// addText makes a part of the body prompt text.
func (c *Call) addText(at span, kind textKind) {
	c.texts = append(c.texts, text{at, kind})
	raw := c.in.Body[at.from:at.to]
	if kind == jsonString {
		raw = raw[1 : len(raw)-1]
		c.InputEstimate += c.withSlack(tokens.EstimateJSON(c.encoding, raw))
	} else {
		c.InputEstimate += c.withSlack(tokens.Estimate(c.encoding, raw))
	}
}

// addTokens makes the prompt longer by what is no text.
func (c *Call) addTokens(n int64) {
	c.overhead += n
	c.InputEstimate += n
}

func (c *Call) withSlack(n int64) int64 { return n + (n*c.slack+99)/100 }
