package adminsvc

import (
	"context"
	"errors"
	"slices"

	"github.com/purser/purser/policy"
)

type projectNew struct {
	Body
	ProjectID Opt[string] `json:"project_id" doc:"Absent: a new one"`
	projectFields
}

var projectIDs = []string{"project_id", "project_alias", "budget_id", "budget_duration"}

func (s *server) newProject(ctx context.Context, c *Caller, in *projectNew) (any, error) {
	sent := blankIDs(in.Sent, projectIDs...)
	full, err := decodeStored[projectNew](sent)
	if err != nil {
		return nil, err
	}
	if full.TeamID.Or("") == "" {
		var d decoding
		d.fail("missing", location{"body", "team_id"}, "Field required")
		return nil, d.err()
	}
	p := &policy.Project{ID: full.ProjectID.Or("")}
	if p.ID == "" {
		p.ID = s.NewID()
	}
	if err := validID("project_id", p.ID); err != nil {
		return nil, err
	}
	if full.BudgetID.Or("") == ownBudget(p.ID) {
		sent, full.BudgetID = sent.Without("budget_id"), Opt[string]{}
	}
	if err := compileProject(p, &full.projectFields); err != nil {
		return nil, err
	}
	now := s.now()
	p.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without("project_id").Stored()}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		t, err := s.projectTeam(ctx, tx, c, p.TeamID)
		if err != nil {
			return err
		}
		if err := s.checkProject(ctx, tx, p, t); err != nil {
			return err
		}
		err = tx.Create(ctx, p)
		if errors.Is(err, policy.ErrConflict) {
			return badProject(badRequest("project_id", "Project %s already exists", p.ID))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return theRow(s.projectRows(ctx, p))
}

type projectUpdate struct {
	Body
	ProjectID Opt[string] `json:"project_id" required:"true"`
	projectFields
}

func (s *server) updateProject(ctx context.Context, c *Caller, in *projectUpdate) (any, error) {
	var p *policy.Project
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, team, err := s.projectFor(ctx, tx, c, in.ProjectID.Value, projectWrite)
		if err != nil {
			return err
		}
		sent := in.Sent.Without("project_id")
		if in.BudgetID.Or("") == ownBudget(old.ID) {
			sent = sent.Without("budget_id")
		}
		if v, ok := in.TeamID.Get(); in.TeamID.Sent && (!ok || v == "") {
			return badProject(badRequest("team_id", "A project belongs to a team: team_id cannot be cleared"))
		}
		fields := storedFields(old.Fields).Merge(sent)
		full, err := decodeStored[projectFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		p = &changed
		if err := compileProject(p, full); err != nil {
			return err
		}
		if p.TeamID != old.TeamID {
			if team, err = s.projectTeam(ctx, tx, c, p.TeamID); err != nil {
				return err
			}
		}
		if team == nil {
			return badProject(badRequest("team_id", "Team not found: %s", p.TeamID))
		}
		if err := s.checkProject(ctx, tx, p, team); err != nil {
			return err
		}
		p.UpdatedAt, p.UpdatedBy, p.Fields = s.now(), c.UserID, fields.Stored()
		if err := tx.Update(ctx, p); err != nil {
			return err
		}
		if p.TeamID == old.TeamID {
			return nil
		}
		return s.moveProjectKeys(ctx, tx, c, p, team)
	})
	if err != nil {
		return nil, err
	}
	return theRow(s.projectRows(ctx, p))
}

// moveProjectKeys lets the keys of a project follow it to another team, whose
// limits and models bind them from now on.
func (s *server) moveProjectKeys(ctx context.Context, tx policy.Tx, c *Caller, p *policy.Project, t *policy.Team) error {
	keys, _, err := policy.List[*policy.Key](ctx, tx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "project_id", Op: policy.Is, Value: p.ID}}})
	if err != nil {
		return err
	}
	for _, k := range keys {
		k.TeamID, k.OrganizationID, k.UpdatedAt, k.UpdatedBy = t.ID, t.OrganizationID, s.now(), c.UserID
		k.Fields = storedFields(k.Fields).Without("team_id", "organization_id").Stored()
		if err := tx.Update(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// projectFor reads a project and its team for an action. Who may not see all
// hears the same of projects that are not there and not theirs.
func (s *server) projectFor(ctx context.Context, r policy.Reader, c *Caller, id string, a action) (*policy.Project, *policy.Team, error) {
	p, err := find[*policy.Project](ctx, r, policy.EntityProject, id)
	if err != nil {
		return nil, nil, err
	}
	on := target{}
	if p != nil {
		on.ProjectID = p.ID
		if on.Team, err = find[*policy.Team](ctx, r, policy.EntityTeam, p.TeamID); err != nil {
			return nil, nil, err
		}
	}
	if err := s.authorize(ctx, c, a, on); err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, noProject(id)
	}
	return p, on.Team, nil
}

type projectDeletion struct {
	Body
	ProjectIDs Opt[[]string] `json:"project_ids" required:"true"`
}

func (s *server) deleteProjects(ctx context.Context, c *Caller, in *projectDeletion) (any, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(in.ProjectIDs.Value)))
	var rows []Object
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.authorize(ctx, c, projectDelete, target{}); err != nil {
			return err
		}
		if len(ids) == 0 {
			return badProject(badRequest("project_ids", "project_ids names no project"))
		}
		var doomed []*policy.Project
		for _, id := range ids {
			p, _, err := s.projectFor(ctx, tx, c, id, projectDelete)
			if err != nil {
				return err
			}
			if err := s.deletableProject(ctx, tx, p); err != nil {
				return err
			}
			doomed = append(doomed, p)
		}
		var err error
		if rows, err = s.projectRows(ctx, doomed...); err != nil {
			return err
		}
		for _, p := range doomed {
			if err := tx.Delete(ctx, p.Ref()); err != nil {
				return err
			}
		}
		return nil
	})
	return rows, err
}

// deletableProject refuses to delete a project under its keys. Replaced keys in
// their grace period go with it.
func (s *server) deletableProject(ctx context.Context, tx policy.Tx, p *policy.Project) error {
	keys, _, err := policy.List[*policy.Key](ctx, tx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "project_id", Op: policy.Is, Value: p.ID}}})
	if err != nil {
		return err
	}
	live := []string{}
	for _, k := range keys {
		if k.RevokedAt.IsZero() {
			name := k.Alias
			if name == "" {
				name = k.Name
			}
			live = append(live, name)
			continue
		}
		if err := tx.Delete(ctx, k.Ref()); err != nil {
			return err
		}
	}
	if len(live) > 0 {
		return badProject(badRequest("project_ids", "Project %s still has %d keys: %s. Delete or reassign them first.", p.ID, len(live), joined(live)))
	}
	return nil
}

type projectQuery struct {
	ProjectID Opt[string] `query:"project_id" required:"true"`
}

func (s *server) projectInfo(ctx context.Context, c *Caller, in *projectQuery) (any, error) {
	p, _, err := s.projectFor(ctx, s.Store, c, in.ProjectID.Value, projectRead)
	if err != nil {
		return nil, err
	}
	rows, err := s.projectRows(ctx, p)
	if err != nil {
		return nil, err
	}
	spentOn, err := s.Spend.ModelSpend(ctx, projectSpender(p).scope)
	if err != nil {
		return nil, err
	}
	rows[0].Set("model_spend", moneyMap(spentOn))
	return rows[0], nil
}
