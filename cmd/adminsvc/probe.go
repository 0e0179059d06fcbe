package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purser/purser/adminsvc"
	"github.com/purser/purser/extproc/dialect"
	"github.com/purser/purser/policy"
)

// prober asks deployments the least that shows that they answer: what a client of
// their format and mode would send, written and addressed as the data plane does it.
type prober struct{ client *http.Client }

func newProber() *prober {
	return &prober{&http.Client{
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true},
		// A provider that sends us elsewhere is no provider: the credential stays here.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// probeTokens is the longest answer asked for: the least that every provider accepts.
const probeTokens = 16

// probes are the calls by format and mode. What is not here is dear, or no call at all:
// the list of models is asked for instead.
var probes = map[policy.Format]map[string]struct{ path, body string }{
	policy.FormatOpenAI: {
		"chat":       {"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"ping"}]}`},
		"completion": {"/v1/completions", `{"model":"m","prompt":"ping"}`},
		"responses":  {"/v1/responses", `{"model":"m","input":"ping"}`},
		"embedding":  {"/v1/embeddings", `{"model":"m","input":"ping"}`},
		"moderation": {"/v1/moderations", `{"model":"m","input":"ping"}`},
	},
	policy.FormatAnthropic: {"chat": {"/v1/messages", `{"model":"m","max_tokens":16,"messages":[{"role":"user","content":"ping"}]}`}},
	policy.FormatGemini: {
		"chat":      {"/v1beta/models/m:generateContent", `{"contents":[{"role":"user","parts":[{"text":"ping"}]}]}`},
		"embedding": {"/v1beta/models/m:embedContent", `{"content":{"parts":[{"text":"ping"}]}}`},
	},
	policy.FormatCohere: {"rerank": {"/v1/rerank", `{"model":"m","query":"ping","documents":["pong"],"top_n":1}`}},
}

// Probe calls a deployment.
func (p *prober) Probe(ctx context.Context, d *policy.Deployment) (result adminsvc.Probe) {
	began := time.Now()
	defer func() { result.Took = time.Since(began) }()
	format := d.Format
	if format == policy.FormatAzure {
		format = policy.FormatOpenAI
	}
	mode := cmp.Or(d.Mode, "chat")
	if format == policy.FormatCohere {
		mode = "rerank"
	}
	method, path, body := http.MethodGet, modelsPath(d), []byte(nil)
	if of, ok := probes[format][mode]; ok && !strings.Contains(d.Target, "*") {
		match, _ := dialect.Find(http.MethodPost, of.path)
		call, err := match.Endpoint.Read(dialect.Inbound{Method: http.MethodPost, Path: of.path, ContentType: "application/json", Model: match.Model, Body: []byte(of.body)})
		if err == nil {
			path, err = match.Endpoint.Path(call, d, d.Target)
		}
		if err != nil {
			return adminsvc.Probe{Problem: "it cannot be asked: " + err.Error()}
		}
		method = http.MethodPost
		body, _ = match.Endpoint.Rewrite(call, dialect.Change{Model: d.Target, OutputCap: probeTokens, Provider: d.Provider})
	}
	result.How = method + " " + path
	req, err := http.NewRequestWithContext(ctx, method, d.Scheme+"://"+net.JoinHostPort(d.Host, strconv.Itoa(d.Port))+path, bytes.NewReader(body))
	if err != nil {
		result.Problem = "it cannot be asked: its address is none"
		return result
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("user-agent", "purser-health")
	if format == policy.FormatAnthropic {
		req.Header.Set("anthropic-version", "2023-06-01")
	}
	if d.Credential != "" {
		req.Header.Set(d.CredentialHeader, d.CredentialPrefix+d.Credential.Reveal())
	}
	for name, value := range d.Headers {
		req.Header.Set(name, value.Reveal())
	}
	reply, err := p.client.Do(req)
	if err != nil {
		result.Problem = unreachable(ctx, err)
		return result
	}
	defer reply.Body.Close()
	result.Status = reply.StatusCode
	text, err := io.ReadAll(io.LimitReader(reply.Body, 256<<10))
	switch {
	case reply.StatusCode >= 200 && reply.StatusCode < 300 && err == nil:
		result.Healthy = true
	case err != nil:
		result.Problem = "its answer broke off: " + unreachable(ctx, err)
	case method == http.MethodGet && (reply.StatusCode == 404 || reply.StatusCode == 405):
		result.Healthy = true // it has no list, but it answers, and not because of the credential
	default:
		result.Problem = withoutSecrets(fmt.Sprintf("it answered %d: %s", reply.StatusCode, said(text)), d)
	}
	return result
}

// modelsPath is where a deployment's server lists its models.
func modelsPath(d *policy.Deployment) string {
	path := d.PathPrefix + "/models"
	switch d.Format {
	case policy.FormatAnthropic:
		path = d.PathPrefix + "/v1/models"
	case policy.FormatGemini:
		path = d.PathPrefix + "/v1beta/models"
	case policy.FormatAzure:
		before, _, _ := strings.Cut(d.PathPrefix, "/deployments/")
		path = strings.TrimSuffix(before, "/openai") + "/openai/models"
	}
	if d.Query != "" {
		path += "?" + d.Query
	}
	return path
}

// unreachable says why there was no answer, without the address, whose query may hold more than it should.
func unreachable(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "it did not answer in time"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return "it cannot be reached: " + op.Err.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "its name cannot be resolved"
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return "it cannot be reached: " + err.Error()
}

// said is the message in an error reply of any format.
func said(body []byte) string {
	var reply struct {
		Error   any    `json:"error"`
		Message string `json:"message"`
	}
	text := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &reply) == nil {
		if of, ok := reply.Error.(map[string]any); ok {
			reply.Message, _ = of["message"].(string)
		}
		text = cmp.Or(reply.Message, text)
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// withoutSecrets takes out what a provider repeats of what it was sent.
func withoutSecrets(text string, d *policy.Deployment) string {
	secrets := []string{d.Credential.Reveal()}
	for _, h := range d.Headers {
		secrets = append(secrets, h.Reveal())
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}
