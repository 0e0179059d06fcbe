package redis_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
)

// authority makes certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes <name>.pem and <name>.key, signed by the authority; itself if there is none yet.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"pem": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(a.file(name+"."+file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// TLS with certificates on both sides, and a user who may do no more than Commands says.
func TestTLSAndACL(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	acl := "user default off\nuser purser on >sesame ~{purser}:* " + redis.Commands + "\n"
	if err := os.WriteFile(a.file("users.acl"), []byte(acl), 0o600); err != nil {
		t.Fatal(err)
	}
	s := server(t, "--port", "0", "--tls-port", "{port}", "--tls-cert-file", a.file("server.pem"), "--tls-key-file", a.file("server.key"),
		"--tls-ca-cert-file", a.file("ca.pem"), "--tls-auth-clients", "yes", "--aclfile", a.file("users.acl"))
	files := "?tls_ca=" + a.file("ca.pem") + "&tls_cert=" + a.file("client.pem") + "&tls_key=" + a.file("client.key")
	url := "rediss://purser:sesame@" + s.Addr + files

	t.Run("borrowers", func(t *testing.T) { exactly(t, "{purser}", connect(t, url), connect(t, url)) })
	t.Run("every call is allowed", func(t *testing.T) {
		client := connect(t, url)
		l := redis.New(redis.Config{Client: client})
		ctx := t.Context()
		var entries int
		drain := redis.NewDrain(redis.DrainConfig{Client: client, Consumer: "c", Sink: func(_ context.Context, e []policy.Entry) error { entries += len(e); return nil }})
		h := policytest.Of(policy.ScopeTeam, "t", policytest.Hold(policy.KindSpend, 1000, 10, 0))
		minute := policytest.Of(policy.ScopeTeam, "t", policytest.Hold(policy.KindRequests, 1000, 1, 0))
		must := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		for _, id := range []string{"a", "b", "c"} {
			_, err := l.Reserve(ctx, policy.Ask{ID: id, Holds: []policy.Hold{h, minute}, TTL: time.Millisecond})
			must("reserve", err)
		}
		must("settle", l.Settle(ctx, policy.Settlement{ID: "a", Entry: policytest.Took("a", 1, 1, 5)}))
		must("release", l.Release(ctx, "b"))
		must("renew", l.Renew(ctx, time.Millisecond, "c"))
		eventually(t, "c is reaped", func() bool {
			n, err := l.Reap(ctx)
			must("reap", err)
			return n == 1
		})
		_, _, err := l.Begin(ctx, h.Counter())
		must("begin", err)
		must("seed", l.Seed(ctx, h.Counter(), 1))
		_, err = l.Correct(ctx, h.Counter(), 6, 7)
		must("correct", err)
		must("each", l.Each(ctx, func(policy.Standing) bool { return true }))
		running, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { drain.Run(running); close(done) }()
		must("flushed", drain.Flushed(ctx))
		_, err = drain.Lag(ctx)
		must("lag", err)
		stop()
		<-done
		if entries < 2 {
			t.Errorf("%d entries drained", entries)
		}
		warning, err := redis.Check(ctx, client)
		must("check", err)
		if !strings.Contains(warning, "noeviction") {
			t.Errorf("warning %q: the configuration is hidden from this user", warning)
		}
		if err := client.Set(ctx, "somebody else's", 1, 0).Err(); !goredis.HasErrorPrefix(err, "NOPERM") {
			t.Errorf("a key that is not ours: %v, want NOPERM", err)
		}
	})
	for name, url := range map[string]string{
		"wrong password":    strings.Replace(url, "sesame", "guess", 1),
		"unknown authority": strings.Replace(url, "tls_ca="+a.file("ca.pem")+"&", "", 1),
		"no certificate":    "rediss://purser:sesame@" + s.Addr + "?tls_ca=" + a.file("ca.pem"),
		"no TLS":            "redis://purser:sesame@" + s.Addr,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := redis.Connect(url)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if err := c.Ping(ctx).Err(); err == nil || strings.Contains(err.Error(), "sesame") {
				t.Errorf("ping: %v, want an error without the password", err)
			}
		})
	}
}
