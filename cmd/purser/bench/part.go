package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/purser/purser/envoy/envoybench"
)

// A part is one of the bench's own servers, in a process of its own so that its CPU time can be told apart:
// `purser bench-part <role> [flags]`. It prints one line of JSON, {"addr": "127.0.0.1:port"}, when it serves, then answers
// each line it is told with a line of JSON, and ends when its input does. So it cannot outlive the bench.
//
//	settled          {"settled": n}: the requests in the journal
//	profile FILE     writes a CPU profile until "profile" without a file
type part interface {
	serve(ctx context.Context, l net.Listener) error
	settled(ctx context.Context) (int64, error)
}

// answerLine is what a part says.
type answerLine struct {
	Addr    string `json:"addr,omitempty"`
	Settled int64  `json:"settled,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Part runs a part until its input ends.
func Part(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("which part: upstream, noop or purser")
	}
	p, err := newPart(ctx, args[0], args[1:])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- p.serve(ctx, l) }()
	told := make(chan struct{})
	go func() { defer close(told); converse(ctx, p, l.Addr().String(), in, out) }()
	select {
	case err := <-failed:
		return err
	case <-told:
	case <-ctx.Done():
	}
	cancel()
	return <-failed
}

func newPart(ctx context.Context, role string, args []string) (part, error) {
	flags := flag.NewFlagSet(role, flag.ContinueOnError)
	var p purserConfig
	teacher := flags.String("teacher", "", "noop: the ext_proc server to learn from")
	flags.StringVar(&p.upstream, "upstream", "", "purser: host:port of the provider")
	flags.StringVar(&p.dir, "dir", "", "purser: folder of the spool")
	flags.StringVar(&p.redis, "redis", "", "purser: URL of the ledger; empty: memory")
	flags.IntVar(&p.scopes, "scopes", 1, "purser: scopes that have limits")
	flags.IntVar(&p.models, "models", 1, "purser: models there are")
	flags.StringVar(&p.codec, "codec", "", "purser: plain is gRPC's own codec")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch role {
	case "upstream":
		return upstreamPart{}, nil
	case "noop":
		n, err := envoybench.NewNoOp(*teacher)
		return noopPart{n}, err
	case "purser":
		return newPurser(ctx, p, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	}
	return nil, fmt.Errorf("there is no part %q", role)
}

// converse answers lines until there are no more.
func converse(ctx context.Context, p part, addr string, in io.Reader, out io.Writer) {
	say := func(a answerLine, err error) {
		if err != nil {
			a.Error = err.Error()
		}
		line, _ := json.Marshal(a) // strings and numbers only
		_, _ = out.Write(append(line, '\n'))
	}
	say(answerLine{Addr: addr}, nil)
	var profile *os.File
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch {
		case word == "settled":
			n, err := p.settled(ctx)
			say(answerLine{Settled: n}, err)
		case word == "profile" && rest != "":
			var err error
			if profile, err = os.Create(rest); err == nil {
				err = pprof.StartCPUProfile(profile)
			}
			say(answerLine{}, err)
		case word == "profile":
			pprof.StopCPUProfile()
			say(answerLine{}, profile.Close())
		default:
			say(answerLine{}, fmt.Errorf("what is %q?", word))
		}
	}
}

type upstreamPart struct{}

func (upstreamPart) serve(ctx context.Context, l net.Listener) error { return serveUpstream(ctx, l) }
func (upstreamPart) settled(context.Context) (int64, error)          { return 0, nil }

type noopPart struct{ *envoybench.NoOp }

func (n noopPart) serve(ctx context.Context, l net.Listener) error {
	defer n.Close()
	g := grpc.NewServer(n.Options()...)
	n.Register(g)
	return serveGRPC(ctx, g, l)
}

func (noopPart) settled(context.Context) (int64, error) { return 0, nil }

// serveGRPC serves until ctx ends, and says that it is well.
func serveGRPC(ctx context.Context, g *grpc.Server, l net.Listener) error {
	healthpb.RegisterHealthServer(g, health.NewServer())
	go func() {
		<-ctx.Done()
		g.Stop()
	}()
	return g.Serve(l)
}
