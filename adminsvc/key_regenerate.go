package adminsvc

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/purser/purser/policy"
)

type keyRegenerate struct {
	Body
	PathKey      Opt[string]     `path:"key"`
	QueryKey     Opt[string]     `query:"key"`
	Key          Opt[string]     `json:"key"`
	NewKey       Opt[string]     `json:"new_key" doc:"The new key, if you want to choose it"`
	NewMasterKey Opt[Unenforced] `json:"new_master_key"`
	GracePeriod  Opt[string]     `json:"grace_period" doc:"How long the old key still works: 30m, 24h; absent: not at all"`
	keyFields
}

func (s *server) regenerateKey(ctx context.Context, c *Caller, in *keyRegenerate) (any, error) {
	ident := in.PathKey.Or("")
	for _, more := range []string{in.QueryKey.Or(""), in.Key.Or("")} {
		if ident == "" {
			ident = more
		}
	}
	if ident == "" {
		if c.Key == nil {
			return nil, badRequest("key", "Which key? The master key is changed in the configuration")
		}
		ident = c.Key.Hash.String()
	}
	if in.Spend.Value != 0 {
		return nil, badRequest("spend", "What was spent goes on with the new secret. Set it with /key/{key}/reset_spend")
	}
	grace, err := s.expiry(in.GracePeriod)
	if err != nil {
		return nil, badRequest("grace_period", "grace_period is no duration such as 30m or 24h")
	}
	plain, err := s.plainKey(ctx, in.NewKey)
	if err != nil {
		return nil, err
	}
	var k, old *policy.Key
	check := func(tx policy.Tx) error {
		if old, err = loadKey(ctx, tx, "key", ident); err != nil {
			return s.unknownKey(c, err)
		}
		on, err := keyTarget(ctx, tx, old)
		if err != nil {
			return err
		}
		if err := s.authorize(ctx, c, keyRegenerateIt, on); err != nil {
			return err
		}
		if err := s.notAnAdmins(ctx, c, on); err != nil {
			return err
		}
		if !old.RevokedAt.IsZero() {
			return badRequest("key", "This key was regenerated already: regenerate the one that took its place")
		}
		if k, err = s.changeKey(ctx, tx, c, old, in.Sent, in.Duration, nil); err != nil {
			return err
		}
		k.Hash, k.Name = policy.HashKey(plain), maskKey(plain)
		return neverUsed(ctx, tx, k.Hash)
	}
	// What was spent goes on with the new secret, that of the last moment too: nobody is
	// bothered with that before it is sure that there will be one.
	if err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error { return cmp.Or(check(tx), errChecked) }); err != errChecked {
		return nil, err
	}
	if err := s.flush(ctx, keySpender(old).scope); err != nil {
		return nil, err
	}
	return onceHere(ctx, func(ctx context.Context) (any, error) {
		var spent []policy.Money
		err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
			if err := check(tx); err != nil {
				return err
			}
			fields := storedFields(k.Fields)
			fields = fields.With("rotation_count", []byte(strconv.FormatInt(rotations(fields)+1, 10)))
			k.Fields = fields.With("last_rotation_at", quote(k.UpdatedAt.Format("2006-01-02T15:04:05.999999Z07:00"))).Stored()
			// The budget goes on where it stood: a new secret is no new allowance.
			if err := s.carrySpend(ctx, tx, c, keySpender(old).scope, &k.Limits, k.CreatedAt, keySpender(k).scope); err != nil {
				return err
			}
			was := keySpender(k)
			was.scope = keySpender(old).scope
			if spent, err = s.spentIn(ctx, tx, was); err != nil {
				return err
			}
			before, err := predecessors(ctx, tx, old)
			if err != nil {
				return err
			}
			replaced := *old
			replaced.RevokedAt, replaced.UpdatedAt, replaced.UpdatedBy = grace, k.UpdatedAt, c.UserID
			for _, o := range append(before, &replaced) {
				if o == &replaced && grace.IsZero() {
					if err := tx.Delete(ctx, o.Ref()); err != nil {
						return err
					}
					continue
				}
				o.Successor = k.Hash
				if err := tx.Update(ctx, o); err != nil {
					return err
				}
			}
			return tx.Create(ctx, k)
		})
		if err != nil {
			return nil, err
		}
		return s.generatedRow(ctx, k, plain, spent[0])
	})
}

// errChecked ends a write that was made to see whether it could be.
var errChecked = errors.New("nothing is wrong with this write")

// notAnAdmins keeps members whom their team lets regenerate keys from getting hold
// of a team admin's: whoever has the secret acts as them.
func (s *server) notAnAdmins(ctx context.Context, c *Caller, on target) error {
	is, err := s.relationTo(ctx, c, on)
	if err != nil || is&(managers|isOwner) != 0 || on.Team == nil {
		return err
	}
	for _, m := range on.Team.Members {
		if m.UserID == on.UserID && on.UserID != "" && m.Role == "admin" {
			return forbidden("key", "Only admins of team %s may regenerate the keys of its admins", on.Team.ID)
		}
	}
	return nil
}

// neverUsed refuses a secret that was a key before: what was rotated out must not come
// back, and what it spent then is not what its successor spends.
func neverUsed(ctx context.Context, tx policy.Tx, h policy.KeyHash) error {
	where := []policy.Condition{{Field: "hash", Op: policy.Is, Value: h.String()}}
	for _, deleted := range []bool{false, true} {
		_, n, err := policy.List[*policy.Key](ctx, tx, policy.Query{Kind: policy.EntityKey, Deleted: deleted, Where: where, Limit: 1})
		if err != nil {
			return err
		}
		if n > 0 {
			return badRequest("new_key", "This key exists already, or was used before: choose another one")
		}
	}
	return nil
}

func rotations(f Fields) int64 {
	v, _ := f.Get("rotation_count")
	n, _ := strconv.ParseInt(string(v), 10, 64)
	return n
}

// predecessors are the keys in their grace period that a key replaced.
func predecessors(ctx context.Context, r policy.Reader, k *policy.Key) ([]*policy.Key, error) {
	list, _, err := policy.List[*policy.Key](ctx, r, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
		{Field: "revoked_at", Op: policy.IsNot, Value: nil}, {Field: "successor", Op: policy.Is, Value: k.Hash.String()},
	}})
	return list, err
}

// endGrace deletes what a key replaced: who blocks or deletes a key means its old secrets too.
func endGrace(ctx context.Context, tx policy.Tx, k *policy.Key) error {
	before, err := predecessors(ctx, tx, k)
	if err != nil {
		return err
	}
	for _, o := range before {
		if err := tx.Delete(ctx, o.Ref()); err != nil {
			return err
		}
	}
	return nil
}

type spendReset struct {
	Body
	Key     Opt[string]       `path:"key"`
	ResetTo Opt[policy.Money] `json:"reset_to" required:"true" doc:"Dollars, at most what was spent"`
}

func (s *server) resetKeySpend(ctx context.Context, c *Caller, in *spendReset) (any, error) {
	k, err := loadKey(ctx, s.Store, "key", in.Key.Value)
	if err != nil {
		return nil, s.unknownKey(c, err)
	}
	on, err := keyTarget(ctx, s.Store, k)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, c, keyResetSpend, on); err != nil {
		return nil, err
	}
	was, err := s.resetSpend(ctx, c, keySpender(k), in.ResetTo.Value)
	if err != nil {
		return nil, err
	}
	return Object{
		{"key_hash", k.Hash.String()}, {"spend", dollars(in.ResetTo.Value)}, {"previous_spend", dollars(was)},
		{"max_budget", k.Limits.MaxBudget}, {"budget_reset_at", s.resetAt(&k.Limits, k.CreatedAt)},
	}, nil
}

// resetSpend is setSpend that only goes down.
func (s *server) resetSpend(ctx context.Context, c *Caller, e spender, to policy.Money) (policy.Money, error) {
	if to < 0 {
		return 0, badRequest("reset_to", "reset_to must not be negative")
	}
	was, err := s.spent(ctx, e)
	if err != nil {
		return 0, err
	}
	if to > was[0] {
		return 0, badRequest("reset_to", "reset_to %s is above what was spent, %s", to, was[0])
	}
	return s.setSpend(ctx, c, e, to)
}
