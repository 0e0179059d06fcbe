package envoy

import "regexp"

// API names an error format: what a caller's SDK expects a refusal to look like.
type API string

const (
	OpenAI    API = "openai"
	Anthropic API = "anthropic"
	Gemini    API = "gemini"
)

// LLMPath is a set of paths of the inference plane.
type LLMPath struct {
	// Expression is an RE2 expression for a whole path without its query.
	Expression string
	// API is whose error format these paths have.
	API API
}

// LLMPaths are the paths of the inference plane, the busiest first. Whatever they match goes to the ext_proc server, which
// answers paths and methods that it does not serve itself; everything else is the management plane. They match the
// normalized path: no "//", no "." or ".." segments; "%2F" stays as it is, so that it can be part of a model's name but
// never separates segments.
//
// Lists and descriptions of models (/models, /v1/models, /models/{id}) are management. A model's id may itself have a colon
// (ft:gpt-4o:acme, llama3:8b), so only Gemini's own actions after the last colon make such a path inference.
//
// There are several because Envoy refuses an expression whose RE2 program is larger than 100, unless its runtime says
// otherwise, which a mesh does not let us change.
var LLMPaths = []LLMPath{
	{`(?:/openai)?(?:/v1)?/(?:(?:chat/)?completions|responses|embeddings)(?:/.*)?`, OpenAI},
	{`(?:/anthropic)?(?:/v1)?/messages(?:/.*)?`, Anthropic},
	{geminiModel + `(?:(?:streamG|g)enerateContent|countTokens)/?`, Gemini},
	{geminiModel + `(?:(?:batchE|e)mbedContents?|predict(?:LongRunning)?)/?`, Gemini},
	{geminiModel + `(?:batchGenerateContent|asyncBatchEmbedContent)/?`, Gemini},
	{`(?:/openai)?(?:/v1)?/(?:moderations|batches|files|realtime)(?:/.*)?`, OpenAI},
	{`(?:/openai)?(?:/v1)?/audio/(?:speech|trans(?:criptions|lations))(?:/.*)?`, OpenAI},
	{`(?:/openai)?(?:/v1)?/images/(?:generations|edits|variations)(?:/.*)?`, OpenAI},
	{`(?:/v[12])?/rerank/?`, OpenAI},
	{`(?:(?:/v1)?/engines|/openai/deployments)/.+`, OpenAI},
}

const geminiModel = `(?:/gemini)?(?:/v1(?:beta|alpha)?)?/(?:models|tunedModels)/.+(?::|%3[Aa])`

// APIOf is the API that a normalized path, without its query, belongs to, by the same expressions that Envoy uses (Go's
// regular expressions are RE2's too); ok is false for the management plane.
func APIOf(path string) (api API, ok bool) {
	for i, p := range llmPaths {
		if p.MatchString(path) {
			return LLMPaths[i].API, true
		}
	}
	return "", false
}

var llmPaths = func() (out []*regexp.Regexp) {
	for _, p := range LLMPaths {
		out = append(out, regexp.MustCompile("^(?:"+p.Expression+")$"))
	}
	return out
}()
