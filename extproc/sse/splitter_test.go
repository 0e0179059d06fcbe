package sse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

type got struct{ Raw, Type, Data string }

// feed cuts stream into chunks of the given sizes, the last one repeated.
func feed(s *Splitter, stream string, sizes ...int) (events []got) {
	b := []byte(stream)
	for len(b) > 0 {
		n := min(max(sizes[0], 1), len(b))
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		chunk := bytes.Clone(b[:n]) // so that a kept alias shows
		s.Feed(chunk, false, func(e Event) { events = append(events, got{string(e.Raw), string(e.Type), string(e.Data)}) })
		clear(chunk)
		b = b[n:]
	}
	s.Feed(nil, true, func(e Event) { events = append(events, got{string(e.Raw), string(e.Type), string(e.Data)}) })
	return events
}

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		name, stream string
		want         []got
	}{
		{"nothing", "", nil},
		{"one event", "data: a\n\n", []got{{"data: a\n\n", "", "a"}}},
		{"no space behind the colon", "data:a\n\n", []got{{"data:a\n\n", "", "a"}}},
		{"only one space is taken off", "data:  a\n\n", []got{{"data:  a\n\n", "", " a"}}},
		{"several data lines", "data: a\ndata: b\ndata:\ndata\n\n", []got{{"data: a\ndata: b\ndata:\ndata\n\n", "", "a\nb\n\n"}}},
		{"event type", "event: ping\ndata: {}\n\n", []got{{"event: ping\ndata: {}\n\n", "ping", "{}"}}},
		{"type behind the data", "data: {}\nevent:ping\n\n", []got{{"data: {}\nevent:ping\n\n", "ping", "{}"}}},
		{"comments are events without data", ": hi\n\ndata: a\n\n", []got{{": hi\n\n", "", ""}, {"data: a\n\n", "", "a"}}},
		{"CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", []got{{"data: a\r\n\r\n", "", "a"}, {"data: b\r\n\r\n", "", "b"}}},
		{"bare CR", "data: a\r\rdata: b\r\r", []got{{"data: a\r\r", "", "a"}, {"data: b\r\r", "", "b"}}},
		{"mixed ends", "data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\r", []got{
			{"data: a\n\r\n", "", "a"}, {"data: b\r\n\n", "", "b"}, {"data: c\r\n\r", "", "c"}, {"data: d\n\r", "", "d"},
		}},
		{"an LF behind a blank line of bare CRs stands alone", "data: a\r\r\ndata: b\n\n", []got{{"data: a\r\r", "", "a"}, {"\n", "", ""}, {"data: b\n\n", "", "b"}}},
		{"blank lines between", "data: a\n\n\n\ndata: b\n\n", []got{{"data: a\n\n", "", "a"}, {"\n", "", ""}, {"\n", "", ""}, {"data: b\n\n", "", "b"}}},
		{"no last newline", "data: a\n\ndata: b", []got{{"data: a\n\n", "", "a"}, {"data: b", "", "b"}}},
		{"one last newline", "data: a\n\ndata: b\n", []got{{"data: a\n\n", "", "a"}, {"data: b\n", "", "b"}}},
		{"a last CR", "data: a\r\n\r", []got{{"data: a\r\n\r", "", "a"}}},
		{"byte order mark", "\xef\xbb\xbfdata: a\n\n", []got{{"\xef\xbb\xbfdata: a\n\n", "", "a"}}},
		{"other fields", "id: 1\nretry: 5\ndatax: no\ndata: a\n\n", []got{{"id: 1\nretry: 5\ndatax: no\ndata: a\n\n", "", "a"}}},
		{"no event at all", "{\"error\":1}", []got{{"{\"error\":1}", "", ""}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for size := 1; size <= max(len(tc.stream), 1); size++ {
				check(t, fmt.Sprintf("chunks of %d", size), feed(&Splitter{}, tc.stream, size), tc.want)
				check(t, fmt.Sprintf("cut at %d", size), feed(&Splitter{}, tc.stream, size, 1<<20), tc.want)
			}
		})
	}
}

func check(t *testing.T, how string, have, want []got) {
	t.Helper()
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Fatalf("%s:\nhave %q\nwant %q", how, have, want)
	}
}

// No event waits for the next one: at the last byte of its blank line it is out.
func TestEventsLeaveAtOnce(t *testing.T) {
	for _, stream := range []string{"data: a\n\n", "data: a\r\n\r\n", "data: a\r\r"} {
		s, n := Splitter{}, 0
		s.Feed([]byte(stream), false, func(Event) { n++ })
		if n != 1 || s.Held() != 0 {
			t.Errorf("%q: %d events, %d bytes held", stream, n, s.Held())
		}
	}
}

func TestWholeEventsAreNotCopied(t *testing.T) {
	s, p := Splitter{}, []byte("data: a\n\ndata: b\n\n")
	allocs := testing.AllocsPerRun(10, func() {
		s.Feed(p, false, func(e Event) {
			if cap(e.Raw) > cap(p) || len(e.Data) != 1 {
				t.Error("not a part of the chunk")
			}
		})
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestOversize(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, stream := range []string{
		"data: a\n\nevent: big\ndata: " + long + "\n\ndata: b\n\n",
		"data: a\r\n\r\nevent: big\r\ndata: " + long + "\r\nid: 7\r\n\r\ndata: b\r\n\r\n",
		"data: a\n\nid: " + long + "\ndata: " + long + "\n\ndata: b\n\n",
	} {
		for size := 1; size < len(stream); size++ {
			s := Splitter{Max: 40}
			var raw, big, small string
			open := false
			each := func(e Event) {
				raw += string(e.Raw)
				if e.Oversize {
					big += string(e.Data)
				} else {
					small += string(e.Data)
				}
				open = e.More
			}
			for b := []byte(stream); len(b) > 0; {
				n := min(size, len(b))
				s.Feed(b[:n], false, each)
				if s.Held() > 40+size {
					t.Fatalf("%d bytes held", s.Held())
				}
				b = b[n:]
			}
			s.Feed(nil, true, each)
			if raw != stream || big != long || small != "ab" || open {
				t.Fatalf("chunks of %d: %q, big %q, small %q, open %v", size, raw, big, small, open)
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "data: a\r\n\r\ndata: b\r\r\n\n", "event: x\ndata: {\"usage\":null}\n\ndata: [DONE]", ": c\n\n\r\r\n\r\n"} {
		f.Add([]byte(s), uint8(1), uint8(8))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size, limit uint8) {
		type piece struct {
			got
			over bool
		}
		run := func(size int) (out []piece) {
			s := Splitter{Max: int(limit) + 1}
			inEvent := false
			each := func(e Event) {
				if inEvent { // pieces of one event count as one
					last := &out[len(out)-1]
					last.Raw, last.over = last.Raw+string(e.Raw), true
				} else {
					out = append(out, piece{got{string(e.Raw), string(e.Type), string(e.Data)}, e.Oversize})
				}
				inEvent = e.More
			}
			for b := stream; len(b) > 0; {
				n := min(size, len(b))
				s.Feed(b[:n], false, each)
				b = b[n:]
			}
			s.Feed(nil, true, each)
			if inEvent { // a stream that ends between pieces
				out[len(out)-1].over = true
			}
			return out
		}
		whole, cut := run(len(stream)+1), run(int(size)+1)
		if len(whole) != len(cut) {
			t.Fatalf("%d events whole, %d cut:\n%+v\n%+v", len(whole), len(cut), whole, cut)
		}
		var raw strings.Builder
		for i, w := range whole {
			raw.WriteString(w.Raw)
			c := cut[i]
			if w.Raw != c.Raw || w.over != c.over || (!w.over && w != c) {
				t.Fatalf("event %d: %+v cut is %+v", i, w, c)
			}
		}
		if raw.String() != string(stream) {
			t.Fatalf("bytes changed: %q", raw.String())
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	chunk := []byte("data: " + strings.Repeat("x", 230) + "\n\n")
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	var s Splitter
	for b.Loop() {
		s.Feed(chunk, false, func(Event) {})
	}
}

// What a hostile provider can send costs time by its length, not its square.
func BenchmarkHostile(b *testing.B) {
	for _, unit := range []string{"\r", "\n", "x", "data\r", "data:\n", "data: x\r\n"} {
		for _, size := range []int{1, 1 << 20} {
			b.Run(fmt.Sprintf("%q by %d", unit, size), func(b *testing.B) {
				stream := []byte(strings.Repeat(unit, 1<<20/len(unit)))
				b.SetBytes(int64(len(stream)))
				for b.Loop() {
					var s Splitter
					for p := stream; len(p) > 0; {
						n := min(size, len(p))
						s.Feed(p[:n], false, func(Event) {})
						p = p[n:]
					}
					s.Feed(nil, true, func(Event) {})
				}
			})
		}
	}
}
