package fakeprovider

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// Each API's answer, told to use 10 tokens, 4 of them cached or reasoned about where
// the format can say so.
func TestEveryAPIReportsItsUsage(t *testing.T) {
	p, url := serve(t, Options{})
	const ten = `fake:{\"output_tokens\":10,\"chunks\":5,\"cached_tokens\":4,\"reasoning_tokens\":3}`
	prompt := countTokens(strings.ReplaceAll(ten, `\"`, `"`))
	for _, tc := range []struct {
		name, path, body string
		wants            []string
		tokens           int // visible
	}{
		{"completions", "/v1/completions", `{"model":"m","prompt":"` + ten + `"}`,
			[]string{`"completion_tokens":13`, `"reasoning_tokens":3`, `"object":"text_completion"`}, 10},
		{"completions stream", "/v1/completions", `{"model":"m","stream":true,"stream_options":{"include_usage":true},"prompt":"` + ten + `"}`,
			[]string{`"completion_tokens":13`, "data: [DONE]\n\n"}, 10},
		{"responses", "/v1/responses", `{"model":"m","input":"` + ten + `"}`,
			[]string{`"output_tokens":13`, `"cached_tokens":4`, `"status":"completed"`}, 10},
		{"responses stream", "/v1/responses", `{"model":"m","stream":true,"input":[{"role":"user","content":[{"type":"input_text","text":"` + ten + `"}]}]}`,
			[]string{"event: response.completed\n", `"output_tokens":13`, `"sequence_number":12`}, 10},
		{"responses cut", "/v1/responses", `{"model":"m","max_output_tokens":5,"input":"` + ten + `"}`,
			[]string{`"output_tokens":5`, `"status":"incomplete"`, `"reason":"max_output_tokens"`}, 2},
		{"messages", "/v1/messages", `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"` + ten + `"}]}`,
			[]string{`"output_tokens":13`, `"cache_read_input_tokens":4`, `"stop_reason":"end_turn"`}, 10},
		{"messages cut", "/v1/messages", `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"` + ten + `"}]}`,
			[]string{`"output_tokens":5`, `"stop_reason":"max_tokens"`}, 2},
		{"messages stream", "/v1/messages", `{"model":"m","max_tokens":99,"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"` + ten + `"}]}]}`,
			[]string{"event: message_start\n", `"output_tokens":1,`, `"output_tokens":13`, "event: message_stop\n"}, 10},
		{"gemini", "/v1beta/models/m:generateContent", `{"contents":[{"role":"user","parts":[{"text":"` + ten + `"}]}]}`,
			[]string{`"candidatesTokenCount":10`, `"thoughtsTokenCount":3`, `"cachedContentTokenCount":4`, `"finishReason":"STOP"`}, 10},
		{"gemini cut", "/v1beta/models/m:generateContent", `{"generationConfig":{"maxOutputTokens":5},"contents":[{"parts":[{"text":"` + ten + `"}]}]}`,
			[]string{`"candidatesTokenCount":2`, `"finishReason":"MAX_TOKENS"`}, 2},
		{"gemini stream", "/v1beta/models/m:streamGenerateContent?alt=sse", `{"contents":[{"parts":[{"text":"` + ten + `"}]}]}`,
			[]string{"data: {", `"candidatesTokenCount":2`, `"candidatesTokenCount":10`}, 10},
		{"gemini array", "/v1beta/models/m:streamGenerateContent", `{"contents":[{"parts":[{"text":"` + ten + `"}]}]}`,
			[]string{"[{", `"candidatesTokenCount":10`, "}]"}, 10},
		{"embeddings", "/v1/embeddings", `{"model":"m","dimensions":3,"input":["one two","three"]}`,
			[]string{`"prompt_tokens":3`, `"index":1`}, 0},
		{"embeddings of tokens", "/v1/embeddings", `{"model":"m","dimensions":3,"encoding_format":"base64","input":[[1,2],[3]]}`,
			[]string{`"prompt_tokens":3`, `"embedding":"`}, 0},
		{"images", "/v1/images/generations", `{"model":"gpt-image-1","prompt":"a ship","n":2}`,
			[]string{`"output_tokens":544`, `"b64_json"`}, 0},
		{"images stream", "/v1/images/generations", `{"model":"gpt-image-1","prompt":"a ship","stream":true,"partial_images":2}`,
			[]string{`"partial_image_index":1`, `"type":"image_generation.completed"`, `"output_tokens":272`}, 0},
		{"speech stream", "/v1/audio/speech", `{"model":"m","input":"hello world","voice":"alloy","stream_format":"sse"}`,
			[]string{`"type":"speech.audio.delta"`, `"type":"speech.audio.done"`, `"output_tokens":16`}, 0},
		{"rerank", "/v1/rerank", `{"model":"m","query":"q","documents":["a","b","c"],"top_n":2}`,
			[]string{`"search_units":1`, `"index":1`}, 0},
		{"deployment path", "/openai/deployments/gpt-4/chat/completions?api-version=2024-10-21", `{"messages":[{"role":"user","content":"` + ten + `"}]}`,
			[]string{`"model":"gpt-4"`, `"completion_tokens":13`}, 10},
		{"engine path", "/v1/engines/ada/completions", `{"prompt":"` + ten + `"}`, []string{`"model":"ada"`}, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.Reset()
			got := string(postOK(t, url+tc.path, tc.body))
			for _, want := range tc.wants {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in %s", want, got)
				}
			}
			rec := waitRecord(t, p)
			if rec.TokensWritten != tc.tokens || !rec.UsageReported || rec.Outcome != outcomeCompleted {
				t.Errorf("recorded %+v", rec)
			}
			if tc.tokens > 0 && (rec.PromptTokens < prompt || rec.PromptTokens > prompt+7) {
				t.Errorf("prompt of %d tokens recorded as %d", prompt, rec.PromptTokens)
			}
		})
	}
}

func TestAnthropicCachePartsAreDisjoint(t *testing.T) {
	_, url := serve(t, Options{})
	body := `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"one two three four five six seven"}]}`
	counted := decode[map[string]int](t, postOK(t, url+"/v1/messages/count_tokens", body))["input_tokens"]
	u := decode[struct{ Usage anthropicUsage }](t, postOK(t, url+"/v1/messages", body, `X-Fake-Instructions: {"cached_tokens":5,"cache_write_tokens":3}`)).Usage
	if u.InputTokens+u.CacheReadInputTokens+u.CacheCreationInputTokens != counted || u.CacheReadInputTokens != 5 || u.CacheCreationInputTokens != 3 {
		t.Errorf("%+v of %d", u, counted)
	}
}

func TestToolCalls(t *testing.T) {
	_, url := serve(t, Options{})
	for _, tc := range []struct{ path, body, name, arguments string }{
		{"/v1/chat/completions", `{"model":"m",` + hi + `}`, `"name":"get_weather"`, `"finish_reason":"tool_calls"`},
		{"/v1/chat/completions", `{"model":"m","stream":true,` + hi + `}`, `"name":"get_weather"`, `"finish_reason":"tool_calls"`},
		{"/v1/messages", `{"model":"m","max_tokens":99,` + hi + `}`, `"name":"get_weather"`, `"stop_reason":"tool_use"`},
		{"/v1/messages", `{"model":"m","max_tokens":99,"stream":true,` + hi + `}`, `"name":"get_weather"`, `"partial_json":`},
		{"/v1/responses", `{"model":"m","input":"hi"}`, `"name":"get_weather"`, `"type":"function_call"`},
		{"/v1/responses", `{"model":"m","stream":true,"input":"hi"}`, `"name":"get_weather"`, `"type":"response.function_call_arguments.delta"`},
		{"/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, `"name":"get_weather"`, `"args":{"place":`},
		{"/v1beta/models/m:streamGenerateContent?alt=sse", `{"contents":[{"parts":[{"text":"hi"}]}]}`, `"name":"get_weather"`, `"args":{"place":`},
	} {
		got := string(postOK(t, url+tc.path, tc.body, "X-Fake-Tool: get_weather"))
		if !strings.Contains(got, tc.name) || !strings.Contains(got, tc.arguments) {
			t.Errorf("%s %s: %s", tc.path, tc.body, got)
		}
	}
}

func TestGeminiCachesArePartOfThePrompt(t *testing.T) {
	_, url := serve(t, Options{})
	const path, ask = "/v1beta/models/m:generateContent", `"contents":[{"parts":[{"text":"hi"}]}]}`
	counts := func(body string) (n struct {
		UsageMetadata struct{ PromptTokenCount, CachedContentTokenCount int }
	}) {
		t.Helper()
		if err := json.Unmarshal(postOK(t, url+path, body, "X-Fake-Cached-Tokens: 500"), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	without, with := counts(`{`+ask).UsageMetadata, counts(`{"cachedContent":"cachedContents/c",`+ask).UsageMetadata
	if with.PromptTokenCount != without.PromptTokenCount+500 || with.CachedContentTokenCount != 500 {
		t.Errorf("%+v with a cache, %+v without", with, without)
	}
}

func TestGeminiArrayIsOneJSONText(t *testing.T) {
	_, url := serve(t, Options{})
	got := decode[[]geminiReply](t, postOK(t, url+"/v1beta/models/m:streamGenerateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, "X-Fake-Chunks: 4"))
	if len(got) != 4 || got[3].Candidates[0].FinishReason == nil {
		t.Errorf("%+v", got)
	}
}

func TestEmbeddingsDependOnTheTextAlone(t *testing.T) {
	a, b, c := vector("one", 64), vector("one", 64), vector("two", 64)
	var same, other float64
	for i := range a {
		same, other = same+float64(a[i])*float64(b[i]), other+float64(a[i])*float64(c[i])
	}
	if same < 0.999 || same > 1.001 || other > 0.9 {
		t.Errorf("products %v and %v", same, other)
	}
}

func TestAudio(t *testing.T) {
	_, url := serve(t, Options{})
	resp, sound, err := post(t, url+"/v1/audio/speech", `{"model":"tts-1","input":"hello","voice":"alloy"}`)
	if err != nil || resp.Header.Get("Content-Type") != "audio/mpeg" || len(sound) < 500 {
		t.Errorf("%v %v, %d bytes", resp, err, len(sound))
	}
	for model, want := range map[string]string{"whisper-1": `"type":"duration"`, "gpt-4o-transcribe": `"type":"tokens"`} {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("file", "a.mp3")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(sound)
		_ = w.WriteField("model", model)
		_ = w.Close()
		got := string(postOK(t, url+"/v1/audio/transcriptions", form.String(), "Content-Type: "+w.FormDataContentType()))
		if !strings.Contains(got, want) || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s", model, got)
		}
	}
}

func TestWrongMethod(t *testing.T) {
	_, url := serve(t, Options{})
	resp, err := http.Get(url + "/v1/chat/completions")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
		t.Errorf("got %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
	models, err := http.Get(url + "/v1/models")
	if err != nil {
		t.Fatal(err)
	}
	defer models.Body.Close()
	if models.StatusCode != http.StatusOK {
		t.Errorf("models: %d", models.StatusCode)
	}
}
