package dialect

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/extproc/tokens"
)

// OpenAI's responses. Streams report usage in their last event; nothing needs
// to be asked for or taken out.
var _ = register(openAIEndpoint(Endpoint{
	Name:      "responses",
	CallType:  "aresponses",
	Route:     "/responses",
	Continued: true,
	Paths:     []string{"/v1/responses", "/responses", "/openai/v1/responses", "/openai/responses", "/engines/{model}/responses", "/openai/deployments/{model}/responses"},
	Billable:  true,
	mode:      "responses",
	probe:     `{"model":"m","input":"ping"}`,

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.addTokens(tokens.PerReply)
		m := readJSON(openAIResponsesFields, call)
		if m == nil && call.background {
			// Its reply comes before its usage, which only a later request would show.
			m = &Malformed{Message: "Background responses cannot be metered, and are refused.", Param: "background", Code: "unsupported_parameter"}
		}
		return m
	},
	capField:    func(Change) string { return "max_output_tokens" },
	place:       openAIAbove("/responses"),
	ownMetadata: func(_ *Call, v jsontext.Value) bool { return onlyStrings(v) },
	replies:     openAIResponsesReplies,
	tally:       func(call *Call, head Head) tally { return &openAIResponsesTally{common: newCommon(call, head)} },
}))

var openAIResponsesFields = proxyFields(fields{
	"model":             takeModel,
	"stream":            takeStream,
	"max_output_tokens": takeCap,
	"service_tier":      takeTier,
	"background":        takeBool(func(c *Call, on bool) { c.background = on }),

	"previous_response_id": takePrevious,
	"conversation":         takeUnseen,
	"prompt":               takeUnseen, // a template

	"instructions":              takeTurn,
	"tools":                     takeJSON,
	"text":                      takeJSON,
	"input":                     takeTurn,
	"input[]":                   takeMessage,
	"input[].role":              takeText,
	"input[].content":           takeText,
	"input[].content[].text":    takeText,
	"input[].content[].refusal": takeText,
	"input[].content[].type":    takeInputPart,
	"input[].content[].detail":  takeDetail,
	"input[].name":              takeText,
	"input[].arguments":         takeText,
	"input[].input":             takeText,
	"input[].output":            takeText,
	"input[].output[].text":     takeText,
	"input[].output[].type":     takeInputPart,
	"input[].summary[].text":    takeText,
	"input[].encrypted_content": takeTokens(fileTokens), // reasoning that went before, sealed
}).compile()

// takeTurn counts a string that stands for a whole message, its role included.
func takeTurn(r *request, v value) {
	if v.raw.Kind() == '"' {
		r.call.addTokens(tokens.PerMessage + 1)
		takeText(r, v)
	}
}

func takeUnseen(r *request, v value) {
	if !isNull(v) {
		r.call.Unseen, r.call.Continues = true, ""
	}
}

func takePrevious(r *request, v value) {
	if id, ok := str(v); ok && !r.call.Unseen {
		r.call.Continues = id
	}
	r.call.Unseen = r.call.Unseen || !isNull(v)
}

func takeInputPart(r *request, v value) {
	switch s, _ := str(v); s {
	case "input_image", "computer_screenshot":
		r.call.addTokens(imageTokens)
	case "input_file":
		r.call.addTokens(fileTokens)
	case "input_audio":
		r.call.addTokens(audioTokens)
	}
}

const (
	respType = uOwn + iota
	respDelta
	respStatus
	respReason
	respSearch
	respItem
	respItemType
	respSpoken
	respThought
	respCalled
)

// responseWants are the members of a response: a whole reply, or within the
// first and last events of a stream.
func responseWants(at string, w wants) wants {
	for path, want := range (wants{
		"id":                        {capture, rID},
		"model":                     {capture, rModel},
		"service_tier":              {capture, rTier},
		"status":                    {capture, respStatus},
		"incomplete_details.reason": {capture, respReason},
		"error":                     {enter, rError},
		"error.code":                {capture, rErrorCode},
		"error.type":                {capture, rErrorType},

		"usage.input_tokens":                           {capture, uInput},
		"usage.input_tokens_details.cached_tokens":     {capture, uCached},
		"usage.input_tokens_details.audio_tokens":      {capture, uAudioInput},
		"usage.input_tokens_details.image_tokens":      {capture, uImageInput},
		"usage.output_tokens":                          {capture, uOutput},
		"usage.output_tokens_details.reasoning_tokens": {capture, uReasoning},
		"usage.output_tokens_details.audio_tokens":     {capture, uAudioOutput},
		"usage.output_tokens_details.image_tokens":     {capture, uImageOutput},
		"usage.total_tokens":                           {capture, uTotal},

		"output[].type": {capture, respItemType},
	}) {
		w[at+path] = want
	}
	return w
}

var openAIResponsesReplies = responseWants("response.", responseWants("", wants{
	"type":  {capture, respType},
	"delta": {stream, respDelta},
	"code":  {capture, rErrorCode}, // of an error event

	"output[].content[].text":    {stream, respSpoken},
	"output[].content[].refusal": {stream, respSpoken},
	"output[].summary[].text":    {stream, respThought},
	"output[].name":              {stream, respCalled},
	"output[].arguments":         {stream, respCalled},
	"output[].input":             {stream, respCalled},
})).compile()

type openAIResponsesTally struct {
	common
	event    string
	searches int64
}

func (t *openAIResponsesTally) begin() { t.event, t.searches = "", 0 }

func (t *openAIResponsesTally) end() bool {
	switch t.event {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		t.res.Complete = true
	case "error":
		t.res.Failed = true
	}
	return false
}

func (t *openAIResponsesTally) value(id int, raw []byte) {
	switch id {
	case respType:
		setString(&t.event, raw)
	case respStatus, respReason:
		var s string
		setString(&s, raw)
		if s != "" && s != "in_progress" && s != "queued" {
			t.res.FinishReason = s
			t.res.Failed = t.res.Failed || s == "failed"
		}
	case respItemType:
		if string(raw) == `"web_search_call"` {
			t.searches++
			t.n[uSearches] = max(t.n[uSearches], t.searches)
		}
	default:
		t.common.value(id, raw)
	}
}

func (t *openAIResponsesTally) text(id int, s []byte) {
	kind := spoken
	switch {
	case id == respThought:
		kind = thought
	case id == respCalled:
		kind = called
	case id != respDelta:
	case strings.HasPrefix(t.event, "response.reasoning"):
		kind = thought
	case strings.HasPrefix(t.event, "response.audio."), strings.HasSuffix(t.event, "_image"):
		return // base64
	case strings.Contains(t.event, "_call"):
		kind = called
	}
	t.add(kind, s)
}

// enter finds the error of a failed response, and one that stands in place of an event.
func (t *openAIResponsesTally) enter(id int) {
	if id == rError {
		t.res.Failed = true
	}
}

func (t *openAIResponsesTally) exit(id int)      {}
func (t *openAIResponsesTally) result() reported { return t.openAI() }

// What is stored of responses: nothing of it costs tokens, and no model is
// named. The reply to the first request was metered.
var (
	_ = register(storedResponse("responses.get", "aget_responses", "GET", ""))
	_ = register(storedResponse("responses.delete", "adelete_responses", "DELETE", ""))
	_ = register(storedResponse("responses.cancel", "acancel_responses", "POST", "/cancel"))
	_ = register(storedResponse("responses.input_items", "alist_input_items", "GET", "/input_items"))
)

func storedResponse(name, callType, method, suffix string) *Endpoint {
	return storedEndpoint(name, callType, method, "/responses/{id}"+suffix)
}
