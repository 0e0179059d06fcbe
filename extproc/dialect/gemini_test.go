package dialect

import (
	"testing"

	"github.com/purser/purser/policy"
)

const geminiPath = "/v1beta/models/pro:generateContent"

func TestGeminiReadsBothSpellings(t *testing.T) {
	for _, body := range []string{
		`{"contents":[{"parts":[{"text":"hello world"}]}],"generationConfig":{"maxOutputTokens":9,"candidateCount":2}}`,
		`{"contents":[{"parts":[{"text":"hello world"}]}],"generation_config":{"max_output_tokens":9,"candidate_count":2}}`,
		`{"contents":[{"parts":[{"text":"hello world"}]}],"generationConfig":{"max_output_tokens":9,"candidateCount":2}}`,
	} {
		c := readAt(t, geminiPath, body)
		if c.Model != "pro" || *c.OutputCap != 9 || c.Choices != 2 || c.CountInput("") != 3+3 {
			t.Errorf("%+v, %d", c, c.CountInput(""))
		}
	}
	if c := readAt(t, "/v1beta/models/pro:streamGenerateContent", `{"cachedContent":"cachedContents/1"}`); !c.Stream || !c.Unseen {
		t.Errorf("%+v", c)
	}
}

func TestGeminiRefuses(t *testing.T) {
	for _, tc := range []struct{ body, param, code string }{
		{`{"generationConfig":{"maxOutputTokens":1},"generation_config":{"maxOutputTokens":9}}`, "generation_config", "duplicate_field"},
		{`{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9}}`, "generationConfig.max_output_tokens", "duplicate_field"},
		{`{"generationConfig":{"MaxOutputTokens":1}}`, "", "ambiguous_field"},
		{`{"generationConfig":{"maxOutputTokens":-1}}`, "generationConfig.maxOutputTokens", "integer_below_min_value"},
		{`{"generationConfig":[]}`, "generationConfig", "invalid_type"},
		{`{"model":"models/other"}`, "model", "model_mismatch"},
		{`{"requests":[{"model":"models/pro"},{"model":"models/dear"}]}`, "requests[].model", "model_mismatch"},
	} {
		if bad := refusedAt(t, geminiPath, tc.body); tc.param != "" && bad.Param != tc.param || bad.Code != tc.code {
			t.Errorf("%s: %+v", tc.body, bad)
		}
	}
}

func TestGeminiRewrites(t *testing.T) {
	for _, tc := range []struct {
		body string
		ch   Change
		want string
	}{
		{`{"contents":[]}`, Change{Model: "x", OutputCap: 5}, `{"generationConfig":{"maxOutputTokens":5},"contents":[]}`},
		{`{}`, Change{OutputCap: 5}, `{"generationConfig":{"maxOutputTokens":5}}`},
		{`{"tags":["a"]}`, Change{OutputCap: 5, Strip: true}, `{"generationConfig":{"maxOutputTokens":5}}`},
		{`{"generation_config":{"topK":1}}`, Change{OutputCap: 5}, `{"generation_config":{"maxOutputTokens":5,"topK":1}}`},
		{`{"generation_config":null}`, Change{OutputCap: 5}, `{"generation_config":{"maxOutputTokens":5}}`},
		{`{"generationConfig":{"max_output_tokens":null}}`, Change{OutputCap: 5}, `{"generationConfig":{"max_output_tokens":5}}`},
		{`{"generationConfig":{"maxOutputTokens":9}}`, Change{OutputCap: 5}, `{"generationConfig":{"maxOutputTokens":5}}`},
		{`{"model":"models/pro","contents":[]}`, Change{Model: "x"}, `{"model":"models/x","contents":[]}`},
	} {
		if got, _ := mustFind(t, geminiPath).Rewrite(readAt(t, geminiPath, tc.body), tc.ch); string(got) != tc.want {
			t.Errorf("%s\nwant\n%s", got, tc.want)
		}
	}
}

func TestGeminiPlaces(t *testing.T) {
	e := mustFind(t, "/v1beta/models/pro:streamGenerateContent")
	call, err := e.Read(Inbound{Model: "pro", Query: "key=secret&alt=sse&x=1", Body: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]string{
		"":        "/v1beta/models/gemini%2Fx:streamGenerateContent?alt=sse",
		"/v1":     "/v1/models/gemini%2Fx:streamGenerateContent?alt=sse",
		"/v1beta": "/v1beta/models/gemini%2Fx:streamGenerateContent?alt=sse",
	} {
		if got, err := e.Path(call, &policy.Deployment{Format: policy.FormatGemini, PathPrefix: prefix}, "gemini/x"); err != nil || got != want {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
}
