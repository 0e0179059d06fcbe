// Package boot is what the services have in common at their start: reading the
// configuration, turning it into the policy's settings, and logging.
package boot

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/pricemap"
)

// MasterUserID is whom the master key acts as.
const MasterUserID = "default_user_id"

// Options are the settings that come from the environment instead of config.yaml.
type Options struct {
	ConfigFile     string
	MasterKey      string  // goes before the file's
	UnpricedModels string  // deny, allow or default:<USD per million tokens>
	BudgetEdge     string  // clamp or refuse
	Prices         *Prices // nil: the built-in price map
	Enforcement    string  // enforce or shadow; config.yaml's goes before it
}

// Load reads config.yaml and says what in it has no effect. Without a file there
// are no models, and the master key must come from the environment.
func Load(o Options, log *slog.Logger) (*config.Config, error) {
	var cfg *config.Config
	var err error
	var prices *pricemap.Map
	if o.Prices != nil {
		prices = o.Prices.Map()
	}
	if o.ConfigFile != "" {
		cfg, err = config.LoadPriced(o.ConfigFile, os.LookupEnv, prices)
	} else {
		cfg, err = config.Parse(nil, config.Options{Env: os.LookupEnv, Prices: prices})
	}
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", o.ConfigFile, err)
	}
	for _, w := range cfg.Warnings {
		log.Warn("config: " + w.String())
	}
	if o.MasterKey != "" {
		cfg.MasterKey = policy.Secret(o.MasterKey)
	}
	return cfg, nil
}

// Settings are the proxy-wide rules of a configuration.
func Settings(cfg *config.Config, o Options, started time.Time) (*policy.Settings, error) {
	s := policy.Settings{
		MasterUserID: MasterUserID, Started: started, Unpriced: policy.UnpricedAllow,
		Calendar:       policy.Calendar{Zone: cfg.LiteLLM.TimeZone, Reset: cfg.LiteLLM.BudgetReset},
		CustomerBudget: cfg.LiteLLM.CustomerBudgetID, RequireUser: cfg.General.RequireUser, AllowedIPs: cfg.General.AllowedIPs,
		Limits: policy.Limits{MaxBudget: cfg.MaxBudget, BudgetDuration: cfg.BudgetDuration, MaxParallel: cfg.General.MaxParallel},
	}
	s.AllowedFails, s.Cooldown = 3, cfg.Router.Cooldown
	if n := cfg.Router.AllowedFails; n != nil {
		s.AllowedFails = *n
	}
	if cfg.Router.NoCooldown {
		s.Cooldown = -1
	}
	var err error
	if s.Enforcement, err = policy.ParseEnforcement(cmp.Or(cfg.General.Enforcement, o.Enforcement)); err != nil {
		return nil, fmt.Errorf("ENFORCEMENT: %w", err)
	}
	if s.Identities, err = policy.NewIdentities(cfg.Identity.IdentityConfig); err != nil {
		return nil, err
	}
	if cfg.MasterKey != "" {
		s.HasMasterKey, s.MasterKey = true, policy.HashKey(cfg.MasterKey.Reveal())
	}
	if cfg.LiteLLM.DenyUnpriced {
		s.Unpriced = policy.UnpricedDeny
	}
	switch rule, price, given := strings.Cut(o.UnpricedModels, ":"); rule {
	case "":
	case "allow":
		s.Unpriced = policy.UnpricedAllow
	case "deny":
		s.Unpriced = policy.UnpricedDeny
	case "default":
		// Dollars per million tokens is nano-USD per million, a Rate, as it stands.
		m, err := policy.ParseMoney(price)
		if !given || err != nil || m < 0 {
			return nil, fmt.Errorf("UNPRICED_MODELS=%q: write default:<dollars per million tokens>", o.UnpricedModels)
		}
		p := policy.TokenPrice(policy.Rate(m), policy.Rate(m))
		s.DefaultPrice = &p
	default:
		return nil, fmt.Errorf("UNPRICED_MODELS=%q: it is allow, deny or default:<dollars per million tokens>", o.UnpricedModels)
	}
	switch o.BudgetEdge {
	case "", "clamp":
	case "refuse":
		s.RefuseAtEdge = true
	default:
		return nil, fmt.Errorf("BUDGET_EDGE=%q: it is clamp or refuse", o.BudgetEdge)
	}
	if err := s.Limits.Validate(); err != nil {
		return nil, err
	}
	return s.Compile(), nil
}

// Logger writes text lines for people or JSON for machines.
func Logger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("LOG_LEVEL=%q: it is debug, info, warn or error", level)
		}
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("LOG_FORMAT=%q: it is text or json", format)
}

// ReplicaID tells this process from all others: its host's name and its number there.
func ReplicaID() string {
	host, _ := os.Hostname()
	return host + "-" + strconv.Itoa(os.Getpid())
}
