// Command extproc answers Envoy's ext_proc streams: it authenticates, limits,
// routes and meters LLM calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // slim images have no zones

	"github.com/purser/purser/cmd/boot"
)

// version is set by the linker.
var version = "dev"

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
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "extproc:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then drains.
func run(ctx context.Context, cfg config, log *slog.Logger) error {
	boot.RoomyHeap(64 << 20)
	s, err := newService(ctx, cfg, log, time.Now)
	if err != nil {
		return err
	}
	return s.serve(ctx)
}
