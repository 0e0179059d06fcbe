package extproc

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/purser/purser/policy"
)

// Config of a Server. Fields without a default are required.
type Config struct {
	Directory *policy.Directory
	Ledger    policy.Ledger
	Counters  policy.Inspector // the ledger's, for explanations; nil: there are none
	Log       *slog.Logger

	Clock func() time.Time    // default time.Now
	NewID func() string       // call ids: UUIDs; default random
	Pick  func(n int64) int64 // a number in [0, n), to choose among deployments; default random

	// Fresh waits, a moment at most, until the Directory holds all that the admin API
	// had answered when it was called; false: that cannot be known now. It is called
	// before a caller is looked up. nil: the Directory always does.
	Fresh func(context.Context) bool

	BodyLimit         int64         // bytes of a request; default 16 MiB. Envoy's buffer must be no smaller
	ResponseBuffer    int64         // bytes up to which a JSON reply is buffered, to put its cost into its headers; default 1 MiB, Envoy's own limit
	Deadline          time.Duration // for the ledger while Envoy waits; default 700 ms, below Envoy's message timeout of 5 s
	ReservationTTL    time.Duration // default 30 s; renewed three times within it
	BudgetStatus      int           // of an exceeded budget; default 422
	CustomerHeaders   []string      // further headers that name the customer, lower case
	KeyHeader         string        // a further header read for the key before all others, lower case
	InjectCredentials bool          // set the provider's credential ourselves: for meshes that own their clusters
	ChargeAbandoned   Abandoned     // what a request costs whose client left before the first byte
	PlainCodec        bool          // gRPC's own codec in place of ours, for comparison
	Version           string
	Metrics           prometheus.Registerer // nil: none

	// Spans is given one of each request when that is over: it must not block. nil: nobody
	// wants them, and they cost nothing.
	Spans func(*Span)

	// WriteRefusals stores counts of refused requests, every few seconds. After an
	// error it is given the same again. nil: they are not counted.
	WriteRefusals func(context.Context, []policy.RefusalCount) error
}

// Abandoned says what a call costs whose client left before the provider's first byte.
type Abandoned string

// The rules.
const (
	AbandonedFree  Abandoned = "free"
	AbandonedInput Abandoned = "input"
	AbandonedHold  Abandoned = "hold"
)

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.NewID == nil {
		c.NewID = newID
	}
	if c.Pick == nil {
		c.Pick = rand.Int64N
	}
	if c.Fresh == nil {
		c.Fresh = func(context.Context) bool { return true }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.BodyLimit = cmp.Or(c.BodyLimit, 16<<20)
	c.ResponseBuffer = cmp.Or(c.ResponseBuffer, 1<<20)
	c.Deadline = cmp.Or(c.Deadline, 700*time.Millisecond)
	c.ReservationTTL = cmp.Or(c.ReservationTTL, 30*time.Second)
	c.ChargeAbandoned = cmp.Or(c.ChargeAbandoned, AbandonedFree)
	return c
}
