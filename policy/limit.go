package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Limit is one compiled limit of an entity: Amount of Kind per Window, for one
// model or (Model "") for all. An amount of 0 admits nothing.
type Limit struct {
	Kind   Kind
	Model  string // public name, may hold *
	Amount int64
	Window Window

	Raise      int64     // added to Amount
	RaiseUntil time.Time // until then

	Shadow bool // counts, and refuses nothing
}

// AmountAt is the amount in force at a time.
func (l Limit) AmountAt(now time.Time) int64 {
	if l.Raise != 0 && now.Before(l.RaiseUntil) {
		return l.Amount + min(l.Raise, math.MaxInt64-l.Amount)
	}
	return l.Amount
}

// For reports whether the limit binds a request for any of the names.
func (l Limit) For(names []string) bool {
	if l.Model == "" {
		return true
	}
	for _, n := range names {
		if l.Model == n || strings.Contains(l.Model, "*") && Match(l.Model, n) {
			return true
		}
	}
	return false
}

// BudgetLimit is one of several budget windows on an entity.
type BudgetLimit struct {
	Duration  string `json:"budget_duration"`
	MaxBudget Money  `json:"max_budget"`
}

// ModelLimits are limits of one model within an entity.
type ModelLimits struct {
	MaxBudget *Money `json:"max_budget,omitempty"`
	Duration  string `json:"budget_duration,omitempty"`
	TPM       *int64 `json:"tpm_limit,omitempty"`
	RPM       *int64 `json:"rpm_limit,omitempty"`
}

// Limits are the documented limit fields, which any governed entity may carry.
// nil is no limit; 0 admits nothing. A soft budget never refuses.
type Limits struct {
	MaxBudget      *Money        `json:"max_budget,omitempty"`
	SoftBudget     *Money        `json:"soft_budget,omitempty"`
	BudgetDuration string        `json:"budget_duration,omitempty"`
	BudgetLimits   []BudgetLimit `json:"budget_limits,omitempty"`
	RPM            *int64        `json:"rpm_limit,omitempty"`
	TPM            *int64        `json:"tpm_limit,omitempty"`
	TPD            *int64        `json:"tpd_limit,omitempty"`
	ITPM           *int64        `json:"itpm_limit,omitempty"`
	OTPM           *int64        `json:"otpm_limit,omitempty"`
	MaxParallel    *int64        `json:"max_parallel_requests,omitempty"`

	ModelMaxBudget map[string]ModelLimits `json:"model_max_budget,omitempty"`
	ModelRPM       map[string]int64       `json:"model_rpm_limit,omitempty"`
	ModelTPM       map[string]int64       `json:"model_tpm_limit,omitempty"`
	ModelITPM      map[string]int64       `json:"model_itpm_limit,omitempty"`
	ModelOTPM      map[string]int64       `json:"model_otpm_limit,omitempty"`

	// Of keys: which models answer where the budget of one in ModelMaxBudget is spent.
	BudgetFallbacks map[string][]string `json:"budget_fallbacks,omitempty"`

	TempBudgetIncrease *Money     `json:"temp_budget_increase,omitempty"`
	TempBudgetExpiry   *time.Time `json:"temp_budget_expiry,omitempty"`

	// Enforcement of the whole entity, and names of fields above whose limits alone
	// are in shadow.
	Enforcement  Enforcement `json:"enforcement,omitempty"`
	ShadowLimits []string    `json:"shadow_limits,omitempty"`
}

// Validate says which field cannot be enforced as it stands; nil if none.
func (l *Limits) Validate() error {
	if err := l.validateShadow(); err != nil {
		return err
	}
	if err := l.validateFallbacks(); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		value *int64
	}{
		{"max_budget", (*int64)(l.MaxBudget)}, {"soft_budget", (*int64)(l.SoftBudget)}, {"rpm_limit", l.RPM}, {"tpm_limit", l.TPM},
		{"tpd_limit", l.TPD}, {"itpm_limit", l.ITPM}, {"otpm_limit", l.OTPM}, {"max_parallel_requests", l.MaxParallel},
		{"temp_budget_increase", (*int64)(l.TempBudgetIncrease)},
	} {
		if f.value != nil && *f.value < 0 {
			return invalid(f.name, "%s must not be negative", f.name)
		}
	}
	if l.BudgetDuration != "" {
		if _, err := ParseDuration(l.BudgetDuration); err != nil {
			return invalid("budget_duration", "%v", err)
		}
	}
	for i, b := range l.BudgetLimits {
		field := fmt.Sprintf("budget_limits[%d]", i)
		if _, err := ParseDuration(b.Duration); err != nil {
			return invalid(field+".budget_duration", "%v", err)
		}
		if b.MaxBudget < 0 {
			return invalid(field+".max_budget", "max_budget must not be negative")
		}
	}
	for model, m := range l.ModelMaxBudget {
		field := "model_max_budget." + model
		if model == "" {
			return invalid("model_max_budget", "model_max_budget names a model that is empty")
		}
		if m.Duration != "" {
			if _, err := ParseDuration(m.Duration); err != nil {
				return invalid(field+".budget_duration", "%v", err)
			}
		}
		for name, v := range map[string]*int64{"max_budget": (*int64)(m.MaxBudget), "tpm_limit": m.TPM, "rpm_limit": m.RPM} {
			if v != nil && *v < 0 {
				return invalid(field+"."+name, "%s must not be negative", name)
			}
		}
	}
	for name, models := range l.perModel() {
		for model, v := range models {
			if model == "" {
				return invalid(name, "%s names a model that is empty", name)
			}
			if v < 0 {
				return invalid(name+"."+model, "%s must not be negative", name)
			}
		}
	}
	if l.TempBudgetIncrease != nil && l.TempBudgetExpiry == nil {
		return invalid("temp_budget_expiry", "temp_budget_increase needs temp_budget_expiry, the time it ends")
	}
	return nil
}

func (l *Limits) perModel() map[string]map[string]int64 {
	return map[string]map[string]int64{
		"model_rpm_limit": l.ModelRPM, "model_tpm_limit": l.ModelTPM, "model_itpm_limit": l.ModelITPM, "model_otpm_limit": l.ModelOTPM,
	}
}

// Compile turns the fields into limits, in a fixed order. The anchor is the
// entity's creation. Limits must be valid.
func (l *Limits) Compile(anchor time.Time) []Limit {
	var out []Limit
	field := ""
	add := func(k Kind, model string, amount *int64, w Window) {
		if amount != nil {
			out = append(out, Limit{Kind: k, Model: model, Amount: *amount, Window: w, Shadow: l.Enforcement == Shadow || slices.Contains(l.ShadowLimits, field)})
		}
	}
	addAs := func(name string, k Kind, amount *int64, w Window) {
		field = name
		add(k, "", amount, w)
	}
	addAs("rpm_limit", KindRequests, l.RPM, Minute)
	addAs("tpm_limit", KindTokens, l.TPM, Minute)
	addAs("tpd_limit", KindTokens, l.TPD, Every(Duration{1, Days}, anchor))
	addAs("itpm_limit", KindInputTokens, l.ITPM, Minute)
	addAs("otpm_limit", KindOutputTokens, l.OTPM, Minute)
	addAs("max_parallel_requests", KindParallel, l.MaxParallel, Live)
	field = "max_budget"
	if l.MaxBudget != nil {
		add(KindSpend, "", (*int64)(l.MaxBudget), budgetWindow(l.BudgetDuration, anchor))
		if l.TempBudgetIncrease != nil && l.TempBudgetExpiry != nil {
			b := &out[len(out)-1]
			b.Raise, b.RaiseUntil = int64(*l.TempBudgetIncrease), *l.TempBudgetExpiry
		}
	}
	field = "budget_limits"
	for _, b := range l.BudgetLimits {
		amount := int64(b.MaxBudget)
		add(KindSpend, "", &amount, budgetWindow(b.Duration, anchor))
	}
	for _, per := range []struct {
		field  string
		kind   Kind
		models map[string]int64
	}{
		{"model_rpm_limit", KindRequests, l.ModelRPM}, {"model_tpm_limit", KindTokens, l.ModelTPM},
		{"model_itpm_limit", KindInputTokens, l.ModelITPM}, {"model_otpm_limit", KindOutputTokens, l.ModelOTPM},
	} {
		field = per.field
		for _, model := range sortedKeys(per.models) {
			amount := per.models[model]
			add(per.kind, model, &amount, Minute)
		}
	}
	field = "model_max_budget"
	for _, model := range sortedKeys(l.ModelMaxBudget) {
		m := l.ModelMaxBudget[model]
		add(KindRequests, model, m.RPM, Minute)
		add(KindTokens, model, m.TPM, Minute)
		add(KindSpend, model, (*int64)(m.MaxBudget), budgetWindow(m.Duration, anchor))
	}
	return out
}

// BudgetWindow is the window `spend` is reported for: the budget's own, or all
// time where it never resets.
func (l *Limits) BudgetWindow(anchor time.Time) Window { return budgetWindow(l.BudgetDuration, anchor) }

func budgetWindow(duration string, anchor time.Time) Window {
	d, err := ParseDuration(duration)
	if err != nil {
		return Lifetime
	}
	return Every(d, anchor)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
