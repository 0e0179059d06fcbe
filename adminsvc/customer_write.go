package adminsvc

import (
	"context"
	"errors"
	"fmt"

	"github.com/purser/purser/policy"
)

type customerNew struct {
	Body
	UserID Opt[string]       `json:"user_id" required:"true" doc:"As the calls will carry it"`
	Spend  Opt[policy.Money] `json:"spend" doc:"What the customer has spent already"`
	customerFields
}

func (s *server) newCustomer(ctx context.Context, c *Caller, in *customerNew) (any, error) {
	if err := s.authorize(ctx, c, customerWrite, target{}); err != nil {
		return nil, err
	}
	u := &policy.Customer{ID: in.UserID.Value}
	if u.ID == "" {
		return nil, badRequest("user_id", "user_id is empty")
	}
	if err := validID("user_id", u.ID); err != nil {
		return nil, err
	}
	if in.Spend.Or(0) < 0 {
		return nil, badRequest("spend", "spend must not be negative")
	}
	sent := blankIDs(in.Sent, customerIDs...)
	full, err := decodeStored[customerFields](sent)
	if err != nil {
		return nil, err
	}
	now := s.now()
	u.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without("user_id", "spend").Stored()}
	create := func(tx policy.Tx) error {
		if err := compileCustomer(ctx, tx, u, full); err != nil {
			return err
		}
		err := tx.Create(ctx, u)
		if errors.Is(err, policy.ErrConflict) {
			return badRequest("user_id", "Customer already exists, passed user_id=%s. Please pass a new user_id.", clip(u.ID))
		}
		return err
	}
	return s.createWithSpend(ctx, c, in.Spend.Or(0), create, func() spender { return customerSpender(u) }, func(ctx context.Context) (Object, error) {
		rows, err := s.customerRows(ctx, u)
		if err != nil {
			return nil, err
		}
		return rows[0], nil
	})
}

type customerUpdate struct {
	Body
	UserID Opt[string] `json:"user_id" required:"true"`
	customerFields
}

func (s *server) updateCustomer(ctx context.Context, c *Caller, in *customerUpdate) (any, error) {
	if err := s.authorize(ctx, c, customerWrite, target{}); err != nil {
		return nil, err
	}
	var u *policy.Customer
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := loadCustomer(ctx, tx, "user_id", in.UserID.Value)
		made := err == nil
		if e := (*Error)(nil); asNotFound(err, &e) {
			// Whom calls have named is there: a limit holds from now on.
			if old, err = s.seenCustomer(ctx, in.UserID.Value, err); err == nil {
				old.CreatedAt, old.CreatedBy = s.now(), c.UserID
			}
		}
		if err != nil {
			return err
		}
		sent := in.Sent.Without("user_id")
		if in.BudgetID.Or("") == ownBudget(old.ID) {
			sent = sent.Without("budget_id") // as a row shows its own limits
		}
		fields := storedFields(old.Fields).Merge(sent)
		full, err := decodeStored[customerFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		u = &changed
		if err := compileCustomer(ctx, tx, u, full); err != nil {
			return err
		}
		u.UpdatedAt, u.UpdatedBy, u.Fields = s.now(), c.UserID, fields.Stored()
		if !made {
			return tx.Create(ctx, u)
		}
		return tx.Update(ctx, u)
	})
	if err != nil {
		return nil, err
	}
	return first(s.customerRows(ctx, u))
}

type customersNamed struct {
	Body
	UserIDs Opt[[]string] `json:"user_ids" required:"true"`
}

func (in *customersNamed) ids() ([]string, error) {
	ids := union(nil, in.UserIDs.Value)
	if len(ids) == 0 || len(ids) > mostAtOnce {
		return nil, badRequest("user_ids", "user_ids names 1 to %d customers", mostAtOnce)
	}
	return ids, nil
}

type customersDeleted struct {
	Deleted Opt[int64]  `json:"deleted_customers"`
	Message Opt[string] `json:"message"`
}

func (s *server) deleteCustomers(ctx context.Context, c *Caller, in *customersNamed) (any, error) {
	if err := s.authorize(ctx, c, customerWrite, target{}); err != nil {
		return nil, err
	}
	ids, err := in.ids()
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		for _, id := range ids {
			u, err := loadCustomer(ctx, tx, "user_ids", id)
			if err != nil {
				return err
			}
			if err := tx.Delete(ctx, u.Ref()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Object{{"deleted_customers", len(ids)}, {"message", fmt.Sprintf("Successfully deleted customers with ids: %s", joined(ids))}}, nil
}

type customersBlocked struct {
	Blocked Opt[rows] `json:"blocked_users" doc:"Rows of the customers now blocked by this call"`
}

// blockCustomers makes those who are not there: an id seen in calls can be blocked at once.
func (s *server) blockCustomers(ctx context.Context, c *Caller, in *customersNamed) (any, error) {
	list, err := s.setBlocked(ctx, c, in, true)
	if err != nil {
		return nil, err
	}
	rows, err := s.customerRows(ctx, list...)
	return Object{{"blocked_users", rows}}, err
}

type customersUnblocked struct {
	Blocked Opt[[]string] `json:"blocked_users" doc:"Ids of those who are still blocked, at most 1000"`
}

func (s *server) unblockCustomers(ctx context.Context, c *Caller, in *customersNamed) (any, error) {
	if _, err := s.setBlocked(ctx, c, in, false); err != nil {
		return nil, err
	}
	left, _, err := policy.List[*policy.Customer](ctx, s.Store, policy.Query{Kind: policy.EntityCustomer, Limit: mostAtOnce,
		Where: []policy.Condition{{Field: "blocked", Op: policy.Is, Value: true}}})
	ids := []string{}
	for _, u := range left {
		ids = append(ids, u.ID)
	}
	return Object{{"blocked_users", ids}}, err
}

func (s *server) setBlocked(ctx context.Context, c *Caller, in *customersNamed, blocked bool) ([]*policy.Customer, error) {
	if err := s.authorize(ctx, c, customerWrite, target{}); err != nil {
		return nil, err
	}
	ids, err := in.ids()
	if err != nil {
		return nil, err
	}
	value := []byte("false")
	if blocked {
		value = []byte("true")
	}
	var out []*policy.Customer
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		out = nil
		for _, id := range ids {
			if err := validID("user_ids", id); err != nil {
				return err
			}
			old, err := find[*policy.Customer](ctx, tx, policy.EntityCustomer, id)
			if err != nil {
				return err
			}
			if old == nil && (!blocked || id == "") {
				return notFound("user_ids", "End User Id=%s does not exist", clip(id))
			}
			now := s.now()
			u := policy.Customer{ID: id, Record: policy.Record{CreatedAt: now, CreatedBy: c.UserID}}
			if old != nil {
				u = *old
			}
			u.Blocked, u.Fields = blocked, storedFields(u.Fields).With("blocked", value).Stored()
			u.UpdatedAt, u.UpdatedBy = now, c.UserID
			out = append(out, &u)
			if old == nil {
				err = tx.Create(ctx, &u)
			} else {
				err = tx.Update(ctx, &u)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}
