package dialect

import (
	"net/url"
	"strings"

	"github.com/purser/purser/policy"
)

// Google's Gemini: the operation and the model are in the path, and fields may
// be spelled in camelCase or snake_case.
var (
	_ = register(geminiEndpoint(Endpoint{
		Name:     "gemini.generateContent",
		CallType: "agenerate_content",
		Billable: true,
		main:     true,
		prefixes: []string{"/v1beta/", "/gemini/"},
		mode:     "chat",
		probe:    `{"contents":[{"role":"user","parts":[{"text":"ping"}]}]}`,
		lists:    func(d *policy.Deployment) string { return withQuery(geminiPrefix(d)+"/models", d.Query) },
		read:     readGemini(false),
		capField: func(Change) string { return "generationConfig.maxOutputTokens" },
		replies:  geminiReplies,
	}))
	_ = register(geminiEndpoint(Endpoint{
		Name:     "gemini.streamGenerateContent",
		CallType: "agenerate_content_stream",
		Billable: true,
		read:     readGemini(true),
		capField: func(Change) string { return "generationConfig.maxOutputTokens" },
		replies:  geminiReplies,
	}))
	_ = register(geminiEndpoint(Endpoint{
		Name:     "gemini.embedContent",
		CallType: "aembedding",
		Billable: true,
		mode:     "embedding",
		probe:    `{"content":{"parts":[{"text":"ping"}]}}`,
		read:     readGeminiEmbedding,
		replies:  geminiReplies,
	}))
	_ = register(geminiEndpoint(Endpoint{
		Name:     "gemini.batchEmbedContents",
		CallType: "aembedding",
		Billable: true,
		read:     readGeminiEmbedding,
		replies:  geminiReplies,
	}))
	// Counting is free, and its reply is an answer, not a usage.
	_ = register(geminiEndpoint(Endpoint{
		Name:     "gemini.countTokens",
		CallType: "acount_tokens",
		read:     readGemini(false),
	}))
)

func geminiEndpoint(e Endpoint) *Endpoint {
	op := strings.TrimPrefix(e.Name, "gemini.")
	e.Format = policy.FormatGemini
	e.Method = "POST"
	e.Route = "/v1beta/models/{model}:" + op
	for _, prefix := range []string{"/v1beta", "/v1", "", "/gemini/v1beta", "/gemini/v1"} {
		e.Paths = append(e.Paths, prefix+"/models/{model}:"+op)
	}
	e.place = func(call *Call, d *policy.Deployment, model string) string {
		return withQuery(geminiPrefix(d)+"/models/"+url.PathEscape(model)+":"+op, joinQuery(d.Query, keepQuery(call.in.Query, "alt", "$alt")))
	}
	e.tally = func(call *Call, head Head) tally { return &geminiTally{common: newCommon(call, head)} }
	e.shape = geminiShape
	return &e
}

// geminiPrefix is what stands before /models at a deployment.
func geminiPrefix(d *policy.Deployment) string {
	for _, version := range []string{"/v1beta", "/v1", "/v1alpha"} {
		if strings.HasSuffix(d.PathPrefix, version) {
			return d.PathPrefix
		}
	}
	return d.PathPrefix + "/v1beta"
}

func readGemini(streams bool) func(*Endpoint, *Call) *Malformed {
	return func(_ *Endpoint, call *Call) *Malformed {
		call.Stream = streams
		call.UsageAsked = true // every reply has it
		call.slack = geminiSlack
		return readJSON(geminiFields, call)
	}
}

func readGeminiEmbedding(_ *Endpoint, call *Call) *Malformed {
	call.NoOutput = true
	return readJSON(geminiFields, call)
}

// geminiSlack is added to estimates, in percent: its tokenizer is not public.
const geminiSlack = 10

var geminiFields = bothSpellings(geminiContents("generateContentRequest.", geminiContents("requests[].", geminiContents("", proxyFields(nil))))).compile()

// geminiContents are the fields of a request: the body's own, or those of a
// request within it.
func geminiContents(at string, f fields) fields {
	content := func(path string) {
		f[at+path+".parts[].text"] = takeText
		f[at+path+".parts[].inlineData"] = takeImage
		f[at+path+".parts[].fileData"] = takeFile
		f[at+path+".parts[].functionCall"] = takeJSON
		f[at+path+".parts[].functionResponse"] = takeJSON
		f[at+path+".parts[].executableCode"] = takeJSON
		f[at+path+".parts[].codeExecutionResult"] = takeJSON
	}
	content("contents[]")
	content("content")
	content("systemInstruction")
	f[at+"contents[]"] = takeMessage
	f[at+"tools"] = takeJSON
	f[at+"cachedContent"] = takeUnseen
	f[at+"model"] = takeModelAgain
	f[at+"generationConfig"] = takeNull
	f[at+"generationConfig.maxOutputTokens"] = takeCap
	f[at+"generationConfig.candidateCount"] = takeChoices
	f[at+"generationConfig.responseSchema"] = takeJSON
	return f
}

// takeModelAgain checks a model in the body against the one in the path: which
// of the two a provider would serve is not for us to guess.
func takeModelAgain(r *request, v value) {
	name, ok := str(v)
	switch {
	case isNull(v):
	case !ok:
		r.wrongType(v, "a string")
	case name != r.call.Model && name != "models/"+r.call.Model:
		r.refuse(v.path, "model_mismatch", "The model in the body is not the one in the path.")
	default:
		r.call.models, r.call.prefix = append(r.call.models, v.at), "models/"
	}
}

const (
	gemCandidate = uOwn + iota
	gemIndex
	gemThoughts
	gemFlag
	gemText
	gemName
	gemArgs
	gemQueries
	gemStatus
	gemIn
	gemInMode
	gemInCount
	gemOut
	gemOutMode
	gemOutCount
)

var geminiReplies = wants{
	"responseId":   {capture, rID},
	"modelVersion": {capture, rModel},
	"error":        {enter, rError},
	"error.status": {capture, rErrorCode},

	"candidates[]":                                    {enter, gemCandidate},
	"candidates[].index":                              {capture, gemIndex},
	"candidates[].finishReason":                       {capture, rFinish},
	"candidates[].content.parts[]":                    {enter, gemFlag},
	"candidates[].content.parts[].thought":            {capture, gemThoughts},
	"candidates[].content.parts[].text":               {stream, gemText},
	"candidates[].content.parts[].functionCall.name":  {stream, gemName},
	"candidates[].content.parts[].functionCall.args":  {capture, gemArgs},
	"candidates[].groundingMetadata.webSearchQueries": {capture, gemQueries},

	"usageMetadata.promptTokenCount":                     {capture, uInput},
	"usageMetadata.candidatesTokenCount":                 {capture, uOutput},
	"usageMetadata.thoughtsTokenCount":                   {capture, uReasoning},
	"usageMetadata.cachedContentTokenCount":              {capture, uCached},
	"usageMetadata.toolUsePromptTokenCount":              {capture, uToolInput},
	"usageMetadata.totalTokenCount":                      {capture, uTotal},
	"usageMetadata.promptTokensDetails[]":                {enter, gemIn},
	"usageMetadata.promptTokensDetails[].modality":       {capture, gemInMode},
	"usageMetadata.promptTokensDetails[].tokenCount":     {capture, gemInCount},
	"usageMetadata.candidatesTokensDetails[]":            {enter, gemOut},
	"usageMetadata.candidatesTokensDetails[].modality":   {capture, gemOutMode},
	"usageMetadata.candidatesTokensDetails[].tokenCount": {capture, gemOutCount},
}.compile()

type geminiTally struct {
	common
	index   int64
	thinks  bool // the part at hand is a thought; in what was seen, the flag comes behind its text
	part    []byte
	mode    string
	modeLen int64
}

func (t *geminiTally) begin() {}

func (t *geminiTally) end() bool {
	t.res.Complete = t.res.Complete || t.res.FinishReason != ""
	return false
}

func (t *geminiTally) value(id int, raw []byte) {
	switch id {
	case gemIndex:
		t.index, _ = number(raw)
	case gemThoughts:
		t.thinks = string(raw) == "true"
	case gemArgs:
		t.add(called, raw)
	case gemQueries:
		if len(raw) > 2 { // not an empty list
			t.n[uSearches] = 1 // a grounded reply is priced once
		}
	case gemInMode, gemOutMode:
		setString(&t.mode, raw)
	case gemInCount, gemOutCount:
		t.modeLen, _ = number(raw)
	default:
		t.common.value(id, raw)
	}
}

func (t *geminiTally) text(id int, s []byte) {
	if id == gemName {
		t.add(called, s)
		return
	}
	if len(t.part)+len(s) > holdMax {
		t.endPart()
	}
	t.part = append(t.part, s...)
}

func (t *geminiTally) endPart() {
	kind := spoken
	if t.thinks {
		kind = thought
	}
	if len(t.part) > 0 {
		t.add(kind, t.part)
		t.part = t.part[:0]
	}
}

func (t *geminiTally) enter(id int) {
	switch id {
	case gemCandidate:
		t.index = 0
	case gemFlag:
		t.thinks = false
	case gemIn, gemOut:
		t.mode, t.modeLen = "", 0
	case rError:
		t.res.Failed = true
	}
}

func (t *geminiTally) exit(id int) {
	switch id {
	case gemFlag:
		t.endPart()
	case gemCandidate:
		t.flush(t.index)
	case gemIn:
		switch t.mode {
		case "AUDIO":
			t.n[uAudioInput] = t.modeLen
		case "IMAGE", "VIDEO":
			t.n[uImageInput] = t.modeLen
		}
	case gemOut:
		switch t.mode {
		case "AUDIO":
			t.n[uAudioOutput] = t.modeLen
		case "IMAGE":
			t.n[uImageOutput] = t.modeLen
		}
	}
}

// result adds up what Gemini counts beside each other: thoughts and answers,
// prompts and what tools put into them.
func (t *geminiTally) result() reported {
	n := &t.n
	// A prompt that was blocked has no answer, and a thought may come before one.
	output := t.set[uOutput] || t.set[uReasoning] || t.set[uTotal] && n[uTotal] == n[uInput]+n[uToolInput]
	r := reported{Result: t.res, input: t.set[uInput], output: output}
	r.Usage = policy.Usage{
		Input: n[uInput] + n[uToolInput], Cached: n[uCached], AudioInput: n[uAudioInput], ImageInput: n[uImageInput],
		Output: n[uOutput] + n[uReasoning], Reasoning: n[uReasoning], AudioOutput: n[uAudioOutput], ImageOutput: n[uImageOutput],
		Searches: n[uSearches],
	}
	return r
}

// geminiShape is {"error":{code,message,status,details}}, as Google's APIs have
// it; the machine fields are the metadata of an ErrorInfo.
func geminiShape(r Refusal) []byte {
	status := "UNKNOWN"
	switch r.Status {
	case 400, 405, 413, 422:
		status = "INVALID_ARGUMENT"
	case 401:
		status = "UNAUTHENTICATED"
	case 402, 403:
		status = "PERMISSION_DENIED"
	case 404:
		status = "NOT_FOUND"
	case 409:
		status = "ABORTED"
	case 429:
		status = "RESOURCE_EXHAUSTED"
	case 500:
		status = "INTERNAL"
	case 502, 503:
		status = "UNAVAILABLE"
	case 504:
		status = "DEADLINE_EXCEEDED"
	}
	metadata := without(r.Extra, "code", "param")
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["code"] = r.Code
	if r.Param != "" {
		metadata["param"] = r.Param
	}
	type errorInfo struct {
		Type     string         `json:"@type"`
		Reason   string         `json:"reason"`
		Domain   string         `json:"domain"`
		Metadata map[string]any `json:"metadata"`
	}
	return encode(struct {
		Error any `json:"error"`
	}{struct {
		Code    int         `json:"code"`
		Message string      `json:"message"`
		Status  string      `json:"status"`
		Details []errorInfo `json:"details"`
	}{r.Status, r.Message, status, []errorInfo{{"type.googleapis.com/google.rpc.ErrorInfo", r.Type, "purser", metadata}}}})
}
