package envoy_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

var update = flag.Bool("update", false, "rewrite testdata/small.yaml")

func TestGoldenConfiguration(t *testing.T) {
	got, err := envoy.YAML(small())
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "small.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the configuration has changed; look at the difference after: go test ./envoy -run Golden -update")
	}
}

func TestRenderingIsStable(t *testing.T) {
	for name, render := range map[string]func(envoy.Config) ([]byte, error){"YAML": envoy.YAML, "JSON": envoy.JSON} {
		first, err := render(small())
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if again, _ := render(small()); !bytes.Equal(first, again) {
				t.Errorf("%s: differs from one time to the next", name)
			}
		}
	}
}

func TestEnvoyTakesTheConfiguration(t *testing.T) {
	binary := findBinary(t)
	ca, _ := authority(t)
	for name, change := range map[string]func(*envoy.Config){
		"small":     func(*envoy.Config) {},
		"bare":      func(c *envoy.Config) { c.Deployments, c.AdminPort = nil, 0 },
		"fail open": func(c *envoy.Config) { c.FailOpen, c.FailOpenDeployment = true, "openai/eu" },
		"xDS":       func(c *envoy.Config) { c.XDS, c.Deployments = []string{"adminsvc:9004", "10.0.0.8:9004"}, nil },
		"no log":    func(c *envoy.Config) { c.AccessLogPath = "off" },
		"TLS":       func(c *envoy.Config) { c.ExtProcTLS = &envoy.TLS{CABundle: ca, Hostname: "extproc.internal"} },
		"versions": func(c *envoy.Config) {
			c.Deployments[0].Protocol, c.Deployments[1].Protocol = envoy.ALPN, envoy.HTTP2
		},
		"IPv6": func(c *envoy.Config) {
			c.ListenAddress, c.Deployments[1].Endpoint.Host = "::1", "::1"
		},
	} {
		for format, render := range map[string]func(envoy.Config) ([]byte, error){"yaml": envoy.YAML, "json": envoy.JSON} {
			t.Run(name+" "+format, func(t *testing.T) {
				cfg := small()
				cfg.Deployments[0].CABundle = ca // the machine's own may be elsewhere
				change(&cfg)
				config, err := render(cfg)
				if err != nil {
					t.Fatal(err)
				}
				if err := validate(t, binary, "envoy."+format, config); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestEnvoyRefusesWhatIsWrong(t *testing.T) {
	err := validate(t, findBinary(t), "envoy.yaml", []byte("static_resources: {listeners: [{name: x, adress: {}}]}"))
	if err == nil || !strings.Contains(err.Error(), "adress") {
		t.Errorf("got %v", err)
	}
}

func TestNothingDeprecatedIsUsed(t *testing.T) {
	cfg := small()
	cfg.ExtProc, cfg.Deployments[0].Endpoint.Host = []string{"localhost:1"}, "localhost"
	cfg.Deployments[0].CABundle, _ = authority(t)
	e := envoytest.Start(t, cfg)
	for _, counter := range []string{"runtime.deprecated_feature_use", "runtime.deprecated_feature_seen_since_process_start"} {
		e.WaitStat(t, counter, 0)
	}
	if log := e.Log(); strings.Contains(log, "eprecated") || strings.Contains(log, "[warning]") || strings.Contains(log, "[error]") {
		t.Errorf("Envoy says:\n%s", log)
	}
}

func TestFindBinary(t *testing.T) {
	own := filepath.Join(t.TempDir(), "my-envoy")
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("ENVOY_BIN first", func(t *testing.T) {
		t.Setenv("ENVOY_BIN", own)
		if got, err := envoy.FindBinary(); got != own || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("a wrong ENVOY_BIN is an error", func(t *testing.T) {
		t.Setenv("ENVOY_BIN", own+"-not-there")
		if got, err := envoy.FindBinary(); err == nil {
			t.Errorf("got %q", got)
		}
	})
	t.Run("none says how to get one", func(t *testing.T) {
		t.Setenv("ENVOY_BIN", "")
		t.Setenv("PATH", t.TempDir())
		t.Chdir(t.TempDir())
		if got, err := envoy.FindBinary(); !errors.Is(err, envoy.ErrNoBinary) || !strings.Contains(err.Error(), "ENVOY_BIN") {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestClusterAndSecretStandAlone(t *testing.T) {
	d := small().Deployments[0]
	d.SecretSource = envoy.SecretADS
	cluster, err := envoy.Cluster(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.ValidateAll(); err != nil {
		t.Error(err)
	}
	text, err := envoy.MarshalJSON(cluster)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), d.Credential) || !strings.Contains(string(text), `"ads": {}`) {
		t.Errorf("the cluster is\n%s", text)
	}
	secrets, err := envoy.Secrets(d)
	if err != nil || len(secrets) != 1 || secrets[0].Name != cluster.Name {
		t.Errorf("secrets %v, %v", len(secrets), err)
	}
	if secrets, err := envoy.Secrets(small().Deployments[1]); err != nil || len(secrets) > 0 {
		t.Error("a secret without a credential", err)
	}
	cfg := small()
	cfg.Deployments[0] = d
	if _, err := envoy.Bootstrap(cfg); err == nil || !strings.Contains(err.Error(), "xDS") {
		t.Errorf("a bootstrap without xDS with a secret over ADS: %v", err)
	}
}

func findBinary(t *testing.T) string {
	t.Helper()
	binary, err := envoy.FindBinary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func validate(t *testing.T, binary, name string, config []byte) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return envoy.ValidateFile(ctx, binary, file)
}
