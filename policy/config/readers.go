package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a bare machine has no time zones

	"github.com/purser/purser/policy"
)

// limit reads a whole number, of at least least.
func (r *reader) limit(v value, least int64) *int64 {
	n, ok := r.whole(v, least)
	if !ok {
		return nil
	}
	return &n
}

// count reads a small whole number.
func (r *reader) count(v value) *int {
	n, ok := r.whole(v, 0)
	if ok && n > 1000 {
		r.fail(v, "must be at most 1000")
		ok = false
	}
	if !ok {
		return nil
	}
	m := int(n)
	return &m
}

// header reads the name of a header, in lower case.
func (r *reader) header(v value) string {
	name, ok := r.text(v)
	if !ok {
		return ""
	}
	if !isHeader(name) {
		r.fail(v, "must be the name of a header")
		return ""
	}
	return strings.ToLower(name)
}

func isHeader(name string) bool {
	const others = "!#$%&'*+-.^_`|~"
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(others, c))
	})
}

func readAllowedIPs(r *reader, c *Config, v value) {
	texts, ok := r.texts(v)
	if !ok {
		return
	}
	if len(texts) == 0 {
		r.fail(v, "an empty list lets nobody in; leave it out to let everybody in")
	}
	for i, text := range texts {
		if _, err := netip.ParseAddr(text); err == nil {
			continue
		}
		if _, err := netip.ParsePrefix(text); err != nil {
			r.fail(v.items[i], "must be an address or a range such as 10.0.0.0/8")
		}
	}
	c.General.AllowedIPs = texts
}

func readUserHeaders(r *reader, c *Config, v value) {
	for _, item := range r.list(v) {
		fields, ok := r.object(item)
		if !ok {
			continue
		}
		var h UserHeader
		for _, f := range fields {
			switch f.name {
			case "header_name":
				h.Name = r.header(f.value)
			case "litellm_user_role":
				h.Role, _ = r.text(f.value)
				if h.Role != "customer" && h.Role != "internal_user" {
					r.fail(f.value, "must be customer or internal_user")
				}
			default:
				r.fail(f.value, "unknown; a mapping has header_name and litellm_user_role")
			}
		}
		if !item.has("header_name") || !item.has("litellm_user_role") {
			r.fail(item, "needs header_name and litellm_user_role")
		}
		c.General.UserHeaders = append(c.General.UserHeaders, h)
	}
}

func readFailClosed(r *reader, c *Config, v value) {
	closed, _ := r.flag(v)
	c.General.FailClosed = c.General.FailClosed || closed
}

func readTimeZone(r *reader, c *Config, v value) {
	name, ok := r.text(v)
	if !ok || name == "" {
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		r.fail(v, `must be a time zone such as "Europe/Berlin" or "UTC"`)
		return
	}
	c.LiteLLM.TimeZone = zone
}

func readResetTime(r *reader, c *Config, v value) {
	text, ok := r.text(v)
	if !ok {
		return
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		r.fail(v, `must be a time of day such as "06:30"`)
		return
	}
	c.LiteLLM.BudgetReset = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

func readExceededStatus(r *reader, c *Config, v value) {
	n, ok := r.whole(v, 0)
	if ok && (n < 400 || n > 599) {
		r.fail(v, "must be the status of an error: 400 to 599")
		return
	}
	c.LiteLLM.BudgetExceededStatus = int(n)
}

func readUserBudget(r *reader, c *Config, v value) {
	m, ok := r.money(v)
	if ok && (c.LiteLLM.UserBudget == nil || v.at.name == "max_internal_user_budget") {
		c.LiteLLM.UserBudget = &m
	}
}

// bounds are what upperbound_key_generate_params may bound.
var bounds = []string{"max_budget", "budget_duration", "duration", "max_parallel_requests", "tpm_limit", "rpm_limit"}

func boundNames() string { return strings.Join(bounds, ", ") }

func readKeyBounds(r *reader, c *Config, v value) {
	fields, _ := r.object(v)
	for _, f := range fields {
		if !slices.Contains(bounds, f.name) && !f.value.null() {
			r.fail(f.value, "cannot be bounded; what can is %s", boundNames())
		}
	}
	c.LiteLLM.KeyBounds = r.defaults(v)
}

// defaults reads fields of the API, and checks those whose kind is known. It
// returns them as JSON.
func (r *reader) defaults(v value) []byte {
	fields, ok := r.object(v)
	if !ok {
		return nil
	}
	for _, f := range fields {
		if f.value.null() {
			continue
		}
		switch f.name {
		case "max_budget", "soft_budget":
			r.money(f.value)
		case "budget_duration", "duration":
			r.duration(f.value)
		case "max_parallel_requests", "tpm_limit", "rpm_limit":
			r.whole(f.value, 0)
		case "models", "guardrails", "tags", "allowed_routes":
			r.texts(f.value)
		}
		if f.name == "guardrails" && len(f.value.items) > 0 {
			r.fail(f.value, "is not supported: %s", noGuardrails)
		}
	}
	return r.json(v)
}

func readAliases(r *reader, c *Config, v value) {
	fields, _ := r.object(v)
	for _, f := range fields {
		target, hidden := f.value, false
		if f.value.kind == object {
			target = f.value.get("model")
			if h := f.value.get("hidden"); !h.null() {
				hidden, _ = r.flag(h)
			}
		}
		if target.null() {
			r.fail(f.value, "needs the name of a model")
			continue
		}
		name, ok := r.text(target)
		if !ok {
			continue
		}
		if f.name == "" || name == "" {
			r.fail(f.value, "a name is empty")
			continue
		}
		if c.Aliases == nil {
			c.Aliases = map[string]string{}
		}
		c.Aliases[f.name] = name
		if hidden {
			if c.HiddenAlias == nil {
				c.HiddenAlias = map[string]bool{}
			}
			c.HiddenAlias[f.name] = true
		}
	}
}

// checkAliases warns of aliases that lead to no model of the file. There may be
// one in the database.
func (r *reader) checkAliases(root value) {
	for _, f := range root.get("router_settings").get("model_group_alias").fields {
		to, ok := r.cfg.Aliases[f.name]
		if ok && !slices.ContainsFunc(r.cfg.Deployments, func(d *policy.Deployment) bool { return policy.Match(d.Model, to) }) {
			r.warn(f.value, "no model of this file has the name it stands for")
		}
	}
}

// readRedis puts the address together out of the parts there are: it is called
// for each of them, in any order.
func readRedis(r *reader, c *Config, v value) {
	part := &r.redis
	text := r.optional(v)
	if v.at.name == "redis_url" || v.at.name == "redis_password" {
		r.hide(text)
	}
	switch v.at.name {
	case "redis_url":
		part.url = text
	case "redis_host":
		part.host = text
	case "redis_port":
		part.port = text
	case "redis_password":
		part.password = text
	case "redis_db":
		part.db = text
	}
	for _, digits := range []string{part.port, part.db} {
		if n, err := strconv.ParseUint(digits, 10, 16); digits != "" && (err != nil || n > 65535) {
			r.fail(v, "must be a whole number")
			return
		}
	}
	c.Router.RedisURL = policy.Secret(part.address())
}

// redisParts are the router's redis_… settings.
type redisParts struct{ url, host, port, password, db string }

func (p redisParts) address() string {
	if p.url != "" || p.host == "" {
		return p.url
	}
	u := url.URL{Scheme: "redis", Host: p.host, Path: p.db}
	if p.port != "" {
		u.Host = net.JoinHostPort(p.host, p.port)
	}
	if p.password != "" {
		u.User = url.UserPassword("", p.password)
	}
	return u.String()
}

func readStrategy(r *reader, _ *Config, v value) {
	if text, ok := r.text(v); ok && text != "simple-shuffle" {
		r.warn(v, "is read as simple-shuffle: deployments are chosen by order and weight")
	}
}

func readPreCallChecks(r *reader, _ *Config, v value) {
	texts, _ := r.texts(v)
	for i, text := range texts {
		switch text {
		case "router_budget_limiting":
			r.fail(v.items[i], "is not supported: there are no budgets of deployments")
		case "enforce_model_rate_limits":
			r.warn(v.items[i], "not needed: a deployment's own rpm and tpm always hold")
		default:
			r.warn(v.items[i], "has no effect: deployments are chosen by order and weight")
		}
	}
}

// denying are the callbacks that refuse or limit requests.
var denying = []string{
	"presidio", "llamaguard_moderations", "hide_secrets", "openai_moderations", "lakera_prompt_injection", "aporia_prompt_injection",
	"google_text_moderation", "llmguard_moderations", "blocked_user_check", "banned_keywords", "detect_prompt_injection",
	"azure_content_safety", "dynamic_rate_limiter", "dynamic_rate_limiter_v3",
}

// readCallbacks refuses callbacks that limit or deny; of the others one warning
// says that they are not called.
func readCallbacks(r *reader, _ *Config, v value) {
	items := v.items
	if v.kind != list {
		items = []value{v}
	}
	quiet, why := len(items) > 0, noCallbacks
	for _, item := range items {
		text, ok := r.text(item)
		switch {
		case ok && slices.Contains(denying, text):
			r.fail(item, "%s is not supported, and must not be ignored: %s", text, noGuardrails)
			quiet = false
		case strings.Contains(text, "."):
			why = noHooks + ", so what it logs, changes or refuses does not happen"
		}
	}
	if quiet {
		r.warn(v, "has no effect: %s", why)
	}
}
