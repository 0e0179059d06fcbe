package policy

// ScopeKind is a level at which limits hold.
type ScopeKind uint8

// The levels, in the order they are checked.
const (
	ScopeProxy ScopeKind = iota
	ScopeOrganization
	ScopeTeam
	ScopeMember // a user within a team
	ScopeProject
	ScopeUser
	ScopeKey
	ScopeCustomer
	ScopeTag
	ScopeDeployment // what a provider allows one deployment: it says who serves a call, not who may make it
	scopeKinds      // how many there are
)

var scopeNames = [scopeKinds]string{"proxy", "organization", "team", "team_member", "project", "user", "key", "customer", "tag", "deployment"}

var scopeTitles = [scopeKinds]string{"Proxy", "Organization", "Team", "TeamMember", "Project", "User", "Key", "Customer", "Tag", "Deployment"}

func (k ScopeKind) String() string { return scopeNames[k] }

// Title is the level's name as messages write it.
func (k ScopeKind) Title() string { return scopeTitles[k] }

// ParseScopeKind is the inverse of String.
func ParseScopeKind(name string) (ScopeKind, bool) {
	for k, n := range scopeNames {
		if n == name {
			return ScopeKind(k), true
		}
	}
	return 0, false
}

// Scope is one entity at one level. A member's ID is MemberID, a key's the hex
// of its hash, the proxy's is empty.
type Scope struct {
	Kind ScopeKind
	ID   string
}

func (s Scope) String() string {
	if s.ID == "" {
		return s.Kind.String()
	}
	return s.Kind.String() + ":" + s.ID
}

// MemberID names a user within a team. User ids may hold any character, so the
// team's length goes first.
func MemberID(team, user string) string { return team + "\x1f" + user }
