package extproc_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// What providers were seen to do to the figures of a stream, through Envoy.
func TestUsageHoweverAStreamCarriesIt(t *testing.T) {
	const output = 30
	reported := func(instructions string) string {
		return fmt.Sprintf(`fake:{"output_tokens":%d,%s}`, output, instructions)
	}
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	cases := map[string]string{
		"null in every frame":      reported(`"usage":"null"`),
		"none":                     reported(`"usage":"none"`),
		"in the final chunk":       reported(`"usage":"final"`),
		"running totals":           reported(`"usage":"cumulative"`),
		"running totals, split":    reported(`"usage":"cumulative","split":11`),
		"no [DONE]":                reported(`"no_done":true`),
		"no [DONE], no newline":    reported(`"no_done":true,"no_final_newline":true`),
		"comments":                 reported(`"comments":3`),
		"CRLF, split":              reported(`"crlf":true,"split":3`),
		"no final newline, split":  reported(`"no_final_newline":true,"split":5`),
		"a first event of 200 KB":  reported(`"body_bytes":200000`),
		"a model of another name":  reported(`"model":"gpt-4-0613-of-somebody"`),
		"reasoning that is hidden": reported(`"reasoning_tokens":12`),
	}
	for _, n := range []int{1, 2, 13, 64, 4096} {
		cases[fmt.Sprintf("split at every %d bytes", n)] = reported(fmt.Sprintf(`"split":%d`, n))
	}
	for name, text := range cases {
		for _, asked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, asked %v", name, asked), func(t *testing.T) {
				body := prompt("gpt-4", text, "stream", true)
				if asked {
					body["stream_options"] = map[string]any{"include_usage": true}
				}
				r := p.send(call{key: "sk-caller", body: body})
				record, e := p.last()
				if r.StatusCode != 200 || e.Status != policy.StatusSuccess {
					t.Fatalf("status %d, %s: %s", r.StatusCode, e.Status, e.Error)
				}
				if e.Usage.Output != int64(record.CompletionTokens) || e.Usage.Input != int64(record.PromptTokens) {
					t.Errorf("%+v; the provider billed %d and %d", e.Usage, record.PromptTokens, record.CompletionTokens)
				}
				if record.UsageReported != (e.Usage.Source == policy.UsageReported) {
					t.Errorf("counted as %s; reported: %v", e.Usage.Source, record.UsageReported)
				}
				// Only who asked gets a frame that is nothing but figures.
				only := strings.Contains(string(r.body), `"choices":[]`)
				if only && !asked {
					t.Errorf("a usage frame nobody asked for: %s", r.body[max(0, len(r.body)-400):])
				}
				if asked && record.UsageReported && !strings.Contains(string(r.body), `"prompt_tokens"`) {
					t.Error("the usage that was asked for is gone")
				}
			})
		}
	}
}

// A provider that compresses unasked is read all the same, and its bytes pass as they are.
func TestCompressedReplies(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	for name, body := range map[string]map[string]any{
		"a stream": prompt("gpt-4", `fake:{"output_tokens":30,"gzip":true}`, "stream", true),
		"JSON":     prompt("gpt-4", `fake:{"output_tokens":30,"gzip":true}`),
		"chunked":  prompt("gpt-4", `fake:{"output_tokens":30,"gzip":true,"chunked":true}`),
	} {
		t.Run(name, func(t *testing.T) {
			r := p.send(call{key: "sk-caller", body: body, headers: map[string]string{"accept-encoding": "gzip"}})
			if r.Header.Get("content-encoding") != "gzip" {
				t.Fatalf("status %d, content-encoding %q", r.StatusCode, r.Header.Get("content-encoding"))
			}
			z, err := gzip.NewReader(bytes.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := io.ReadAll(z); err != nil || !bytes.Contains(plain, []byte("chat.completion")) {
				t.Errorf("%v: %q", err, plain)
			}
			if _, e := p.last(); e.Usage.Output != 30 || e.Usage.Source != policy.UsageReported {
				t.Errorf("%+v", e.Usage)
			}
		})
	}
}

// One id on two requests is still two requests.
func TestADuplicateRequestIDIsAnotherRequest(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", func(k *policy.Key) { k.Limits.RPM = ptr(int64(3)) }))
	calls := map[string]bool{}
	for range 3 {
		r := p.send(call{key: "sk-caller", body: chat("gpt-4", 5), headers: map[string]string{"x-request-id": "11111111-2222-4333-8444-555555555555"}})
		if r.StatusCode != 200 {
			t.Fatalf("status %d", r.StatusCode)
		}
		calls[r.Header.Get("x-litellm-call-id")] = true
	}
	if r := p.send(call{key: "sk-caller", body: chat("gpt-4", 5), headers: map[string]string{"x-request-id": "11111111-2222-4333-8444-555555555555"}}); r.StatusCode != 429 {
		t.Errorf("a fourth of three: status %d", r.StatusCode)
	}
	if n := len(p.journal.Entries()); n != 3 || len(calls) != 3 {
		t.Errorf("%d entries, %d call ids", n, len(calls))
	}
}

// No header of a client's chooses a route, a retry, a time limit or who it is.
func TestSpoofedHeaders(t *testing.T) {
	spoofed := map[string]string{
		"x-purser-cluster": "llm-claude", "x-purser-key": "sk-other", "X-Purser-Anything": "1", "x-litellm-call-id": "mine", "x-litellm-key-spend": "0",
		"x-envoy-retry-on": "5xx,retriable-status-codes", "x-envoy-max-retries": "3", "x-envoy-retriable-status-codes": "500",
		"x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-upstream-rq-per-try-timeout-ms": "1", "x-envoy-original-path": "/v1/models", "x-envoy-expected-rq-timeout-ms": "1",
		"x-envoy-decorator-operation": "x", "x-envoy-internal": "true", "x-model": "gpt-3.5-turbo",
	}
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	r := p.send(call{key: "sk-caller", body: prompt("gpt-4", `fake:{"output_tokens":5,"first_byte_delay_ms":50}`), headers: spoofed})
	if r.StatusCode != 200 {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	record, e := p.last()
	if record.Model != "gpt-4-at-the-provider" || e.Deployment != "gpt4" || r.Header.Get("x-litellm-call-id") == "mine" {
		t.Errorf("model %q, deployment %q, call id %q", record.Model, e.Deployment, r.Header.Get("x-litellm-call-id"))
	}
	for name := range record.Headers {
		if l := strings.ToLower(name); strings.HasPrefix(l, "x-purser-") || strings.HasPrefix(l, "x-litellm-") {
			t.Errorf("the provider saw %s", name)
		}
	}
	before := len(p.provider.Requests(0))
	if r := p.send(call{key: "sk-caller", body: prompt("gpt-4", `fake:{"status":500}`), headers: spoofed}); r.StatusCode != 500 {
		t.Errorf("status %d", r.StatusCode)
	}
	if n := len(p.provider.Requests(0)) - before; n != 1 {
		t.Errorf("a client made Envoy send its request %d times", n)
	}
}

// Bodies as large as callers send them arrive as they are, once; one byte more than is
// allowed is refused with the API's own error, and nothing is held for it.
func TestBodies(t *testing.T) {
	const limit = 16 << 20
	budget := 100 * policy.Dollar
	p := start(t, policy.Settings{}, nil, key("sk-caller", func(k *policy.Key) { k.Limits.MaxBudget, k.Limits.MaxParallel = &budget, ptr(int64(1)) }))
	// The padding is no prompt text: a name that only fills the body.
	sized := func(n int) string {
		head := `{"model":"gpt-3.5-turbo","messages":[{"role":"user","content":"fake:{\"output_tokens\":3}"}],"max_tokens":3,"padding":"`
		return head + strings.Repeat("x", n-len(head)-2) + `"}`
	}
	for _, c := range []struct {
		name    string
		n       int
		chunked bool
		status  int
	}{
		{"32 KiB and one", 32<<10 + 1, false, 200},
		{"1 MiB and one", 1<<20 + 1, false, 200},
		{"4 MiB and one", 4<<20 + 1, false, 200},
		{"4 MiB and one, chunked", 4<<20 + 1, true, 200},
		{"the limit", limit, false, 200},
		{"the limit, chunked", limit, true, 200},
		{"one more", limit + 1, false, 413},
		{"one more, chunked", limit + 1, true, 413},
		{"a lot more, chunked", limit + 4<<20, true, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.provider.Reset()
			text := sized(c.n)
			var body io.Reader = strings.NewReader(text)
			if c.chunked {
				body = io.MultiReader(body) // of a length that is not known
			}
			req, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/v1/chat/completions", body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("content-type", "application/json")
			req.Header.Set("authorization", "Bearer sk-caller")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				if c.status == 413 && c.chunked {
					return // it is cut off while it still sends: that is a refusal too
				}
				t.Fatal(err)
			}
			defer resp.Body.Close()
			answer, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status {
				t.Fatalf("status %d: %.300s", resp.StatusCode, answer)
			}
			p.idle()
			if _, held := p.standing(ofKey("sk-caller"), policy.KindSpend); held != 0 {
				t.Errorf("%d held", held)
			}
			seen := p.provider.Requests(0)
			if c.status == 413 {
				if (reply{resp, answer}).error(t)["message"] == nil || len(seen) != 0 {
					t.Errorf("%d requests at the provider", len(seen))
				}
				return
			}
			// Only the model's name differs, by its length.
			if want := c.n; len(seen) != 1 || seen[0].BodyBytes != want {
				t.Errorf("the provider saw %d requests, of %d bytes; want one of %d", len(seen), seen[0].BodyBytes, want)
			}
		})
	}
}

// Replies on either side of what is buffered.
func TestLargeReplies(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	for _, n := range []int{1 << 10, 1<<20 - 200, 1<<20 + 1, 5 << 20} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, chunked %v", n, chunked), func(t *testing.T) {
				r := p.send(call{key: "sk-caller", body: prompt("gpt-4", fmt.Sprintf(`fake:{"output_tokens":30,"body_bytes":%d,"chunked":%v}`, n, chunked))})
				if r.StatusCode != 200 || len(r.body) < n {
					t.Fatalf("status %d, %d bytes", r.StatusCode, len(r.body))
				}
				if _, e := p.last(); e.Usage.Output != 30 || e.Usage.Source != policy.UsageReported || e.Status != policy.StatusSuccess {
					t.Errorf("%s %+v", e.Status, e.Usage)
				}
			})
		}
	}
}
