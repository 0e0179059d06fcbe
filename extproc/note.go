package extproc

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/purser/purser/policy"
)

// noteNamespace is that of the dynamic metadata which Envoy's filter accepts from us, and
// its access log and filters behind us read: %DYNAMIC_METADATA(purser:cost)%. Envoy
// merges what several answers say of it.
const noteNamespace = "purser"

// notedLength bounds a value, in bytes: some are the caller's own. What is not UTF-8
// would make Envoy refuse our whole answer.
const notedLength = 256

// who says who calls and for what: once a request is decided.
func (x *exchange) who() []header {
	out := make([]header, 0, 12)
	add := func(name, value string) {
		if len(value) > notedLength {
			value = value[:notedLength]
		}
		if value != "" {
			out = append(out, header{name, strings.ToValidUTF8(value, "?")})
		}
	}
	g := &x.grant
	if x.keyHash != (policy.KeyHash{}) {
		add("key", x.keyHash.String())
	}
	if k := g.Key; k != nil {
		add("key_alias", k.Alias)
		add("user", k.UserID)
		add("team", k.TeamID)
		add("project", k.ProjectID)
		add("organization", k.OrganizationID)
	}
	add("customer", x.request.Customer)
	add("model", x.request.Model)
	if x.deployment != nil {
		add("deployment", x.deployment.ID)
	}
	return out
}

// refusedNote is who, and why not.
func (x *exchange) refusedNote(r *policy.Refusal) []header {
	out := append(x.who(), header{"decision", "refused"}, header{"reason", string(r.Code)})
	if r.Limited {
		out = append(out, header{"scope", r.Scope.String()})
	}
	return out
}

// usedNote is what a settled request took; cost is in dollars, to the nano-dollar.
func usedNote(e *policy.Entry) []header {
	out := []header{{"status", string(e.Status)}, {"cost", e.Cost.Total.String()}, {"usage", e.Usage.Source.String()}}
	for _, n := range []struct {
		name  string
		value int64
	}{{"input_tokens", e.Usage.Input}, {"output_tokens", e.Usage.Output}} {
		if n.value != 0 {
			out = append(out, header{n.name, strconv.FormatInt(n.value, 10)})
		}
	}
	return out
}

// noted adds what a settlement has left to say.
func (x *exchange) noted(out outbound) outbound {
	out.note = append(out.note, x.used...)
	x.used = nil
	return out
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

// sizeNote is the length of what appendNote writes.
func sizeNote(note []header) int {
	if len(note) == 0 {
		return 0
	}
	return sizeBytes(sizeBytes(sizeNamespace(noteFields(note))))
}

// noteFields is the length of the inner Struct, sizeNamespace that of the map's entry around it.
func noteFields(note []header) (n int) {
	for _, h := range note {
		n += sizeBytes(sizeField(h))
	}
	return n
}

func sizeField(h header) int { return sizeBytes(len(h.name)) + sizeBytes(sizeBytes(len(h.value))) }

func sizeNamespace(fields int) int {
	return sizeBytes(len(noteNamespace)) + sizeBytes(sizeBytes(fields))
}

// appendNote writes dynamic_metadata: a Struct whose one field is our namespace, itself a Struct of strings.
func appendNote(b []byte, note []header) []byte {
	if len(note) == 0 {
		return b
	}
	const (
		structFields, entryKey, entryValue = 1, 1, 2
		valueString, valueStruct           = protowire.Number(3), protowire.Number(5)
	)
	fields := noteFields(note)
	b = appendHead(b, fieldNote, sizeBytes(sizeNamespace(fields)))
	b = appendHead(b, structFields, sizeNamespace(fields))
	b = appendBytes(b, entryKey, noteNamespace)
	b = appendHead(b, entryValue, sizeBytes(fields))
	b = appendHead(b, valueStruct, fields)
	for _, h := range note {
		b = appendHead(b, structFields, sizeField(h))
		b = appendBytes(b, entryKey, h.name)
		b = appendHead(b, entryValue, sizeBytes(len(h.value)))
		b = appendBytes(b, valueString, h.value)
	}
	return b
}
