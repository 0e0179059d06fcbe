package policy

import (
	"encoding/json"
	"time"
)

// Ways to sign in. OIDC will be one more.
const (
	SignInMaster     = "master_key"
	SignInPassword   = "username_password"
	SignInInvitation = "invitation"
)

// Session is somebody signed in to the admin plane. Only its token's hash is kept.
// It ends by itself when the user's role changes, or the user is blocked or deleted,
// or has a new password.
type Session struct {
	Token     KeyHash
	UserID    string // "" for the master key's holder
	Role      string // the user's when it began
	Method    string
	Bound     string // of the master key: must still be what it was
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Invitation lets a user set a password, once. Only its id's hash is kept.
type Invitation struct {
	ID         KeyHash
	UserID     string
	AcceptedAt time.Time // zero: not yet
	ExpiresAt  time.Time
	CreatedAt  time.Time
	CreatedBy  string
	UpdatedAt  time.Time
	UpdatedBy  string
}

// Kept is what a write keeps besides entities: no data plane hears of it.
type Kept interface{ kept() }

// NewPassword replaces a user's password, and ends the sessions of the old one.
type NewPassword struct {
	UserID string
	Hash   string    // "" removes it
	At     time.Time // of the change
}

// NewInvitation keeps an invitation, or what changed of one.
type NewInvitation struct{ Invitation }

// AcceptInvitation sets the password of whom it invites; ErrConflict where it was
// accepted already, or is over.
type AcceptInvitation struct {
	ID       KeyHash
	Password string // its hash
	At       time.Time
}

// EndInvitation deletes one; ErrNotFound where it is not there.
type EndInvitation struct{ ID KeyHash }

// NewSetting keeps a value, a JSON document without secrets, under a key.
type NewSetting struct {
	Key   string
	Value json.RawMessage // nil removes it
}

func (NewPassword) kept()      {}
func (NewInvitation) kept()    {}
func (AcceptInvitation) kept() {}
func (EndInvitation) kept()    {}
func (NewSetting) kept()       {}
