package dialect

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// What OpenAI's endpoints have in common.

// openAIEndpoint fills in what OpenAI's operations have in common.
func openAIEndpoint(e Endpoint) *Endpoint {
	if e.Format == "" {
		e.Format, e.Also = policy.FormatOpenAI, []policy.Format{policy.FormatAzure}
	}
	if e.Method == "" {
		e.Method = "POST"
	}
	if e.Paths == nil {
		e.Paths = openAIPaths(e.Route)
	}
	if e.place == nil {
		e.place = openAIPlace(e.Route)
	}
	if e.replies != nil && e.tally == nil {
		e.tally = func(call *Call, head Head) tally { return &openAIChatTally{common: newCommon(call, head)} }
	}
	if e.ownMetadata == nil {
		e.ownMetadata = ownMetadata
	}
	if e.Billable {
		e.modelField = "model"
	}
	e.done = "[DONE]"
	e.shape = openAIShape
	return &e
}

// openAIPaths are the forms under which an OpenAI operation is reached: plain,
// under /v1, Azure's, and the retired engines'.
func openAIPaths(op string) []string {
	return []string{"/v1" + op, op, "/openai/v1" + op, "/engines/{model}" + op, "/openai/deployments/{model}" + op}
}

// withQuery puts a deployment's query behind a path.
func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}

// openAIPlace is where a deployment serves an operation: behind its prefix, or
// at Azure under the name of the deployment.
func openAIPlace(op string) func(*Call, *policy.Deployment, string) string {
	return func(_ *Call, d *policy.Deployment, model string) string {
		prefix := d.PathPrefix
		if d.Format == policy.FormatAzure && !strings.Contains(prefix, "/deployments/") && !strings.HasSuffix(prefix, "/v1") {
			prefix = strings.TrimSuffix(prefix, "/openai") + "/openai/deployments/" + url.PathEscape(model)
		}
		return withQuery(prefix+op, d.Query)
	}
}

// openAILists is where a deployment's server lists its models.
func openAILists(d *policy.Deployment) string { return openAIAbove("/models")(nil, d, "") }

// openAIAbove is where an operation is served whose model is in its body, or which has none: at Azure it lies above the
// deployments.
func openAIAbove(op string) func(*Call, *policy.Deployment, string) string {
	return func(_ *Call, d *policy.Deployment, _ string) string {
		prefix := d.PathPrefix
		if d.Format == policy.FormatAzure && !strings.HasSuffix(prefix, "/v1") {
			prefix, _, _ = strings.Cut(prefix, "/deployments/")
			prefix = strings.TrimSuffix(prefix, "/openai") + "/openai"
		}
		return withQuery(prefix+op, d.Query)
	}
}

// reasoner matches the models of OpenAI that refuse max_tokens.
var reasoner = regexp.MustCompile(`(^|/)(o[1-9]|gpt-[5-9]|codex|computer-use)`)

// openAICap is the name of the output cap a provider understands: OpenAI
// itself takes the new one with every model; compatible servers know the old
// one; Azure takes either, according to the model.
func openAICap(ch Change) string {
	if ch.Provider == "openai" || reasoner.MatchString(ch.Model) {
		return "max_completion_tokens"
	}
	return "max_tokens"
}

// proxyFields are what clients of LiteLLM write for the proxy, with every
// format.
func proxyFields(own fields) fields {
	f := fields{
		"user":                    takeUser(0),
		"litellm_metadata.user":   takeUser(1),
		"metadata.user_id":        takeUser(2),
		"safety_identifier":       takeUser(3),
		"metadata.tags[]":         takeTag,
		"litellm_metadata.tags[]": takeTag,
		"tags[]":                  takeTag,
		"mock_response":           takeMock,
		"mock_tool_calls":         takeMock,
		"mock_timeout":            takeMock,
		"mock_delay":              takeMock,
	}
	for path, t := range own {
		f[path] = t
	}
	return f
}

// strings only: what OpenAI stores as metadata.
func ownMetadata(_ *Call, v jsontext.Value) bool { return onlyStrings(v) }

// openAIUsage are the members of OpenAI's usage object, and what compatible
// servers add to it.
func openAIUsage(at string, w wants) wants {
	for path, id := range map[string]int{
		"prompt_tokens":                              uInput,
		"completion_tokens":                          uOutput,
		"total_tokens":                               uTotal,
		"prompt_tokens_details.cached_tokens":        uCached,
		"prompt_tokens_details.audio_tokens":         uAudioInput,
		"prompt_tokens_details.image_tokens":         uImageInput,
		"prompt_cache_hit_tokens":                    uCached, // DeepSeek
		"completion_tokens_details.reasoning_tokens": uReasoning,
		"completion_tokens_details.audio_tokens":     uAudioOutput,
		"completion_tokens_details.image_tokens":     uImageOutput,
		"num_search_queries":                         uSearches, // Perplexity
	} {
		w[at+"."+path] = want{capture, id}
	}
	return w
}
