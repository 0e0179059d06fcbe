package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Grant is one caller fully resolved: the key and everything above it, as they
// stood at one moment. The zero Grant is nobody.
type Grant struct {
	Master       bool // the master key: no limits but those of proxy, customer and tags
	Key          *Key
	Old          *Key // the key that was presented, where another took its place; nil else
	Team         *Team
	Member       *Membership // nil where the user has no limits of its own in the team
	Project      *Project
	Organization *Organization
	User         *User
	Settings     *Settings
	Identity     string // of a caller without a key: Key is then made up for it

	directory *Directory
}

// Resolve finds who a key's hash belongs to.
func (d *Directory) Resolve(h KeyHash) (Grant, bool) {
	s := d.Settings()
	g := Grant{Settings: s, directory: d}
	if s.HasMasterKey && h.Equal(s.MasterKey) {
		g.Master = true
		return g, true
	}
	k, ok := d.keys.get(h)
	if !ok {
		return Grant{}, false
	}
	presented := k
	if k.Successor != (KeyHash{}) {
		// In its grace period an old secret is another name of the new one: it shares
		// its budgets and limits, and what is changed of it.
		if k, ok = d.keys.get(k.Successor); !ok {
			return Grant{}, false
		}
	}
	g = d.grantOf(k)
	if !presented.RevokedAt.IsZero() {
		g.Old = presented
	}
	return g, true
}

// grantOf resolves everything above a key.
func (d *Directory) grantOf(k *Key) Grant {
	g := Grant{Settings: d.Settings(), Key: k, directory: d}
	g.Project, _ = d.projects.get(k.ProjectID)
	g.Team, _ = d.teams.get(g.teamID())
	g.User, _ = d.users.get(k.UserID)
	organization := k.OrganizationID
	if organization == "" && g.Team != nil {
		organization = g.Team.OrganizationID
	}
	g.Organization, _ = d.organizations.get(organization)
	if g.Team != nil && k.UserID != "" {
		g.Member, _ = d.members.get(MemberID(g.Team.ID, k.UserID))
	}
	return g
}

// teamID is the key's team: its own, else its project's.
func (g *Grant) teamID() string {
	if g.Key.TeamID == "" && g.Project != nil {
		return g.Project.TeamID
	}
	return g.Key.TeamID
}

// Authenticate refuses keys that may not be used at all, before anything is
// read of the request but its headers.
func (g *Grant) Authenticate(now time.Time) *Refusal {
	if g.Master {
		return nil
	}
	deny := func(code Code, scope Scope, format string, args ...any) *Refusal {
		return &Refusal{Code: code, Scope: scope, Message: "Authentication Error, " + fmt.Sprintf(format, args...)}
	}
	k := g.Key
	if k == nil {
		return deny(CodeUnknownKey, Scope{Kind: ScopeKey}, "Invalid proxy server token passed")
	}
	switch scope := (Scope{ScopeKey, k.Hash.String()}); {
	case k.Blocked:
		return deny(CodeKeyBlocked, scope, "Key is blocked. Unblock it with /key/unblock")
	case g.Old != nil && !now.Before(g.Old.RevokedAt):
		return deny(CodeExpiredKey, scope, "Expired Key. It was regenerated and its grace period ended at %s", g.Old.RevokedAt.UTC().Format(time.RFC3339))
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return &Refusal{Code: CodeExpiredKey, Scope: scope, Param: k.Name,
			Message: "Authentication Error - Expired Key. Key Expiry time " + k.Expires.UTC().Format("2006-01-02 15:04:05+00:00")}
	}
	if g.Identity != "" {
		if r := g.checkIdentity(); r != nil && (k.TeamID == "" || g.Team != nil) && (k.ProjectID == "" || g.Project != nil) {
			return r
		}
	}
	if k.ProjectID != "" && g.Project == nil {
		return deny(CodeProjectBlocked, Scope{ScopeProject, k.ProjectID}, "Project=%s does not exist any more", k.ProjectID)
	}
	if team := g.teamID(); team != "" && g.Team == nil {
		// The team went away under the key: without its rules the key must not run free.
		return deny(CodeTeamBlocked, Scope{ScopeTeam, team}, "Team=%s does not exist any more", team)
	}
	if g.Team != nil && g.Team.Blocked {
		return deny(CodeTeamBlocked, Scope{ScopeTeam, g.Team.ID}, "Team=%s is blocked. Unblock it with /team/unblock", g.Team.ID)
	}
	if g.Project != nil && g.Project.Blocked {
		return deny(CodeProjectBlocked, Scope{ScopeProject, g.Project.ID}, "Project=%s is blocked. Unblock it with /project/update", g.Project.ID)
	}
	if g.User != nil && g.User.Blocked {
		return deny(CodeUserBlocked, Scope{ScopeUser, g.User.ID}, "User=%s is blocked", g.User.ID)
	}
	return nil
}

// Route groups a key's allowed_routes may name.
var routeGroups = map[string]func(route string, llm bool) bool{
	"llm_api_routes": func(_ string, llm bool) bool { return llm },
	"openai_routes":  func(_ string, llm bool) bool { return llm },
	"anthropic_routes": func(r string, llm bool) bool {
		return llm && strings.HasPrefix(strings.TrimPrefix(r, "/v1"), "/messages")
	},
	"management_routes": func(_ string, llm bool) bool { return !llm },
	"info_routes": func(r string, llm bool) bool {
		return !llm && (strings.HasSuffix(r, "/info") || strings.HasSuffix(r, "/list") || strings.HasSuffix(r, "/models") || strings.HasPrefix(r, "/health"))
	},
}

// RouteAllowed reports whether a list of allowed routes admits a path. llm tells
// inference from management paths. An empty list admits all.
func RouteAllowed(allowed []string, path string, llm bool) bool {
	if len(allowed) == 0 {
		return true
	}
	bare := strings.TrimPrefix(path, "/v1")
	for _, a := range allowed {
		if group, ok := routeGroups[a]; ok {
			if group(path, llm) {
				return true
			}
			continue
		}
		if a == path || strings.TrimPrefix(a, "/v1") == bare {
			return true
		}
		if strings.HasSuffix(a, "*") && (Match(a, path) || Match(strings.TrimPrefix(a, "/v1"), bare)) {
			return true
		}
	}
	return false
}

// Admit refuses a route or an address the caller may not use.
func (g *Grant) Admit(path, ip string) *Refusal {
	if !IPAllowed(g.Settings.AllowedIPs, ip) {
		return &Refusal{Code: CodeIPDenied, Message: "Access forbidden: IP address " + ip + " is not allowed"}
	}
	if g.Master {
		return nil
	}
	scope := Scope{ScopeKey, g.Key.Hash.String()}
	if !RouteAllowed(g.Key.AllowedRoutes, path, true) {
		return &Refusal{Code: CodeRouteDenied, Scope: scope, Message: fmt.Sprintf(
			"Virtual key is not allowed to call this route. Only allowed to call routes: [%s]. Tried to call route: %s",
			strings.Join(g.Key.AllowedRoutes, ", "), path)}
	}
	if !IPAllowed(g.Key.AllowedIPs, ip) {
		return &Refusal{Code: CodeIPDenied, Scope: scope, Message: "Access forbidden: IP address " + ip + " is not allowed for this key"}
	}
	return nil
}

// IPAllowed reports whether a list of addresses and CIDR ranges admits an address.
// An empty list admits all; an address nobody knows is admitted by no list.
func IPAllowed(list []string, ip string) bool {
	if len(list) == 0 {
		return true
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	for _, entry := range list {
		if prefix, err := netip.ParsePrefix(entry); err == nil && prefix.Contains(addr) {
			return true
		}
		if one, err := netip.ParseAddr(entry); err == nil && one.Unmap() == addr {
			return true
		}
	}
	return false
}

// ResolveModel follows the aliases of team, key and proxy from the name asked
// for. names are those the limits and lists of the key may know it by; above are
// those that levels above the key may: an alias set below a level cannot widen
// what that level allows.
func (g *Grant) ResolveModel(asked string) (final string, names, above []string) {
	final, names, above = asked, []string{asked}, []string{asked}
	step := func(aliases map[string]string, lower bool) {
		to, ok := aliases[final]
		if !ok || to == final {
			return
		}
		final = to
		names = append(names, to)
		if lower {
			above = above[:0]
		}
		above = append(above, to)
	}
	if g.Team != nil {
		step(g.Team.Aliases, true)
	}
	if g.Key != nil {
		step(g.Key.Aliases, true)
	}
	if g.directory != nil {
		step(g.directory.Catalog().Aliases(), false)
	}
	return final, names, above
}

// level is one scope of a caller with its rules.
type level struct {
	scope    Scope
	rules    *Rules
	defaults []Limit // hold where rules are nil: a team's for its members
	denied   string  // what a refused model is refused as
	shadow   bool    // nothing of it refuses
}

// levels lists the caller's scopes in the order they are checked. Each scope
// appears even without limits, for its model list.
func (g *Grant) levels(customer string, tags []string) []level {
	out := make([]level, 0, 8+len(tags))
	out = append(out, level{scope: Scope{ScopeProxy, ""}, defaults: g.Settings.compiled})
	d := g.directory
	if !g.Master {
		if o := g.Organization; o != nil {
			out = append(out, level{scope: Scope{ScopeOrganization, o.ID}, rules: &o.Rules, denied: "org"})
		}
		if t := g.Team; t != nil {
			out = append(out, level{scope: Scope{ScopeTeam, t.ID}, rules: &t.Rules, denied: "team"})
			if g.Key.UserID != "" {
				m := level{scope: Scope{ScopeMember, MemberID(t.ID, g.Key.UserID)}, denied: "team"}
				switch {
				case g.Member != nil:
					m.rules = &g.Member.Rules
					m.defaults = t.memberDefaults(g.Member.compiled)
				case t.hasMember(g.Key.UserID):
					m.defaults = t.memberCompiled
				}
				out = append(out, m)
			}
		}
		if p := g.Project; p != nil {
			out = append(out, level{scope: Scope{ScopeProject, p.ID}, rules: &p.Rules, denied: "project"})
		}
		if u := g.User; u != nil {
			out = append(out, level{scope: Scope{ScopeUser, u.ID}, rules: &u.Rules, denied: "user"})
		}
		out = append(out, level{scope: Scope{ScopeKey, g.Key.Hash.String()}, rules: &g.Key.Rules, denied: "key"})
	}
	if customer != "" {
		l := level{scope: Scope{ScopeCustomer, customer}, denied: "customer"}
		if c, ok := d.customers.get(customer); ok {
			l.rules = &c.Rules
		}
		id := g.Settings.CustomerBudget
		if g.Key != nil && g.Key.CustomerBudgetID != "" {
			id = g.Key.CustomerBudgetID
		}
		l.defaults = d.customerDefaults(l.rules, id)
		out = append(out, l)
	}
	for _, name := range tags {
		if t, ok := d.tags.get(name); ok {
			out = append(out, level{scope: Scope{ScopeTag, name}, rules: &t.Rules})
		}
	}
	return out
}

// limits lists what binds at the level: its own, its shared budget's, its defaults.
func (l *level) limits(d *Directory) []Limit {
	if l.rules == nil {
		return l.defaults
	}
	own := l.rules.compiled
	if l.rules.BudgetID != "" {
		if b, ok := d.budgets.get(l.rules.BudgetID); ok && len(b.compiled) > 0 {
			own = append(slices.Clip(own), b.compiled...)
		}
	}
	if len(l.defaults) > 0 {
		own = append(slices.Clip(own), l.defaults...)
	}
	return own
}

// memberDefaults are the team's limits for members, less the kinds the member
// has a limit of its own for.
func (t *Team) memberDefaults(own []Limit) []Limit {
	if len(own) == 0 {
		return t.memberCompiled
	}
	var out []Limit
	for _, l := range t.memberCompiled {
		if !slices.ContainsFunc(own, func(m Limit) bool { return m.Kind == l.Kind && m.Model == l.Model }) {
			out = append(out, l)
		}
	}
	return out
}

// customerDefaults are the limits of the default budget, for a customer that has
// neither limits nor a budget of its own. rules is nil for one nobody created.
func (d *Directory) customerDefaults(rules *Rules, budget string) []Limit {
	if rules != nil {
		_, has := d.budgets.get(rules.BudgetID)
		if has || len(rules.compiled) > 0 {
			return nil
		}
	}
	if b, ok := d.budgets.get(budget); ok {
		return b.compiled
	}
	return nil
}

func (t *Team) hasMember(user string) bool {
	return slices.ContainsFunc(t.Members, func(m Member) bool { return m.UserID == user })
}

// models lists the models an entity of the level allows: its own list.
func (g *Grant) modelsOf(l *level) []string {
	if l.rules != nil && len(l.rules.Models) > 0 {
		return l.rules.Models
	}
	if l.scope.Kind == ScopeMember && g.Team != nil {
		return g.Team.MemberModels
	}
	return nil
}
