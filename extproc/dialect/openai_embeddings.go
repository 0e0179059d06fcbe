package dialect

// OpenAI's embeddings: texts or tokens to vectors. Nothing is produced that
// would be counted, and the reply can be long: the vectors are walked over.
var _ = register(openAIEndpoint(Endpoint{
	Name:     "embeddings",
	CallType: "aembedding",
	Route:    "/embeddings",
	Billable: true,
	mode:     "embedding",
	probe:    `{"model":"m","input":"ping"}`,

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
