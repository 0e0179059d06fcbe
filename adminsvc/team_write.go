package adminsvc

import (
	"context"
	"errors"
	"slices"

	"github.com/purser/purser/policy"
)

type teamNew struct {
	Body
	TeamID           Opt[string]      `json:"team_id" doc:"Absent: a new one"`
	Admins           Opt[[]string]    `json:"admins" doc:"User ids"`
	Members          Opt[teamMembers] `json:"members" doc:"User ids"`
	MembersWithRoles Opt[teamMembers] `json:"members_with_roles"`
	teamFields
}

func (s *server) newTeam(ctx context.Context, c *Caller, in *teamNew) (any, error) {
	defaults, _, err := s.defaultsOfTeams(ctx)
	if err != nil {
		return nil, err
	}
	sent := missing(blankIDs(in.Sent, teamIDs...), defaults.Without("team_id", "team_alias", "members", "members_with_roles", "admins"))
	full, err := decodeStored[teamNew](sent)
	if err != nil {
		return nil, err
	}
	t := &policy.Team{ID: full.TeamID.Or("")}
	if t.ID == "" {
		t.ID = s.NewID()
	}
	if err := validID("team_id", t.ID); err != nil {
		return nil, err
	}
	if err := compileTeam(t, &full.teamFields); err != nil {
		return nil, err
	}
	now := s.now()
	t.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without("team_id", "members", "members_with_roles").Stored()}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.authorize(ctx, c, teamCreate, target{OrganizationID: t.OrganizationID}); err != nil {
			return err
		}
		if err := s.checkTeam(ctx, tx, t, &full.teamFields); err != nil {
			return err
		}
		t.Members = nil
		members := slices.Concat(full.MembersWithRoles.Or(nil), full.Members.Or(nil))
		for _, id := range full.Admins.Or(nil) {
			members = append(members, policy.Member{UserID: id, Role: "admin"})
		}
		if !c.Master && c.UserID != "" {
			members = append(members, policy.Member{UserID: c.UserID, Role: "admin"})
		}
		for _, m := range members {
			m, _, err := s.resolveMember(ctx, tx, c, m)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(t.Members, func(o policy.Member) bool { return o.UserID == m.UserID }) {
				t.Members = append(t.Members, m)
			}
		}
		err := tx.Create(ctx, t)
		if errors.Is(err, policy.ErrConflict) {
			return badRequest("team_id", "Team id = %s already exists. Please use a different team id.", t.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return theRow(s.teamRows(ctx, t))
}

type teamUpdate struct {
	Body
	TeamID Opt[string] `json:"team_id" required:"true"`
	teamFields
}

// teamUpdated is the row, and the row again where LiteLLM has it.
type teamUpdated struct {
	teamRow
	Data Opt[Fields] `json:"data"`
}

type teamPatch struct {
	Body
	PathID Opt[string] `path:"team_id"`
	teamFields
}

func (s *server) updateTeam(ctx context.Context, c *Caller, in *teamUpdate) (any, error) {
	row, err := s.changeTeam(ctx, c, in.TeamID.Value, in.Sent.Without("team_id"))
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(row), Member{"data", row}), nil
}

func (s *server) patchTeam(ctx context.Context, c *Caller, in *teamPatch) (any, error) {
	return s.changeTeam(ctx, c, in.PathID.Value, in.Sent)
}

// changeTeam merges what was sent into a team and answers with its row.
func (s *server) changeTeam(ctx context.Context, c *Caller, id string, sent Fields) (Object, error) {
	return s.writeTeam(ctx, c, id, teamUpdateIt, func(tx policy.Tx, old *policy.Team) (*policy.Team, error) {
		return s.mergeTeam(ctx, tx, c, old, sent)
	})
}

// mergeTeam is a team with what was sent over its fields, checked and not yet written.
func (s *server) mergeTeam(ctx context.Context, tx policy.Tx, c *Caller, old *policy.Team, sent Fields) (*policy.Team, error) {
	fields := storedFields(old.Fields).Merge(sent)
	in, err := decodeStored[teamFields](fields)
	if err != nil {
		return nil, err
	}
	t := *old
	if err := compileTeam(&t, in); err != nil {
		return nil, err
	}
	if t.OrganizationID != old.OrganizationID {
		// Moving takes the right to make teams in both places.
		for _, organization := range []string{old.OrganizationID, t.OrganizationID} {
			if err := s.authorize(ctx, c, teamCreate, target{OrganizationID: organization}); err != nil {
				return nil, err
			}
		}
	}
	if err := s.checkTeam(ctx, tx, &t, in); err != nil {
		return nil, err
	}
	// After the models of access groups were added: they are given too.
	if err := s.onlyNarrowerTeam(ctx, tx, c, old, &t); err != nil {
		return nil, err
	}
	t.Fields = fields.Stored()
	return &t, nil
}

// onlyNarrowerTeam holds team admins to what the team was given: they may take
// from it, not add.
func (s *server) onlyNarrowerTeam(ctx context.Context, r policy.Reader, c *Caller, old, t *policy.Team) error {
	is, err := s.relationTo(ctx, c, target{Team: old})
	if err != nil || is&(isAdmin|isOrgAdmin) != 0 {
		return err
	}
	names, err := s.names(ctx, r)
	if err != nil {
		return err
	}
	if field := s.rulesBeyond(names, &t.Rules, &old.Rules, t.Record, old.Record); field != "" {
		return forbidden(field, "Team admins may lower %s, not raise or remove it", field)
	}
	if !containsAll(t.Tags, old.Tags) {
		return forbidden("tags", "Team admins may add tags, not remove them")
	}
	return nil
}

// writeTeam loads a team, checks that the caller may do the action, lets f change
// it, and writes it. f must not change what it is given.
func (s *server) writeTeam(ctx context.Context, c *Caller, id string, a action, f func(tx policy.Tx, old *policy.Team) (*policy.Team, error)) (Object, error) {
	var t *policy.Team
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := s.teamFor(ctx, tx, c, id, a)
		if err != nil {
			return err
		}
		if t, err = f(tx, old); err != nil {
			return err
		}
		t.UpdatedAt, t.UpdatedBy = s.now(), c.UserID
		return tx.Update(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return theRow(s.teamRows(ctx, t))
}

// teamFor reads a team for an action. Who may see all hears that it is not
// there; others hear the same of teams that are not there and not theirs.
func (s *server) teamFor(ctx context.Context, r policy.Reader, c *Caller, id string, a action) (*policy.Team, error) {
	t, err := loadTeam(ctx, r, id)
	if e := (*Error)(nil); asNotFound(err, &e) {
		if denied := s.authorize(ctx, c, a, target{}); denied != nil {
			return nil, denied
		}
	}
	if err != nil {
		return nil, err
	}
	return t, s.authorize(ctx, c, a, target{Team: t})
}

type teamNamed struct {
	Body
	TeamID Opt[string] `json:"team_id" required:"true"`
}

func (s *server) blockTeam(ctx context.Context, c *Caller, in *teamNamed) (any, error) {
	return s.setTeamBlocked(ctx, c, in.TeamID.Value, true)
}

func (s *server) unblockTeam(ctx context.Context, c *Caller, in *teamNamed) (any, error) {
	return s.setTeamBlocked(ctx, c, in.TeamID.Value, false)
}

func (s *server) setTeamBlocked(ctx context.Context, c *Caller, id string, blocked bool) (any, error) {
	return s.writeTeam(ctx, c, id, teamBlock, func(_ policy.Tx, old *policy.Team) (*policy.Team, error) {
		t, value := *old, "false"
		if blocked {
			value = "true"
		}
		t.Blocked, t.Fields = blocked, storedFields(old.Fields).With("blocked", []byte(value)).Stored()
		return &t, nil
	})
}

type teamDeletion struct {
	Body
	TeamIDs Opt[[]string] `json:"team_ids" required:"true"`
}

func (s *server) deleteTeams(ctx context.Context, c *Caller, in *teamDeletion) (any, error) {
	ids := in.TeamIDs.Value
	if len(ids) == 0 {
		return nil, badRequest("team_ids", "team_ids names no team")
	}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			t, err := s.teamFor(ctx, tx, c, id, teamDelete)
			if err != nil {
				return err
			}
			if err := s.deleteTeam(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Object{{"deleted_teams", ids}}, nil
}

// deleteTeam removes a team, its keys and its members' limits. Projects must be gone before.
func (s *server) deleteTeam(ctx context.Context, tx policy.Tx, t *policy.Team) error {
	of := []policy.Condition{{Field: "team_id", Op: policy.Is, Value: t.ID}}
	projects, total, err := policy.List[*policy.Project](ctx, tx, policy.Query{Kind: policy.EntityProject, Where: of, Limit: 10})
	if err != nil {
		return err
	}
	if total > 0 {
		names := make([]string, len(projects))
		for i, p := range projects {
			names[i] = p.ID
		}
		return badRequest("team_ids", "Team %s still has %d projects: %s. Delete or move them first.", t.ID, total, joined(names))
	}
	for _, kind := range []policy.EntityKind{policy.EntityKey, policy.EntityMembership} {
		page, err := tx.List(ctx, policy.Query{Kind: kind, Where: of})
		if err != nil {
			return err
		}
		for _, e := range page.Entities {
			if err := tx.Delete(ctx, e.Ref()); err != nil {
				return err
			}
		}
	}
	return tx.Delete(ctx, t.Ref())
}
