package redis

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
)

// What goes to a script in one argument, for it to unpack with cmsgpack: arrays,
// texts, integers. A hold's nine values as arguments of their own cost Redis and us
// more than all the counting.

func packArray(b []byte, n int) []byte {
	if n < 16 {
		return append(b, 0x90|byte(n))
	}
	return binary.BigEndian.AppendUint16(append(b, 0xdc), uint16(n))
}

func packInt(b []byte, v int64) []byte {
	switch {
	case v >= 0 && v < 128:
		return append(b, byte(v))
	case v == int64(int32(v)):
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(v))
}

// packText makes room for a text's length, which packEnd fills in when it follows.
func packText(b []byte) (_ []byte, at int) { return append(b, 0xdb, 0, 0, 0, 0), len(b) + 5 }

func packEnd(b []byte, at int) []byte {
	binary.BigEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	return b
}

// packHolds appends to a command's arguments the keys its holds are counted in, each
// once, and returns the holds for the script, each with which key it has.
func (l *Ledger) packHolds(args []any, holds []policy.Hold) ([]any, []byte) {
	type place struct {
		scope  policy.Scope
		minute bool
	}
	var few [16]place
	places := few[:0]
	b := packArray(make([]byte, 0, 16+96*len(holds)), len(holds))
	for i := range holds {
		h := &holds[i]
		want := place{h.Scope, h.Window.Kind == policy.WindowMinute}
		at := slices.Index(places, want)
		if at < 0 {
			at = len(places)
			places = append(places, want)
			args = append(args, l.scopeKey(h.Scope, h.Window.Name()))
		}
		b = packInt(packArray(b, 9), int64(at+1))
		var text int
		b, text = packText(b)
		b = packEnd(appendField(b, h.Counter()), text)
		b, text = packText(b)
		b = packEnd(append(b, windowCodes[h.Window.Kind]...), text)
		var soft int64
		if h.Soft {
			soft = 1
		}
		for _, n := range [...]int64{h.Limit, h.Fixed, h.PerToken, int64(h.Kind), soft, h.End.UnixMilli()} {
			b = packInt(b, n)
		}
	}
	return args, b
}

// writeEntry is an entry as it lies in the journal's stream.
func writeEntry(e *policy.Entry) []byte { return codec.AppendEntry(make([]byte, 0, 768), e) }

// readEntry reads one, also of a version that wrote JSON.
func readEntry(text string, e *policy.Entry) error {
	if strings.HasPrefix(text, "{") {
		return json.Unmarshal([]byte(text), e)
	}
	return codec.ReadEntry(text, e)
}

// writeDraft is a draft as it lies in its reservation.
func writeDraft(d policy.Draft) []byte {
	return codec.AppendUnderway(make([]byte, 0, 768), &codec.Underway{Draft: d})
}

func readDraft(text string) (policy.Draft, error) {
	var u codec.Underway
	if strings.HasPrefix(text, "{") {
		err := json.Unmarshal([]byte(text), &u.Draft)
		return u.Draft, err
	}
	err := codec.ReadUnderway(text, &u)
	return u.Draft, err
}
