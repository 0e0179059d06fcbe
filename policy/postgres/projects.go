package postgres

import "github.com/purser/purser/policy"

// Projects. Filters: id, alias, team_id, blocked, budget_id, model, tag,
// created_at, updated_at, created_by, updated_by, search (alias, id), fields.*.
// Orders: those of every kind with limits, id, alias, team_id, team_alias, spend.
func init() {
	register(table[policy.Project, *policy.Project]{
		kind: policy.EntityProject, name: "projects", scope: policy.ScopeProject, scopeID: "id",
		keys: []string{"id"}, key: textKey,
		columns: append(append([]column[policy.Project]{
			text("id", func(p *policy.Project) *string { return &p.ID }),
			text("alias", func(p *policy.Project) *string { return &p.Alias }),
			shared("team_id", func(p *policy.Project) *string { return &p.TeamID }),
			flag("blocked", func(p *policy.Project) *bool { return &p.Blocked }),
			list("tags", func(p *policy.Project) *[]string { return &p.Tags }),
		}, ruleColumns(func(p *policy.Project) *policy.Rules { return &p.Rules })...),
			recordColumns(func(p *policy.Project) *policy.Record { return &p.Record })...),
		filter: with(ruleFilters, map[string]filter{
			"id": onText("id"), "alias": onText("alias"), "team_id": onText("team_id"), "blocked": onFlag("blocked"),
			"tag": onList("tags"), "search": onSearch("alias", "id"),
		}),
		sort: with(ruleSorts, map[string]string{
			"id": "id", "alias": "alias", "team_id": "team_id", "team_alias": "coalesce((SELECT alias FROM teams WHERE teams.id = projects.team_id), projects.team_id)",
		}),
	})
}
