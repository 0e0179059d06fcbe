package main

import (
	"math"
	"time"

	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/extproc"
)

// config is read from the environment. A variable NAME may also be given as
// NAME_FILE, the path of a file that holds it.
type config struct {
	DatabaseURL       string        `env:"DATABASE_URL,notEmpty"`                   // PostgreSQL
	DatabaseDirectURL string        `env:"DATABASE_DIRECT_URL"`                     // for LISTEN, where DATABASE_URL is a pooler
	RedisURL          string        `env:"REDIS_URL"`                               // counters shared by replicas; empty: in this process
	RedisDown         string        `env:"REDIS_DOWN" envDefault:"share"`           // while Redis is away: share, deny or allow
	ConfigFile        string        `env:"CONFIG_FILE"`                             // config.yaml in LiteLLM's format
	MasterKey         string        `env:"LITELLM_MASTER_KEY"`                      // before the file's
	ListenAddr        string        `env:"LISTEN_ADDR" envDefault:"127.0.0.1:9002"` // gRPC, for Envoy
	HTTPAddr          string        `env:"HTTP_ADDR" envDefault:"127.0.0.1:9003"`   // health and metrics
	StateDir          string        `env:"STATE_DIR" envDefault:"/var/lib/purser"`  // the spool
	ReplicaID         string        `env:"REPLICA_ID"`                              // default: host name and process
	UnpricedModels    string        `env:"UNPRICED_MODELS" envDefault:"allow"`      // deny, allow or default:<USD per million tokens>
	Enforcement       string        `env:"ENFORCEMENT"`                             // shadow: decide and record, refuse nothing; default enforce
	BudgetEdge        string        `env:"BUDGET_EDGE" envDefault:"clamp"`          // clamp or refuse
	BudgetStatus      int           `env:"BUDGET_EXCEEDED_STATUS"`                  // default 422, or config.yaml's
	Abandoned         string        `env:"ABANDONED" envDefault:"free"`             // free, input or hold
	InjectCredentials bool          `env:"INJECT_CREDENTIALS"`                      // set the provider's credential here, not in Envoy
	SaltKey           string        `env:"SALT_KEY"`                                // opens stored credentials; needed with INJECT_CREDENTIALS only
	LiteLLMSaltKey    string        `env:"LITELLM_SALT_KEY"`                        // the same, after SALT_KEY
	PriceMap          string        `env:"PRICE_MAP"`                               // file or URL of prices in LiteLLM's format; empty: the built-in ones
	LiteLLMPriceMap   string        `env:"LITELLM_MODEL_COST_MAP_URL"`              // the same, after PRICE_MAP
	PriceMapEvery     time.Duration `env:"PRICE_MAP_EVERY"`                         // how often it is read anew; default 24h, a file 2s
	BodyLimit         int64         `env:"BODY_LIMIT" envDefault:"16777216"`        // bytes of a request
	Deadline          time.Duration `env:"LEDGER_DEADLINE" envDefault:"700ms"`      // below Envoy's message timeout
	Drain             time.Duration `env:"DRAIN_TIMEOUT" envDefault:"30s"`          // for streams under way at SIGTERM
	DrainDelay        time.Duration `env:"DRAIN_DELAY" envDefault:"0s"`             // unready for so long before the drain starts
	WriteBarrier      time.Duration `env:"WRITE_BARRIER" envDefault:"1s"`           // as for adminsvc: how long a write waits, and so how long a new limit may take to be told what was spent
	LogFormat         string        `env:"LOG_FORMAT" envDefault:"text"`            // text or json
	LogLevel          string        `env:"LOG_LEVEL" envDefault:"info"`             // debug, info, warn, error
}

// check refuses what can be read and means nothing. Whoever needs a setting's words reads
// them later: REDIS_DOWN, UNPRICED_MODELS, BUDGET_EDGE, ENFORCEMENT.
func (c *config) check() error {
	var k boot.Check
	k.OneOf("ABANDONED", c.Abandoned, string(extproc.AbandonedFree), string(extproc.AbandonedInput), string(extproc.AbandonedHold))
	if c.BudgetStatus != 0 {
		boot.Within(&k, "BUDGET_EXCEEDED_STATUS", c.BudgetStatus, 400, 599)
	}
	boot.Within(&k, "BODY_LIMIT", c.BodyLimit, 1, math.MaxInt64)
	k.Positive("LEDGER_DEADLINE", c.Deadline)
	k.NotNegative("DRAIN_TIMEOUT", c.Drain)
	k.NotNegative("DRAIN_DELAY", c.DrainDelay)
	k.NotNegative("PRICE_MAP_EVERY", c.PriceMapEvery)
	k.Address("LISTEN_ADDR", c.ListenAddr)
	k.Address("HTTP_ADDR", c.HTTPAddr)
	return k.Err()
}
