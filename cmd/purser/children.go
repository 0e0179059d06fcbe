package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/purser/purser/cmd/purser/supervise"
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/embedded"
)

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
	if _, own := s.env["DATABASE_DIRECT_URL"]; !own {
		url = cmp.Or(os.Getenv("DATABASE_DIRECT_URL"), url) // a pooler would lose the migration's lock
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

// startRedis uses the server that the environment names, else runs one where a
// redis-server is installed; else the extproc counts by itself.
func (s *stack) startRedis(ctx context.Context) error {
	switch {
	case s.env["REDIS_URL"] != "":
		s.step("Redis", "using REDIS_URL: limits are counted there")
		return nil
	case s.opts.redis == "" && s.opts.replicas > 1:
		return errors.New("--replicas needs Redis, where the replicas count together: install redis-server, or set REDIS_URL")
	case s.opts.redis == "":
		s.step("Redis", "none: limits are counted in the extproc's memory")
		return nil
	}
	dir := s.file("redis")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	url := "redis://" + localAddr(s.ports.Redis)
	s.info.RedisURL, s.env["REDIS_URL"] = url, url
	// What was counted outlives the process: every write is appended to a file, synced each second.
	args := []string{
		"--port", strconv.Itoa(s.ports.Redis), "--bind", "127.0.0.1", "--dir", dir, "--appendonly", "yes", "--appendfsync", "everysec",
		"--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no",
	}
	return s.startChild(ctx, "Redis", localAddr(s.ports.Redis)+": limits are counted there", supervise.Spec{
		Name: "redis", Command: supervise.Program(s.opts.redis, args, os.Environ()),
		Ready: answersPing(localAddr(s.ports.Redis)),
		Aloud: func(line string) bool { return strings.Contains(line, " # ") && strings.Contains(line, "rror") },
	})
}

// extprocURLs are where adminsvc asks about limits.
func (s *stack) extprocURLs() string {
	urls := []string{localURL(s.ports.ExtprocHTTP)}
	for _, more := range s.ports.More {
		urls = append(urls, localURL(more[2]))
	}
	return strings.Join(urls, ",")
}

func (s *stack) startAdminsvc(ctx context.Context) error {
	return s.eachReplica("adminsvc", func(name string, i int) error {
		port, xds := s.ports.Adminsvc, s.ports.XDS
		if i > 0 {
			port, xds = s.ports.More[i-1][0], s.ports.More[i-1][3]
		}
		return s.startChild(ctx, name, localURL(port), supervise.Spec{
			Name: name,
			Command: s.child(s.opts.adminsvc, nil, map[string]string{
				"LISTEN_ADDR": localAddr(port), "XDS_ADDR": localAddr(xds), "STATE_DIR": s.file(name), "REPLICA_ID": name, "EXTPROC_URL": s.extprocURLs(),
				"DRAIN_TIMEOUT": cmp.Or(os.Getenv("DRAIN_TIMEOUT"), "5s"), "CLIENT_ADDRESS_HEADER": envoy.ClientAddressHeader,
			}),
			Ready:       answers(localURL(port) + "/health/readiness"),
			DeathSignal: syscall.SIGTERM, // it finishes what it writes
			Aloud:       serviceTrouble,
		})
	})
}

func (s *stack) startExtproc(ctx context.Context) error {
	return s.eachReplica("extproc", func(name string, i int) error {
		grpcPort, httpPort := s.ports.ExtprocGRPC, s.ports.ExtprocHTTP
		if i > 0 {
			grpcPort, httpPort = s.ports.More[i-1][1], s.ports.More[i-1][2]
		}
		dir := s.file(name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		return s.startChild(ctx, name, localAddr(grpcPort)+" (gRPC)", supervise.Spec{
			Name: name,
			Command: s.child(s.opts.extproc, nil, map[string]string{
				"LISTEN_ADDR": localAddr(grpcPort), "HTTP_ADDR": localAddr(httpPort), "STATE_DIR": dir, "REPLICA_ID": name,
				"DRAIN_TIMEOUT": cmp.Or(os.Getenv("DRAIN_TIMEOUT"), "5s"),
			}),
			Ready:       answers(localURL(httpPort) + "/health/readiness"),
			DeathSignal: syscall.SIGTERM, // it settles what is under way
			StopTimeout: 15 * time.Second,
			Aloud:       serviceTrouble,
		})
	})
}

// eachReplica starts name, name-2, name-3 …
func (s *stack) eachReplica(name string, start func(name string, i int) error) error {
	for i := range s.opts.replicas {
		as := name
		if i > 0 {
			as = fmt.Sprintf("%s-%d", name, i+1)
		}
		if err := start(as, i); err != nil {
			return err
		}
	}
	return nil
}

// addresses lists where the replicas of a service listen: part is 0 for adminsvc, 1
// for extproc's gRPC, 3 for xDS.
func (s *stack) addresses(first, part int) []string {
	out := []string{localAddr(first)}
	for _, ports := range s.ports.More {
		out = append(out, localAddr(ports[part]))
	}
	return out
}

func (s *stack) startEnvoy(ctx context.Context) error {
	traced, err := tracing()
	if err != nil {
		return err
	}
	text, err := envoy.YAML(envoy.Config{
		Tracing:       traced,
		ListenAddress: s.opts.listen, ListenPort: s.opts.port, AdminPort: s.ports.EnvoyAdmin,
		ExtProc: s.addresses(s.ports.ExtprocGRPC, 1), AdminSvc: s.addresses(s.ports.Adminsvc, 0),
		XDS: s.addresses(s.ports.XDS, 3), ForwardHeaders: forwardHeaders(s.cfg), JWT: jwtProviders(s.cfg), AccessLogPath: s.file("logs", "access.log"),
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
