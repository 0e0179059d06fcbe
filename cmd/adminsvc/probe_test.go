package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/purser/purser/deploy/fakeprovider"
	"github.com/purser/purser/policy"
)

// probeAt is a deployment of a format and mode at a server.
func probeAt(t *testing.T, at string, format policy.Format, mode string) *policy.Deployment {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	d := &policy.Deployment{ID: "d", Model: "public", Target: "at-the-provider", Provider: "openai", Format: format, Mode: mode, Scheme: "http", Host: u.Hostname(), Port: port,
		PathPrefix: "/v1", CredentialHeader: "authorization", CredentialPrefix: "Bearer ", Credential: "pk-right"}
	switch format {
	case policy.FormatAnthropic:
		d.Provider, d.PathPrefix, d.CredentialHeader, d.CredentialPrefix = "anthropic", "", "x-api-key", ""
	case policy.FormatGemini:
		d.Provider, d.PathPrefix, d.CredentialHeader, d.CredentialPrefix = "gemini", "", "x-goog-api-key", ""
	case policy.FormatAzure:
		d.Provider, d.PathPrefix, d.Query, d.CredentialHeader, d.CredentialPrefix = "azure", "/openai/deployments/at-the-provider", "api-version=1", "api-key", ""
	case policy.FormatCohere:
		d.PathPrefix = ""
	}
	return d
}

func TestProbesOfEveryFormat(t *testing.T) {
	provider := fakeprovider.New(fakeprovider.Options{APIKeys: []string{"pk-right"}})
	server := httptest.NewServer(provider)
	defer server.Close()
	p := newProber()
	for _, c := range []struct {
		format policy.Format
		mode   string
		how    string
	}{
		{policy.FormatOpenAI, "", "POST /v1/chat/completions"}, {policy.FormatOpenAI, "completion", "POST /v1/completions"},
		{policy.FormatOpenAI, "responses", "POST /v1/responses"}, {policy.FormatOpenAI, "embedding", "POST /v1/embeddings"},
		{policy.FormatOpenAI, "moderation", "POST /v1/moderations"}, {policy.FormatOpenAI, "image_generation", "GET /v1/models"},
		{policy.FormatAzure, "chat", "POST /openai/deployments/at-the-provider/chat/completions?api-version=1"},
		{policy.FormatAnthropic, "chat", "POST /v1/messages"}, {policy.FormatGemini, "chat", "POST /v1beta/models/at-the-provider:generateContent"},
		{policy.FormatGemini, "embedding", "POST /v1beta/models/at-the-provider:embedContent"}, {policy.FormatCohere, "rerank", "POST /v1/rerank"},
	} {
		before := len(provider.Requests(0))
		got := p.Probe(t.Context(), probeAt(t, server.URL, c.format, c.mode))
		if !got.Healthy || got.How != c.how || got.Status != 200 || got.Problem != "" {
			t.Errorf("%s %s: %+v", c.format, c.mode, got)
		}
		if seen := provider.Requests(0)[before:]; strings.HasPrefix(c.how, "POST") && (len(seen) != 1 || seen[0].CompletionTokens > probeTokens || c.format != policy.FormatCohere && seen[0].Model != "at-the-provider") {
			t.Errorf("%s %s: the provider saw %+v", c.format, c.mode, seen)
		}
	}
}

func TestProbesOfWhatIsNotWell(t *testing.T) {
	provider := httptest.NewServer(fakeprovider.New(fakeprovider.Options{APIKeys: []string{"pk-right"}}))
	defer provider.Close()
	release := make(chan struct{})
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("x-odd") {
		case "hang":
			<-release
		case "elsewhere":
			http.Redirect(w, r, provider.URL, http.StatusFound)
		case "tell":
			http.Error(w, "you sent "+r.Header.Get("authorization"), http.StatusForbidden)
		}
	}))
	defer odd.Close()
	defer close(release)
	p := newProber()
	for name, c := range map[string]struct {
		change func(*policy.Deployment)
		says   string
	}{
		"a wrong credential": {func(d *policy.Deployment) { d.Credential = "pk-wrong" }, "it answered 401: "},
		"nobody there":       {func(d *policy.Deployment) { d.Port = 1 }, "it cannot be reached: "},
		"no such name":       {func(d *policy.Deployment) { d.Host = "nothing.invalid" }, "it"},
		"a secret told": {func(d *policy.Deployment) {
			d.Port, d.Headers = portOf(t, odd.URL), map[string]policy.Secret{"x-odd": "tell"}
		}, "it answered 403: you sent Bearer ***"},
		"sent elsewhere": {func(d *policy.Deployment) {
			d.Port, d.Headers = portOf(t, odd.URL), map[string]policy.Secret{"x-odd": "elsewhere"}
		}, "it answered 302: "},
	} {
		d := probeAt(t, provider.URL, policy.FormatOpenAI, "chat")
		c.change(d)
		if got := p.Probe(t.Context(), d); got.Healthy || !strings.HasPrefix(got.Problem, c.says) || strings.Contains(got.Problem, "pk-") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	d := probeAt(t, odd.URL, policy.FormatOpenAI, "chat")
	d.Headers = map[string]policy.Secret{"x-odd": "hang"}
	cancel()
	if got := p.Probe(ctx, d); got.Problem != "it did not answer in time" {
		t.Errorf("%+v", got)
	}
}

func portOf(t *testing.T, at string) int {
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}
