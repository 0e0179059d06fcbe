package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/cmd/boot/clusters"
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy"
	fileconfig "github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/seal"
)

const (
	// ackWait is how long Envoys have to take a change before the data planes send
	// requests by it all the same.
	ackWait = 1500 * time.Millisecond
	// answerWait is how long an answer to a change of models waits for all of it.
	answerWait = 2500 * time.Millisecond
	// copyEvery is how old the copy of the stored models on disk may be.
	copyEvery = 2 * time.Second
)

// models is the part of adminsvc that sees to it that Envoy reaches what the catalog
// names: the feed of models, the watch on config.yaml, and the xDS server.
type models struct {
	*boot.Models
	directory *policy.Directory
	settings  atomic.Pointer[policy.Settings]
	store     *postgres.Store
	feed      *postgres.Feed
	box       *seal.Box
	xds       *envoy.XDS // nil: nobody asks here
	log       *slog.Logger
}

func newModels(cfg config, opts boot.Options, file *fileconfig.Config, settings *policy.Settings, store *postgres.Store, log *slog.Logger) (*models, error) {
	box, err := seal.New(cfg.SaltKey, cfg.LiteLLMSaltKey, file.MasterKey.Reveal())
	if err != nil {
		return nil, err
	}
	m := &models{directory: policy.NewDirectory(settings, nil), store: store, box: box, log: log}
	m.settings.Store(settings)
	if cfg.XDSAddr != "" {
		m.xds = envoy.NewXDS(envoy.XDSConfig{Log: log})
	}
	of := boot.ModelsConfig{
		Directory: m.directory, File: file, Open: box.Open, Log: log, OnChange: m.publish,
		OnFile: func(fresh *fileconfig.Config) error {
			next, err := boot.Settings(fresh, opts, settings.Started)
			if err == nil && !next.HasMasterKey {
				err = errors.New("it has no master key")
			}
			if err == nil {
				m.settings.Store(next)
			}
			return err
		},
	}
	of.Reload = func() (*fileconfig.Config, error) { return boot.Load(opts, log) }
	m.Models = boot.NewModels(of)
	feed := postgres.FeedConfig{
		Store: store, Directory: m.directory, Kind: "adminsvc", ReplicaID: "adminsvc/" + cmp.Or(cfg.ReplicaID, boot.ReplicaID()), Log: log,
		Only: []policy.EntityKind{policy.EntityModel}, OnChange: m.Changed, OnLoad: m.Rebuild, CopyEvery: copyEvery,
	}
	if cfg.StateDir != "" {
		if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
			return nil, fmt.Errorf("STATE_DIR: %w", err)
		}
		feed.CopyPath = filepath.Join(cfg.StateDir, "models.copy")
	}
	m.feed = postgres.NewFeed(feed)
	return m, nil
}

// run follows the tables and the file until ctx ends.
func (m *models) run(ctx context.Context) {
	if err := m.feed.Start(ctx); err != nil {
		// An Envoy that starts now gets at least what the file names, not nothing. One that
		// runs loses what is stored until the database is back: a STATE_DIR prevents that.
		m.log.Warn("the stored models are not known yet; Envoys get those of the configuration file", "error", err)
		m.Rebuild()
	}
	watched := make(chan struct{})
	go func() { defer close(watched); m.Watch(ctx) }()
	_ = m.feed.Run(ctx) // returns nil, when ctx is done
	<-watched
}

// publish tells the Envoys what there is, and waits until they have it: the feed
// reports the change after this, and the data planes wait for that report.
func (m *models) publish(deployments []*policy.Deployment) {
	if m.xds == nil {
		return
	}
	if err := m.xds.Set(clusters.Of(deployments)); err != nil {
		m.log.Error("deployments that Envoy would not take are left out", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), ackWait)
	defer cancel()
	if err := m.xds.Await(ctx); err != nil {
		m.log.Warn("an Envoy has not taken a change in time", "envoys", m.xds.Envoys(), "waited", ackWait)
	}
}

// settled waits until every data plane sends requests by what was committed, and this
// replica tells of it.
func (m *models) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	revision, err := m.store.Revision(ctx)
	if err != nil {
		return err
	}
	for m.directory.Revision() < revision {
		select {
		case <-ctx.Done():
			return errors.New("this replica has not read the change yet")
		case <-time.After(2 * time.Millisecond):
		}
	}
	return m.store.Await(ctx, answerWait)
}

// Compile says what a stored model would be, and refuses what Envoy would.
func (m *models) Compile(s *policy.StoredModel) (*policy.Deployment, error) {
	d, err := m.Models.Compile(s)
	if err != nil {
		return nil, err
	}
	if err := envoy.Check(clusters.One(d)); err != nil {
		return nil, &policy.Invalid{Field: "litellm_params", Message: "litellm_params cannot be served by Envoy: " + err.Error()}
	}
	return d, nil
}

// Seal seals the secrets of a model's JSON object.
func (m *models) Seal(id string, object []byte) ([]byte, error) {
	return fileconfig.MapSecrets(object, func(path, text string) (string, error) {
		switch {
		case seal.Is(text):
			return text, nil // as it was stored: a forged one does not open
		case text == fileconfig.Masked:
			return "", &policy.Invalid{Field: path, Message: path + " is masked: send the secret itself, or leave the field out to keep it"}
		}
		return m.box.Seal(id, text), nil
	})
}

// serveXDS starts the xDS server; stop ends it.
func (m *models) serveXDS(cfg config) (stop func(), err error) {
	if m.xds == nil {
		return func() {}, nil
	}
	var opts []grpc.ServerOption
	switch {
	case cfg.XDSCert != "" || cfg.XDSKey != "" || cfg.XDSClientCA != "":
		t, err := xdsTLS(cfg)
		if err != nil {
			return nil, err
		}
		opts = append(opts, grpc.Creds(credentials.NewTLS(t)))
	case !cfg.XDSInsecure && !loopback(cfg.XDSAddr):
		return nil, fmt.Errorf("XDS_ADDR=%s: it hands out the providers' keys to whoever can connect: set XDS_TLS_CERT, XDS_TLS_KEY and XDS_TLS_CLIENT_CA, or XDS_INSECURE=true where a mesh looks after it", cfg.XDSAddr)
	}
	listener, err := net.Listen("tcp", cfg.XDSAddr)
	if err != nil {
		return nil, fmt.Errorf("XDS_ADDR: %w", err)
	}
	// An Envoy whose host vanished must not hold up every change.
	opts = append(opts, grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}))
	g := grpc.NewServer(opts...)
	m.xds.Register(g)
	go func() {
		if err := g.Serve(listener); err != nil {
			m.log.Error("the xDS server ended", "error", err)
		}
	}()
	m.log.Info("serving", "xds", listener.Addr().String())
	return func() { m.xds.Close(); g.Stop() }, nil
}

func xdsTLS(cfg config) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cfg.XDSCert, cfg.XDSKey)
	if err != nil {
		return nil, fmt.Errorf("XDS_TLS_CERT and XDS_TLS_KEY: %w", err)
	}
	pem, err := os.ReadFile(cfg.XDSClientCA)
	if err != nil {
		return nil, fmt.Errorf("XDS_TLS_CLIENT_CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("XDS_TLS_CLIENT_CA: no certificate in %s", cfg.XDSClientCA)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}, nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
