package extproc

import (
	"strings"

	"github.com/purser/purser/policy"
)

// claimsNamespace is where Envoy's jwt_authn puts the payload of a token it has
// verified. No client can write there.
const claimsNamespace = "envoy.filters.http.jwt_authn"

// peerAttribute is the first URI in the certificate of Envoy's peer: verified, as the
// connection would not be there else.
const peerAttribute = "connection.uri_san_peer_certificate"

// authenticate finds out who calls: by a virtual key; without one, by what Envoy has
// verified of the caller. Whatever looks like a virtual key is judged as one.
func (x *exchange) authenticate(in *inbound, key string, refusal *policy.Refusal) *policy.Refusal {
	if refusal == nil {
		x.keyHash = policy.HashKey(key)
		grant, ok := x.s.cfg.Directory.Resolve(x.keyHash)
		if ok {
			x.grant = grant
			if grant.Key != nil {
				x.keyHash = grant.Key.Hash // an old secret in its grace period is its successor, in the journal as in the counters
			}
			return x.grant.Authenticate(x.started)
		}
		refusal = unknownKey(key, x.keyHash)
		if strings.HasPrefix(key, "sk-") {
			return refusal
		}
	}
	caller, known, ok := x.identity(in)
	switch {
	case ok:
		x.grant = x.s.cfg.Directory.ResolveCaller(caller)
		x.keyHash = caller.Hash
		return x.grant.Authenticate(x.started)
	case known:
		x.keyHash = policy.KeyHash{}
		return &policy.Refusal{Code: policy.CodeUnmappedIdentity, Message: "Authentication Error, " + caller.Name + " is verified, but no rule says who that is here"}
	}
	return refusal
}

// identity is the caller as Envoy has verified it, its token before its certificate.
func (x *exchange) identity(in *inbound) (c policy.Caller, known, ok bool) {
	ids := x.s.cfg.Directory.Settings().Identities
	if ids == nil {
		return c, false, false
	}
	for _, claims := range readClaims(in.claims) {
		if c, known, ok = ids.OfClaims(claims); known {
			return c, known, ok
		}
	}
	return ids.OfPeer(in.attrs[peerAttribute], in.headers.get("x-forwarded-client-cert"))
}
