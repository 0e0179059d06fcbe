package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/purser/purser/cmd/purser/supervise"
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/embedded"
)

// stack is what `purser up` runs: its children in the order of their start.
type stack struct {
	opts upOptions
	out  io.Writer

	supervisor *supervise.Supervisor
	ports      stackPorts
	cfg        *config.Config
	env        map[string]string // for the children, over our own environment
	info       stackInfo
	fake       bool // the configuration refers to the fake provider
}

// stackPorts are the inner ports, all on 127.0.0.1.
type stackPorts struct {
	Postgres    int `json:"postgres"`
	Fake        int `json:"fake_provider"`
	Adminsvc    int `json:"adminsvc"`
	ExtprocGRPC int `json:"extproc_grpc"`
	ExtprocHTTP int `json:"extproc_http"`
	EnvoyAdmin  int `json:"envoy_admin"`
}

// stackInfo is <state>/stack.json, for tools and tests. It holds secrets: mode 0600.
type stackInfo struct {
	PID             int        `json:"pid"`
	URL             string     `json:"url"`
	Config          string     `json:"config"`
	MasterKey       string     `json:"master_key"`
	DatabaseURL     string     `json:"database_url"`
	RedisURL        string     `json:"redis_url,omitempty"`
	AdminsvcURL     string     `json:"adminsvc_url"`
	ExtprocURL      string     `json:"extproc_url"` // health and metrics
	ExtprocGRPC     string     `json:"extproc_grpc"`
	EnvoyAdminURL   string     `json:"envoy_admin_url"`
	FakeProviderURL string     `json:"fake_provider_url,omitempty"` // without /v1
	FakeProviderKey string     `json:"fake_provider_key,omitempty"`
	Ports           stackPorts `json:"ports"`
}

// start brings everything up. After an error, stop takes down what was started.
func (s *stack) start(ctx context.Context) error {
	s.say("Purser %s, state in %s", version, shorten(s.opts.stateDir))
	for _, step := range []func(context.Context) error{
		s.plan, s.startPostgres, s.migrate, s.startFake, s.startAdminsvc, s.startExtproc, s.startEnvoy, s.awaitReady, s.writeInfo,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the children. A second signal during it kills what is left.
func (s *stack) stop() error {
	if s.supervisor == nil {
		return nil
	}
	_ = os.Remove(s.file("stack.json"))
	s.say("stopping (once more Ctrl-C kills)")
	ctx, cancel := context.WithTimeout(context.Background(), stopBound)
	defer cancel()
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	return s.supervisor.Stop(ctx)
}

// plan chooses the ports and reads the configuration.
func (s *stack) plan(context.Context) error {
	ports, err := innerPorts(s.opts.stateDir, 7)
	if err != nil {
		return err
	}
	s.ports = stackPorts{ports[0], ports[1], ports[2], ports[3], ports[4], ports[5]}
	s.opts.port = cmp.Or(s.opts.port, ports[6])
	if err := checkOuter(s.opts.listen, s.opts.port); err != nil {
		return err
	}
	s.env = map[string]string{"CONFIG_FILE": s.opts.config, "REDIS_URL": os.Getenv("REDIS_URL")}
	if err := s.readConfig(); err != nil {
		return err
	}
	s.supervisor, err = supervise.New(supervise.Config{Dir: s.opts.stateDir, Say: func(line string) { s.say("%s", line) }})
	if err != nil {
		return err
	}
	s.info = stackInfo{
		PID: os.Getpid(), URL: "http://" + net.JoinHostPort(s.host(), strconv.Itoa(s.opts.port)), Config: s.opts.config,
		MasterKey: s.cfg.MasterKey.Reveal(), RedisURL: s.env["REDIS_URL"], Ports: s.ports,
		AdminsvcURL: localURL(s.ports.Adminsvc), ExtprocURL: localURL(s.ports.ExtprocHTTP),
		ExtprocGRPC: localAddr(s.ports.ExtprocGRPC), EnvoyAdminURL: localURL(s.ports.EnvoyAdmin),
	}
	return nil
}

// host is where a person on this machine reaches the listener.
func (s *stack) host() string {
	if ip := net.ParseIP(s.opts.listen); ip.IsLoopback() || ip.IsUnspecified() {
		return "localhost"
	}
	return s.opts.listen
}

// readConfig reads the configuration as the children will: with the address and the
// key of a fake provider where it asks for them and the environment has none.
func (s *stack) readConfig() error {
	fake := map[string]string{fakeProviderURL: localURL(s.ports.Fake) + "/v1", fakeProviderKey: "sk-fake-" + rand.Text()}
	_, own := os.LookupEnv(fakeProviderURL)
	lookup := func(name string) (string, bool) {
		if v, ok := fake[name]; ok && !own {
			s.fake = true
			return v, true
		}
		return os.LookupEnv(name)
	}
	var err error
	if s.cfg, err = config.Load(s.opts.config, lookup); err != nil {
		return fmt.Errorf("%s:\n%w", s.opts.config, err)
	}
	if s.fake {
		maps.Copy(s.env, fake)
	}
	for _, w := range s.cfg.Warnings {
		s.say("config: %s", w)
	}
	return nil
}

// startPostgres uses the server that the environment or the configuration names,
// else runs one.
func (s *stack) startPostgres(ctx context.Context) error {
	if url := cmp.Or(os.Getenv("DATABASE_URL"), s.cfg.General.DatabaseURL.Reveal()); url != "" {
		s.info.DatabaseURL = url
		s.env["DATABASE_URL"] = url
		s.step("PostgreSQL", "using DATABASE_URL")
		return nil
	}
	began := time.Now()
	cluster, err := embedded.Prepare(ctx, embedded.Config{
		DataDir: s.file("postgres"), Port: s.ports.Postgres, Durable: true,
		Progress: func(line string) { s.say("  %s", line) },
	})
	if err != nil {
		return err
	}
	s.info.DatabaseURL = cluster.URL()
	s.env["DATABASE_URL"] = cluster.URL()
	s.env["DATABASE_DIRECT_URL"] = ""
	err = s.supervisor.Start(ctx, supervise.Spec{
		Name: "postgres", Command: cluster.Command, Ready: cluster.WaitReady, StopSignal: embedded.StopSignal,
		StopTimeout: 20 * time.Second,
		// FATAL is what it says to every client that comes too early, too.
		Aloud: func(line string) bool { return strings.Contains(line, " PANIC: ") },
	})
	if err != nil {
		return err
	}
	s.started("PostgreSQL", began, localAddr(s.ports.Postgres))
	return nil
}

func (s *stack) migrate(ctx context.Context) error {
	url := s.info.DatabaseURL
	if direct := os.Getenv("DATABASE_DIRECT_URL"); direct != "" && s.env["DATABASE_DIRECT_URL"] != "" {
		url = direct
	}
	before, newest, err := postgres.SchemaVersion(ctx, url)
	if err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	if before >= newest {
		s.step("schema", fmt.Sprintf("version %d", before))
		return nil
	}
	if err := postgres.Migrate(ctx, url); err != nil {
		return err
	}
	s.step("schema", fmt.Sprintf("migrated from version %d to %d", before, newest))
	return nil
}

func (s *stack) startFake(ctx context.Context) error {
	if !s.fake {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.info.FakeProviderURL, s.info.FakeProviderKey = localURL(s.ports.Fake), s.env[fakeProviderKey]
	return s.startChild(ctx, "fake provider", s.info.FakeProviderURL, supervise.Spec{
		Name:    "fake-provider",
		Command: s.child(self, []string{"fake-provider", "--port", strconv.Itoa(s.ports.Fake)}, nil),
		Ready:   answers(s.info.FakeProviderURL + "/_fake/stats"),
	})
}

func (s *stack) startAdminsvc(ctx context.Context) error {
	return s.startChild(ctx, "adminsvc", s.info.AdminsvcURL, supervise.Spec{
		Name: "adminsvc",
		Command: s.child(s.opts.adminsvc, nil, map[string]string{
			"LISTEN_ADDR": localAddr(s.ports.Adminsvc), "STATE_DIR": s.file("adminsvc"),
			"DRAIN_TIMEOUT": cmp.Or(os.Getenv("DRAIN_TIMEOUT"), "5s"),
		}),
		Ready:       answers(s.info.AdminsvcURL + "/health/readiness"),
		DeathSignal: syscall.SIGTERM, // it finishes what it writes
		Aloud:       serviceTrouble,
	})
}

func (s *stack) startExtproc(ctx context.Context) error {
	dir := s.file("extproc")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return s.startChild(ctx, "extproc", s.info.ExtprocGRPC+" (gRPC)", supervise.Spec{
		Name: "extproc",
		Command: s.child(s.opts.extproc, nil, map[string]string{
			"LISTEN_ADDR": localAddr(s.ports.ExtprocGRPC), "HTTP_ADDR": localAddr(s.ports.ExtprocHTTP), "STATE_DIR": dir,
			"DRAIN_TIMEOUT": cmp.Or(os.Getenv("DRAIN_TIMEOUT"), "5s"),
		}),
		Ready:       answers(s.info.ExtprocURL + "/health/readiness"),
		DeathSignal: syscall.SIGTERM, // it settles what is under way
		StopTimeout: 15 * time.Second,
		Aloud:       serviceTrouble,
	})
}

func (s *stack) startEnvoy(ctx context.Context) error {
	text, err := envoy.YAML(envoy.Config{
		ListenAddress: s.opts.listen, ListenPort: s.opts.port, AdminPort: s.ports.EnvoyAdmin,
		ExtProc: []string{localAddr(s.ports.ExtprocGRPC)}, AdminSvc: []string{localAddr(s.ports.Adminsvc)},
		Deployments: envoyDeployments(s.cfg.Deployments), ForwardHeaders: forwardHeaders(s.cfg), AccessLogPath: s.file("logs", "access.log"),
	})
	if err != nil {
		return err
	}
	file := s.file("envoy.yaml")
	if err := writePrivate(file, text); err != nil {
		return err
	}
	// Without hot restart, several Envoys need no numbers to tell them apart.
	args := []string{"-c", file, "--disable-hot-restart", "--log-level", "warning"}
	return s.startChild(ctx, "Envoy", s.info.URL, supervise.Spec{
		Name:    "envoy",
		Command: s.child(s.opts.envoy, args, nil),
		Ready:   answers(s.info.EnvoyAdminURL + "/ready"),
		Drain:   func(ctx context.Context) { drainEnvoy(ctx, s.info.EnvoyAdminURL) },
	})
}

// awaitReady polls the stack as its users see it.
func (s *stack) awaitReady(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	host := s.opts.listen
	if net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(s.opts.port)) + "/health/readiness"
	if err := answers(url)(bounded); err != nil {
		return fmt.Errorf("%s: %w (logs in %s)", url, err, s.file("logs"))
	}
	return nil
}

// writeInfo leaves the addresses for tools.
func (s *stack) writeInfo(context.Context) error {
	text, err := json.MarshalIndent(s.info, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(s.file("stack.json"), append(text, '\n'))
}

// startChild starts a child and says so.
func (s *stack) startChild(ctx context.Context, label, where string, spec supervise.Spec) error {
	began := time.Now()
	if err := s.supervisor.Start(ctx, spec); err != nil {
		return err
	}
	s.started(label, began, where)
	return nil
}

// child makes the commands of one of our programs: the environment is ours, then
// what the stack says, then what is for it alone.
func (s *stack) child(path string, args []string, env map[string]string) func(context.Context) (*supervise.Cmd, error) {
	return supervise.Program(path, args, slices.Concat(os.Environ(), pairs(s.env), pairs(env)))
}

func pairs(env map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

// serviceTrouble leaves out the warnings about the configuration, which were said once.
func serviceTrouble(line string) bool {
	return supervise.Trouble(line) && !strings.Contains(line, "config: ")
}

// answers polls a URL until it answers 200.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			err := get(ctx, url)
			if err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := localClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("it answers %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// localClient asks our own children; a proxy for the internet has no part in that.
var localClient = &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}

func (s *stack) file(name ...string) string {
	return filepath.Join(append([]string{s.opts.stateDir}, name...)...)
}

// writePrivate replaces a file that only its owner may read.
func writePrivate(path string, text []byte) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
