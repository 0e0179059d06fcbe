package fakeprovider

import (
	"net/http"
	"strings"
)

// errorShape makes the body of an error in a provider's form.
type errorShape func(status int, message string) any

func errorShapeOf(api, path string) errorShape {
	switch {
	case strings.HasPrefix(api, "gemini") || strings.Contains(path, "/v1beta/"):
		return geminiError
	case api == "messages" || api == "count_tokens":
		return anthropicError
	}
	return openAIError
}

// fail answers with an error. It returns nil: the answer is complete.
func (c *call) fail(status int, message string) error {
	return c.reply(status, c.errors(status, message))
}

type object = map[string]any

func openAIError(status int, message string) any {
	kind, code := "invalid_request_error", any(nil)
	switch {
	case status == http.StatusUnauthorized:
		code = "invalid_api_key"
	case status == http.StatusTooManyRequests:
		kind, code = "requests", "rate_limit_exceeded"
	case status >= 500:
		kind = "server_error"
	}
	return object{"error": object{"message": message, "type": kind, "param": nil, "code": code}}
}

func anthropicError(status int, message string) any {
	kind, ok := map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
		413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
	}[status]
	if !ok {
		kind = "invalid_request_error"
		if status >= 500 {
			kind = "api_error"
		}
	}
	return object{"type": "error", "error": object{"type": kind, "message": message}, "request_id": newID("req_")}
}

func geminiError(status int, message string) any {
	name, ok := map[int]string{
		400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
	}[status]
	if !ok {
		name = "UNKNOWN"
	}
	return object{"error": object{"code": status, "message": message, "status": name}}
}
