package adminsvc

import (
	"context"
	"net/http"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// Bulk calls under /management/v1: each item is a write of its own, and has its answer,
// in the order of the request. What is not declared is refused, as LiteLLM does there.
type (
	v1MembersDelete struct {
		Body    `strict:"true"`
		TeamID  Opt[string]     `path:"team_id"`
		Members Opt[fieldsList] `json:"members" required:"true" doc:"Up to 500, each with user_id or user_email"`
	}
	v1MembersUpdate struct {
		Body    `strict:"true"`
		TeamID  Opt[string]     `path:"team_id"`
		Members Opt[fieldsList] `json:"members" required:"true" doc:"Up to 500, each with user_id or user_email, and max_budget_in_team, tpm_limit, rpm_limit, budget_duration, allowed_models: absent stays, null clears"`
	}
	v1UsersNew struct {
		Body  `strict:"true"`
		Users Opt[fieldsList] `json:"users" required:"true" doc:"Up to 500 bodies of /user/new; auto_create_key is false where it is absent"`
	}
	v1UsersDelete struct {
		Body    `strict:"true"`
		UserIDs Opt[[]string] `json:"user_ids" required:"true" doc:"Up to 500"`
	}

	// v1Member names a member by one of two names.
	v1Member struct {
		Body   `strict:"true"`
		UserID Opt[string] `json:"user_id"`
		Email  Opt[string] `json:"user_email"`
	}
	v1MemberLimits struct {
		Body           `strict:"true"`
		UserID         Opt[string]       `json:"user_id"`
		Email          Opt[string]       `json:"user_email"`
		MaxBudget      Opt[policy.Money] `json:"max_budget_in_team"`
		BudgetDuration Opt[string]       `json:"budget_duration"`
		TPM            Opt[int64]        `json:"tpm_limit"`
		RPM            Opt[int64]        `json:"rpm_limit"`
		AllowedModels  Opt[[]string]     `json:"allowed_models"`
	}

	v1Results struct {
		Data Opt[rows] `json:"data" doc:"What became of each, in the order of the request: success, and error where it failed"`
	}
	v1UsersMade struct {
		v1Results
		Meta Opt[Fields] `json:"meta" doc:"total_requested, created, failed"`
	}
)

func managementBulks(s *server) {
	post := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodPost, Path: "/management/v1/" + path, Tag: "management v1", Summary: summary, Reply: reply}
	}
	route(s, post("teams/{team_id}/members/bulk_delete", "Remove members of a team, each on its own", v1Results{}), s.v1DeleteMembers)
	route(s, post("teams/{team_id}/members/bulk_update", "Change members' limits within a team, each on its own", v1Results{}), s.v1UpdateMembers)
	route(s, creating(post("users/bulk", "Make users, each on its own", v1UsersMade{})), s.v1NewUsers)
	route(s, post("users/bulk_delete", "Delete users, each on its own", v1Results{}), s.v1DeleteUsers)
}

// countable refuses lists of nothing and of too much.
func countable(field string, n int) error {
	if n == 0 {
		return badRequest(field, "%s names nobody", field)
	}
	if n > mostInBulk {
		return badRequest(field, "At most %d at once", mostInBulk)
	}
	return nil
}

// v1Result says what became of an item. It returns an error only where all that follows
// would fail as well.
func v1Result(user, email string, err error, more ...Member) (Object, error) {
	out := Object{{"user_id", orNull(user)}, {"user_email", orNull(email)}, {"success", err == nil}, {"error", nil}}
	if err != nil {
		if asError(err).Status >= http.StatusInternalServerError {
			return nil, err
		}
		out.Set("error", explained(err))
	}
	return append(out, more...), nil
}

// oneName refuses a member that is named twice, or not at all.
func oneName(user, email string) error {
	if (user == "") == (email == "") {
		return badRequest("members", "A member is named by user_id or by user_email: one of them")
	}
	return nil
}

func (s *server) v1DeleteMembers(ctx context.Context, c *Caller, in *v1MembersDelete) (any, error) {
	if _, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamRemoveMembers); err != nil {
		return nil, err
	}
	if err := countable("members", len(in.Members.Value)); err != nil {
		return nil, err
	}
	results := []Object{}
	for _, fields := range in.Members.Value {
		m, err := decodeSent[v1Member](fields)
		user, email := m.UserID.Or(""), m.Email.Or("")
		if err == nil {
			err = oneName(user, email)
		}
		if err == nil {
			_, err = s.deleteMember(ctx, c, &memberDeletion{TeamID: in.TeamID, UserID: m.UserID, Email: m.Email})
		}
		row, err := v1Result(user, email, err)
		if err != nil {
			return nil, err
		}
		results = append(results, row)
	}
	return Object{{"data", results}}, nil
}

func (s *server) v1UpdateMembers(ctx context.Context, c *Caller, in *v1MembersUpdate) (any, error) {
	t, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamSetMembers)
	if err != nil {
		return nil, err
	}
	if err := countable("members", len(in.Members.Value)); err != nil {
		return nil, err
	}
	results := []Object{}
	for _, fields := range in.Members.Value {
		m, err := decodeSent[v1MemberLimits](fields)
		user, email := m.UserID.Or(""), m.Email.Or("")
		if err == nil {
			err = oneName(user, email)
		}
		var now Object
		if err == nil {
			var got any
			sent := only(m.Sent, memberFieldNames)
			got, err = s.updateMember(ctx, c, &memberUpdate{Body: Body{Sent: sent}, TeamID: in.TeamID, UserID: m.UserID, Email: m.Email})
			now, _ = got.(Object)
		}
		var more []Member
		if err == nil {
			user, _ = now.Get("user_id").(string)
			more = append(more, Member{"budget_id", t.ID + ":" + user}, Member{"max_budget", now.Get("max_budget_in_team")}, Member{"max_budget_source", s.memberBudgetSource(t, now)})
			for _, name := range []string{"tpm_limit", "rpm_limit", "budget_duration", "allowed_models"} {
				more = append(more, Member{name, now.Get(name)})
			}
		}
		row, err := v1Result(user, email, err, more...)
		if err != nil {
			return nil, err
		}
		results = append(results, row)
	}
	return Object{{"data", results}}, nil
}

// memberBudgetSource says whose budget holds a member: their own, their team's for all, or none's.
func (s *server) memberBudgetSource(t *policy.Team, member Object) any {
	if own, ok := member.Get("max_budget_in_team").(jsontext.Value); ok && own.Kind() != 'n' {
		return "member"
	}
	if t.MemberLimits.MaxBudget != nil {
		return "team_default"
	}
	return nil
}

// bulkUsers refuses who could make or delete nobody, before the list is looked at.
func (s *server) bulkUsers(ctx context.Context, c *Caller, a action) error {
	orgs, err := s.administered(ctx, c)
	if err != nil {
		return err
	}
	on := target{}
	if len(orgs) > 0 {
		on.OrganizationID = orgs[0]
	}
	return s.authorize(ctx, c, a, on)
}

func (s *server) v1NewUsers(ctx context.Context, c *Caller, in *v1UsersNew) (any, error) {
	if err := s.bulkUsers(ctx, c, userCreate); err != nil {
		return nil, err
	}
	if err := countable("users", len(in.Users.Value)); err != nil {
		return nil, err
	}
	results, made := []Object{}, 0
	for _, fields := range in.Users.Value {
		if !has(fields, "auto_create_key") {
			fields = fields.With("auto_create_key", []byte("false"))
		}
		u, err := decodeSent[userNew](fields)
		user, email := u.UserID.Or(""), u.UserEmail.Or("")
		for _, f := range fields {
			if _, known := planOf(reflect.TypeFor[userNew]()).byName[f.Name]; !known && err == nil {
				err = badRequest(f.Name, "Extra inputs are not permitted")
			}
		}
		if err == nil && u.SendInviteEmail.Or(false) {
			err = badRequest("send_invite_email", "Nobody is invited in bulk: use /invitation/new")
		}
		more := []Member{{"teams", []string{}}, {"key", nil}}
		if err == nil {
			var got any
			if got, err = s.newUser(ctx, c, u); err == nil {
				row := got.(Object)
				user, _ = row.Get("user_id").(string)
				more = []Member{{"teams", row.Get("teams")}, {"key", nil}}
				if key, _ := row.Get("key").(string); key != "" {
					more[1].Value = key
				}
				made++
			}
		}
		row, err := v1Result(user, email, err, more...)
		if err != nil {
			return nil, err
		}
		results = append(results, row)
	}
	return Object{{"data", results}, {"meta", Object{{"total_requested", len(results)}, {"created", made}, {"failed", len(results) - made}}}}, nil
}

func (s *server) v1DeleteUsers(ctx context.Context, c *Caller, in *v1UsersDelete) (any, error) {
	if err := s.bulkUsers(ctx, c, userDelete); err != nil {
		return nil, err
	}
	if err := countable("user_ids", len(in.UserIDs.Value)); err != nil {
		return nil, err
	}
	results := []Object{}
	for _, id := range in.UserIDs.Value {
		u, err := s.userFor(ctx, s.Store, c, id, "", userDelete)
		email, left := "", []string{}
		if err == nil {
			email = u.Email
			var teams []*policy.Team
			teams, _, err = policy.List[*policy.Team](ctx, s.Store, policy.Query{Kind: policy.EntityTeam, Where: []policy.Condition{{Field: "member", Op: policy.Is, Value: u.ID}}})
			for _, t := range teams {
				left = append(left, t.ID)
			}
		}
		if err == nil {
			_, err = s.deleteUsers(ctx, c, &userDeletion{UserIDs: Opt[[]string]{Value: []string{id}, Sent: true}})
		}
		if err != nil {
			left = []string{}
		}
		row, err := v1Result(id, email, err, Member{"teams_removed", left})
		if err != nil {
			return nil, err
		}
		results = append(results, row)
	}
	return Object{{"data", results}}, nil
}
