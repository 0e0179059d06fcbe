package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"slices"

	json "github.com/go-json-experiment/json"

	"github.com/purser/purser/policy"
)

type legacyMembers struct {
	Models Opt[[]string] `json:"model_names" doc:"Every deployment of these models that the database has"`
	IDs    Opt[[]string] `json:"model_ids" doc:"These deployments"`
}

type legacyNew struct {
	Body
	legacyMembers
	Name Opt[string] `json:"access_group" required:"true"`
}

type legacyChange struct {
	Body
	legacyPath
	legacyMembers
}

type legacyWritten struct {
	Name    Opt[string]   `json:"access_group"`
	Models  Opt[[]string] `json:"model_names"`
	IDs     Opt[[]string] `json:"model_ids"`
	Updated Opt[int64]    `json:"models_updated"`
}

type legacyDeleted struct {
	Name    Opt[string] `json:"access_group"`
	Updated Opt[int64]  `json:"models_updated"`
	Message Opt[string] `json:"message"`
}

func (s *server) newLegacyGroup(ctx context.Context, c *Caller, in *legacyNew) (any, error) {
	name := in.Name.Value
	if name == "" {
		return nil, badRequest("access_group", "An access group needs a name")
	}
	if err := validID("access_group", policy.GroupTag(name)); err != nil {
		return nil, err
	}
	changed, err := s.regroup(ctx, c, name, func(tx policy.Tx, stored []*policy.StoredModel) (map[string]bool, error) {
		if slices.ContainsFunc(stored, func(m *policy.StoredModel) bool { return slices.Contains(carried(m), name) }) {
			return nil, detailError(http.StatusConflict, "Access group %q already exists", name)
		}
		if err := s.freeName(ctx, tx, &policy.AccessGroup{Name: name}); err != nil {
			return nil, err
		}
		return s.membersAsked(name, &in.legacyMembers, stored)
	})
	return in.written(name, changed), err
}

func (s *server) updateLegacyGroup(ctx context.Context, c *Caller, in *legacyChange) (any, error) {
	name := in.Name.Value
	changed, err := s.regroup(ctx, c, name, func(_ policy.Tx, stored []*policy.StoredModel) (map[string]bool, error) {
		if err := s.hasGroup(name, stored); err != nil {
			return nil, err
		}
		wanted, err := s.membersAsked(name, &in.legacyMembers, stored)
		if err != nil {
			return nil, err
		}
		for _, d := range s.ofTheFile(name) {
			if !slices.Contains(in.Models.Or(nil), d.Model) && !slices.Contains(in.IDs.Or(nil), d.ID) {
				return nil, s.inTheFile(d.Model)
			}
		}
		return wanted, nil
	})
	return in.written(name, changed), err
}

func (s *server) deleteLegacyGroup(ctx context.Context, c *Caller, in *legacyPath) (any, error) {
	name := in.Name.Value
	changed, err := s.regroup(ctx, c, name, func(tx policy.Tx, stored []*policy.StoredModel) (map[string]bool, error) {
		if err := s.hasGroup(name, stored); err != nil {
			return nil, err
		}
		if of := s.ofTheFile(name); len(of) > 0 {
			return nil, s.inTheFile(of[0].Model)
		}
		if err := tx.Delete(ctx, policy.Ref{Kind: policy.EntityTag, ID: policy.GroupTag(name)}); !errors.Is(err, policy.ErrNotFound) {
			return nil, err
		}
		return nil, nil
	})
	return Object{{"access_group", name}, {"models_updated", changed}, {"message", "Access group " + clip(name) + " deleted"}}, err
}

func (in *legacyMembers) written(name string, changed int) Object {
	asSent := func(o Opt[[]string]) any {
		if list, ok := o.Get(); ok {
			return list
		}
		return nil
	}
	return Object{{"access_group", name}, {"model_names", asSent(in.Models)}, {"model_ids", asSent(in.IDs)}, {"models_updated", changed}}
}

// regroup puts into a group the stored models that choose says, by their ids, and takes
// it off all others. It tells how many changed.
func (s *server) regroup(ctx context.Context, c *Caller, name string, choose func(policy.Tx, []*policy.StoredModel) (map[string]bool, error)) (changed int, err error) {
	if err := s.authorize(ctx, c, groupWrite, target{}); err != nil {
		return 0, err
	}
	if err := s.mayWriteModels(ctx, c); err != nil {
		return 0, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		changed = 0
		stored, _, err := policy.List[*policy.StoredModel](ctx, tx, policy.Query{Kind: policy.EntityModel})
		if err != nil {
			return err
		}
		wanted, err := choose(tx, stored)
		if err != nil {
			return err
		}
		for _, m := range stored {
			groups := carried(m)
			if slices.Contains(groups, name) == wanted[m.ID] {
				continue
			}
			if groups = slices.DeleteFunc(groups, func(g string) bool { return g == name }); wanted[m.ID] {
				groups = append(groups, name)
			}
			list, err := json.Marshal(groups)
			if err != nil {
				return err
			}
			// Both places that hold groups become one.
			if err := s.fillModel(m, storedFields(m.Params), storedFields(m.Info), Fields{{Name: "access_groups", Value: null}}, Fields{{Name: "access_groups", Value: list}}); err != nil {
				return err
			}
			m.UpdatedAt, m.UpdatedBy = s.now(), c.UserID
			if err := tx.Update(ctx, m); err != nil {
				return err
			}
			changed++
		}
		return nil
	})
	if err == nil {
		s.awaitModels(ctx)
	}
	return changed, err
}

// carried are the groups of a stored model, each once.
func carried(m *policy.StoredModel) []string {
	out := []string{}
	for _, of := range [][]byte{m.Params, m.Info} {
		var list []string
		if v, ok := storedFields(of).Get("access_groups"); ok && json.Unmarshal(v, &list) == nil {
			out = union(out, list)
		}
	}
	return out
}

// membersAsked are the ids of the stored models that a caller names.
func (s *server) membersAsked(group string, in *legacyMembers, stored []*policy.StoredModel) (map[string]bool, error) {
	names, ids := in.Models.Or(nil), in.IDs.Or(nil)
	if len(names)+len(ids) == 0 {
		return nil, badRequest("model_names", "Which models? Send model_names, or model_ids")
	}
	wanted := map[string]bool{}
	for _, name := range names {
		known := false
		for _, m := range stored {
			if m.Name == name {
				wanted[m.ID], known = true, true
			}
		}
		if known || slices.ContainsFunc(s.ofTheFile(group), func(d *policy.Deployment) bool { return d.Model == name }) {
			continue
		}
		if _, ok := s.Catalog().Find(name); ok {
			return nil, s.inTheFile(name)
		}
		return nil, badRequest("model_names", "There is no model %q", clip(name))
	}
	for _, id := range ids {
		switch {
		case slices.ContainsFunc(stored, func(m *policy.StoredModel) bool { return m.ID == id }):
			wanted[id] = true
		case slices.ContainsFunc(s.ofTheFile(group), func(d *policy.Deployment) bool { return d.ID == id }):
		case s.Models.InFile(id):
			return nil, s.inTheFile(id)
		default:
			return nil, badRequest("model_ids", "There is no deployment with the id %q", clip(id))
		}
	}
	return wanted, nil
}

func (s *server) hasGroup(name string, stored []*policy.StoredModel) error {
	if len(s.ofTheFile(name)) > 0 || slices.ContainsFunc(stored, func(m *policy.StoredModel) bool { return slices.Contains(carried(m), name) }) {
		return nil
	}
	return detailError(http.StatusNotFound, "Access group %q not found", clip(name))
}

// ofTheFile lists the deployments of the configuration file that carry a group.
func (s *server) ofTheFile(group string) (out []*policy.Deployment) {
	catalog := s.Catalog()
	for _, name := range catalog.Names() {
		m, _ := catalog.Find(name)
		for _, d := range m.Deployments {
			if !d.Stored && slices.Contains(d.AccessGroups, group) {
				out = append(out, d)
			}
		}
	}
	return out
}

func (s *server) inTheFile(model string) error {
	return badRequest("model_names", "%s is in the configuration file: its access_groups are changed there", clip(model))
}
