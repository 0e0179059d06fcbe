package adminsvc

import (
	"context"
	"errors"
	"net/http"

	"github.com/purser/purser/policy"
)

// Tags govern the requests that carry them, whoever sends them.
const (
	tagRead  action = "read tags"
	tagWrite action = "create, change or delete tags"
)

func init() {
	rules[tagRead] = rule{allow: readers, reads: true}
	rules[tagWrite] = rule{allow: isAdmin}
}

// tagFields are the documented fields of a tag.
type tagFields struct {
	limitFields
	Description Opt[string]   `json:"description"`
	BudgetID    Opt[string]   `json:"budget_id" doc:"A shared budget, whose limits hold as well"`
	Models      Opt[[]string] `json:"models" doc:"Models the tag is meant for; they restrict nothing, as in LiteLLM, where they route"`
	ModelInfo   Opt[Fields]   `json:"model_info"`
}

type tagNew struct {
	Body
	Name Opt[string] `json:"name" required:"true"`
	tagFields
}

type tagRow struct {
	Name        Opt[string]       `json:"name"`
	Description Opt[string]       `json:"description"`
	Models      Opt[[]string]     `json:"models" default:"[]"`
	ModelInfo   Opt[Fields]       `json:"model_info" default:"{}"`
	BudgetID    Opt[string]       `json:"budget_id"`
	Spend       Opt[policy.Money] `json:"spend" default:"0.0"`
	BudgetTable Opt[Fields]       `json:"litellm_budget_table"`
	CreatedAt   Opt[string]       `json:"created_at"`
	CreatedBy   Opt[string]       `json:"created_by"`
	UpdatedAt   Opt[string]       `json:"updated_at"`
	UpdatedBy   Opt[string]       `json:"updated_by"`
}

// tagReply is what LiteLLM answers to a change of a tag.
type tagReply struct {
	Message Opt[string] `json:"message"`
	Tag     Opt[Fields] `json:"tag" optional:"true"`
}

func tags(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "tags", Summary: summary, Reply: reply}
	}
	routeRaw(s, creating(op(http.MethodPost, "/tag/new", "Govern the requests that carry a tag", tagReply{})), s.newTag)
	routeRaw(s, op(http.MethodPost, "/tag/update", "Change a tag: absent stays, null clears", tagReply{}), s.updateTag)
	info := op(http.MethodPost, "/tag/info", "Tags by their names", nil)
	routeRaw(s, info, s.tagInfo)
	routeRaw(s, op(http.MethodGet, "/tag/list", "All tags", []tagRow{}), s.listTags)
	routeRaw(s, op(http.MethodPost, "/tag/delete", "Stop governing a tag", tagReply{}), s.deleteTag)
}

func (s *server) compileTag(ctx context.Context, tx policy.Tx, t *policy.Tag, f *tagFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	t.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	return mustExistBudget(ctx, tx, "budget_id", t.BudgetID)
}

func (s *server) newTag(ctx context.Context, c *Caller, in *tagNew) (any, error) {
	if err := s.authorize(ctx, c, tagWrite, target{}); err != nil {
		return nil, err
	}
	sent := blankIDs(in.Sent, "budget_id", "budget_duration")
	full, err := decodeStored[tagNew](sent)
	if err != nil {
		return nil, err
	}
	t := &policy.Tag{Name: in.Name.Value}
	if t.Name == "" {
		return nil, badRequest("name", "A tag needs a name")
	}
	if err := validID("name", t.Name); err != nil {
		return nil, err
	}
	now := s.now()
	t.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without("name").Stored()}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if err := s.compileTag(ctx, tx, t, &full.tagFields); err != nil {
			return err
		}
		return tx.Create(ctx, t)
	})
	if errors.Is(err, policy.ErrConflict) {
		return nil, badRequest("name", "Tag %s already exists", t.Name)
	}
	if err != nil {
		return nil, err
	}
	return s.tagReply(ctx, "Tag "+t.Name+" created successfully", t)
}

func (s *server) updateTag(ctx context.Context, c *Caller, in *tagNew) (any, error) {
	if err := s.authorize(ctx, c, tagWrite, target{}); err != nil {
		return nil, err
	}
	var t *policy.Tag
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := findTag(ctx, tx, in.Name.Value)
		if err != nil {
			return err
		}
		fields := storedFields(old.Fields).Merge(in.Sent.Without("name"))
		full, err := decodeStored[tagFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		t = &changed
		if err := s.compileTag(ctx, tx, t, full); err != nil {
			return err
		}
		t.UpdatedAt, t.UpdatedBy, t.Fields = s.now(), c.UserID, fields.Stored()
		return tx.Update(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return s.tagReply(ctx, "Tag "+t.Name+" updated successfully", t)
}

func findTag(ctx context.Context, r policy.Reader, name string) (*policy.Tag, error) {
	t, err := find[*policy.Tag](ctx, r, policy.EntityTag, name)
	if err == nil && t == nil {
		return nil, notFound("name", "Tag not found: %s", clip(name))
	}
	return t, err
}

func (s *server) tagReply(ctx context.Context, message string, t *policy.Tag) (any, error) {
	rows, err := s.tagRows(ctx, t)
	if err != nil {
		return nil, err
	}
	return Object{{"message", message}, {"tag", rows[0]}}, nil
}

func tagSpender(t *policy.Tag) spender {
	return spender{scope: policy.Scope{Kind: policy.ScopeTag, ID: t.Name}, limits: &t.Limits, budgetID: t.BudgetID, created: t.CreatedAt}
}

func (s *server) tagRows(ctx context.Context, list ...*policy.Tag) ([]Object, error) {
	spenders := make([]spender, len(list))
	for i, t := range list {
		spenders[i] = tagSpender(t)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, t := range list {
		fields := storedFields(t.Fields)
		table := render[budgetTableRow](only(fields, budgetTableNames), Object{{"budget_id", orNull(t.BudgetID)}})
		if b, err := find[*policy.Budget](ctx, s.Store, policy.EntityBudget, t.BudgetID); err != nil {
			return nil, err
		} else if b != nil {
			table = budgetTable(b)
		}
		set := Object{{"name", t.Name}, {"spend", dollars(spends[i])}, {"litellm_budget_table", table}}
		set.record(t.Record)
		out[i] = render[tagRow](fields, set)
	}
	return out, nil
}

type tagQuery struct {
	Body
	Names Opt[[]string] `json:"names" required:"true"`
}

func (s *server) tagInfo(ctx context.Context, c *Caller, in *tagQuery) (any, error) {
	if err := s.authorize(ctx, c, tagRead, target{}); err != nil {
		return nil, err
	}
	if len(in.Names.Value) == 0 {
		return nil, badRequest("names", "names lists no tag")
	}
	out := make(Object, 0, len(in.Names.Value))
	for _, name := range in.Names.Value {
		t, err := findTag(ctx, s.Store, name)
		if err != nil {
			return nil, err
		}
		rows, err := s.tagRows(ctx, t)
		if err != nil {
			return nil, err
		}
		out.Set(name, rows[0])
	}
	return out, nil
}

func (s *server) listTags(ctx context.Context, c *Caller, in *allPages) (any, error) {
	if err := s.authorize(ctx, c, tagRead, target{}); err != nil {
		return nil, err
	}
	q := policy.Query{Kind: policy.EntityTag}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	list, total, err := policy.List[*policy.Tag](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.tagRows(ctx, list...)
	return listed(total, rows), err
}

type tagDeletion struct {
	Body
	Name Opt[string] `json:"name" required:"true"`
}

func (s *server) deleteTag(ctx context.Context, c *Caller, in *tagDeletion) (any, error) {
	if err := s.authorize(ctx, c, tagWrite, target{}); err != nil {
		return nil, err
	}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		t, err := findTag(ctx, tx, in.Name.Value)
		if err != nil {
			return err
		}
		return tx.Delete(ctx, t.Ref())
	})
	if err != nil {
		return nil, err
	}
	return Object{{"message", "Tag " + in.Name.Value + " deleted successfully"}}, nil
}
