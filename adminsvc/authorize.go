package adminsvc

import (
	"context"
	"slices"

	"github.com/purser/purser/policy"
)

// relation is what a caller can be to the thing an action is on.
type relation uint16

const (
	isAdmin      relation = 1 << iota // proxy_admin, the master key
	isViewer                          // proxy_admin_viewer
	isOrgAdmin                        // org_admin of its organization
	isTeamAdmin                       // admin of its team
	isMember                          // member of its team
	isOwner                           // its user
	isSelf                            // the calling key itself
	isTeamKey                         // a key of its team
	isProjectKey                      // a key of its project
	isAnyone                          // any valid credential

	readers  = isAdmin | isViewer
	managers = isAdmin | isOrgAdmin | isTeamAdmin
)

// action is something a caller may want to do.
type action string

// The actions of keys, teams, projects and models. Other resources add theirs in rules.
const (
	keyCreate        action = "create keys"
	keyCreateService action = "create service account keys"
	keyRead          action = "read this key"
	keyChange        action = "change this key"
	keyDelete        action = "delete this key"
	keyBlock         action = "block or unblock this key"
	keyRegenerateIt  action = "regenerate this key"
	keyResetSpend    action = "reset this key's spend"

	teamCreate         action = "create teams"
	teamRead           action = "read this team"
	teamUpdateIt       action = "change this team"
	teamDelete         action = "delete this team"
	teamBlock          action = "block or unblock this team"
	teamSetMembers     action = "manage this team's members"
	teamRemoveMembers  action = "remove this team's members"
	teamSetModels      action = "manage this team's models"
	teamSetPermissions action = "manage this team's permissions"

	projectWrite  action = "create or change this team's projects"
	projectRead   action = "read this project"
	projectDelete action = "delete projects"

	spendReadAll action = "read everybody's spend"

	userCreate  action = "create users"
	userRead    action = "read this user"
	userChange  action = "change this user"
	userDelete  action = "delete this user"
	userBulk    action = "change many users"
	userListAll action = "list users"

	userInvite     action = "invite this user"
	userInviteRead action = "read this user's invitation"

	passwordSet action = "set a user's password"

	auditRead      action = "read the audit log"
	settingsRead   action = "read settings"
	settingsChange action = "change settings"

	organizationWrite      action = "create or delete organizations"
	organizationRead       action = "read this organization"
	organizationChange     action = "change this organization"
	organizationMembersSet action = "manage this organization's members"
)

// rule says who may do an action.
type rule struct {
	allow relation
	// permission lets a team's plain member do it as well, where the team grants it.
	permission string
	// reads is set for actions that change nothing: viewers keep those.
	reads bool
	// loses is what no longer allows it while the UI setting unless is on.
	loses  relation
	unless string
}

// rules is the whole table of who may do what.
var rules = map[action]rule{
	keyCreate:        {allow: managers | isOwner, permission: "/key/generate", loses: isOrgAdmin, unless: "disable_key_generate_for_org_admin"},
	keyCreateService: {allow: managers, permission: "/key/service-account/generate", loses: isOrgAdmin, unless: "disable_key_generate_for_org_admin"},
	keyRead:          {allow: readers | managers | isOwner | isSelf, permission: "/key/info", reads: true},
	keyChange:        {allow: managers | isOwner, permission: "/key/update"},
	keyDelete:        {allow: managers | isOwner, permission: "/key/delete"},
	keyBlock:         {allow: managers, permission: "/key/block"},
	keyRegenerateIt:  {allow: managers | isOwner, permission: "/key/regenerate"},
	keyResetSpend:    {allow: managers, permission: "/key/{key_id}/reset_spend"},

	teamCreate:         {allow: isAdmin | isOrgAdmin},
	teamRead:           {allow: readers | managers | isMember | isTeamKey, reads: true},
	teamUpdateIt:       {allow: managers},
	teamDelete:         {allow: managers},
	teamBlock:          {allow: managers},
	teamSetMembers:     {allow: managers},
	teamRemoveMembers:  {allow: managers, loses: isTeamAdmin, unless: "disable_team_admin_delete_team_user"},
	teamSetModels:      {allow: managers},
	teamSetPermissions: {allow: managers},

	projectWrite:  {allow: managers},
	projectRead:   {allow: readers | managers | isMember | isTeamKey | isProjectKey, reads: true},
	projectDelete: {allow: isAdmin},

	spendReadAll: {allow: readers, reads: true},

	userCreate:  {allow: isAdmin | isOrgAdmin},
	userRead:    {allow: readers | isOrgAdmin | isOwner, reads: true},
	userChange:  {allow: isAdmin | isOwner},
	userDelete:  {allow: isAdmin | isOrgAdmin},
	userBulk:    {allow: isAdmin},
	userListAll: {allow: readers, reads: true},

	userInvite:     {allow: isAdmin | isOrgAdmin},
	userInviteRead: {allow: readers | isOrgAdmin},

	passwordSet: {allow: isAdmin},

	auditRead:      {allow: readers, reads: true},
	settingsRead:   {allow: readers, reads: true},
	settingsChange: {allow: isAdmin},

	organizationWrite:      {allow: isAdmin},
	organizationRead:       {allow: readers | isOrgAdmin, reads: true},
	organizationChange:     {allow: isAdmin | isOrgAdmin},
	organizationMembersSet: {allow: isAdmin | isOrgAdmin},
}

// target is what an action is on: whose it is, at every level that is known.
type target struct {
	Key            *policy.Key
	UserID         string
	Team           *policy.Team
	ProjectID      string
	OrganizationID string
}

// authorize is the one place that says who may do what: nil, or the refusal.
func (s *server) authorize(ctx context.Context, c *Caller, a action, on target) error {
	r := rules[a]
	is, err := s.relationTo(ctx, c, on)
	if err != nil {
		return err
	}
	if c.Role == policy.RoleAdminViewer || c.Role == policy.RoleUserViewer {
		if !r.reads {
			return onlyAdmins(c, a)
		}
	}
	if r.unless != "" && is&r.allow != 0 && is&r.allow&^r.loses == 0 {
		off, err := s.flag(ctx, r.unless)
		if err != nil {
			return err
		}
		if off {
			return forbidden("None", "You are not allowed to %s: %s is on", a, r.unless)
		}
	}
	if is&r.allow != 0 {
		return nil
	}
	if r.permission != "" && is&isMember != 0 {
		if slices.Contains(memberPermissions(on.Team), r.permission) {
			return nil
		}
		e := unauthorized("team_member_permission_error", "Team member does not have permission to %s. Ask for %s with /team/permissions_update", a, r.permission)
		e.Param = r.permission
		return e
	}
	if r.allow&^(isAdmin|isOrgAdmin) == 0 || c.Role == "" && !r.reads {
		return onlyAdmins(c, a)
	}
	return forbidden("None", "You are not allowed to %s", a)
}

// onlyAdmins is LiteLLM's refusal of roles that can never do a thing.
func onlyAdmins(c *Caller, a action) *Error {
	role := c.Role
	if role == "" {
		role = "unknown"
	}
	return unauthorized("auth_error", "Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys/users/teams, or to %s. Your role=%s", a, role)
}

// relationTo says everything the caller is to a target.
func (s *server) relationTo(ctx context.Context, c *Caller, on target) (relation, error) {
	is := isAnyone
	if c.Admin() {
		is |= isAdmin
	}
	if c.Role == policy.RoleAdminViewer {
		is |= isViewer
	}
	if c.Key != nil {
		if on.Key != nil && on.Key.Hash.Equal(c.Key.Hash) {
			is |= isSelf
		}
		if on.Team != nil && c.Key.TeamID == on.Team.ID {
			is |= isTeamKey
		}
		if on.ProjectID != "" && c.Key.ProjectID == on.ProjectID {
			is |= isProjectKey
		}
	}
	if c.UserID == "" || on.Team == nil && s.confined(c) || on.Team != nil && !s.actsIn(c, on.Team.ID) {
		return is, nil
	}
	if on.UserID == c.UserID && on.Team == nil {
		is |= isOwner // a key within a team is the team's to manage, below
	}
	organization := on.OrganizationID
	if on.Team != nil {
		switch memberOf(on.Team, c) {
		case "":
		case "admin":
			is |= isMember | isTeamAdmin
		default:
			is |= isMember
			if on.UserID == c.UserID && on.Key != nil {
				is |= isOwner // one's own key in a team one is still a member of
			}
		}
		if on.Team.OrganizationID != "" {
			organization = on.Team.OrganizationID
		}
	}
	role, err := s.orgRole(ctx, c, organization)
	switch {
	case role == policy.RoleOrgAdmin:
		is |= isOrgAdmin
	case role == "" && organization != "" && on.Key == nil && on.Team == nil:
		is &^= isOwner // nothing of one's own is made in a foreign organization
	}
	return is, err
}

// defaultPermissions are a plain team member's where the team sets none.
var defaultPermissions = []string{"/key/info", "/key/health"}

// memberPermissions lists what plain members of a team may do.
func memberPermissions(t *policy.Team) []string {
	if t == nil {
		return nil
	}
	in, err := decodeStored[struct {
		Permissions Opt[[]string] `json:"team_member_permissions"`
	}](storedFields(t.Fields))
	if err != nil {
		return defaultPermissions
	}
	if list, ok := in.Permissions.Get(); ok {
		return list
	}
	return defaultPermissions
}

// confined reports whether the calling key is a team's: it acts for its user
// within that team only. Team admins can make such keys for their members, which
// must not hand them all else that those members may do.
func (s *server) confined(c *Caller) bool { return c.Key != nil && c.Key.TeamID != "" }

// actsIn reports whether the caller can act in a team as its user.
func (s *server) actsIn(c *Caller, team string) bool { return !s.confined(c) || c.Key.TeamID == team }
