package dialect

// OpenAI's embeddings: texts or tokens to vectors. Nothing is produced that
// would be counted, and the reply can be long: the vectors are walked over.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "embeddings",
	CallType: "aembedding",
	Route:    "/embeddings",
	Billable: true,

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.NoOutput = true
		call.encoding = "cl100k_base" // of all of OpenAI's embedding models
		return readJSON(openAIEmbeddingsFields, call)
	},
	replies: openAIFigures,
}))

var openAIEmbeddingsFields = proxyFields(fields{
	"model":     takeModel,
	"input":     takeText,
	"input[]":   takePrompt,
	"input[][]": takeToken,
}).compile()

// openAIFigures looks for usage and names alone.
var openAIFigures = openAIUsage("usage", wants{
	"id":         {capture, rID},
	"model":      {capture, rModel},
	"error":      {enter, rError},
	"error.code": {capture, rErrorCode},
	"error.type": {capture, rErrorType},
}).compile()

// OpenAI's moderations: is a text or picture harmful? The reply reports no
// usage; the model may be left out.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "moderations",
	CallType: "amoderation",
	Route:    "/moderations",
	Billable: true,

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
