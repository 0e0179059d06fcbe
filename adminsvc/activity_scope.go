package adminsvc

import (
	"context"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
)

// activityPart is one of the queries that an answer is made of.
type activityPart struct {
	policy.ActivityQuery
	team     bool // the entities are members: count them to their team
	whole    bool // counts for everything but the entities
	entities bool // counts for the entities
}

// activityParts are the queries that answer for what the caller may see of ids (nil: all of it).
// Who cannot see all sees: of users themselves, of teams those they manage whole
// and of those they are in their own part, of projects those of teams they see
// whole, of organizations those they administer. Keys without a user see themselves.
func (s *server) activityParts(ctx context.Context, c *Caller, a *activityScope, ids []string, q policy.ActivityQuery) ([]activityPart, error) {
	part := func(kind policy.ScopeKind, ids []string) activityPart {
		q := q
		q.Scope, q.IDs = kind, ids
		return activityPart{ActivityQuery: q, whole: true, entities: true}
	}
	if s.readsAllSpend(c) {
		if a.kind != policy.ScopeUser || ids != nil || len(q.Exclude) > 0 {
			return []activityPart{part(a.kind, ids)}, nil
		}
		all, users := part(policy.ScopeProxy, nil), part(policy.ScopeUser, nil)
		all.entities, users.whole = false, false // requests of no user count as well
		return []activityPart{all, users}, nil
	}
	if c.UserID == "" {
		if c.Key == nil || q.KeyHash != "" && q.KeyHash != c.Key.Hash.String() {
			return nil, forbidden("api_key", "You are not allowed to read the spend of this key")
		}
		q.KeyHash = c.Key.Hash.String()
		if ids != nil {
			return []activityPart{part(a.kind, ids)}, nil // its own part of them, if any
		}
		own := part(policy.ScopeProxy, nil)
		own.entities = false
		return []activityPart{own}, nil
	}
	switch a.kind {
	case policy.ScopeUser:
		if slices.ContainsFunc(ids, func(id string) bool { return id != c.UserID }) {
			return nil, forbidden(a.filter, "You are not allowed to read the spend of other users")
		}
		if s.confined(c) {
			m := part(policy.ScopeMember, []string{policy.MemberID(c.Key.TeamID, c.UserID)})
			m.entities = false
			return []activityPart{m}, nil
		}
		return []activityPart{part(policy.ScopeUser, []string{c.UserID})}, nil
	case policy.ScopeTeam:
		whole, own, err := s.activityTeams(ctx, c, a, ids)
		members := part(policy.ScopeMember, own)
		members.team = true
		return []activityPart{part(policy.ScopeTeam, whole), members}, err
	case policy.ScopeProject:
		list, err := s.activityProjects(ctx, c, a, ids)
		return []activityPart{part(policy.ScopeProject, list)}, err
	case policy.ScopeOrganization:
		mine, err := s.administered(ctx, c)
		if err != nil {
			return nil, err
		}
		if s.confined(c) {
			mine = nil
		}
		if i := slices.IndexFunc(ids, func(id string) bool { return !slices.Contains(mine, id) }); i >= 0 {
			return nil, forbidden(a.filter, "You are not allowed to read the spend of organization %s", clip(ids[i]))
		}
		if ids == nil {
			ids = append([]string{}, mine...)
		}
		return []activityPart{part(policy.ScopeOrganization, ids)}, nil
	}
	return nil, s.authorize(ctx, c, spendReadAll, target{})
}

// wholeTeam reports whether the caller may see all that a team spent.
func (s *server) wholeTeam(ctx context.Context, c *Caller, t *policy.Team) (bool, error) {
	is, err := s.relationTo(ctx, c, target{Team: t})
	if err != nil || is&(isTeamAdmin|isOrgAdmin) != 0 {
		return err == nil, err
	}
	return is&isMember != 0 && containsAny(memberPermissions(t), "/team/daily/activity", "/team/daily/activity/aggregated", "/spend/logs", "/spend/logs/v2"), nil
}

// activityTeams are the teams the caller sees whole, and their own memberships in others.
func (s *server) activityTeams(ctx context.Context, c *Caller, a *activityScope, ids []string) (whole, own []string, err error) {
	teams, err := s.teams(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	whole, own = []string{}, []string{}
	seen := map[string]bool{}
	for _, t := range teams {
		seen[t.ID] = true
		if ids != nil && !slices.Contains(ids, t.ID) {
			continue
		}
		all, err := s.wholeTeam(ctx, c, t)
		switch {
		case err != nil:
			return nil, nil, err
		case all:
			whole = append(whole, t.ID)
		default:
			own = append(own, policy.MemberID(t.ID, c.UserID))
		}
	}
	if i := slices.IndexFunc(ids, func(id string) bool { return !seen[id] }); i >= 0 {
		return nil, nil, forbidden(a.filter, "You are not allowed to read the spend of team %s", clip(ids[i]))
	}
	return whole, own, nil
}

// activityProjects are the projects of teams that the caller sees whole.
func (s *server) activityProjects(ctx context.Context, c *Caller, a *activityScope, ids []string) ([]string, error) {
	teams, err := s.teams(ctx, c)
	if err != nil {
		return nil, err
	}
	whole := []string{}
	for _, t := range teams {
		all, err := s.wholeTeam(ctx, c, t)
		if err != nil {
			return nil, err
		}
		if all {
			whole = append(whole, t.ID)
		}
	}
	projects, _, err := policy.List[*policy.Project](ctx, s.Store, policy.Query{Kind: policy.EntityProject,
		Where: []policy.Condition{{Field: "team_id", Op: policy.In, Value: whole}}})
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, p := range projects {
		list = append(list, p.ID)
	}
	if ids == nil {
		return list, nil
	}
	if i := slices.IndexFunc(ids, func(id string) bool { return !slices.Contains(list, id) }); i >= 0 {
		return nil, forbidden(a.filter, "You are not allowed to read the spend of project %s", clip(ids[i]))
	}
	return ids, nil
}

// sumActivity runs the queries, changed as said.
func (s *server) sumActivity(ctx context.Context, parts []activityPart, change func(*policy.ActivityQuery)) (activityDays, error) {
	days := activityDays{}
	for _, p := range parts {
		if p.IDs != nil && len(p.IDs) == 0 {
			continue
		}
		switch change(&p.ActivityQuery); {
		case p.By != 0:
			if !p.whole && len(parts) > 1 && p.By&policy.ByEntity == 0 {
				continue // what is asked for is in the others
			}
		case !p.entities:
			p.By = policy.ByDay | policy.ByKey | policy.ByModel | policy.ByProvider | policy.ByRoute
		case !p.whole:
			p.By = policy.ByDay | policy.ByEntity | policy.ByKey
		}
		rows, err := s.Spend.Activity(ctx, p.ActivityQuery)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			r := &rows[i]
			if p.team {
				r.Entity, _, _ = strings.Cut(r.Entity, "\x1f")
			}
			if p.whole {
				days.add(r)
			}
			if p.entities {
				days.addEntity(r)
			}
		}
	}
	return days, nil
}

// activityRows tells how many keys of entities each day tells of.
func (s *server) activityRows(ctx context.Context, parts []activityPart) (map[string]int, error) {
	out := map[string]int{}
	whole := slices.ContainsFunc(parts, func(p activityPart) bool { return p.whole })
	for _, p := range parts {
		if p.IDs != nil && len(p.IDs) == 0 || whole && !p.whole { // the others are of the same requests
			continue
		}
		p.By = policy.ByDay | policy.ByEntity | policy.ByKey
		rows, err := s.Spend.Activity(ctx, p.ActivityQuery)
		if err != nil {
			return nil, err
		}
		days := map[string]int{}
		for i := range rows {
			days[rows[i].Day]++
		}
		for day, n := range days {
			out[day] += n
		}
	}
	return out, nil
}
