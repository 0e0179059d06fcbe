package fakeprovider

import (
	"net/http"
	"strings"
)

// handlers by API name. An entry here and a line in paths is all a new API needs.
var handlers = map[string]func(*call) error{
	"chat":           serveChat,
	"completions":    serveCompletions,
	"responses":      serveResponses,
	"input_tokens":   serveInputTokens,
	"embeddings":     serveEmbeddings,
	"moderations":    serveModerations,
	"images":         serveImages,
	"speech":         serveSpeech,
	"transcriptions": serveTranscriptions,
	"rerank":         serveRerank,
	"models":         serveModels,
	"messages":       serveMessages,
	"count_tokens":   serveMessagesCount,

	"gemini":        serveGemini,
	"gemini_stream": serveGemini,
	"gemini_count":  serveGeminiCount,
	"gemini_embed":  serveGeminiEmbed,
	"gemini_embeds": serveGeminiEmbed,
}

// methods other than POST.
var methods = map[string]string{"models": http.MethodGet}

// paths after the version and deployment prefixes, as providers have them.
var paths = map[string]string{
	"chat/completions":       "chat",
	"completions":            "completions",
	"responses":              "responses",
	"responses/input_tokens": "input_tokens",
	"embeddings":             "embeddings",
	"moderations":            "moderations",
	"images/generations":     "images",
	"images/edits":           "images",
	"images/variations":      "images",
	"audio/speech":           "speech",
	"audio/transcriptions":   "transcriptions",
	"audio/translations":     "transcriptions",
	"rerank":                 "rerank",
	"models":                 "models",
	"messages":               "messages",
	"messages/count_tokens":  "count_tokens",
}

var geminiActions = map[string]string{
	"generateContent":       "gemini",
	"streamGenerateContent": "gemini_stream",
	"countTokens":           "gemini_count",
	"embedContent":          "gemini_embed",
	"batchEmbedContents":    "gemini_embeds",
}

// routeOf finds the API that a path belongs to, and the model where the path names it:
// /v1/chat/completions, /chat/completions, /openai/deployments/{model}/chat/completions,
// /engines/{model}/completions, /v1beta/models/{model}:generateContent.
func routeOf(r *http.Request) (api, model string) {
	path := strings.Trim(r.URL.Path, "/")
	if _, rest, ok := cutLast(path, "models/"); ok {
		if name, action, ok := strings.Cut(rest, ":"); ok {
			return geminiActions[action], name
		}
	}
	for _, prefix := range []string{"openai/deployments/", "deployments/", "engines/"} {
		if _, rest, ok := strings.Cut("/"+path, "/"+prefix); ok {
			model, path, _ = strings.Cut(rest, "/")
		}
	}
	path = strings.TrimPrefix(path, "openai/")
	for _, version := range []string{"v1/", "v2/", "v1beta/"} {
		path = strings.TrimPrefix(path, version)
	}
	return paths[path], model
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
