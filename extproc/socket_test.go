package extproc_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
)

// talker is a provider of realtime: it sends back whatever comes, and keeps the heads of
// the requests.
type talker struct {
	mu    sync.Mutex
	heads []*http.Request
}

func (s *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.heads = append(s.heads, r.Clone(r.Context()))
	s.mu.Unlock()
	if r.Header.Get("upgrade") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
	rw.Flush()
	_, _ = io.Copy(conn, rw)
}

func (s *talker) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heads[len(s.heads)-1]
}

// realtime is a plane with a model behind a talker.
func realtime(t *testing.T, tune func(*extproc.Config), entities ...policy.Entity) (*plane, *talker) {
	t.Helper()
	provider := &talker{}
	upstream := httptest.NewServer(provider)
	t.Cleanup(upstream.Close)
	at, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(at.Port())
	return rig{tune: tune, entities: entities, models: []*policy.Deployment{{
		ID: "talk", Model: "talk", Target: "gpt-realtime", Provider: "openai", Format: policy.FormatOpenAI, PathPrefix: "/v1", Port: port,
		CredentialHeader: "authorization", CredentialPrefix: "Bearer ", Price: policy.TokenPrice(1, 1), Mode: "realtime", Timeout: 300 * time.Millisecond,
	}}}.start(t), provider
}

// socket is an upgraded connection; or the refusal that came instead.
type socket struct {
	net.Conn
	r   *bufio.Reader
	res *http.Response
}

func (p *plane) upgrade(key string) *socket {
	p.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/realtime?model=talk HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n"+
		"authorization: Bearer %s\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", key)
	s := &socket{Conn: conn, r: bufio.NewReader(conn)}
	if s.res, err = http.ReadResponse(s.r, nil); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// say sends data and waits for its echo.
func (s *socket) say(t *testing.T, text string) {
	t.Helper()
	fmt.Fprint(s, text)
	got := make([]byte, len(text))
	if _, err := io.ReadFull(s.r, got); err != nil || string(got) != text {
		t.Fatalf("sent %q, got %q, %v", text, got, err)
	}
}

// A socket takes a request and a parallel slot, the slot for as long as it is open.
func TestARealtimeSocketHoldsItsSlotWhileItIsOpen(t *testing.T) {
	p, provider := realtime(t, func(c *extproc.Config) { c.ReservationTTL = 600 * time.Millisecond },
		key("sk-talker", func(k *policy.Key) { k.Limits.MaxParallel, k.Limits.RPM = ptr[int64](1), ptr[int64](2) }))
	first := p.upgrade("sk-talker")
	if first.res.StatusCode != 101 {
		t.Fatalf("status %d", first.res.StatusCode)
	}
	if got := provider.last(); got.Header.Get("authorization") != "Bearer "+providerKey || got.URL.RequestURI() != "/v1/realtime?model=gpt-realtime" {
		t.Errorf("the provider saw %s %v", got.URL.RequestURI(), got.Header)
	}
	// Well beyond a call's timeout and a reservation that nobody renews.
	for i := range 20 {
		first.say(t, strings.Repeat("frame ", 1000)+strconv.Itoa(i))
		<-time.After(50 * time.Millisecond)
		if _, err := p.reaper.Reap(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.journal.Entries()); n != 0 {
		t.Fatalf("%d entries while the socket is open: %+v", n, p.journal.Entries()[0])
	}
	second := p.upgrade("sk-talker")
	if kind := second.res.Header.Get("rate_limit_type"); second.res.StatusCode != 429 || kind != "max_parallel_requests" {
		t.Fatalf("beside an open one: %d, %q", second.res.StatusCode, kind)
	}
	first.say(t, "still there")
	first.Close()
	p.idle()
	entries := p.journal.Entries()
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	e := entries[0]
	if e.Usage != (policy.Usage{Source: policy.UsageUnmetered}) || e.Cost.Total != 0 || e.CallType != "_arealtime" || e.Status != policy.StatusSuccess ||
		e.HTTPStatus != 101 || e.ModelGroup != "talk" || e.EndedAt.Sub(e.StartedAt) < time.Second {
		t.Errorf("entry %+v", e)
	}
	third := p.upgrade("sk-talker")
	if third.res.StatusCode != 101 {
		t.Fatalf("after the first had ended: %d", third.res.StatusCode)
	}
	third.say(t, "again")
	third.Close()
	p.idle()
	if fourth := p.upgrade("sk-talker"); fourth.res.StatusCode != 429 || fourth.res.Header.Get("rate_limit_type") != "requests" {
		t.Errorf("a third within the minute: %d", fourth.res.StatusCode)
	}
}

func TestWhoMayNotOpenASocket(t *testing.T) {
	p, provider := realtime(t, nil, key("sk-other", func(k *policy.Key) { k.Models = []string{"gpt-4"} }), key("sk-poor", func(k *policy.Key) {
		k.Limits.MaxBudget = ptr[policy.Money](0)
	}))
	for key, want := range map[string]int{"sk-unknown": 401, "sk-other": 403, "sk-poor": 422} {
		if got := p.upgrade(key).res.StatusCode; got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
	if len(provider.heads) != 0 {
		t.Error("the provider was reached")
	}
}

// Files and batches pass without a count; requests and parallel hold all the same.
func TestFilesAndBatchesAreLimitedAndUnmetered(t *testing.T) {
	p, provider := realtime(t, nil, key("sk-files", func(k *policy.Key) { k.Limits.RPM, k.Limits.TPM = ptr[int64](4), ptr[int64](1) }))
	for _, c := range []struct{ method, path, callType string }{
		{"POST", "/v1/files?model=talk", "acreate_file"}, {"GET", "/v1/files/file-1/content?model=talk", "afile_content"},
		{"POST", "/v1/batches?model=talk", "acreate_batch"}, {"GET", "/v1/batches/batch_1?model=talk", "aretrieve_batch"},
	} {
		r := p.send(call{method: c.method, path: c.path, key: "sk-files", body: `{"input_file_id":"file-1"}`})
		if r.StatusCode != 400 || r.Header.Get("x-litellm-model-id") != "talk" { // the talker's answer to what is no upgrade
			t.Errorf("%s %s: %d %s", c.method, c.path, r.StatusCode, r.body)
		}
		if got := provider.last(); got.Header.Get("authorization") != "Bearer "+providerKey {
			t.Errorf("the provider saw %v", got.Header)
		}
		p.idle()
		e := p.journal.Entries()[len(p.journal.Entries())-1]
		if e.CallType != c.callType || e.Usage.Source != policy.UsageUnmetered {
			t.Errorf("%s: entry %+v", c.path, e)
		}
	}
	if r := p.send(call{method: "GET", path: "/v1/files?model=talk", key: "sk-files"}); r.StatusCode != 429 {
		t.Errorf("a fifth request: %d", r.StatusCode)
	}
}
