package config

import (
	"slices"
	"strings"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/pricemap"
)

// context is what of a file holds for entries from elsewhere, too.
type context struct {
	made        []made // the file's deployments, with the entries they were made of
	opts        Options
	prices      *pricemap.Map
	environ     map[string]string
	credentials map[string]value
	secrets     []string
	adjust      adjustment
	files       []File
}

// Stored is a compiled model of the database.
type Stored struct {
	Deployment *policy.Deployment
	Warnings   []Warning

	made made
}

// sealedPrefix begins what MapSecrets' caller has sealed, wherever it stands.
const sealedPrefix = "sealed:"

// Compile makes a deployment of a stored model, by the rules of this file's entries:
// its prices, discounts, credential_list and variables hold. open opens what is
// sealed; where it is nil, credentials are not needed here, and the deployment has
// none. The error is a *policy.Invalid that names the field: "litellm_params.model".
func (c *Config) Compile(m *policy.StoredModel, open func(id, text string) (string, error)) (*Stored, error) {
	stood := c.base()
	r := &reader{
		opts: stood.opts, prices: stood.prices, cfg: &Config{Router: c.Router, LiteLLM: c.LiteLLM}, environ: stood.environ, adjust: stood.adjust, secrets: slices.Clone(stood.secrets),
		said: map[string]bool{}, counts: map[string]int{}, once: map[string]value{}, keyless: open == nil,
	}
	if r.prices == nil {
		r.prices = pricemap.Default()
	}
	top := &place{}
	root := value{kind: object, at: top, fields: []field{
		{"model_name", value{kind: scalar, tag: "!!str", text: m.Name, at: &place{parent: top, name: "model_name"}}},
	}}
	for _, part := range []struct {
		name string
		data []byte
	}{{"litellm_params", m.Params}, {"model_info", m.Info}} {
		if len(part.data) == 0 {
			continue
		}
		at := &place{parent: top, name: part.name}
		v, err := parseJSON(part.data, at)
		switch {
		case err != nil:
			return nil, &policy.Invalid{Field: part.name, Message: part.name + " " + err.Error()}
		case v.kind != object:
			return nil, &policy.Invalid{Field: part.name, Message: part.name + " must be a mapping"}
		}
		root.fields = append(root.fields, field{part.name, r.opened(v, m.ID, open)})
	}
	info := root.get("model_info")
	info.fields = slices.DeleteFunc(slices.Clone(info.fields), func(f field) bool { return f.name == "id" })
	for i := range root.fields {
		if root.fields[i].name == "model_info" {
			root.fields[i].value = info
		}
	}
	b := &builder{reader: r, ids: map[string]value{}}
	if e := r.entry(root, stood.credentials); e != nil && len(r.errs) == 0 {
		b.deployment(e)
	}
	if len(r.errs) > 0 {
		first := r.errs[0]
		return nil, &policy.Invalid{Field: first.Path, Message: first.Path + " " + first.Message}
	}
	if len(b.made) == 0 {
		return nil, &policy.Invalid{Field: "model_info.supported_environments", Message: "model_info.supported_environments leaves this environment out"}
	}
	b.show()
	r.adjustPrices()
	one := b.made[0]
	one.d.ID, one.d.Stored, one.d.Blocked = m.ID, true, one.d.Blocked || m.Blocked
	if r.keyless {
		one.d.Credential = ""
	}
	return &Stored{Deployment: one.d, Warnings: r.cfg.Warnings, made: one}, nil
}

// With lists the file's deployments and then stored ones, as they serve together:
// shares among those of one name are worked out over both. What is listed is new each
// time; a stored model with the id of one of the file's is left out.
func (c *Config) With(stored []*Stored) []*policy.Deployment {
	all := slices.Clone(c.base().made)
	ids := map[string]bool{}
	for _, m := range all {
		ids[m.d.ID] = true
	}
	for _, s := range stored {
		if !ids[s.Deployment.ID] {
			ids[s.Deployment.ID] = true
			all = append(all, s.made)
		}
	}
	out := make([]*policy.Deployment, len(all))
	for i := range all {
		d := *all[i].d
		d.Weight, d.Priority = 0, 0
		all[i].d, out[i] = &d, &d
	}
	weigh(all)
	return out
}

// base is what a file that was parsed left; a Config made by hand has nothing.
func (c *Config) base() *context {
	if c.stood == nil {
		return &context{}
	}
	return c.stood
}

// Files lists what Load read: the file and those it includes, as they were then.
func (c *Config) Files() []File { return c.base().files }

// Has reports whether the file has a deployment of this id.
func (c *Config) Has(id string) bool {
	return slices.ContainsFunc(c.base().made, func(m made) bool { return m.d.ID == id })
}

// opened is a value with what is sealed in it opened. It refuses references to
// variables that are not meant for providers: who may add a model may not read the
// process's other secrets by sending them to a server of his.
func (r *reader) opened(v value, id string, open func(id, text string) (string, error)) value {
	switch v.kind {
	case list:
		for i := range v.items {
			v.items[i] = r.opened(v.items[i], id, open)
		}
	case object:
		for i := range v.fields {
			v.fields[i].value = r.opened(v.fields[i].value, id, open)
		}
	case scalar:
		if name, is := v.reference(); is {
			if _, own := r.environ[name]; !own && !forProviders(name) {
				r.fail(v, "refers to a variable that is not for providers: its name must end in _API_KEY, _API_BASE, _BASE_URL, _API_VERSION or _AD_TOKEN")
			}
			return v
		}
		if !strings.HasPrefix(v.text, sealedPrefix) {
			break
		}
		if open == nil {
			v.text = "unopened"
			break
		}
		text, err := open(id, v.text)
		if err != nil {
			r.fail(v, "cannot be read: it is %v", err)
			break
		}
		v.text = text
		r.hide(text)
	}
	return v
}

func forProviders(name string) bool {
	return slices.ContainsFunc([]string{"_API_KEY", "_API_BASE", "_BASE_URL", "_API_VERSION", "_AD_TOKEN"}, func(end string) bool { return strings.HasSuffix(name, end) })
}
