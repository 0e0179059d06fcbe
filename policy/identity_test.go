package policy

import (
	"errors"
	"testing"
)

func identities(t *testing.T) *Identities {
	t.Helper()
	ids, err := NewIdentities(IdentityConfig{
		JWT: []JWTIdentity{{Issuer: "https://idp", Rules: []IdentityRule{
			{Match: map[string]string{"groups": "llm-{team}", "aud": "purser"}, User: "{sub}", Team: "{team}"},
			{Match: map[string]string{"realm.kind": "service"}, Project: "{realm.project}"},
		}}},
		SPIFFE: SPIFFEIdentity{
			TrustedHops: []string{"spiffe://cluster.local/ns/istio-system/sa/*"},
			Rules: []IdentityRule{
				{Match: map[string]string{"id": "spiffe://cluster.local/ns/batch/sa/{account}"}, Team: "batch", User: "{account}"},
				{Match: map[string]string{"id": "spiffe://cluster.local/ns/{namespace}/sa/*"}, Team: "{namespace}"},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestClaimsNameACaller(t *testing.T) {
	ids := identities(t)
	for _, tc := range []struct {
		behaviour string
		claims    map[string]any
		known, ok bool
		want      Caller
	}{
		{"a group is the team", map[string]any{"iss": "https://idp", "sub": "ann", "aud": "purser", "groups": []any{"x", "llm-travel"}}, true, true, Caller{UserID: "ann", TeamID: "travel"}},
		{"every claim of a rule must match", map[string]any{"iss": "https://idp", "sub": "ann", "aud": "other", "groups": "llm-travel"}, true, false, Caller{}},
		{"a claim within a claim", map[string]any{"iss": "https://idp", "realm": map[string]any{"kind": "service", "project": "p1"}}, true, true, Caller{ProjectID: "p1"}},
		{"a claim whose name has a dot", map[string]any{"iss": "https://idp", "realm.kind": "service", "realm.project": 7.0}, true, true, Caller{ProjectID: "7"}},
		{"a template that cannot be filled", map[string]any{"iss": "https://idp", "realm": map[string]any{"kind": "service"}}, true, false, Caller{}},
		{"an id no store could hold", map[string]any{"iss": "https://idp", "realm": map[string]any{"kind": "service", "project": "a\nb"}}, true, false, Caller{}},
		{"of a list of two nobody knows which", map[string]any{"iss": "https://idp", "realm": map[string]any{"kind": "service", "project": []any{"a", "b"}}}, true, false, Caller{}},
		{"a pattern's name has no slash", map[string]any{"iss": "https://idp", "sub": "ann", "aud": "purser", "groups": "llm-a/b"}, true, false, Caller{}},
		{"another issuer", map[string]any{"iss": "https://else", "sub": "ann", "aud": "purser", "groups": "llm-travel"}, false, false, Caller{}},
		{"no claims", nil, false, false, Caller{}},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			c, known, ok := ids.OfClaims(tc.claims)
			if known != tc.known || ok != tc.ok {
				t.Fatalf("known %v, ok %v", known, ok)
			}
			if c.UserID != tc.want.UserID || c.TeamID != tc.want.TeamID || c.ProjectID != tc.want.ProjectID {
				t.Errorf("got %+v, want %+v", c, tc.want)
			}
		})
	}
}

func TestACertificateNamesACaller(t *testing.T) {
	ids := identities(t)
	const gateway, web = "spiffe://cluster.local/ns/istio-system/sa/gateway", "spiffe://cluster.local/ns/web/sa/shop"
	for _, tc := range []struct {
		behaviour, peer, xfcc string
		known, ok             bool
		team, user            string
	}{
		{"its own", web, "", true, true, "web", ""},
		{"the first rule counts", "spiffe://cluster.local/ns/batch/sa/nightly", "", true, true, "batch", "nightly"},
		{"no certificate: what the header says is made up", "", "URI=" + web, false, false, "", ""},
		{"not a trusted hop: what it forwards is made up", web, "URI=spiffe://cluster.local/ns/batch/sa/nightly", true, true, "web", ""},
		{"a trusted hop's client", gateway, "URI=" + web, true, true, "web", ""},
		{"the last hop has added itself", gateway, "URI=" + web + ",By=x;URI=" + gateway, true, true, "web", ""},
		{"the client forged an element before its own", gateway, "URI=spiffe://cluster.local/ns/batch/sa/a,URI=" + web, true, true, "web", ""},
		{"a trusted hop's client without a certificate", gateway, "", false, false, "", ""},
		{"an element without a URI hides what is before it", gateway, `URI=` + web + `,Subject="CN=x"`, false, false, "", ""},
		{"an element that cannot be read", gateway, `URI=` + web + `,Subject="CN=x`, false, false, "", ""},
		{"another trust domain", "spiffe://elsewhere/ns/web/sa/shop", "", true, false, "", ""},
		{"no SPIFFE id", "https://cluster.local/ns/web/sa/shop", "", false, false, "", ""},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			c, known, ok := ids.OfPeer(tc.peer, tc.xfcc)
			if known != tc.known || ok != tc.ok || c.TeamID != tc.team || c.UserID != tc.user {
				t.Errorf("got %+v, known %v, ok %v", c, known, ok)
			}
		})
	}
	var none *Identities
	if _, known, _ := none.OfPeer(web, ""); known {
		t.Error("without rules nobody is known")
	}
}

func TestIdentityRulesAreChecked(t *testing.T) {
	rule := IdentityRule{Match: map[string]string{"sub": "*"}, Team: "t"}
	for _, tc := range []struct {
		field string
		cfg   IdentityConfig
	}{
		{"jwt[0].issuer", IdentityConfig{JWT: []JWTIdentity{{Rules: []IdentityRule{rule}}}}},
		{"jwt[0].rules", IdentityConfig{JWT: []JWTIdentity{{Issuer: "i"}}}},
		{"jwt[0].rules[0]", IdentityConfig{JWT: []JWTIdentity{{Issuer: "i", Rules: []IdentityRule{{Match: rule.Match}}}}}},
		{"jwt[0].rules[0]", IdentityConfig{JWT: []JWTIdentity{{Issuer: "i", Rules: []IdentityRule{{Team: "{}"}}}}}},
		{"jwt[0].rules[0].match", IdentityConfig{JWT: []JWTIdentity{{Issuer: "i", Rules: []IdentityRule{{Match: map[string]string{"sub": "{a b}"}, Team: "t"}}}}}},
		{"spiffe.rules[0]", IdentityConfig{SPIFFE: SPIFFEIdentity{Rules: []IdentityRule{{Match: map[string]string{"id": "spiffe://a/{b}"}, Team: "{c}"}}}}},
		{"spiffe.rules[0].match", IdentityConfig{SPIFFE: SPIFFEIdentity{Rules: []IdentityRule{{Team: "t"}}}}},
		{"spiffe.trusted_hops[0]", IdentityConfig{SPIFFE: SPIFFEIdentity{TrustedHops: []string{"*"}, Rules: []IdentityRule{{Match: map[string]string{"id": "*"}, Team: "t"}}}}},
	} {
		_, err := NewIdentities(tc.cfg)
		var bad *Invalid
		if !errors.As(err, &bad) || bad.Field != tc.field {
			t.Errorf("want an error in %s, got %v", tc.field, err)
		}
	}
	if ids, err := NewIdentities(IdentityConfig{}); ids != nil || err != nil {
		t.Errorf("no rules: %v, %v", ids, err)
	}
}

func TestWhoAnIdentityIs(t *testing.T) {
	d := NewDirectory(Settings{}.Compile(), NewCatalog(nil, nil))
	d.Put(&Team{ID: "travel"})
	d.Put(&Team{ID: "closed", Blocked: true})
	d.Put(&Project{ID: "p1", TeamID: "travel"})
	d.Put(&User{ID: "ann"})
	for _, tc := range []struct {
		behaviour string
		caller    Caller
		want      Code
	}{
		{"a team", Caller{TeamID: "travel"}, ""},
		{"a project brings its team", Caller{ProjectID: "p1"}, ""},
		{"a user alone", Caller{UserID: "ann"}, ""},
		{"a user nobody made, in a team", Caller{UserID: "bob", TeamID: "travel"}, ""},
		{"a user nobody made, alone", Caller{UserID: "bob"}, CodeUnmappedIdentity},
		{"a team nobody made", Caller{TeamID: "else"}, CodeTeamBlocked},
		{"a blocked team", Caller{TeamID: "closed"}, CodeTeamBlocked},
		{"a project of another team", Caller{TeamID: "closed", ProjectID: "p1"}, CodeUnmappedIdentity},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			tc.caller.Name = "jwt:x"
			g := d.ResolveCaller(tc.caller)
			r := g.Authenticate(d.Settings().Started)
			if got := codeOf(r); got != tc.want {
				t.Errorf("got %q (%v), want %q", got, r, tc.want)
			}
		})
	}
}

func codeOf(r *Refusal) Code {
	if r == nil {
		return ""
	}
	return r.Code
}
