package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Identities maps callers that hold no key, but whom Envoy has verified, to who
// they are here. It is immutable once made.
type Identities struct {
	issuers []issuer
	hops    []*regexp.Regexp
	spiffe  []identityRule
}

// IdentityConfig is what Identities are made of: rules, of which the first that
// matches counts.
type IdentityConfig struct {
	JWT    []JWTIdentity
	SPIFFE SPIFFEIdentity
}

// JWTIdentity is how the tokens of one issuer are read.
type JWTIdentity struct {
	Issuer string // equal to the token's iss
	Rules  []IdentityRule
}

// SPIFFEIdentity is how the mesh's certificates are read.
type SPIFFEIdentity struct {
	// TrustedHops are patterns of SPIFFE ids whose x-forwarded-client-cert is believed:
	// those of the mesh's gateways. Nobody else's is.
	TrustedHops []string
	Rules       []IdentityRule
}

// IdentityRule turns what was verified into ids. A pattern holds * for any run of
// characters and {name} for one without a slash, which templates may use; so may
// they a claim by its path, {realm.team}.
type IdentityRule struct {
	// Match are patterns by claim, all of which must match; of a list one element
	// must. For SPIFFE the only one is "id".
	Match map[string]string
	// User, Team and Project are templates; "" for none. A rule whose template cannot
	// be filled does not match.
	User, Team, Project string
}

// Caller is whom rules made of an identity.
type Caller struct {
	Name                      string // of the identity, as rows and people know it
	Hash                      KeyHash
	UserID, TeamID, ProjectID string
}

type issuer struct {
	name  string
	rules []identityRule
}

type identityRule struct {
	match []claimPattern
	to    [3]string // user, team, project
}

type claimPattern struct {
	claim string
	*regexp.Regexp
}

// NewIdentities compiles the rules; nil where there are none. Its error is an
// *Invalid whose Field is the setting at fault.
func NewIdentities(cfg IdentityConfig) (*Identities, error) {
	if len(cfg.JWT) == 0 && len(cfg.SPIFFE.Rules) == 0 {
		return nil, nil
	}
	out := &Identities{}
	for i, j := range cfg.JWT {
		field := fmt.Sprintf("jwt[%d]", i)
		if j.Issuer == "" {
			return nil, invalid(field+".issuer", "issuer is missing")
		}
		rules, err := compileRules(field, j.Rules, "")
		if err != nil {
			return nil, err
		}
		out.issuers = append(out.issuers, issuer{j.Issuer, rules})
	}
	for i, hop := range cfg.SPIFFE.TrustedHops {
		re, err := pattern(hop)
		if err != nil || !strings.HasPrefix(hop, "spiffe://") {
			return nil, invalid(fmt.Sprintf("spiffe.trusted_hops[%d]", i), "a hop is a pattern of SPIFFE ids such as spiffe://cluster.local/ns/istio-system/sa/*")
		}
		out.hops = append(out.hops, re)
	}
	var err error
	out.spiffe, err = compileRules("spiffe", cfg.SPIFFE.Rules, "id")
	return out, err
}

// compileRules compiles rules whose only claim is one, or any where that is "".
func compileRules(field string, rules []IdentityRule, only string) ([]identityRule, error) {
	if len(rules) == 0 && only == "" {
		return nil, invalid(field+".rules", "without a rule nobody is known")
	}
	var out []identityRule
	for i, r := range rules {
		at := fmt.Sprintf("%s.rules[%d]", field, i)
		compiled := identityRule{to: [3]string{r.User, r.Team, r.Project}}
		names := map[string]bool{}
		for _, claim := range sortedKeys(r.Match) {
			re, err := pattern(r.Match[claim])
			if err != nil {
				return nil, invalid(at+".match", "%q is no pattern: %v", r.Match[claim], err)
			}
			for _, n := range re.SubexpNames() {
				names[n] = true
			}
			compiled.match = append(compiled.match, claimPattern{claim, re})
		}
		if only != "" && len(compiled.match) != 1 {
			return nil, invalid(at+".match", "match is a pattern of SPIFFE ids")
		}
		if r.User == "" && r.Team == "" && r.Project == "" {
			return nil, invalid(at, "names no user, team or project")
		}
		for _, t := range compiled.to {
			for _, name := range templateNames(t) {
				if name == "" || only != "" && !names[name] {
					return nil, invalid(at, "{%s} stands for nothing in the pattern", name)
				}
			}
		}
		out = append(out, compiled)
	}
	return out, nil
}

var inBraces = regexp.MustCompile(`\{([^{}]*)\}`)

// pattern compiles one: * is any run, {name} a run without slashes.
func pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, fmt.Errorf("it is empty")
	}
	var b strings.Builder
	literal := func(s string) { b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, ".*")) }
	b.WriteString("(?s)^")
	last := 0
	for _, m := range inBraces.FindAllStringSubmatchIndex(text, -1) {
		literal(text[last:m[0]])
		fmt.Fprintf(&b, "(?P<%s>[^/]+)", text[m[2]:m[3]])
		last = m[1]
	}
	literal(text[last:])
	b.WriteString("$")
	return regexp.Compile(b.String())
}

func templateNames(t string) (names []string) {
	for _, m := range inBraces.FindAllStringSubmatch(t, -1) {
		names = append(names, m[1])
	}
	return names
}

// OfClaims finds who a verified token names. known is whether an issuer of ours
// made it; ok whether a rule matched.
func (i *Identities) OfClaims(claims map[string]any) (c Caller, known, ok bool) {
	if i == nil {
		return c, false, false
	}
	iss, _ := claims["iss"].(string)
	sub, _ := claims["sub"].(string)
	for _, is := range i.issuers {
		if is.name != iss {
			continue
		}
		c.Name = "jwt:" + sub
		// No key a client can send has this hash: keys are never stored under it.
		c.Hash = HashKey("\x00jwt\x00" + iss + "\x00" + sub)
		ok = c.fill(is.rules, func(path string) []string { return claimAt(claims, path) })
		return c, true, ok
	}
	return c, false, false
}

// OfPeer finds who a connection with a verified client certificate is: its own
// SPIFFE id or, of a trusted hop, the last one in x-forwarded-client-cert that is
// no trusted hop's. known is whether there was a SPIFFE id at all.
func (i *Identities) OfPeer(peer, xfcc string) (c Caller, known, ok bool) {
	if i == nil || len(i.spiffe) == 0 || !strings.HasPrefix(peer, "spiffe://") {
		return c, false, false
	}
	id := peer
	if i.trusts(peer) {
		// A hop is never the caller itself: else whoever came to a gateway without a
		// certificate would be the gateway.
		id = ""
		chain := ForwardedURIs(xfcc)
		for k := len(chain) - 1; k >= 0 && chain[k] != ""; k-- {
			if !i.trusts(chain[k]) {
				id = chain[k]
				break
			}
		}
	}
	if !validID(id) {
		return c, false, false
	}
	c.Name, c.Hash = id, HashKey("\x00spiffe\x00"+id)
	ok = c.fill(i.spiffe, func(string) []string { return []string{id} })
	return c, true, ok
}

// Forwarded reports whether x-forwarded-client-cert is ever looked at.
func (i *Identities) Forwarded() bool { return i != nil && len(i.hops) > 0 }

func (i *Identities) trusts(id string) bool {
	for _, h := range i.hops {
		if h.MatchString(id) {
			return true
		}
	}
	return false
}

// fill takes ids from the first rule that matches.
func (c *Caller) fill(rules []identityRule, claim func(path string) []string) bool {
next:
	for _, r := range rules {
		named := map[string]string{}
		for _, p := range r.match {
			if !p.among(claim(p.claim), named) {
				continue next
			}
		}
		var ids [3]string
		for k, t := range r.to {
			id, ok := expand(t, named, claim)
			if !ok {
				continue next
			}
			ids[k] = id
		}
		c.UserID, c.TeamID, c.ProjectID = ids[0], ids[1], ids[2]
		return true
	}
	return false
}

// among reports whether one of the values matches, and notes what it named.
func (p claimPattern) among(values []string, named map[string]string) bool {
	for _, v := range values {
		found := p.FindStringSubmatch(v)
		if found == nil {
			continue
		}
		for k, name := range p.SubexpNames() {
			if name != "" {
				named[name] = found[k]
			}
		}
		return true
	}
	return false
}

// expand fills a template; false where it cannot be, or makes no id.
func expand(template string, named map[string]string, claim func(string) []string) (string, bool) {
	if template == "" {
		return "", true
	}
	ok := true
	id := inBraces.ReplaceAllStringFunc(template, func(m string) string {
		name := m[1 : len(m)-1]
		if v, has := named[name]; has {
			return v
		}
		if values := claim(name); len(values) == 1 {
			return values[0]
		}
		ok = false
		return ""
	})
	return id, ok && validID(id)
}

func validID(id string) bool {
	return id != "" && len(id) <= 256 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// claimAt lists the texts a claim holds. A claim whose name has dots goes before a
// path of them.
func claimAt(claims map[string]any, path string) []string {
	v, ok := claims[path]
	if !ok {
		head, rest, deeper := strings.Cut(path, ".")
		inner, is := claims[head].(map[string]any)
		if !deeper || !is {
			return nil
		}
		return claimAt(inner, rest)
	}
	switch v := v.(type) {
	case string:
		return []string{v}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case bool:
		return []string{strconv.FormatBool(v)}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// ResolveCaller finds who a caller without a key is. Authenticate and all that
// follows treat it as a key without limits of its own.
func (d *Directory) ResolveCaller(c Caller) Grant {
	k := &Key{Hash: c.Hash, Name: c.Name, Alias: c.Name, UserID: c.UserID, TeamID: c.TeamID, ProjectID: c.ProjectID}
	g := d.grantOf(k)
	g.Identity = c.Name
	return g
}

// checkIdentity refuses an identity that leads to nobody there is.
func (g *Grant) checkIdentity() *Refusal {
	if g.Team == nil && g.Project == nil && g.User == nil {
		return &Refusal{Code: CodeUnmappedIdentity, Message: "Authentication Error, " + g.Identity + " is verified, but who it is mapped to does not exist"}
	}
	if p := g.Project; p != nil && g.Key.TeamID != "" && p.TeamID != g.Key.TeamID {
		return &Refusal{Code: CodeUnmappedIdentity, Message: "Authentication Error, " + g.Identity + " is mapped to a project that is not of its team"}
	}
	return nil
}
