package adminsvc

import (
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// limitFields are the limits any governed entity may carry, and the metadata
// that may hold some of them. Embed it in a request; limits() compiles it.
type limitFields struct {
	MaxBudget          Opt[policy.Money]     `json:"max_budget" doc:"Dollars per budget_duration, or ever; 0 admits nothing"`
	SoftBudget         Opt[policy.Money]     `json:"soft_budget" doc:"Recorded, never refuses"`
	BudgetDuration     Opt[string]           `json:"budget_duration" doc:"30s, 30m, 30h, 30d, 1w, 1mo; absent: never reset"`
	BudgetLimits       Opt[budgetWindows]    `json:"budget_limits" doc:"More budgets, each with its own window"`
	RPM                Opt[int64]            `json:"rpm_limit" doc:"Requests in any rolling minute"`
	TPM                Opt[int64]            `json:"tpm_limit" doc:"Tokens in any rolling minute"`
	TPD                Opt[int64]            `json:"tpd_limit" doc:"Tokens per day"`
	ITPM               Opt[int64]            `json:"itpm_limit" doc:"Prompt tokens in any rolling minute"`
	OTPM               Opt[int64]            `json:"otpm_limit" doc:"Answer tokens in any rolling minute"`
	MaxParallel        Opt[int64]            `json:"max_parallel_requests" doc:"Requests under way at once"`
	ModelMaxBudget     Opt[modelBudgets]     `json:"model_max_budget" doc:"Per model: dollars, or an object of limits"`
	ModelRPM           Opt[map[string]int64] `json:"model_rpm_limit"`
	ModelTPM           Opt[map[string]int64] `json:"model_tpm_limit"`
	ModelITPM          Opt[map[string]int64] `json:"model_itpm_limit"`
	ModelOTPM          Opt[map[string]int64] `json:"model_otpm_limit"`
	TempBudgetIncrease Opt[policy.Money]     `json:"temp_budget_increase" doc:"Added to max_budget until temp_budget_expiry"`
	TempBudgetExpiry   Opt[time.Time]        `json:"temp_budget_expiry"`
	Enforcement        Opt[string]           `json:"enforcement" enum:"enforce,shadow" doc:"shadow: limits and model lists are recorded, and refuse nothing; proxy admins only"`
	ShadowLimits       Opt[[]string]         `json:"shadow_limits" doc:"Names of limits of this entity that alone are in shadow; proxy admins only"`
	Metadata           Opt[Fields]           `json:"metadata" doc:"The caller's own; model_rpm_limit and the like in it are enforced"`
}

// limitNames are the JSON names of limitFields that bound something, for
// updates that only some may send.
var limitNames = []string{
	"max_budget", "soft_budget", "budget_duration", "budget_limits", "rpm_limit", "tpm_limit", "tpd_limit", "itpm_limit", "otpm_limit",
	"max_parallel_requests", "model_max_budget", "model_rpm_limit", "model_tpm_limit", "model_itpm_limit", "model_otpm_limit",
	"temp_budget_increase", "temp_budget_expiry", "budget_id",
}

// unenforcedMetadata are names that LiteLLM obeys when it finds them in
// metadata, and that restrict what Purser does not enforce.
var unenforcedMetadata = []string{"guardrails", "policies", "enforced_params", "mcp_rpm_limit", "tag_rpm_limit", "denied_passthrough_routes", "allowed_passthrough_routes"}

// limits compiles the fields. Errors name the field.
func (f *limitFields) limits() (policy.Limits, error) {
	l := policy.Limits{
		MaxBudget: f.MaxBudget.Ptr(), SoftBudget: f.SoftBudget.Ptr(), BudgetDuration: f.BudgetDuration.Value, BudgetLimits: f.BudgetLimits.Value,
		RPM: f.RPM.Ptr(), TPM: f.TPM.Ptr(), TPD: f.TPD.Ptr(), ITPM: f.ITPM.Ptr(), OTPM: f.OTPM.Ptr(), MaxParallel: f.MaxParallel.Ptr(),
		ModelMaxBudget: f.ModelMaxBudget.Value,
		ModelRPM:       f.ModelRPM.Value, ModelTPM: f.ModelTPM.Value, ModelITPM: f.ModelITPM.Value, ModelOTPM: f.ModelOTPM.Value,
		TempBudgetIncrease: f.TempBudgetIncrease.Ptr(), TempBudgetExpiry: f.TempBudgetExpiry.Ptr(),
		Enforcement: policy.Enforcement(f.Enforcement.Or("")), ShadowLimits: f.ShadowLimits.Or(nil),
	}
	if meta, ok := f.Metadata.Get(); ok {
		if err := foldMetadata(&l, meta); err != nil {
			return l, err
		}
	}
	return l, l.Validate()
}

// foldMetadata adds the limits that metadata holds. Where a model has one in
// both places the lower holds: it satisfies both.
func foldMetadata(l *policy.Limits, meta Fields) error {
	var d decoding
	at := location{"body", "metadata"}
	for _, m := range meta {
		if folded := strings.ToLower(m.Name); folded != m.Name && (isLimitMap(folded) || contains(unenforcedMetadata, folded)) {
			d.refuse(badRequest("metadata."+m.Name, "Unknown field %q in metadata: did you mean %q? Names differ in case.", m.Name, folded))
		}
		if contains(unenforcedMetadata, m.Name) {
			new(Unenforced).parse(&d, at.at(m.Name), m.Value)
		}
	}
	for _, per := range []struct {
		name string
		into *map[string]int64
	}{{"model_rpm_limit", &l.ModelRPM}, {"model_tpm_limit", &l.ModelTPM}, {"model_itpm_limit", &l.ModelITPM}, {"model_otpm_limit", &l.ModelOTPM}} {
		v, ok := meta.Get(per.name)
		if !ok || v.Kind() == 'n' {
			continue
		}
		var more countsValue
		more.parse(&d, at.at(per.name), v)
		merged := map[string]int64{}
		for model, n := range *per.into {
			merged[model] = n
		}
		for model, n := range more {
			if have, both := merged[model]; !both || n < have {
				merged[model] = n
			}
		}
		*per.into = merged
	}
	if v, ok := meta.Get("temp_budget_increase"); ok && v.Kind() != 'n' && l.TempBudgetIncrease == nil {
		var m moneyValue
		m.parse(&d, at.at("temp_budget_increase"), v)
		l.TempBudgetIncrease = (*policy.Money)(&m)
	}
	if v, ok := meta.Get("temp_budget_expiry"); ok && v.Kind() != 'n' && l.TempBudgetExpiry == nil {
		var t timeValue
		t.parse(&d, at.at("temp_budget_expiry"), v)
		l.TempBudgetExpiry = (*time.Time)(&t)
	}
	return d.err()
}

func isLimitMap(name string) bool {
	switch name {
	case "model_rpm_limit", "model_tpm_limit", "model_itpm_limit", "model_otpm_limit":
		return true
	}
	return false
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// metadataTags are the tags that metadata carries, as LiteLLM reads them.
func (f *limitFields) metadataTags() []string {
	v, ok := f.Metadata.Value.Get("tags")
	if !ok {
		return nil
	}
	var d decoding
	var l listValue
	if l.parse(&d, nil, v); len(d.problems) > 0 {
		return nil // the caller's own "tags", of another shape
	}
	return l
}

// budgetWindows is [{"budget_duration":"1d","max_budget":10}].
type budgetWindows []policy.BudgetLimit

func (b *budgetWindows) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	var out []policy.BudgetLimit
	d.items(at, v, func(at location, v jsontext.Value) {
		var entry struct {
			Duration Opt[string]       `json:"budget_duration" required:"true"`
			Max      Opt[policy.Money] `json:"max_budget" required:"true"`
			ResetAt  Opt[time.Time]    `json:"reset_at"`
		}
		d.object(at, v, &entry)
		out = append(out, policy.BudgetLimit{Duration: entry.Duration.Value, MaxBudget: entry.Max.Value})
	})
	*b = out
	return nil
}

func (*budgetWindows) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, Required: []string{"budget_duration", "max_budget"},
		Properties: map[string]*huma.Schema{"budget_duration": schemaOf(huma.TypeString, ""), "max_budget": schemaOf(huma.TypeNumber, "double"),
			"reset_at": {Type: huma.TypeString, Format: "date-time", Nullable: true}}}}
}

// modelBudgets is {"gpt-4":{"max_budget":5,"budget_duration":"1d","tpm_limit":1,"rpm_limit":1}};
// a number is its max_budget, budget_limit and time_period are older names.
type modelBudgets map[string]policy.ModelLimits

func (b *modelBudgets) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	out := modelBudgets{}
	canonical := d.members(at, v, func(at location, name string, v jsontext.Value) jsontext.Value {
		if v.Kind() != '{' {
			if v.Kind() == 'n' {
				return nil
			}
			var m moneyValue
			changed := m.parse(d, at, v)
			amount := policy.Money(m)
			out[name] = policy.ModelLimits{MaxBudget: &amount}
			return changed
		}
		var entry struct {
			Max      Opt[policy.Money] `json:"max_budget"`
			Limit    Opt[policy.Money] `json:"budget_limit"`
			Duration Opt[string]       `json:"budget_duration"`
			Period   Opt[string]       `json:"time_period"`
			TPM      Opt[int64]        `json:"tpm_limit"`
			RPM      Opt[int64]        `json:"rpm_limit"`
		}
		d.object(at, v, &entry)
		l := policy.ModelLimits{MaxBudget: entry.Max.Ptr(), Duration: entry.Duration.Or(entry.Period.Value), TPM: entry.TPM.Ptr(), RPM: entry.RPM.Ptr()}
		if limit := entry.Limit.Ptr(); limit != nil && (l.MaxBudget == nil || *limit < *l.MaxBudget) {
			l.MaxBudget = limit
		}
		out[name] = l
		return nil
	})
	*b = out
	return canonical
}

func (*modelBudgets) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{AnyOf: []*huma.Schema{
		schemaOf(huma.TypeNumber, "double"),
		{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
			"max_budget": {Type: huma.TypeNumber, Nullable: true}, "budget_duration": {Type: huma.TypeString, Nullable: true},
			"tpm_limit": {Type: huma.TypeInteger, Nullable: true}, "rpm_limit": {Type: huma.TypeInteger, Nullable: true},
		}},
	}}}
}
