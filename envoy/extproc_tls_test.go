package envoy_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

func TestExtProcOverMutualTLS(t *testing.T) {
	ca, issue := authority(t)
	pool := x509.NewCertPool()
	bundle, err := os.ReadFile(ca)
	if err != nil || !pool.AppendCertsFromPEM(bundle) {
		t.Fatal(err)
	}
	certFile, keyFile := writePair(t, issue([]string{"envoy.internal"}, nil))
	for _, c := range []struct {
		behaviour string
		tls       *envoy.TLS
		status    int
	}{
		{"both sides known", &envoy.TLS{CABundle: ca, Hostname: "extproc.internal", CertFile: certFile, KeyFile: keyFile}, 200},
		{"a server of another name", &envoy.TLS{CABundle: ca, Hostname: "other.internal", CertFile: certFile, KeyFile: keyFile}, 503},
		{"Envoy without a certificate", &envoy.TLS{CABundle: ca, Hostname: "extproc.internal"}, 503},
		{"plain text", nil, 503},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			creds := credentials.NewTLS(&tls.Config{
				Certificates: []tls.Certificate{issue([]string{"extproc.internal"}, nil)},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
			})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			proc := serveProcessor(t, &processor{Cluster: "a"}, l, grpc.Creds(creds))
			provider := startBackend(t, nil)
			e := envoytest.Start(t, envoy.Config{
				ExtProc: []string{proc.addr}, ExtProcTLS: c.tls, Deployments: []envoy.Deployment{provider.deployment(t, "a")},
			})
			if res, body := call(t, "POST", e.URL+"/v1/chat/completions", "{}"); res.StatusCode != c.status {
				t.Errorf("got %d %s", res.StatusCode, body)
			}
			if reached := provider.count() > 0; reached != (c.status == 200) {
				t.Errorf("the provider was reached: %v", reached)
			}
		})
	}
}

func writePair(t *testing.T, cert tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
