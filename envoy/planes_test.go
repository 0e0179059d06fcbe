package envoy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

// lab is an Envoy with an ext_proc server, two providers and a management plane.
type lab struct {
	*envoytest.Envoy
	proc  *processor
	admin *backend
	a, b  *backend
}

func startLab(t *testing.T, change func(*envoy.Config)) *lab {
	t.Helper()
	echo := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", "secret-software")
			fmt.Fprint(w, name)
		}
	}
	l := &lab{
		proc:  startProcessor(t, &processor{Cluster: "a"}, ""),
		admin: startBackend(t, echo("admin")),
		a:     startBackend(t, echo("a")),
		b:     startBackend(t, echo("b")),
	}
	cfg := envoy.Config{
		ExtProc:     []string{l.proc.addr},
		AdminSvc:    []string{l.admin.address()},
		Deployments: []envoy.Deployment{l.a.deployment(t, "a"), l.b.deployment(t, "b")},
	}
	if change != nil {
		change(&cfg)
	}
	l.Envoy = envoytest.Start(t, cfg)
	return l
}

func TestInferenceGoesThroughExtProcToTheNamedDeployment(t *testing.T) {
	l := startLab(t, nil)
	l.proc.Path = "/openai/deployments/x/chat/completions?api-version=2026-01-01"
	for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(proto, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{Protocols: new(http.Protocols)}}
			client.Transport.(*http.Transport).Protocols.SetHTTP1(proto == "HTTP/1.1")
			client.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(proto == "HTTP/2")
			req, _ := http.NewRequest("POST", l.URL+"/v1/chat/completions", strings.NewReader(`{"model":"m"}`))
			for k, v := range map[string]string{
				"Authorization": "Bearer sk-client", "X-Purser-Tags": "t", "X-Litellm-Tags": "u", "Cookie": "session=1",
				"X-Forwarded-For": "9.9.9.9", "X-Envoy-Decorator-Operation": "o", "X-Envoy-Original-Path": "/x", "X_Under_Score": "kept",
			} {
				req.Header.Set(k, v)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || string(body) != "a" || res.Header.Get("Server") != "purser" {
				t.Fatalf("got %d %q, server %q", res.StatusCode, body, res.Header.Get("Server"))
			}
			r, sent := l.a.last()
			if r == nil || sent != `{"model":"m"}` || r.URL.RequestURI() != l.proc.Path {
				t.Fatalf("the provider got %v %q", r, sent)
			}
			if want := "api.a.example:" + port(l.a.address()); r.Host != want {
				t.Errorf("host %q, want %q", r.Host, want)
			}
			for h, v := range r.Header {
				for _, gone := range []string{"X-Purser-", "X-Litellm-", "X-Envoy-", "X-Forwarded-", "Cookie"} {
					if strings.HasPrefix(h, gone) {
						t.Errorf("the provider got %s: %s", h, v)
					}
				}
			}
			if r.Header.Get("X_Under_Score") != "kept" {
				t.Error("a header with an underscore was lost")
			}
		})
	}
	seen := l.proc.seen[0]
	if seen["authorization"] != "Bearer sk-client" || seen["x-purser-tags"] != "t" || seen["x-litellm-tags"] != "u" || seen[":path"] != "/v1/chat/completions" {
		t.Errorf("ext_proc saw %v", seen)
	}
	if seen["cookie"] != "" {
		t.Error("ext_proc saw a cookie")
	}
	attrs := l.proc.attrs[0]
	if attrs["upstream.address"] != l.a.address() || attrs["xds.cluster_name"] != "a" || !strings.Contains(attrs["xds.upstream_host_metadata"], "deployment") ||
		!strings.Contains(attrs["upstream.request_attempt_count"], "1") || attrs["response.code_details"] != "via_upstream" {
		t.Errorf("ext_proc got the attributes %v", attrs)
	}
}

func TestManagementGoesUnharmedToAdminsvc(t *testing.T) {
	l := startLab(t, nil)
	big := strings.Repeat("x", 3<<20) // over the connection's buffer
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/key/info?key=sk-abc%2Bd&x=%20", ""},
		{"POST", "/key/generate", `{"max_budget":1}`},
		{"POST", "/key/sk-abc/regenerate", "{}"},
		{"GET", "/v1/models", ""},
		{"GET", "/models", ""},
		{"GET", "/v1/models/org%2Fmodel", ""},
		{"GET", "/v1/models/ft:gpt-4o:acme:latest", ""},
		{"POST", "/model/new", big},
		{"DELETE", "/project/delete", `{"ids":["a"]}`},
		{"GET", "/ui/", ""},
		{"GET", "/", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			res, body := call(t, c.method, l.URL+c.path, c.body, "Authorization", "Bearer sk-master", "Cookie", "session=1",
				"X-Purser-Cluster", "a", "X-Purser-User", "root", "X-Purser-Cluster", "b", envoy.ClientAddressHeader, "203.0.113.9")
			if res.StatusCode != 200 || body != "admin" {
				t.Fatalf("got %d %q", res.StatusCode, body)
			}
			r, sent := l.admin.last()
			if r.RequestURI != c.path || r.Method != c.method || sent != c.body {
				t.Errorf("adminsvc got %s %s with %d bytes, want %d", r.Method, r.RequestURI, len(sent), len(c.body))
			}
			if r.Header.Get("Authorization") != "Bearer sk-master" || r.Header.Get("Cookie") != "session=1" || r.Header.Get("X-Forwarded-For") == "" {
				t.Errorf("adminsvc got the headers %v", r.Header)
			}
			if "http://"+r.Host != l.URL {
				t.Errorf("host %q", r.Host)
			}
			if told := r.Header.Values(envoy.ClientAddressHeader); len(told) != 1 || told[0] != "127.0.0.1" {
				t.Errorf("adminsvc is told that the caller is %q", told)
			}
			r.Header.Del(envoy.ClientAddressHeader)
			for h := range r.Header {
				if strings.HasPrefix(strings.ToLower(h), envoy.HeaderPrefix) {
					t.Errorf("adminsvc got the client's %s", h)
				}
			}
		})
	}
	if n := l.proc.requests(); n != 0 {
		t.Errorf("ext_proc was asked %d times about management", n)
	}
}

// The routing header must not be a client's, whatever its path and however it is written.
func TestAClientCannotSteer(t *testing.T) {
	l := startLab(t, nil)
	for _, spoof := range [][]string{
		{"x-purser-cluster", "b"},
		{"X-PURSER-CLUSTER", "b"},
		{"x-purser-cluster", "b", "x-purser-cluster", "b"},
		{"x-purser-cluster", envoy.AdminSvcCluster},
		{"x-purser-cluster", ""},
		{"x_purser_cluster", "b"},
		{"connection", "x-purser-cluster, keep-alive", "x-purser-cluster", "b"},
	} {
		for _, path := range []string{"/v1/chat/completions", "/key/info", "/v1/models"} {
			t.Run(fmt.Sprint(spoof, path), func(t *testing.T) {
				for _, method := range []string{"GET", "POST"} {
					l.proc.Cluster = "" // ext_proc says nothing
					res, body := call(t, method, l.URL+path, "", spoof...)
					if inference := strings.Contains(path, "chat"); inference && res.StatusCode != 503 || !inference && body != "admin" {
						t.Errorf("%s, nobody chose: %d %q", method, res.StatusCode, body)
					}
					l.proc.Cluster = "a"
					if _, body := call(t, method, l.URL+path, "", spoof...); body == "b" {
						t.Errorf("%s: the client chose", method)
					}
				}
			})
		}
	}
	if l.b.count() != 0 {
		t.Errorf("provider b was reached %d times", l.b.count())
	}
}

// To Envoy a stream that ends cleanly means "carry on without me". Without a chosen deployment there is nowhere to go.
func TestExtProcThatQuitsLetsNothingThrough(t *testing.T) {
	l := startLab(t, nil)
	l.proc.Quit = true
	for _, hdr := range [][]string{nil, {"x-purser-cluster", "b"}} {
		if res, body := call(t, "POST", l.URL+"/v1/chat/completions", "{}", hdr...); res.StatusCode != 503 {
			t.Errorf("got %d %s", res.StatusCode, body)
		}
	}
	if l.a.count()+l.b.count() != 0 {
		t.Error("a provider was reached")
	}
}

// One adminsvc or provider address that is gone is not noticed: no connection means nothing was sent.
func TestAnAddressThatIsGoneIsNotNoticed(t *testing.T) {
	l := startLab(t, func(c *envoy.Config) {
		c.AdminSvc = append([]string{envoytest.ClosedAddress(t)}, c.AdminSvc...)
		c.ExtProc = append([]string{envoytest.ClosedAddress(t)}, c.ExtProc...)
	})
	for range 20 {
		for _, path := range []string{"/key/generate", "/v1/chat/completions"} {
			if res, body := call(t, "POST", l.URL+path, "{}"); res.StatusCode != 200 {
				t.Fatalf("%s: got %d %s", path, res.StatusCode, body)
			}
		}
	}
}

// A client must not tell Envoy to send a request twice, or to give up on it.
func TestAClientCannotSetRetriesOrTimeouts(t *testing.T) {
	var fail *backend
	l := startLab(t, func(c *envoy.Config) {
		fail = startBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		c.Deployments = append(c.Deployments, fail.deployment(t, "fail"))
	})
	l.proc.Cluster = "fail"
	res, _ := call(t, "POST", l.URL+"/v1/chat/completions", "{}", "x-envoy-retry-on", "5xx", "x-envoy-max-retries", "3",
		"x-envoy-upstream-rq-timeout-ms", "1", "x-envoy-retry-grpc-on", "internal")
	if res.StatusCode != 500 || fail.count() != 1 {
		t.Errorf("status %d after %d attempts", res.StatusCode, fail.count())
	}
}

// Whatever a path looks like, a provider is only reached after ext_proc has judged the request.
func TestNoPathLeadsAroundExtProc(t *testing.T) {
	l := startLab(t, nil)
	for _, c := range []struct {
		path string
		want string // "a" provider, "admin", or a status
	}{
		{"/v1/chat/completions", "a"},
		{"/v1/chat/completions/", "a"},
		{"/v1/chat/completions?x=/key/info", "a"},
		{"//v1//chat///completions", "a"},
		{"/v1/./chat/../chat/completions", "a"},
		{"/key/../v1/chat/completions", "a"},
		{"/key/%2e%2e/v1/chat/completions", "a"},
		{"/v1/chat/completions/../../../key/info", "admin"},
		{"/v1/chat/completions/%2E%2E/%2e./key/info", "admin"},
		{"/v1/chat/completions/%2E%2E/completions", "a"},
		{"/v1%2Fchat%2Fcompletions", "admin"},
		{"/v1/chat%2fcompletions", "admin"},
		{"/v1/%63hat/completions", "a"}, // normalizing decodes what need not be encoded
		{"/V1/Chat/Completions", "admin"},
		{"/v1/chat/completions;x=1", "admin"},
		{"/v1/chat/completionsx", "admin"},
		{"/x/v1/chat/completions", "admin"},
		{`/v1\chat\completions`, "a"},
		{"/key/info?x=/v1/chat/completions", "admin"},
		{"/v1/models/gemini:generateContent", "a"},
		{"/v1/models/gemini%3AgenerateContent", "a"},
		{"/v1/chat/completions#/key", "400"},
		{"http://other.example/v1/chat/completions", "a"},
		{"*", "0"}, // the connection is closed,
	} {
		t.Run(c.path, func(t *testing.T) {
			before := l.proc.requests()
			status, body := raw(t, l.Address, "POST "+c.path+" HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\nconnection: close\r\nx-purser-cluster: b\r\n\r\n{}")
			got := body
			if status != 200 {
				got = fmt.Sprint(status)
			}
			if got != c.want {
				t.Errorf("got %d %q, want %s", status, body, c.want)
			}
			if judged := l.proc.requests() > before; judged != (c.want == "a") {
				t.Errorf("judged by ext_proc: %v", judged)
			}
		})
	}
	if l.b.count() != 0 {
		t.Errorf("provider b was reached %d times", l.b.count())
	}
}

func TestNoTunnels(t *testing.T) {
	l := startLab(t, nil)
	for _, target := range []string{l.a.address(), "h:80", "/v1/chat/completions"} {
		if status, body := raw(t, l.Address, "CONNECT "+target+" HTTP/1.1\r\nhost: "+target+"\r\nx-purser-cluster: a\r\n\r\n"); status != 403 && status != 0 {
			t.Errorf("%s: got %d %s", target, status, body)
		}
	}
	if l.a.count()+l.admin.count() != 0 {
		t.Error("a server was reached")
	}
}

// raw sends bytes and returns the status and the body; status 0 if the connection was closed instead.
func raw(t *testing.T, addr, request string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "" // closed without a reply
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}
