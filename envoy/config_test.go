package envoy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
)

// small is a configuration with one of everything.
func small() envoy.Config {
	return envoy.Config{
		ListenAddress: "127.0.0.1",
		AdminPort:     9901,
		ExtProc:       []string{"extproc-0.extproc:9850", "10.0.0.7:9850"},
		AdminSvc:      []string{"127.0.0.1:8080"},
		Deployments: []envoy.Deployment{
			{
				Name:             "openai/eu",
				Endpoint:         envoy.Endpoint{Scheme: "https", Host: "api.openai.com"},
				CredentialPrefix: "Bearer ",
				Credential:       "golden-secret",
			},
			{Name: "vllm", Endpoint: envoy.Endpoint{Scheme: "http", Host: "10.0.0.9", Port: 8000}},
		},
	}
}

func TestConfigValidate(t *testing.T) {
	valid := small
	for _, c := range []struct {
		behaviour string
		change    func(*envoy.Config)
		want      []string // parts of the error; none means valid
	}{
		{"one of everything", func(*envoy.Config) {}, nil},
		{"no deployments yet", func(c *envoy.Config) { c.Deployments = nil }, nil},
		{"IPv6", func(c *envoy.Config) { c.ListenAddress, c.ExtProc = "::", []string{"[::1]:9850"} }, nil},
		{"no servers", func(c *envoy.Config) { c.ExtProc, c.AdminSvc = nil, nil }, []string{"ExtProc: at least one", "AdminSvc: at least one"}},
		{"address without port", func(c *envoy.Config) { c.ExtProc = []string{"extproc"} }, []string{`ExtProc: "extproc": not host:port`}},
		{"port 0", func(c *envoy.Config) { c.AdminSvc = []string{"a:0"} }, []string{"the port is not between 1 and 65535"}},
		{"port 65536", func(c *envoy.Config) { c.AdminSvc = []string{"a:65536"} }, []string{"the port is not between 1 and 65535"}},
		{"no host", func(c *envoy.Config) { c.AdminSvc = []string{":80"} }, []string{"the host is missing"}},
		{"a host that cannot be", func(c *envoy.Config) { c.AdminSvc = []string{"a b:80"} }, []string{`neither an IP address nor a DNS name`}},
		{"listening on a name", func(c *envoy.Config) { c.ListenAddress = "localhost" }, []string{`ListenAddress "localhost"`}},
		{"bad listening port", func(c *envoy.Config) { c.ListenPort = -1 }, []string{"ListenPort -1"}},
		{"one port for two", func(c *envoy.Config) { c.AdminPort = 4000 }, []string{"AdminPort 4000: the same as ListenPort"}},
		{"a name twice", func(c *envoy.Config) { c.Deployments[1].Name = "openai/eu" }, []string{`Deployments[1]: the name "openai/eu" is taken`}},
		{"a name of ours", func(c *envoy.Config) { c.Deployments[1].Name = envoy.AdminSvcCluster }, []string{"taken by Purser itself"}},
		{"a name that is no header value", func(c *envoy.Config) { c.Deployments[0].Name = "a\nb" }, []string{"printable ASCII"}},
		{"no name", func(c *envoy.Config) { c.Deployments[0].Name = "" }, []string{"Name: missing"}},
		{"no provider host", func(c *envoy.Config) { c.Deployments[0].Endpoint.Host = "" }, []string{"the host is missing"}},
		{"another scheme", func(c *envoy.Config) { c.Deployments[0].Endpoint.Scheme = "ftp" }, []string{`scheme "ftp"`}},
		{"a provider's port", func(c *envoy.Config) { c.Deployments[0].Endpoint.Port = 70000 }, []string{"port 70000"}},
		{"ALPN without TLS", func(c *envoy.Config) { c.Deployments[1].Protocol = envoy.ALPN }, []string{"ALPN is part of TLS"}},
		{"a header that is none", func(c *envoy.Config) { c.Deployments[0].CredentialHeader = "X-Api-Key" }, []string{"CredentialHeader"}},
		{"the host header as credential", func(c *envoy.Config) { c.Deployments[0].CredentialHeader = "host" }, []string{"CredentialHeader"}},
		{"a key with a line break", func(c *envoy.Config) { c.Deployments[0].Credential = "abc\n" }, []string{"Credential of"}},
		{"a negative timeout", func(c *envoy.Config) { c.MessageTimeout = -time.Second }, []string{"MessageTimeout -1s"}},
		{"an enormous body", func(c *envoy.Config) { c.BodyLimit = 1 << 40 }, []string{"BodyLimit"}},
		{"TLS without a name", func(c *envoy.Config) { c.ExtProcTLS = &envoy.TLS{CertFile: "x"} }, []string{"ExtProcTLS.Hostname", "KeyFile belong together"}},
		{"fail open to nowhere", func(c *envoy.Config) { c.FailOpen = true }, []string{"FailOpenDeployment: missing"}},
		{"fail open to nobody", func(c *envoy.Config) { c.FailOpen, c.FailOpenDeployment = true, "x" }, []string{"no such deployment"}},
		{"fail open with the caller's key", func(c *envoy.Config) { c.FailOpen, c.FailOpenDeployment = true, "vllm" }, []string{"has no Credential"}},
		{"fail open", func(c *envoy.Config) { c.FailOpen, c.FailOpenDeployment = true, "openai/eu" }, nil},
		{"everything that is wrong at once", func(c *envoy.Config) { c.ListenPort, c.ExtProc = -1, nil }, []string{"ListenPort", "ExtProc"}},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			cfg := valid()
			c.change(&cfg)
			err := cfg.Validate()
			if (err != nil) != (len(c.want) > 0) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %q", part, err)
				}
			}
			if err != nil && strings.Contains(err.Error(), "golden-secret") {
				t.Errorf("the credential is in %q", err)
			}
			if _, builtErr := envoy.Bootstrap(cfg); (builtErr != nil) != (err != nil) {
				t.Errorf("Validate says %v, Bootstrap %v", err, builtErr)
			}
		})
	}
}

func TestParseEndpoint(t *testing.T) {
	for _, c := range []struct {
		in   string
		want envoy.Endpoint
		err  string
	}{
		{"https://api.openai.com/v1", envoy.Endpoint{Scheme: "https", Host: "api.openai.com"}, ""},
		{"HTTP://127.0.0.1:8000", envoy.Endpoint{Scheme: "http", Host: "127.0.0.1", Port: 8000}, ""},
		{"https://[::1]:8443/x?y=z", envoy.Endpoint{Scheme: "https", Host: "::1", Port: 8443}, ""},
		{"api.openai.com", envoy.Endpoint{}, "neither https nor http"},
		{"https://", envoy.Endpoint{}, "the host is missing"},
		{"https://user:hidden@host", envoy.Endpoint{}, "user or password"},
		{"https://host:99999", envoy.Endpoint{}, "port"},
		{"https://ho%zzst", envoy.Endpoint{}, "not a URL"},
	} {
		got, err := envoy.ParseEndpoint(c.in)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got %v, %v", c.in, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("the password is in %q", err)
		}
	}
}
