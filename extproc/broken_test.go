package extproc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/deploy/fakeprovider"
	"github.com/purser/purser/policy"
)

// streamed are the formats that stream, each with a way to ask and the rates of its model.
var streamed = map[string]struct {
	path    string
	body    func(instructions string, more ...any) map[string]any
	in, out int64
}{
	"chat": {"/v1/chat/completions", func(text string, more ...any) map[string]any {
		return prompt("gpt-4", text, append(more, "stream", true)...)
	}, 30_000, 60_000},
	"completions": {"/v1/completions", func(text string, more ...any) map[string]any {
		return merge(map[string]any{"model": "gpt-4", "prompt": text, "stream": true}, more)
	}, 30_000, 60_000},
	"responses": {"/v1/responses", func(text string, more ...any) map[string]any {
		return merge(map[string]any{"model": "gpt-4", "input": text, "stream": true}, more)
	}, 30_000, 60_000},
	"messages": {"/v1/messages", func(text string, more ...any) map[string]any {
		return prompt("claude-3-sonnet", text, append(more, "stream", true, "max_tokens", 4000)...)
	}, 3_000, 15_000},
	"gemini": {"/v1beta/models/gemini-flash:streamGenerateContent?alt=sse", func(text string, more ...any) map[string]any {
		return merge(map[string]any{"contents": []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": text}}}}}, more)
	}, 300, 2_500},
}

func merge(b map[string]any, more []any) map[string]any {
	for i := 0; i+1 < len(more); i += 2 {
		b[more[i].(string)] = more[i+1]
	}
	return b
}

// words reads events off a stream until so many carry text, or it ends, and tells how many did.
func words(body *bufio.Scanner, most int) (n int) {
	for n < most && body.Scan() {
		data, ok := bytes.CutPrefix(body.Bytes(), []byte("data:"))
		var event struct {
			Choices []struct {
				Text  string
				Delta struct{ Content string }
			}
			Type       string
			Delta      json.RawMessage
			Candidates []struct {
				Content struct{ Parts []struct{ Text string } }
			}
		}
		if !ok || json.Unmarshal(data, &event) != nil {
			continue
		}
		switch {
		case len(event.Choices) > 0 && (event.Choices[0].Text != "" || event.Choices[0].Delta.Content != ""):
			n++
		case event.Type == "content_block_delta", event.Type == "response.output_text.delta":
			n++
		case len(event.Candidates) > 0 && len(event.Candidates[0].Content.Parts) > 0 && event.Candidates[0].Content.Parts[0].Text != "":
			n++
		}
	}
	return n
}

// last are the newest request at the provider and the newest entry, once both are over.
func (p *plane) last() (fakeprovider.Record, policy.Entry) {
	p.t.Helper()
	var record fakeprovider.Record
	eventually(p.t, "the provider is done", func() bool {
		all := p.provider.Requests(0)
		record = all[len(all)-1]
		return record.Outcome != "open"
	})
	p.idle()
	entries := p.journal.Entries()
	if len(entries) == 0 {
		p.t.Fatal("no entry")
	}
	return record, entries[len(entries)-1]
}

// A stream that breaks off is charged for the prompt and for what reached us, to the
// token: the provider's own count of what it wrote.
func TestBrokenStreamsAreCountedToTheToken(t *testing.T) {
	const n = 3
	for name, f := range streamed {
		t.Run(name, func(t *testing.T) {
			p := start(t, policy.Settings{}, nil, key("sk-one", func(k *policy.Key) {
				k.Limits.MaxParallel, k.Limits.MaxBudget = ptr(int64(1)), ptr(policy.Dollar)
			}))
			var total policy.Money
			check := func(t *testing.T, status policy.Status) {
				t.Helper()
				record, e := p.last()
				counted := e.Usage.Source == policy.UsageCounted || name == "gemini" && e.Usage.Source == policy.UsageReported // in every chunk
				if !counted || e.Usage.Output != int64(record.TokensWritten) || e.Status != status {
					t.Errorf("%s, %s, %d tokens; the provider wrote %d (%s)", e.Status, e.Usage.Source, e.Usage.Output, record.TokensWritten, record.Outcome)
				}
				// Where the tokenizer is not public, prompts are counted with some slack.
				public := name != "messages" && name != "gemini"
				if in := e.Usage.Input; in < int64(record.PromptTokens) || public && in > int64(record.PromptTokens) {
					t.Errorf("prompt of %d tokens, counted %d", record.PromptTokens, in)
				}
				if want := policy.Money(e.Usage.Input*f.in + e.Usage.Output*f.out); e.Cost.Total != want {
					t.Errorf("cost %s, want %s", e.Cost.Total, want)
				}
				total += e.Cost.Total
				if used, held := p.standing(ofKey("sk-one"), policy.KindSpend); policy.Money(used) != total || held != 0 {
					t.Errorf("used %s, held %d; want %s", policy.Money(used), held, total)
				}
			}
			t.Run("the client hangs up", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				resp := p.open(ctx, call{path: f.path, key: "sk-one", body: f.body(`fake:{"output_tokens":50,"delay_ms":400}`)})
				if got := words(bufio.NewScanner(resp.Body), n); resp.StatusCode != 200 || got != n {
					t.Fatalf("status %d, %d words", resp.StatusCode, got)
				}
				cancel()
				check(t, policy.StatusAbandoned)
			})
			t.Run("the provider resets", func(t *testing.T) {
				resp := p.open(t.Context(), call{path: f.path, key: "sk-one", body: f.body(fmt.Sprintf(`fake:{"output_tokens":50,"reset_after":%d,"delay_ms":20}`, n))})
				got := words(bufio.NewScanner(resp.Body), 100)
				resp.Body.Close()
				if got > n {
					t.Errorf("%d words arrived of %d", got, n)
				}
				check(t, policy.StatusAbandoned)
			})
			t.Run("the provider sends an error", func(t *testing.T) {
				r := p.send(call{path: f.path, key: "sk-one", body: f.body(fmt.Sprintf(`fake:{"output_tokens":50,"error_after":%d}`, n))})
				if !strings.Contains(string(r.body), "told to fail") {
					t.Errorf("the error did not arrive: %s", r.body)
				}
				check(t, policy.StatusFailure)
			})
			for _, usage := range []string{"none", "null"} {
				t.Run("usage "+usage, func(t *testing.T) {
					p.send(call{path: f.path, key: "sk-one", body: f.body(fmt.Sprintf(`fake:{"output_tokens":40,"usage":%q}`, usage))})
					if record, _ := p.last(); record.UsageReported {
						t.Skip("this format reports its usage whatever it is told")
					}
					check(t, policy.StatusSuccess)
				})
			}
			t.Run("text cut within a character", func(t *testing.T) {
				text := `fake:{"text":"naïve 🤷‍♂️ 漢字かな交じり文 Ünïcödé — ½","usage":"none","split":1}`
				p.send(call{path: f.path, key: "sk-one", body: f.body(text)})
				if record, _ := p.last(); record.UsageReported {
					t.Skip("this format reports its usage whatever it is told")
				}
				check(t, policy.StatusSuccess)
			})
		})
	}
}

// What a client did not read any more was produced, and is paid for; what never
// reached us nobody can count.
func TestAFastStreamThatIsAbandoned(t *testing.T) {
	p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		resp := p.open(ctx, call{key: "sk-caller", body: prompt("gpt-4", `fake:{"output_tokens":3000}`, "stream", true)})
		got := words(bufio.NewScanner(resp.Body), 50)
		cancel()
		record, e := p.last()
		if e.Usage.Source != policy.UsageReported && (e.Usage.Output < int64(got) || e.Usage.Output > int64(record.TokensWritten)) {
			t.Errorf("the client read %d tokens, we counted %d, the provider wrote %d", got, e.Usage.Output, record.TokensWritten)
		}
	}
}

// A client that leaves before the provider's first byte: free, its prompt, or its hold.
func TestAClientThatLeavesBeforeTheFirstByte(t *testing.T) {
	for rule, want := range map[string]func(record fakeprovider.Record, e policy.Entry) bool{
		"free": func(_ fakeprovider.Record, e policy.Entry) bool {
			return e.Cost.Total == 0 && e.Usage.Source == policy.UsageNone
		},
		"input": func(r fakeprovider.Record, e policy.Entry) bool {
			return e.Cost.Total == policy.Money(r.PromptTokens*30_000) && e.Usage.Source == policy.UsageCounted
		},
		"hold": func(_ fakeprovider.Record, e policy.Entry) bool {
			return e.Usage.Output == 100 && e.Usage.Source == policy.UsageEstimated && e.Cost.Total == policy.Money(e.Usage.Input*30_000+100*60_000)
		},
	} {
		t.Run(rule, func(t *testing.T) {
			p := start(t, policy.Settings{}, abandoned(rule), key("sk-caller", func(k *policy.Key) { k.Limits.MaxParallel = ptr(int64(1)) }))
			for _, stream := range []bool{false, true} {
				ctx, cancel := context.WithCancel(t.Context())
				left := make(chan struct{})
				go func() {
					defer close(left)
					p.abandon(ctx, call{key: "sk-caller", body: prompt("gpt-4", `fake:{"hang":true}`, "stream", stream, "max_tokens", 100)})
				}()
				before := len(p.provider.Requests(0))
				eventually(t, "the provider has it", func() bool {
					all := p.provider.Requests(0)
					return len(all) > 0 && all[len(all)-1].Outcome == "open" && all[len(all)-1].PromptTokens > 0 || len(all) > before
				})
				cancel()
				<-left
				record, e := p.last()
				if !want(record, e) || e.Status != policy.StatusAbandoned {
					t.Errorf("stream %v: %s, %+v, %s", stream, e.Status, e.Usage, e.Cost.Total)
				}
				if _, held := p.standing(ofKey("sk-caller"), policy.KindParallel); held != 0 {
					t.Errorf("%d slots held", held)
				}
			}
		})
	}
}
