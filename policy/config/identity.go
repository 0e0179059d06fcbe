package config

import (
	"errors"
	"net/url"

	"github.com/purser/purser/policy"
)

// Identity is the section identity: who callers without a key are. It is Purser's
// own; LiteLLM has none.
type Identity struct {
	policy.IdentityConfig
	// Providers are where the keys of each issuer are, for purser envoy-config. A mesh
	// that verifies tokens itself needs none.
	Providers []JWTProvider
}

// JWTProvider is where Envoy gets an issuer's keys.
type JWTProvider struct {
	Issuer            string
	Audiences         []string
	JWKSURI, JWKSFile string
}

func readIdentity(r *reader, c *Config, v value) {
	fields, _ := r.object(v)
	for _, f := range fields {
		switch f.name {
		case "jwt":
			for _, item := range r.list(f.value) {
				r.jwtIssuer(c, item)
			}
		case "spiffe":
			r.spiffe(c, f.value)
		default:
			r.fail(f.value, "unknown; identity has jwt and spiffe")
		}
	}
	if _, err := policy.NewIdentities(c.Identity.IdentityConfig); err != nil {
		var bad *policy.Invalid
		if errors.As(err, &bad) {
			r.fail(v, "%s: %s", bad.Field, bad.Message)
		}
	}
}

func (r *reader) jwtIssuer(c *Config, v value) {
	var j policy.JWTIdentity
	var p JWTProvider
	fields, _ := r.object(v)
	for _, f := range fields {
		switch f.name {
		case "issuer":
			j.Issuer, _ = r.text(f.value)
		case "audiences":
			p.Audiences, _ = r.texts(f.value)
		case "jwks_uri":
			p.JWKSURI, _ = r.text(f.value)
			if u, err := url.Parse(p.JWKSURI); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				r.fail(f.value, "must be the address of the issuer's keys: https://…")
			}
		case "jwks_file":
			p.JWKSFile, _ = r.text(f.value)
		case "rules":
			j.Rules = r.identityRules(f.value, "")
		default:
			r.fail(f.value, "unknown; an issuer has issuer, audiences, jwks_uri or jwks_file, and rules")
		}
	}
	if p.JWKSURI != "" && p.JWKSFile != "" {
		r.fail(v, "has both jwks_uri and jwks_file")
	}
	c.Identity.JWT = append(c.Identity.JWT, j)
	if p.JWKSURI != "" || p.JWKSFile != "" {
		p.Issuer = j.Issuer
		c.Identity.Providers = append(c.Identity.Providers, p)
	}
}

func (r *reader) spiffe(c *Config, v value) {
	fields, _ := r.object(v)
	for _, f := range fields {
		switch f.name {
		case "trusted_hops":
			c.Identity.SPIFFE.TrustedHops, _ = r.texts(f.value)
		case "rules":
			c.Identity.SPIFFE.Rules = r.identityRules(f.value, "id")
		default:
			r.fail(f.value, "unknown; spiffe has trusted_hops and rules")
		}
	}
}

// identityRules reads rules; where only names the one claim there is, match is its pattern.
func (r *reader) identityRules(v value, only string) (out []policy.IdentityRule) {
	for _, item := range r.list(v) {
		rule := policy.IdentityRule{Match: map[string]string{}}
		fields, _ := r.object(item)
		for _, f := range fields {
			switch f.name {
			case "match":
				if only != "" {
					rule.Match[only], _ = r.text(f.value)
					continue
				}
				claims, _ := r.object(f.value)
				for _, claim := range claims {
					rule.Match[claim.name], _ = r.text(claim.value)
				}
			case "user":
				rule.User, _ = r.text(f.value)
			case "team":
				rule.Team, _ = r.text(f.value)
			case "project":
				rule.Project, _ = r.text(f.value)
			default:
				r.fail(f.value, "unknown; a rule has match, user, team and project")
			}
		}
		out = append(out, rule)
	}
	return out
}
