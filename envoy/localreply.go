package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// localReply is one kind of reply that Envoy makes itself, and what the caller gets instead. It is recognised by Envoy's
// response code details, and by nothing else: replies that ext_proc asked for are local replies too, with details of
// ext_proc's choosing, and status or flags cannot tell them apart. So ext_proc must not use one of these details.
type localReply struct {
	details []string // Envoy's details, one of them; a trailing * stands for any end
	status  int      // what the caller gets
	message string
}

// localReplies are in the order in which they are tried.
func localReplies(cfg Config) []localReply {
	return []localReply{
		{[]string{"request_payload_too_large"}, 413,
			fmt.Sprintf("The request body is larger than the limit of %s.", byteCount(cfg.BodyLimit))},
		{[]string{"response_payload_too_large"}, 502,
			fmt.Sprintf("The reply is larger than the limit of %s.", byteCount(cfg.BodyLimit))},
		// After a bad answer of the server, and when a body has another length than its header says.
		{[]string{"ext_proc_error*", "mismatch_between_content_length_and_the_length_of_the_mutated_body"}, 503,
			"The governance service is unavailable."},
		{[]string{"failed_to_inject_credential"}, 502,
			"The gateway has no credential for the provider."},
		{[]string{"cluster_not_found"}, 503,
			"No deployment is available for this request."},
		{[]string{"no_healthy_upstream", "maintenance_mode"}, 503,
			"No healthy upstream is available for this request."},
		{[]string{"upstream_reset_before_response_started*"}, 503,
			"The upstream could not be reached or closed the connection before it answered."},
		{[]string{"upstream_response_timeout", "response_timeout", "upstream_per_try_timeout", "upstream_per_try_idle_timeout",
			"upstream_max_stream_duration_reached", "max_duration_timeout"}, 504,
			"The upstream did not answer in time."},
		// Both the caller and the provider may be the silent one.
		{[]string{"stream_idle_timeout"}, 504,
			"The request or its answer did not go on in time."},
		{[]string{"request_overall_timeout", "request_header_timeout"}, 408,
			"The request was not sent in time."},
		{[]string{"upgrade_failed"}, 403,
			"This path does not accept upgrades."},
		{[]string{"path_normalization_failed", "missing_path_rejected", "missing_host_header"}, 400,
			"The request has no valid path or host."},
		{[]string{"overload*"}, 503,
			"The gateway is overloaded."},
	}
}

// envelopes are the error formats of the APIs, the first that fits is used.
var envelopes = []struct {
	api   API // "" is any, also of requests that failed before their API was noted
	write func(localReply) any
}{
	{Anthropic, anthropicError},
	{Gemini, geminiError},
	{"", openAIError},
}

// localReplies gives the replies that Envoy makes itself the form of the API that was called.
func (b *builder) localReplies(cfg Config) *hcmv3.LocalReplyConfig {
	out := new(hcmv3.LocalReplyConfig)
	for _, reply := range localReplies(cfg) {
		for _, e := range envelopes {
			out.Mappers = append(out.Mappers, &hcmv3.ResponseMapper{
				Filter:     b.celFilter(reply.expression(e.api)),
				StatusCode: u32(uint32(reply.status)),
				BodyFormatOverride: &corev3.SubstitutionFormatString{
					Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
						// As text: json_format has no null, and would make the code a number.
						Specifier: &corev3.DataSource_InlineString{InlineString: literal(e.write(reply))},
					}},
					ContentType: "application/json",
				},
			})
		}
	}
	return out
}

func (b *builder) celFilter(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
		ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name: "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{
				TypedConfig: b.any(&celv3.ExpressionFilter{Expression: expression}),
			},
		},
	}}
}

// expression is the reply's condition in CEL. Where the API was not noted, the whole is an error, which counts as false.
func (r localReply) expression(api API) string {
	var cond []string
	for _, d := range r.details {
		if prefix, ok := strings.CutSuffix(d, "*"); ok {
			cond = append(cond, "response.code_details.startsWith('"+prefix+"')")
		} else {
			cond = append(cond, "response.code_details == '"+d+"'")
		}
	}
	any := strings.Join(cond, " || ")
	if api == "" {
		return any
	}
	return "(" + any + ") && metadata.filter_metadata['" + requestNamespace + "']['" + apiKey + "'] == '" + string(api) + "'"
}

func openAIError(r localReply) any {
	type body struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    string  `json:"code"`
	}
	kind := map[int]string{403: "permission_error", 408: "timeout_error", 504: "timeout_error", 503: "service_unavailable_error"}[r.status]
	switch {
	case kind != "":
	case r.status < 500:
		kind = "invalid_request_error"
	default:
		kind = "internal_server_error"
	}
	return struct {
		Error body `json:"error"`
	}{body{r.message, kind, nil, strconv.Itoa(r.status)}}
}

func anthropicError(r localReply) any {
	type body struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	kind := map[int]string{403: "permission_error", 408: "timeout_error", 413: "request_too_large", 504: "timeout_error"}[r.status]
	switch {
	case kind != "":
	case r.status < 500:
		kind = "invalid_request_error"
	default:
		kind = "api_error"
	}
	return struct {
		Type  string `json:"type"`
		Error body   `json:"error"`
	}{"error", body{kind, r.message}}
}

func geminiError(r localReply) any {
	type body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	kind := map[int]string{403: "PERMISSION_DENIED", 408: "DEADLINE_EXCEEDED", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}[r.status]
	switch {
	case kind != "":
	case r.status < 500:
		kind = "INVALID_ARGUMENT"
	default:
		kind = "INTERNAL"
	}
	return struct {
		Error body `json:"error"`
	}{body{r.status, r.message, kind}}
}

// literal is v as JSON that Envoy's formatter leaves as it is.
func literal(v any) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "{}" // the structs above always encode
	}
	return strings.ReplaceAll(strings.TrimSuffix(buf.String(), "\n"), "%", "%%")
}

// byteCount is "16 MiB (16777216 bytes)".
func byteCount(n uint64) string {
	for _, unit := range []struct {
		size uint64
		name string
	}{{1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d %s (%d bytes)", n/unit.size, unit.name, n)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
