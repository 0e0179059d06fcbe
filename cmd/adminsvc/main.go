// Command adminsvc serves the REST API and the web UI.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // slim images have no zones

	"github.com/purser/purser/adminsvc"
	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/cmd/boot/traces"
	"github.com/purser/purser/extproc/tokens"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/redis"
)

// version is set by the linker.
var version = "dev"

// consumers of the journal in one adminsvc: one reads and decodes while the other
// waits for PostgreSQL.
const consumers = 2

// consumer is the name of one, the same after a restart: it goes on with what it had.
func consumer(replica string, i int) string {
	if i == 0 {
		return replica
	}
	return fmt.Sprintf("%s/%d", replica, i+1)
}

func main() {
	cfg, err := boot.Env[config]()
	if err == nil {
		err = cfg.check()
	}
	if err == nil {
		var log *slog.Logger
		if log, err = boot.Logger(os.Stderr, cfg.LogFormat, cfg.LogLevel); err == nil {
			slog.SetDefault(log)
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			err = run(ctx, cfg, log)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "adminsvc:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then drains.
func run(ctx context.Context, cfg config, log *slog.Logger) error {
	prices, err := boot.OpenPrices(ctx, cmp.Or(cfg.PriceMap, cfg.LiteLLMPriceMap), cfg.StateDir, cfg.PriceMapEvery, log)
	if err != nil {
		return err
	}
	opts := boot.Options{Prices: prices, ConfigFile: cfg.ConfigFile, MasterKey: cfg.MasterKey, UnpricedModels: cfg.UnpricedModels, BudgetEdge: cfg.BudgetEdge, Enforcement: cfg.Enforcement}
	file, err := boot.Load(opts, log)
	if err != nil {
		return err
	}
	keep, err := retention(cfg.SpendLogRetention, file.General.SpendLogsRetention, time.Now())
	if err != nil {
		return err
	}
	settings, err := boot.Settings(file, opts, time.Now())
	if err != nil {
		return err
	}
	if !settings.HasMasterKey {
		return errors.New("there is no master key: set general_settings.master_key in config.yaml, or LITELLM_MASTER_KEY")
	}
	store, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL, DirectURL: cfg.DatabaseDirectURL, Name: "purser-adminsvc", Barrier: cfg.WriteBarrier, Log: log})
	if err != nil {
		return err
	}
	defer store.Close()
	replica := cmp.Or(cfg.ReplicaID, boot.ReplicaID())
	measured := newMetrics()
	traced, err := traces.Open(ctx, "purser-adminsvc", version, replica, measured.registry, log)
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := traced.Close(bounded); err != nil {
			log.Warn("the last spans were not sent", "err", err)
		}
	}()
	measured.asks("purser_database_up", "1 while PostgreSQL answers.", func(ctx context.Context) (float64, error) {
		if store.Ping(ctx) != nil {
			return 0, nil
		}
		return 1, nil
	})
	forgotten := make(chan struct{})
	forgetting, remember := context.WithCancel(context.WithoutCancel(ctx))
	go func() { defer close(forgotten); retain(forgetting, store, keep, log) }()
	defer func() { remember(); <-forgotten }()
	var lag func(ctx context.Context) (int64, error)
	if cfg.RedisURL != "" {
		client, err := redis.Connect(cfg.RedisURL)
		if err != nil {
			return fmt.Errorf("REDIS_URL: %w", err)
		}
		defer client.Close()
		background, stop := context.WithCancel(context.WithoutCancel(ctx))
		var drained sync.WaitGroup
		defer func() { stop(); drained.Wait() }()
		for i := range consumers {
			drain := redis.NewDrain(redis.DrainConfig{Client: client, Consumer: consumer(replica, i), Sink: redis.PutAside(client, measured.sink(store.WriteEntries), log), Log: log})
			drained.Go(func() { drain.Run(background) })
			if i == 0 {
				lag = drain.Lag
				measured.asks("purser_journal_waiting_entries", "Entries of the journal in Redis that are not in PostgreSQL yet.", func(ctx context.Context) (float64, error) {
					n, err := drain.Lag(ctx)
					return float64(n), err
				})
			}
		}
	}
	known, err := newModels(cfg, opts, file, settings, store, log)
	if err != nil {
		return err
	}
	stopXDS, err := known.serveXDS(cfg)
	if err != nil {
		return err
	}
	defer stopXDS()
	alerted := make(chan struct{})
	alertCtx, hush := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(alerted)
		(&alerting{
			store: store, cfg: file.Alerts, settings: known.settings.Load, client: &http.Client{Timeout: alertDeadline}, newID: rand.Text, clock: time.Now, log: log,
		}).run(alertCtx)
	}()
	defer func() { hush(); <-alerted }()
	followed := make(chan struct{})
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx))
	go func() { defer close(followed); known.run(following) }()
	go prices.Run(following, known.Reread)
	defer func() { unfollow(); <-followed }()
	var explains adminsvc.Explainer
	parts := &overview{store: store, lag: lag}
	if e := newExplainer(cfg.ExtprocURL, func() string { return policy.InternalToken(known.settings.Load().MasterKey) }); e != nil {
		explains, parts.peers = e, e
	}
	var stopping leaving
	api := adminsvc.New(adminsvc.Config{
		Store: store, Spend: store, Adjust: store.Adjust, Flush: store.Flush, Log: log,
		UserDefaults: file.LiteLLM.UserDefaults, UserBudget: file.LiteLLM.UserBudget, UserBudgetDuration: file.LiteLLM.UserBudgetDuration,
		KeyDefaults: file.LiteLLM.KeyDefaults, KeyBounds: file.LiteLLM.KeyBounds, TeamDefaults: file.LiteLLM.TeamDefaults, CountTokens: tokens.Count, Version: version, Ready: stopping.ready(store.Ping),
		System:      parts.look,
		Enforcement: store, RefusalSums: store.RefusalSums,
		Models: known, Prober: newProber(), Settled: known.settled, Catalog: known.directory.Catalog, Settings: known.settings.Load,
		Explainer: explains, Refusals: store, Facets: store, AuditLog: store, SignIn: store, Answers: store, Kept: store, UIUsername: cfg.UIUsername, UIPassword: cfg.UIPassword, SessionLife: cfg.SessionLife,
		TeamListFormat: cfg.TeamListFormat, TrustForwarded: cfg.TrustForwarded, TrustedHops: cfg.TrustedHops, AddressHeader: cfg.AddressHeader,
	})
	listener, err := net.Listen("tcp", cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	stopMetrics, err := measured.serve(cfg.MetricsAddr, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	server := &http.Server{Handler: stopping.tell(measured.api(traced.Handler(api))), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Info("serving", "http", listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping.begin(cfg.DrainDelay)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Drain)
	defer cancel()
	return server.Shutdown(bounded)
}
