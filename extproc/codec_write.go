package extproc

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Values of Envoy's enums.
const (
	headerSend     = 1 // ProcessingMode.HeaderSendMode
	headerSkip     = 2
	overwriteOrAdd = 2 // HeaderValueOption.HeaderAppendAction
)

// answerFields are the alternatives of a ProcessingResponse.
var answerFields = [...]protowire.Number{requestHeaders: 1, responseHeaders: 2, requestBody: 3, responseBody: 4}

const (
	fieldImmediate = 7
	fieldNote      = 8
	fieldOverride  = 9
)

// goOn is the answer that changes nothing, by kind.
var goOn = func() (out [len(answerFields)][]byte) {
	for kind, num := range answerFields {
		out[kind] = slices.Clip(appendHead(nil, num, 0))
	}
	return out
}()

// marshal writes a ProcessingResponse. The result may be shared, and must not be
// written to.
func (o *outgoing) marshal() []byte {
	note := sizeNote(o.note)
	if o.answer != nil {
		return appendNote(o.answer.marshal(note), o.note)
	}
	if int(o.kind) >= len(answerFields) {
		return nil
	}
	mode := o.mode()
	if !o.changes() && len(mode) == 0 && note == 0 {
		return goOn[o.kind]
	}
	num := answerFields[o.kind]
	if !o.changes() {
		b := make([]byte, 0, sizeBytes(0)+note+sizeSome(len(mode)))
		return appendSome(appendNote(appendHead(b, num, 0), o.note), fieldOverride, mode)
	}
	mutation := sizeMutation(o.set, o.remove)
	size := o.sizeCommon(mutation)
	b := make([]byte, 0, sizeBytes(sizeBytes(size))+note+sizeSome(len(mode)))
	b = appendHead(b, num, sizeBytes(size))
	b = appendHead(b, 1, size)
	b = appendNote(o.appendCommon(b, mutation), o.note)
	return appendSome(b, fieldOverride, mode)
}

func (o *outbound) changes() bool {
	return len(o.set) > 0 || len(o.remove) > 0 || o.replace || o.clearRoute
}

// mode is the ProcessingMode asked for instead of the configured one; "" for none.
// It is honoured only in answers to headers.
func (o *outgoing) mode() string {
	switch {
	case o.kind == requestHeaders && o.request != modeAsConfigured:
		return requestModes[o.request]
	case o.kind == responseHeaders && o.response != modeAsConfigured:
		return responseModes[o.response]
	}
	return ""
}

// The modes that may be asked for, by bodyMode. They must carry what they do not
// mean to change: the reply's headers are sent, no trailers are, but where they hold a socket.
var requestModes, responseModes = modesAt(3), modesAt(4)

func modesAt(body protowire.Number) (out [5]string) {
	number := func(b []byte, num protowire.Number, v uint64) []byte {
		if v == 0 {
			return b
		}
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
	}
	for mode, envoys := range map[bodyMode]uint64{modeNone: 0, modeStreamed: 1, modeBuffered: 2, modeHeld: 0} {
		trailers := uint64(headerSkip)
		if mode == modeHeld {
			trailers = headerSend
		}
		b := number(number(nil, 2, headerSend), body, envoys)
		out[mode] = string(number(number(b, 5, headerSkip), 6, trailers))
	}
	return out
}

// sizeCommon is the length of the CommonResponse around a mutation of a length.
func (o *outbound) sizeCommon(mutation int) (n int) {
	if len(o.set) > 0 || len(o.remove) > 0 {
		n += sizeBytes(mutation)
	}
	if o.replace {
		n += sizeBytes(sizeBytes(len(o.body)))
	}
	if o.clearRoute {
		n += 2
	}
	return n
}

func (o *outbound) appendCommon(b []byte, mutation int) []byte {
	if len(o.set) > 0 || len(o.remove) > 0 {
		b = appendHead(b, 2, mutation)
		b = appendMutation(b, o.set, o.remove)
	}
	if o.replace {
		b = appendHead(b, 3, sizeBytes(len(o.body)))
		b = appendBytes(b, 1, o.body) // also an empty one: it is an alternative
	}
	if o.clearRoute {
		b = append(b, 5<<3, 1)
	}
	return b
}

// sizeMutation is the length of a HeaderMutation.
func sizeMutation(set []header, remove []string) (n int) {
	for _, h := range set {
		n += sizeBytes(sizeBytes(sizeValue(h)) + 2)
	}
	for _, name := range remove {
		n += sizeBytes(len(name))
	}
	return n
}

func appendMutation(b []byte, set []header, remove []string) []byte {
	for _, h := range set {
		value := sizeValue(h)
		b = appendHead(b, 1, sizeBytes(value)+2)
		b = appendHead(b, 1, value)
		b = appendSome(b, 1, h.name)
		b = appendSome(b, 3, h.value)
		b = append(b, 3<<3, overwriteOrAdd)
	}
	for _, name := range remove {
		b = appendBytes(b, 2, name)
	}
	return b
}

func sizeValue(h header) int { return sizeSome(len(h.name)) + sizeSome(len(h.value)) }

// marshal writes the ProcessingResponse that is an ImmediateResponse, with room for
// so many bytes more.
func (a *answer) marshal(more int) []byte {
	code := 0
	if a.status != 0 {
		code = 1 + protowire.SizeVarint(uint64(a.status))
	}
	mutation := sizeMutation(a.headers, nil)
	size := sizeBytes(code) + sizeBytes(mutation) + sizeSome(len(a.body)) + sizeSome(len(a.details))
	b := appendHead(make([]byte, 0, sizeBytes(size)+more), fieldImmediate, size)
	b = appendHead(b, 1, code)
	if code > 0 {
		b = protowire.AppendVarint(append(b, 1<<3), uint64(a.status))
	}
	b = appendHead(b, 2, mutation)
	b = appendMutation(b, a.headers, nil)
	b = appendSome(b, 3, a.body)
	return appendSome(b, 5, a.details)
}

// sizeBytes is the length of a field of n bytes whose number is below 16, as all
// of them are here.
func sizeBytes(n int) int { return 1 + protowire.SizeBytes(n) }

// sizeSome is sizeBytes, of a field that is left out where it is empty.
func sizeSome(n int) int {
	if n == 0 {
		return 0
	}
	return sizeBytes(n)
}

// appendHead begins a field of n bytes.
func appendHead(b []byte, num protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(n))
}

func appendBytes[T string | []byte](b []byte, num protowire.Number, v T) []byte {
	return append(appendHead(b, num, len(v)), v...)
}

func appendSome[T string | []byte](b []byte, num protowire.Number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return appendBytes(b, num, v)
}
