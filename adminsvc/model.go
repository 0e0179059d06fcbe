package adminsvc

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
)

// modelCreated is the date LiteLLM and OpenAI give models that have none.
const modelCreated = 1677610602

type modelRow struct {
	ID              Opt[string] `json:"id"`
	Object          Opt[string] `json:"object"`
	Created         Opt[int64]  `json:"created"`
	OwnedBy         Opt[string] `json:"owned_by"`
	Mode            Opt[string] `json:"mode" optional:"true"`
	MaxInputTokens  Opt[int64]  `json:"max_input_tokens" optional:"true"`
	MaxOutputTokens Opt[int64]  `json:"max_output_tokens" optional:"true"`
}

type modelList struct {
	Data   Opt[rows]   `json:"data"`
	Object Opt[string] `json:"object"`
}

// models: what can be called, cut to what the caller may call.
func models(s *server) {
	op := func(path, summary string, reply any, also ...string) operation {
		return operation{Method: http.MethodGet, Path: path, Also: also, Tag: "models", Summary: summary, Reply: reply}
	}
	route(s, op("/v1/models", "The models the caller may call", modelList{}, "/models"), s.listModels)
	route(s, op("/v1/models/{model_id...}", "One model the caller may call", modelRow{}, "/models/{model_id...}"), s.oneModel)
	route(s, op("/v1/model/info", "The deployments behind the models the caller may call, secrets masked", nil, "/model/info"), s.modelInfo)
	route(s, op("/v2/model/info", "The same, in pages", nil), s.modelInfoPage)
	route(s, op("/model_group/info", "The models the caller may call, with their prices and limits", nil), s.modelGroups)
}

type modelsQuery struct {
	TeamID         Opt[string] `query:"team_id" doc:"Only what this team may call"`
	Wildcards      Opt[bool]   `query:"return_wildcard_routes" doc:"Wildcard names too"`
	IncludeGroups  Opt[bool]   `query:"include_model_access_groups" doc:"Access groups too"`
	OnlyGroups     Opt[bool]   `query:"only_model_access_groups" doc:"Access groups alone"`
	IncludeDetails Opt[bool]   `query:"include_metadata"`
}

// access is what a caller may call: every list must admit a model.
type access struct {
	*names
	lists [][]string
}

func (a access) allows(name string) bool {
	return !slices.ContainsFunc(a.lists, func(list []string) bool { return len(list) > 0 && !a.names.allows(list, name) })
}

// customerNamed is the customer that a caller asks on behalf of: in the headers that
// calls of models name one by. "" for none.
func customerNamed(ctx context.Context) string {
	r := requestOf(ctx)
	if r == nil {
		return ""
	}
	return cmp.Or(r.Header.Get("x-litellm-customer-id"), r.Header.Get("x-litellm-end-user-id"))
}

// accessOf reads the model lists of everything above a caller, and those of the customer named.
func (s *server) accessOf(ctx context.Context, c *Caller, team string) (access, error) {
	names, err := s.names(ctx, s.Store)
	a := access{names: names}
	if err != nil {
		return a, err
	}
	if team != "" {
		t, err := s.teamFor(ctx, s.Store, c, team, teamRead)
		if err != nil {
			return a, err
		}
		a.lists = append(a.lists, t.Models)
	}
	if id := customerNamed(ctx); id != "" {
		customer, err := find[*policy.Customer](ctx, s.Store, policy.EntityCustomer, id)
		if err != nil {
			return a, err
		}
		if customer != nil {
			a.lists = append(a.lists, customer.Models)
		}
	}
	if c.Master {
		return a, nil
	}
	k := c.Key
	if k == nil {
		k = &policy.Key{} // signed in: what the user may call
	}
	a.lists = append(a.lists, k.Models)
	teamOf, err := find[*policy.Team](ctx, s.Store, policy.EntityTeam, k.TeamID)
	if err != nil {
		return a, err
	}
	organization := k.OrganizationID
	if teamOf != nil {
		a.lists = append(a.lists, teamOf.Models)
		if organization == "" {
			organization = teamOf.OrganizationID
		}
		if k.UserID != "" {
			m, err := find[*policy.Membership](ctx, s.Store, policy.EntityMembership, policy.MemberID(teamOf.ID, k.UserID))
			if err != nil {
				return a, err
			}
			switch {
			case m != nil && len(m.Models) > 0:
				a.lists = append(a.lists, m.Models)
			case m != nil || isTeamUser(teamOf, k.UserID):
				a.lists = append(a.lists, teamOf.MemberModels)
			}
		}
	}
	if p, err := find[*policy.Project](ctx, s.Store, policy.EntityProject, k.ProjectID); err != nil {
		return a, err
	} else if p != nil {
		a.lists = append(a.lists, p.Models)
	}
	if o, err := find[*policy.Organization](ctx, s.Store, policy.EntityOrganization, organization); err != nil {
		return a, err
	} else if o != nil {
		a.lists = append(a.lists, o.Models)
	}
	if c.User != nil {
		a.lists = append(a.lists, c.User.Models)
	}
	return a, nil
}

func (s *server) listModels(ctx context.Context, c *Caller, in *modelsQuery) (any, error) {
	a, err := s.accessOf(ctx, c, in.TeamID.Or(""))
	if err != nil {
		return nil, err
	}
	rows, seen := []Object{}, map[string]bool{}
	add := func(name string, m *policy.Model) {
		if !seen[name] {
			seen[name] = true
			rows = append(rows, modelObject(name, m))
		}
	}
	if !in.OnlyGroups.Or(false) {
		for _, name := range a.catalog.Names() {
			m, _ := a.catalog.Find(name)
			if strings.Contains(name, "*") && !in.Wildcards.Or(false) {
				s.matched(a, name, m, add)
			} else if a.allows(name) {
				add(name, m)
			}
		}
	}
	if in.IncludeGroups.Or(false) || in.OnlyGroups.Or(false) {
		for _, name := range a.catalog.Names() {
			m, _ := a.catalog.Find(name)
			for _, g := range m.Groups {
				if a.allows(name) {
					add(g, nil)
				}
			}
		}
	}
	return Object{{"data", rows}, {"object", "list"}}, nil
}

// matched adds the names that the caller's own lists spell out and a wildcard serves.
func (s *server) matched(a access, pattern string, m *policy.Model, add func(string, *policy.Model)) {
	for _, list := range a.lists {
		for _, entry := range list {
			if !strings.Contains(entry, "*") && policy.Match(pattern, entry) && a.allows(entry) {
				add(entry, m)
			}
		}
	}
}

func modelObject(name string, m *policy.Model) Object {
	row := Object{{"id", name}, {"object", "model"}, {"created", modelCreated}, {"owned_by", "openai"}}
	if m == nil || len(m.Deployments) == 0 {
		return row
	}
	d := m.Deployments[0]
	if d.Mode != "" {
		row.Set("mode", d.Mode)
	}
	if d.MaxInput > 0 {
		row.Set("max_input_tokens", d.MaxInput)
	}
	if m.MaxOutput > 0 {
		row.Set("max_output_tokens", m.MaxOutput)
	}
	return row
}

type modelQuery struct {
	ID     Opt[string] `path:"model_id" doc:"May hold slashes"`
	TeamID Opt[string] `query:"team_id"`
}

func (s *server) oneModel(ctx context.Context, c *Caller, in *modelQuery) (any, error) {
	a, err := s.accessOf(ctx, c, in.TeamID.Or(""))
	if err != nil {
		return nil, err
	}
	m, ok := a.catalog.Find(in.ID.Value)
	if !ok || !a.allows(in.ID.Value) {
		// A model that may not be called is not told apart from one that is not there.
		return nil, detail(http.StatusNotFound, "The model `"+clip(in.ID.Value)+"` does not exist, or you may not call it")
	}
	return modelObject(in.ID.Value, m), nil
}
