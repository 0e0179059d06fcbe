package envoy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

const secret = "prov-secret-0123456789"

// Whatever header the provider wants its key in, it gets that one, and none of the caller's; also if ext_proc forgets to
// remove them.
func TestTheProviderGetsItsOwnCredentialOnly(t *testing.T) {
	for _, c := range []struct{ header, prefix string }{
		{"authorization", "Bearer "}, {"x-api-key", ""}, {"api-key", ""}, {"x-goog-api-key", ""},
	} {
		for _, remove := range [][]string{envoy.CredentialHeaders, nil} {
			t.Run(fmt.Sprintf("%s, ext_proc removes %d", c.header, len(remove)), func(t *testing.T) {
				l := startLab(t, func(cfg *envoy.Config) {
					cfg.Deployments[0].CredentialHeader, cfg.Deployments[0].CredentialPrefix = c.header, c.prefix
					cfg.Deployments[0].Credential = secret
				})
				l.proc.Remove = remove
				var sent []string
				for _, h := range envoy.CredentialHeaders {
					sent = append(sent, h, "sk-client")
				}
				if res, body := call(t, "POST", l.URL+"/v1/chat/completions", "{}", sent...); res.StatusCode != 200 {
					t.Fatalf("got %d %s", res.StatusCode, body)
				}
				r, _ := l.a.last()
				if got := r.Header.Get(c.header); got != c.prefix+secret {
					t.Errorf("the provider got %s: %q", c.header, got)
				}
				for h, v := range r.Header {
					if strings.Contains(fmt.Sprint(v), "sk-client") {
						t.Errorf("the provider got the caller's %s", h)
					}
				}
				if got := l.proc.seen[0][c.header]; got != "sk-client" {
					t.Errorf("ext_proc saw %q", got)
				}
				if line := l.WaitAccessLog(t, "/v1/chat/completions"); strings.Contains(line, secret) || strings.Contains(line, "sk-client") {
					t.Errorf("a credential in the access log: %s", line)
				}
				dump := l.Admin(t, "/config_dump?include_eds")
				if strings.Contains(dump, secret) || !strings.Contains(dump, "[redacted]") {
					t.Error("config_dump shows the credential")
				}
				for _, page := range []string{"/stats", "/clusters", "/server_info", "/listeners"} {
					if strings.Contains(l.Admin(t, page), secret) {
						t.Errorf("%s shows the credential", page)
					}
				}
			})
		}
	}
}

func TestWithoutACredentialExtProcDecides(t *testing.T) {
	l := startLab(t, nil)
	l.proc.Remove = []string{"authorization"}
	call(t, "POST", l.URL+"/v1/chat/completions", "{}", "authorization", "Bearer sk-client", "x-api-key", "own-key")
	r, _ := l.a.last()
	if r.Header.Get("Authorization") != "" || r.Header.Get("X-Api-Key") != "own-key" {
		t.Errorf("the provider got %v", r.Header)
	}
}

// Envoy answers 401 when it has no secret, which would send the caller looking for its own mistake.
func TestAMissingSecretIsNotTheCallersFault(t *testing.T) {
	provider := startBackend(t, nil)
	proc := startProcessor(t, &processor{Cluster: "a"}, "")
	d := provider.deployment(t, "a")
	d.Credential = secret
	boot, err := envoy.Bootstrap(envoy.Config{
		ExtProc: []string{proc.addr}, AdminSvc: []string{envoytest.ClosedAddress(t)}, Deployments: []envoy.Deployment{d}, AccessLogPath: "off",
	})
	if err != nil {
		t.Fatal(err)
	}
	boot.StaticResources.Secrets[0].GetGenericSecret().GetSecret().Specifier = emptyInline
	e := envoytest.StartBootstrap(t, boot)
	res, body := call(t, "POST", e.URL+"/v1/messages", "{}", "x-api-key", "sk-client")
	wantReply(t, res, body, 502, anthropicReply(0, "", "api_error", "", "The gateway has no credential for the provider."))
	if provider.count() != 0 {
		t.Error("the provider was reached")
	}
	if got := proc.replies[0][":status"]; got != "502" {
		t.Errorf("ext_proc saw the status %s", got)
	}
}

func TestTheProvidersCertificateIsChecked(t *testing.T) {
	ca, issue := authority(t)
	provider := &backend{}
	for _, c := range []struct {
		behaviour string
		dns       []string
		ips       []net.IP
		hostname  string
		protocol  envoy.Protocol
		bundle    string
		status    int
	}{
		{"its name", []string{"api.example.com"}, nil, "api.example.com", envoy.HTTP1, ca, 200},
		{"a wildcard", []string{"*.example.com"}, nil, "api.example.com", envoy.HTTP1, ca, 200},
		{"its address", nil, []net.IP{net.IPv4(127, 0, 0, 1)}, "", envoy.HTTP1, ca, 200},
		{"HTTP/2", []string{"api.example.com"}, nil, "api.example.com", envoy.HTTP2, ca, 200},
		{"its choice of HTTP version", []string{"api.example.com"}, nil, "api.example.com", envoy.ALPN, ca, 200},
		{"another name", []string{"evil.example.com"}, nil, "api.example.com", envoy.HTTP1, ca, 503},
		{"a wildcard of another level", []string{"*.com"}, nil, "api.example.com", envoy.HTTP1, ca, 503},
		{"another authority", []string{"api.example.com"}, nil, "api.example.com", envoy.HTTP1, "", 503},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			var proto, sni string
			s := httptest.NewUnstartedServer(provider.remember(func(_ http.ResponseWriter, r *http.Request) { proto, sni = r.Proto, r.TLS.ServerName }))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{issue(c.dns, c.ips)}}
			s.EnableHTTP2 = c.protocol != envoy.HTTP1
			s.Config.ErrorLog = quiet
			s.StartTLS()
			t.Cleanup(s.Close)
			endpoint, err := envoy.ParseEndpoint(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			proc := startProcessor(t, &processor{Cluster: "a"}, "")
			e := envoytest.Start(t, envoy.Config{ExtProc: []string{proc.addr}, Deployments: []envoy.Deployment{{
				Name: "a", Endpoint: endpoint, Hostname: c.hostname, Protocol: c.protocol, CABundle: c.bundle, Credential: secret,
			}}})
			res, body := call(t, "POST", e.URL+"/v1/chat/completions", "{}")
			if res.StatusCode != c.status {
				t.Fatalf("got %d %s", res.StatusCode, body)
			}
			r, _ := provider.last()
			if (r != nil) != (c.status == 200) {
				t.Fatalf("the provider got %v", r)
			}
			if r == nil {
				return
			}
			host := c.hostname
			if host == "" {
				host = "127.0.0.1"
			}
			if r.Host != fmt.Sprintf("%s:%d", host, endpoint.Port) || sni != c.hostname {
				t.Errorf("host %q, SNI %q", r.Host, sni)
			}
			if h2 := proto == "HTTP/2.0"; h2 != (c.protocol != envoy.HTTP1) {
				t.Errorf("spoke %s", proto)
			}
		})
	}
}

// authority writes a CA bundle and returns its path, and a function that issues certificates.
func authority(t *testing.T) (bundle string, issue func([]string, []net.IP) tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	bundle = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return bundle, func(dns []string, ips []net.IP) tls.Certificate {
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), DNSNames: dns, IPAddresses: ips, KeyUsage: x509.KeyUsageDigitalSignature,
			NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, own.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own}
	}
}
