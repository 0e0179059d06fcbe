package dialect

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// OpenAI's audio. What is spoken is paid by the character, the second or the
// token, according to the model; what is heard by the second or the token.
var (
	_ = register(openAIEndpoint(Endpoint{
		Name:     "audio.speech",
		CallType: "aspeech",
		Route:    "/audio/speech",
		Billable: true,
		flat:     true, // the reply is sound
		read: func(_ *Endpoint, call *Call) *Malformed {
			m := readJSON(openAISpeechFields, call)
			call.Asks.Millis = call.Asks.Characters * 1000 / spokenPerSecond
			limit := call.Asks.Characters * speechTokensPerSecond / spokenPerSecond
			call.OutputCap = &limit
			return m
		},
		replies: openAIHeardReplies,
		tally:   newHeardTally,
	}))
	_ = register(hearing("transcriptions"))
	_ = register(hearing("translations"))
)

const (
	spokenPerSecond       = 12 // characters: slow speech, so that a hold suffices
	speechTokensPerSecond = 25
)

var openAISpeechFields = proxyFields(fields{
	"model":        takeModel,
	"instructions": takeText,
	"input": func(r *request, v value) {
		takeText(r, v)
		if v.raw.Kind() == '"' {
			text, _ := jsontext.AppendUnquote(nil, v.raw)
			r.call.Asks.Characters = int64(utf8.RuneCount(text))
		}
	},
	"stream_format": func(r *request, v value) {
		if s, _ := str(v); s == "sse" {
			r.call.Stream = true
		}
	},
}).compile()

func hearing(op string) *Endpoint {
	return openAIEndpoint(Endpoint{
		Name:     "audio." + op,
		CallType: "atranscription",
		Route:    "/audio/" + op,
		Billable: true,
		flat:     true, // the reply may be plain text or subtitles
		read: func(_ *Endpoint, call *Call) *Malformed {
			m := readForm(call, map[string]func(*Call, string, span) *Malformed{
				"model": formModel, "prompt": formText, "stream": formStream, "user": formUser,
				"response_format": formNothing,
				"file": func(c *Call, _ string, at span) *Malformed {
					c.Asks.Millis += audioMillis(c.in.Body[at.from:at.to])
					return nil
				},
			})
			call.addTokens(call.Asks.Millis * heardTokensPerSecond / 1000)
			limit := call.Asks.Millis*saidTokensPerSecond/1000 + 100
			call.OutputCap = &limit
			return m
		},
		replies: openAIHeardReplies,
		tally:   newHeardTally,
	})
}

const (
	heardTokensPerSecond = 10
	saidTokensPerSecond  = 6 // of text in fast speech
)

const (
	heardType = uOwn + iota
	heardText
	heardDelta
	heardSeconds
)

// One tree for whole replies and the events of a stream.
var openAIHeardReplies = wants{
	"type":       {capture, heardType},
	"text":       {stream, heardText},
	"delta":      {stream, heardDelta},
	"duration":   {capture, heardSeconds}, // verbose_json
	"error":      {enter, rError},
	"error.code": {capture, rErrorCode},
	"error.type": {capture, rErrorType},

	"usage.seconds":                          {capture, heardSeconds},
	"usage.input_tokens":                     {capture, uInput},
	"usage.output_tokens":                    {capture, uOutput},
	"usage.total_tokens":                     {capture, uTotal},
	"usage.input_token_details.audio_tokens": {capture, uAudioInput},
}.compile()

func newHeardTally(call *Call, head Head) tally {
	return &heardTally{common: newCommon(call, head)}
}

type heardTally struct {
	common
	event  string
	millis int64
}

func (t *heardTally) begin() { t.event = "" }

func (t *heardTally) end() bool {
	t.res.Complete = t.res.Complete || t.event == "transcript.text.done" || t.event == "speech.audio.done"
	t.res.Failed = t.res.Failed || t.event == "error"
	return false
}

func (t *heardTally) value(id int, raw []byte) {
	switch id {
	case heardType:
		setString(&t.event, raw)
	case heardSeconds:
		if n, ok := thousandths(raw); ok && n > 0 {
			t.millis = n
		}
	default:
		t.common.value(id, raw)
	}
}

func (t *heardTally) text(id int, s []byte) {
	if id == heardText && t.event != "" { // a stream's last event says it all again
		return
	}
	t.add(spoken, s)
}

func (t *heardTally) enter(int) {}
func (t *heardTally) exit(int)  {}

func (t *heardTally) result() reported {
	r := t.openAI()
	r.Usage.Millis = t.millis
	return r
}
