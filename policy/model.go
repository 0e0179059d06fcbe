package policy

import (
	"slices"
	"strings"
	"time"
)

// Format names the API format a deployment speaks.
type Format string

// The formats.
const (
	FormatOpenAI    Format = "openai"    // OpenAI's paths and bodies, and everything compatible with them
	FormatAzure     Format = "azure"     // OpenAI's bodies behind /openai/deployments/{name}
	FormatAnthropic Format = "anthropic" // /v1/messages
	FormatGemini    Format = "gemini"    // /v1beta/models/{name}:generateContent
	FormatCohere    Format = "cohere"    // rerank in Cohere's and Jina's shape
)

// Secret is a credential. It prints as "***", so that no log can carry it.
type Secret string

func (Secret) String() string { return "***" }

// GoString keeps %#v from printing it.
func (Secret) GoString() string { return `policy.Secret("***")` }

// MarshalJSON keeps JSON from printing it; Reveal is the only way out.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// Reveal is the credential itself.
func (s Secret) Reveal() string { return string(s) }

// Deployment is one place a model is served at.
type Deployment struct {
	ID       string // stable: model_info.id, else derived from what it is
	Model    string // the public name it serves, as in the configuration
	Provider string // "openai", "anthropic", …, as LiteLLM calls it
	Format   Format
	Target   string // the provider's own name for the model; "*" passes the matched part on

	Scheme     string // "http" or "https"
	Host       string // DNS name or address
	Port       int
	PathPrefix string // of api_base, without a final slash: "/v1", "/openai/deployments/x"
	Query      string // appended to the path: "api-version=2023-07-01-preview"

	CredentialHeader string // "authorization", "x-api-key", "api-key", "x-goog-api-key"
	CredentialPrefix string // "Bearer "
	Credential       Secret // "" where none is sent

	Price Price
	// PriceOf prices the models behind a wildcard target by the provider's name; nil
	// where Price is the price of all.
	PriceOf   func(target string) Price `json:"-"`
	MaxInput  int64                     // tokens; 0: not known
	MaxOutput int64                     // tokens; 0: not known
	Mode      string
	Encoding  string // tokenizer; "" is o200k_base

	Weight   int    // share among deployments of one priority; 0 counts as 1
	Priority int    // lower is tried first
	RPM, TPM *int64 // what the provider allows this deployment in a rolling minute; nil: no limit

	Headers       map[string]Secret // sent with each call besides the credential, names in lower case
	Timeout       time.Duration     // of a whole call; 0: no limit
	StreamTimeout time.Duration     // of a streaming call, until its reply begins; 0: no limit
	Retries       *int              // further attempts after a failure to connect; nil: Envoy's own

	Blocked bool
	Stored  bool // kept in the database, not in the configuration file

	AccessGroups []string
	Info         []byte // model_info as configured, JSON, secrets out
	Params       []byte // litellm_params as configured, JSON, secrets masked
}

// Cluster is the name of the Envoy cluster that reaches the deployment.
func (d *Deployment) Cluster() string { return "llm-" + d.ID }

// Model is a public name and the deployments behind it.
type Model struct {
	Name        string
	Deployments []*Deployment
	Groups      []string // access groups it is in, each once, in order of appearance
	Worst       Price    // Dearest over the deployments
	MaxOutput   int64    // the largest of the deployments; 0: not known
}

// Catalog is the table of models: immutable once made, swapped whole.
type Catalog struct {
	names     []string // exact and wildcard names in configured order
	exact     map[string]*Model
	wildcards []*Model // longest literal first
	aliases   map[string]string
	groups    map[string][]string // access group → model names
}

// NewCatalog makes the table from deployments in configured order and the
// proxy-wide aliases (public name → public name).
func NewCatalog(deployments []*Deployment, aliases map[string]string) *Catalog {
	c := &Catalog{exact: map[string]*Model{}, aliases: aliases, groups: map[string][]string{}}
	for _, d := range deployments {
		m := c.exact[d.Model]
		if m == nil {
			m = &Model{Name: d.Model}
			c.exact[d.Model] = m
			c.names = append(c.names, d.Model)
		}
		m.Deployments = append(m.Deployments, d)
		m.MaxOutput = max(m.MaxOutput, d.MaxOutput)
		for _, g := range d.AccessGroups {
			if !slices.Contains(m.Groups, g) {
				m.Groups = append(m.Groups, g)
			}
			if !slices.Contains(c.groups[g], d.Model) {
				c.groups[g] = append(c.groups[g], d.Model)
			}
		}
	}
	for _, name := range c.names {
		m := c.exact[name]
		prices := make([]Price, len(m.Deployments))
		for i, d := range m.Deployments {
			prices[i] = d.Price
		}
		m.Worst = Dearest(prices...)
		if strings.Contains(name, "*") {
			c.wildcards = append(c.wildcards, m)
		}
	}
	slices.SortStableFunc(c.wildcards, func(a, b *Model) int { return literal(b.Name) - literal(a.Name) })
	return c
}

func literal(pattern string) int { return len(pattern) - strings.Count(pattern, "*") }

// Names lists the public names, wildcards included, in configured order.
func (c *Catalog) Names() []string { return c.names }

// Group lists the models of an access group; nil where there is none of that name.
func (c *Catalog) Group(name string) []string { return c.groups[name] }

// Aliases is the proxy-wide alias table. Callers must not change it.
func (c *Catalog) Aliases() map[string]string { return c.aliases }

// Find returns the model that serves a public name: the exact one, else the
// most literal wildcard that matches it.
func (c *Catalog) Find(name string) (*Model, bool) {
	if m, ok := c.exact[name]; ok {
		return m, true
	}
	for _, m := range c.wildcards {
		if Match(m.Name, name) {
			return m, true
		}
	}
	return nil, false
}

// Match reports whether name matches a pattern in which each * stands for any
// text, the empty one included.
func Match(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		part, more, wild := strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}

// TargetFor is the provider's name for a model asked for as name: Target, with
// its * standing for what the public pattern's * matched.
func (d *Deployment) TargetFor(name string) string {
	if !strings.Contains(d.Target, "*") {
		return d.Target
	}
	prefix, suffix, _ := strings.Cut(d.Model, "*")
	middle := strings.TrimSuffix(strings.TrimPrefix(name, prefix), suffix)
	return strings.Replace(d.Target, "*", middle, 1)
}

// PriceAt is what the deployment charges for a model asked for as name.
func (d *Deployment) PriceAt(name string) Price {
	if d.PriceOf != nil && !d.Price.Known {
		return d.PriceOf(d.TargetFor(name))
	}
	return d.Price
}

// Prices lists what the model's deployments charge for a name it was asked for by.
func (m *Model) Prices(name string) []Price {
	out := make([]Price, len(m.Deployments))
	for i, d := range m.Deployments {
		out[i] = d.PriceAt(name)
	}
	return out
}

// Special entries of a model list.
const (
	AllProxyModels  = "all-proxy-models"
	AllTeamModels   = "all-team-models"
	NoDefaultModels = "no-default-models"
)

// Allows reports whether a model list admits a public name: an empty list, "*",
// "all-proxy-models" and (on a key, whose team is asked too) "all-team-models"
// admit all; else an exact name, a wildcard, or an access group the model is in.
func (c *Catalog) Allows(list []string, name string) bool {
	if len(list) == 0 {
		return true
	}
	var groups []string
	if m, ok := c.Find(name); ok {
		groups = m.Groups
	}
	for _, entry := range list {
		switch {
		case entry == name, entry == "*", entry == AllProxyModels, entry == AllTeamModels:
			return true
		case slices.Contains(groups, entry):
			return true
		case strings.Contains(entry, "*") && Match(entry, name):
			return true
		}
	}
	return false
}
