package extproc

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// reply writes an outbound as Envoy's message for the kind it answers.
func reply(kind messageKind, out *outbound) *extprocv3.ProcessingResponse {
	if out.answer != nil {
		r := immediate(out.answer)
		r.DynamicMetadata = noteStruct(out.note)
		return r
	}
	r := &extprocv3.ProcessingResponse{DynamicMetadata: noteStruct(out.note)}
	switch kind {
	case requestHeaders:
		r.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: common(out)}}
	case requestBody:
		r.Response = &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{Response: common(out)}}
	case responseHeaders:
		r.Response = &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extprocv3.HeadersResponse{Response: common(out)}}
	case responseBody:
		r.Response = &extprocv3.ProcessingResponse_ResponseBody{ResponseBody: &extprocv3.BodyResponse{Response: common(out)}}
	}
	r.ModeOverride = override(kind, out)
	return r
}

// override asks Envoy for other body modes. It is honoured only in answers to
// headers, and must carry the header modes it does not mean to change.
func override(kind messageKind, out *outbound) *filterv3.ProcessingMode {
	modes := map[bodyMode]filterv3.ProcessingMode_BodySendMode{
		modeNone: filterv3.ProcessingMode_NONE, modeBuffered: filterv3.ProcessingMode_BUFFERED, modeStreamed: filterv3.ProcessingMode_STREAMED,
	}
	switch {
	case kind == requestHeaders && out.request != modeAsConfigured:
		return &filterv3.ProcessingMode{
			ResponseHeaderMode: filterv3.ProcessingMode_SEND, RequestBodyMode: modes[out.request],
			RequestTrailerMode: filterv3.ProcessingMode_SKIP, ResponseTrailerMode: filterv3.ProcessingMode_SKIP,
		}
	case kind == responseHeaders && out.response != modeAsConfigured:
		trailers := filterv3.ProcessingMode_SKIP
		if out.response == modeHeld {
			trailers = filterv3.ProcessingMode_SEND
		}
		return &filterv3.ProcessingMode{
			ResponseHeaderMode: filterv3.ProcessingMode_SEND, ResponseBodyMode: modes[out.response],
			RequestTrailerMode: filterv3.ProcessingMode_SKIP, ResponseTrailerMode: trailers,
		}
	}
	return nil
}

func common(out *outbound) *extprocv3.CommonResponse {
	if len(out.set) == 0 && len(out.remove) == 0 && !out.replace && !out.clearRoute {
		return nil
	}
	c := &extprocv3.CommonResponse{ClearRouteCache: out.clearRoute}
	if len(out.set) > 0 || len(out.remove) > 0 {
		c.HeaderMutation = &extprocv3.HeaderMutation{SetHeaders: setHeaders(out.set), RemoveHeaders: out.remove}
	}
	if out.replace {
		c.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: out.body}}
	}
	return c
}

func setHeaders(in []header) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, len(in))
	for i, h := range in {
		out[i] = &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: h.name, RawValue: []byte(h.value)},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return out
}

func immediate(a *answer) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(a.status)},
		Headers: &extprocv3.HeaderMutation{SetHeaders: setHeaders(a.headers)},
		Body:    a.body,
		Details: a.details,
	}}}
}

// noteStruct is a note as protobuf has it.
func noteStruct(note []header) *structpb.Struct {
	if len(note) == 0 {
		return nil
	}
	fields := make(map[string]*structpb.Value, len(note))
	for _, h := range note {
		fields[h.name] = structpb.NewStringValue(h.value)
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{noteNamespace: structpb.NewStructValue(&structpb.Struct{Fields: fields})}}
}
