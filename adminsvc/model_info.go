package adminsvc

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

type modelInfoQuery struct {
	ID    Opt[string] `query:"litellm_model_id" doc:"Only this deployment"`
	Group Opt[string] `query:"model_group" doc:"Only this model"`
}

func (s *server) modelInfo(ctx context.Context, c *Caller, in *modelInfoQuery) (any, error) {
	a, err := s.accessOf(ctx, c, "")
	if err != nil {
		return nil, err
	}
	rows := []Object{}
	for _, name := range a.catalog.Names() {
		if !a.allows(name) {
			continue
		}
		m, _ := a.catalog.Find(name)
		for _, d := range m.Deployments {
			if id := in.ID.Or(""); id == "" || id == d.ID {
				rows = append(rows, deploymentObject(d))
			}
		}
	}
	if id := in.ID.Or(""); id != "" && len(rows) == 0 {
		return nil, detailError(http.StatusNotFound, "Model id = %s not found", clip(id))
	}
	return Object{{"data", rows}}, nil
}

func deploymentObject(d *policy.Deployment) Object {
	info := Object{{"id", d.ID}, {"db_model", d.Stored}}
	for _, f := range storedFields(d.Info) {
		info.Set(f.Name, f.Value)
	}
	groups := d.AccessGroups
	if groups == nil {
		groups = []string{}
	}
	info.Set("id", d.ID)
	info.Set("access_groups", groups)
	info.Set("db_model", d.Stored)
	setMissing(&info, "litellm_provider", d.Provider)
	setMissing(&info, "mode", orNull(d.Mode))
	setMissing(&info, "input_cost_per_token", rate(d.Price.Input))
	setMissing(&info, "output_cost_per_token", rate(d.Price.Output))
	setMissing(&info, "max_input_tokens", positive(d.MaxInput))
	setMissing(&info, "max_output_tokens", positive(d.MaxOutput))
	return Object{{"model_name", d.Model}, {"litellm_params", storedFields(d.Params)}, {"model_info", info}}
}

func setMissing(o *Object, name string, v any) {
	if !hasMember(*o, name) {
		o.Set(name, v)
	}
}

// rate is dollars per unit as a JSON number, exactly; null where there is none.
func rate(r policy.Rate) any {
	if r == policy.NoRate {
		return nil
	}
	return rateNumber(r)
}

// rateNumber writes a rate, a whole number of 1e-15 dollars, as a decimal
// without a float between.
func rateNumber(r policy.Rate) jsontext.Value {
	const places = 15
	digits := itoa(int64(r))
	if missing := places + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, frac := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
	if frac == "" {
		frac = "0"
	}
	return jsontext.Value(whole + "." + frac)
}

func positive(n int64) any {
	if n <= 0 {
		return nil
	}
	return n
}

func (s *server) modelGroups(ctx context.Context, c *Caller, in *modelInfoQuery) (any, error) {
	a, err := s.accessOf(ctx, c, "")
	if err != nil {
		return nil, err
	}
	rows := []Object{}
	for _, name := range a.catalog.Names() {
		if group := in.Group.Or(""); !a.allows(name) || group != "" && group != name {
			continue
		}
		m, _ := a.catalog.Find(name)
		rows = append(rows, groupObject(m))
	}
	return Object{{"data", rows}}, nil
}

func groupObject(m *policy.Model) Object {
	providers, mode := []string{}, ""
	var rpm, tpm *int64
	add := func(sum, n *int64) *int64 {
		if n == nil {
			return sum
		}
		total := *n
		if sum != nil {
			total += *sum
		}
		return &total
	}
	var maxInput int64
	for _, d := range m.Deployments {
		if !slices.Contains(providers, d.Provider) {
			providers = append(providers, d.Provider)
		}
		if mode == "" {
			mode = d.Mode
		}
		maxInput = max(maxInput, d.MaxInput)
		rpm, tpm = add(rpm, d.RPM), add(tpm, d.TPM)
	}
	return Object{
		{"model_group", m.Name}, {"providers", providers}, {"max_input_tokens", positive(maxInput)}, {"max_output_tokens", positive(m.MaxOutput)},
		{"input_cost_per_token", rate(m.Worst.Input)}, {"output_cost_per_token", rate(m.Worst.Output)}, {"mode", orNull(mode)},
		{"rpm", rpm}, {"tpm", tpm},
	}
}
