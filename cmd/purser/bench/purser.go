package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"google.golang.org/grpc"

	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/spool"
)

// purserConfig is what differs between the Pursers of a run.
type purserConfig struct {
	upstream string
	dir      string
	redis    string // "": memory
	scopes   int
	codec    string // "plain" is gRPC's own
	models   int    // that there are; each but an only one has two deployments
}

// purserPart is the real server with its directory filled directly. Counting in memory it journals to a spool on disk,
// whose sink stands for PostgreSQL and takes everything at once; counting in Redis the journal is a stream there.
type purserPart struct {
	server *extproc.Server
	spool  *spool.Spool
	stream func(ctx context.Context) (int64, error) // length of the journal in Redis
	sunk   atomic.Int64
	close  func()
}

func newPurser(ctx context.Context, cfg purserConfig, log *slog.Logger) (*purserPart, error) {
	boot.RoomyHeap(64 << 20) // as cmd/extproc does
	directory, err := benchDirectory(cfg.upstream, cfg.scopes, cfg.models)
	if err != nil {
		return nil, err
	}
	p := &purserPart{close: func() {}}
	var ledger policy.Ledger
	if cfg.redis == "" {
		p.spool, err = spool.New(spool.Config{Dir: cfg.dir, Log: log, Sink: func(_ context.Context, entries []policy.Entry) error {
			p.sunk.Add(int64(len(entries)))
			return nil
		}})
		if err != nil {
			return nil, err
		}
		ledger = memory.New(memory.Config{Journal: p.spool})
	} else {
		client, err := redis.Connect(cfg.redis)
		if err != nil {
			return nil, err
		}
		p.close = func() { _ = client.Close() }
		if ledger, err = newRedisLedger(ctx, client, p.prefix(cfg)); err != nil {
			return nil, err
		}
		p.stream = func(ctx context.Context) (int64, error) { return client.XLen(ctx, p.prefix(cfg)+":journal").Result() }
	}
	p.server = extproc.New(extproc.Config{
		Directory: directory, Ledger: ledger, Log: log, Version: "bench", Metrics: prometheus.NewRegistry(),
		PlainCodec: cfg.codec == "plain",
	})
	return p, nil
}

// prefix keeps the Pursers of a run apart in one Redis.
func (*purserPart) prefix(cfg purserConfig) string { return fmt.Sprintf("{bench%d}", cfg.scopes) }

func newRedisLedger(ctx context.Context, client goredis.UniversalClient, prefix string) (*redis.Ledger, error) {
	l := redis.New(redis.Config{Client: client, Prefix: prefix})
	ok, err := l.Restore(ctx, "bench", func(context.Context) error { return nil })
	if err == nil && !ok {
		err = fmt.Errorf("somebody else is seeding %s", prefix)
	}
	return l, err
}

func (p *purserPart) serve(ctx context.Context, l net.Listener) error {
	defer p.close()
	g := grpc.NewServer(p.server.Options()...)
	p.server.Register(g)
	go p.server.Run(ctx)
	err := serveGRPC(ctx, g, l)
	if p.spool != nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = p.spool.Close(bounded)
	}
	return err
}

func (p *purserPart) settled(ctx context.Context) (int64, error) {
	if p.stream != nil {
		return p.stream(ctx)
	}
	if err := p.spool.Flush(ctx); err != nil {
		return 0, err
	}
	return p.sunk.Load(), nil
}

const benchKey = "sk-bench-0123456789abcdef"

// maxScopes is how many scopes one request can have limits in.
const maxScopes = 9

// limitsPerScope is what plenty sets: requests, tokens, spend.
const limitsPerScope = 3

// plenty is what no run uses up: the requests of a bench must all pass, unlowered.
func plenty() policy.Limits {
	budget, requests, tokens := 1_000_000*policy.Dollar, int64(1_000_000_000), int64(1_000_000_000_000)
	return policy.Limits{MaxBudget: &budget, BudgetDuration: "1mo", RPM: &requests, TPM: &tokens}
}

// benchDirectory has one entity of every kind, all of them above one key, and limits in the first of these: key, team,
// project, user, member, organization, customer, tag, proxy.
func benchDirectory(upstream string, scopes, models int) (*policy.Directory, error) {
	served, err := deployments(upstream, models)
	if err != nil {
		return nil, err
	}
	if scopes < 0 || scopes > maxScopes {
		return nil, fmt.Errorf("%d scopes: there are %d", scopes, maxScopes)
	}
	key := &policy.Key{Hash: policy.HashKey(benchKey), Name: "sk-...cdef", UserID: "u", TeamID: "t", ProjectID: "p", OrganizationID: "o", Tags: []string{"bench"}}
	team := &policy.Team{ID: "t", OrganizationID: "o", Members: []policy.Member{{UserID: "u", Role: "user"}}}
	project := &policy.Project{ID: "p", TeamID: "t"}
	user := &policy.User{ID: "u", Role: policy.RoleUser}
	member := &policy.Membership{TeamID: "t", UserID: "u", Role: "user"}
	organization := &policy.Organization{ID: "o"}
	customer := &policy.Customer{ID: customerID}
	tag := &policy.Tag{Name: "bench"}
	var settings policy.Settings
	for i, limits := range []*policy.Limits{
		&key.Limits, &team.Limits, &project.Limits, &user.Limits, &member.Limits, &organization.Limits, &customer.Limits, &tag.Limits, &settings.Limits,
	} {
		if i < scopes {
			*limits = plenty()
		}
	}
	directory := policy.NewDirectory(settings.Compile(), policy.NewCatalog(served, nil))
	for _, e := range []policy.Entity{key, team, project, user, member, organization, customer, tag} {
		directory.Put(e)
	}
	return directory, nil
}

// deployments are what the bench's provider serves. Of several models each has two, with weights, so that there is a choice;
// the one that is called is in their midst.
func deployments(upstream string, models int) ([]*policy.Deployment, error) {
	one, err := deployment(upstream)
	if err != nil || models <= 1 {
		return []*policy.Deployment{one}, err
	}
	var all []*policy.Deployment
	for i := range models {
		for n := range 2 {
			d := *one
			d.ID, d.Weight = fmt.Sprintf("bench-%d-%d", i, n), 1+2*n
			if i != models/2 {
				d.Model = fmt.Sprintf("%s-%d", publicModel, i)
			}
			all = append(all, &d)
		}
	}
	return all, nil
}

// deployment is the only one of the bench's provider.
func deployment(upstream string) (*policy.Deployment, error) {
	host, port, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return &policy.Deployment{
		ID: "bench", Model: publicModel, Target: providerModel, Provider: "openai", Format: policy.FormatOpenAI,
		Scheme: "http", Host: host, Port: n, PathPrefix: "/v1", CredentialHeader: "authorization", CredentialPrefix: "Bearer ",
		Credential: "pk-bench", Price: policy.TokenPrice(2_500_000_000, 10_000_000_000), MaxOutput: 4096,
	}, nil
}
