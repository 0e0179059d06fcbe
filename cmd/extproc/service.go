package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/cmd/boot/traces"
	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

// service is one extproc process: what main wires together.
type service struct {
	cfg       config
	log       *slog.Logger
	clock     func() time.Time
	directory *policy.Directory
	models    *boot.Models
	prices    *boot.Prices
	store     *postgres.Store
	counting  *counting
	feed      *postgres.Feed
	seeding   *policy.Seeding
	server    *extproc.Server
	traces    *traces.Traces // nil: none
	health    *health.Server
	healing   *policy.Healing
	unseeded  atomic.Bool // a counter waits for the tables
	unset     atomic.Bool // a setting of the tables is not in force yet
	unhealed  atomic.Bool // a counter is known to differ from them
	// When the counters were last compared, and how often that is done; of the goroutine that keeps them.
	healed    time.Time
	healEvery time.Duration
	replica   string
	compared  atomic.Pointer[comparison] // the last one; nil: none yet
	verifying sync.Mutex                 // held while somebody has the whole ledger compared
}

// copyEvery is how old the directory's copy on disk may be: what was blocked since is
// not known to a process that starts from it.
const copyEvery = 10 * time.Second

// newService reads the configuration and opens what the service stands on.
func newService(ctx context.Context, cfg config, log *slog.Logger, clock func() time.Time) (*service, error) {
	prices, err := boot.OpenPrices(ctx, cmp.Or(cfg.PriceMap, cfg.LiteLLMPriceMap), cfg.StateDir, cfg.PriceMapEvery, log)
	if err != nil {
		return nil, err
	}
	opts := boot.Options{Prices: prices, ConfigFile: cfg.ConfigFile, MasterKey: cfg.MasterKey, UnpricedModels: cfg.UnpricedModels, BudgetEdge: cfg.BudgetEdge, Enforcement: cfg.Enforcement}
	file, err := boot.Load(opts, log)
	if err != nil {
		return nil, err
	}
	settings, err := boot.Settings(file, opts, clock())
	if err != nil {
		return nil, err
	}
	replica := cmp.Or(cfg.ReplicaID, boot.ReplicaID())
	s := &service{replica: replica, prices: prices, cfg: cfg, log: log, clock: clock, health: health.NewServer()}
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	s.directory = policy.NewDirectory(settings, nil)
	if err := s.newModels(opts, file, settings); err != nil {
		return nil, err
	}
	s.store, err = postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL, DirectURL: cfg.DatabaseDirectURL, Name: "purser-extproc", Barrier: freshWithin(cfg.WriteBarrier), Log: log})
	if err != nil {
		return nil, err
	}
	if s.counting, err = newCounting(ctx, cfg, s.store, log, clock, replica, func() { s.server.FailedOpen() }); err != nil {
		s.store.Close()
		return nil, err
	}
	s.seeding = &policy.Seeding{Directory: s.directory, Ledger: s.counting.seeder, History: s.store, Flush: s.counting.flush, Clock: clock}
	s.healing = &policy.Healing{Directory: s.directory, Ledger: s.counting.counters, History: s.store, Flush: s.counting.flush, Clock: clock}
	s.feed = postgres.NewFeed(postgres.FeedConfig{
		Store: s.store, Directory: s.directory, ReplicaID: replica, Kind: "extproc", Log: log,
		OnChange: s.onChange, OnLimits: s.onLimits, After: "adminsvc", OnLoad: func() { s.models.Rebuild(); s.unseeded.Store(true); s.readEnforcement() }, CopyPath: filepath.Join(cfg.StateDir, "directory.copy"), CopyEvery: copyEvery,
		Poll: min(pollEvery, 2*freshWithin(cfg.WriteBarrier)/5),
	})
	headers := make([]string, 0, len(file.General.UserHeaders)+1)
	if file.General.UserHeader != "" {
		headers = append(headers, file.General.UserHeader)
	}
	for _, h := range file.General.UserHeaders {
		if h.Role == "customer" {
			headers = append(headers, h.Name)
		}
	}
	if s.traces, err = traces.Open(ctx, "purser-extproc", version, replica, prometheus.DefaultRegisterer, log); err != nil {
		s.store.Close()
		return nil, err
	}
	var spans func(*extproc.Span)
	if s.traces != nil {
		spans = func(span *extproc.Span) { s.traces.Emit(spanOf(span)) }
	}
	s.server = extproc.New(extproc.Config{
		Directory: s.directory, Fresh: s.feed.Fresh, Ledger: s.counting.ledger, Counters: s.counting.counters, Log: log, Clock: clock, BodyLimit: cfg.BodyLimit, Deadline: cfg.Deadline,
		BudgetStatus: cmp.Or(cfg.BudgetStatus, file.LiteLLM.BudgetExceededStatus), InjectCredentials: cfg.InjectCredentials,
		ChargeAbandoned: extproc.Abandoned(cfg.Abandoned), CustomerHeaders: headers, KeyHeader: file.General.KeyHeader, Version: version, Metrics: prometheus.DefaultRegisterer,
		WriteRefusals: s.store.WriteRefusals, Spans: spans,
	})
	s.gauges(prometheus.DefaultRegisterer)
	return s, nil
}

// load fills the directory, from its copy on disk where the database is away, and
// the counters as far as they can be had. Without either it waits for the database
// as long as it takes.
func (s *service) load(ctx context.Context) error {
	defer s.thrift()()
	wait := 100 * time.Millisecond
	for {
		err := s.feed.Start(ctx)
		if err == nil {
			break
		}
		s.log.Warn("the directory cannot be loaded yet", "err", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 2*time.Second)
	}
	s.log.Info("directory loaded", "keys", s.directory.Keys(), "revision", s.directory.Revision(), "models", len(s.directory.Catalog().Names()))
	// A store that is away must not keep us from serving: what follows then completes
	// the counters when it is back, and the ledger's own rule decides until then.
	within := believeWithin
	if s.counting.believed(ctx) {
		within = renewWithin
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := s.believe(bounded); err != nil {
		s.log.Warn("the counters are not complete yet", "err", err)
		s.unseeded.Store(true)
	}
	return ctx.Err()
}

// believeWithin bounds the wait for complete counters at the start, a million keys
// among them.
const believeWithin = 30 * time.Second

// renewWithin is the same where the counters outlived us: only limits that are newer
// than the last extproc are missing, and they are completed right after.
const renewWithin = 2 * time.Second

// believe completes the counters, or seeds a Redis that lost them.
func (s *service) believe(ctx context.Context) error {
	if !s.feed.Current() {
		return errors.New("the database is away")
	}
	if s.counting.restore == nil {
		return s.seeding.All(ctx)
	}
	ok, err := s.counting.restore(ctx, s.seed)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("another replica is seeding Redis")
	}
	return s.seeding.All(ctx)
}

// seed completes the counters of a Redis that lost its memory. What is under way
// meanwhile is in neither; it is found when the counters are next compared.
func (s *service) seed(ctx context.Context) error {
	s.unhealed.Store(true)
	return s.seeding.All(ctx)
}

// serve runs until ctx ends.
func (s *service) serve(ctx context.Context) error {
	defer s.store.Close()
	failed := make(chan error, 2)
	admin := &http.Server{Addr: s.cfg.HTTPAddr, Handler: s.adminHandler(), ReadHeaderTimeout: 5 * time.Second}
	defer admin.Close()
	go func() {
		if err := admin.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("HTTP_ADDR: %w", err)
		}
	}()
	if err := s.load(ctx); err != nil {
		return err
	}
	// Only now: Envoy sends requests to whoever takes connections before it has asked
	// for anybody's health, and an empty directory knows no key. A refused connection it
	// takes elsewhere.
	listener, err := net.Listen("tcp", s.cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	g := grpc.NewServer(s.server.Options()...)
	s.server.Register(g)
	healthpb.RegisterHealthServer(g, s.health)
	go func() { failed <- g.Serve(listener) }()

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { _ = s.feed.Run(background) })
	running.Go(func() { s.server.Run(background) })
	running.Go(func() { s.models.Watch(background) })
	running.Go(func() { s.prices.Run(background, s.models.Reread) })
	running.Go(func() { s.reap(background) })
	running.Go(func() { s.keep(background) })
	if s.counting.run != nil {
		running.Go(func() { s.counting.run(background) })
	}
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	s.log.Info("serving", "grpc", listener.Addr().String(), "http", s.cfg.HTTPAddr, "ledger", s.counting.name)

	select {
	case err := <-failed:
		g.Stop()
		return err
	case <-ctx.Done():
	}
	s.drain(g)
	stop()
	running.Wait() // what they close in the spool comes before its end
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	defer s.counting.close()
	if err := s.counting.spool.Close(bounded); err != nil {
		s.log.Warn("entries are left in the spool for the next start", "err", err)
	}
	if err := s.traces.Close(bounded); err != nil {
		s.log.Warn("the last spans were not sent", "err", err)
	}
	return nil
}

// drain lets streams under way end within the bound; what is left is cut with an
// error, never with a clean close.
func (s *service) drain(g *grpc.Server) {
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	s.log.Info("draining", "open", s.server.Open(), "bound", s.cfg.Drain)
	time.Sleep(s.cfg.DrainDelay)
	done := make(chan struct{})
	go func() { g.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-time.After(s.cfg.Drain):
		s.log.Warn("cutting the streams that are left", "open", s.server.Open())
		g.Stop()
		<-done
	}
}

// adminHandler answers on the service's own HTTP port.
func (s *service) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health/liveness", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("alive\n")) })
	mux.HandleFunc("GET /health/readiness", func(w http.ResponseWriter, r *http.Request) {
		resp, err := s.health.Check(r.Context(), &healthpb.HealthCheckRequest{})
		if err != nil || resp.Status != healthpb.HealthCheckResponse_SERVING {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("GET /ledger/verify", s.verify)
	mux.HandleFunc("GET /internal/state", s.state)
	mux.HandleFunc("POST /internal/explain", s.server.ServeExplain)
	return mux
}
