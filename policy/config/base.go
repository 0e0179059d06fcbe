package config

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
)

// endpoint is where calls of a deployment go.
type endpoint struct {
	format policy.Format
	scheme string
	host   string
	port   int
	prefix string
	query  string
	header string // of the credential
}

// readBase reads an api_base. Its errors hold nothing of it: people paste keys
// into the wrong line.
func readBase(text string) (endpoint, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return endpoint{}, errors.New("is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return endpoint{}, errors.New("must begin with http:// or https://")
	case u.User != nil:
		return endpoint{}, errors.New("must not hold a user name or password; the credential goes into api_key")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return endpoint{}, errors.New("must not hold a #")
	case u.Opaque != "" || !isHost(u.Hostname()):
		return endpoint{}, errors.New("needs the name or address of a host")
	}
	e := endpoint{
		scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: 80,
		prefix: strings.TrimRight(u.EscapedPath(), "/"), query: u.RawQuery,
	}
	if u.Scheme == "https" {
		e.port = 443
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		e.port, err = strconv.Atoi(p)
		if err != nil || e.port < 1 || e.port > 65535 {
			return endpoint{}, errors.New("has a port that is none")
		}
	}
	if strings.ContainsFunc(e.prefix+e.query, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return endpoint{}, errors.New("must be plain ASCII without spaces")
	}
	return e, nil
}

func isHost(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	return !strings.ContainsFunc(host, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == ':')
	})
}

// cut takes the first of several ends off the path that it has.
func (e *endpoint) cut(ends ...string) {
	for _, end := range ends {
		if rest, ok := strings.CutSuffix(e.prefix, end); ok {
			e.prefix = rest
			return
		}
	}
}

// azureVersion is the API version asked for where nothing says another.
const azureVersion = "2025-02-01-preview"

// shape makes of an address what the provider's API needs: which format is
// spoken there, and what stands before the format's own path. For
// policy.FormatOpenAI that is all before /chat/completions; for FormatAnthropic
// what is before /v1/messages; for FormatGemini before /v1beta; for
// FormatCohere before /v1/rerank and /v2/rerank.
func (e *endpoint) shape(p provider, target, mode, version string) {
	e.format, e.header = p.format, p.header
	if e.header == "" {
		e.header = "authorization"
	}
	if mode == "rerank" && p.format == policy.FormatOpenAI {
		e.format = policy.FormatCohere
	}
	switch {
	case p.format == policy.FormatAzure:
		e.azure(target, version)
		return
	case p.name == "azure_ai":
		e.azureAI(target, version)
	case p.name == "cohere" && e.format == policy.FormatCohere && e.host == "api.cohere.ai":
		e.host = "api.cohere.com" // rerank is not among the compatible paths
		e.cut("/compatibility/v1")
	}
	switch e.format {
	case policy.FormatOpenAI:
		e.cut("/chat/completions")
	case policy.FormatAnthropic:
		e.cut("/v1/messages", "/v1")
	case policy.FormatGemini:
		e.cut("/v1beta", "/v1")
	case policy.FormatCohere:
		e.cut("/rerank")
		e.cut("/v1", "/v2")
	}
}

// azure knows two kinds of address: by deployment and version, and the newer
// one that is OpenAI's but for its credential.
func (e *endpoint) azure(target, version string) {
	e.cut("/chat/completions")
	if strings.HasSuffix(e.prefix, "/openai/v1") || slices.Contains([]string{"v1", "latest", "preview"}, version) {
		e.format = policy.FormatOpenAI
		e.cut("/openai/v1", "/openai")
		e.prefix += "/openai/v1"
		if version == "preview" || version == "latest" {
			e.ask("api-version", "preview")
		}
		return
	}
	if before, name, ok := strings.Cut(e.prefix, "/openai/deployments/"); ok {
		name, _, _ = strings.Cut(name, "/") // the rest is the path of one operation
		e.prefix = before + "/openai/deployments/" + name
	} else {
		e.cut("/openai")
		e.prefix += "/openai/deployments/" + escape(target)
	}
	if version == "" {
		version = azureVersion
	}
	e.ask("api-version", version)
}

// azureAI tells a Foundry resource, where models share one path and Anthropic's
// have their own, from a deployment of one model.
func (e *endpoint) azureAI(target, version string) {
	resource := strings.HasSuffix(e.host, ".services.ai.azure.com") || strings.HasSuffix(e.host, ".openai.azure.com")
	if resource {
		e.header = "api-key"
	}
	if strings.HasPrefix(target, "claude-") {
		e.format, e.header = policy.FormatAnthropic, "x-api-key"
		e.cut("/anthropic/v1/messages", "/anthropic", "/models/chat/completions", "/models")
		e.prefix += "/anthropic"
		return
	}
	e.cut("/chat/completions")
	if resource && e.prefix == "" {
		e.prefix = "/models"
	}
	if version != "" {
		e.ask("api-version", version)
	}
}

// ask adds a parameter to the query, unless the address has it.
func (e *endpoint) ask(name, text string) {
	if values, err := url.ParseQuery(e.query); err == nil && values.Has(name) {
		return
	}
	if e.query != "" {
		e.query += "&"
	}
	e.query += name + "=" + url.QueryEscape(text)
}

// escape makes a path segment of a name, but leaves the * that stands for one.
func escape(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2A", "*")
}
