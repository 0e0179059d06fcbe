package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// memberFields are what a member may have of their own within a team.
type memberFields struct {
	MaxBudget          Opt[policy.Money] `json:"max_budget_in_team" doc:"Dollars this member may spend with the team's keys"`
	BudgetDuration     Opt[string]       `json:"budget_duration"`
	TPM                Opt[int64]        `json:"tpm_limit"`
	RPM                Opt[int64]        `json:"rpm_limit"`
	AllowedModels      Opt[[]string]     `json:"allowed_models"`
	TempBudgetIncrease Opt[policy.Money] `json:"temp_budget_increase"`
	TempBudgetExpiry   Opt[time.Time]    `json:"temp_budget_expiry"`
}

var memberFieldNames = []string{"max_budget_in_team", "budget_duration", "tpm_limit", "rpm_limit", "allowed_models", "temp_budget_increase", "temp_budget_expiry"}

func members(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "team members", Summary: summary, Reply: reply}
	}
	route(s, creating(op(http.MethodPost, "/team/member_add", "Add members; users that are not there are made", teamMemberAdded{})), s.addMembers)
	route(s, creating(op(http.MethodPost, "/team/bulk_member_add", "Add up to 500 members, and hear of each", nil)), s.bulkAddMembers)
	route(s, op(http.MethodPost, "/team/member_update", "Change a member's role and limits", nil), s.updateMember)
	route(s, op(http.MethodPost, "/team/member_delete", "Remove a member, and their keys of the team", teamRow{}), s.deleteMember)
	route(s, op(http.MethodGet, "/team/{team_id}/members/me", "The caller's own place in a team", nil), s.ownMembership)
	route(s, op(http.MethodPost, "/team/{team_id}/member/{user_id}/reset_spend", "Set what a member has spent in their current window", nil), s.resetMemberSpend)
}

type memberAdd struct {
	Body
	TeamID Opt[string]      `json:"team_id" required:"true"`
	Member Opt[teamMembers] `json:"member" required:"true" doc:"One or a list"`
	memberFields
}

type teamMemberAdded struct {
	teamRow
	UpdatedUsers       Opt[rows] `json:"updated_users"`
	UpdatedMemberships Opt[rows] `json:"updated_team_memberships"`
}

func (s *server) addMembers(ctx context.Context, c *Caller, in *memberAdd) (any, error) {
	if len(in.Member.Value) == 0 {
		return nil, badRequest("member", "member names nobody")
	}
	var users []*policy.User
	var added []policy.Member
	row, err := s.writeTeam(ctx, c, in.TeamID.Value, teamSetMembers, func(tx policy.Tx, old *policy.Team) (*policy.Team, error) {
		t := *old
		users, added = nil, nil
		for _, m := range in.Member.Value {
			m, u, err := s.resolveMember(ctx, tx, c, m)
			if err != nil {
				return nil, err
			}
			if isTeamUser(&t, m.UserID) {
				return nil, &Error{Status: http.StatusBadRequest, Type: "team_member_already_in_team", Param: "member",
					Message: "User " + clip(m.UserID) + " is already in team " + t.ID}
			}
			t.Members = append(slices.Clone(t.Members), m)
			added = append(added, m)
			if u != nil {
				users = append(users, u)
			}
			if err := s.writeMembership(ctx, tx, c, &t, m, in.Sent); err != nil {
				return nil, err
			}
		}
		return &t, nil
	})
	if err != nil {
		return nil, err
	}
	t, err := loadTeam(ctx, s.Store, in.TeamID.Value)
	if err != nil {
		return nil, err
	}
	memberships, err := s.membershipRows(ctx, t, added)
	if err != nil {
		return nil, err
	}
	updated := make([]Object, len(users))
	for i, u := range users {
		updated[i] = Object{{"user_id", u.ID}, {"user_email", orNull(u.Email)}, {"user_role", orNull(u.Role)}, {"user_alias", orNull(u.Alias)}}
	}
	return append(row, Member{"updated_users", updated}, Member{"updated_team_memberships", memberships}), nil
}

// resolveMember finds the user a member entry means, and makes one where there is none.
func (s *server) resolveMember(ctx context.Context, tx policy.Tx, c *Caller, m policy.Member) (policy.Member, *policy.User, error) {
	for field, v := range map[string]string{"user_id": m.UserID, "user_email": m.Email} {
		if err := validID(field, v); err != nil {
			return m, nil, err
		}
	}
	if m.UserID == "" && m.Email == "" {
		return m, nil, badRequest("member", "A member needs a user_id or a user_email")
	}
	if m.UserID == "" {
		found, _, err := policy.List[*policy.User](ctx, tx, policy.Query{Kind: policy.EntityUser, Limit: 2,
			Where: []policy.Condition{{Field: "email_folded", Op: policy.Is, Value: strings.ToLower(m.Email)}}})
		if err != nil {
			return m, nil, err
		}
		if len(found) > 1 {
			return m, nil, badRequest("user_email", "More than one user has this email address: name the user_id")
		}
		if len(found) == 1 {
			m.UserID = found[0].ID
			return m, found[0], nil
		}
		m.UserID = s.NewID()
	}
	if m.UserID == s.Settings().MasterUserID {
		return m, nil, nil // the master key's own user has no row
	}
	u, err := find[*policy.User](ctx, tx, policy.EntityUser, m.UserID)
	if err != nil || u != nil {
		if u != nil && m.Email == "" {
			m.Email = u.Email
		}
		return m, u, err
	}
	now := s.now()
	u = &policy.User{ID: m.UserID, Email: m.Email, Role: policy.RoleUser}
	u.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: []byte("{}")}
	if m.Email != "" {
		u.Fields = Fields{{"user_email", quote(m.Email)}}.Stored()
	}
	return m, u, tx.Create(ctx, u)
}

// writeMembership keeps what a member has of their own. One who has nothing has no row.
func (s *server) writeMembership(ctx context.Context, tx policy.Tx, c *Caller, t *policy.Team, m policy.Member, sent Fields) error {
	sent = only(sent, memberFieldNames)
	old, err := find[*policy.Membership](ctx, tx, policy.EntityMembership, policy.MemberID(t.ID, m.UserID))
	if err != nil || old == nil && len(sent) == 0 {
		return err
	}
	fresh := old == nil
	if fresh {
		old = &policy.Membership{TeamID: t.ID, UserID: m.UserID, Record: policy.Record{CreatedAt: s.now(), CreatedBy: c.UserID}}
	}
	row := *old
	fields := storedFields(old.Fields).Merge(sent)
	in, err := decodeStored[memberFields](fields)
	if err != nil {
		return err
	}
	limits := policy.Limits{MaxBudget: in.MaxBudget.Ptr(), BudgetDuration: in.BudgetDuration.Or(""), TPM: in.TPM.Ptr(), RPM: in.RPM.Ptr(),
		TempBudgetIncrease: in.TempBudgetIncrease.Ptr(), TempBudgetExpiry: in.TempBudgetExpiry.Ptr()}
	if err := renamed(limits.Validate(), "", "max_budget_in_team"); err != nil {
		return err
	}
	names, err := s.names(ctx, tx)
	if err != nil {
		return err
	}
	if over := names.within(in.AllowedModels.Or(nil), t.Models); over != "" {
		return badRequest("allowed_models", "Model %s is not among the models of team %s", clip(over), t.ID)
	}
	row.Role, row.Rules = m.Role, policy.Rules{Models: in.AllowedModels.Or(nil), Limits: limits}
	row.UpdatedAt, row.UpdatedBy, row.Fields = s.now(), c.UserID, fields.Stored()
	if fresh {
		return tx.Create(ctx, &row)
	}
	return tx.Update(ctx, &row)
}

// only keeps the named fields.
func only(f Fields, names []string) Fields {
	return slices.DeleteFunc(slices.Clone(f), func(m Field) bool { return !slices.Contains(names, m.Name) })
}

// renamed gives an Invalid's field the name that the request has for it: those
// listed get the prefix, max_budget becomes the first one listed that ends so.
func renamed(err error, prefix string, names ...string) error {
	var invalid *policy.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	field := invalid.Field
	switch {
	case slices.Contains(names, field):
		field = prefix + field
	case field == "max_budget" && prefix == "team_member_":
		field = "team_member_budget"
	case field == "max_budget" && slices.Contains(names, "max_budget_in_team"):
		field = "max_budget_in_team"
	}
	return badRequest(field, "%s", strings.ReplaceAll(invalid.Message, invalid.Field, field))
}

type memberUpdate struct {
	Body
	TeamID Opt[string] `json:"team_id" required:"true"`
	UserID Opt[string] `json:"user_id"`
	Email  Opt[string] `json:"user_email"`
	Role   Opt[string] `json:"role" enum:"admin,user"`
	memberFields
}

func (s *server) updateMember(ctx context.Context, c *Caller, in *memberUpdate) (any, error) {
	var found policy.Member
	_, err := s.writeTeam(ctx, c, in.TeamID.Value, teamSetMembers, func(tx policy.Tx, old *policy.Team) (*policy.Team, error) {
		i, err := memberIndex(old, in.UserID.Or(""), in.Email.Or(""))
		if err != nil {
			return nil, err
		}
		t := *old
		t.Members = slices.Clone(old.Members)
		if role, ok := in.Role.Get(); ok {
			t.Members[i].Role = role
		}
		found = t.Members[i]
		return &t, s.writeMembership(ctx, tx, c, &t, found, in.Sent)
	})
	if err != nil {
		return nil, err
	}
	m, err := find[*policy.Membership](ctx, s.Store, policy.EntityMembership, policy.MemberID(in.TeamID.Value, found.UserID))
	if err != nil {
		return nil, err
	}
	var fields Fields
	if m != nil {
		fields = storedFields(m.Fields)
	}
	return render[memberUpdated](fields, Object{{"user_id", found.UserID}, {"user_email", orNull(found.Email)}, {"team_id", in.TeamID.Value}, {"role", found.Role}}), nil
}

type memberUpdated struct {
	UserID Opt[string] `json:"user_id"`
	Email  Opt[string] `json:"user_email"`
	TeamID Opt[string] `json:"team_id"`
	Role   Opt[string] `json:"role"`
	memberFields
}

func memberIndex(t *policy.Team, user, email string) (int, error) {
	if user == "" && email == "" {
		return 0, badRequest("user_id", "Which member? Send user_id or user_email")
	}
	i := slices.IndexFunc(t.Members, func(m policy.Member) bool {
		return user != "" && m.UserID == user || user == "" && strings.EqualFold(m.Email, email)
	})
	if i < 0 {
		return 0, badRequest("user_id", "User %s is not a member of team %s", clip(user+email), t.ID)
	}
	return i, nil
}

type memberDeletion struct {
	Body
	TeamID Opt[string] `json:"team_id" required:"true"`
	UserID Opt[string] `json:"user_id"`
	Email  Opt[string] `json:"user_email"`
}

func (s *server) deleteMember(ctx context.Context, c *Caller, in *memberDeletion) (any, error) {
	return s.writeTeam(ctx, c, in.TeamID.Value, teamRemoveMembers, func(tx policy.Tx, old *policy.Team) (*policy.Team, error) {
		i, err := memberIndex(old, in.UserID.Or(""), in.Email.Or(""))
		if err != nil {
			return nil, err
		}
		user := old.Members[i].UserID
		t := *old
		t.Members = slices.Delete(slices.Clone(old.Members), i, i+1)
		return &t, forgetMember(ctx, tx, old.ID, user)
	})
}

// forgetMember deletes what a user has in a team besides their name in its list.
func forgetMember(ctx context.Context, tx policy.Tx, team, user string) error {
	err := tx.Delete(ctx, policy.Ref{Kind: policy.EntityMembership, ID: policy.MemberID(team, user)})
	if errors.Is(err, policy.ErrNotFound) {
		// Who comes back begins anew, as one who had limits of their own does.
		err = nil
		if books, ok := tx.(policy.Adjuster); ok {
			err = books.Restart(ctx, policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID(team, user)})
		}
	}
	if err != nil {
		return err
	}
	keys, err := tx.List(ctx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
		{Field: "team_id", Op: policy.Is, Value: team}, {Field: "user_id", Op: policy.Is, Value: user},
	}})
	if err != nil {
		return err
	}
	for _, k := range keys.Entities {
		if err := tx.Delete(ctx, k.Ref()); err != nil {
			return err
		}
	}
	return nil
}
