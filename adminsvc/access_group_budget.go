package adminsvc

import (
	"context"
	"net/http"

	"github.com/purser/purser/policy"
)

// A budget of an access group holds for all that is spent on its models, whoever
// spends it. It is kept and counted as a tag, which every call for one of the
// group's models carries: policy.GroupTag.

type groupBudgetFields struct {
	BudgetID       Opt[string]       `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	MaxBudget      Opt[policy.Money] `json:"max_budget"`
	SoftBudget     Opt[policy.Money] `json:"soft_budget"`
	BudgetDuration Opt[string]       `json:"budget_duration"`
}

type groupBudgetSet struct {
	Body
	legacyPath
	groupBudgetFields
}

type groupBudgetRow struct {
	Group  Opt[string]       `json:"access_group"`
	Spend  Opt[policy.Money] `json:"spend" default:"0.0"`
	Budget Opt[Fields]       `json:"budget"`
}

type groupBudgetDeleted struct {
	Group   Opt[string] `json:"access_group"`
	Deleted Opt[bool]   `json:"budget_deleted"`
	Message Opt[string] `json:"message"`
}

func accessGroupBudgets(s *server) {
	op := func(method, summary string, reply any) operation {
		return operation{Method: method, Path: "/access_group/{access_group}/budget", Tag: "access groups", Summary: summary, Reply: reply}
	}
	routeRaw(s, op(http.MethodGet, "What may be spent on a group's models, and was", groupBudgetRow{}), s.groupBudget)
	routeRaw(s, op(http.MethodPut, "Set what may be spent on a group's models, by everybody together", groupBudgetRow{}), s.setGroupBudget)
	routeRaw(s, op(http.MethodDelete, "Lift a group's budget", groupBudgetDeleted{}), s.deleteGroupBudget)
}

// groupFor refuses groups that no model carries.
func (s *server) groupFor(ctx context.Context, c *Caller, name string, a action) error {
	if err := s.authorize(ctx, c, a, target{}); err != nil {
		return err
	}
	if s.Catalog().Group(name) == nil {
		return detailError(http.StatusNotFound, "Access group %q not found", clip(name))
	}
	return validID("access_group", policy.GroupTag(name))
}

func (s *server) groupBudget(ctx context.Context, c *Caller, in *legacyPath) (any, error) {
	if err := s.groupFor(ctx, c, in.Name.Value, groupRead); err != nil {
		return nil, err
	}
	t, err := find[*policy.Tag](ctx, s.Store, policy.EntityTag, policy.GroupTag(in.Name.Value))
	if err != nil {
		return nil, err
	}
	return s.groupBudgetRow(ctx, in.Name.Value, t)
}

func (s *server) groupBudgetRow(ctx context.Context, name string, t *policy.Tag) (any, error) {
	if t == nil {
		return Object{{"access_group", name}, {"spend", dollars(0)}, {"budget", nil}}, nil
	}
	spends, err := s.spent(ctx, tagSpender(t))
	if err != nil {
		return nil, err
	}
	fields, limits, created, id := storedFields(t.Fields), &t.Limits, t.CreatedAt, t.Name
	if b, err := find[*policy.Budget](ctx, s.Store, policy.EntityBudget, t.BudgetID); err != nil {
		return nil, err
	} else if b != nil {
		id = b.ID
		if t.Limits.MaxBudget == nil {
			fields, limits, created = storedFields(b.Fields), &b.Limits, b.CreatedAt
		}
	}
	budget := Object{{"budget_id", id}}
	for _, f := range []string{"max_budget", "soft_budget", "budget_duration"} {
		v, ok := fields.Get(f)
		if !ok {
			v = []byte("null")
		}
		budget.Set(f, v)
	}
	budget.Set("budget_reset_at", s.resetAt(limits, created))
	return Object{{"access_group", name}, {"spend", dollars(spends[0])}, {"budget", budget}}, nil
}

func (s *server) setGroupBudget(ctx context.Context, c *Caller, in *groupBudgetSet) (any, error) {
	if err := s.groupFor(ctx, c, in.Name.Value, groupWrite); err != nil {
		return nil, err
	}
	sent := blankIDs(in.Sent, "budget_id", "budget_duration")
	full, err := decodeStored[tagFields](sent)
	if err != nil {
		return nil, err
	}
	if full.BudgetID.Or("") == "" && full.MaxBudget.Ptr() == nil {
		return nil, badRequest("max_budget", "A budget needs max_budget, or budget_id")
	}
	var t *policy.Tag
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := find[*policy.Tag](ctx, tx, policy.EntityTag, policy.GroupTag(in.Name.Value))
		if err != nil {
			return err
		}
		now := s.now()
		t = &policy.Tag{Name: policy.GroupTag(in.Name.Value), Record: policy.Record{CreatedAt: now, CreatedBy: c.UserID}}
		if old != nil {
			t.Record = old.Record
		}
		t.UpdatedAt, t.UpdatedBy, t.Fields = now, c.UserID, sent.Stored()
		if err := s.compileTag(ctx, tx, t, full); err != nil {
			return err
		}
		if old != nil {
			return tx.Update(ctx, t)
		}
		return tx.Create(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return s.groupBudgetRow(ctx, in.Name.Value, t)
}

func (s *server) deleteGroupBudget(ctx context.Context, c *Caller, in *legacyPath) (any, error) {
	if err := s.groupFor(ctx, c, in.Name.Value, groupWrite); err != nil {
		return nil, err
	}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		return tx.Delete(ctx, policy.Ref{Kind: policy.EntityTag, ID: policy.GroupTag(in.Name.Value)})
	})
	if e := asError(err); err != nil && e.Status == http.StatusNotFound {
		return nil, detailError(http.StatusNotFound, "Access group %q has no budget", clip(in.Name.Value))
	}
	if err != nil {
		return nil, err
	}
	return Object{{"access_group", in.Name.Value}, {"budget_deleted", true}, {"message", "The budget of access group " + in.Name.Value + " was deleted"}}, nil
}
