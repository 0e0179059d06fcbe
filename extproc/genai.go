package extproc

import (
	"strings"

	"github.com/purser/purser/extproc/dialect"
)

// operations are OpenTelemetry's names (gen_ai.operation.name) for what the endpoints
// do, by their call types; it has none for what is missing here.
var operations = map[string]string{
	"acompletion": "chat", "anthropic_messages": "chat", "aresponses": "chat", "atext_completion": "text_completion", "aembedding": "embeddings",
	"agenerate_content": "generate_content", "agenerate_content_stream": "generate_content",
}

// operation is gen_ai.operation.name of a call.
func operation(e *dialect.Endpoint) string {
	if name, ok := operations[e.CallType]; ok {
		return name
	}
	return strings.TrimPrefix(strings.TrimPrefix(e.CallType, "_"), "a")
}

// providers are OpenTelemetry's names (gen_ai.provider.name) where they are not LiteLLM's.
var providers = map[string]string{
	"azure": "azure.ai.openai", "azure_ai": "azure.ai.inference", "bedrock": "aws.bedrock", "gemini": "gcp.gemini", "mistral": "mistral_ai",
	"vertex_ai": "gcp.vertex_ai", "vertex_ai_beta": "gcp.vertex_ai", "watsonx": "ibm.watsonx.ai", "xai": "x_ai",
}

// providerName is gen_ai.provider.name of a deployment's provider.
func providerName(provider string) string {
	if name, ok := providers[provider]; ok {
		return name
	}
	return provider
}
