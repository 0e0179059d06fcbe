package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/purser/purser/deploy/fakeprovider"
)

// fakeProviderKey is the credential that a fake provider expects; without it, none.
const fakeProviderKey = "FAKE_PROVIDER_KEY"

// fakeProviderURL is the variable by which a configuration refers to the fake
// provider: a base URL that ends in /v1, as OpenAI's does.
const fakeProviderURL = "FAKE_PROVIDER_URL"

func runFakeProvider(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fake-provider", flag.ContinueOnError)
	port := flags.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	var opts fakeprovider.Options
	if key := os.Getenv(fakeProviderKey); key != "" {
		opts.APIKeys = []string{key}
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return fmt.Errorf("--port: %w", err)
	}
	fmt.Fprintf(out, "fake provider on http://%s\n", l.Addr())
	return fakeprovider.New(opts).Serve(ctx, l)
}
