package adminsvc

import (
	"strings"

	"github.com/purser/purser/policy"
)

// modelsWithin checks that a child's model list grants nothing that its parent's
// does not. It returns the first entry that goes beyond, "" where none does. An
// empty child list takes what the parent has: the parent is asked at every request.
func modelsWithin(c *policy.Catalog, child, parent []string) string {
	if len(parent) == 0 {
		return ""
	}
	for _, entry := range child {
		if !entryWithin(c, entry, parent) {
			return entry
		}
	}
	return ""
}

func entryWithin(c *policy.Catalog, entry string, parent []string) bool {
	switch entry {
	case policy.AllTeamModels, policy.NoDefaultModels:
		return true // defers to the parent, or grants nothing
	case policy.AllProxyModels, "*":
		return contains(parent, policy.AllProxyModels) || contains(parent, "*")
	}
	if contains(parent, entry) {
		return true
	}
	if models := c.Group(entry); models != nil {
		for _, m := range models {
			if !c.Allows(parent, m) {
				return false
			}
		}
		return true
	}
	if strings.Contains(entry, "*") {
		for _, p := range parent {
			if p == "*" || p == policy.AllProxyModels || strings.Contains(p, "*") && policy.Match(p, entry) {
				return true
			}
		}
		return false
	}
	return c.Allows(parent, entry)
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
