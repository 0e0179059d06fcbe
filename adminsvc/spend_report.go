package adminsvc

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
)

// reportQuery may narrow a report to one entity of any kind, which then is what it is grouped by.
type reportQuery struct {
	GroupBy        Opt[string] `query:"group_by" enum:"team,customer,api_key,project,organization,user,tag" doc:"Default team"`
	APIKey         Opt[string] `query:"api_key" doc:"The key or its hash"`
	InternalUserID Opt[string] `query:"internal_user_id"`
	TeamID         Opt[string] `query:"team_id"`
	CustomerID     Opt[string] `query:"customer_id"`
	ProjectID      Opt[string] `query:"project_id"`
	OrganizationID Opt[string] `query:"organization_id"`
	spendDays
}

// grouping is how a report by one kind of entity is written.
type reportGrouping struct {
	kind         policy.ScopeKind
	list, entity string // the names of a day's list and of an entity in it
}

var reportGroupings = map[string]reportGrouping{
	"team": {policy.ScopeTeam, "teams", "team_name"}, "customer": {policy.ScopeCustomer, "customers", "customer"}, "api_key": {policy.ScopeKey, "api_keys", "api_key"},
	"project": {policy.ScopeProject, "projects", "project_name"}, "organization": {policy.ScopeOrganization, "organizations", "organization_name"},
	"user": {policy.ScopeUser, "users", "user_id"}, "tag": {policy.ScopeTag, "tags", "tag"},
}

func (s *server) spendReport(ctx context.Context, c *Caller, in *reportQuery) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	by := in.GroupBy.Or("team")
	var ids []string
	for _, only := range []struct{ by, id string }{
		{"team", in.TeamID.Or("")}, {"customer", in.CustomerID.Or("")}, {"user", in.InternalUserID.Or("")}, {"project", in.ProjectID.Or("")}, {"organization", in.OrganizationID.Or("")},
	} {
		if only.id == "" {
			continue
		}
		if ids != nil {
			return nil, badRequest(only.by+"_id", "A report can be about one team, customer, user, project or organization: not about two")
		}
		by, ids = only.by, []string{only.id}
	}
	narrow := func(q *policy.ActivityQuery) {
		q.IDs = ids
		if key := in.APIKey.Or(""); key != "" {
			q.KeyHash = keyHash(key).String()
		}
	}
	if in.APIKey.Or("") != "" && ids == nil {
		by = "api_key"
	}
	g := reportGroupings[by]
	totals := by == "api_key" || by == "user"
	told := dailyReportBy
	if totals {
		told = policy.ByEntity | policy.ByModel
	}
	list, err := s.sums(ctx, &in.spendDays, g.kind, told, narrow)
	if err != nil {
		return nil, err
	}
	if totals {
		return totalsReport(g, list), nil
	}
	return s.dailyReport(ctx, g, list)
}

// dailyReportBy is what dailyReport needs told apart.
const dailyReportBy = policy.ByDay | policy.ByEntity | policy.ByModel | policy.ByKey

// dailyReport is by day and entity, and within by model and key.
func (s *server) dailyReport(ctx context.Context, g reportGrouping, list []policy.ActivityRow) (any, error) {
	names, err := s.entityNames(ctx, g.kind, sortedNames(grouped(list, ofEntity)))
	if err != nil {
		return nil, err
	}
	days := map[string]map[string][]*policy.ActivityRow{}
	for i := range list {
		r := &list[i]
		if days[r.Day] == nil {
			days[r.Day] = map[string][]*policy.ActivityRow{}
		}
		days[r.Day][r.Entity] = append(days[r.Day][r.Entity], r)
	}
	// Written by hand: there is a row for every day, entity, model and key.
	w := &activityWriter{b: make([]byte, 0, 4096+160*len(list))}
	w.text("[")
	for i, day := range sortedNames(days) {
		w.next(i)
		w.text(`{"group_by_day":`)
		w.quote(day + "T00:00:00+00:00")
		w.text(`,"` + g.list + `":[`)
		sums := map[string]*metrics{}
		for id, part := range days[day] {
			for _, r := range part {
				addTo(sums, id, r)
			}
		}
		for i, id := range dearest(sums, 0) {
			name := id
			if alias, _ := names[id].Get("alias").(string); alias != "" && g.entity != "customer" && g.entity != g.kind.String()+"_id" {
				name = alias
			}
			w.next(i)
			w.text(`{"` + g.entity + `":`)
			w.quote(name)
			w.text(`,"total_spend":`)
			w.b = sums[id].spend.AppendJSON(w.b)
			w.text(`,"metadata":[`)
			w.reportDetails(days[day][id])
			w.text("]")
			if g.entity != "customer" && g.entity != "tag" && g.entity != g.kind.String()+"_id" {
				w.text(`,"` + g.kind.String() + `_id":`)
				w.quote(id)
			}
			w.text("}")
		}
		w.text("]}")
	}
	w.text("]")
	return rawJSON(w.b), nil
}

// next separates the items of a list.
func (w *activityWriter) next(i int) {
	if i > 0 {
		w.text(",")
	}
}

// reportDetails writes an entity's day by model and key.
func (w *activityWriter) reportDetails(part []*policy.ActivityRow) {
	slices.SortFunc(part, func(a, b *policy.ActivityRow) int {
		return cmp.Or(strings.Compare(publicName(*a), publicName(*b)), strings.Compare(a.KeyHash, b.KeyHash))
	})
	for i := 0; i < len(part); {
		first := part[i]
		var m metrics
		w.next(i)
		for ; i < len(part) && part[i].KeyHash == first.KeyHash && publicName(*part[i]) == publicName(*first); i++ {
			m.add(part[i])
		}
		w.text(`{"model":`)
		w.quote(publicName(*first))
		w.text(`,"spend":`)
		w.b = m.spend.AppendJSON(w.b)
		w.text(`,"total_tokens":`)
		w.b = strconv.AppendInt(w.b, m.tokens(), 10)
		w.text(`,"api_key":`)
		w.quote(first.KeyHash)
		w.text("}")
	}
}

// totalsReport is by entity over all the days, and within by model.
func totalsReport(g reportGrouping, list []policy.ActivityRow) any {
	sums := grouped(list, ofEntity)
	perModel := map[string]map[string]*metrics{}
	for i := range list {
		r := &list[i]
		if perModel[r.Entity] == nil {
			perModel[r.Entity] = map[string]*metrics{}
		}
		addTo(perModel[r.Entity], publicName(*r), r)
	}
	cost := func(m *metrics) Object {
		return Object{{"total_cost", dollars(m.spend)}, {"total_input_tokens", m.input}, {"total_output_tokens", m.output}}
	}
	out := []Object{}
	for _, id := range dearest(sums, 0) {
		details := []Object{}
		for _, model := range dearest(perModel[id], 0) {
			details = append(details, append(Object{{"model", model}}, cost(perModel[id][model])...))
		}
		out = append(out, append(append(Object{{g.entity, id}}, cost(sums[id])...), Member{"model_details", details}))
	}
	return out
}
