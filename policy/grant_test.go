package policy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestResolve(t *testing.T) {
	c := newCompany()
	c.member = &policy.Membership{}
	g := c.grant(t, "sk-test")
	if g.Master || g.Key == nil || g.Team == nil || g.Member == nil || g.Project == nil || g.Organization == nil || g.User == nil || g.Settings == nil {
		t.Errorf("%+v, want every level", g)
	}
	if _, ok := c.directory().Resolve(policy.HashKey("sk-other")); ok {
		t.Error("an unknown key resolves")
	}
	if _, ok := c.directory().Resolve(policy.KeyHash{}); ok {
		t.Error("the zero hash resolves")
	}

	c.key.TeamID, c.key.UserID = "", ""
	g = c.grant(t, "sk-test")
	if g.Team == nil || g.Organization == nil || g.Member != nil || g.User != nil {
		t.Errorf("%+v, want the project's team and its organization, and no user", g)
	}
	c.key.OrganizationID = "other"
	if g = c.grant(t, "sk-test"); g.Organization != nil {
		t.Errorf("organization %q, want the key's own, which there is not", g.Organization.ID)
	}
	c.key = policy.Key{Hash: c.key.Hash}
	if g = c.grant(t, "sk-test"); g.Team != nil || g.Project != nil || g.Organization != nil || g.User != nil {
		t.Errorf("%+v, want a key alone", g)
	}

	// An old secret in its grace period is the new key, until then; where that is gone, so is it.
	next := policy.Key{Hash: policy.HashKey("sk-next")}
	d := c.directory()
	d.Put(&policy.Key{Hash: policy.HashKey("sk-old"), Successor: next.Hash, RevokedAt: now.Add(1)})
	if _, ok := d.Resolve(policy.HashKey("sk-old")); ok {
		t.Error("an old secret outlives its successor")
	}
	d.Put(&next)
	old, ok := d.Resolve(policy.HashKey("sk-old"))
	if !ok || old.Key.Hash != next.Hash || old.Authenticate(now) != nil {
		t.Errorf("%+v, want the key that took its place", old)
	}
	if r := old.Authenticate(now.Add(1)); r == nil || r.Code != policy.CodeExpiredKey {
		t.Errorf("after its grace period: %v", r)
	}

	m := c.grant(t, masterKey)
	if !m.Master || m.Key != nil || m.Authenticate(now) != nil || m.Admit("/v1/chat/completions", "1.2.3.4") != nil {
		t.Errorf("%+v, want the master key, which may do everything", m)
	}
	c.settings.HasMasterKey = false
	if _, ok := c.directory().Resolve(policy.HashKey(masterKey)); ok {
		t.Error("the master key resolves where there is none")
	}
	c.settings.MasterKey = policy.KeyHash{}
	if _, ok := c.directory().Resolve(policy.KeyHash{}); ok {
		t.Error("the zero hash is the master key where there is none")
	}
}

func TestAuthenticate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*company)
		code   policy.Code // "": allowed
		scope  policy.ScopeKind
	}{
		{"a key", func(*company) {}, "", 0},
		{"a key alone", func(c *company) { c.key = policy.Key{Hash: c.key.Hash} }, "", 0},
		{"a blocked key", func(c *company) { c.key.Blocked = true }, policy.CodeKeyBlocked, policy.ScopeKey},
		{"a key that expires now", func(c *company) { c.key.Expires = now }, policy.CodeExpiredKey, policy.ScopeKey},
		{"a key that expires in a nanosecond", func(c *company) { c.key.Expires = now.Add(1) }, "", 0},
		{"an old key whose grace period is over", func(c *company) { c.key.RevokedAt = now }, policy.CodeExpiredKey, policy.ScopeKey},
		{"an old key within its grace period", func(c *company) { c.key.RevokedAt = now.Add(1) }, "", 0},
		{"a blocked team", func(c *company) { c.team.Blocked = true }, policy.CodeTeamBlocked, policy.ScopeTeam},
		{"the project's team is blocked", func(c *company) { c.key.TeamID, c.team.Blocked = "", true }, policy.CodeTeamBlocked, policy.ScopeTeam},
		{"a blocked project", func(c *company) { c.project.Blocked = true }, policy.CodeProjectBlocked, policy.ScopeProject},
		{"a blocked user, with a team's key", func(c *company) { c.user.Blocked = true }, policy.CodeUserBlocked, policy.ScopeUser},
		{"a team there is not", func(c *company) { c.key.TeamID = "gone" }, policy.CodeTeamBlocked, policy.ScopeTeam},
		{"a project there is not", func(c *company) { c.key.ProjectID = "gone" }, policy.CodeProjectBlocked, policy.ScopeProject},
		{"a project whose team there is not", func(c *company) { c.key.TeamID, c.project.TeamID = "", "gone" }, policy.CodeTeamBlocked, policy.ScopeTeam},
		{"a user nobody made: ids may come from elsewhere", func(c *company) { c.key.UserID = "gone" }, "", 0},
		{"blocked goes before expired", func(c *company) { c.key.Blocked, c.key.Expires = true, now.Add(-time.Hour) }, policy.CodeKeyBlocked, policy.ScopeKey},
	} {
		company := newCompany()
		c.change(company)
		got := company.grant(t, "sk-test").Authenticate(now)
		switch {
		case c.code == "" && got != nil:
			t.Errorf("%s: refused: %v", c.name, got)
		case c.code != "" && (got == nil || got.Code != c.code || got.Scope.Kind != c.scope || got.Message == ""):
			t.Errorf("%s: %+v, want %s of the %s", c.name, got, c.code, c.scope)
		}
	}
	if got := new(policy.Grant).Authenticate(now); got == nil || got.Code != policy.CodeUnknownKey {
		t.Errorf("the zero Grant: %+v, want refused: it is nobody", got)
	}
}

func TestRouteAllowed(t *testing.T) {
	for _, c := range []struct {
		allowed string // by commas
		path    string
		llm     bool
		want    bool
	}{
		{"", "/v1/chat/completions", true, true},
		{"llm_api_routes", "/v1/chat/completions", true, true}, {"llm_api_routes", "/key/generate", false, false},
		{"openai_routes", "/embeddings", true, true}, {"anthropic_routes", "/v1/messages", true, true}, {"anthropic_routes", "/v1/chat/completions", true, false},
		{"management_routes", "/key/generate", false, true}, {"management_routes", "/v1/chat/completions", true, false},
		{"info_routes", "/key/info", false, true}, {"info_routes", "/team/list", false, true}, {"info_routes", "/key/generate", false, false}, {"info_routes", "/v1/chat/completions", true, false},
		{"/v1/chat/completions", "/v1/chat/completions", true, true}, {"/chat/completions", "/v1/chat/completions", true, true}, {"/v1/chat/completions", "/chat/completions", true, true},
		{"/chat", "/chat/completions", true, false}, {"/chat/*", "/v1/chat/completions", true, true}, {"/v1/*", "/v1/embeddings", true, true}, {"/v1/*", "/embeddings", true, true},
		{"/embeddings,/chat/completions", "/chat/completions", true, true}, {"/embeddings", "/chat/completions", true, false}, {"nonsense", "/chat/completions", true, false},
	} {
		var allowed []string
		if c.allowed != "" {
			allowed = strings.Split(c.allowed, ",")
		}
		if got := policy.RouteAllowed(allowed, c.path, c.llm); got != c.want {
			t.Errorf("%q for %s: %v", c.allowed, c.path, got)
		}
	}
}

func TestAdmit(t *testing.T) {
	c := newCompany()
	c.key.AllowedRoutes, c.key.AllowedIPs = []string{"/v1/embeddings"}, []string{"10.0.0.1"}
	g := c.grant(t, "sk-test")
	if r := g.Admit("/v1/embeddings", "10.0.0.1"); r != nil {
		t.Errorf("refused: %v", r)
	}
	if r := g.Admit("/v1/chat/completions", "10.0.0.1"); r == nil || r.Code != policy.CodeRouteDenied || !strings.Contains(r.Message, "/v1/embeddings") {
		t.Errorf("another route: %v", r)
	}
	for _, ip := range []string{"10.0.0.2", "10.0.0.10", ""} {
		if r := g.Admit("/v1/embeddings", ip); r == nil || r.Code != policy.CodeIPDenied {
			t.Errorf("from %q: %v", ip, r)
		}
	}
}

func TestAllowedAddresses(t *testing.T) {
	for _, c := range []struct {
		list, ip string // the list by commas
		want     bool
	}{
		{"", "1.2.3.4", true}, {"", "", true}, {"10.0.0.1", "10.0.0.1", true}, {"10.0.0.1", "10.0.0.2", false}, {"10.0.0.1", "", false}, {"10.0.0.1", "10.0.0.1:80", false},
		{"1.1.1.1,10.0.0.0/8", "10.200.3.4", true}, {"10.0.0.0/8", "11.0.0.1", false}, {"10.0.0.77/24", "10.0.0.1", true}, {"0.0.0.0/0", "9.9.9.9", true}, {"0.0.0.0/0", "::1", false},
		{"10.0.0.0/8", "::ffff:10.0.0.1", true}, {"::ffff:10.0.0.1", "10.0.0.1", true}, {"2001:db8::/32", "2001:db8::1", true}, {"2001:DB8::1", "2001:db8:0::1", true}, {"2001:db8::/32", "2001:db9::1", false},
		{"nonsense", "10.0.0.1", false}, {"10.0.0.0/33", "10.0.0.1", false}, {"nonsense,10.0.0.1", "10.0.0.1", true}, {"*", "10.0.0.1", false},
	} {
		var list []string
		if c.list != "" {
			list = strings.Split(c.list, ",")
		}
		ofKey, ofProxy := newCompany(), newCompany()
		ofKey.key.AllowedIPs, ofProxy.settings.AllowedIPs = list, list
		for name, g := range map[string]*policy.Grant{"key": ofKey.grant(t, "sk-test"), "proxy": ofProxy.grant(t, "sk-test"), "proxy, for the master key": ofProxy.grant(t, masterKey)} {
			if r := g.Admit("/v1/chat/completions", c.ip); (r == nil) != c.want || r != nil && r.Code != policy.CodeIPDenied {
				t.Errorf("%q of the %s, from %q: %v", c.list, name, c.ip, r)
			}
		}
		if r := ofKey.grant(t, masterKey).Admit("/v1/chat/completions", c.ip); r != nil {
			t.Errorf("%q of a key, for the master key: %v", c.list, r)
		}
	}
}

func TestResolveModel(t *testing.T) {
	for _, c := range []struct {
		name                     string
		team, key, proxy         map[string]string
		final, names, namesAbove string
	}{
		{"no aliases", nil, nil, nil, "gpt-4", "gpt-4", "gpt-4"},
		{"the team's", map[string]string{"gpt-4": "a"}, nil, nil, "a", "gpt-4 a", "a"},
		{"the key's", nil, map[string]string{"gpt-4": "a"}, nil, "a", "gpt-4 a", "a"},
		{"the proxy's: either name will do, the admin gave both", nil, nil, map[string]string{"gpt-4": "a"}, "a", "gpt-4 a", "gpt-4 a"},
		{"one after the other", map[string]string{"gpt-4": "a"}, map[string]string{"a": "b"}, map[string]string{"b": "c"}, "c", "gpt-4 a b c", "b c"},
		{"each is followed once", map[string]string{"gpt-4": "a", "a": "b"}, nil, nil, "a", "gpt-4 a", "a"},
		{"to itself", map[string]string{"gpt-4": "gpt-4"}, nil, nil, "gpt-4", "gpt-4", "gpt-4"},
		{"round in circles", map[string]string{"gpt-4": "a"}, map[string]string{"a": "gpt-4"}, nil, "gpt-4", "gpt-4 a gpt-4", "gpt-4"},
	} {
		company := newCompany()
		company.team.Aliases, company.key.Aliases, company.aliases = c.team, c.key, c.proxy
		final, names, above := company.grant(t, "sk-test").ResolveModel("gpt-4")
		if final != c.final || strings.Join(names, " ") != c.names || strings.Join(above, " ") != c.namesAbove {
			t.Errorf("%s: %s, %q, above %q; want %s, %s, above %s", c.name, final, names, above, c.final, c.names, c.namesAbove)
		}
	}
}

// Whatever aliases a team and a key have: the model that serves a call is one that
// every level's list allows.
func TestAliasesWidenNothing(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	rnd := rand.New(rand.NewPCG(8, 8))
	some := func() map[string]string {
		m := map[string]string{}
		for range rnd.IntN(4) {
			m[names[rnd.IntN(4)]] = names[rnd.IntN(4)]
		}
		return m
	}
	passed := 0
	for range 3000 {
		c := newCompany()
		c.models = nil
		for _, n := range names {
			c.models = append(c.models, deployment("d-"+n, n))
		}
		c.team.Aliases, c.key.Aliases = some(), some()
		lists := map[string][]string{}
		for _, l := range levels(c) {
			if l.scope.Kind == policy.ScopeTag || rnd.IntN(2) == 0 {
				continue
			}
			for range 1 + rnd.IntN(3) {
				lists[l.name] = append(lists[l.name], names[rnd.IntN(4)])
			}
			l.rules(c).Models = lists[l.name]
		}
		d := c.decide(t, model(names[rnd.IntN(4)]))
		if d.Refusal != nil {
			continue
		}
		passed++
		for name, list := range lists {
			if name != "key" && !slices.Contains(list, d.Model.Name) {
				t.Fatalf("%s serves the call; the %s allows %q. Team's aliases %v, key's %v", d.Model.Name, name, list, c.team.Aliases, c.key.Aliases)
			}
		}
	}
	if passed < 300 {
		t.Errorf("only %d of 3000 passed: the test tests little", passed)
	}
}
