package dialect

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/extproc/tokens"
)

// OpenAI's chat completions, and everything that speaks them.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "chat.completions",
	CallType: "acompletion",
	Route:    "/chat/completions",
	main:     true,
	mode:     "chat",
	probe:    `{"model":"m","messages":[{"role":"user","content":"ping"}]}`,
	lists:    openAILists,
	Billable: true,

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.addTokens(tokens.PerReply)
		return readJSON(openAIChatFields, call)
	},
	capField:    openAICap,
	usageField:  "stream_options.include_usage",
	ownMetadata: func(c *Call, v jsontext.Value) bool { return c.stored && onlyStrings(v) }, // else OpenAI refuses it
	replies:     openAIChatReplies,
}))

var openAIChatFields = proxyFields(fields{
	"model":                        takeModel,
	"stream":                       takeStream,
	"stream_options":               takeNull,
	"stream_options.include_usage": takeWantUsage,
	"max_tokens":                   takeCap,
	"max_completion_tokens":        takeCap,
	"n":                            takeChoices,
	"service_tier":                 takeTier,
	"store":                        takeBool(func(c *Call, on bool) { c.stored = on }),

	"messages[]":                            takeMessage,
	"messages[].role":                       takeText,
	"messages[].name":                       takeName,
	"messages[].content":                    takeText,
	"messages[].content[].text":             takeText,
	"messages[].content[].refusal":          takeText,
	"messages[].content[].image_url":        takeImageURL,
	"messages[].content[].image_url.detail": takeDetail,
	"messages[].content[].input_audio":      takeAudio,
	"messages[].content[].file":             takeFile,
	"messages[].refusal":                    takeText,
	"messages[].reasoning_content":          takeText,
	"messages[].tool_calls":                 takeJSON,
	"messages[].function_call":              takeJSON,
	"tools":                                 takeJSON,
	"functions":                             takeJSON,
	"response_format":                       takeJSON,
}).compile()

// takeImageURL counts a picture in full detail; takeDetail takes most of it
// back where low detail is asked for.
func takeImageURL(r *request, v value) { r.call.addTokens(imageTokens) }

func takeDetail(r *request, v value) {
	if s, _ := str(v); s == "low" {
		r.call.addTokens(imageLowTokens - imageTokens)
	}
}

const (
	chatChoice = uOwn + iota
	chatIndex
	chatSpoken
	chatThought
	chatCalled
)

// One tree for whole replies (message), streams (delta) and the older
// completions (text).
var openAIChatReplies = openAIUsage("usage", wants{
	"id":            {capture, rID},
	"model":         {capture, rModel},
	"service_tier":  {capture, rTier},
	"error":         {enter, rError},
	"error.code":    {capture, rErrorCode},
	"error.type":    {capture, rErrorType},
	"error.message": {capture, rError},

	"choices[]":                                         {enter, chatChoice},
	"choices[].index":                                   {capture, chatIndex},
	"choices[].finish_reason":                           {capture, rFinish},
	"choices[].text":                                    {stream, chatSpoken},
	"choices[].message.content":                         {stream, chatSpoken},
	"choices[].message.refusal":                         {stream, chatSpoken},
	"choices[].message.audio.transcript":                {stream, chatSpoken},
	"choices[].message.reasoning_content":               {stream, chatThought},
	"choices[].message.reasoning":                       {stream, chatThought},
	"choices[].message.tool_calls[].function.name":      {stream, chatCalled},
	"choices[].message.tool_calls[].function.arguments": {stream, chatCalled},
	"choices[].message.tool_calls[].custom.input":       {stream, chatCalled},
	"choices[].message.function_call.name":              {stream, chatCalled},
	"choices[].message.function_call.arguments":         {stream, chatCalled},
	"choices[].delta.content":                           {stream, chatSpoken},
	"choices[].delta.refusal":                           {stream, chatSpoken},
	"choices[].delta.audio.transcript":                  {stream, chatSpoken},
	"choices[].delta.reasoning_content":                 {stream, chatThought},
	"choices[].delta.reasoning":                         {stream, chatThought},
	"choices[].delta.tool_calls[].function.name":        {stream, chatCalled},
	"choices[].delta.tool_calls[].function.arguments":   {stream, chatCalled},
	"choices[].delta.tool_calls[].custom.input":         {stream, chatCalled},
	"choices[].delta.function_call.name":                {stream, chatCalled},
	"choices[].delta.function_call.arguments":           {stream, chatCalled},
}).compile()

type openAIChatTally struct {
	common
	index    int64
	choices  int // in the event at hand
	frameErr bool
}

func (t *openAIChatTally) begin() { t.choices, t.frameUsage, t.frameErr = 0, false, false }

// end finds the frame that stream_options.include_usage adds: figures, and a
// list of choices with none in it.
func (t *openAIChatTally) end() bool { return t.frameUsage && t.choices == 0 && !t.frameErr }

func (t *openAIChatTally) value(id int, raw []byte) {
	switch {
	case id == chatIndex:
		t.index, _ = number(raw)
	case id == rError:
		t.frameErr, t.res.Failed = true, true
	default:
		t.common.value(id, raw)
	}
}

func (t *openAIChatTally) text(id int, s []byte) { t.add(id-chatSpoken+spoken, s) }

func (t *openAIChatTally) enter(id int) {
	switch id {
	case chatChoice:
		t.choices++
		t.index = 0
	case rError:
		t.frameErr, t.res.Failed = true, true
	}
}

func (t *openAIChatTally) exit(id int) {
	if id == chatChoice {
		t.flush(t.index)
	}
}

func (t *openAIChatTally) result() reported { return t.openAI() }
