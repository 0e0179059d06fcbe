package envoy_test

import (
	"testing"

	"github.com/purser/purser/envoy"
)

func TestAPIOf(t *testing.T) {
	for api, paths := range map[envoy.API][]string{
		envoy.OpenAI: {
			"/chat/completions", "/v1/chat/completions", "/v1/chat/completions/", "/v1/chat/completions/chatcmpl-1/messages",
			"/completions", "/v1/completions", "/embeddings", "/v1/embeddings",
			"/responses", "/v1/responses", "/v1/responses/resp_1", "/v1/responses/resp_1/cancel", "/openai/v1/responses", "/openai/responses",
			"/moderations", "/v1/moderations",
			"/images/generations", "/v1/images/generations", "/v1/images/edits", "/v1/images/variations",
			"/audio/speech", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations",
			"/rerank", "/v1/rerank", "/v2/rerank",
			"/realtime", "/v1/realtime", "/v1/realtime/sessions", "/openai/realtime",
			"/batches", "/v1/batches", "/v1/batches/b_1/cancel", "/files", "/v1/files", "/v1/files/f_1/content",
			"/engines/gpt-4/chat/completions", "/v1/engines/gpt-4/embeddings", "/engines/org/model/completions", "/engines/org%2Fmodel/completions",
			"/openai/deployments/gpt-4/chat/completions", "/openai/deployments/gpt-4/audio/speech", "/openai/deployments/gpt-4/unknown",
		},
		envoy.Anthropic: {"/messages", "/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches", "/anthropic/v1/messages"},
		envoy.Gemini: {
			"/v1beta/models/gemini-2.5-pro:generateContent", "/v1/models/gemini-2.5-pro:generateContent", "/models/g:generateContent",
			"/v1beta/models/g:streamGenerateContent", "/v1beta/models/g:countTokens", "/v1beta/models/g:embedContent", "/v1beta/models/g:batchEmbedContents",
			"/v1alpha/models/g:generateContent", "/v1beta/models/g%3AgenerateContent", "/v1beta/models/g%3agenerateContent",
			"/v1beta/models/imagen:predict", "/v1beta/models/veo:predictLongRunning", "/v1beta/tunedModels/t:generateContent",
			"/v1beta/models/g:batchGenerateContent", "/v1beta/models/g:asyncBatchEmbedContent", "/v1/models/org/g:generateContent",
			"/gemini/v1beta/models/g:streamGenerateContent", "/gemini/v1beta/models/g:batchEmbedContents",
		},
		"": { // the management plane
			"/", "", "/models", "/v1/models", "/v1/models/gpt-4", "/models/gpt-4", "/v1beta/models", "/v1/models/org%2Fmodel",
			"/v1/models/ft:gpt-4o:acme", "/v1/models/llama3:latest", "/models/predict", "/v1/models/x:predictions",
			"/model/new", "/v1/model/info", "/model_group/info", "/key/generate", "/key/sk-1/regenerate", "/team/new", "/project/info",
			"/spend/logs", "/ui", "/ui/chat/completions", "/health/readiness", "/v1/access_group", "/v2/user/info", "/global/spend/report",
			"/V1/chat/completions", "/v1/chat/completionsx", "/x/v1/chat/completions", "/v1%2Fchat%2Fcompletions", "/v3/rerank", "/openai/deployments",
			"/engines", "/v2/chat/completions", "/v1/chat", "/v1/images", "/v1/audio", "/messagesx",
		},
	} {
		for _, path := range paths {
			if got, ok := envoy.APIOf(path); got != api || ok != (api != "") {
				t.Errorf("%s: got %q, %v, want %q", path, got, ok, api)
			}
		}
	}
}
