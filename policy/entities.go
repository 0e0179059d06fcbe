package policy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"time"
)

// KeyHash is the SHA-256 of a virtual key: all that is ever stored of it.
type KeyHash [sha256.Size]byte

// HashKey hashes a key as the client sent it.
func HashKey(plain string) KeyHash { return sha256.Sum256([]byte(plain)) }

// ParseKeyHash reads the hex form.
func ParseKeyHash(text string) (KeyHash, bool) {
	var h KeyHash
	if len(text) != 2*len(h) {
		return h, false
	}
	n, err := hex.Decode(h[:], []byte(text))
	return h, err == nil && n == len(h)
}

func (h KeyHash) String() string { return hex.EncodeToString(h[:]) }

// Equal compares in constant time.
func (h KeyHash) Equal(o KeyHash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }

// Record is what every stored entity has besides its rules.
type Record struct {
	CreatedAt time.Time
	UpdatedAt time.Time
	CreatedBy string
	UpdatedBy string
	// Fields are the documented fields as they were sent, a JSON object, so that
	// they read back the same. The data plane loads none of them.
	Fields json.RawMessage
}

// Rules is what an entity allows, compiled once when it enters the Directory.
type Rules struct {
	Models   []string
	Limits   Limits
	BudgetID string // a shared budget whose limits hold as well

	compiled []Limit
}

// Compiled lists the entity's own limits.
func (r *Rules) Compiled() []Limit { return r.compiled }

func (r *Rules) compile(created time.Time) { r.compiled = r.Limits.Compile(created) }

// Key is a virtual key.
type Key struct {
	Hash           KeyHash
	Name           string // "sk-...abcd"
	Alias          string
	UserID         string
	TeamID         string
	ProjectID      string
	OrganizationID string
	Rules
	Aliases          map[string]string // model name → model name
	AllowedRoutes    []string
	AllowedIPs       []string
	Tags             []string
	CustomerBudgetID string // end_user_budget_id
	Blocked          bool
	Expires          time.Time // zero: never
	RevokedAt        time.Time // an old key in its grace period, which ends then; zero for all others
	Successor        KeyHash   // of a key in its grace period: the one that took its place
	Record
}

// Team shares a budget and limits among its keys.
type Team struct {
	ID             string
	Alias          string
	OrganizationID string
	Rules
	Aliases      map[string]string
	Blocked      bool
	Members      []Member
	MemberLimits Limits   // each member's, where the membership sets none
	MemberModels []string // each member's models, where the membership sets none
	Tags         []string
	Record

	memberCompiled []Limit
}

// Member is a user's place in a team.
type Member struct {
	UserID string `json:"user_id,omitempty"`
	Email  string `json:"user_email,omitempty"`
	Role   string `json:"role"` // "admin" or "user"
}

// Membership holds a member's own limits within a team.
type Membership struct {
	TeamID string
	UserID string
	Role   string
	Rules
	Record
}

// Project sits between a team and its keys.
type Project struct {
	ID     string
	Alias  string
	TeamID string
	Rules
	Blocked bool
	Tags    []string
	Record
}

// Organization holds teams.
type Organization struct {
	ID    string
	Alias string
	Rules
	Record
}

// OrganizationMember is a user's place in an organization.
type OrganizationMember struct {
	OrganizationID string
	UserID         string
	Role           string // org_admin, internal_user, internal_user_viewer
	Rules
	Record
}

// Roles of users.
const (
	RoleAdmin       = "proxy_admin"
	RoleAdminViewer = "proxy_admin_viewer"
	RoleOrgAdmin    = "org_admin"
	RoleUser        = "internal_user"
	RoleUserViewer  = "internal_user_viewer"
)

// User is an internal user.
type User struct {
	ID    string
	Alias string
	Email string
	Role  string
	Rules
	Blocked bool
	Record
}

// Customer is an end user of the company's product, known by the id its calls carry.
type Customer struct {
	ID    string
	Alias string
	Rules
	DefaultModel string
	Blocked      bool
	Record
}

// Budget is a set of limits that other entities refer to. Each referring entity
// counts for itself.
type Budget struct {
	ID string
	Rules
	Record
}

// Tag governs the requests that carry it.
type Tag struct {
	Name string
	Rules
	Record
}

// AccessGroup names a set of models, to be granted by its name.
type AccessGroup struct {
	ID     string
	Name   string
	Models []string
	Record
}
