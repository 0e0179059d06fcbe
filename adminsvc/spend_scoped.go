package adminsvc

import (
	"context"
	"net/http"
	"strings"

	"github.com/purser/purser/policy"
)

type scopedReportQuery struct {
	APIKey         Opt[string] `query:"api_key" doc:"The key or its hash"`
	InternalUserID Opt[string] `query:"internal_user_id"`
	TeamID         Opt[string] `query:"team_id"`
	OrganizationID Opt[string] `query:"organization_id"`
	spendDays
}

type teamUserSpendQuery struct {
	TeamIDs Opt[string] `query:"team_ids" doc:"Comma separated; absent: all"`
	spendDays
}

type tagSummaryQuery struct {
	Filter  Opt[string]   `query:"tag_filter"`
	Filters Opt[[]string] `query:"tag_filters"`
	spendDays
}

type resultRows struct {
	Start   Opt[string] `json:"start_date" optional:"true"`
	End     Opt[string] `json:"end_date" optional:"true"`
	Results Opt[rows]   `json:"results"`
}

// scopedSpend: spend by day of one kind of thing, and what is summed across two kinds.
func scopedSpend(s *server) {
	get := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodGet, Path: path, Tag: "spend", Summary: summary, Reply: reply}
	}
	for path, by := range map[string]string{"key": "api_key", "user": "user", "team": "team", "organization": "organization"} {
		g := reportGroupings[by]
		route(s, get("/"+path+"/spend/report", "Spend by day and "+path+", within by model and key", nil), func(ctx context.Context, c *Caller, in *scopedReportQuery) (any, error) {
			return s.scopedReport(ctx, c, g, in)
		})
	}
	route(s, get("/team/spend/by_user", "What each user spent in each team", resultRows{}), s.teamUserSpend)
	route(s, get("/tag/summary", "Requests, tokens and spend by tag", resultRows{}), s.tagSummary)
}

// scopedReport is of all there are for who may see that, else of one that the caller may see.
func (s *server) scopedReport(ctx context.Context, c *Caller, g reportGrouping, in *scopedReportQuery) (any, error) {
	id := map[policy.ScopeKind]Opt[string]{policy.ScopeKey: in.APIKey, policy.ScopeUser: in.InternalUserID, policy.ScopeTeam: in.TeamID, policy.ScopeOrganization: in.OrganizationID}[g.kind].Or("")
	if g.kind == policy.ScopeKey && id != "" {
		id = keyHash(id).String()
	}
	if !s.readsAllSpend(c) {
		own := map[policy.ScopeKind]string{policy.ScopeUser: c.UserID}
		if c.Key != nil {
			own[policy.ScopeKey] = c.Key.Hash.String()
		}
		if g.kind == policy.ScopeUser && s.confined(c) {
			own[policy.ScopeUser] = "" // a team's key shows nothing outside of the team
		}
		if id == "" {
			id = own[g.kind]
		}
		if id == "" {
			return nil, s.mayReadAllSpend(ctx, c)
		}
		if id != own[g.kind] {
			q := &policy.LogQuery{}
			switch g.kind {
			case policy.ScopeKey:
				q.KeyHash = id
			case policy.ScopeTeam:
				q.TeamID = id
			case policy.ScopeOrganization:
				q.OrganizationID = id
			}
			whole, err := s.spendWhole(ctx, c, q)
			if err != nil {
				return nil, err
			}
			if !whole {
				return nil, s.mayReadAllSpend(ctx, c)
			}
		}
	}
	list, err := s.sums(ctx, &in.spendDays, g.kind, dailyReportBy, func(q *policy.ActivityQuery) {
		if id != "" {
			q.IDs = []string{id}
		}
	})
	if err != nil {
		return nil, err
	}
	return s.dailyReport(ctx, g, list)
}

func (s *server) teamUserSpend(ctx context.Context, c *Caller, in *teamUserSpendQuery) (any, error) {
	var teams []string
	for _, id := range strings.Split(in.TeamIDs.Or(""), ",") {
		if id = strings.TrimSpace(id); id != "" {
			teams = append(teams, id)
		}
	}
	if len(teams) == 0 || s.readsAllSpend(c) {
		if err := s.mayReadAllSpend(ctx, c); err != nil {
			return nil, err
		}
	} else {
		for _, id := range teams {
			whole, err := s.spendWhole(ctx, c, &policy.LogQuery{TeamID: id})
			if err != nil {
				return nil, err
			}
			if !whole {
				return nil, forbidden("team_ids", "You are not allowed to read the spend of team %s", clip(id))
			}
		}
	}
	list, err := s.sums(ctx, &in.spendDays, policy.ScopeMember, policy.ByEntity, nil)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofEntity)
	teamNames, userNames := map[string]*metrics{}, map[string]*metrics{}
	for id := range sums {
		team, user, _ := strings.Cut(id, "\x1f")
		if len(teams) > 0 && !contains(teams, team) {
			delete(sums, id)
			continue
		}
		teamNames[team], userNames[user] = nil, nil
	}
	ofTeam, err := s.entityNames(ctx, policy.ScopeTeam, sortedNames(teamNames))
	if err != nil {
		return nil, err
	}
	ofUser, err := s.entityNames(ctx, policy.ScopeUser, sortedNames(userNames))
	if err != nil {
		return nil, err
	}
	out := []Object{}
	for _, id := range dearest(sums, 0) {
		team, user, _ := strings.Cut(id, "\x1f")
		m := sums[id]
		out = append(out, Object{{"team_id", team}, {"team_alias", ofTeam[team].Get("alias")}, {"user_id", user}, {"user_email", ofUser[user].Get("user_email")},
			{"user_alias", ofUser[user].Get("alias")}, {"spend", dollars(m.spend)}, {"prompt_tokens", m.input}, {"completion_tokens", m.output}, {"total_tokens", m.tokens()},
			{"api_requests", m.requests}, {"successful_requests", m.succeeded}, {"failed_requests", m.failed}})
	}
	from, until, err := in.dates(s.now())
	if err != nil {
		return nil, err
	}
	return Object{{"start_date", from.Format("2006-01-02")}, {"end_date", until.AddDate(0, 0, -1).Format("2006-01-02")}, {"results", out}}, nil
}

func (s *server) tagSummary(ctx context.Context, c *Caller, in *tagSummaryQuery) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	only := in.Filters.Or(nil)
	if f := in.Filter.Or(""); f != "" {
		only = append(only, f)
	}
	list, err := s.sums(ctx, &in.spendDays, policy.ScopeTag, policy.ByEntity|policy.ByKey, func(q *policy.ActivityQuery) {
		if len(only) > 0 {
			q.IDs = only
		}
	})
	if err != nil {
		return nil, err
	}
	owners, err := s.keyOwners(ctx, list)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofEntity)
	users := map[string]map[string]bool{}
	for i := range list {
		if u := owners[list[i].KeyHash]; u != "" {
			if users[list[i].Entity] == nil {
				users[list[i].Entity] = map[string]bool{}
			}
			users[list[i].Entity][u] = true
		}
	}
	out := []Object{}
	for _, tag := range dearest(sums, 0) {
		m := sums[tag]
		out = append(out, Object{{"tag", tag}, {"unique_users", len(users[tag])}, {"total_requests", m.requests}, {"successful_requests", m.succeeded},
			{"failed_requests", m.failed}, {"total_tokens", m.tokens()}, {"total_spend", dollars(m.spend)}})
	}
	return Object{{"results", out}}, nil
}

// keyOwners are the users of the keys in some sums, of deleted ones too.
func (s *server) keyOwners(ctx context.Context, list []policy.ActivityRow) (map[string]string, error) {
	hashes := sortedNames(grouped(list, func(r *policy.ActivityRow) string { return r.KeyHash }))
	out := map[string]string{}
	for _, deleted := range []bool{true, false} {
		keys, _, err := policy.List[*policy.Key](ctx, s.Store, policy.Query{Kind: policy.EntityKey, Deleted: deleted, Where: []policy.Condition{{Field: "hash", Op: policy.In, Value: hashes}}})
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			out[k.Hash.String()] = k.UserID
		}
	}
	return out, nil
}
