package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
)

// builder makes deployments of entries.
type builder struct {
	*reader
	ids  map[string]value // taken ids and whose they are
	made []made
}

type made struct {
	entry *entry
	d     *policy.Deployment
}

// deployment checks an entry as a whole and adds what it makes.
func (b *builder) deployment(e *entry) {
	r := b.reader
	if e.name == "" {
		r.fail(e.at.missing("model_name"), "is needed: the name that callers use")
	}
	if e.model.null() {
		r.fail(e.at.missing("litellm_params").missing("model"), "is needed: the provider and its name for the model, as in openai/gpt-4o")
		return
	}
	model, ok := r.text(e.model)
	if !ok || e.name == "" || !b.active(e) {
		return
	}
	p, target, ok := r.inferProvider(model, e.provider)
	at := e.model
	if e.provider != "" {
		at = e.providerAt
	}
	switch {
	case !ok:
		b.unknownProvider(at, model)
		return
	case p.why != "":
		r.fail(at, "the provider %s cannot be served: %s", p.name, p.why)
		return
	}
	target = plainTarget(p, target)
	if !b.names(e, target) {
		return
	}
	known, listed := r.known(e, p, target)
	d := &policy.Deployment{
		Model: e.name, Provider: p.name, Target: target,
		MaxInput: first(e.maxInput, known.MaxInput), MaxOutput: first(e.maxOutput, e.maxTokens, known.MaxOutput),
		Mode: first(e.mode, known.Mode), RPM: e.rpm, TPM: e.tpm, Blocked: e.blocked, AccessGroups: e.groups,
	}
	if d.Mode == "" && strings.HasPrefix(target, "rerank-") {
		d.Mode = "rerank"
	}
	end, ok := b.endpoint(e, p, d)
	if !ok {
		return
	}
	d.Format, d.Scheme, d.Host, d.Port, d.PathPrefix, d.Query = end.format, end.scheme, end.host, end.port, end.prefix, end.query
	b.credential(e, p, end, d)
	d.Price = r.price(e, p, d.Host, d.Mode, known, listed)
	if !d.Price.Known && strings.Contains(d.Target, "*") {
		prices, name, host := r.prices, p.name, d.Host
		d.PriceOf = func(target string) policy.Price {
			if found, ok := prices.Lookup(name, target); ok {
				return uplifted(found, host)
			}
			return policy.Unpriced()
		}
	}
	d.ID = b.id(e, d)
	b.upstream(e, d)
	if !d.Price.Known && !strings.Contains(d.Target, "*") {
		r.warn(e.at, "has no known price, so UNPRICED_MODELS decides about its calls: give it one, or a base_model that has")
	}
	b.made = append(b.made, made{e, d})
	r.cfg.Deployments = append(r.cfg.Deployments, d)
}

// show notes entries as people may see them. It comes when every secret is known.
func (b *builder) show() {
	for _, m := range b.made {
		m.d.Info, m.d.Params = b.shown(m.entry.info), b.shown(m.entry.params)
		if m.entry.info.null() {
			m.d.Info = []byte("{}")
		}
	}
}

func first[T comparable](all ...T) T {
	var zero T
	for _, one := range all {
		if one != zero {
			return one
		}
	}
	return zero
}

// active reports whether the entry is meant for this environment.
func (b *builder) active(e *entry) bool {
	if e.places == nil {
		return true
	}
	here, _ := b.lookup("LITELLM_ENVIRONMENT")
	if slices.Contains(e.places, here) {
		return true
	}
	b.warn(e.at, "is left out: it is for other environments than LITELLM_ENVIRONMENT says")
	return false
}

func (b *builder) unknownProvider(at value, model string) {
	if strings.Contains(model, "*") && !strings.Contains(model, "/") {
		b.fail(at, "does not say whose models these are: write openai/* or the like")
		return
	}
	name, _, _ := strings.Cut(model, "/")
	if near := nearest(name, providerNames()); near != "" {
		b.fail(at, "names no provider that is known; did you mean %s/…?", near)
		return
	}
	b.fail(at, "names no provider that is known: write openai/… for a server with OpenAI's API, with its api_base")
}

// plainTarget takes off what LiteLLM puts before a name to say how it is to be called.
func plainTarget(p provider, target string) string {
	for _, how := range []string{"responses/", "o_series/", "gpt5_series/", "chat/", "completion/"} {
		if rest, ok := strings.CutPrefix(target, how); ok && (p.name == "openai" || p.name == "azure") {
			return rest
		}
	}
	return target
}

// names checks the two names of a model and their wildcards.
func (b *builder) names(e *entry, target string) bool {
	bad := func(text string) bool {
		return text == "" || len(text) > 256 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f })
	}
	switch {
	case bad(e.name):
		b.fail(e.at.get("model_name"), "must be 1 to 256 characters, and plain text")
	case bad(target) || strings.ContainsAny(target, " ?#"):
		b.fail(e.model, "must name a model in 1 to 256 characters, without spaces, ? and #")
	case strings.Count(e.name, "*") > 1:
		b.fail(e.at.get("model_name"), "may hold one * only")
	case strings.Count(target, "*") > 1:
		b.fail(e.model, "may hold one * only")
	case strings.Contains(target, "*") && !strings.Contains(e.name, "*"):
		b.fail(e.model, "has a * for which model_name has none")
	default:
		return true
	}
	return false
}

// endpoint finds where calls go: api_base, else a variable, else where the
// provider is.
func (b *builder) endpoint(e *entry, p provider, d *policy.Deployment) (endpoint, bool) {
	at, text := e.base, ""
	if !e.base.null() {
		given, ok := b.text(e.base)
		if !ok {
			return endpoint{}, false
		}
		text = given
	}
	if text == "" {
		at, text = e.model, p.base
		for _, name := range p.bases {
			if found, ok := b.lookup(name); ok && found != "" {
				text = found
				break
			}
		}
	}
	if text == "" {
		b.fail(at, "the model %s needs an api_base: where its server is", strconv.Quote(e.name))
		return endpoint{}, false
	}
	end, err := readBase(text)
	if err != nil {
		b.fail(at, "the address of the server %s", err)
		return endpoint{}, false
	}
	if p.name == "openai" && end.prefix == "" && !e.base.null() {
		b.warnOnce(e.base, "api_base without a path", "calls go to /chat/completions, while most servers want /v1 before it: is it missing?")
	}
	version := e.version
	if version == "" && strings.HasPrefix(p.name, "azure") && p.format == policy.FormatAzure {
		version, _ = b.lookup("AZURE_API_VERSION")
	}
	end.shape(p, d.Target, d.Mode, version)
	return end, true
}

// credential finds what calls are sent with. Where there is none and the
// provider wants one, the model could only fail: that stops the start.
func (b *builder) credential(e *entry, p provider, end endpoint, d *policy.Deployment) {
	d.CredentialHeader = end.header
	from := e.key
	if from.null() && !e.token.null() {
		from, d.CredentialHeader = e.token, "authorization"
	}
	if d.CredentialHeader == "authorization" {
		d.CredentialPrefix = "Bearer "
	}
	if b.keyless {
		return
	}
	if name, is := from.reference(); is {
		if _, set := b.lookup(name); !set {
			b.fail(from, "the environment variable %s is not set, so calls of the model %s would be refused by its provider: set it, or take the model out", printable(name), strconv.Quote(e.name))
			return
		}
	}
	if !from.null() {
		d.Credential, _ = b.secret(from)
	}
	switch {
	case d.Credential != "":
	case e.base.null() || b.own(p, d.Host):
		for _, name := range p.keys {
			if text, ok := b.lookup(name); ok && text != "" {
				d.Credential = policy.Secret(text)
				b.hide(text)
				break
			}
		}
		if d.Credential == "" && !p.free {
			b.fail(e.model, "the model %s has no api_key, and %s is not set", strconv.Quote(e.name), strings.Join(p.keys, " or "))
		}
	case !p.free && p.name != "openai":
		b.fail(e.base, "the model %s has no api_key: %s is sent to the provider's own address only, unless the entry names it", strconv.Quote(e.name), strings.Join(p.keys, " or "))
	}
	if text := d.Credential.Reveal(); !isHeaderValue(text) || strings.TrimSpace(text) != text {
		b.fail(from, "holds what no credential can: a line break or a space at its end")
	}
	if d.Credential == "" {
		d.CredentialHeader, d.CredentialPrefix = "", ""
	}
}

// own reports whether a host is the provider's, so that the provider's
// credential may be sent there unasked.
func (b *builder) own(p provider, host string) bool {
	if end, err := readBase(p.base); err == nil && end.host == host {
		return true
	}
	if p.name == "azure" || p.name == "azure_text" || p.name == "azure_ai" {
		return strings.HasSuffix(host, ".azure.com")
	}
	for _, name := range p.bases {
		if text, ok := b.lookup(name); ok {
			if end, err := readBase(text); err == nil && end.host == host {
				return true
			}
		}
	}
	return p.name == "openai" && strings.HasSuffix(host, ".api.openai.com")
}

// upstream fills in what is set about calls: by the entry, the router, or for all.
func (b *builder) upstream(e *entry, d *policy.Deployment) {
	router, all := &b.cfg.Router, &b.cfg.LiteLLM
	d.Timeout = first(e.timeout, router.Timeout, all.Timeout)
	d.StreamTimeout = first(e.stream, e.timeout, router.StreamTimeout, router.Timeout, all.Timeout)
	d.Retries = first(e.retries, router.Retries, all.Retries)
	if b.keyless {
		return // headers may be credentials, too
	}
	d.Headers = e.headers
	if e.organization != "" && d.Provider == "openai" {
		d.Headers = map[string]policy.Secret{"openai-organization": e.organization}
		for name, text := range e.headers {
			d.Headers[name] = text
		}
	}
	if _, twice := d.Headers[d.CredentialHeader]; twice && d.Credential != "" {
		b.fail(e.at, "sets %s twice: as a header, and by its api_key", d.CredentialHeader)
	}
}
