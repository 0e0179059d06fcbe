package adminsvc

import (
	"context"
	"slices"

	"github.com/purser/purser/policy"
)

// readsAllSpend reports whether the caller may see everybody's spend: as LiteLLM,
// also with a key that an admin gave the permission get_spend_routes.
func (s *server) readsAllSpend(c *Caller) bool {
	if c.Sees() {
		return true
	}
	if c.Key == nil {
		return false
	}
	in, err := decodeStored[struct {
		Permissions Opt[Fields] `json:"permissions"`
	}](storedFields(c.Key.Fields))
	if err != nil {
		return false
	}
	v, _ := in.Permissions.Value.Get("get_spend_routes")
	return v.Kind() == 't'
}

// spendScope narrows a query of the journal to what the caller may see. Who
// cannot see all sees: their own requests; those of a team or organization they
// administer, or whose members may read its log, if the query is about it; those
// of a key that is theirs or their team's to manage. A foreign scope is refused.
func (s *server) spendScope(ctx context.Context, c *Caller, q *policy.LogQuery) error {
	if s.readsAllSpend(c) {
		return nil
	}
	whole, err := s.spendWhole(ctx, c, q)
	if err != nil || whole {
		return err
	}
	if c.UserID == "" {
		if c.Key == nil {
			return forbidden("None", "You are not allowed to read spend")
		}
		own := c.Key.Hash.String()
		if q.KeyHash != "" && q.KeyHash != own {
			return forbidden("api_key", "You are not allowed to read the spend of this key")
		}
		if q.UserID != "" {
			return forbidden("user_id", "You are not allowed to read the spend of user %s", clip(q.UserID))
		}
		q.KeyHash = own
		return nil
	}
	if q.UserID != "" && q.UserID != c.UserID {
		return forbidden("user_id", "You are not allowed to read the spend of user %s", clip(q.UserID))
	}
	q.UserID = c.UserID
	if s.confined(c) {
		if q.TeamID != "" && q.TeamID != c.Key.TeamID {
			return forbidden("team_id", "You are not allowed to read the spend of team %s", clip(q.TeamID))
		}
		q.TeamID = c.Key.TeamID
	}
	return nil
}

// spendWhole reports whether the query is about something all of whose requests
// the caller may see.
func (s *server) spendWhole(ctx context.Context, c *Caller, q *policy.LogQuery) (bool, error) {
	if q.KeyHash != "" {
		k, err := find[*policy.Key](ctx, s.Store, policy.EntityKey, q.KeyHash)
		if err != nil {
			return false, err
		}
		if k == nil {
			return false, nil // of a deleted key: one's own rows, or a team's, below
		}
		on, err := keyTarget(ctx, s.Store, k)
		if err != nil {
			return false, err
		}
		whole, err := s.readsSpend(ctx, c, on)
		if err == nil && !whole && !(c.UserID != "" && on.UserID == c.UserID) {
			err = forbidden("api_key", "You are not allowed to read the spend of this key")
		}
		return whole, err
	}
	team := q.TeamID
	if q.ProjectID != "" {
		p, err := find[*policy.Project](ctx, s.Store, policy.EntityProject, q.ProjectID)
		if err != nil {
			return false, err
		}
		if p != nil {
			team = p.TeamID
		}
	}
	if team == "" && q.OrganizationID == "" {
		return false, nil
	}
	t, err := find[*policy.Team](ctx, s.Store, policy.EntityTeam, team)
	if err != nil {
		return false, err
	}
	is, err := s.relationTo(ctx, c, target{Team: t, ProjectID: q.ProjectID, OrganizationID: q.OrganizationID})
	if err != nil {
		return false, err
	}
	switch {
	case is&(isTeamAdmin|isOrgAdmin) != 0:
		return true, nil
	case t != nil && is&isMember != 0 && slices.Contains(memberPermissions(t), "/spend/logs"):
		return true, nil
	case is&(isMember|isTeamKey|isProjectKey) != 0:
		return false, nil
	case q.ProjectID != "":
		return false, forbidden("project_id", "You are not allowed to read the spend of project %s", clip(q.ProjectID))
	case q.TeamID != "":
		return false, forbidden("team_id", "You are not allowed to read the spend of team %s", clip(q.TeamID))
	}
	role, err := s.orgRole(ctx, c, q.OrganizationID)
	if err == nil && role == "" && (c.Key == nil || c.Key.OrganizationID != q.OrganizationID) {
		err = forbidden("organization_id", "You are not allowed to read the spend of organization %s", clip(q.OrganizationID))
	}
	return false, err
}

// readsSpend reports whether the caller may see all that was spent on a target.
func (s *server) readsSpend(ctx context.Context, c *Caller, on target) (bool, error) {
	is, err := s.relationTo(ctx, c, on)
	if err != nil || is&(readers|managers|isOwner|isSelf) != 0 {
		return err == nil, err
	}
	return on.Team != nil && is&isMember != 0 && slices.Contains(memberPermissions(on.Team), "/spend/logs"), nil
}

// readsEntry reports whether the caller may see one request.
func (s *server) readsEntry(ctx context.Context, c *Caller, e *policy.Entry) (bool, error) {
	if s.readsAllSpend(c) {
		return true, nil
	}
	if e.Type != policy.EntryRequest {
		return false, nil
	}
	if c.Key != nil && e.KeyHash == c.Key.Hash.String() {
		return true, nil
	}
	if c.UserID != "" && e.UserID == c.UserID && s.actsIn(c, e.TeamID) {
		return true, nil
	}
	t, err := find[*policy.Team](ctx, s.Store, policy.EntityTeam, e.TeamID)
	if err != nil {
		return false, err
	}
	return s.readsSpend(ctx, c, target{Team: t, OrganizationID: e.OrganizationID})
}
