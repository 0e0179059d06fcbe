package dialect

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// heard writes down what a scanner finds.
type heard struct {
	b    strings.Builder
	last int // id of the text that is being heard; 0: none
}

func (h *heard) note(format string, args ...any) { h.last = 0; fmt.Fprintf(&h.b, format, args...) }
func (h *heard) value(id int, raw []byte)        { h.note("|%d=%s", id, raw) }
func (h *heard) enter(id int)                    { h.note("|(%d", id) }
func (h *heard) exit(id int)                     { h.note("|%d)", id) }
func (h *heard) text(id int, s []byte) {
	if h.last != id {
		h.note("|%d:", id)
		h.last = id
	}
	h.b.Write(s)
}

var scanWants = wants{
	"a":       {capture, 1},
	"b.c":     {capture, 2},
	"l[]":     {enter, 3},
	"l[].t":   {stream, 4},
	"l[].n":   {capture, 5},
	"m[][].x": {capture, 6},
}.compile()

func scanned(json string, size int) (string, int) {
	var h heard
	s := newScanner(scanWants, &h)
	for b := []byte(json); len(b) > 0; {
		n := min(size, len(b))
		s.feed(b[:n])
		b = b[n:]
	}
	s.finish()
	return h.b.String(), s.docs
}

func TestScan(t *testing.T) {
	for _, tc := range []struct {
		name, json, want string
		docs             int
	}{
		{"values", `{"a":1,"b":{"c":"x","d":2},"z":[{"a":7}]}`, `|1=1|2="x"`, 1},
		{"blanks", " {\n\t\"a\" : null ,\r\n \"b\" : { \"c\" : [1, {\"]\":2}] } }\n", `|1=null|2=[1, {"]":2}]`, 1},
		{"texts", `{"l":[{"t":"hello"},{"t":"","n":-1.5e3}]}`, `|(3|4:hello|3)|(3|5=-1.5e3|3)`, 1},
		{"escapes", `{"l":[{"t":"a\"b\\\/\n\u00e9\ud83d\ude00z"}]}`, "|(3|4:a\"b\\/\né😀z|3)", 1},
		{"lone surrogates", `{"l":[{"t":"\ud83d.\ude00\ud83d\n\ud83d\u0041\ud83d\ud83d\ude00"}]}`, "|(3|4:\ufffd.\ufffd\ufffd\n\ufffdA\ufffd😀|3)", 1},
		{"escaped names", `{"\u0061":1,"b\"":2,"b":{"\u0063":3}}`, `|1=1|2=3`, 1},
		{"quotes in what is skipped", `{"z":"\"a\":1\\","y":{"q":"}\""},"a":2}`, `|1=2`, 1},
		{"twice", `{"a":1,"a":2}`, `|1=1|1=2`, 1},
		{"lists of lists", `{"m":[[{"x":1}],[],[{"x":2},{"x":3}]]}`, `|6=1|6=2|6=3`, 1},
		{"lists at the top", `[{"a":1},{"a":2}]`, `|1=1|1=2`, 1},
		{"lines", "{\"a\":1}\n{\"a\":2}\n", `|1=1|1=2`, 2},
		{"other types than wanted", `{"l":{"t":"x"},"b":[1],"m":5}`, ``, 1},
		{"a number at the top", `12`, ``, 1},
		{"no JSON", `<html>`, ``, 0},
		{"half of it", `{"a":1,"l":[{"t":"he`, `|1=1|(3|4:he`, 0},
		{"broken", `{"a":1 "b":{"c":2}}`, `|1=1`, 0},
		{"too long to keep", `{"a":"` + strings.Repeat("x", captureMax) + `","b":{"c":1}}`, `|2=1`, 1},
		{"a name too long", `{"` + strings.Repeat("a", 300) + `":1,"a":2}`, `|1=2`, 1},
		{"deep", strings.Repeat("[", 100), ``, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for size := 1; size <= len(tc.json); size++ {
				if have, docs := scanned(tc.json, size); have != tc.want || docs != tc.docs {
					t.Fatalf("chunks of %d: %d\n%s\nwant %d\n%s", size, docs, have, tc.docs, tc.want)
				}
			}
		})
	}
}

// However JSON is cut, the scanner finds the same; and what it finds in a text
// is what encoding/json reads there.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":{"c":"x"}}`, `{"l":[{"t":"a\u00e9\ud83d\ude00\\"}]}`, `[{"a":1},`, `{"l":[{"t":"\ud83d\u12"`} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		whole, docs := scanned(string(b), len(b)+1)
		if cut, n := scanned(string(b), int(size)+1); cut != whole || n != docs {
			t.Fatalf("%q\n%d %q\n%d %q", b, docs, whole, n, cut)
		}
		said, err := json.Marshal(string(b))
		if err != nil {
			return
		}
		have, _ := scanned(`{"l":[{"t":`+string(said)+`}]}`, int(size)+1)
		var want string
		_ = json.Unmarshal(said, &want)
		if want != "" {
			want = "|4:" + want
		}
		if have != "|(3"+want+"|3)" {
			t.Fatalf("%q\n%q", have, want)
		}
	})
}
