package extproc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy"
)

// issuer signs tokens, and serves the keys to verify them by.
type issuer struct {
	key  *rsa.PrivateKey
	jwks *httptest.Server
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	i.jwks = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	}))
	t.Cleanup(i.jwks.Close)
	return i
}

func (i *issuer) sign(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]any{"alg": "RS256", "kid": "k1"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestATokenThatEnvoyVerifiedNamesItsCaller(t *testing.T) {
	idp := newIssuer(t)
	const iss = "https://idp.example"
	ids, err := policy.NewIdentities(policy.IdentityConfig{JWT: []policy.JWTIdentity{{Issuer: iss, Rules: []policy.IdentityRule{
		{Match: map[string]string{"groups": "llm-{team}"}, User: "{sub}", Team: "{team}"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	p := rig{
		settings: policy.Settings{Identities: ids},
		entities: []policy.Entity{
			&policy.Team{ID: "travel", Rules: policy.Rules{Limits: policy.Limits{RPM: ptr[int64](2)}}},
			key("sk-still-works", nil),
		},
		envoy: func(c *envoy.Config) {
			c.JWT = []envoy.JWTProvider{{Issuer: iss, Audiences: []string{"purser"}, JWKSURI: idp.jwks.URL + "/keys"}}
		},
	}.start(t)
	claims := func(change map[string]any) map[string]any {
		out := map[string]any{"iss": iss, "sub": "ann", "aud": "purser", "exp": time.Now().Add(time.Hour).Unix(), "groups": []string{"x", "llm-travel"}}
		for k, v := range change {
			out[k] = v
		}
		return out
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := idp.sign(t, idp.key, claims(nil))
	for _, tc := range []struct {
		behaviour, token string
		status           int
	}{
		{"forged", idp.sign(t, stranger, claims(nil)), 401},
		{"expired", idp.sign(t, idp.key, claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})), 401},
		{"for somebody else", idp.sign(t, idp.key, claims(map[string]any{"aud": "other"})), 401},
		{"of another issuer", idp.sign(t, idp.key, claims(map[string]any{"iss": "https://else"})), 401},
		{"no rule for it", idp.sign(t, idp.key, claims(map[string]any{"groups": "x"})), 401},
		{"of a team that nobody made", idp.sign(t, idp.key, claims(map[string]any{"groups": "llm-else"})), 401},
		{"a virtual key", "sk-still-works", 200},
		{"a virtual key that nobody made", "sk-nobody", 401},
		{"verified", good, 200},
		{"verified, again", good, 200},
		{"over the team's limit", good, 429},
	} {
		got := p.send(call{key: tc.token, body: chat("gpt-4", 5)})
		if got.StatusCode != tc.status {
			t.Errorf("%s: status %d, want %d: %s", tc.behaviour, got.StatusCode, tc.status, got.body)
		}
		if strings.Contains(string(got.body), tc.token) {
			t.Errorf("%s: the reply quotes the token", tc.behaviour)
		}
	}
	p.idle()
	entries := p.journal.Entries()
	if n := len(entries); n != 3 {
		t.Fatalf("%d rows, want 3", n)
	}
	e := entries[len(entries)-1]
	if e.TeamID != "travel" || e.UserID != "ann" || e.KeyAlias != "jwt:ann" || e.Cost.Total == 0 {
		t.Errorf("the row is %+v", e)
	}
	for _, r := range p.provider.Requests(0) {
		for _, value := range r.Headers {
			if strings.Contains(strings.Join(value, " "), good) {
				t.Error("the token reached the provider")
			}
		}
	}
}

// authority makes certificates with SPIFFE ids.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.make("ca", nil)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// make writes name.crt and name.key.
func (a *authority) make(name string, change func(*x509.Certificate)) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: a.cert == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", private)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// client speaks with a SPIFFE id; "" with no certificate.
func (a *authority) client(id string) *http.Client {
	a.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	if id != "" {
		uri, err := url.Parse(id)
		if err != nil {
			a.t.Fatal(err)
		}
		name := strings.ReplaceAll(strings.TrimPrefix(id, "spiffe://"), "/", "-")
		a.make(name, func(c *x509.Certificate) { c.URIs = []*url.URL{uri} })
		pair, err := tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: patience}
}

func TestACertificateNamesItsCallerThroughEnvoy(t *testing.T) {
	ca := newAuthority(t)
	ca.make("server", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP("127.0.0.1")} })
	ids, err := policy.NewIdentities(policy.IdentityConfig{SPIFFE: policy.SPIFFEIdentity{
		TrustedHops: []string{"spiffe://cluster.local/ns/istio-system/sa/*"},
		Rules:       []policy.IdentityRule{{Match: map[string]string{"id": "spiffe://cluster.local/ns/{namespace}/sa/{account}"}, Team: "{namespace}", User: "{account}"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := rig{
		settings: policy.Settings{Identities: ids},
		entities: []policy.Entity{&policy.Team{ID: "web"}, &policy.Team{ID: "batch"}, &policy.Team{ID: "istio-system"}, key("sk-still-works", nil)},
		envoy: func(c *envoy.Config) {
			c.ListenTLS = &envoy.ListenTLS{CertFile: ca.file("server.crt"), KeyFile: ca.file("server.key"), ClientCA: ca.file("ca.crt")}
			c.ForwardClientCert = true
		},
	}.start(t)
	shop, gateway := ca.client("spiffe://cluster.local/ns/web/sa/shop"), ca.client("spiffe://cluster.local/ns/istio-system/sa/gateway")
	const nightly = "URI=spiffe://cluster.local/ns/batch/sa/nightly"
	for _, tc := range []struct {
		behaviour string
		client    *http.Client
		xfcc, key string
		status    int
		team      string
	}{
		{"by its own certificate", shop, "", "", 200, "web"},
		{"with a placeholder for a key, as SDKs need one", shop, "", "unused", 200, "web"},
		{"a workload's word for another is not believed", shop, nightly, "", 200, "web"},
		{"a gateway's word is", gateway, nightly, "", 200, "batch"},
		{"a gateway is no caller itself", gateway, "", "", 401, ""},
		{"without a certificate nothing is believed", ca.client(""), nightly, "", 401, ""},
		{"of a namespace without a team", ca.client("spiffe://cluster.local/ns/else/sa/x"), "", "", 401, ""},
		{"a key goes first", shop, "", "sk-still-works", 200, ""},
		{"a wrong key is no certificate", shop, "", "sk-nobody", 401, ""},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			before := len(p.journal.Entries())
			req, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+p.envoy.Address+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4","messages":[{"role":"user","content":"hi"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("content-type", "application/json")
			if tc.xfcc != "" {
				req.Header.Set("x-forwarded-client-cert", tc.xfcc)
			}
			if tc.key != "" {
				req.Header.Set("authorization", "Bearer "+tc.key)
			}
			resp, err := tc.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != tc.status {
				t.Fatalf("status %d, want %d: %s", resp.StatusCode, tc.status, body)
			}
			if tc.status != 200 {
				return
			}
			p.idle()
			entries := p.journal.Entries()
			if len(entries) != before+1 || entries[before].TeamID != tc.team {
				t.Errorf("%d rows more, the last %+v", len(entries)-before, entries[len(entries)-1])
			}
		})
	}
	for _, r := range p.provider.Requests(0) {
		if r.Headers.Get("x-forwarded-client-cert") != "" {
			t.Error("a certificate's details reached the provider")
		}
	}
}
