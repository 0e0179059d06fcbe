package adminsvc

import (
	"context"
	"net/http"

	"github.com/purser/purser/policy"
)

// The access groups that models themselves carry: model_info.access_groups. They are
// changed here for models of the database (access_group_models.go), for those of the
// configuration in the file.

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

func legacyAccessGroups(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: "/access_group/" + path, Tag: "access groups", Summary: summary, Reply: reply}
	}
	routeRaw(s, op(http.MethodGet, "list", "The access groups that models carry", legacyGroups{}), s.listLegacyGroups)
	routeRaw(s, op(http.MethodGet, "{access_group}/info", "One of them", legacyGroup{}), s.legacyGroupInfo)
	routeRaw(s, creating(op(http.MethodPost, "new", "Put models of the database into a new group", legacyWritten{})), s.newLegacyGroup)
	routeRaw(s, op(http.MethodPut, "{access_group}/update", "Say anew which models of the database a group has", legacyWritten{}), s.updateLegacyGroup)
	routeRaw(s, op(http.MethodDelete, "{access_group}/delete", "Take a group off all its models, and its budget with it", legacyDeleted{}), s.deleteLegacyGroup)
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
