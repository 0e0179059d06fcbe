package main

import (
	"time"

	"github.com/purser/purser/cmd/boot"
)

// config is read from the environment. A variable NAME may also be given as
// NAME_FILE, the path of a file that holds it.
type config struct {
	DatabaseURL       string        `env:"DATABASE_URL,notEmpty"`                   // PostgreSQL
	DatabaseDirectURL string        `env:"DATABASE_DIRECT_URL"`                     // for LISTEN, where DATABASE_URL is a pooler
	RedisURL          string        `env:"REDIS_URL"`                               // the journal that extprocs write; empty: they write to PostgreSQL
	StateDir          string        `env:"STATE_DIR"`                               // a copy of the stored models, for a start while PostgreSQL is away; the price map's last good copy; empty: none
	ReplicaID         string        `env:"REPLICA_ID"`                              // default: host name and process
	ConfigFile        string        `env:"CONFIG_FILE"`                             // config.yaml in LiteLLM's format
	MasterKey         string        `env:"LITELLM_MASTER_KEY"`                      // before the file's
	ListenAddr        string        `env:"LISTEN_ADDR" envDefault:"127.0.0.1:9001"` // HTTP, for Envoy
	MetricsAddr       string        `env:"METRICS_ADDR"`                            // HTTP, for Prometheus: /metrics; empty: nowhere
	XDSAddr           string        `env:"XDS_ADDR"`                                // gRPC, for Envoys that get their clusters here; empty: none do
	XDSCert           string        `env:"XDS_TLS_CERT"`                            // PEM file of its certificate
	XDSKey            string        `env:"XDS_TLS_KEY"`                             // PEM file of its key
	XDSClientCA       string        `env:"XDS_TLS_CLIENT_CA"`                       // PEM file of the authority of the Envoys' certificates
	XDSInsecure       bool          `env:"XDS_INSECURE"`                            // plain text beyond this host: where a mesh looks after it
	SaltKey           string        `env:"SALT_KEY"`                                // seals stored credentials; default the master key
	LiteLLMSaltKey    string        `env:"LITELLM_SALT_KEY"`                        // the same, after SALT_KEY
	ExtprocURL        string        `env:"EXTPROC_URL"`                             // its HTTP address, for /limits and /policy/simulate; more with commas
	UIUsername        string        `env:"UI_USERNAME" envDefault:"admin"`          // signs in as the master key's holder
	UIPassword        string        `env:"UI_PASSWORD"`                             // with this password; default the master key
	SessionLife       time.Duration `env:"SESSION_DURATION" envDefault:"24h"`       // of who signed in
	PriceMap          string        `env:"PRICE_MAP"`                               // as for extproc
	LiteLLMPriceMap   string        `env:"LITELLM_MODEL_COST_MAP_URL"`              // the same, after PRICE_MAP
	PriceMapEvery     time.Duration `env:"PRICE_MAP_EVERY"`                         // as for extproc
	TeamListFormat    string        `env:"TEAM_LIST_FORMAT" envDefault:"object"`    // object, as documented, or LiteLLM's array
	UnpricedModels    string        `env:"UNPRICED_MODELS" envDefault:"allow"`      // as for extproc
	Enforcement       string        `env:"ENFORCEMENT"`                             // shadow: decide and record, refuse nothing; default enforce
	BudgetEdge        string        `env:"BUDGET_EDGE" envDefault:"clamp"`          // as for extproc
	TrustForwarded    bool          `env:"TRUST_FORWARDED" envDefault:"true"`       // Envoy in front appends the caller's address
	TrustedHops       int           `env:"TRUSTED_HOPS" envDefault:"0"`             // proxies in front of that Envoy whose entries are believed as well: its xff_num_trusted_hops
	AddressHeader     string        `env:"CLIENT_ADDRESS_HEADER"`                   // where Envoy tells the caller's address: x-purser-client-address of purser envoy-config; default x-forwarded-for
	DrainDelay        time.Duration `env:"DRAIN_DELAY" envDefault:"500ms"`          // unready, and each answer closes its connection, for so long before the drain starts
	Drain             time.Duration `env:"DRAIN_TIMEOUT" envDefault:"10s"`          // for requests under way at SIGTERM
	WriteBarrier      time.Duration `env:"WRITE_BARRIER" envDefault:"1s"`           // a write is answered when every extproc has applied it, or after so long
	SpendLogRetention string        `env:"SPEND_LOG_RETENTION"`                     // drop rows of requests older than this, as in 90d; default config.yaml's, else kept
	LogFormat         string        `env:"LOG_FORMAT" envDefault:"text"`            // text or json
	LogLevel          string        `env:"LOG_LEVEL" envDefault:"info"`             // debug, info, warn, error
}

// check refuses what can be read and means nothing. Whoever needs a setting's words reads
// them later: UNPRICED_MODELS, BUDGET_EDGE, ENFORCEMENT, SPEND_LOG_RETENTION.
func (c *config) check() error {
	var k boot.Check
	k.OneOf("TEAM_LIST_FORMAT", c.TeamListFormat, "object", "array")
	boot.Within(&k, "TRUSTED_HOPS", c.TrustedHops, 0, 64)
	k.Positive("SESSION_DURATION", c.SessionLife)
	k.NotNegative("DRAIN_TIMEOUT", c.Drain)
	k.NotNegative("DRAIN_DELAY", c.DrainDelay)
	k.NotNegative("PRICE_MAP_EVERY", c.PriceMapEvery)
	k.Address("LISTEN_ADDR", c.ListenAddr)
	k.Address("METRICS_ADDR", c.MetricsAddr)
	k.Address("XDS_ADDR", c.XDSAddr)
	k.URLs("EXTPROC_URL", c.ExtprocURL)
	return k.Err()
}
