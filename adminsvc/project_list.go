package adminsvc

import (
	"context"

	"github.com/purser/purser/policy"
)

type projectListQuery struct {
	TeamID    Opt[string] `query:"team_id"`
	Search    Opt[string] `query:"search" doc:"Part of the alias or the id"`
	Names     Opt[bool]   `query:"names" doc:"Of each only project_id, project_alias, team_id and models: what a page needs to name and to offer them"`
	SortBy    Opt[string] `query:"sort_by" doc:"project_id, project_alias, team_alias, created_at, updated_at, max_budget, rpm_limit, tpm_limit; spend, of the budget's current window; runs_out, when at the window's pace the budget is used up, those that last until they reset behind the others. Absent: in the order they were made"`
	SortOrder Opt[string] `query:"sort_order" doc:"asc or desc, default desc"`
	listPage
}

// projectSorts are the orders that the store knows.
var projectSorts = map[string]string{
	"project_id": "id", "project_alias": "alias", "team_id": "team_id", "team_alias": "team_alias", "created_at": "created_at", "updated_at": "updated_at",
	"max_budget": "max_budget", "tpm_limit": "tpm_limit", "rpm_limit": "rpm_limit", "budget_duration": "budget_duration", bySpend: bySpend, byRunsOut: byRunsOut,
}

// listProjects answers with all projects as documented; with parameters, with those asked for.
func (s *server) listProjects(ctx context.Context, c *Caller, in *projectListQuery) (any, error) {
	q, err := s.projectsListed(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if in.SortBy.Or("") != "" || in.SortOrder.Or("") != "" {
		if q.Sort, q.Descending, err = sortOf(in.SortBy, in.SortOrder, projectSorts); err != nil {
			return nil, err
		}
	}
	if err := in.cut(&q); err != nil {
		return nil, err
	}
	list, total, err := listBySpend(ctx, s, q, projectSpender)
	if err != nil {
		return nil, err
	}
	if in.Names.Or(false) {
		rows := make([]Object, len(list))
		for i, p := range list {
			rows[i] = Object{{"project_id", p.ID}, {"project_alias", orNull(p.Alias)}, {"team_id", p.TeamID}, {"models", append([]string{}, p.Models...)}}
		}
		return listed(total, rows), nil
	}
	rows, err := s.projectRows(ctx, list...)
	return listed(total, rows), err
}

// projectsListed turns the filters into a query that cannot see beyond the caller.
func (s *server) projectsListed(ctx context.Context, c *Caller, in *projectListQuery) (policy.Query, error) {
	q := policy.Query{Kind: policy.EntityProject}
	if id := in.TeamID.Or(""); id != "" {
		q.Where = append(q.Where, policy.Condition{Field: "team_id", Op: policy.Is, Value: id})
	}
	if text := in.Search.Or(""); text != "" {
		q.Where = append(q.Where, policy.Condition{Field: "search", Op: policy.Contains, Value: text})
	}
	if c.Sees() {
		return q, nil
	}
	list, err := s.teams(ctx, c)
	if err != nil {
		return q, err
	}
	var ids, own []string
	if c.Key != nil { // who is signed in has none
		ids, own = nonEmpty(c.Key.TeamID), nonEmpty(c.Key.ProjectID)
	}
	for _, t := range list {
		ids = append(ids, t.ID)
	}
	q.Any = []policy.Condition{{Field: "team_id", Op: policy.In, Value: ids}, {Field: "id", Op: policy.In, Value: own}}
	return q, nil
}
