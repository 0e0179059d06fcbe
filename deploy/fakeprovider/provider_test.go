package fakeprovider

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const hi = `"messages":[{"role":"user","content":"hi"}]`

func serve(t *testing.T, opts Options) (*Provider, string) {
	t.Helper()
	p := New(opts)
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server.URL
}

// post returns the answer as read, and the error that cut its body short.
func post(t *testing.T, url, body string, headers ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	// No transparent decompression: the wire is what is looked at.
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp, got, err
}

func postOK(t *testing.T, url, body string, headers ...string) []byte {
	t.Helper()
	resp, got, err := post(t, url, body, headers...)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %v %s", url, resp, err, got)
	}
	return got
}

func decode[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// waitRecord polls for the newest record's end: the handler returns after the client
// has read the last byte.
func waitRecord(t *testing.T, p *Provider) Record {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if all := p.Requests(0); len(all) > 0 && all[len(all)-1].Outcome != outcomeOpen {
			return all[len(all)-1]
		}
		if time.Now().After(deadline) {
			t.Fatal("no record was closed")
		}
	}
}

func TestCredential(t *testing.T) {
	const chat = `{"model":"gpt-4",` + hi + `}`
	for _, tc := range []struct {
		name, path, header string
		want               int
	}{
		{"bearer", "/v1/chat/completions", "Authorization: Bearer right", 200},
		{"anthropic", "/v1/chat/completions", "X-Api-Key: right", 200},
		{"azure", "/openai/deployments/gpt-4/chat/completions?api-version=1", "Api-Key: right", 200},
		{"google header", "/v1beta/models/gemini-pro:generateContent", "X-Goog-Api-Key: right", 400}, // accepted, then no contents
		{"google query", "/v1beta/models/gemini-pro:generateContent?key=right", "", 400},
		{"absent", "/v1/chat/completions", "", 401},
		{"wrong", "/v1/chat/completions", "Authorization: Bearer sk-client-key", 401},
		{"empty", "/v1/chat/completions", "Authorization: Bearer ", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, url := serve(t, Options{APIKeys: []string{"right"}})
			var headers []string
			if tc.header != "" {
				headers = []string{tc.header}
			}
			resp, got, err := post(t, url+tc.path, chat, headers...)
			if err != nil || resp.StatusCode != tc.want {
				t.Errorf("got %v %v %s, want %d", resp, err, got, tc.want)
			}
			if rec := waitRecord(t, p); rec.Status != tc.want || rec.Path != tc.path {
				t.Errorf("recorded %+v", rec)
			}
		})
	}
}

func TestErrorsHaveTheFormatsShape(t *testing.T) {
	_, url := serve(t, Options{})
	const status = "X-Fake-Status: 429"
	for _, tc := range []struct{ name, path, body, header, want string }{
		{"openai", "/v1/chat/completions", `{"model":"m",` + hi + `}`, status, `"code":"rate_limit_exceeded"`},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":5,` + hi + `}`, status, `"type":"rate_limit_error"`},
		{"gemini", "/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, status, `"status":"RESOURCE_EXHAUSTED"`},
		{"unknown path", "/v1/nonsense", `{}`, "A: b", `Invalid URL (POST /v1/nonsense)`},
		{"bad JSON", "/v1/chat/completions", `{"model"`, "A: b", `could not parse`},
		{"no model", "/v1/chat/completions", `{` + hi + `}`, "A: b", `must provide a model`},
		{"no messages", "/v1/chat/completions", `{"model":"m"}`, "A: b", `'messages'`},
		{"a cap of 0", "/v1/chat/completions", `{"model":"m","max_tokens":0,` + hi + `}`, "A: b", `positive`},
		{"misspelt instruction", "/v1/chat/completions", `{"model":"m",` + hi + `}`, "X-Fake-Nope: 1", `nope`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, got, err := post(t, url+tc.path, tc.body, tc.header)
			if err != nil || resp.StatusCode < 400 || !strings.Contains(string(got), tc.want) {
				t.Errorf("got %v %v %s, want %s", resp, err, got, tc.want)
			}
		})
	}
	resp, _, _ := post(t, url+"/v1/chat/completions", `{"model":"m",`+hi+`}`, `X-Fake-Instructions: {"status":429,"retry_after":7}`)
	if got := resp.Header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After is %q", got)
	}
}

func TestRecordsSayWhatWasWritten(t *testing.T) {
	p, url := serve(t, Options{})
	got := postOK(t, url+"/v1/chat/completions",
		`{"model":"gpt-4","stream":true,"max_completion_tokens":9,"messages":[{"role":"user","content":"fake:{\"output_tokens\":30,\"chunks\":3,\"split\":7}"}]}`,
		"Authorization: Bearer sk-provider")
	rec := waitRecord(t, p)
	if rec.Outcome != outcomeCompleted || rec.BytesWritten != int64(len(got)) || rec.TokensWritten != 9 || rec.CompletionTokens != 9 || rec.ChunksWritten != 3 || rec.UsageReported {
		t.Errorf("recorded %+v for %d bytes", rec, len(got))
	}
	if rec.Model != "gpt-4" || !rec.Stream || rec.MaxTokens != 9 || rec.Headers.Get("Authorization") != "Bearer sk-provider" || !strings.Contains(rec.Body, "max_completion_tokens") {
		t.Errorf("recorded %+v", rec)
	}
	if !bytes.Contains(got, []byte(rec.ID)) {
		t.Errorf("the id %s is not in the answer", rec.ID)
	}
}

func TestClientThatLeavesIsRecordedAsAborted(t *testing.T) {
	p, url := serve(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body := `{"model":"gpt-4","stream":true,"messages":[{"role":"user","content":"fake:{\"output_tokens\":1000,\"delay_ms\":20}"}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for n := 0; n < 4 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data: ") {
			n++
		}
	}
	cancel()
	rec := waitRecord(t, p)
	if rec.Outcome != outcomeAborted || rec.TokensWritten < 1 || rec.TokensWritten > 900 || rec.CompletionTokens != 1000 {
		t.Errorf("recorded %+v", rec)
	}
	if s := p.Stats(); s.Aborted != 1 || s.Open != 0 || s.TokensWritten != int64(rec.TokensWritten) {
		t.Errorf("stats %+v", s)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	p, url := serve(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(`{"model":"m",`+hi+`}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Fake-Hang", "true")
	if _, err := http.DefaultClient.Do(req); err == nil {
		t.Fatal("it answered")
	}
	if rec := waitRecord(t, p); rec.Outcome != outcomeAborted || rec.Status != 0 {
		t.Errorf("recorded %+v", rec)
	}
}

func TestControlPaths(t *testing.T) {
	_, url := serve(t, Options{APIKeys: []string{"right"}, Keep: 2})
	for range 3 {
		postOK(t, url+"/v1/chat/completions", `{"model":"m",`+hi+`}`, "Authorization: Bearer right")
	}
	get := func(path string) []byte {
		t.Helper()
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", path, resp.StatusCode, got, err)
		}
		return got
	}
	if all := decode[[]Record](t, get("/_fake/requests")); len(all) != 2 || all[1].Seq != 3 {
		t.Errorf("two are kept: %+v", all)
	}
	if some := decode[[]Record](t, get("/_fake/requests?since=2")); len(some) != 1 || some[0].Seq != 3 {
		t.Errorf("one is newer: %+v", some)
	}
	if s := decode[Stats](t, get("/_fake/stats")); s.Requests != 3 || s.ByModel["m"] < 2 {
		t.Errorf("stats %+v", s)
	}
	if resp, got, err := post(t, url+"/_fake/reset", ""); err != nil || resp.StatusCode != 200 {
		t.Errorf("reset: %v %v %s", resp, err, got)
	}
	if s := decode[Stats](t, get("/_fake/stats")); s.Requests != 0 || s.Open != 0 {
		t.Errorf("stats after the reset %+v", s)
	}
	postOK(t, url+"/v1/chat/completions", `{"model":"m",`+hi+`}`, "Authorization: Bearer right")
	if all := decode[[]Record](t, get("/_fake/requests")); len(all) != 1 || all[0].Seq != 4 {
		t.Errorf("the numbering goes on: %+v", all)
	}
}

func TestServeStopsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(Options{}).Serve(ctx, l) }()
	postOK(t, "http://"+l.Addr().String()+"/v1/chat/completions", `{"model":"m",`+hi+`}`)
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}
