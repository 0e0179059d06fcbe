package dialect

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Anthropic's messages.
var _ = register(&Endpoint{
	Name:     "anthropic.messages",
	CallType: "anthropic_messages",
	Format:   policy.FormatAnthropic,
	Route:    "/v1/messages",
	Method:   "POST",
	Paths:    []string{"/v1/messages", "/messages", "/anthropic/v1/messages"},
	main:     true,
	prefixes: []string{"/v1/messages", "/anthropic/"},
	mode:     "chat",
	probe:    `{"model":"m","max_tokens":16,"messages":[{"role":"user","content":"ping"}]}`,
	lists:    func(d *policy.Deployment) string { return anthropicPlace("/models")(nil, d, "") },
	headers:  map[string]string{"anthropic-version": "2023-06-01"},
	Billable: true,

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.slack = anthropicSlack
		return readJSON(anthropicFields, call)
	},
	modelField:  "model",
	capField:    func(Change) string { return "max_tokens" },
	ownMetadata: func(_ *Call, v jsontext.Value) bool { return onlyUserID(v) },
	place:       anthropicPlace("/messages"),
	replies:     anthropicReplies,
	tally:       func(call *Call, head Head) tally { return &anthropicTally{common: newCommon(call, head)} },
	shape:       anthropicShape,
})

// Counting is free, and its reply is an answer, not a usage.
var _ = register(&Endpoint{
	Name:     "anthropic.count_tokens",
	CallType: "acount_tokens",
	Format:   policy.FormatAnthropic,
	Route:    "/v1/messages/count_tokens",
	Method:   "POST",
	Paths:    []string{"/v1/messages/count_tokens", "/messages/count_tokens", "/anthropic/v1/messages/count_tokens"},

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.NoOutput, call.slack = true, anthropicSlack
		return readJSON(anthropicFields, call)
	},
	modelField:  "model",
	ownMetadata: func(*Call, jsontext.Value) bool { return false },
	place:       anthropicPlace("/messages/count_tokens"),
	shape:       anthropicShape,
})

// anthropicSlack is added to estimates, in percent: its tokenizer, which is not
// public, makes more tokens of a text than OpenAI's.
const anthropicSlack = 20

func anthropicPlace(op string) func(*Call, *policy.Deployment, string) string {
	return func(_ *Call, d *policy.Deployment, _ string) string {
		prefix := d.PathPrefix
		if !strings.HasSuffix(prefix, "/v1") {
			prefix += "/v1"
		}
		return withQuery(prefix+op, d.Query)
	}
}

// onlyUserID reports whether metadata has nothing in it that Anthropic refuses.
func onlyUserID(v jsontext.Value) bool {
	if !onlyStrings(v) {
		return false
	}
	names := 0
	for range strings.SplitSeq(string(v), `":`) {
		names++
	}
	return names <= 2 && (names == 1 || strings.Contains(string(v), `"user_id"`))
}

var anthropicFields = proxyFields(fields{
	"model":        takeModel,
	"stream":       takeStream,
	"max_tokens":   takeCap,
	"service_tier": takeTier,

	"thinking.budget_tokens":              takeFloor,
	"system":                              takeText,
	"system[].text":                       takeText,
	"tools":                               takeJSON,
	"mcp_servers":                         takeJSON,
	"messages[]":                          takeMessage,
	"messages[].role":                     takeText,
	"messages[].content":                  takeText,
	"messages[].content[].text":           takeText,
	"messages[].content[].type":           takeAnthropicBlock,
	"messages[].content[].thinking":       takeText,
	"messages[].content[].data":           takeTokens(fileTokens), // thinking that went before, sealed
	"messages[].content[].name":           takeText,
	"messages[].content[].input":          takeJSON,
	"messages[].content[].title":          takeText,
	"messages[].content[].context":        takeText,
	"messages[].content[].content":        takeText,
	"messages[].content[].content[].text": takeText,
	"messages[].content[].content[].type": takeAnthropicBlock,
}).compile()

func takeAnthropicBlock(r *request, v value) {
	switch s, _ := str(v); s {
	case "image":
		r.call.addTokens(imageTokens)
	case "document":
		r.call.addTokens(fileTokens)
	}
}

const (
	antType = uOwn + iota
	antStartOutput
	antStop
	antSpoken
	antThought
	antCalled
)

func anthropicUsage(at string, output int, w wants) wants {
	for path, id := range map[string]int{
		"input_tokens":                             uInput,
		"output_tokens":                            output,
		"cache_read_input_tokens":                  uCached,
		"cache_creation_input_tokens":              uCacheWrite,
		"cache_creation.ephemeral_5m_input_tokens": uCacheWrite5m,
		"cache_creation.ephemeral_1h_input_tokens": uCacheWrite1h,
		"server_tool_use.web_search_requests":      uSearches,
		"service_tier":                             rTier,
	} {
		w[at+path] = want{capture, id}
	}
	return w
}

// One tree for whole replies and streams. What message_start says of the output
// is only a beginning: the count comes in message_delta, which some servers also
// tell the input in.
var anthropicReplies = anthropicUsage("usage.", uOutput, anthropicUsage("message.usage.", antStartOutput, wants{
	"type":               {capture, antType},
	"id":                 {capture, rID},
	"model":              {capture, rModel},
	"message.id":         {capture, rID},
	"message.model":      {capture, rModel},
	"stop_reason":        {capture, antStop},
	"delta.stop_reason":  {capture, antStop},
	"error":              {enter, rError},
	"error.type":         {capture, rErrorType},
	"content[].text":     {stream, antSpoken},
	"content[].thinking": {stream, antThought},
	"content[].name":     {stream, antCalled},
	"content[].input":    {capture, antCalled},
	"content_block.text": {stream, antSpoken},
	"content_block.name": {stream, antCalled},
	"delta.text":         {stream, antSpoken},
	"delta.thinking":     {stream, antThought},
	"delta.partial_json": {stream, antCalled},
})).compile()

type anthropicTally struct {
	common
	event string
}

func (t *anthropicTally) begin() { t.event = "" }

func (t *anthropicTally) end() bool {
	switch t.event {
	case "message_stop":
		t.res.Complete = true
	case "error":
		t.res.Failed = true
	}
	return false
}

func (t *anthropicTally) value(id int, raw []byte) {
	switch id {
	case antType:
		setString(&t.event, raw)
	case antStop:
		setString(&t.res.FinishReason, raw)
	case antStartOutput:
		if n, ok := number(raw); ok {
			t.n[uOutput] = max(t.n[uOutput], n)
		}
	case antCalled: // a whole tool input
		t.add(called, raw)
	default:
		t.common.value(id, raw)
	}
}

func (t *anthropicTally) text(id int, s []byte) { t.add(id-antSpoken+spoken, s) }
func (t *anthropicTally) enter(id int)          {}
func (t *anthropicTally) exit(id int)           {}

// result adds the parts of the input up: Anthropic counts what was read from
// and written to the cache beside input_tokens.
func (t *anthropicTally) result() reported {
	n := &t.n
	writes := max(n[uCacheWrite], n[uCacheWrite5m]+n[uCacheWrite1h])
	tier := t.res.Usage.ServiceTier
	if tier == "standard" {
		tier = ""
	}
	r := reported{Result: t.res, input: t.set[uInput], output: t.set[uOutput]}
	r.Usage = policy.Usage{
		Input: n[uInput] + n[uCached] + writes, Cached: n[uCached],
		CacheWrite5m: writes - n[uCacheWrite1h], CacheWrite1h: n[uCacheWrite1h],
		Output: n[uOutput], Searches: n[uSearches], ServiceTier: tier,
	}
	return r
}

// anthropicShape is {"type":"error","error":{type,message,…}}. The SDK picks its
// exception by status; type is one of the API's own.
func anthropicShape(r Refusal) []byte {
	kind := "api_error"
	switch r.Status {
	case 400, 405, 409, 422:
		kind = "invalid_request_error"
	case 401:
		kind = "authentication_error"
	case 402:
		kind = "billing_error"
	case 403:
		kind = "permission_error"
	case 404:
		kind = "not_found_error"
	case 413:
		kind = "request_too_large"
	case 429:
		kind = "rate_limit_error"
	case 504:
		kind = "timeout_error"
	case 503, 529:
		kind = "overloaded_error"
	}
	extra := without(r.Extra, "message", "type", "param", "code", "reason")
	if extra == nil {
		extra = map[string]any{}
	}
	extra["code"] = r.Code
	if r.Type != "" && r.Type != kind {
		extra["reason"] = r.Type
	}
	if r.Param != "" {
		extra["param"] = r.Param
	}
	return encode(struct {
		Type  string `json:"type"`
		Error any    `json:"error"`
	}{"error", struct {
		Type    string         `json:"type"`
		Message string         `json:"message"`
		Extra   map[string]any `json:",embed"`
	}{kind, r.Message, extra}})
}
