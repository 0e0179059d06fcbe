package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

var organizationRoles = []string{policy.RoleOrgAdmin, policy.RoleUser, policy.RoleUserViewer}

// organizationMembership is a user's place in an organization.
type organizationMembership struct {
	UserID         Opt[string]    `json:"user_id"`
	OrganizationID Opt[string]    `json:"organization_id"`
	UserRole       Opt[string]    `json:"user_role"`
	UserEmail      Opt[string]    `json:"user_email"`
	BudgetID       Opt[string]    `json:"budget_id"`
	BudgetTable    Opt[Fields]    `json:"litellm_budget_table"`
	User           Opt[Fields]    `json:"user"`
	CreatedAt      Opt[time.Time] `json:"created_at"`
	UpdatedAt      Opt[time.Time] `json:"updated_at"`
}

func organizationMembers(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "organizations", Summary: summary, Reply: reply}
	}
	routeRaw(s, creating(op(http.MethodPost, "/organization/member_add", "Add members; users that are not there are made", organizationAdded{})), s.addOrganizationMembers)
	update := op(http.MethodPatch, "/organization/member_update", "Change a member's role", organizationMembership{})
	update.Methods = []string{http.MethodPost}
	routeRaw(s, update, s.updateOrganizationMember)
	remove := op(http.MethodDelete, "/organization/member_delete", "Remove a member", organizationMembership{})
	remove.Methods = []string{http.MethodPost}
	routeRaw(s, remove, s.deleteOrganizationMember)
}

// orgMembers is [{"user_id":…,"user_email":…,"role":…}]; a single one may come without the list.
type orgMembers []policy.Member

func (m *orgMembers) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	one := func(at location, v jsontext.Value) {
		var entry struct {
			UserID Opt[string] `json:"user_id"`
			Email  Opt[string] `json:"user_email"`
			Role   Opt[string] `json:"role" required:"true" enum:"org_admin,internal_user,internal_user_viewer"`
		}
		d.object(at, v, &entry)
		*m = append(*m, policy.Member{UserID: entry.UserID.Or(""), Email: entry.Email.Or(""), Role: entry.Role.Or("")})
	}
	*m = nil
	d.oneOrItems(at, v, one)
	return nil
}

func (*orgMembers) schema() *huma.Schema { return membersSchema(organizationRoles...) }

// memberBudget refuses a budget for one member of an organization: requests are
// counted to users, teams and organizations, not to a user within an organization.
func memberBudget(o Opt[policy.Money]) error {
	if _, ok := o.Get(); ok {
		return badRequest("max_budget_in_organization", "max_budget_in_organization is not enforced here, and a restriction that is not enforced must not look as if it were. Give the user a max_budget, or a budget in the team.")
	}
	return nil
}

type organizationMemberAdd struct {
	Body
	OrganizationID Opt[string]       `json:"organization_id" required:"true"`
	Member         Opt[orgMembers]   `json:"member" required:"true" doc:"One or a list"`
	MaxBudget      Opt[policy.Money] `json:"max_budget_in_organization" doc:"Not enforced: refused"`
}

type organizationAdded struct {
	OrganizationID Opt[string] `json:"organization_id"`
	Users          Opt[rows]   `json:"updated_users"`
	Memberships    Opt[rows]   `json:"updated_organization_memberships"`
}

func (s *server) addOrganizationMembers(ctx context.Context, c *Caller, in *organizationMemberAdd) (any, error) {
	if err := memberBudget(in.MaxBudget); err != nil {
		return nil, err
	}
	if len(in.Member.Value) == 0 || len(in.Member.Value) > mostInBulk {
		return nil, badRequest("member", "member names 1 to %d users", mostInBulk)
	}
	var added []string
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		added = nil
		o, err := s.organizationFor(ctx, tx, c, in.OrganizationID.Value, organizationMembersSet)
		if err != nil {
			return err
		}
		for _, m := range in.Member.Value {
			resolved, _, err := s.resolveMember(ctx, tx, c, m)
			if err != nil {
				return err
			}
			now := s.now()
			row := &policy.OrganizationMember{OrganizationID: o.ID, UserID: resolved.UserID, Role: m.Role}
			row.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: []byte("{}")}
			if err := tx.Create(ctx, row); err != nil {
				if errors.Is(err, policy.ErrConflict) {
					return badRequest("member", "User %s is already in organization %s", clip(resolved.UserID), o.ID)
				}
				return err
			}
			added = append(added, resolved.UserID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	memberships, err := s.organizationMemberRows(ctx, in.OrganizationID.Value, added...)
	if err != nil {
		return nil, err
	}
	users := []any{}
	for _, m := range memberships {
		if u := m.Get("user"); u != nil {
			users = append(users, u)
		}
	}
	return Object{{"organization_id", in.OrganizationID.Value}, {"updated_users", users}, {"updated_organization_memberships", memberships}}, nil
}

// organizationMemberRows renders the members of an organization: those named, or all.
func (s *server) organizationMemberRows(ctx context.Context, organization string, ids ...string) ([]Object, error) {
	q := policy.Query{Kind: policy.EntityOrganizationMember, Where: []policy.Condition{{Field: "organization_id", Op: policy.Is, Value: organization}}}
	if len(ids) > 0 {
		q.Where = append(q.Where, policy.Condition{Field: "user_id", Op: policy.In, Value: ids})
	}
	list, _, err := policy.List[*policy.OrganizationMember](ctx, s.Store, q)
	if err != nil {
		return nil, err
	}
	var of []string
	for _, m := range list {
		of = append(of, m.UserID)
	}
	users := map[string]*policy.User{}
	if err := eachOf(ctx, s.Store, policy.EntityUser, "id", of, false, func(u *policy.User) { users[u.ID] = u }); err != nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, m := range list {
		set := Object{{"user_id", m.UserID}, {"organization_id", m.OrganizationID}, {"user_role", m.Role}, {"created_at", when(m.CreatedAt)}, {"updated_at", when(m.UpdatedAt)}}
		if u := users[m.UserID]; u != nil {
			set.Set("user_email", orNull(u.Email))
			set.Set("user", Object{{"user_id", u.ID}, {"user_email", orNull(u.Email)}, {"user_alias", orNull(u.Alias)}, {"user_role", orNull(u.Role)}})
		}
		out[i] = render[organizationMembership](nil, set)
	}
	return out, nil
}

type organizationMemberUpdate struct {
	Body
	OrganizationID Opt[string]       `json:"organization_id" required:"true"`
	UserID         Opt[string]       `json:"user_id"`
	UserEmail      Opt[string]       `json:"user_email"`
	Role           Opt[string]       `json:"role" enum:"org_admin,internal_user,internal_user_viewer"`
	MaxBudget      Opt[policy.Money] `json:"max_budget_in_organization" doc:"Not enforced: refused"`
}

func (s *server) updateOrganizationMember(ctx context.Context, c *Caller, in *organizationMemberUpdate) (any, error) {
	if err := memberBudget(in.MaxBudget); err != nil {
		return nil, err
	}
	var row *policy.OrganizationMember
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := s.organizationMember(ctx, tx, c, in.OrganizationID.Value, in.UserID.Or(""), in.UserEmail.Or(""))
		if err != nil {
			return err
		}
		changed := *old
		row = &changed
		if role, ok := in.Role.Get(); ok {
			row.Role = role
		}
		row.UpdatedAt, row.UpdatedBy = s.now(), c.UserID
		return tx.Update(ctx, row)
	})
	if err != nil {
		return nil, err
	}
	return first(s.organizationMemberRows(ctx, row.OrganizationID, row.UserID))
}

type organizationMemberDeletion struct {
	Body
	OrganizationID Opt[string] `json:"organization_id" required:"true"`
	UserID         Opt[string] `json:"user_id"`
	UserEmail      Opt[string] `json:"user_email"`
}

func (s *server) deleteOrganizationMember(ctx context.Context, c *Caller, in *organizationMemberDeletion) (any, error) {
	var gone []Object
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		m, err := s.organizationMember(ctx, tx, c, in.OrganizationID.Value, in.UserID.Or(""), in.UserEmail.Or(""))
		if err != nil {
			return err
		}
		if gone, err = s.organizationMemberRows(ctx, m.OrganizationID, m.UserID); err != nil {
			return err
		}
		return tx.Delete(ctx, m.Ref())
	})
	return first(gone, err)
}

// organizationMember reads a membership that the caller may change.
func (s *server) organizationMember(ctx context.Context, tx policy.Tx, c *Caller, organization, user, email string) (*policy.OrganizationMember, error) {
	o, err := s.organizationFor(ctx, tx, c, organization, organizationMembersSet)
	if err != nil {
		return nil, err
	}
	if user == "" && email == "" {
		return nil, badRequest("user_id", "Which member? Send user_id or user_email")
	}
	list, _, err := policy.List[*policy.OrganizationMember](ctx, tx, policy.Query{Kind: policy.EntityOrganizationMember,
		Where: []policy.Condition{{Field: "organization_id", Op: policy.Is, Value: o.ID}}})
	if err != nil {
		return nil, err
	}
	if user == "" {
		found, _, err := policy.List[*policy.User](ctx, tx, policy.Query{Kind: policy.EntityUser,
			Where: []policy.Condition{{Field: "email_folded", Op: policy.Is, Value: strings.ToLower(email)}}})
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			if slices.ContainsFunc(list, func(m *policy.OrganizationMember) bool { return m.UserID == u.ID }) {
				user = u.ID
			}
		}
	}
	i := slices.IndexFunc(list, func(m *policy.OrganizationMember) bool { return user != "" && m.UserID == user })
	if i < 0 {
		return nil, notFound("user_id", "User %s is not a member of organization %s", clip(user+email), o.ID)
	}
	return list[i], nil
}
