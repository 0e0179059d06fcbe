package extproc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/purser/purser/deploy/fakeprovider"
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// plane is a real Envoy, our server, and the fake provider behind them.
type plane struct {
	t         testing.TB
	url       string
	directory *policy.Directory
	ledger    *memory.Ledger
	journal   *policytest.Journal
	provider  *fakeprovider.Provider
	envoy     *envoytest.Envoy
	server    *extproc.Server
	grpc      *grpc.Server
}

const (
	masterKey   = "sk-master-of-this-test"
	providerKey = "pk-only-the-provider-knows"
)

// models of the plane: gpt-4 costs $30 and $60 per million tokens, so that costs are easy to check.
func models(endpoint *url.URL) []*policy.Deployment {
	port, _ := strconv.Atoi(endpoint.Port())
	make := func(id, name, target string, format policy.Format, price policy.Price) *policy.Deployment {
		d := &policy.Deployment{
			ID: id, Model: name, Target: target, Provider: string(format), Format: format, Scheme: "http", Host: "127.0.0.1", Port: port,
			PathPrefix: "/v1", CredentialHeader: "authorization", CredentialPrefix: "Bearer ", Credential: providerKey, Price: price, MaxOutput: 4096,
		}
		switch format {
		case policy.FormatAnthropic:
			d.PathPrefix, d.CredentialHeader, d.CredentialPrefix = "", "x-api-key", ""
		case policy.FormatGemini:
			d.PathPrefix, d.CredentialHeader, d.CredentialPrefix = "", "x-goog-api-key", ""
		}
		return d
	}
	beta := make("ada", "text-embedding-ada-002", "text-embedding-ada-002", policy.FormatOpenAI, policy.TokenPrice(100_000_000, 0))
	beta.AccessGroups = []string{"beta-models"}
	return []*policy.Deployment{
		make("gpt4", "gpt-4", "gpt-4-at-the-provider", policy.FormatOpenAI, policy.TokenPrice(30_000_000_000, 60_000_000_000)),
		make("gpt35", "gpt-3.5-turbo", "gpt-3.5-turbo", policy.FormatOpenAI, policy.TokenPrice(500_000_000, 1_500_000_000)),
		make("claude", "claude-3-sonnet", "claude-3-sonnet", policy.FormatAnthropic, policy.TokenPrice(3_000_000_000, 15_000_000_000)),
		make("gemini", "gemini-flash", "gemini-2.5-flash", policy.FormatGemini, policy.TokenPrice(300_000_000, 2_500_000_000)),
		beta,
	}
}

// start runs a plane that knows these entities.
func start(t testing.TB, settings policy.Settings, tune func(*extproc.Config), entities ...policy.Entity) *plane {
	t.Helper()
	p := &plane{t: t, journal: &policytest.Journal{}, provider: fakeprovider.New(fakeprovider.Options{APIKeys: []string{providerKey}})}
	upstream := httptest.NewServer(p.provider)
	t.Cleanup(upstream.Close)
	at, _ := url.Parse(upstream.URL)
	deployments := models(at)
	settings.MasterKey, settings.HasMasterKey, settings.MasterUserID = policy.HashKey(masterKey), true, "default_user_id"
	p.directory = policytest.Directory(settings, deployments, entities...)
	p.ledger = memory.New(memory.Config{Journal: p.journal})

	cfg := extproc.Config{Directory: p.directory, Ledger: p.ledger, Version: "test"}
	if tune != nil {
		tune(&cfg)
	}
	p.server = extproc.New(cfg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.grpc = grpc.NewServer(p.server.Options()...)
	p.server.Register(p.grpc)
	healthpb.RegisterHealthServer(p.grpc, health.NewServer())
	go func() { _ = p.grpc.Serve(l) }()
	ctx, cancel := context.WithCancel(context.Background())
	go p.server.Run(ctx)
	t.Cleanup(func() { cancel(); p.grpc.Stop() })

	admin := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(admin.Close)
	config := envoy.Config{ExtProc: []string{l.Addr().String()}, AdminSvc: []string{strings.TrimPrefix(admin.URL, "http://")}}
	for _, d := range deployments {
		config.Deployments = append(config.Deployments, envoy.Deployment{
			Name: d.Cluster(), Endpoint: envoy.Endpoint{Scheme: d.Scheme, Host: d.Host, Port: d.Port},
			CredentialHeader: d.CredentialHeader, CredentialPrefix: d.CredentialPrefix, Credential: d.Credential.Reveal(),
		})
	}
	p.envoy = envoytest.Start(t, config)
	p.url = p.envoy.URL
	return p
}

// call is one request to be sent.
type call struct {
	method, path, key string
	body              any // a string goes as it is, anything else as JSON
	headers           map[string]string
}

type reply struct {
	*http.Response
	body []byte
}

// error is the field of an OpenAI error envelope.
func (r reply) error(t testing.TB) map[string]any {
	t.Helper()
	var e struct{ Error map[string]any }
	if err := json.Unmarshal(r.body, &e); err != nil || e.Error == nil {
		t.Fatalf("status %d: not an error envelope: %s", r.StatusCode, r.body)
	}
	return e.Error
}

func (p *plane) send(c call) reply {
	p.t.Helper()
	resp := p.open(context.Background(), c)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("%s %s: the reply's body: %v", c.method, c.path, err)
	}
	return reply{resp, body}
}

func (p *plane) open(ctx context.Context, c call) *http.Response {
	p.t.Helper()
	if c.method == "" {
		c.method = "POST"
	}
	if c.path == "" {
		c.path = "/v1/chat/completions"
	}
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			p.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, p.url+c.path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("content-type", "application/json")
	if c.key != "" {
		req.Header.Set("authorization", "Bearer "+c.key)
	}
	for k, v := range c.headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp
}

// chat is a body that asks model for an answer of so many tokens.
func chat(model string, tokens int, more ...any) map[string]any {
	b := map[string]any{"model": model, "messages": []any{map[string]any{"role": "user", "content": fmt.Sprintf(`fake:{"output_tokens":%d}`, tokens)}}}
	for i := 0; i+1 < len(more); i += 2 {
		b[more[i].(string)] = more[i+1]
	}
	return b
}

// eventually waits for a condition without sleeping past it.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func ptr[T any](v T) *T { return &v }

func key(plain string, change func(*policy.Key)) *policy.Key {
	k := policytest.Key(plain)
	if change != nil {
		change(k)
	}
	return k
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }
