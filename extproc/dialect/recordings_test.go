package dialect

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/purser/purser/policy"
)

// recording is one call: see testdata/README.md.
type recording struct {
	name                      string
	method, path, contentType string
	request                   string
	head                      Head
	reply                     string
	want                      struct {
		Call   map[string]any
		Result struct {
			Usage                           map[string]any
			ResponseID, Model, FinishReason string
			Complete, Failed                bool
			Failure                         string
		}
		UsageFrame string `json:"usage_frame"`
	}
}

func recordings(t testing.TB) []*recording {
	t.Helper()
	files, err := filepath.Glob("testdata/recordings/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	var all []*recording
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r := &recording{name: strings.TrimSuffix(filepath.Base(f), ".txt")}
		request, rest, ok1 := strings.Cut(string(b), "\n---- reply\n")
		reply, want, ok2 := strings.Cut(rest, "\n---- want\n")
		head, body, ok3 := strings.Cut(request, "\n\n")
		replyHead, replyBody, ok4 := strings.Cut(reply, "\n\n")
		first, contentType, ok5 := strings.Cut(head, "\n")
		if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
			t.Fatalf("%s: not a recording", f)
		}
		r.method, r.path, _ = strings.Cut(first, " ")
		r.contentType, r.request = contentType, body
		if strings.HasPrefix(contentType, "multipart/") {
			r.request = strings.ReplaceAll(body, "\n", "\r\n")
		}
		status, replyType, _ := strings.Cut(replyHead, " ")
		r.head.Status, err = strconv.Atoi(status)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		r.head.ContentType, r.reply = replyType, replyBody
		if strings.HasPrefix(replyType, "text/event-stream") {
			r.reply += "\n"
		}
		if err := json.Unmarshal([]byte(want), &r.want); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all = append(all, r)
	}
	return all
}

func (r *recording) read(t testing.TB) (*Endpoint, *Call) {
	t.Helper()
	m, ok := Find(r.method, r.path)
	if !ok || m.Allow != "" {
		t.Fatalf("%s %s is not known", r.method, r.path)
	}
	call, err := m.Endpoint.Read(Inbound{Method: r.method, Path: r.path, ContentType: r.contentType, Model: m.Model, ID: m.ID, Body: []byte(r.request)})
	if err != nil {
		t.Fatal(err)
	}
	return m.Endpoint, call
}

// check compares a result with what is wanted of it.
func (r *recording) check(t *testing.T, how string, have Result) {
	t.Helper()
	b, err := json.Marshal(have.Usage)
	if err != nil {
		t.Fatal(err)
	}
	usage := map[string]any{}
	if err := json.Unmarshal(b, &usage); err != nil {
		t.Fatal(err)
	}
	usage["source"] = have.Usage.Source.String()
	want := map[string]any{"input": 0.0, "output": 0.0}
	for k, v := range r.want.Result.Usage {
		want[k] = v
	}
	if !reflect.DeepEqual(usage, want) {
		t.Fatalf("%s: usage\n%v, want\n%v", how, usage, want)
	}
	w := r.want.Result
	if have.ResponseID != w.ResponseID || have.Model != w.Model || have.FinishReason != w.FinishReason || have.Complete != w.Complete ||
		have.Failed != w.Failed || have.Failure != w.Failure {
		t.Fatalf("%s: %+v, want %+v", how, have, w)
	}
}

func TestRecordings(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Run("the request is read", r.testRequest)
			t.Run("rewriting the model changes nothing else", r.testRewrite)
			t.Run("cut anywhere", r.testCuts)
			t.Run("other line ends", r.testLineEnds)
			t.Run("the usage frame nobody asked for", r.testUsageFrame)
			t.Run("compressed", r.testCompressed)
			t.Run("truncated", r.testTruncated)
		})
	}
}

func (r *recording) testRequest(t *testing.T) {
	e, call := r.read(t)
	have := map[string]any{"Model": call.Model, "Stream": call.Stream, "UsageAsked": call.UsageAsked, "Choices": float64(call.Choices), "EndUser": call.EndUser}
	if call.OutputCap != nil {
		have["OutputCap"] = float64(*call.OutputCap)
	}
	for k, v := range have {
		want := r.want.Call[k]
		if want == nil {
			want = reflect.Zero(reflect.TypeOf(v)).Interface()
		}
		if v != want {
			t.Errorf("%s is %v, want %v", k, v, want)
		}
	}
	if e.Billable && call.InputEstimate < call.CountInput("") {
		t.Errorf("the estimate %d is below the count %d", call.InputEstimate, call.CountInput(""))
	}
	d := &policy.Deployment{Format: e.Format}
	if path, err := e.Path(call, d, "m"); err != nil || !strings.HasPrefix(path, "/") {
		t.Errorf("path %q, %v", path, err)
	}
}

func (r *recording) testRewrite(t *testing.T) {
	e, call := r.read(t)
	const name = `ano"ther/model-name`
	body, changed := e.Rewrite(call, Change{Model: name})
	if string(body) == r.request != !changed {
		t.Fatal("changed is wrong")
	}
	old, replacement := quote(call.Model), quote(name)
	switch {
	case strings.HasPrefix(r.contentType, "multipart/"):
		old, replacement = "\r\n\r\n"+call.Model+"\r\n", "\r\n\r\n"+name+"\r\n"
	case call.prefix != "":
		old, replacement = quote(call.prefix+call.Model), quote(call.prefix+name)
	}
	want := strings.ReplaceAll(r.request, old, replacement)
	if want == r.request && e.modelField != "" { // the body named none
		want = "{" + `"model":` + replacement + "," + r.request[1:]
	}
	if string(body) != want {
		t.Fatalf("%s\nwant\n%s", body, want)
	}
	if changed { // and back: every other byte is the same
		again, err := e.Read(Inbound{Method: r.method, Path: r.path, ContentType: r.contentType, Model: pathModel(call, name), Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if back, _ := e.Rewrite(again, Change{Model: call.Model}); string(back) != strings.ReplaceAll(want, replacement, old) {
			t.Fatalf("back:\n%s", back)
		}
	}
}

func pathModel(call *Call, name string) string {
	if call.in.Model == "" {
		return ""
	}
	return name
}

// run passes the reply through a meter in chunks of the given sizes, the last
// of which repeats.
func (r *recording) run(e *Endpoint, call *Call, head Head, reply string, end bool, sizes ...int) (string, Result) {
	m := e.NewMeter(call, head)
	defer m.Close()
	var out bytes.Buffer
	pass := func(p []byte, end bool) {
		o, changed := m.Chunk(p, end)
		if !changed && !bytes.Equal(o, p) {
			panic("not changed, and yet not the same")
		}
		out.Write(o)
	}
	for b := []byte(reply); len(b) > 0; {
		n := min(max(sizes[0], 1), len(b))
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		chunk := bytes.Clone(b[:n])
		pass(chunk, false)
		clear(chunk) // so that a kept alias shows
		b = b[n:]
	}
	if end {
		pass(nil, true)
	}
	return out.String(), m.Result()
}

func (r *recording) testCuts(t *testing.T) {
	e, call := r.read(t)
	for size := 0; size <= len(r.reply); size++ {
		for how, sizes := range map[string][]int{"chunks of ": {size}, "cut at ": {size, len(r.reply)}} {
			if size == 0 {
				sizes = []int{len(r.reply)}
			}
			if len(sizes) == 1 && size > 70 && size%37 != 0 {
				continue // between, only the cuts are left to try
			}
			out, res := r.run(e, call, r.head, r.reply, true, sizes...)
			if out != r.reply {
				t.Fatalf("%s%d: other bytes:\n%s", how, size, out)
			}
			r.check(t, how+strconv.Itoa(size), res)
		}
	}
}

func (r *recording) testLineEnds(t *testing.T) {
	if !strings.HasPrefix(r.head.ContentType, "text/event-stream") {
		t.Skip("no events")
	}
	e, call := r.read(t)
	for how, reply := range map[string]string{
		"CR LF":            strings.ReplaceAll(r.reply, "\n", "\r\n"),
		"CR":               strings.ReplaceAll(r.reply, "\n", "\r"),
		"no last newlines": strings.TrimRight(r.reply, "\n"),
		"as text/plain":    r.reply,
	} {
		head := r.head
		if how == "as text/plain" {
			head.ContentType = "text/plain; charset=utf-8"
		}
		for _, size := range []int{1, 2, 3, 50, len(reply)} {
			out, res := r.run(e, call, head, reply, true, size)
			if out != reply {
				t.Fatalf("%s, chunks of %d: other bytes", how, size)
			}
			r.check(t, how, res)
		}
	}
}

func (r *recording) testUsageFrame(t *testing.T) {
	e, call := r.read(t)
	if _, changed := e.Rewrite(call, Change{IncludeUsage: true}); !changed {
		if r.want.UsageFrame != "" {
			t.Fatal("usage was not asked for")
		}
		t.Skip("nothing to ask for")
	}
	for _, end := range []string{"\n", "\r\n"} {
		reply := strings.ReplaceAll(r.reply, "\n", end)
		var want strings.Builder
		for _, frame := range strings.SplitAfter(reply, end+end) {
			if r.want.UsageFrame == "" || !strings.Contains(frame, r.want.UsageFrame) {
				want.WriteString(frame)
			}
		}
		if r.want.UsageFrame != "" && want.Len() == len(reply) {
			t.Fatal("the recording has no such frame")
		}
		for size := 1; size <= len(reply); size++ {
			for _, sizes := range [][]int{{size}, {size, len(reply)}} {
				if len(sizes) == 1 && size > 70 && size%37 != 0 {
					continue
				}
				out, res := r.run(e, call, r.head, reply, true, sizes...)
				if out != want.String() {
					t.Fatalf("chunks of %v:\n%s", sizes, out)
				}
				r.check(t, "without its frame", res)
			}
		}
		// Without the end being told, nothing but an unfinished frame is held back.
		if out, _ := r.run(e, call, r.head, reply, false, 7); strings.HasSuffix(reply, end+end) && out != want.String() {
			t.Fatalf("held back:\n%s", out)
		}
	}
}

func (r *recording) testCompressed(t *testing.T) {
	e, call := r.read(t)
	for encoding, compress := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"x-gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
		"Deflate": func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 5); return f },
	} {
		var b bytes.Buffer
		w := compress(&b)
		if f, ok := w.(interface{ Flush() error }); ok { // as a server that flushes does
			_, _ = io.WriteString(w, r.reply[:len(r.reply)/2])
			_ = f.Flush()
			_, _ = io.WriteString(w, r.reply[len(r.reply)/2:])
		}
		_ = w.Close()
		head := r.head
		head.ContentEncoding = encoding
		for _, size := range []int{1, 2, 13, b.Len()} {
			out, res := r.run(e, call, head, b.String(), true, size)
			if out != b.String() {
				t.Fatalf("%s: other bytes", encoding)
			}
			r.check(t, encoding, res)
		}
	}
	head := r.head
	head.ContentEncoding = "compress"
	out, res := r.run(e, call, head, r.reply, true, 10)
	if out != r.reply {
		t.Fatal("compress: other bytes")
	}
	if r.head.Status == 200 && e.Billable && !e.flat && (!res.Unreadable || res.Usage.Source != policy.UsageEstimated) {
		t.Fatalf("compress: %+v", res)
	}
}

func (r *recording) testTruncated(t *testing.T) {
	e, call := r.read(t)
	for cut := 0; cut < len(r.reply); cut++ {
		for _, end := range []bool{false, true} {
			out, res := r.run(e, call, r.head, r.reply[:cut], end, 1+cut/2)
			if out != r.reply[:cut] {
				t.Fatalf("cut at %d: other bytes", cut)
			}
			if u := res.Usage; u.Input < 0 || u.Output < 0 || u.Cached > u.Input || u.Reasoning > u.Output {
				t.Fatalf("cut at %d: %+v", cut, u)
			}
		}
	}
}
