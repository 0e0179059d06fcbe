package dialect

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/purser/purser/policy"
)

func TestMeterPicksItsReader(t *testing.T) {
	e := mustFind(t, "/v1/chat/completions")
	call := chat(t, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`)
	const usage = `{"usage":{"prompt_tokens":5,"completion_tokens":2}}`
	reported := policy.Usage{Input: 5, Output: 2, Source: policy.UsageReported}
	for _, tc := range []struct {
		name  string
		head  Head
		reply string
		want  policy.Usage
	}{
		{"JSON", Head{Status: 200, ContentType: "application/json; charset=utf-8"}, usage, reported},
		{"JSON of some kind", Head{Status: 200, ContentType: "application/vnd.x+json"}, usage, reported},
		{"no type", Head{Status: 200}, usage, reported},
		{"events", Head{Status: 200, ContentType: "TEXT/event-stream"}, "data: " + usage + "\n\n", reported},
		{"an error that was paid for", Head{Status: 500, ContentType: "application/json"}, usage, reported},
		{"an error", Head{Status: 500, ContentType: "application/json"}, `{"error":{}}`, policy.Usage{}},
		{"a broken proxy", Head{Status: 502, ContentType: "text/html"}, "<html>", policy.Usage{}},
		{"a page that is no answer", Head{Status: 200, ContentType: "text/html"}, "<html>", policy.Usage{Input: call.InputEstimate, Source: policy.UsageEstimated}},
		{"moved", Head{Status: 302}, "", policy.Usage{}},
		{"nothing", Head{Status: 200, ContentType: "application/json"}, "", policy.Usage{Input: 8, Source: policy.UsageCounted}},
		{"figures that are none", Head{Status: 200}, `{"usage":{"prompt_tokens":-5,"completion_tokens":1e300}}`, policy.Usage{Input: 8, Source: policy.UsageCounted}},
		{"figures as fractions", Head{Status: 200}, `{"usage":{"prompt_tokens":4.2,"completion_tokens":2.0}}`, reported},
		{"a 0 behind a count", Head{Status: 200}, `{"usage":{"prompt_tokens":5,"completion_tokens":2}}{"usage":{"prompt_tokens":0,"completion_tokens":null}}`, reported},
	} {
		m := e.NewMeter(call, tc.head)
		if out, changed := m.Chunk([]byte(tc.reply), true); changed || string(out) != tc.reply {
			t.Errorf("%s: changed", tc.name)
		}
		if r := m.Result(); r.Usage != tc.want || r.Seen != int64(len(tc.reply)) || r.Failed != (tc.head.Status >= 400) {
			t.Errorf("%s: %+v", tc.name, r)
		}
		m.Close()
		m.Close()
	}
}

// What is held of an unfinished frame is bounded, and a frame beyond it passes
// and is read all the same.
func TestMeterHoldsLittle(t *testing.T) {
	e := mustFind(t, "/v1/chat/completions")
	call := chat(t, `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	e.Rewrite(call, Change{IncludeUsage: true})
	m := e.NewMeter(call, Head{Status: 200, ContentType: "text/event-stream"})
	if !m.Edits() {
		t.Fatal("it does edit")
	}
	frame := `data: {"choices":[{"delta":{"content":"` + strings.Repeat("word ", 100_000) + `"}}],"usage":{"prompt_tokens":3,"completion_tokens":100000}}` + "\n\n"
	in, passed := 0, 0
	for in < len(frame) {
		n := min(1000, len(frame)-in)
		out, changed := m.Chunk([]byte(frame[in:in+n]), false)
		if in += n; !changed {
			out = []byte(frame[in-n : in])
		}
		if !strings.HasPrefix(frame[passed:], string(out)) {
			t.Fatal("other bytes")
		}
		if passed += len(out); in-passed > holdMax+1000 {
			t.Fatalf("%d bytes held", in-passed)
		}
	}
	if r := m.Result(); passed != len(frame) || r.Usage.Input != 3 || r.Usage.Output != 100_001 || r.Usage.Source != policy.UsageCounted {
		t.Errorf("%d of %d bytes: %+v", passed, len(frame), r)
	}
}

// A reply of any length is metered in constant memory.
func TestMeterReadsLongReplies(t *testing.T) {
	e := mustFind(t, "/v1/embeddings")
	call := readAt(t, "/v1/embeddings", `{"model":"m","input":"x"}`)
	m := e.NewMeter(call, Head{Status: 200, ContentType: "application/json"})
	m.Chunk([]byte(`{"data":[`), false)
	vector := []byte(`{"embedding":[` + strings.Repeat("0.0123456789,", 3000) + `1],"index":0},`)
	allocs := testing.AllocsPerRun(50, func() { m.Chunk(vector, false) })
	m.Chunk([]byte(`{}],"model":"e","usage":{"prompt_tokens":7,"total_tokens":7}}`), true)
	if r := m.Result(); r.Usage != (policy.Usage{Input: 7, Source: policy.UsageReported}) || !r.Complete || allocs > 0 {
		t.Errorf("%+v, %v allocations", r, allocs)
	}
}

// A small reply that unpacks to an enormous one is given up.
func TestMeterBoundsUnpacking(t *testing.T) {
	for coding, open := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 1) },
		"zstd": func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	} {
		var b bytes.Buffer
		w := open(&b)
		zeros := make([]byte, 1<<20)
		for range inflateMax>>20 + 1 {
			_, _ = w.Write(zeros)
		}
		_, _ = io.WriteString(w, `{"usage":{"prompt_tokens":5,"completion_tokens":2}}`)
		_ = w.Close()
		e := mustFind(t, "/v1/chat/completions")
		call := chat(t, `{"model":"m"}`)
		m := e.NewMeter(call, Head{Status: 200, ContentType: "application/json", ContentEncoding: coding})
		m.Chunk(b.Bytes(), true)
		if r := m.Result(); !r.Unreadable || r.Usage.Source != policy.UsageEstimated {
			t.Errorf("%s: %+v", coding, r)
		}
		m.Close()
	}
}

// A window that no decoder need support is not made room for.
func TestMeterBoundsWindows(t *testing.T) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(z, `{"usage":{"prompt_tokens":5,"completion_tokens":2}}`)
	_ = z.Flush()
	_ = z.Close()
	e := mustFind(t, "/v1/chat/completions")
	m := e.NewMeter(chat(t, `{"model":"m"}`), Head{Status: 200, ContentType: "application/json", ContentEncoding: "zstd"})
	defer m.Close()
	m.Chunk(b.Bytes(), true)
	if r := m.Result(); !r.Unreadable {
		t.Errorf("%+v", r)
	}
}

// A meter of a compressed reply that nobody finished leaves nothing behind.
func TestMeterCloses(t *testing.T) {
	e := mustFind(t, "/v1/chat/completions")
	call := chat(t, `{"model":"m"}`)
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "compress", ""} {
		for _, reply := range []string{"", "\x1f\x8b", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "\x78\x9c", "garbage"} {
			m := e.NewMeter(call, Head{Status: 200, ContentType: "application/json", ContentEncoding: coding})
			m.Chunk([]byte(reply), false)
			m.Close()
			if out, changed := m.Chunk([]byte("more"), true); changed || string(out) != "more" {
				t.Error("changed")
			}
			if r := m.Result(); r.Usage.Output != 0 {
				t.Error(fmt.Sprint(coding, r))
			}
		}
	}
}
