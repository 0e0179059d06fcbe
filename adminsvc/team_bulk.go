package adminsvc

import (
	"context"
	"net/http"

	"github.com/purser/purser/policy"
)

const permissionsBulk action = "set the permissions of many teams"

func init() { rules[permissionsBulk] = rule{allow: isAdmin} }

type permissionsBulkUpdate struct {
	Body
	Permissions Opt[[]string] `json:"permissions" required:"true" doc:"Added to what each team grants"`
	TeamIDs     Opt[[]string] `json:"team_ids"`
	AllTeams    Opt[bool]     `json:"apply_to_all_teams"`
}

type permissionsBulkUpdated struct {
	Message  Opt[string]   `json:"message"`
	Updated  Opt[int64]    `json:"teams_updated"`
	Appended Opt[[]string] `json:"permissions_appended"`
}

type memberBudgetReset struct {
	TeamID Opt[string] `path:"team_id"`
	UserID Opt[string] `path:"user_id"`
}

type memberBudgetWasReset struct {
	TeamID   Opt[string] `json:"team_id"`
	UserID   Opt[string] `json:"user_id"`
	BudgetID Opt[string] `json:"budget_id"`
	Previous Opt[string] `json:"previous_budget_id"`
	Source   Opt[string] `json:"budget_source" enum:"team_default,custom,none"`
}

func teamBulks(s *server) {
	op := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodPost, Path: path, Tag: "teams", Summary: summary, Reply: reply}
	}
	route(s, op("/team/permissions_bulk_update", "Let plain members of many teams do more: all teams or none", permissionsBulkUpdated{}), s.addPermissions)
	route(s, op("/team/{team_id}/member/{user_id}/reset_budget", "Drop a member's own limits for what the team gives its members", memberBudgetWasReset{}), s.resetMemberBudget)
}

func (s *server) addPermissions(ctx context.Context, c *Caller, in *permissionsBulkUpdate) (any, error) {
	if err := s.authorize(ctx, c, permissionsBulk, target{}); err != nil {
		return nil, err
	}
	if err := renamed(knownPermissions(in.Permissions.Value), ""); err != nil {
		return nil, err
	}
	if len(in.Permissions.Value) == 0 {
		return nil, badRequest("permissions", "permissions lists nothing")
	}
	ids := in.TeamIDs.Or(nil)
	if in.AllTeams.Or(false) == (len(ids) > 0) {
		return nil, badRequest("team_ids", "Send team_ids, or apply_to_all_teams: one of them")
	}
	changed := 0
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		var list []*policy.Team
		if len(ids) > 0 {
			for _, id := range union(nil, ids) {
				t, err := loadTeam(ctx, tx, id)
				if err != nil {
					return err
				}
				list = append(list, t)
			}
		} else {
			var err error
			if list, _, err = policy.List[*policy.Team](ctx, tx, policy.Query{Kind: policy.EntityTeam}); err != nil {
				return err
			}
		}
		changed = len(list)
		for _, old := range list {
			all := union(union(nil, memberPermissions(old)), in.Permissions.Value)
			if len(all) == len(memberPermissions(old)) {
				continue
			}
			t := *old
			t.Fields = storedFields(old.Fields).With("team_member_permissions", textList(all)).Stored()
			t.UpdatedAt, t.UpdatedBy = s.now(), c.UserID
			if err := tx.Update(ctx, &t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Object{{"message", "Permissions were added to " + itoa(int64(changed)) + " teams"}, {"teams_updated", changed}, {"permissions_appended", in.Permissions.Value}}, nil
}

func (s *server) resetMemberBudget(ctx context.Context, c *Caller, in *memberBudgetReset) (any, error) {
	var t *policy.Team
	previous := false
	_, err := s.writeTeam(ctx, c, in.TeamID.Value, teamSetMembers, func(tx policy.Tx, old *policy.Team) (*policy.Team, error) {
		if t = old; !isTeamUser(old, in.UserID.Value) {
			return nil, notFound("user_id", "User %s is not a member of team %s", clip(in.UserID.Value), old.ID)
		}
		m, err := find[*policy.Membership](ctx, tx, policy.EntityMembership, policy.MemberID(old.ID, in.UserID.Value))
		if err != nil || m == nil {
			return old, err
		}
		previous = m.Limits.MaxBudget != nil || m.Limits.BudgetDuration != ""
		own := *m // the row stays: it is not a new membership, whose spend would begin anew
		own.Rules, own.Fields = policy.Rules{}, []byte("{}")
		own.UpdatedAt, own.UpdatedBy = s.now(), c.UserID
		return old, tx.Update(ctx, &own)
	})
	if err != nil {
		return nil, err
	}
	out := Object{{"team_id", t.ID}, {"user_id", in.UserID.Value}, {"budget_id", nil}, {"previous_budget_id", nil}, {"budget_source", "none"}}
	if previous {
		out.Set("previous_budget_id", t.ID+":"+in.UserID.Value)
	}
	if t.MemberLimits.MaxBudget != nil {
		out.Set("budget_id", t.ID+":members")
		out.Set("budget_source", "team_default")
	}
	return out, nil
}
