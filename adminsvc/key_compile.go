package adminsvc

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// compileKey sets a key's rules from its fields, whether new or merged. It checks
// the fields themselves; checkKey checks them against the rest of the world.
func compileKey(k *policy.Key, f *keyFields) error {
	limits, err := f.limits()
	if err != nil {
		return err
	}
	limits.BudgetFallbacks = f.BudgetFallbacks.Or(nil)
	if err := limits.Validate(); err != nil {
		return err
	}
	for field, id := range map[string]string{
		"key_alias": f.KeyAlias.Or(""), "user_id": f.UserID.Or(""), "team_id": f.TeamID.Or(""), "project_id": f.ProjectID.Or(""),
		"organization_id": f.OrganizationID.Or(""), "budget_id": f.BudgetID.Or(""), "end_user_budget_id": f.EndUserBudgetID.Or(""),
	} {
		if err := validID(field, id); err != nil {
			return err
		}
	}
	for _, ip := range f.AllowedIPs.Or(nil) {
		_, addrErr := netip.ParseAddr(ip)
		if _, err := netip.ParsePrefix(ip); err != nil && addrErr != nil {
			return badRequest("allowed_ips", "allowed_ips holds %q, which is neither an IP address nor a range such as 10.0.0.0/8", clip(ip))
		}
	}
	k.Alias, k.UserID, k.TeamID, k.ProjectID = f.KeyAlias.Or(""), f.UserID.Or(""), f.TeamID.Or(""), f.ProjectID.Or("")
	k.OrganizationID, k.CustomerBudgetID = f.OrganizationID.Or(""), f.EndUserBudgetID.Or("")
	k.Rules = policy.Rules{Models: f.Models.Or(nil), Limits: limits, BudgetID: f.BudgetID.Or("")}
	k.Aliases, k.AllowedIPs, k.Blocked = f.Aliases.Or(nil), f.AllowedIPs.Or(nil), f.Blocked.Or(false)
	k.AllowedRoutes = f.AllowedRoutes.Or(nil)
	k.Tags = union(f.Tags.Or(nil), f.metadataTags())
	return nil
}

// expiry is when a key made or prolonged now ends: zero for never.
func (s *server) expiry(d Opt[string]) (time.Time, error) {
	text := d.Or("")
	if text == "" || text == "-1" {
		return time.Time{}, nil
	}
	span, err := policy.ParseDuration(text)
	if err != nil {
		return time.Time{}, badRequest("duration", "%v", err)
	}
	end := span.After(s.now())
	if end.Year() > 9999 {
		return time.Time{}, badRequest("duration", "duration ends after the year 9999; leave it out for a key that never expires")
	}
	return end, nil
}

// family is what a key belongs to, as it stands in the transaction.
type family struct {
	team         *policy.Team
	project      *policy.Project
	organization *policy.Organization
}

// resolveFamily reads what a key names, inherits what its project and team say,
// and refuses what is not there or does not fit together.
func resolveFamily(ctx context.Context, r policy.Reader, k *policy.Key) (family, error) {
	var f family
	var err error
	if k.ProjectID != "" {
		if f.project, err = find[*policy.Project](ctx, r, policy.EntityProject, k.ProjectID); err != nil {
			return f, err
		}
		if f.project == nil {
			return f, notFound("project_id", "Project not found: %s", k.ProjectID)
		}
		if k.TeamID != "" && k.TeamID != f.project.TeamID {
			return f, badRequest("team_id", "team_id %s is not the team of project %s", k.TeamID, k.ProjectID)
		}
		k.TeamID = f.project.TeamID
	}
	if k.TeamID != "" {
		if f.team, err = find[*policy.Team](ctx, r, policy.EntityTeam, k.TeamID); err != nil {
			return f, err
		}
		if f.team == nil {
			return f, badRequest("team_id", "Team not found: %s", k.TeamID)
		}
		if k.OrganizationID == "" {
			k.OrganizationID = f.team.OrganizationID
		} else if k.OrganizationID != f.team.OrganizationID {
			return f, badRequest("organization_id", "organization_id %s is not the organization of team %s", k.OrganizationID, k.TeamID)
		}
	}
	if k.OrganizationID != "" {
		if f.organization, err = find[*policy.Organization](ctx, r, policy.EntityOrganization, k.OrganizationID); err != nil {
			return f, err
		}
		if f.organization == nil {
			return f, badRequest("organization_id", "Organization not found: %s", k.OrganizationID)
		}
	}
	return f, nil
}

// checkKey refuses what the levels above a key do not allow, and references to what is not there.
func (s *server) checkKey(ctx context.Context, tx policy.Tx, k *policy.Key, f family, fields *keyFields) error {
	for field, id := range map[string]string{"budget_id": k.BudgetID, "end_user_budget_id": k.CustomerBudgetID} {
		if err := mustExistBudget(ctx, tx, field, id); err != nil {
			return err
		}
	}
	groups, err := grantedGroups(ctx, tx, fields.AccessGroupIDs)
	if err != nil {
		return err
	}
	names, err := s.names(ctx, tx)
	if err != nil {
		return err
	}
	if f.project != nil {
		if over := names.within(k.Models, f.project.Models); over != "" {
			return badRequest("models", "Model %s is not among the models of project %s", clip(over), f.project.ID)
		}
		if field, message := budgetBeyond(&k.Limits, &f.project.Limits); field != "" {
			return badRequest(field, "The key's %s of its project %s", message, f.project.ID)
		}
	}
	if f.team != nil {
		if over := names.within(k.Models, f.team.Models); over != "" {
			return badRequest("models", "Model %s is not among the models of team %s", clip(over), f.team.ID)
		}
	}
	const noMore = "Access group %s has models that the key's %s has not: it would allow nothing more"
	if f.project != nil && len(k.Models) > 0 {
		if over := names.within(groups, f.project.Models); over != "" {
			return badRequest("access_group_ids", noMore, clip(over), "project")
		}
	}
	if f.team != nil && len(k.Models) > 0 {
		if over := names.within(groups, f.team.Models); over != "" {
			return badRequest("access_group_ids", noMore, clip(over), "team")
		}
	}
	if k.Alias != "" {
		same, _, err := policy.List[*policy.Key](ctx, tx, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
			{Field: "alias", Op: policy.Is, Value: k.Alias}, {Field: "revoked_at", Op: policy.Is, Value: nil}, // a key that was replaced gave its alias away
		}})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(same, func(o *policy.Key) bool { return o.Hash != k.Hash }) {
			return badRequest("key_alias", "Key with alias '%s' already exists. Aliases are unique among all keys.", k.Alias)
		}
	}
	k.Models = grant(k.Models, groups)
	return s.checkKeyThroughput(ctx, tx, k, f, fields)
}

// grantedGroups are the names of the managed access groups that an entity is given by id.
func grantedGroups(ctx context.Context, r policy.Reader, ids Opt[[]string]) ([]string, error) {
	var out []string
	for _, id := range ids.Or(nil) {
		g, err := find[*policy.AccessGroup](ctx, r, policy.EntityAccessGroup, id)
		if err != nil {
			return nil, err
		}
		if g == nil {
			return nil, badRequest("access_group_ids", "Access group not found: %s", clip(id))
		}
		out = append(out, g.Name)
	}
	return out, nil
}

// grant adds groups to a model list. The empty list is all models already.
func grant(models, groups []string) []string {
	if len(models) == 0 {
		return models
	}
	return union(models, groups)
}

func mustExistBudget(ctx context.Context, r policy.Reader, field, id string) error {
	b, err := find[*policy.Budget](ctx, r, policy.EntityBudget, id)
	if err == nil && b == nil && id != "" {
		return badRequest(field, "Budget not found: %s", clip(id))
	}
	return err
}

// keyTypes are presets of allowed_routes.
var keyTypes = map[string][]string{
	"default": nil, "llm_api": {"llm_api_routes"}, "management": {"management_routes"}, "read_only": {"info_routes"},
}

// within refuses a key that may do more than its maker's: nobody grants more
// than they hold. what is the maker's key, the field is the one that goes beyond.
func (s *server) within(ctx context.Context, r policy.Reader, k, holder *policy.Key) error {
	if holder == nil {
		return nil
	}
	beyond := func(field string) error {
		return forbidden(field, "%s goes beyond what the key you call with is allowed", field)
	}
	names, err := s.names(ctx, r)
	if err != nil {
		return err
	}
	if field := s.rulesBeyond(names, &k.Rules, &holder.Rules, k.Record, holder.Record); field != "" {
		return beyond(field)
	}
	if !holder.Expires.IsZero() && (k.Expires.IsZero() || k.Expires.After(holder.Expires)) {
		return beyond("duration")
	}
	for _, list := range []struct {
		field        string
		mine, theirs []string
	}{{"allowed_routes", k.AllowedRoutes, holder.AllowedRoutes}, {"allowed_ips", k.AllowedIPs, holder.AllowedIPs}} {
		if len(list.theirs) > 0 && (len(list.mine) == 0 || !containsAll(list.theirs, list.mine)) {
			return beyond(list.field)
		}
	}
	if holder.CustomerBudgetID != "" && k.CustomerBudgetID != holder.CustomerBudgetID {
		return beyond("end_user_budget_id")
	}
	if !containsAll(k.Tags, holder.Tags) {
		return beyond("tags") // a tag's limits would be shaken off
	}
	return nil
}

// rulesBeyond names the field in which a set of rules allows more than another: a
// model that the other lacks, a limit of the other's that it does not have at
// least as low. "" where none does.
func (s *server) rulesBeyond(n *names, r, holder *policy.Rules, created, holderCreated policy.Record) string {
	if open := len(holder.Models) == 0 || containsAny(holder.Models, "*", policy.AllProxyModels, policy.AllTeamModels); !open {
		if len(r.Models) == 0 || n.within(r.Models, holder.Models) != "" || containsAny(r.Models, policy.AllTeamModels) {
			return "models"
		}
	}
	mine := r.Limits.Compile(created.CreatedAt)
	for _, h := range holder.Limits.Compile(holderCreated.CreatedAt) {
		if !slices.ContainsFunc(mine, func(l policy.Limit) bool {
			return l.Kind == h.Kind && l.Model == h.Model && l.Window.Name() == h.Window.Name() && s.neverAbove(l, h)
		}) {
			if h.Model != "" && h.Kind.Info().Models != "" {
				return h.Kind.Info().Models
			}
			return h.Kind.Info().Field
		}
	}
	if holder.BudgetID != "" && r.BudgetID != holder.BudgetID {
		return "budget_id"
	}
	return ""
}

// neverAbove reports whether a limit stays at or under another from now on, raised for
// a while or not.
func (s *server) neverAbove(l, h policy.Limit) bool {
	now := s.now()
	for _, at := range []time.Time{now, h.RaiseUntil, l.RaiseUntil} {
		if !at.Before(now) && l.AmountAt(at) > h.AmountAt(at) {
			return false
		}
	}
	return true
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, e := range b {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

func containsAny(list []string, any ...string) bool {
	return slices.ContainsFunc(any, func(e string) bool { return slices.Contains(list, e) })
}

func containsAll(list, all []string) bool {
	return !slices.ContainsFunc(all, func(e string) bool { return !slices.Contains(list, e) })
}

// clip shortens what a caller sent before a message quotes it.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
