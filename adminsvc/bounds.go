package adminsvc

import (
	"context"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
)

// names are what a model list may hold: the catalog's, and managed access groups.
type names struct {
	catalog *policy.Catalog
	groups  map[string][]string // name → models
}

// names reads the managed access groups beside the catalog.
func (s *server) names(ctx context.Context, r policy.Reader) (*names, error) {
	n := &names{catalog: s.Catalog(), groups: map[string][]string{}}
	groups, _, err := policy.List[*policy.AccessGroup](ctx, r, policy.Query{Kind: policy.EntityAccessGroup})
	for _, g := range groups {
		n.groups[g.Name] = g.Models
	}
	return n, err
}

// within checks that a child's model list grants nothing that its parent's
// does not. It returns the first entry that goes beyond, "" where none does. An
// empty child list takes what the parent has: the parent is asked at every request.
func (n *names) within(child, parent []string) string {
	if len(parent) == 0 {
		return ""
	}
	for _, entry := range child {
		if !n.entryWithin(entry, parent) {
			return entry
		}
	}
	return ""
}

func (n *names) entryWithin(entry string, parent []string) bool {
	switch entry {
	case policy.AllTeamModels, policy.NoDefaultModels:
		return true // defers to the parent, or grants nothing
	case policy.AllProxyModels, "*":
		return contains(parent, policy.AllProxyModels) || contains(parent, "*")
	}
	if contains(parent, entry) {
		return true
	}
	models := n.catalog.Group(entry)
	if models == nil {
		models = n.groups[entry]
	}
	if models != nil {
		return !slices.ContainsFunc(models, func(m string) bool { return !n.allows(parent, m) })
	}
	if strings.Contains(entry, "*") {
		for _, p := range parent {
			if p == "*" || p == policy.AllProxyModels || strings.Contains(p, "*") && policy.Match(p, entry) {
				return true
			}
		}
		return false
	}
	return n.allows(parent, entry)
}

// allows reports whether a list admits a model, by itself or by a managed group.
func (n *names) allows(list []string, model string) bool {
	return n.catalog.Allows(list, model) || slices.ContainsFunc(list, func(entry string) bool { return slices.Contains(n.groups[entry], model) })
}

// beyond names the first limit of child that is above the parent's own, with both
// amounts in words; "" where none is. Budgets are compared
// whatever their windows, as LiteLLM does.
func beyond(child, parent *policy.Limits) (field, message string) {
	if field, message := budgetBeyond(child, parent); field != "" {
		return field, message
	}
	for _, pair := range []struct {
		name          string
		child, parent *int64
	}{
		{"rpm_limit", child.RPM, parent.RPM}, {"tpm_limit", child.TPM, parent.TPM}, {"tpd_limit", child.TPD, parent.TPD},
		{"itpm_limit", child.ITPM, parent.ITPM}, {"otpm_limit", child.OTPM, parent.OTPM}, {"max_parallel_requests", child.MaxParallel, parent.MaxParallel},
	} {
		if pair.child != nil && pair.parent != nil && *pair.child > *pair.parent {
			return pair.name, pair.name + " " + itoa(*pair.child) + " is above the " + itoa(*pair.parent)
		}
	}
	return "", ""
}

// budgetBeyond is beyond for max_budget alone.
func budgetBeyond(child, parent *policy.Limits) (field, message string) {
	if child.MaxBudget != nil && parent.MaxBudget != nil && *child.MaxBudget > *parent.MaxBudget {
		return "max_budget", "max_budget " + child.MaxBudget.String() + " is above the " + parent.MaxBudget.String()
	}
	return "", ""
}
