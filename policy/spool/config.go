package spool

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/purser/purser/policy"
)

// Config of a Spool. Dir and Sink are required.
type Config struct {
	// Dir holds the spool's files, and nobody else's. It is made if it is missing.
	Dir string

	// Sink takes entries for good when it returns nil: all of them, or (for all
	// that the spool assumes) none. It must be idempotent by call id, must return
	// soon after ctx ends, and must not keep the slice. It is never called twice
	// at once. An error is answered by trying again; a *BadEntry by finding the
	// entry that is bad.
	Sink func(ctx context.Context, entries []policy.Entry) error

	SegmentBytes int64         // size at which a new file is begun; 0: 8 MiB
	BatchMax     int           // entries per call of Sink; 0: 1000
	BatchWait    time.Duration // how long a batch that is not full waits for more; 0: 200 ms
	SinkTimeout  time.Duration // of one call of Sink; 0: 10 s
	Retry        Backoff       // pauses while Sink fails

	// Sync is how often the file in use is synced to the disk: what power loss
	// can take. 0: only when a file is full. A kill of the process takes nothing
	// either way.
	Sync time.Duration

	DiskRetry     time.Duration // pause between tries while the disk refuses writes; 0: 250 ms
	MaxUnsaved    int           // entries held in memory while it does; 0: 10 000
	DrainDeadline time.Duration // how long Close waits for Sink; 0: 5 s

	Clock func() time.Time // nil: time.Now
	Rand  func() float64   // in [0, 1), spreads retries; nil: math/rand/v2
	Log   *slog.Logger     // nil: slog.Default()

	create func(path string) (file, error) // tests make it fail
}

// Backoff is pauses that double from Min to Max, each shortened by up to a half
// at random. Zeros: 50 ms and 1 s.
type Backoff struct{ Min, Max time.Duration }

// filled is cfg with its defaults.
func (cfg Config) filled() Config {
	cfg.SegmentBytes = cmp.Or(cfg.SegmentBytes, 8<<20)
	cfg.BatchMax = cmp.Or(cfg.BatchMax, 1000)
	cfg.BatchWait = cmp.Or(cfg.BatchWait, 200*time.Millisecond)
	cfg.SinkTimeout = cmp.Or(cfg.SinkTimeout, 10*time.Second)
	cfg.Retry.Min = cmp.Or(cfg.Retry.Min, 50*time.Millisecond)
	cfg.Retry.Max = max(cmp.Or(cfg.Retry.Max, time.Second), cfg.Retry.Min)
	cfg.DiskRetry = cmp.Or(cfg.DiskRetry, 250*time.Millisecond)
	cfg.MaxUnsaved = cmp.Or(cfg.MaxUnsaved, 10_000)
	cfg.DrainDeadline = cmp.Or(cfg.DrainDeadline, 5*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.create == nil {
		cfg.create = createFile
	}
	return cfg
}
