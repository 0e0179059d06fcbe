package fakeprovider

import (
	"net/http"
	"strings"
	"testing"
)

func TestReadInstructions(t *testing.T) {
	for _, tc := range []struct {
		name, text, header string // header: "Name: value"
		check              func(Instructions) bool
		err                string
	}{
		{name: "none", text: "hello", check: func(in Instructions) bool { return in.Status == 0 && in.OutputTokens == nil }},
		{name: "in the text", text: `hi fake:{"output_tokens":30,"chunks":10}`, check: func(in Instructions) bool { return *in.OutputTokens == 30 && in.Chunks == 10 }},
		{name: "with text after it", text: `fake:{"status":429} thank you`, check: func(in Instructions) bool { return in.Status == 429 }},
		{name: "the last of several", text: `fake:{"status":429} fake:{"status":500}`, check: func(in Instructions) bool { return in.Status == 500 }},
		{name: "the word alone", text: `fake: no object`, check: func(in Instructions) bool { return in.Status == 0 }},
		{name: "header with the object", header: `X-Fake-Instructions: {"gzip":true}`, check: func(in Instructions) bool { return in.Gzip }},
		{name: "header for one field", header: `X-Fake-First-Byte-Delay-Ms: 500`, check: func(in Instructions) bool { return in.FirstByteDelayMS == 500 }},
		{name: "header with a bare word", header: `X-Fake-Usage: none`, check: func(in Instructions) bool { return in.Usage == "none" }},
		{name: "header with digits for a string", header: `X-Fake-Text: 42`, check: func(in Instructions) bool { return in.Text == "42" }},
		{name: "a header wins", text: `fake:{"status":429,"retry_after":7}`, header: `X-Fake-Status: 503`, check: func(in Instructions) bool { return in.Status == 503 && in.RetryAfter == 7 }},

		{name: "misspelt", text: `fake:{"output_token":30}`, err: "output_token"},
		{name: "misspelt header", header: `X-Fake-Statuss: 429`, err: "statuss"},
		{name: "not JSON", text: `fake:{status:429}`, err: "invalid character"},
		{name: "wrong type", header: `X-Fake-Status: soon`, err: "status"},
		{name: "negative", text: `fake:{"delay_ms":-1}`, err: "delay_ms"},
		{name: "negative pointer", text: `fake:{"reset_after":-1}`, err: "reset_after"},
		{name: "unknown usage mode", text: `fake:{"usage":"sometimes"}`, err: "usage"},
		{name: "no status", text: `fake:{"status":42}`, err: "status"},
		{name: "far too many tokens", text: `fake:{"output_tokens":999999999}`, err: "output_tokens"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{}
			if name, value, ok := strings.Cut(tc.header, ": "); ok {
				header.Set(name, value)
			}
			in, err := readInstructions(tc.text, header)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got error %v, want one about %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !tc.check(in) {
				t.Errorf("read %+v", in)
			}
		})
	}
}

func FuzzReadInstructions(f *testing.F) {
	f.Add(`fake:{"output_tokens":30}`, "Status", "429")
	f.Add(`fake:{"headers":{"a":"b"}}`, "Instructions", "{}")
	f.Add(`fake:{`, "Usage", "none")
	f.Fuzz(func(t *testing.T, text, name, value string) {
		in, err := readInstructions(text, http.Header{headerPrefix + name: {value}})
		if err != nil {
			return
		}
		if value := value; name == "Instructions" && value == "" {
			return
		}
		if in.DelayMS < 0 || in.Status != 0 && (in.Status < 200 || in.Status > 599) {
			t.Errorf("accepted %+v", in)
		}
	})
}
