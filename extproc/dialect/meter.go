package dialect

import (
	"bytes"
	"mime"
	"strings"

	"github.com/purser/purser/extproc/sse"
	"github.com/purser/purser/policy"
)

// Head is the beginning of a reply.
type Head struct {
	Status          int
	ContentType     string
	ContentEncoding string
	HasLength       bool
	Length          int64  // bytes, where HasLength
	Tokenizer       string // the model's encoding, for what nobody reports; "" is o200k_base
}

// Result is what a reply has used so far. It can be asked for at any moment;
// where nothing is reported yet it runs the tokenizer over the prompt and what
// was answered so far.
type Result struct {
	Usage        policy.Usage // Source says who counted
	ResponseID   string       // the provider's: "chatcmpl-…", "msg_…"
	Model        string       // as the provider names it
	FinishReason string       // the first choice's: "stop", "length", "end_turn", …
	Complete     bool         // the reply said that it is over: [DONE], message_stop, a whole JSON value
	Failed       bool         // the provider said that it failed: by status, or within the stream
	Failure      string       // its error code or type; "" where it gave none
	Unreadable   bool         // compressed in a way we do not read: nothing was seen, settle the hold
	Seen         int64        // bytes of the body
}

// Meter reads one reply as it passes.
type Meter struct {
	endpoint *Endpoint
	call     *Call
	head     Head
	tally    tally
	seen     int64

	events  *sse.Splitter // nil: no event stream
	scan    *scanner      // nil: nothing to be read
	inflate *inflater     // nil: not compressed
	done    string        // data of the event that ends the stream: "[DONE]"

	drops   bool // usage frames are taken out
	going   bool // an event came in part
	marker  bool // it is the one that ends the stream
	last    Result
	known   bool   // last is of what was read so far
	ended   bool   // its end was told
	over    bool   // the reply ended as its format ends
	chunk   []byte // being read
	passed  int    // bytes of whole events yielded from it
	copying bool   // what passes on is collected in out
	out     []byte
}

// tally is what a format adds up from a reply. One is made for each reply.
type tally interface {
	sink
	// begin and end enclose each event, or the whole of a JSON reply. end reports
	// whether it was a frame of usage and nothing else.
	begin()
	end() (usageOnly bool)
	result() reported
	// counted is the tokens of the text that passed, and how many of them were
	// reasoning. It runs the tokenizer.
	counted() (output, reasoning int64)
}

// reported is what the provider said itself.
type reported struct {
	Result             // Usage: its figures, Source aside
	input, output bool // it said how much
}

const (
	holdMax = 64 << 10 // most bytes of an unfinished event; usage frames are shorter
)

// NewMeter picks the reader for a reply: events, JSON, or none.
func (e *Endpoint) NewMeter(call *Call, head Head) *Meter {
	m := &Meter{endpoint: e, call: call, head: head}
	if e.replies == nil || e.tally == nil {
		return m
	}
	m.tally = e.tally(call, head)
	media, _, err := mime.ParseMediaType(head.ContentType)
	if err != nil {
		media, _, _ = strings.Cut(strings.ToLower(head.ContentType), ";")
		media = strings.TrimSpace(media)
	}
	switch {
	case media == "text/event-stream":
		m.events = &sse.Splitter{Max: holdMax}
	case media == "application/json", strings.HasSuffix(media, "+json"), media == "", media == "application/x-ndjson":
	case call.Stream && head.Status < 300: // some servers stream as text/plain
		m.events = &sse.Splitter{Max: holdMax}
	default: // pictures, audio, HTML of a broken proxy
		return m
	}
	m.scan, m.done = newScanner(e.replies, m.tally), e.done
	m.inflate = newInflater(head.ContentEncoding)
	m.drops = m.events != nil && call.injected && m.inflate == nil
	if m.events == nil {
		m.tally.begin()
	}
	return m
}

// Edits reports whether the meter may take bytes out of the reply: then
// content-length must be removed before the first chunk passes.
func (m *Meter) Edits() bool { return m.drops }

// Chunk takes the next bytes of the reply and returns what passes on. Where
// changed is false it is p itself. out is valid until the next call. end may
// come with no bytes, or never.
func (m *Meter) Chunk(p []byte, end bool) (out []byte, changed bool) {
	m.seen += int64(len(p))
	m.ended = m.ended || end
	m.known = false
	switch {
	case m.scan == nil:
		return p, false
	case m.inflate != nil:
		m.inflate.feed(p, end, m.read)
		return p, false
	case !m.drops:
		m.read(p, end)
		return p, false
	}
	m.chunk, m.passed, m.copying, m.out = p, 0, m.events.Held() > 0, m.out[:0]
	m.read(p, end)
	m.chunk = nil
	switch held := m.events.Held(); {
	case m.copying:
		return m.out, true
	case held > 0:
		return p[:len(p)-held], true
	}
	return p, false
}

// read looks at bytes of the reply.
func (m *Meter) read(p []byte, end bool) {
	if m.events != nil {
		m.events.Feed(p, end, m.event)
		return
	}
	m.scan.feed(p)
	if end {
		m.scan.finish()
		m.tally.end()
	}
}

func (m *Meter) event(e sse.Event) {
	if !m.going {
		m.tally.begin()
		m.scan.reset()
		m.marker = m.done != "" && string(bytes.TrimSpace(e.Data)) == m.done
		m.over = m.over || m.marker
	}
	m.going = e.More
	usageOnly := false
	if !m.marker {
		m.scan.feed(e.Data)
		usageOnly = !e.More && m.tally.end()
	}
	switch {
	case !m.drops:
		return
	case usageOnly && !e.Oversize:
		if !m.copying {
			m.copying, m.out = true, append(m.out, m.chunk[:m.passed]...)
		}
	case m.copying:
		m.out = append(m.out, e.Raw...)
	}
	m.passed += len(e.Raw)
}

// Result is the usage so far: reported, else counted from what passed.
func (m *Meter) Result() Result {
	if !m.known {
		m.last, m.known = m.result(), true
	}
	return m.last
}

func (m *Meter) result() Result {
	r := reported{}
	if m.tally != nil {
		r = m.tally.result()
	}
	r.Seen = m.seen
	r.Failed = r.Failed || m.head.Status >= 400
	r.Complete = r.Complete || m.Complete()
	u := &r.Usage
	if ok := 200 <= m.head.Status && m.head.Status < 300; ok && !m.endpoint.Unmetered && m.endpoint.Billable {
		alsoAsked(u, m.call.Asks)
	}
	switch {
	case m.endpoint.Unmetered:
		*u = policy.Usage{Source: policy.UsageUnmetered}
	case r.input || r.output:
		u.Source = policy.UsageReported
		if m.head.Status >= 400 {
			break
		}
		if !r.input {
			u.Input, u.Source = m.call.CountInput(m.head.Tokenizer), policy.UsageCounted
		}
		if m.call.NoOutput || r.output && (r.Complete || r.FinishReason != "") {
			break
		}
		// The stream was cut: what was reported on the way may be less than what passed.
		if out, thought := m.tally.counted(); !r.output || out > u.Output {
			u.Output, u.Reasoning, u.Source = out, max(thought, u.Reasoning), policy.UsageCounted
		}
	case m.head.Status < 200 || m.head.Status >= 300:
		*u = policy.Usage{Source: policy.UsageNone}
	case !m.endpoint.Billable:
		*u = policy.Usage{Source: policy.UsageNone}
	case m.tally == nil || m.scan == nil && !m.endpoint.flat || m.inflate.broken():
		u.Input, u.Source, r.Unreadable = m.call.InputEstimate, policy.UsageEstimated, true
	default:
		u.Input, u.Source = m.call.CountInput(m.head.Tokenizer), policy.UsageCounted
		if !m.call.NoOutput {
			u.Output, u.Reasoning = m.tally.counted()
		}
	}
	return r.Result
}

// Complete is Result's Complete, without the counting: for every chunk.
func (m *Meter) Complete() bool {
	switch {
	case m.scan == nil && m.head.HasLength:
		return m.seen >= m.head.Length
	case m.scan == nil:
		return m.ended
	case m.events == nil:
		return m.scan.docs > 0
	}
	if m.over {
		return true
	}
	r := m.tally.result()
	return r.Complete || m.ended && r.FinishReason != "" // not every server sends a last event
}

// Close lets go of what reading a compressed reply needs. It is for every
// meter, at the end, and can be called twice.
func (m *Meter) Close() { m.inflate.close() }
