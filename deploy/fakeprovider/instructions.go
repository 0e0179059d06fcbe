package fakeprovider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

// Instructions steer one answer. The zero value is a short, immediate, correct one.
type Instructions struct {
	// OutputTokens of visible text per choice; default: a short greeting.
	OutputTokens *int `json:"output_tokens"`
	// Text to answer with instead; it may hold any characters.
	Text string `json:"text"`
	// ReasoningTokens are billed as output and not shown.
	ReasoningTokens int `json:"reasoning_tokens"`
	// CachedTokens of the prompt are reported as read from a cache (at most the prompt).
	CachedTokens int `json:"cached_tokens"`
	// CacheWriteTokens of the prompt are reported as written to a cache (Anthropic).
	CacheWriteTokens int `json:"cache_write_tokens"`
	// AudioTokens of the prompt are reported as audio (OpenAI).
	AudioTokens int `json:"audio_tokens"`
	// IgnoreCap answers with more than the request's max_tokens, as a broken provider.
	IgnoreCap bool `json:"ignore_cap"`
	// Tool is a function to call instead of answering (chat, responses, messages, Gemini).
	Tool string `json:"tool"`
	// Model to name in the answer; default: the one asked for.
	Model string `json:"model"`
	// FinishReason instead of the format's own, e.g. content_filter.
	FinishReason string `json:"finish_reason"`

	// Status of the answer, e.g. 429 or 500; from 400 on it is an error in the format's shape.
	Status int `json:"status"`
	// RetryAfter is the Retry-After header, in seconds.
	RetryAfter int `json:"retry_after"`
	// Headers to add to the answer.
	Headers map[string]string `json:"headers"`

	// FirstByteDelayMS is the time before the status line, DelayMS that between chunks.
	FirstByteDelayMS int `json:"first_byte_delay_ms"`
	DelayMS          int `json:"delay_ms"`
	// Hang reads the request and never answers.
	Hang bool `json:"hang"`
	// Chunks of visible text in a stream; default: one per token.
	Chunks int `json:"chunks"`
	// ResetAfter closes the connection after so many chunks of a stream (bytes of a JSON reply).
	ResetAfter *int `json:"reset_after"`
	// ErrorAfter sends an error event after so many chunks of a stream, and ends it.
	ErrorAfter *int `json:"error_after"`

	// Usage is where the tokens are reported:
	//   ""           where the real provider does (OpenAI chat streams: when stream_options.include_usage)
	//   "none"       nowhere
	//   "null"       as null
	//   "always"     also in a stream that did not ask
	//   "final"      in the chunk that carries the finish reason, asked or not
	//   "cumulative" in every chunk, running totals
	Usage string `json:"usage"`

	// Split writes in pieces of so many bytes, each flushed, so that frames arrive in parts.
	Split int `json:"split"`
	// CRLF ends the lines of a stream with CR LF.
	CRLF bool `json:"crlf"`
	// NoFinalNewline leaves out the line ends after a stream's last frame.
	NoFinalNewline bool `json:"no_final_newline"`
	// NoDone leaves out OpenAI's data: [DONE].
	NoDone bool `json:"no_done"`
	// Comments sends so many comment lines (": ping") before each chunk.
	Comments int `json:"comments"`
	// Gzip compresses, whether the client accepts it or not.
	Gzip bool `json:"gzip"`
	// Chunked sends a JSON reply without content-length.
	Chunked bool `json:"chunked"`
	// BodyBytes pads the answer to at least this size: a first member "padding" in JSON,
	// a leading comment in a stream.
	BodyBytes int `json:"body_bytes"`
}

const (
	marker         = "fake:"
	headerPrefix   = "X-Fake-"
	wholeHeader    = headerPrefix + "Instructions"
	maxTokensAsked = 1_000_000
)

// readInstructions merges what the text and the headers say.
func readInstructions(text string, header http.Header) (Instructions, error) {
	var in Instructions
	if at := strings.LastIndex(text, marker+"{"); at >= 0 {
		// The object may be followed by more text.
		dec := json.NewDecoder(strings.NewReader(text[at+len(marker):]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return in, fmt.Errorf("the instructions after %q: %w", marker, err)
		}
	}
	if whole := header.Get(wholeHeader); whole != "" {
		dec := json.NewDecoder(strings.NewReader(whole))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return in, fmt.Errorf("header %s: %w", wholeHeader, err)
		}
	}
	for name, values := range header {
		field, ok := strings.CutPrefix(name, headerPrefix)
		if !ok || name == wholeHeader {
			continue
		}
		if err := in.set(strings.ReplaceAll(strings.ToLower(field), "-", "_"), values[0]); err != nil {
			return in, fmt.Errorf("header %s: %w", name, err)
		}
	}
	return in, in.validate()
}

// set takes one field from a header; a value that is no JSON is a string.
func (in *Instructions) set(field, value string) error {
	raw := json.RawMessage(value)
	if f, ok := fieldNamed(field); ok && f.Type.Kind() == reflect.String {
		raw, _ = json.Marshal(value)
	}
	object, err := json.Marshal(map[string]json.RawMessage{field: raw})
	if err != nil {
		return fmt.Errorf("%q is no value for %s", value, field)
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.DisallowUnknownFields()
	return dec.Decode(in)
}

func fieldNamed(name string) (reflect.StructField, bool) {
	for f := range reflect.TypeFor[Instructions]().Fields() {
		if f.Tag.Get("json") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func (in *Instructions) validate() error {
	switch in.Usage {
	case "", "none", "null", "always", "final", "cumulative":
	default:
		return fmt.Errorf("usage: %q is none of none, null, always, final, cumulative", in.Usage)
	}
	if in.Status != 0 && (in.Status < 200 || in.Status > 599) {
		return fmt.Errorf("status: %d is no status", in.Status)
	}
	v := reflect.ValueOf(in).Elem()
	for f := range v.Type().Fields() {
		n := v.FieldByIndex(f.Index)
		if n.Kind() == reflect.Pointer && !n.IsNil() {
			n = n.Elem()
		}
		if n.Kind() == reflect.Int && n.Int() < 0 {
			return fmt.Errorf("%s: negative", f.Tag.Get("json"))
		}
	}
	if in.OutputTokens != nil && *in.OutputTokens > maxTokensAsked || in.ReasoningTokens > maxTokensAsked {
		return fmt.Errorf("output_tokens, reasoning_tokens: more than %d", maxTokensAsked)
	}
	return nil
}
