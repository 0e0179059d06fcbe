package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	h2mv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// requestNamespace holds what Envoy itself notes about a request. ext_proc cannot write to it.
	requestNamespace = "purser.request"
	pathKey          = "path" // the path without its secrets
	apiKey           = "api"  // the API whose route was the first; absent on the management plane

	// secretInPath finds, everywhere in a path: the query; the segment after /key/ that another one follows
	// (/key/{key}/regenerate); and whatever begins like a key. A query may hold a key (?key=…) and is of no use in a log.
	secretInPath = `(\?).*|(/key/)[^/?]+(/)|(sk-)[^/?]+`
	maskedPath   = `\1\2\4***\3`
)

const headerToMetadataName = "envoy.filters.http.header_to_metadata"

// noteRequest keeps what is known of a request before ext_proc gives it the provider's path: its own path, without its
// secrets, for the access log; and on the routes of an API that API, for the replies that Envoy makes itself.
func noteRequest(api API) *h2mv3.Config {
	note := &h2mv3.Config{RequestRules: []*h2mv3.Config_Rule{{
		Header: ":path",
		OnHeaderPresent: &h2mv3.Config_KeyValuePair{
			MetadataNamespace: requestNamespace,
			Key:               pathKey,
			RegexValueRewrite: &matcherv3.RegexMatchAndSubstitute{
				Pattern:      &matcherv3.RegexMatcher{Regex: secretInPath},
				Substitution: maskedPath,
			},
		},
	}}}
	if api != "" {
		note.RequestRules = append(note.RequestRules, &h2mv3.Config_Rule{
			Header:          ":path",
			OnHeaderPresent: &h2mv3.Config_KeyValuePair{MetadataNamespace: requestNamespace, Key: apiKey, Value: string(api)},
		})
	}
	return note
}

// logFields is the access log's line. No header that can hold a credential may ever appear here: the credential injector
// edits the very headers that the log reads.
var logFields = map[string]string{
	"time":         "%START_TIME%",
	"method":       "%REQ(:METHOD)%",
	"path":         "%DYNAMIC_METADATA(" + requestNamespace + ":" + pathKey + ")%",
	"protocol":     "%PROTOCOL%",
	"status":       "%RESPONSE_CODE%",
	"details":      "%RESPONSE_CODE_DETAILS%",
	"flags":        "%RESPONSE_FLAGS%",
	"route":        "%ROUTE_NAME%",
	"bytes_in":     "%BYTES_RECEIVED%",
	"bytes_out":    "%BYTES_SENT%",
	"duration_ms":  "%DURATION%",
	"first_byte":   "%RESPONSE_DURATION%",
	"client":       "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
	"user_agent":   "%REQ(USER-AGENT)%",
	"request_id":   "%REQ(X-REQUEST-ID)%",
	"call_id":      "%RESP(X-LITELLM-CALL-ID)%",
	"cluster":      "%UPSTREAM_CLUSTER_RAW%",
	"upstream":     "%UPSTREAM_HOST%",
	"attempts":     "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
	"upstream_err": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
	"purser":       "%DYNAMIC_METADATA(" + MetadataNamespace + ")%",
}

func (b *builder) accessLog(cfg Config) []*accesslogv3.AccessLog {
	if cfg.AccessLogPath == "off" {
		return nil
	}
	line := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for field, operator := range logFields {
		line.Fields[field] = structpb.NewStringValue(operator)
	}
	return []*accesslogv3.AccessLog{{
		Name: "envoy.access_loggers.file",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&filelogv3.FileAccessLog{
			Path: cfg.AccessLogPath,
			AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format:          &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: line},
				OmitEmptyValues: true,
			}},
		})},
	}}
}
