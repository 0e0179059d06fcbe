package extproc

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// sampleRequests are messages as Envoy sends them.
func sampleRequests(t testing.TB) map[string]*extprocv3.ProcessingRequest {
	headers := func(pairs ...string) *corev3.HeaderMap {
		m := &corev3.HeaderMap{}
		for i := 0; i < len(pairs); i += 2 {
			m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
		}
		return m
	}
	attributes, err := structpb.NewStruct(map[string]any{
		"upstream.address": "10.0.0.1:443", "upstream.request_attempt_count": 2, "xds.cluster_name": "llm-a", "response.code_details": nil,
		"xds.upstream_host_metadata": `filter_metadata { key: "purser" value { fields { key: "deployment" value { string_value: "llm-a" } } } }`,
		"a.list":                     []any{"x"}, "a.struct": map[string]any{"x": "y"}, "a.bool": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*structpb.Struct{"envoy.filters.http.ext_proc": attributes}
	claims, err := structpb.NewStruct(map[string]any{"idp": map[string]any{"iss": "https://idp", "sub": "alice", "groups": []any{"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	verified := &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{claimsNamespace: claims, "another": attributes}}
	request := &extprocv3.HttpHeaders{Headers: headers(":method", "POST", ":path", "/v1/chat/completions?x=1", ":authority", "a", "authorization", "Bearer sk-1234567890",
		"content-type", "application/json", "X-Mixed-Case", "Kept As It Is", "content-length", "1000", "x-empty", "", "user-agent", "caf\xe9")}
	request.Headers.Headers = append(request.Headers.Headers, &corev3.HeaderValue{Key: "x-text", Value: "as older Envoys send it"})
	return map[string]*extprocv3.ProcessingRequest{
		"request headers":  {Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: request}, Attributes: all, MetadataContext: verified, ProtocolConfig: &extprocv3.ProtocolConfiguration{RequestBodyMode: 2}},
		"no body follows":  {Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{EndOfStream: true}}},
		"request body":     {Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: []byte(`{"model":"m"}`), EndOfStream: true}}},
		"response headers": {Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{Headers: headers(":status", "200", "content-type", "text/event-stream")}}, Attributes: all},
		"a chunk":          {Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte("data: {}\n\n")}}},
		"the last, empty":  {Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{EndOfStream: true}}},
		"trailers":         {Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}}},
		"nothing":          {},
	}
}

// sampleResponses are what Purser answers with.
func sampleResponses() map[string]outgoing {
	many := []header{{":path", "/v1/x"}, {"x-purser-cluster", "llm-a"}, {"x-empty", ""}, {"x-long", strings.Repeat("v", 300)}}
	return map[string]outgoing{
		"go on, request headers":   {kind: requestHeaders},
		"go on, request body":      {kind: requestBody},
		"go on, response headers":  {kind: responseHeaders},
		"go on, response body":     {kind: responseBody},
		"no request body":          {requestHeaders, outbound{request: modeNone}},
		"routed":                   {requestBody, outbound{set: many, remove: []string{"authorization", "cookie"}, body: bytes.Repeat([]byte("b"), 70_000), replace: true, clearRoute: true}},
		"emptied":                  {responseBody, outbound{replace: true}},
		"only removed":             {responseHeaders, outbound{remove: []string{"content-length"}, response: modeStreamed}},
		"buffered":                 {responseHeaders, outbound{set: many, response: modeBuffered}},
		"a socket":                 {responseHeaders, outbound{response: modeHeld}},
		"not looked at":            {responseHeaders, outbound{response: modeNone}},
		"modes count in headers":   {responseBody, outbound{request: modeNone, response: modeStreamed}},
		"route cleared, no more":   {requestBody, outbound{clearRoute: true}},
		"refused":                  {requestBody, outbound{answer: &answer{status: 429, headers: many, body: []byte(`{"error":{}}`), details: "purser_rate"}}},
		"noted":                    {responseBody, outbound{note: many}},
		"noted and more":           {responseHeaders, outbound{note: many[:1], set: many, response: modeStreamed}},
		"noted, another mode":      {requestHeaders, outbound{note: many[:1], request: modeNone}},
		"refused and noted":        {requestHeaders, outbound{note: many, answer: &answer{status: 401, body: []byte("{}")}}},
		"refused, nothing to tell": {requestHeaders, outbound{answer: &answer{}}},
	}
}

func TestCodecReadsWhatProtobufReads(t *testing.T) {
	for name, req := range sampleRequests(t) {
		data, err := proto.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { sameInbound(t, data) })
	}
}

// Messages that protobuf's own writers never make, but its readers know.
func TestCodecReadsUnusualMessages(t *testing.T) {
	samples := sampleRequests(t)
	wire := func(name string) []byte {
		data, err := proto.Marshal(samples[name])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1)
	unknown = protowire.AppendFixed32(protowire.AppendTag(unknown, 1001, protowire.Fixed32Type), 1)
	unknown = protowire.AppendTag(protowire.AppendTag(unknown, 1002, protowire.StartGroupType), 1002, protowire.EndGroupType)
	for name, data := range map[string][]byte{
		"of two alternatives, the last": slices.Concat(wire("request body"), wire("response headers")),
		"the first again":               slices.Concat(wire("request body"), wire("response headers"), wire("request body")),
		"one in two parts":              slices.Concat(wire("response headers"), wire("response headers")),
		"a body in two parts":           slices.Concat(wire("a chunk"), wire("the last, empty")),
		"unknown fields":                slices.Concat(unknown, wire("request headers"), unknown),
		"a known field of another type": protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 7),
	} {
		t.Run(name, func(t *testing.T) { sameInbound(t, data) })
	}
}

func TestCodecRefusesWhatIsNoMessage(t *testing.T) {
	whole, err := proto.Marshal(sampleRequests(t)["request headers"])
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"cut":                whole[:len(whole)-1],
		"field number 0":     {0x02, 0x00},
		"a name not UTF-8":   protowire.AppendBytes([]byte{2<<3 | 2}, protowire.AppendBytes([]byte{1<<3 | 2}, protowire.AppendBytes([]byte{1<<3 | 2}, []byte("\x0a\x01\xff")))),
		"a length for ever":  {2<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"an end of no group": {2<<3 | 4},
	} {
		var in inbound
		if err := in.unmarshal(data); err == nil {
			t.Errorf("%s: taken for %+v", name, in)
		}
		if err := proto.Unmarshal(data, new(extprocv3.ProcessingRequest)); err == nil {
			t.Errorf("%s: protobuf takes it, so this test is wrong", name)
		}
	}
}

// What is kept of a message must not keep, or change with, the buffer it came in.
func TestCodecSharesNothingWithTheBuffer(t *testing.T) {
	for name, req := range sampleRequests(t) {
		data, err := proto.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		want := read(req)
		var in inbound
		if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, &in); err != nil {
			t.Fatal(err)
		}
		for i := range data {
			data[i] = 'X'
		}
		compareInbound(t, name, in, want, true)
	}
}

func TestCodecWritesWhatProtobufWrites(t *testing.T) {
	for name, out := range sampleResponses() {
		t.Run(name, func(t *testing.T) { sameResponse(t, &out) })
	}
}

// Other services on the same gRPC server have messages of generated types.
func TestCodecLeavesOtherMessagesAlone(t *testing.T) {
	c := newCodec()
	data, err := c.Marshal(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING})
	if err != nil {
		t.Fatal(err)
	}
	var got healthpb.HealthCheckResponse
	if err := c.Unmarshal(data, &got); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("got %v, %v", &got, err)
	}
	if _, err := c.Marshal("no message"); err == nil {
		t.Error("a string was taken for a message")
	}
}

func FuzzCodecRead(f *testing.F) {
	for _, req := range sampleRequests(f) {
		data, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(append(data, data...))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameInbound(t, data) })
}

func FuzzCodecWrite(f *testing.F) {
	for _, o := range sampleResponses() {
		name, value := "", ""
		if len(o.set) > 0 {
			name, value = o.set[0].name, o.set[0].value
		}
		f.Add(uint8(o.kind), len(o.set), name, value, strings.Join(o.remove, ","), o.body, o.replace, o.clearRoute, uint8(o.request), uint8(o.response), -1, "")
		if a := o.answer; a != nil {
			f.Add(uint8(o.kind), len(a.headers), "a", "b", "", a.body, false, false, uint8(0), uint8(0), a.status, a.details)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, n int, name, value, remove string, body []byte, replace, clear bool, request, response uint8, status int, details string) {
		if !utf8.ValidString(name) || !utf8.ValidString(remove) || !utf8.ValidString(details) {
			return // protobuf cannot write it
		}
		o := outgoing{messageKind(kind % 4), outbound{body: body, replace: replace, clearRoute: clear, request: bodyMode(request % 4), response: bodyMode(response % 4)}}
		var set []header
		for range max(n, 0) % 5 {
			set = append(set, header{name, value})
		}
		if remove != "" {
			o.remove = strings.Split(remove, ",")
		}
		for i := range max(n, 0) % 3 {
			if utf8.ValidString(value) {
				o.note = append(o.note, header{name + itoa(i), value})
			}
		}
		if o.set = set; status >= 0 {
			o.answer = &answer{status: int(int32(status)), headers: set, body: body, details: details}
		}
		sameResponse(t, &o)
	})
}

// sameInbound fails where the codec reads something else than protobuf. It may
// take what protobuf refuses, in fields that nobody reads.
func sameInbound(t *testing.T, data []byte) {
	t.Helper()
	var in inbound
	err := in.unmarshal(data)
	var req extprocv3.ProcessingRequest
	if proto.Unmarshal(data, &req) != nil {
		return
	}
	if err != nil {
		t.Fatalf("protobuf takes it, the codec says %v: %x", err, data)
	}
	// Of one namespace twice protobuf drops the first, of several it reads in any order.
	compareInbound(t, "", in, read(&req), namespaces(data) < 2)
}

func compareInbound(t *testing.T, name string, got, want inbound, attrs bool) {
	t.Helper()
	if got.kind != want.kind || got.end != want.end || !bytes.Equal(got.body, want.body) || !slices.Equal(got.headers, want.headers) ||
		attrs && !maps.Equal(got.attrs, want.attrs) {
		t.Fatalf("%s\ngot  %+v\nwant %+v", name, got, want)
	}
	var mine, protobufs structpb.Struct
	if bad := proto.Unmarshal(got.claims, &mine); bad != nil || proto.Unmarshal(want.claims, &protobufs) != nil || !proto.Equal(&mine, &protobufs) {
		t.Fatalf("%s: claims %x, want %x", name, got.claims, want.claims)
	}
}

func namespaces(data []byte) (n int) {
	for f := (fields{rest: data}); f.next(); {
		if f.num == fieldAttributes {
			n++
		}
	}
	return n
}

func sameResponse(t *testing.T, out *outgoing) {
	t.Helper()
	want := reply(out.kind, &out.outbound)
	var got extprocv3.ProcessingResponse
	data := out.marshal()
	if err := proto.Unmarshal(data, &got); err != nil {
		t.Fatalf("%v: %x", err, data)
	}
	if !proto.Equal(&got, want) {
		t.Fatalf("\ngot  %v\nwant %v", &got, want)
	}
	if cap(data) != len(data) {
		t.Errorf("%d bytes in %d: a size was wrong", len(data), cap(data))
	}
}

func BenchmarkCodec(b *testing.B) {
	requests := map[string]mem.BufferSlice{}
	for name, req := range sampleRequests(b) {
		data, err := proto.Marshal(req)
		if err != nil {
			b.Fatal(err)
		}
		requests[name] = mem.BufferSlice{mem.SliceBuffer(data)}
	}
	c := newCodec()
	for _, name := range []string{"request headers", "response headers", "a chunk"} {
		b.Run("read/"+name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			var in inbound
			for b.Loop() {
				if err := c.Unmarshal(requests[name], &in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("read/"+name+"/protobuf", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var req extprocv3.ProcessingRequest
				if err := c.Unmarshal(requests[name], &req); err != nil {
					b.Fatal(err)
				}
				_ = read(&req)
			}
		})
	}
	for _, name := range []string{"go on, response body", "buffered", "refused"} {
		out := sampleResponses()[name]
		b.Run("write/"+name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Marshal(&out); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("write/"+name+"/protobuf", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Marshal(reply(out.kind, &out.outbound)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
