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

// Probe calls a deployment.
func (p *prober) Probe(ctx context.Context, d *policy.Deployment) (result adminsvc.Probe) {
	began := time.Now()
	defer func() { result.Took = time.Since(began) }()
	ask, err := dialect.ProbeOf(d, probeTokens)
	if err != nil {
		return adminsvc.Probe{Problem: "it cannot be asked: " + err.Error()}
	}
	result.How = ask.Method + " " + ask.Path
	req, err := http.NewRequestWithContext(ctx, ask.Method, d.Scheme+"://"+net.JoinHostPort(d.Host, strconv.Itoa(d.Port))+ask.Path, bytes.NewReader(ask.Body))
	if err != nil {
		result.Problem = "it cannot be asked: its address is none"
		return result
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("user-agent", "purser-health")
	for name, value := range ask.Headers {
		req.Header.Set(name, value)
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
	case ask.Method == http.MethodGet && (reply.StatusCode == 404 || reply.StatusCode == 405):
		result.Healthy = true // it has no list, but it answers, and not because of the credential
	default:
		result.Problem = withoutSecrets(fmt.Sprintf("it answered %d: %s", reply.StatusCode, said(text)), d)
	}
	return result
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
