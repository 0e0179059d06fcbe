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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	"github.com/purser/purser/policy/redis/redistest"
)

// plane is a real Envoy, our server, and the fake provider behind them.
type plane struct {
	t         testing.TB
	url       string
	directory *policy.Directory
	ledger    policy.Inspector
	reaper    policytest.Reaper
	journal   *policytest.Journal
	provider  *fakeprovider.Provider
	envoy     *envoytest.Envoy
	server    *extproc.Server // the first
	grpc      *grpc.Server
	servers   []*extproc.Server
	metrics   *prometheus.Registry // of the first server
}

// rig is what a plane is made of, where it differs from the usual: one server that
// counts in memory by the clock on the wall.
type rig struct {
	settings policy.Settings
	entities []policy.Entity
	models   []*policy.Deployment      // besides the usual ones; reached like them
	servers  int                       // behind the one Envoy
	ledger   func(i int) policy.Ledger // of each server; they count together
	clock    func() time.Time
	tune     func(*extproc.Config)
	envoy    func(*envoy.Config)
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
	return rig{settings: settings, tune: tune, entities: entities}.start(t)
}

func (r rig) start(t testing.TB) *plane {
	t.Helper()
	p := &plane{t: t, journal: &policytest.Journal{}, provider: fakeprovider.New(fakeprovider.Options{APIKeys: []string{providerKey}}), metrics: prometheus.NewRegistry()}
	upstream := httptest.NewServer(p.provider)
	t.Cleanup(upstream.Close)
	at, _ := url.Parse(upstream.URL)
	deployments := models(at)
	for _, d := range r.models {
		own := *d // the test may start another plane of it
		d = &own
		d.Scheme, d.Host, d.Credential = "http", "127.0.0.1", providerKey
		if d.Port == 0 {
			d.Port = deployments[0].Port
		}
		deployments = append(deployments, d)
	}
	r.settings.MasterKey, r.settings.HasMasterKey, r.settings.MasterUserID = policy.HashKey(masterKey), true, "default_user_id"
	p.directory = policytest.Directory(r.settings, deployments, r.entities...)
	if r.ledger == nil {
		l := memory.New(memory.Config{Journal: p.journal, Clock: r.clock})
		r.ledger = func(int) policy.Ledger { return l }
	}

	var addresses []string
	for i := range max(r.servers, 1) {
		cfg := extproc.Config{Directory: p.directory, Ledger: r.ledger(i), Clock: r.clock, Deadline: patience, Version: "test"}
		if i == 0 {
			cfg.Metrics = p.metrics
			p.ledger, _ = cfg.Ledger.(policy.Inspector)
			p.reaper, _ = cfg.Ledger.(policytest.Reaper)
		}
		if r.tune != nil {
			r.tune(&cfg)
		}
		server := extproc.New(cfg)
		address, g := serve(t, server)
		addresses = append(addresses, address)
		p.servers = append(p.servers, server)
		if i == 0 {
			p.server, p.grpc = server, g
		}
	}
	admin := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(admin.Close)
	// A busy machine is not what is tested: tests of deadlines set their own.
	config := envoy.Config{MessageTimeout: patience, ExtProc: addresses, AdminSvc: []string{strings.TrimPrefix(admin.URL, "http://")}}
	for _, d := range deployments {
		headers := map[string]string{}
		for name, value := range d.Headers {
			headers[name] = value.Reveal()
		}
		config.Deployments = append(config.Deployments, envoy.Deployment{
			Name: d.Cluster(), Endpoint: envoy.Endpoint{Scheme: d.Scheme, Host: d.Host, Port: d.Port},
			CredentialHeader: d.CredentialHeader, CredentialPrefix: d.CredentialPrefix, Credential: d.Credential.Reveal(), Headers: headers,
		})
	}
	if r.envoy != nil {
		r.envoy(&config)
	}
	p.envoy = envoytest.Start(t, config)
	p.envoy.WaitStat(t, "cluster.purser-extproc.membership_healthy", len(addresses))
	p.url = p.envoy.URL
	return p
}

// serve runs a server until the test ends.
func serve(t testing.TB, server *extproc.Server) (address string, g *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g = grpc.NewServer(server.Options()...)
	server.Register(g)
	healthpb.RegisterHealthServer(g, health.NewServer())
	go func() { _ = g.Serve(l) }()
	ctx, cancel := context.WithCancel(context.Background())
	go server.Run(ctx)
	t.Cleanup(func() { cancel(); g.Stop() })
	return l.Addr().String(), g
}

// underway counts the requests in all servers.
func (p *plane) underway() (n int64) {
	for _, s := range p.servers {
		n += s.Open()
	}
	return n
}

// idle waits until every request is over, settled and all.
func (p *plane) idle() {
	p.t.Helper()
	eventually(p.t, "every request is over", func() bool { return p.underway() == 0 })
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
	return prompt(model, fmt.Sprintf(`fake:{"output_tokens":%d}`, tokens), more...)
}

// prompt is a body with one message, and further members.
func prompt(model, text string, more ...any) map[string]any {
	b := map[string]any{"model": model, "messages": []any{map[string]any{"role": "user", "content": text}}}
	for i := 0; i+1 < len(more); i += 2 {
		b[more[i].(string)] = more[i+1]
	}
	return b
}

// patience is for a machine that is busy with other tests.
const patience = 20 * time.Second

// eventually waits for a condition without sleeping past it.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
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

func TestMain(m *testing.M) { redistest.Main(m) }

// abandon sends a call that will never be answered, until ctx ends.
func (p *plane) abandon(ctx context.Context, c call) {
	text, err := json.Marshal(c.body)
	if err != nil {
		p.t.Error(err)
		return
	}
	req, err := http.NewRequestWithContext(ctx, "POST", p.url+"/v1/chat/completions", bytes.NewReader(text))
	if err != nil {
		p.t.Error(err)
		return
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("authorization", "Bearer "+c.key)
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		p.t.Errorf("answered with %d", resp.StatusCode)
		resp.Body.Close()
	}
}

func abandoned(rule string) func(*extproc.Config) {
	return func(c *extproc.Config) { c.ChargeAbandoned = extproc.Abandoned(rule) }
}

// idleAt waits until so many requests are under way.
func (p *plane) idleAt(n int64) {
	p.t.Helper()
	eventually(p.t, "the others are over", func() bool { return p.underway() == n })
}

func containsAny(text string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}
