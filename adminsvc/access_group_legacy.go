package adminsvc

import (
	"context"
	"net/http"

	"github.com/purser/purser/policy"
)

// The access groups that models themselves carry (model_info.access_groups in the
// configuration) can be read here; they change where the models do.

type legacyGroup struct {
	Name        Opt[string]   `json:"access_group"`
	Models      Opt[[]string] `json:"model_names" default:"[]"`
	Deployments Opt[int64]    `json:"deployment_count"`
}

type legacyGroups struct {
	Groups Opt[rows] `json:"access_groups"`
}

type legacyPath struct {
	Name Opt[string] `path:"access_group" required:"true"`
}

type legacyWrite struct {
	Body
	Name Opt[string] `json:"access_group"`
}

type legacyWritePath struct {
	legacyPath
}

func legacyAccessGroups(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: "/access_group/" + path, Tag: "access groups", Summary: summary, Reply: reply}
	}
	route(s, op(http.MethodGet, "list", "The access groups that models carry", legacyGroups{}), s.listLegacyGroups)
	route(s, op(http.MethodGet, "{access_group}/info", "One of them", legacyGroup{}), s.legacyGroupInfo)
	refuse := func(ctx context.Context, c *Caller) (any, error) {
		if err := s.authorize(ctx, c, groupWrite, target{}); err != nil {
			return nil, err
		}
		return nil, detailError(http.StatusBadRequest, "These access groups are the models' own: change access_groups in model_info, or make a managed group at /v1/access_group")
	}
	route(s, op(http.MethodPost, "new", "Refused: groups change where the models do", nil), func(ctx context.Context, c *Caller, _ *legacyWrite) (any, error) { return refuse(ctx, c) })
	for method, path := range map[string]string{http.MethodPut: "{access_group}/update", http.MethodDelete: "{access_group}/delete"} {
		route(s, op(method, path, "Refused: groups change where the models do", nil), func(ctx context.Context, c *Caller, _ *legacyWritePath) (any, error) { return refuse(ctx, c) })
	}
}

// legacyGroupNames lists the groups in the order their models are configured in.
func legacyGroupNames(c *policy.Catalog) []string {
	var out []string
	for _, name := range c.Names() {
		if m, ok := c.Find(name); ok {
			out = union(out, m.Groups)
		}
	}
	return out
}

func legacyGroupRow(c *policy.Catalog, name string) Object {
	models := c.Group(name)
	deployments := 0
	for _, model := range models {
		if m, ok := c.Find(model); ok {
			for _, d := range m.Deployments {
				if contains(d.AccessGroups, name) {
					deployments++
				}
			}
		}
	}
	return Object{{"access_group", name}, {"model_names", models}, {"deployment_count", deployments}}
}

func (s *server) listLegacyGroups(ctx context.Context, c *Caller, _ *struct{}) (any, error) {
	if err := s.authorize(ctx, c, groupRead, target{}); err != nil {
		return nil, err
	}
	catalog := s.Catalog()
	out := []Object{}
	for _, name := range legacyGroupNames(catalog) {
		out = append(out, legacyGroupRow(catalog, name))
	}
	return Object{{"access_groups", out}}, nil
}

func (s *server) legacyGroupInfo(ctx context.Context, c *Caller, in *legacyPath) (any, error) {
	if err := s.authorize(ctx, c, groupRead, target{}); err != nil {
		return nil, err
	}
	catalog := s.Catalog()
	if catalog.Group(in.Name.Value) == nil {
		return nil, detailError(http.StatusNotFound, "Access group %q not found", clip(in.Name.Value))
	}
	return legacyGroupRow(catalog, in.Name.Value), nil
}
