package extproc

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The kinds of message by their field in a ProcessingRequest. Any other is
// trailers: this filter is configured for none.
var kindOf = map[protowire.Number]messageKind{
	2: requestHeaders, 3: responseHeaders, 4: requestBody, 5: responseBody, 6: trailers, 7: trailers,
}

// Of a ProcessingRequest.
const (
	fieldMetadata   = 8
	fieldAttributes = 9
)

// unmarshal reads a ProcessingRequest, as protobuf has it: what is not known is
// skipped, of alternatives the last counts, and one that comes in parts is put
// together. Nothing in the result shares data, which is gRPC's: a header that is
// kept for the journal must not keep the message it came in, credential and all.
func (in *inbound) unmarshal(data []byte) error {
	*in = inbound{kind: trailers}
	var attrs map[string]string
	var claims []byte
	var err error
	f := fields{rest: data}
	for err == nil && f.next() {
		if f.typ != protowire.BytesType {
			continue
		}
		if f.num == fieldMetadata {
			claims, err = readMetadata(claims, f.bytes)
			continue
		}
		if f.num == fieldAttributes {
			attrs, err = readNamespace(attrs, f.bytes)
			continue
		}
		kind, ok := kindOf[f.num]
		if !ok {
			continue
		}
		if in.kind != kind {
			*in = inbound{kind: kind}
		}
		switch kind {
		case requestHeaders, responseHeaders:
			err = in.readHeaders(f.bytes)
		case requestBody, responseBody:
			err = in.readBody(f.bytes)
		}
	}
	if err == nil {
		err = f.err
	}
	if in.kind == requestHeaders || in.kind == responseHeaders {
		in.attrs = attrs
		learnDeployment(attrs)
	}
	if in.kind == requestHeaders {
		in.claims = claims
	}
	return err
}

// readMetadata finds, in a Metadata, the Struct of what Envoy has verified. It is
// not read here: most requests have none.
func readMetadata(claims, data []byte) ([]byte, error) {
	m := fields{rest: data}
	for m.next() {
		if !m.is(1, protowire.BytesType) { // filter_metadata, a map from namespace to Struct
			continue
		}
		var namespace, value []byte
		e := fields{rest: m.bytes}
		for e.next() {
			switch {
			case e.is(1, protowire.BytesType):
				namespace = e.bytes
			case e.is(2, protowire.BytesType):
				value = append(value, e.bytes...) // one that comes in parts is put together
			}
		}
		if e.err != nil {
			return nil, e.err
		}
		if string(namespace) == claimsNamespace {
			claims = append([]byte{}, value...)
		}
	}
	return claims, m.err
}

// readHeaders reads an HttpHeaders.
func (in *inbound) readHeaders(data []byte) error {
	f := fields{rest: data}
	for f.next() {
		switch {
		case f.is(1, protowire.BytesType): // HeaderMap
			if in.headers == nil {
				in.headers = make(headers, 0, 24) // as many as Envoy forwards of an ordinary call
			}
			m := fields{rest: f.bytes}
			for m.next() {
				if !m.is(1, protowire.BytesType) {
					continue
				}
				h, err := readHeader(m.bytes)
				if err != nil {
					return err
				}
				in.headers = append(in.headers, h)
			}
			if m.err != nil {
				return m.err
			}
		case f.is(3, protowire.VarintType):
			in.end = f.number != 0
		}
	}
	return f.err
}

// readHeader reads a HeaderValue, whose value comes raw or, from older Envoys, as text.
func readHeader(data []byte) (h header, err error) {
	var name, text, raw []byte
	f := fields{rest: data}
	for f.next() {
		switch {
		case f.is(1, protowire.BytesType):
			name = f.bytes
		case f.is(2, protowire.BytesType):
			text = f.bytes
		case f.is(3, protowire.BytesType):
			raw = f.bytes
		}
	}
	if f.err != nil {
		return h, f.err
	}
	if !utf8.Valid(name) || !utf8.Valid(text) {
		return h, errUTF8
	}
	if len(raw) == 0 {
		raw = text
	}
	return header{nameOf(name), string(raw)}, nil
}

// nameOf is a name without a copy of it where it is one of the usual ones.
func nameOf(name []byte) string {
	if s, ok := usualNames[string(name)]; ok {
		return s
	}
	return strings.ToLower(string(name))
}

var usualNames = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		":path", ":method", ":authority", ":scheme", ":status", ":protocol", "accept", "accept-encoding", "authorization", "api-key", "x-api-key",
		"x-goog-api-key", "content-type", "content-length", "content-encoding", "user-agent", "x-forwarded-for", "x-request-id", "traceparent",
		"tracestate", "openai-organization", "openai-project", "openai-version", "openai-processing-ms", "anthropic-version", "anthropic-beta",
		"x-litellm-api-key", "x-litellm-tags", "x-litellm-customer-id", "x-litellm-end-user-id", "x-litellm-session-id",
	} {
		m[name] = name
	}
	return m
}()

// readBody reads an HttpBody.
func (in *inbound) readBody(data []byte) error {
	f := fields{rest: data}
	for f.next() {
		switch {
		case f.is(1, protowire.BytesType):
			in.body = append(make([]byte, 0, len(f.bytes)), f.bytes...)
		case f.is(2, protowire.VarintType):
			in.end = f.number != 0
		}
	}
	return f.err
}

// readNamespace adds the attributes in one entry of the map from namespace to Struct.
// Envoy sends one namespace.
func readNamespace(attrs map[string]string, data []byte) (map[string]string, error) {
	f := fields{rest: data}
	for f.next() {
		switch {
		case f.is(1, protowire.BytesType) && !utf8.Valid(f.bytes):
			return attrs, errUTF8
		case f.is(2, protowire.BytesType): // Struct
			s := fields{rest: f.bytes}
			for s.next() {
				if !s.is(1, protowire.BytesType) {
					continue
				}
				if attrs == nil {
					attrs = make(map[string]string, 8)
				}
				if err := readAttribute(attrs, s.bytes); err != nil {
					return attrs, err
				}
			}
			if s.err != nil {
				return attrs, s.err
			}
		}
	}
	return attrs, f.err
}

// readAttribute reads an entry of the map from name to Value: texts and numbers count.
func readAttribute(attrs map[string]string, data []byte) error {
	var name []byte
	var value string
	var is bool
	f := fields{rest: data}
	for f.next() {
		switch {
		case f.is(1, protowire.BytesType):
			name = f.bytes
		case f.is(2, protowire.BytesType): // Value
			v := fields{rest: f.bytes}
			for v.next() {
				switch {
				case v.is(2, protowire.Fixed64Type):
					value, is = formatNumber(math.Float64frombits(v.number)), true
				case v.is(3, protowire.BytesType):
					if !utf8.Valid(v.bytes) {
						return errUTF8
					}
					value, is = string(v.bytes), true
				case v.is(1, protowire.VarintType), v.is(4, protowire.VarintType), v.is(5, protowire.BytesType), v.is(6, protowire.BytesType):
					value, is = "", false
				}
			}
			if v.err != nil {
				return v.err
			}
		}
	}
	switch {
	case f.err != nil:
		return f.err
	case !utf8.Valid(name):
		return errUTF8
	case is:
		attrs[string(name)] = value
	default:
		delete(attrs, string(name))
	}
	return nil
}

var errUTF8 = errors.New("ext_proc: a string that is not UTF-8")

// fields goes through the fields of a message.
type fields struct {
	rest   []byte
	num    protowire.Number
	typ    protowire.Type
	bytes  []byte // of a BytesType
	number uint64 // of a VarintType or Fixed64Type
	err    error
}

// next reads a field; false at the end of the message, or at an error.
func (f *fields) next() bool {
	if len(f.rest) == 0 || f.err != nil {
		return false
	}
	num, typ, n := protowire.ConsumeTag(f.rest)
	if n < 0 {
		f.err = protowire.ParseError(n)
		return false
	}
	f.num, f.typ = num, typ
	switch b := f.rest[n:]; typ {
	case protowire.BytesType:
		f.bytes, n = consumed(n, protowire.ConsumeBytes, b)
	case protowire.VarintType:
		f.number, n = consumed(n, protowire.ConsumeVarint, b)
	case protowire.Fixed64Type:
		f.number, n = consumed(n, protowire.ConsumeFixed64, b)
	default:
		m := protowire.ConsumeFieldValue(num, typ, b)
		if n += m; m < 0 {
			n = m
		}
	}
	if n < 0 {
		f.err = protowire.ParseError(n)
		return false
	}
	f.rest = f.rest[n:]
	return true
}

// consumed adds the length of a value to that of its tag, or hands its error on.
func consumed[T any](tag int, consume func([]byte) (T, int), b []byte) (T, int) {
	v, n := consume(b)
	if n < 0 {
		return v, n
	}
	return v, tag + n
}

func (f *fields) is(num protowire.Number, typ protowire.Type) bool {
	return f.num == num && f.typ == typ
}
