package policy

// mostFallbacks bounds how often one call is decided.
const mostFallbacks = 16

func (l *Limits) validateFallbacks() error {
	for model, names := range l.BudgetFallbacks {
		field := "budget_fallbacks." + model
		if model == "" {
			return invalid("budget_fallbacks", "budget_fallbacks names a model that is empty")
		}
		if len(names) > mostFallbacks {
			return invalid(field, "budget_fallbacks lists at most %d models for one", mostFallbacks)
		}
		for _, name := range names {
			if name == "" || name == model {
				return invalid(field, "budget_fallbacks of a model are the names of others")
			}
		}
	}
	return nil
}

// Fallbacks lists the models that may answer in the place of the one that was asked
// for, in the order to try: what the key has in budget_fallbacks, where r is of
// the key's own budget for that model. A limit of anybody else is no reason to change the model.
func (g *Grant) Fallbacks(asked, resolved string, r *Refusal) []string {
	if r == nil || g.Key == nil || r.Code != CodeBudget || r.Scope.Kind != ScopeKey || r.Model == "" {
		return nil
	}
	if names, ok := g.Key.Limits.BudgetFallbacks[asked]; ok {
		return names
	}
	return g.Key.Limits.BudgetFallbacks[resolved]
}
