package dialect

// OpenAI's moderations: is a text or picture harmful? The reply reports no
// usage; the model may be left out.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "moderations",
	CallType: "amoderation",
	Route:    "/moderations",
	Billable: true,
	mode:     "moderation",
	probe:    `{"model":"m","input":"ping"}`,

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.NoOutput = true
		m := readJSON(openAIModerationsFields, call)
		if call.Model == "" && len(call.models) == 0 {
			call.Model = "omni-moderation-latest"
		}
		return m
	},
	replies: openAIFigures,
}))

var openAIModerationsFields = proxyFields(fields{
	"model":             takeModel,
	"input":             takeText,
	"input[]":           takeText,
	"input[].text":      takeText,
	"input[].image_url": takeTokens(imageTokens),
}).compile()
