// Command helper is what the containers of the demo need besides Purser, in images
// that have no shell: a health check, and the fake provider on an address that
// other containers reach.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/purser/purser/deploy/fakeprovider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "get":
		return get(ctx, args[1])
	case len(args) == 1 && args[0] == "provider":
		l, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN_ADDR"), "127.0.0.1:8080"))
		if err != nil {
			return fmt.Errorf("LISTEN_ADDR: %w", err)
		}
		return provide(ctx, l, os.Getenv("FAKE_PROVIDER_KEY"))
	}
	return fmt.Errorf("usage: helper get URL | helper provider")
}

// get fails unless a URL answers 200.
func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil}} // a proxy for the internet has no part in it
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("%s: %s", resp.Status, said)
	}
	return nil
}

// provide serves until ctx ends. Without a key it refuses: others than Envoy could call it.
func provide(ctx context.Context, l net.Listener, key string) error {
	if key == "" {
		l.Close()
		return fmt.Errorf("FAKE_PROVIDER_KEY is not set")
	}
	return fakeprovider.New(fakeprovider.Options{APIKeys: []string{key}}).Serve(ctx, l)
}
