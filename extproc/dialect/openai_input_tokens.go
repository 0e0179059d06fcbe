package dialect

// How long would a response's input be? Counting is free, and its reply is an answer, not a usage.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "responses.input_tokens",
	CallType: "acount_tokens",
	Route:    "/responses/input_tokens",
	Paths:    []string{"/v1/responses/input_tokens", "/responses/input_tokens", "/openai/v1/responses/input_tokens", "/openai/responses/input_tokens"},

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.NoOutput = true
		return readJSON(openAIResponsesFields, call)
	},
	modelField: "model",
	place:      openAIAbove("/responses/input_tokens"),
}))
