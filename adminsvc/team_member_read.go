package adminsvc

import (
	"context"
	"errors"
	"net/http"

	"github.com/purser/purser/policy"
)

// membershipRow is a member's place in a team, with what they spent there.
type membershipRow struct {
	UserID      Opt[string]       `json:"user_id"`
	TeamID      Opt[string]       `json:"team_id"`
	BudgetID    Opt[string]       `json:"budget_id"`
	Spend       Opt[policy.Money] `json:"spend" default:"0.0"`
	TotalSpend  Opt[policy.Money] `json:"total_spend" default:"0.0"`
	BudgetTable Opt[Fields]       `json:"litellm_budget_table"`
	Role        Opt[string]       `json:"role"`
	UserEmail   Opt[string]       `json:"user_email"`
}

// membershipRows renders what members have of their own, and what the team gives each.
func (s *server) membershipRows(ctx context.Context, t *policy.Team, of []policy.Member) ([]Object, error) {
	own, _, err := policy.List[*policy.Membership](ctx, s.Store, policy.Query{Kind: policy.EntityMembership,
		Where: []policy.Condition{{Field: "team_id", Op: policy.Is, Value: t.ID}}})
	if err != nil {
		return nil, err
	}
	byUser := map[string]*policy.Membership{}
	for _, m := range own {
		byUser[m.UserID] = m
	}
	var spenders []spender
	for _, m := range of {
		spenders = append(spenders, memberSpender(t, byUser[m.UserID], m.UserID))
	}
	for _, m := range of {
		e := memberSpender(t, nil, m.UserID)
		e.limits = &policy.Limits{} // ever
		spenders = append(spenders, e)
	}
	spends, err := s.spent(ctx, spenders...)
	if err != nil {
		return nil, err
	}
	out := make([]Object, len(of))
	for i, m := range of {
		limits := t.MemberLimits
		set := Object{{"user_id", m.UserID}, {"team_id", t.ID}, {"role", m.Role}, {"user_email", orNull(m.Email)},
			{"spend", dollars(spends[i])}, {"total_spend", dollars(spends[len(of)+i])}}
		table := Object{{"budget_id", nil}}
		if row := byUser[m.UserID]; row != nil {
			limits = row.Limits
			table.Set("allowed_models", row.Models)
		}
		table.Set("max_budget", limits.MaxBudget)
		table.Set("budget_duration", orNull(limits.BudgetDuration))
		table.Set("tpm_limit", limits.TPM)
		table.Set("rpm_limit", limits.RPM)
		set.Set("litellm_budget_table", table)
		out[i] = render[membershipRow](nil, set)
	}
	return out, nil
}

func memberSpender(t *policy.Team, m *policy.Membership, user string) spender {
	e := spender{scope: policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID(t.ID, user)}, limits: &t.MemberLimits, created: t.CreatedAt}
	if m != nil && (m.Limits.MaxBudget != nil || m.Limits.BudgetDuration != "") {
		e.limits, e.created = &m.Limits, m.CreatedAt
	}
	return e
}

type teamMe struct {
	TeamID Opt[string] `path:"team_id"`
}

func (s *server) ownMembership(ctx context.Context, c *Caller, in *teamMe) (any, error) {
	t, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamRead)
	if err != nil {
		return nil, err
	}
	for _, m := range t.Members {
		if m.UserID != c.UserID || c.UserID == "" {
			continue
		}
		rows, err := s.membershipRows(ctx, t, []policy.Member{m})
		if err != nil {
			return nil, err
		}
		rows[0].Set("team_alias", orNull(t.Alias))
		return rows[0], nil
	}
	return nil, notFound("team_id", "You are not a member of team %s", clip(t.ID))
}

type memberSpendReset struct {
	Body
	TeamID  Opt[string]       `path:"team_id"`
	UserID  Opt[string]       `path:"user_id"`
	ResetTo Opt[policy.Money] `json:"reset_to" required:"true"`
}

func (s *server) resetMemberSpend(ctx context.Context, c *Caller, in *memberSpendReset) (any, error) {
	t, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamSetMembers)
	if err != nil {
		return nil, err
	}
	if !isTeamUser(t, in.UserID.Value) {
		return nil, notFound("user_id", "User %s is not a member of team %s", clip(in.UserID.Value), t.ID)
	}
	m, err := find[*policy.Membership](ctx, s.Store, policy.EntityMembership, policy.MemberID(t.ID, in.UserID.Value))
	if err != nil {
		return nil, err
	}
	e := memberSpender(t, m, in.UserID.Value)
	was, err := s.resetSpend(ctx, c, e, in.ResetTo.Value)
	if err != nil {
		return nil, err
	}
	return Object{{"team_id", t.ID}, {"user_id", in.UserID.Value}, {"spend", dollars(in.ResetTo.Value)}, {"previous_spend", dollars(was)}, {"max_budget", e.limits.MaxBudget}}, nil
}

type bulkMemberAdd struct {
	Body
	TeamID    Opt[string]       `json:"team_id" required:"true"`
	Members   Opt[teamMembers]  `json:"members"`
	AllUsers  Opt[bool]         `json:"all_users" doc:"Every user there is, as a plain member"`
	MaxBudget Opt[policy.Money] `json:"max_budget_in_team"`
}

const mostInBulk = 500

// bulkAddMembers adds each member in a write of its own, so that one who cannot be added stops nobody else.
func (s *server) bulkAddMembers(ctx context.Context, c *Caller, in *bulkMemberAdd) (any, error) {
	if _, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamSetMembers); err != nil {
		return nil, err
	}
	list := in.Members.Or(nil)
	if in.AllUsers.Or(false) {
		if !c.Admin() {
			return nil, forbidden("all_users", "Only proxy admins may add all users")
		}
		users, _, err := policy.List[*policy.User](ctx, s.Store, policy.Query{Kind: policy.EntityUser, Limit: mostInBulk + 1})
		if err != nil {
			return nil, err
		}
		list = nil
		for _, u := range users {
			list = append(list, policy.Member{UserID: u.ID, Email: u.Email, Role: "user"})
		}
	}
	if len(list) == 0 {
		return nil, badRequest("members", "members names nobody")
	}
	if len(list) > mostInBulk {
		return nil, badRequest("members", "At most %d members at once", mostInBulk)
	}
	sent := only(in.Sent, memberFieldNames)
	results, added := []Object{}, 0
	for _, m := range list {
		one := &memberAdd{Body: Body{Sent: sent}, TeamID: in.TeamID, Member: Opt[teamMembers]{Value: teamMembers{m}, Sent: true}}
		_, err := s.addMembers(ctx, c, one)
		result := Object{{"user_id", orNull(m.UserID)}, {"user_email", orNull(m.Email)}, {"success", err == nil}}
		if err != nil {
			e := asError(err)
			if e.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
				return nil, err
			}
			result.Set("error", e.Message)
		} else {
			added++
		}
		results = append(results, result)
	}
	return Object{{"team_id", in.TeamID.Value}, {"results", results}, {"total_requested", len(list)}, {"successful_additions", added}, {"failed_additions", len(list) - added}}, nil
}
