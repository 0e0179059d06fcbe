package envoy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

// apis are one path of each error format, and what a reply of Envoy's looks like there.
var apis = []struct {
	path  string
	reply func(status int, openAIType, anthropicType, geminiStatus, message string) string
}{
	{"/v1/chat/completions", openAIReply},
	{"/v1/messages", anthropicReply},
	{"/v1/messages?beta=true", anthropicReply},
	{"/v1beta/models/gemini-2.5-pro:generateContent?key=sk-secret", geminiReply},
}

func openAIReply(status int, kind, _, _, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":null,"code":"%d"}}`, message, kind, status)
}

func anthropicReply(_ int, _, kind, _, message string) string {
	return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q}}`, kind, message)
}

func geminiReply(status int, _, _, kind, message string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q}}`, status, message, kind)
}

func wantReply(t *testing.T, res *http.Response, body string, status int, want string) {
	t.Helper()
	if res.StatusCode != status || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s, want %d application/json", res.StatusCode, res.Header.Get("Content-Type"), status)
	}
	var got, wanted any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("not JSON: %q", body)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestReplyForABodyOverTheLimit(t *testing.T) {
	l := startLab(t, func(c *envoy.Config) { c.BodyLimit = 64 << 10 })
	const message = "The request body is larger than the limit of 64 KiB (65536 bytes)."
	over := strings.Repeat("x", 64<<10+1)
	// ext_proc's buffer is counted while more is to come: what is read together with the end of the body is not.
	farOver := strings.Repeat("x", 64<<10+2<<20)
	for _, api := range apis {
		t.Run(api.path, func(t *testing.T) {
			res, body := call(t, "POST", l.URL+api.path, farOver)
			wantReply(t, res, body, 413, api.reply(413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT", message))
		})
	}
	t.Run("management", func(t *testing.T) {
		res, body := call(t, "POST", l.URL+"/key/generate", over)
		wantReply(t, res, body, 413, openAIReply(413, "invalid_request_error", "", "", message))
	})
	for _, path := range []string{"/v1/chat/completions", "/key/generate"} {
		t.Run("exactly the limit passes: "+path, func(t *testing.T) {
			if res, body := call(t, "POST", l.URL+path, over[1:]); res.StatusCode != 200 {
				t.Errorf("got %d %s", res.StatusCode, body)
			}
		})
	}
	if l.a.count() != 1 || l.admin.count() != 1 {
		t.Errorf("the servers behind were reached %d and %d times, want once each", l.a.count(), l.admin.count())
	}
}

func TestTheDefaultBodyLimitIs16MiB(t *testing.T) {
	l := startLab(t, nil)
	body := strings.Repeat("x", 16<<20)
	for path, b := range map[string]*backend{"/v1/chat/completions": l.a, "/key/generate": l.admin} {
		if res, _ := call(t, "POST", l.URL+path, body); res.StatusCode != 200 {
			t.Errorf("%s: 16 MiB: %d", path, res.StatusCode)
		}
		if _, got := b.last(); got != body {
			t.Errorf("%s: %d bytes arrived", path, len(got))
		}
		more := "x"
		if b == l.a {
			more = strings.Repeat("x", 64<<10+1) // what a request may grow by is left to the ext_proc server to judge
		}
		if res, _ := call(t, "POST", l.URL+path, body+more); res.StatusCode != 413 {
			t.Errorf("%s: 16 MiB and %d bytes: %d", path, len(more), res.StatusCode)
		}
	}
}

func TestReplyWhenNobodyGoverns(t *testing.T) {
	const message = "The governance service is unavailable."
	check := func(t *testing.T, e *envoytest.Envoy) {
		for _, api := range apis {
			t.Run(api.path, func(t *testing.T) {
				res, body := call(t, "POST", e.URL+api.path, "{}")
				wantReply(t, res, body, 503, api.reply(503, "service_unavailable_error", "api_error", "UNAVAILABLE", message))
			})
		}
	}
	t.Run("down", func(t *testing.T) {
		provider := startBackend(t, nil)
		e := envoytest.Start(t, envoy.Config{Deployments: []envoy.Deployment{provider.deployment(t, "a")}})
		check(t, e)
		if provider.count() != 0 {
			t.Error("the provider was reached")
		}
	})
	t.Run("hangs", func(t *testing.T) {
		l := startLab(t, func(c *envoy.Config) { c.MessageTimeout = 50 * time.Millisecond })
		l.proc.Hang = make(chan struct{})
		defer close(l.proc.Hang)
		check(t, l.Envoy)
		if l.a.count() != 0 {
			t.Error("the provider was reached")
		}
	})
}

func TestExtProcThatIsGoingGetsNoMoreRequests(t *testing.T) {
	var other, third *processor
	l := startLab(t, func(c *envoy.Config) {
		other, third = startProcessor(t, &processor{Cluster: "a"}, ""), startProcessor(t, &processor{Cluster: "a"}, "")
		c.ExtProc = append(c.ExtProc, other.addr, third.addr)
	})
	send := func() {
		t.Helper()
		for range 20 {
			if res, body := call(t, "POST", l.URL+"/v1/chat/completions", "{}"); res.StatusCode != 200 {
				t.Fatalf("got %d %s", res.StatusCode, body)
			}
		}
	}
	l.proc.health.Shutdown()
	other.health.Shutdown()
	l.WaitStat(t, "cluster.purser-extproc.membership_healthy", 1)
	send()
	if l.proc.requests() != 0 || other.requests() != 0 || third.requests() != 20 {
		t.Errorf("requests %d and %d at those that are going, %d at the other", l.proc.requests(), other.requests(), third.requests())
	}
	third.health.Shutdown()
	l.WaitStat(t, "cluster.purser-extproc.membership_healthy", 0)
	send() // with nobody else left they still serve
}

func TestExtProcThatComesBackIsUsedSoon(t *testing.T) {
	addr, release := envoytest.ReserveAddress(t)
	provider := startBackend(t, nil)
	e := envoytest.Start(t, envoy.Config{ExtProc: []string{addr}, Deployments: []envoy.Deployment{provider.deployment(t, "a")}})
	if res, _ := call(t, "POST", e.URL+"/v1/chat/completions", "{}"); res.StatusCode != 503 {
		t.Fatalf("got %d while it was down", res.StatusCode)
	}
	start := time.Now()
	release()
	startProcessor(t, &processor{Cluster: "a"}, addr)
	e.WaitStat(t, "cluster.purser-extproc.membership_healthy", 1)
	if res, body := call(t, "POST", e.URL+"/v1/chat/completions", "{}"); res.StatusCode != 200 {
		t.Errorf("got %d %s after it came up", res.StatusCode, body)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestFailOpenServesWithoutTheCallersKey(t *testing.T) {
	provider := startBackend(t, nil)
	d := provider.deployment(t, "a")
	d.Credential, d.CredentialHeader = "prov-key", "api-key"
	e := envoytest.Start(t, envoy.Config{FailOpen: true, FailOpenDeployment: "a", Deployments: []envoy.Deployment{d}})
	res, body := call(t, "POST", e.URL+"/v1/chat/completions", "{}", "Authorization", "Bearer sk-client", "X-Api-Key", "sk-client")
	if res.StatusCode != 200 {
		t.Fatalf("got %d %s", res.StatusCode, body)
	}
	r, _ := provider.last()
	if r.Header.Get("Authorization") != "" || r.Header.Get("X-Api-Key") != "" || r.Header.Get("Api-Key") != "prov-key" {
		t.Errorf("the provider got %v", r.Header)
	}
}

func TestRepliesAboutTheUpstream(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	slow := startBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	drop := startBackend(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	l := startLab(t, func(c *envoy.Config) {
		closed, err := envoy.ParseEndpoint("http://" + envoytest.ClosedAddress(t))
		if err != nil {
			t.Fatal(err)
		}
		nobody := c.Deployments[0]
		nobody.Name, nobody.Endpoint, nobody.Hostname = "nobody", envoy.Endpoint{Scheme: "http", Host: "no-such-host.invalid"}, ""
		c.Deployments = append(c.Deployments,
			envoy.Deployment{Name: "closed", Endpoint: closed}, nobody, slow.deployment(t, "slow"), drop.deployment(t, "drop"))
		c.StreamIdleTimeout = time.Second
	})
	for _, c := range []struct {
		cluster                   string
		status                    int
		openAI, anthropic, gemini string
		message                   string
		attempts                  int // at the provider
	}{
		{"", 503, "service_unavailable_error", "api_error", "UNAVAILABLE", "No deployment is available for this request.", 0},
		{"unknown", 503, "service_unavailable_error", "api_error", "UNAVAILABLE", "No deployment is available for this request.", 0},
		{"nobody", 503, "service_unavailable_error", "api_error", "UNAVAILABLE", "No healthy upstream is available for this request.", 0},
		{"closed", 503, "service_unavailable_error", "api_error", "UNAVAILABLE", "The upstream could not be reached or closed the connection before it answered.", 0},
		// The provider has seen it: never a second attempt.
		{"drop", 503, "service_unavailable_error", "api_error", "UNAVAILABLE", "The upstream could not be reached or closed the connection before it answered.", 1},
		{"slow", 504, "timeout_error", "timeout_error", "DEADLINE_EXCEEDED", "The request or its answer did not go on in time.", 1},
	} {
		for _, api := range apis {
			t.Run(c.cluster+api.path, func(t *testing.T) {
				slow.last()
				drop.last()
				l.proc.mu.Lock()
				l.proc.Cluster = c.cluster
				l.proc.mu.Unlock()
				res, body := call(t, "POST", l.URL+api.path, "{}")
				wantReply(t, res, body, c.status, api.reply(c.status, c.openAI, c.anthropic, c.gemini, c.message))
				if n := slow.count() + drop.count(); n != c.attempts {
					t.Errorf("the provider was reached %d times, want %d", n, c.attempts)
				}
			})
		}
	}
}

func TestAdminsvcDown(t *testing.T) {
	e := envoytest.Start(t, envoy.Config{})
	res, body := call(t, "GET", e.URL+"/key/info", "")
	wantReply(t, res, body, 503, openAIReply(503, "service_unavailable_error", "", "",
		"The upstream could not be reached or closed the connection before it answered."))
}

// What ext_proc answers, and what a provider answers, reaches the client as it is, whatever its status.
func TestRepliesOfOthersAreNotTouched(t *testing.T) {
	l := startLab(t, func(c *envoy.Config) {
		p := startBackend(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/x-provider")
			w.WriteHeader(503)
			fmt.Fprint(w, "provider says no")
		})
		c.Deployments = append(c.Deployments, p.deployment(t, "p"))
	})
	for _, at := range []string{"headers", "body", "response"} {
		for _, cluster := range []string{"a", "p", "unknown"} {
			for _, details := range []string{"", "purser_budget_exceeded"} {
				for _, status := range []typev3.StatusCode{401, 413, 422, 429, 500, 503, 504} {
					name := fmt.Sprintf("ext_proc at %s, cluster %s, details %q, status %d", at, cluster, details, status)
					t.Run(name, func(t *testing.T) {
						l.proc.mu.Lock()
						l.proc.Cluster, l.proc.DenyAt, l.proc.Deny = cluster, at, denial(status, "no 100%!", details)
						l.proc.mu.Unlock()
						for _, api := range apis {
							res, body := call(t, "POST", l.URL+api.path, "{}")
							if res.StatusCode != int(status) || body != "no 100%!" || res.Header.Get("Content-Type") != "text/x-denied" {
								t.Errorf("%s: got %d %s %q", api.path, res.StatusCode, res.Header.Get("Content-Type"), body)
							}
						}
					})
				}
			}
		}
	}
	t.Run("provider", func(t *testing.T) {
		l.proc.mu.Lock()
		l.proc.Cluster, l.proc.DenyAt, l.proc.Deny = "p", "", (*extprocv3.ImmediateResponse)(nil)
		l.proc.mu.Unlock()
		res, body := call(t, "POST", l.URL+"/v1/chat/completions", "{}")
		if res.StatusCode != 503 || body != "provider says no" || res.Header.Get("Content-Type") != "text/x-provider" {
			t.Errorf("got %d %s %q", res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	})
}

func TestRequestThatIsNotSentInTime(t *testing.T) {
	l := startLab(t, func(c *envoy.Config) { c.RequestTimeout = 100 * time.Millisecond })
	status, body := raw(t, l.Address, "POST /v1/messages HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n{")
	if want := anthropicReply(0, "", "timeout_error", "", "The request was not sent in time."); status != 408 || body != want {
		t.Errorf("got %d %s, want 408 %s", status, body, want)
	}
}

// The clock for sending must not run while the provider thinks.
func TestRequestTimeoutDoesNotBoundTheAnswer(t *testing.T) {
	l := startLab(t, func(c *envoy.Config) {
		c.RequestTimeout = 200 * time.Millisecond
		p := startBackend(t, func(w http.ResponseWriter, r *http.Request) {
			timer := time.NewTimer(time.Second)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
			fmt.Fprint(w, "late")
		})
		c.Deployments = append(c.Deployments, p.deployment(t, "thinks"))
	})
	l.proc.Cluster = "thinks"
	if res, body := call(t, "POST", l.URL+"/v1/chat/completions", "{}"); res.StatusCode != 200 || body != "late" {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
}
