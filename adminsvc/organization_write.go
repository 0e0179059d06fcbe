package adminsvc

import (
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

type organizationNew struct {
	Body
	OrganizationID Opt[string] `json:"organization_id" doc:"Absent: a new one"`
	organizationFields
}

func (s *server) newOrganization(ctx context.Context, c *Caller, in *organizationNew) (any, error) {
	sent := blankIDs(in.Sent, organizationIDs...)
	full, err := decodeStored[organizationNew](sent)
	if err != nil {
		return nil, err
	}
	if full.OrganizationAlias.Or("") == "" {
		var d decoding
		d.fail("missing", location{"body", "organization_alias"}, "Field required")
		return nil, d.err()
	}
	o := &policy.Organization{ID: full.OrganizationID.Or("")}
	if o.ID == "" {
		o.ID = s.NewID()
	}
	if err := validID("organization_id", o.ID); err != nil {
		return nil, err
	}
	if err := compileOrganization(o, &full.organizationFields); err != nil {
		return nil, err
	}
	now := s.now()
	o.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without("organization_id").Stored()}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.authorize(ctx, c, organizationWrite, target{}); err != nil {
			return err
		}
		if err := mustExistBudget(ctx, tx, "budget_id", o.BudgetID); err != nil {
			return err
		}
		err := tx.Create(ctx, o)
		if errors.Is(err, policy.ErrConflict) {
			return badRequest("organization_id", "Organization %s already exists", o.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return first(s.organizationRows(ctx, o))
}

// first is the only row of a list.
func first(list []Object, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

type organizationUpdate struct {
	Body
	OrganizationID Opt[string] `json:"organization_id" required:"true"`
	organizationFields
}

// updateOrganization is LiteLLM's first kind of update: what is null stays, metadata is merged.
func (s *server) updateOrganization(ctx context.Context, c *Caller, in *organizationUpdate) (any, error) {
	sent := slices.DeleteFunc(in.Sent.Without("organization_id"), func(f Field) bool { return f.Value.Kind() == 'n' })
	return s.changeOrganization(ctx, c, in.OrganizationID.Value, func(have Fields) Fields {
		merged := have.Merge(sent)
		if more, ok := sent.Get("metadata"); ok {
			old, _ := have.Get("metadata")
			merged = merged.With("metadata", jsontext.Value(storedFields(old).Merge(storedFields(more)).Stored()))
		}
		return merged
	})
}

type organizationPatch struct {
	Body   `strict:"true"`
	PathID Opt[string] `path:"organization_id"`
	organizationFields
}

// patchOrganization is the second: what is sent replaces what was there, null and metadata too.
func (s *server) patchOrganization(ctx context.Context, c *Caller, in *organizationPatch) (any, error) {
	return s.changeOrganization(ctx, c, in.PathID.Value, func(have Fields) Fields { return have.Merge(in.Sent) })
}

// changeOrganization writes an organization's changed fields. Its admins may take
// from what it was given, not add.
func (s *server) changeOrganization(ctx context.Context, c *Caller, id string, change func(Fields) Fields) (any, error) {
	var o *policy.Organization
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := s.organizationFor(ctx, tx, c, id, organizationChange)
		if err != nil {
			return err
		}
		fields := change(storedFields(old.Fields))
		if v, ok := fields.Get("budget_id"); ok && v.Kind() == '"' && unquote(v) == ownBudget(old.ID) {
			fields = fields.Without("budget_id")
		}
		full, err := decodeStored[organizationFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		o = &changed
		if err := compileOrganization(o, full); err != nil {
			return err
		}
		if !c.Admin() {
			names, err := s.names(ctx, tx)
			if err != nil {
				return err
			}
			if field := s.rulesBeyond(names, &o.Rules, &old.Rules, o.Record, old.Record); field != "" {
				return forbidden(field, "Organization admins may lower %s, not raise or remove it", field)
			}
		}
		if err := mustExistBudget(ctx, tx, "budget_id", o.BudgetID); err != nil {
			return err
		}
		o.UpdatedAt, o.UpdatedBy, o.Fields = s.now(), c.UserID, fields.Stored()
		return tx.Update(ctx, o)
	})
	if err != nil {
		return nil, err
	}
	return s.organizationDetails(ctx, c, o)
}

type organizationDeletion struct {
	Body
	OrganizationIDs Opt[[]string] `json:"organization_ids" required:"true"`
}

func (s *server) deleteOrganizations(ctx context.Context, c *Caller, in *organizationDeletion) (any, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(in.OrganizationIDs.Value)))
	var out []Object
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.authorize(ctx, c, organizationWrite, target{}); err != nil {
			return err
		}
		if len(ids) == 0 {
			return badRequest("organization_ids", "organization_ids names no organization")
		}
		var doomed []*policy.Organization
		for _, id := range ids {
			o, err := s.organizationFor(ctx, tx, c, id, organizationWrite)
			if e := (*Error)(nil); asNotFound(err, &e) {
				e.Param = "organization_ids"
			}
			if err != nil {
				return err
			}
			if err := deletableOrganization(ctx, tx, o); err != nil {
				return err
			}
			doomed = append(doomed, o)
		}
		var err error
		if out, err = s.organizationRows(ctx, doomed...); err != nil {
			return err
		}
		for _, o := range doomed {
			if err := tx.Delete(ctx, o.Ref()); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// deletableOrganization refuses to delete an organization under its teams and
// keys, and removes its members from it.
func deletableOrganization(ctx context.Context, tx policy.Tx, o *policy.Organization) error {
	of := []policy.Condition{{Field: "organization_id", Op: policy.Is, Value: o.ID}}
	teams, total, err := policy.List[*policy.Team](ctx, tx, policy.Query{Kind: policy.EntityTeam, Where: of, Limit: 10})
	if err != nil {
		return err
	}
	if total > 0 {
		names := make([]string, len(teams))
		for i, t := range teams {
			names[i] = t.ID
		}
		return badRequest("organization_ids", "Organization %s still has %d teams: %s. Delete or move them first.", o.ID, total, joined(names))
	}
	keys, total, err := policy.List[*policy.Key](ctx, tx, policy.Query{Kind: policy.EntityKey, Where: of, Limit: 10})
	if err != nil {
		return err
	}
	if total > 0 {
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.Name
		}
		return badRequest("organization_ids", "Organization %s still has %d keys: %s. Delete or move them first.", o.ID, total, joined(names))
	}
	members, _, err := policy.List[*policy.OrganizationMember](ctx, tx, policy.Query{Kind: policy.EntityOrganizationMember, Where: of})
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := tx.Delete(ctx, m.Ref()); err != nil {
			return err
		}
	}
	return nil
}
