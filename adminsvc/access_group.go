package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/purser/purser/policy"
)

// Managed access groups name sets of models. A key or a team refers to one by
// access_group_ids, or by its name among its models.
const (
	groupRead  action = "read access groups"
	groupWrite action = "create, change or delete access groups"
)

func init() {
	rules[groupRead] = rule{allow: readers, reads: true}
	rules[groupWrite] = rule{allow: isAdmin}
}

// groupFields are the documented fields of an access group.
type groupFields struct {
	Name        Opt[string]     `json:"access_group_name"`
	Description Opt[string]     `json:"description"`
	Models      Opt[[]string]   `json:"access_model_names"`
	Servers     Opt[Unenforced] `json:"access_mcp_server_ids"`
	Agents      Opt[Unenforced] `json:"access_agent_ids"`
	// Who has the group says so in access_group_ids; these change it there.
	Keys  Opt[[]string] `json:"assigned_key_ids" doc:"Keys or their hashes: those that have the group, in access_group_ids of theirs"`
	Teams Opt[[]string] `json:"assigned_team_ids" doc:"Those that have the group, in access_group_ids of theirs"`
}

type groupNew struct {
	Body
	groupFields
}

type groupRow struct {
	ID          Opt[string]     `json:"access_group_id"`
	Name        Opt[string]     `json:"access_group_name"`
	Description Opt[string]     `json:"description"`
	Models      Opt[[]string]   `json:"access_model_names" default:"[]"`
	Servers     Opt[Unenforced] `json:"access_mcp_server_ids" default:"[]"`
	ServerRows  Opt[rows]       `json:"access_mcp_servers" default:"[]"`
	Agents      Opt[Unenforced] `json:"access_agent_ids" default:"[]"`
	AgentRows   Opt[rows]       `json:"access_agents" default:"[]"`
	Teams       Opt[[]string]   `json:"assigned_team_ids" default:"[]"`
	TeamRows    Opt[rows]       `json:"assigned_teams" default:"[]"`
	Keys        Opt[[]string]   `json:"assigned_key_ids" default:"[]"`
	KeyRows     Opt[rows]       `json:"assigned_keys" default:"[]"`
	CreatedAt   Opt[string]     `json:"created_at"`
	CreatedBy   Opt[string]     `json:"created_by"`
	UpdatedAt   Opt[string]     `json:"updated_at"`
	UpdatedBy   Opt[string]     `json:"updated_by"`
}

type groupPath struct {
	ID Opt[string] `path:"access_group_id" required:"true"`
}

func accessGroups(s *server) {
	op := func(method, path, summary string, reply any) operation {
		o := operation{Method: method, Path: "/v1/access_group" + path, Also: []string{"/v1/unified_access_group" + path}, Tag: "access groups", Summary: summary, Reply: reply}
		return o
	}
	create := op(http.MethodPost, "", "Name a set of models", groupRow{})
	create.Status = http.StatusCreated
	routeRaw(s, creating(create), s.newGroup)
	routeRaw(s, op(http.MethodGet, "", "All access groups", []groupRow{}), s.listGroups)
	routeRaw(s, op(http.MethodGet, "/{access_group_id}", "An access group with who uses it", groupRow{}), s.groupInfo)
	routeRaw(s, op(http.MethodPut, "/{access_group_id}", "Change an access group, for all who use it", groupRow{}), s.updateGroup)
	remove := op(http.MethodDelete, "/{access_group_id}", "Delete an access group, and take it from who has it", nil)
	remove.Status = http.StatusNoContent
	routeRaw(s, remove, s.deleteGroup)
}

func (s *server) compileGroup(g *policy.AccessGroup, f *groupFields) error {
	g.Name, g.Models = f.Name.Or(""), f.Models.Or(nil)
	if g.Name == "" {
		return badRequest("access_group_name", "An access group needs a name")
	}
	return validID("access_group_name", g.Name)
}

// freeName refuses a name that a model list could take for something else.
func (s *server) freeName(ctx context.Context, tx policy.Tx, g *policy.AccessGroup) error {
	catalog := s.Catalog()
	if _, ok := catalog.Find(g.Name); ok || catalog.Group(g.Name) != nil {
		return detail(http.StatusConflict, "The name "+g.Name+" is a model's or an access group's of the configuration")
	}
	same, _, err := policy.List[*policy.AccessGroup](ctx, tx, policy.Query{Kind: policy.EntityAccessGroup})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(same, func(o *policy.AccessGroup) bool { return o.Name == g.Name && o.ID != g.ID }) {
		return detail(http.StatusConflict, "Access group "+g.Name+" already exists")
	}
	return nil
}

func (s *server) newGroup(ctx context.Context, c *Caller, in *groupNew) (any, error) {
	if err := s.authorize(ctx, c, groupWrite, target{}); err != nil {
		return nil, err
	}
	g := &policy.AccessGroup{ID: s.NewID()}
	if err := s.compileGroup(g, &in.groupFields); err != nil {
		return nil, err
	}
	now := s.now()
	g.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: hashedKeys(in.Sent, in.Keys).Stored()}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.freeName(ctx, tx, g); err != nil {
			return err
		}
		if err := tx.Create(ctx, g); err != nil {
			return err
		}
		return s.assignGroup(ctx, tx, c, g, &in.groupFields)
	})
	if errors.Is(err, policy.ErrConflict) {
		return nil, detail(http.StatusConflict, "Access group "+g.Name+" already exists")
	}
	if err != nil {
		return nil, err
	}
	return s.groupRow(ctx, s.Store, g)
}

type groupUpdate struct {
	Body
	groupPath
	groupFields
}

func (s *server) updateGroup(ctx context.Context, c *Caller, in *groupUpdate) (any, error) {
	if err := s.authorize(ctx, c, groupWrite, target{}); err != nil {
		return nil, err
	}
	var g *policy.AccessGroup
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := findGroup(ctx, tx, in.ID.Value)
		if err != nil {
			return err
		}
		fields := storedFields(old.Fields).Merge(hashedKeys(in.Sent, in.Keys))
		full, err := decodeStored[groupFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		g = &changed
		if err := s.compileGroup(g, full); err != nil {
			return err
		}
		if g.Name != old.Name {
			// Model lists hold the name: who uses it would lose its models.
			users, err := usersOfGroup(ctx, tx, old)
			if err != nil {
				return err
			}
			if len(users.keys)+len(users.teams) > 0 {
				return badRequest("access_group_name", "Access group %s cannot be renamed while %d keys and %d teams have it", old.Name, len(users.keys), len(users.teams))
			}
			if err := s.freeName(ctx, tx, g); err != nil {
				return err
			}
		}
		g.UpdatedAt, g.UpdatedBy, g.Fields = s.now(), c.UserID, fields.Stored()
		if err := tx.Update(ctx, g); err != nil {
			return err
		}
		return s.assignGroup(ctx, tx, c, g, &in.groupFields)
	})
	if err != nil {
		return nil, err
	}
	return s.groupRow(ctx, s.Store, g)
}

func findGroup(ctx context.Context, r policy.Reader, id string) (*policy.AccessGroup, error) {
	g, err := find[*policy.AccessGroup](ctx, r, policy.EntityAccessGroup, id)
	if err == nil && g == nil {
		return nil, detail(http.StatusNotFound, "Access group not found: "+clip(id))
	}
	return g, err
}

func (s *server) groupRow(ctx context.Context, r policy.Reader, g *policy.AccessGroup) (Object, error) {
	users, err := usersOfGroup(ctx, r, g)
	if err != nil {
		return nil, err
	}
	stored := storedFields(g.Fields)
	named, err := decodeStored[groupFields](stored)
	if err != nil {
		return nil, err
	}
	keys, teams, keyRows, teamRows := users.rows(named.Keys.Or(nil), named.Teams.Or(nil))
	set := Object{
		{"access_group_id", g.ID}, {"access_group_name", g.Name}, {"assigned_key_ids", keys}, {"assigned_keys", keyRows},
		{"assigned_team_ids", teams}, {"assigned_teams", teamRows},
	}
	set.record(g.Record)
	return render[groupRow](stored, set), nil
}

func (s *server) groupInfo(ctx context.Context, c *Caller, in *groupPath) (any, error) {
	if err := s.authorize(ctx, c, groupRead, target{}); err != nil {
		return nil, err
	}
	g, err := findGroup(ctx, s.Store, in.ID.Value)
	if err != nil {
		return nil, err
	}
	return s.groupRow(ctx, s.Store, g)
}

func (s *server) listGroups(ctx context.Context, c *Caller, in *allPages) (any, error) {
	if err := s.authorize(ctx, c, groupRead, target{}); err != nil {
		return nil, err
	}
	q := policy.Query{Kind: policy.EntityAccessGroup}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	list, total, err := policy.List[*policy.AccessGroup](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, g := range list {
		if out[i], err = s.groupRow(ctx, s.Store, g); err != nil {
			return nil, err
		}
	}
	return listed(total, out), nil
}

func (s *server) deleteGroup(ctx context.Context, c *Caller, in *groupPath) (any, error) {
	if err := s.authorize(ctx, c, groupWrite, target{}); err != nil {
		return nil, err
	}
	return nil, s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		g, err := findGroup(ctx, tx, in.ID.Value)
		if err != nil {
			return err
		}
		users, err := usersOfGroup(ctx, tx, g)
		if err != nil {
			return err
		}
		for _, k := range users.keys {
			if err := s.takeKeyGroup(ctx, tx, c, g, k); err != nil {
				return err
			}
		}
		for _, t := range users.teams {
			if err := s.takeTeamGroup(ctx, tx, c, g, t); err != nil {
				return err
			}
		}
		return tx.Delete(ctx, g.Ref())
	})
}
