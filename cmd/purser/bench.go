package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/purser/purser/cmd/purser/bench"
)

// runBench compares Envoy alone, with a no-op ext_proc, and with Purser.
func runBench(ctx context.Context, args []string, out io.Writer) error {
	o := bench.Options{Version: version, Progress: out}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.StateDir, "state-dir", ".state", "folder for the result, bench.json")
	flags.StringVar(&o.Envoy, "envoy", "", "the Envoy program (default: $ENVOY_BIN, the checkout's, else the one in PATH)")
	flags.StringVar(&o.Redis, "redis-server", "", "the redis-server program, or none (default: the one in PATH)")
	flags.IntVar(&o.Rounds, "rounds", 8, "rounds; in each, all variants take their turn")
	flags.IntVar(&o.Requests, "requests", 1500, "JSON requests of each variant in a round, at --concurrency")
	flags.IntVar(&o.Single, "single", 250, "JSON requests of each variant in a round, one after the other")
	flags.IntVar(&o.Streams, "streams", 96, "streams of each variant in a round, at --concurrency")
	flags.IntVar(&o.Parallel, "concurrency", 16, "requests under way at a time")
	flags.DurationVar(&o.Bound, "bound", 150*time.Second, "begin no round that would end later, after the third")
	flags.IntVar(&o.Models, "models", 200, "models that one of the Pursers has, each at two places; 1: no such Purser")
	flags.BoolVar(&o.Codecs, "codecs", false, "compare Purser with gRPC's own codec as well")
	flags.StringVar(&o.Profile, "profile", "", "folder for a CPU profile of each server under load")
	flags.Func("scopes", "numbers of scopes with limits to compare (default 1,3,9)", func(list string) error {
		for field := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(field))
			if err != nil {
				return fmt.Errorf("%q is no number", field)
			}
			o.Scopes = append(o.Scopes, n)
		}
		return nil
	})
	if err := parse(flags, args, out); err != nil {
		return err
	}
	res, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	return res.Text(out)
}

// runBenchPart is one of the bench's own servers.
func runBenchPart(ctx context.Context, args []string, out io.Writer) error {
	return bench.Part(ctx, args, os.Stdin, out)
}
