package dialect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// What no request may do, whatever its bytes: panic; be read in two ways; be
// changed in what was not to be changed.
func FuzzRequest(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.path, r.contentType, []byte(r.request))
	}
	f.Add("/v1/chat/completions", "application/json", []byte(`{"model":"a","Model":"b"}`))
	f.Add("/v1/chat/completions", "application/json", []byte(`{"tags":[1],"model":"a","metadata":{"tags":["x"]},"stream":true,"stream_options":null}`))
	f.Fuzz(func(t *testing.T, path, contentType string, body []byte) {
		m, ok := Find("POST", path)
		if !ok || m.Allow != "" {
			return
		}
		e := m.Endpoint
		read := func(body []byte) (*Call, error) {
			return e.Read(Inbound{Method: "POST", Path: path, ContentType: contentType, Model: m.Model, ID: m.ID, Body: body})
		}
		call, err := read(bytes.Clone(body))
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a word")
			}
			return
		}
		if call.InputEstimate < 0 || call.Choices < 1 || call.OutputCap != nil && *call.OutputCap < 0 {
			t.Fatalf("%+v", call)
		}
		same, changed := e.Rewrite(call, Change{})
		if changed || !bytes.Equal(same, body) {
			t.Fatal("changed by no change")
		}
		if e.Unmetered {
			return
		}
		ch := Change{Model: "public/name", OutputCap: 7, IncludeUsage: true, Strip: true}
		out, changed := e.Rewrite(call, ch)
		if !changed {
			return
		}
		if m.Model != "" {
			m.Model = ch.Model
		}
		again, err := read(bytes.Clone(out))
		if err != nil {
			t.Fatalf("what was read is refused after a change: %v\n%s\n%s", err, body, out)
		}
		if again.Model != ch.Model && e.modelField != "" || e.capField != nil && *again.OutputCap > 7 || e.usageField != "" && again.Stream && !again.UsageAsked {
			t.Fatalf("not changed: %+v\n%s", again, out)
		}
		if again.Stream != call.Stream || again.Choices != call.Choices || again.EndUser != call.EndUser && !ch.Strip {
			t.Fatalf("changed: %+v\n%+v", call, again)
		}
		if strings.HasPrefix(contentType, "multipart/") {
			return
		}
		var before, after map[string]any
		if json.Unmarshal(body, &before) != nil || json.Unmarshal(out, &after) != nil {
			t.Fatalf("no JSON: %s", out)
		}
		for _, name := range []string{"model", "max_tokens", "max_completion_tokens", "max_output_tokens", "stream_options", "generationConfig", "generation_config",
			"requests", "generateContentRequest", "generate_content_request", "tags", "metadata", "litellm_metadata"} {
			delete(before, name)
			delete(after, name)
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%s\nbecame\n%s", body, out)
		}
	})
}

// What no reply may do, whatever its bytes: panic, change, or count differently
// when it is cut.
func FuzzReply(f *testing.F) {
	paths := map[string]bool{}
	for _, r := range recordings(f) {
		f.Add(r.path, r.head.ContentType, "", []byte(r.reply), uint16(7))
		paths[r.path] = true
	}
	f.Add("/v1/chat/completions", "text/event-stream", "gzip", []byte("\x1f\x8b\x08"), uint16(1))
	f.Add("/v1/chat/completions", "text/event-stream", "deflate", []byte("garbage"), uint16(2))
	f.Fuzz(func(t *testing.T, path, contentType, encoding string, reply []byte, size uint16) {
		m, ok := Find("POST", path)
		if !ok || len(reply) > 1<<16 {
			return
		}
		for _, body := range []string{`{"model":"m","stream":true,"n":2}`, `{"contents":[]}`} {
			call, err := m.Endpoint.Read(Inbound{Model: m.Model, Body: []byte(body)})
			if err != nil {
				continue
			}
			r := &recording{}
			head := Head{Status: 200, ContentType: contentType, ContentEncoding: encoding}
			out, whole := r.run(m.Endpoint, call, head, string(reply), true, len(reply))
			if out != string(reply) {
				t.Fatal("changed")
			}
			_, cut := r.run(m.Endpoint, call, head, string(reply), true, int(size)+1)
			if whole != cut {
				t.Fatalf("whole %+v\ncut %+v", whole, cut)
			}
			if u := whole.Usage; u.Input < 0 || u.Output < 0 {
				t.Fatalf("%+v", u)
			}
			m.Endpoint.Rewrite(call, Change{IncludeUsage: true})
			out, _ = r.run(m.Endpoint, call, head, string(reply), true, len(reply))
			if cutOut, _ := r.run(m.Endpoint, call, head, string(reply), true, int(size)+1); cutOut != out {
				t.Fatalf("whole %q\ncut %q", out, cutOut)
			}
		}
	})
}
