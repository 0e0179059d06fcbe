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
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/purser/purser/cmd/purser/supervise"
	"github.com/purser/purser/policy/config"
)

// stack is what `purser up` runs: its children in the order of their start.
type stack struct {
	opts upOptions
	out  io.Writer

	supervisor   *supervise.Supervisor
	ports        stackPorts
	releasePorts func()
	cfg          *config.Config
	env          map[string]string // for the children, over our own environment
	info         stackInfo
	fake         bool // the configuration refers to the fake provider
}

// stackPorts are the inner ports, all on 127.0.0.1.
type stackPorts struct {
	Postgres    int `json:"postgres"`
	Fake        int `json:"fake_provider"`
	Adminsvc    int `json:"adminsvc"`
	ExtprocGRPC int `json:"extproc_grpc"`
	ExtprocHTTP int `json:"extproc_http"`
	EnvoyAdmin  int `json:"envoy_admin"`
	Redis       int `json:"redis"`
	XDS         int `json:"xds"`
	// More are the further replicas': adminsvc, extproc gRPC, extproc HTTP, xDS of each.
	More [][4]int `json:"more,omitempty"`
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
		s.plan, s.startPostgres, s.migrate, s.startRedis, s.startFake, s.startAdminsvc, s.startExtproc, s.startEnvoy, s.awaitReady, s.writeInfo,
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
	err := s.supervisor.Stop(ctx)
	s.releasePorts()
	return err
}

// plan chooses the ports and reads the configuration.
func (s *stack) plan(context.Context) error {
	ports, release, err := innerPorts(s.opts.stateDir, 9+4*(s.opts.replicas-1))
	if err != nil {
		return err
	}
	s.releasePorts = release
	s.ports = stackPorts{Postgres: ports[0], Fake: ports[1], Adminsvc: ports[2], ExtprocGRPC: ports[3], ExtprocHTTP: ports[4], EnvoyAdmin: ports[5], Redis: ports[7], XDS: ports[8]}
	for i := 9; i+3 < len(ports); i += 4 {
		s.ports.More = append(s.ports.More, [4]int{ports[i], ports[i+1], ports[i+2], ports[i+3]})
	}
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
