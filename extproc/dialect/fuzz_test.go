package dialect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What no request may do, whatever its bytes: panic; be read in two ways; be
// changed in what was not to be changed.
func FuzzRequest(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(numberOf(f, r), r.contentType, []byte(r.request))
	}
	f.Add(uint8(0), "application/json", []byte(`{"model":"a","Model":"b"}`))
	f.Add(uint8(0), "application/json", []byte(`{"tags":[1],"model":"a","metadata":{"tags":["x"]},"stream":true,"stream_options":null}`))
	f.Fuzz(func(t *testing.T, endpoint uint8, contentType string, body []byte) {
		e := registry[int(endpoint)%len(registry)]
		m := Match{Endpoint: e}
		if e.modelField == "" { // it stands in the path
			m.Model = "public"
		}
		read := func(body []byte) (*Call, error) {
			return e.Read(Inbound{Method: "POST", ContentType: contentType, Model: m.Model, Body: body})
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
		if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
			return // a form
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

// numberOf is which of the registry's endpoints a recording is of.
func numberOf(t testing.TB, r *recording) uint8 {
	e, _ := r.read(t)
	return uint8(slices.Index(registry, e))
}

// What no reply may do, whatever its bytes: panic, change, or count differently
// when it is cut.
func FuzzReply(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(numberOf(f, r), strings.HasPrefix(r.head.ContentType, "text/event-stream"), uint8(0), []byte(r.reply), uint16(7))
	}
	f.Add(uint8(0), true, uint8(1), []byte("\x1f\x8b\x08"), uint16(1))
	for coding := range uint8(5) {
		f.Add(uint8(0), true, coding, []byte("garbage"), uint16(2))
	}
	f.Fuzz(func(t *testing.T, endpoint uint8, events bool, coding uint8, reply []byte, size uint16) {
		if len(reply) > 1<<16 {
			return
		}
		m := Match{Endpoint: registry[int(endpoint)%len(registry)], Model: "m"}
		encoding := []string{"", "gzip", "deflate", "br", "zstd"}[int(coding)%5]
		contentType := "application/json"
		if events {
			contentType = "text/event-stream"
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
