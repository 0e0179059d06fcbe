package adminsvc

import (
	"context"
	"errors"
	"slices"

	"github.com/purser/purser/policy"
)

type userDeletion struct {
	Body
	UserIDs Opt[[]string] `json:"user_ids" required:"true"`
}

// deleteUsers answers with how many were deleted.
func (s *server) deleteUsers(ctx context.Context, c *Caller, in *userDeletion) (any, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(in.UserIDs.Value)))
	if len(ids) == 0 {
		return nil, badRequest("user_ids", "user_ids names nobody")
	}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		for _, id := range ids {
			u, err := s.userFor(ctx, tx, c, id, "", userDelete)
			if e := (*Error)(nil); asNotFound(err, &e) {
				e.Param = "user_ids"
			}
			if err != nil {
				return err
			}
			if err := s.mayDeleteAll(ctx, tx, c, u); err != nil {
				return err
			}
			if err := s.deleteUser(ctx, tx, c, u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return len(ids), nil
}

// mayDeleteAll holds who is no proxy admin to deleting users of whom they may
// delete everything that goes along: an org_admin can add anybody to their
// organization, which must not be a way to delete them.
func (s *server) mayDeleteAll(ctx context.Context, tx policy.Tx, c *Caller, u *policy.User) error {
	if c.Admin() {
		return nil
	}
	keys, _, err := policy.List[*policy.Key](ctx, tx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: u.ID}}})
	if err != nil {
		return err
	}
	for _, k := range keys {
		on, err := keyTarget(ctx, tx, k)
		if err != nil {
			return err
		}
		if err := s.authorize(ctx, c, keyDelete, on); err != nil {
			return err
		}
	}
	teams, _, err := policy.List[*policy.Team](ctx, tx, policy.Query{Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "member", Op: policy.Is, Value: u.ID}}})
	if err != nil {
		return err
	}
	for _, t := range teams {
		if err := s.authorize(ctx, c, teamSetMembers, target{Team: t}); err != nil {
			return err
		}
	}
	return nil
}

// deleteUser removes a user with all that acts as them: keys and memberships.
func (s *server) deleteUser(ctx context.Context, tx policy.Tx, c *Caller, u *policy.User) error {
	teams, _, err := policy.List[*policy.Team](ctx, tx, policy.Query{Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "member", Op: policy.Is, Value: u.ID}}})
	if err != nil {
		return err
	}
	for _, old := range teams {
		t := *old
		t.Members = slices.DeleteFunc(slices.Clone(old.Members), func(m policy.Member) bool { return m.UserID == u.ID })
		t.UpdatedAt, t.UpdatedBy = s.now(), c.UserID
		if err := tx.Update(ctx, &t); err != nil {
			return err
		}
		err := tx.Delete(ctx, policy.Ref{Kind: policy.EntityMembership, ID: policy.MemberID(t.ID, u.ID)})
		if err != nil && !errors.Is(err, policy.ErrNotFound) {
			return err
		}
	}
	for _, kind := range []policy.EntityKind{policy.EntityKey, policy.EntityOrganizationMember} {
		page, err := tx.List(ctx, policy.Query{Kind: kind, Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: u.ID}}})
		if err != nil {
			return err
		}
		for _, e := range page.Entities {
			if err := tx.Delete(ctx, e.Ref()); err != nil {
				return err
			}
		}
	}
	return tx.Delete(ctx, u.Ref())
}
