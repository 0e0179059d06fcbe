package envoy_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/purser/purser/envoy"
)

// processor is a small ext_proc server: it sends every request to one cluster, as Purser's own does, and remembers what it
// saw. Each field may be changed by a test before its requests.
type processor struct {
	Cluster string   // deployment to route to; "" sets no routing header
	Path    string   // the provider's path; "" leaves the client's
	Remove  []string // request headers to take away
	Deny    *extprocv3.ImmediateResponse
	DenyAt  string // "headers", "body" or "response"
	Hang    chan struct{}
	Quit    bool // end the stream cleanly without an answer

	mu          sync.Mutex
	seen        []map[string]string // headers of each request
	bodies      []string
	attrs       []map[string]string // response attributes
	replies     []map[string]string // headers of each reply
	traceparent string              // of the last stream's initial metadata

	addr   string
	health *health.Server
	extprocv3.UnimplementedExternalProcessorServer
}

// startProcessor serves p on addr, "" for any.
func startProcessor(t *testing.T, p *processor, addr string) *processor {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return serveProcessor(t, p, l)
}

func serveProcessor(t *testing.T, p *processor, l net.Listener, opts ...grpc.ServerOption) *processor {
	t.Helper()
	s := grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(32<<20))...)
	p.addr, p.health = l.Addr().String(), health.NewServer()
	healthv1.RegisterHealthServer(s, p.health)
	extprocv3.RegisterExternalProcessorServer(s, p)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return p
}

func (p *processor) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	p.mu.Lock()
	p.traceparent = strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "traceparent"), ",")
	p.mu.Unlock()
	for {
		req, err := stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		if p.Quit {
			return nil
		}
		if p.Hang != nil {
			select {
			case <-p.Hang:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
		if err := stream.Send(p.answer(req)); err != nil {
			return err
		}
	}
}

func (p *processor) answer(req *extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse {
	p.mu.Lock()
	defer p.mu.Unlock()
	deny := &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: p.Deny}}
	switch m := req.Request.(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		h := headers(m.RequestHeaders)
		p.seen = append(p.seen, h)
		if p.DenyAt == "headers" {
			return deny
		}
		out := &extprocv3.ProcessingResponse{}
		common := &extprocv3.CommonResponse{}
		if h["upgrade"] != "" || m.RequestHeaders.EndOfStream {
			common = p.route()
		}
		if h["upgrade"] != "" {
			out.ModeOverride = &filterv3.ProcessingMode{RequestBodyMode: filterv3.ProcessingMode_NONE}
		}
		out.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: common}}
		return out
	case *extprocv3.ProcessingRequest_RequestBody:
		p.bodies = append(p.bodies, string(m.RequestBody.Body))
		if p.DenyAt == "body" {
			return deny
		}
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
			RequestBody: &extprocv3.BodyResponse{Response: p.route()},
		}}
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		p.replies = append(p.replies, headers(m.ResponseHeaders))
		attrs := map[string]string{}
		for k, v := range req.Attributes["envoy.filters.http.ext_proc"].GetFields() {
			if attrs[k] = v.GetStringValue(); attrs[k] == "" {
				attrs[k] = v.String()
			}
		}
		p.attrs = append(p.attrs, attrs)
		if p.DenyAt == "response" {
			return deny
		}
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
			ResponseHeaders: &extprocv3.HeadersResponse{},
		}}
	}
	return &extprocv3.ProcessingResponse{}
}

func (p *processor) route() *extprocv3.CommonResponse {
	mutation := &extprocv3.HeaderMutation{RemoveHeaders: p.Remove}
	set := func(k, v string) {
		mutation.SetHeaders = append(mutation.SetHeaders, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: k, RawValue: []byte(v)},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	if p.Cluster != "" {
		set(envoy.RoutingHeader, p.Cluster)
	}
	if p.Path != "" {
		set(":path", p.Path)
	}
	return &extprocv3.CommonResponse{HeaderMutation: mutation, ClearRouteCache: true}
}

// requests is how many requests the processor has judged.
func (p *processor) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

func headers(h *extprocv3.HttpHeaders) map[string]string {
	out := map[string]string{}
	for _, v := range h.GetHeaders().GetHeaders() {
		out[v.Key] = string(v.RawValue)
	}
	return out
}

func denial(status typev3.StatusCode, body, details string) *extprocv3.ImmediateResponse {
	return &extprocv3.ImmediateResponse{
		Status:  &typev3.HttpStatus{Code: status},
		Body:    []byte(body),
		Details: details,
		Headers: &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{
			Header: &corev3.HeaderValue{Key: "content-type", RawValue: []byte("text/x-denied")},
		}}},
	}
}

// backend is an HTTP server that remembers its requests: a provider, or adminsvc.
type backend struct {
	*httptest.Server
	mu   sync.Mutex
	got  []*http.Request
	body []string
}

func startBackend(t *testing.T, answer http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(b.remember(answer))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) remember(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			body, _ := io.ReadAll(r.Body)
			b.mu.Lock()
			b.got, b.body = append(b.got, r), append(b.body, string(body))
			b.mu.Unlock()
		}
		if answer != nil {
			answer(w, r)
		}
	}
}

// last is the latest request and its body; nil if there was none since the call before.
func (b *backend) last() (*http.Request, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.got) == 0 {
		return nil, ""
	}
	r, body := b.got[len(b.got)-1], b.body[len(b.body)-1]
	b.got, b.body = nil, nil
	return r, body
}

func (b *backend) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

func (b *backend) address() string { return strings.TrimPrefix(b.URL, "http://") }

// deployment is the backend as a provider over plain HTTP.
func (b *backend) deployment(t *testing.T, name string) envoy.Deployment {
	t.Helper()
	e, err := envoy.ParseEndpoint(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	return envoy.Deployment{Name: name, Endpoint: e, Hostname: "api." + name + ".example"}
}

// call sends one request as it stands: Go's client would clean the path.
func call(t *testing.T, method, url, body string, hdr ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(hdr); i += 2 {
		req.Header.Add(hdr[i], hdr[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(got)
}

// emptyInline is a secret that exists and holds nothing.
var emptyInline = &corev3.DataSource_InlineString{}

// quiet is for servers whose clients break off on purpose.
var quiet = log.New(io.Discard, "", 0)
