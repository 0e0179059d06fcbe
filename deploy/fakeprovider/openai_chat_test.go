package fakeprovider

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestChatReportsTrueTokens(t *testing.T) {
	_, url := serve(t, Options{})
	for _, tc := range []struct {
		name, extra, say string
		output           int
		finish           string
	}{
		{"the greeting", "", "hi", 40, "stop"},
		{"as told", "", `fake:{\"output_tokens\":30}`, 30, "stop"},
		{"cut by max_tokens", `"max_tokens":7,`, `fake:{\"output_tokens\":30}`, 7, "length"},
		{"the lower cap", `"max_tokens":7,"max_completion_tokens":5,`, `fake:{\"output_tokens\":30}`, 5, "length"},
		{"several choices", `"n":3,`, `fake:{\"output_tokens\":30}`, 90, "stop"},
		{"with hidden reasoning", `"max_tokens":7,`, `fake:{\"output_tokens\":30,\"reasoning_tokens\":4}`, 7, "length"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := decode[struct {
				Choices []struct {
					Message      struct{ Content string }
					FinishReason string `json:"finish_reason"`
				}
				Usage chatUsage
			}](t, postOK(t, url+"/v1/chat/completions", `{"model":"gpt-4",`+tc.extra+`"messages":[{"role":"user","name":"bob","content":"`+tc.say+`"}]}`))
			visible := 0
			for _, choice := range got.Choices {
				visible += countTokens(choice.Message.Content)
				if choice.FinishReason != tc.finish {
					t.Errorf("finished by %q, want %q", choice.FinishReason, tc.finish)
				}
			}
			u := got.Usage
			if u.CompletionTokens != tc.output || visible+u.CompletionTokensDetails.ReasoningTokens != tc.output {
				t.Errorf("reported %d, visible %d, want %d", u.CompletionTokens, visible, tc.output)
			}
			prompt := 3 + 3 + countTokens("user") + countTokens(strings.ReplaceAll(tc.say, `\"`, `"`)) + 1 + countTokens("bob")
			if u.PromptTokens != prompt || u.TotalTokens != prompt+tc.output {
				t.Errorf("prompt %d of total %d, want %d", u.PromptTokens, u.TotalTokens, prompt)
			}
		})
	}
}

// frames cuts a stream as a client does: at blank lines, of either kind.
func frames(body []byte) (data []string) {
	text := strings.ReplaceAll(string(body), "\r\n", "\n")
	for _, f := range strings.Split(text, "\n\n") {
		for _, line := range strings.Split(f, "\n") {
			if d, ok := strings.CutPrefix(line, "data: "); ok {
				data = append(data, d)
			}
		}
	}
	return data
}

func TestChatStreamUsage(t *testing.T) {
	_, url := serve(t, Options{})
	for _, tc := range []struct {
		mode                 string
		include              bool
		withNull, withUsage  int // frames
		usageFrame, lastFull bool
	}{
		{"", false, 0, 0, false, false},
		{"", true, 4, 1, true, true},
		{"none", true, 0, 0, false, false},
		{"null", true, 4, 0, false, false},
		{"null", false, 4, 0, false, false},
		{"always", false, 0, 1, true, true},
		{"final", false, 0, 1, false, true},
		{"final", true, 0, 1, false, true},
		{"cumulative", false, 0, 4, false, true},
		{"cumulative", true, 0, 5, true, true},
	} {
		t.Run(fmt.Sprintf("%s include=%v", tc.mode, tc.include), func(t *testing.T) {
			body := fmt.Sprintf(`{"model":"gpt-4","stream":true,"stream_options":{"include_usage":%v},"messages":[{"role":"user","content":"fake:{\"output_tokens\":6,\"chunks\":2,\"usage\":\"%s\"}"}]}`, tc.include, tc.mode)
			all := frames(postOK(t, url+"/v1/chat/completions", body))
			if all[len(all)-1] != "[DONE]" {
				t.Fatalf("ends with %s", all[len(all)-1])
			}
			withNull, withUsage, usageFrame, text := 0, 0, false, ""
			var lastUsage chatUsage
			for _, f := range all[:len(all)-1] {
				c := decode[struct {
					Choices []struct{ Delta struct{ Content string } }
					Usage   *chatUsage
				}](t, []byte(f))
				for _, choice := range c.Choices {
					text += choice.Delta.Content
				}
				switch {
				case c.Usage != nil:
					withUsage++
					lastUsage = *c.Usage
					usageFrame = usageFrame || len(c.Choices) == 0
				case strings.Contains(f, `"usage":null`):
					withNull++
				}
			}
			if withNull != tc.withNull || withUsage != tc.withUsage || usageFrame != tc.usageFrame {
				t.Errorf("%d null, %d with usage, own frame %v\n%s", withNull, withUsage, usageFrame, strings.Join(all, "\n"))
			}
			if n := countTokens(text); n != 6 || tc.lastFull && lastUsage.CompletionTokens != 6 {
				t.Errorf("%d tokens in the text, %d in the last usage", n, lastUsage.CompletionTokens)
			}
		})
	}
}

func TestStreamsOnTheWire(t *testing.T) {
	_, url := serve(t, Options{})
	const body = `{"model":"gpt-4","stream":true,` + hi + `}`
	stream := func(instructions string) (*http.Response, []byte, error) {
		return post(t, url+"/v1/chat/completions", body, "X-Fake-Instructions: "+instructions)
	}
	plainFrames := 43 // role, 40 words, finish, [DONE]

	if _, got, err := stream(`{}`); err != nil || len(frames(got)) != plainFrames || !bytes.HasSuffix(got, []byte("data: [DONE]\n\n")) {
		t.Errorf("plain: %v, %d frames, %q", err, len(frames(got)), got)
	}
	if _, got, err := stream(`{"crlf":true}`); err != nil || len(frames(got)) != plainFrames || bytes.Contains(bytes.ReplaceAll(got, []byte("\r\n"), nil), []byte("\n")) {
		t.Errorf("crlf: %v %q", err, got)
	}
	if _, got, err := stream(`{"no_final_newline":true}`); err != nil || !bytes.HasSuffix(got, []byte("data: [DONE]")) {
		t.Errorf("no_final_newline: %v %q", err, got)
	}
	if _, got, err := stream(`{"no_done":true}`); err != nil || bytes.Contains(got, []byte("[DONE]")) {
		t.Errorf("no_done: %v %q", err, got)
	}
	if _, got, err := stream(`{"comments":2}`); err != nil || bytes.Count(got, []byte(": ping")) != 80 {
		t.Errorf("comments: %v %q", err, got)
	}
	if _, got, err := stream(`{"body_bytes":100000}`); err != nil || len(got) < 100_000 || len(frames(got)) != plainFrames {
		t.Errorf("body_bytes: %v, %d bytes", err, len(got))
	}
	resp, got, err := stream(`{"gzip":true}`)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("gzip: %v %v", resp, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || len(frames(plain)) != plainFrames {
		t.Errorf("gzip: %v %q", err, plain)
	}
	if _, got, err := stream(`{"reset_after":3}`); !errors.Is(err, io.ErrUnexpectedEOF) || len(frames(got)) != 4 {
		t.Errorf("reset_after: %v %q", err, got)
	}
	if _, got, err := stream(`{"error_after":3}`); err != nil || len(frames(got)) != 5 || !strings.Contains(frames(got)[4], `"type":"server_error"`) {
		t.Errorf("error_after: %v %q", err, got)
	}
}

func TestJSONOnTheWire(t *testing.T) {
	_, url := serve(t, Options{})
	reply := func(instructions string) (*http.Response, []byte, error) {
		return post(t, url+"/v1/chat/completions", `{"model":"gpt-4",`+hi+`}`, "X-Fake-Instructions: "+instructions)
	}
	if resp, got, err := reply(`{"body_bytes":5000000}`); err != nil || len(got) < 5_000_000 || resp.ContentLength != int64(len(got)) || decode[chatReply](t, got).ID == "" {
		t.Errorf("body_bytes: %v, %d bytes of %d", err, len(got), resp.ContentLength)
	}
	if resp, got, err := reply(`{"chunked":true,"split":11}`); err != nil || resp.ContentLength != -1 || decode[chatReply](t, got).ID == "" {
		t.Errorf("chunked: %v %v", resp, err)
	}
	if _, got, err := reply(`{"reset_after":10}`); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 10 {
		t.Errorf("reset_after: %v %q", err, got)
	}
	if _, got, err := reply(`{"usage":"none"}`); err != nil || bytes.Contains(got, []byte(`"usage"`)) {
		t.Errorf("usage none: %v %s", err, got)
	}
	if _, got, err := reply(`{"usage":"null"}`); err != nil || !bytes.Contains(got, []byte(`"usage":null`)) {
		t.Errorf("usage null: %v %s", err, got)
	}
	if _, got, err := reply(`{"model":"gpt-4-0613","headers":{"x-extra":"1"},"status":201}`); err != nil || !bytes.Contains(got, []byte(`"gpt-4-0613"`)) {
		t.Errorf("model: %v %s", err, got)
	}
}
