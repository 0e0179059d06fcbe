package dialect

import "github.com/purser/purser/policy"

// Head is the beginning of a reply.
type Head struct {
	Status          int
	ContentType     string
	ContentEncoding string
	HasLength       bool
	Length          int64  // bytes, where HasLength
	Tokenizer       string // the model's encoding, for what nobody reports; "" is o200k_base
}

// Result is what a reply has used so far. It can be asked for at any moment.
type Result struct {
	Usage        policy.Usage // Source says who counted
	ResponseID   string       // the provider's: "chatcmpl-…", "msg_…"
	Model        string       // as the provider names it
	FinishReason string       // the first choice's: "stop", "length", "end_turn", …
	Complete     bool         // the reply said that it is over: [DONE], message_stop, a whole JSON value
	Failed       bool         // the provider said that it failed: by status, or within the stream
	Failure      string       // its error code or type, at most 64 bytes; no message
}

// Meter reads one reply as it passes.
type Meter struct {
	watcher watcher
}

// watcher is what a format knows about reading a reply.
type watcher interface {
	// chunk sees the next bytes and returns what passes on in their place.
	chunk(p []byte, end bool) (out []byte, changed bool)
	result() Result
}

// NewMeter picks the reader for a reply: events, JSON, neither.
func (e *Endpoint) NewMeter(call *Call, head Head) *Meter {
	return &Meter{watcher: e.watch(call, head)}
}

// Edits reports whether the meter may take bytes out of the reply: then
// content-length must be removed before the first chunk passes.
func (m *Meter) Edits() bool { return false }

// Chunk takes the next bytes of the reply and returns what passes on. Where
// changed is false it is p itself. out is valid until the next call. end may
// come with no bytes, or never.
func (m *Meter) Chunk(p []byte, end bool) (out []byte, changed bool) { return m.watcher.chunk(p, end) }

// Result is the usage so far: reported, else counted from what passed.
func (m *Meter) Result() Result { return m.watcher.result() }
