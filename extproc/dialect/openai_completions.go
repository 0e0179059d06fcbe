package dialect

// OpenAI's older completions: one text, or several, to be continued.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "completions",
	CallType: "atext_completion",
	Route:    "/completions",
	Billable: true,
	mode:     "completion",
	probe:    `{"model":"m","prompt":"ping"}`,

	read: func(_ *Endpoint, call *Call) *Malformed {
		m := readJSON(openAICompletionsFields, call)
		call.Choices *= max(call.prompts, 1)
		return m
	},
	capField:   func(Change) string { return "max_tokens" },
	usageField: "stream_options.include_usage",
	replies:    openAIChatReplies,
}))

var openAICompletionsFields = proxyFields(fields{
	"model":                        takeModel,
	"stream":                       takeStream,
	"stream_options":               takeNull,
	"stream_options.include_usage": takeWantUsage,
	"max_tokens":                   takeCap,
	"n":                            takeChoices,
	"best_of":                      takeChoices, // made and paid, though only n are shown
	"service_tier":                 takeTier,
	"prompt":                       takeText,
	"prompt[]":                     takePrompt,
	"prompt[][]":                   takeToken,
	"suffix":                       takeText,
}).compile()

// takePrompt counts one of several prompts, or a token of a single one.
func takePrompt(r *request, v value) {
	switch {
	case v.raw.Kind() == '0':
		takeToken(r, v)
	default:
		takeText(r, v)
		r.call.prompts++
	}
}

func takeToken(r *request, v value) { r.call.addTokens(1) }
