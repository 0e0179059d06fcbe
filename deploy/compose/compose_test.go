package compose

import (
	"bytes"
	"context"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/purser/purser/envoy"
)

var update = flag.Bool("update", false, "write envoy.yaml anew")

// root is the repository, the context of the builds.
const root = "../.."

// load reads compose.yaml as an engine would, with an environment that has nothing
// in it but what is given.
func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithWorkingDirectory("."), cli.WithEnv(env), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := cli.ProjectFromOptions(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStackIsThatOfMakeUp(t *testing.T) {
	p := load(t)
	want := []string{"adminsvc", "envoy", "extproc", "grafana", "migrate", "postgres", "prometheus", "provider", "redis"}
	if got := p.ServiceNames(); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	for name, s := range p.Services {
		if (s.Image == "") == (s.Build == nil) {
			t.Errorf("%s: one of image and build, not both", name)
		}
		if name == "migrate" {
			continue // ends by itself
		}
		if h := s.HealthCheck; h == nil || h.Disable || len(h.Test) < 2 || h.Test[0] != "CMD" {
			t.Errorf("%s: no health check that needs no shell: %+v", name, h)
		}
	}
	// Only Envoy and Grafana are reachable, and only from this machine.
	open := map[string]string{"envoy": "4000", "grafana": "3000"}
	for name, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" || port.Published != open[name] || strconv.Itoa(int(port.Target)) != open[name] {
				t.Errorf("%s publishes %+v", name, port)
			}
		}
	}
	moved := load(t, "PORT=4100", "GRAFANA_PORT=3100").Services
	if envoy, grafana := moved["envoy"].Ports[0].Published, moved["grafana"].Ports[0].Published; envoy != "4100" || grafana != "3100" {
		t.Errorf("PORT=4100 GRAFANA_PORT=3100 give ports %s and %s", envoy, grafana)
	}
}

func TestStartsInOrder(t *testing.T) {
	p := load(t)
	for name, want := range map[string]map[string]string{
		"migrate":  {"postgres": types.ServiceConditionHealthy},
		"adminsvc": {"migrate": types.ServiceConditionCompletedSuccessfully, "redis": types.ServiceConditionHealthy},
		"extproc":  {"migrate": types.ServiceConditionCompletedSuccessfully, "redis": types.ServiceConditionHealthy},
		"envoy":    {"adminsvc": types.ServiceConditionHealthy, "extproc": types.ServiceConditionHealthy, "provider": types.ServiceConditionHealthy},
	} {
		for on, condition := range want {
			if got := p.Services[name].DependsOn[on].Condition; got != condition {
				t.Errorf("%s depends on %s: %q, want %q", name, on, got, condition)
			}
		}
	}
}

func TestFilesAndVolumesAreThere(t *testing.T) {
	p := load(t)
	for name, s := range p.Services {
		if b := s.Build; b != nil {
			if _, err := os.Stat(filepath.Join(b.Context, "go.mod")); err != nil {
				t.Errorf("%s: the context: %v", name, err)
			}
			if _, err := os.Stat(filepath.Join(b.Context, b.Dockerfile)); err != nil {
				t.Errorf("%s: the Dockerfile: %v", name, err)
			}
		}
		for _, c := range s.Configs {
			if _, ok := p.Configs[c.Source]; !ok {
				t.Errorf("%s: there is no config %q", name, c.Source)
			}
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeVolume {
				t.Errorf("%s: %s is no named volume", name, v.Source)
			} else if _, ok := p.Volumes[v.Source]; !ok {
				t.Errorf("%s: there is no volume %q", name, v.Source)
			}
		}
	}
	for name, c := range p.Configs {
		if _, err := os.Stat(c.File); err != nil {
			t.Errorf("config %s: %v", name, err)
		}
	}
	if got := p.Services["extproc"].Environment["STATE_DIR"]; got == nil || *got != p.Services["extproc"].Volumes[0].Target {
		t.Errorf("STATE_DIR is not on the volume %s", p.Services["extproc"].Volumes[0].Target)
	}
}

// Every ${NAME} must have a default: the demo starts with one command.
func TestNoSettingIsMissing(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{?(\w+)[^}\s]*\}?`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(m[0], ":-") {
			t.Errorf("%s has no default", m[0])
		}
	}
	for name, s := range load(t).Services {
		for variable, value := range s.Environment {
			if value == nil {
				t.Errorf("%s: %s has no value", name, variable)
			}
		}
	}
}

// value is a variable of a service; empty where it is not set.
func value(p *types.Project, service, name string) string {
	if v := p.Services[service].Environment[name]; v != nil {
		return *v
	}
	return ""
}

// Services are addressed by their names, at the ports they listen on, by people's
// settings and by each other's.
func TestAddressesAgree(t *testing.T) {
	p := load(t)
	value := func(service, name string) string { return value(p, service, name) }
	host := func(service, name string) string {
		u, err := url.Parse(value(service, name))
		if err != nil {
			t.Fatal(err)
		}
		return u.Host
	}
	for _, service := range []string{"extproc", "adminsvc"} {
		if got := host(service, "DATABASE_URL"); got != "postgres:5432" {
			t.Errorf("%s: PostgreSQL at %s", service, got)
		}
		if got := host(service, "REDIS_URL"); got != "redis:6379" {
			t.Errorf("%s: Redis at %s", service, got)
		}
		if got := host(service, "FAKE_PROVIDER_URL"); got != strings.Replace(value("provider", "LISTEN_ADDR"), "0.0.0.0", "provider", 1) {
			t.Errorf("%s: the provider at %s", service, got)
		}
		if value(service, "FAKE_PROVIDER_KEY") != value("provider", "FAKE_PROVIDER_KEY") {
			t.Errorf("%s: not the provider's key", service)
		}
		if value(service, "CONFIG_FILE") != p.Services[service].Configs[0].Target {
			t.Errorf("%s: CONFIG_FILE is not what is mounted", service)
		}
	}
	var scraped struct {
		Configs []struct {
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	text, err := os.ReadFile(p.Configs["prometheus"].File)
	if err == nil {
		err = yaml.Unmarshal(text, &scraped)
	}
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, c := range scraped.Configs {
		targets = append(targets, c.Static[0].Targets...)
	}
	for service, at := range map[string]string{"extproc": value("extproc", "HTTP_ADDR"), "adminsvc": value("adminsvc", "METRICS_ADDR")} {
		if at = strings.Replace(at, "0.0.0.0", service, 1); !slices.Contains(targets, at) {
			t.Errorf("Prometheus reads %q, not %s", targets, at)
		}
	}
	if value("migrate", "DATABASE_URL") != value("extproc", "DATABASE_URL") {
		t.Error("another database is migrated than the one in use")
	}
	for service, at := range map[string]string{
		"provider": value("provider", "LISTEN_ADDR"), "adminsvc": value("adminsvc", "LISTEN_ADDR"), "extproc": value("extproc", "HTTP_ADDR"), "envoy": "0.0.0.0:4000",
	} {
		test := p.Services[service].HealthCheck.Test
		asked, err := url.Parse(test[len(test)-1])
		if err != nil || asked.Host != strings.Replace(at, "0.0.0.0", "127.0.0.1", 1) {
			t.Errorf("%s listens on %s, its health check asks %s", service, at, test[len(test)-1])
		}
	}
}

// The configuration in use is what `purser envoy-config` says to the topology, and
// what the real Envoy takes.
func TestEnvoyConfigurationIsGenerated(t *testing.T) {
	p := load(t)
	env := p.Services["extproc"].Environment
	port := func(service string) string {
		_, after, _ := strings.Cut(*p.Services[service].Environment["LISTEN_ADDR"], ":")
		return after
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "./cmd/purser", "envoy-config", "--config", "deploy/local/config.yaml", "--port", "4000",
		"--extproc", "extproc:"+port("extproc"), "--adminsvc", "adminsvc:"+port("adminsvc"), "--xds", strings.Replace(value(p, "adminsvc", "XDS_ADDR"), "0.0.0.0", "adminsvc", 1))
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "FAKE_PROVIDER_URL="+*env["FAKE_PROVIDER_URL"], "FAKE_PROVIDER_KEY="+*env["FAKE_PROVIDER_KEY"])
	var problem bytes.Buffer
	cmd.Stderr = &problem
	want, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &problem)
	}
	file := p.Configs["envoy"].File
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what `purser envoy-config` says: run `go test ./deploy/compose -update`", file)
	}
	binary, err := envoy.FindBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := envoy.ValidateFile(ctx, binary, file); err != nil {
		t.Error(err)
	}
}
