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
	// Assigning goes by the keys and teams themselves: access_group_ids of theirs.
	Keys  Opt[[]string] `json:"assigned_key_ids" doc:"Must be empty: give the keys access_group_ids"`
	Teams Opt[[]string] `json:"assigned_team_ids" doc:"Must be empty: give the teams access_group_ids"`
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
	route(s, creating(create), s.newGroup)
	route(s, op(http.MethodGet, "", "All access groups", []groupRow{}), s.listGroups)
	route(s, op(http.MethodGet, "/{access_group_id}", "An access group with who uses it", groupRow{}), s.groupInfo)
	route(s, op(http.MethodPut, "/{access_group_id}", "Change an access group, for all who use it", groupRow{}), s.updateGroup)
	remove := op(http.MethodDelete, "/{access_group_id}", "Delete an access group nobody uses", nil)
	remove.Status = http.StatusNoContent
	route(s, remove, s.deleteGroup)
}

func (s *server) compileGroup(g *policy.AccessGroup, f *groupFields) error {
	for field, ids := range map[string][]string{"assigned_key_ids": f.Keys.Or(nil), "assigned_team_ids": f.Teams.Or(nil)} {
		if len(ids) > 0 {
			return badRequest(field, "%s is not supported: give the keys and teams access_group_ids [%q] instead", field, g.ID)
		}
	}
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
	g.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: in.Sent.Stored()}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.freeName(ctx, tx, g); err != nil {
			return err
		}
		return tx.Create(ctx, g)
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
		fields := storedFields(old.Fields).Merge(in.Sent)
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
			if err := s.unusedGroup(ctx, tx, old, "access_group_name", "renamed"); err != nil {
				return err
			}
			if err := s.freeName(ctx, tx, g); err != nil {
				return err
			}
		}
		g.UpdatedAt, g.UpdatedBy, g.Fields = s.now(), c.UserID, fields.Stored()
		return tx.Update(ctx, g)
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

// groupUsers lists the keys and teams that have the group.
func groupUsers(ctx context.Context, r policy.Reader, g *policy.AccessGroup) (keys, teams []string, err error) {
	keys, teams = []string{}, []string{}
	where := []policy.Condition{{Field: "access_group", Op: policy.Is, Value: g.ID}}
	page, err := r.List(ctx, policy.Query{Kind: policy.EntityKey, Where: where})
	if err != nil {
		return nil, nil, err
	}
	for _, e := range page.Entities {
		keys = append(keys, e.Ref().ID)
	}
	if page, err = r.List(ctx, policy.Query{Kind: policy.EntityTeam, Where: where}); err != nil {
		return nil, nil, err
	}
	for _, e := range page.Entities {
		teams = append(teams, e.Ref().ID)
	}
	return keys, teams, nil
}

func (s *server) unusedGroup(ctx context.Context, r policy.Reader, g *policy.AccessGroup, field, done string) error {
	keys, teams, err := groupUsers(ctx, r, g)
	if err != nil {
		return err
	}
	if len(keys)+len(teams) > 0 {
		return badRequest(field, "Access group %s cannot be %s while %d keys and %d teams have it", g.Name, done, len(keys), len(teams))
	}
	return nil
}

func (s *server) groupRow(ctx context.Context, r policy.Reader, g *policy.AccessGroup) (Object, error) {
	keys, teams, err := groupUsers(ctx, r, g)
	if err != nil {
		return nil, err
	}
	refs := func(ids []string) []Object {
		out := make([]Object, len(ids))
		for i, id := range ids {
			out[i] = Object{{"id", id}}
		}
		return out
	}
	set := Object{
		{"access_group_id", g.ID}, {"access_group_name", g.Name}, {"assigned_key_ids", keys}, {"assigned_keys", refs(keys)},
		{"assigned_team_ids", teams}, {"assigned_teams", refs(teams)},
	}
	set.record(g.Record)
	return render[groupRow](storedFields(g.Fields), set), nil
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
		if err := s.unusedGroup(ctx, tx, g, "access_group_id", "deleted"); err != nil {
			return err
		}
		return tx.Delete(ctx, g.Ref())
	})
}
