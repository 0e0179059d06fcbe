package adminsvc

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

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

type modelPageQuery struct {
	Page      Opt[int64]  `query:"page"`
	Size      Opt[int64]  `query:"size"`
	Model     Opt[string] `query:"model" doc:"Only this public name"`
	Search    Opt[string] `query:"search" doc:"Only public names with this in them, whatever its case"`
	ID        Opt[string] `query:"modelId" doc:"Only this deployment"`
	TeamID    Opt[string] `query:"teamId" doc:"Only what this team may call"`
	Group     Opt[string] `query:"access_group" doc:"Only models of this access group"`
	Wildcards Opt[bool]   `query:"wildcard_only" doc:"Only names with a * in them"`
	SortBy    Opt[string] `query:"sortBy" doc:"model_name, costs, created_at, updated_at or status; else as configured"`
	SortOrder Opt[string] `query:"sortOrder" doc:"asc or desc"`
}

// modelInfoPage is the list of deployments in pages.
func (s *server) modelInfoPage(ctx context.Context, c *Caller, in *modelPageQuery) (any, error) {
	p, err := pageOf(in.Page, in.Size, "size", 50, 1000)
	if err != nil {
		return nil, err
	}
	a, err := s.accessOf(ctx, c, in.TeamID.Or(""))
	if err != nil {
		return nil, err
	}
	found := []*policy.Deployment{}
	for _, name := range a.catalog.Names() {
		if !a.allows(name) || in.Model.Or(name) != name || !strings.Contains(strings.ToLower(name), strings.ToLower(in.Search.Or(""))) ||
			in.Wildcards.Or(false) && !strings.Contains(name, "*") {
			continue
		}
		m, _ := a.catalog.Find(name)
		for _, d := range m.Deployments {
			if group := in.Group.Or(""); in.ID.Or(d.ID) == d.ID && (group == "" || slices.Contains(d.AccessGroups, group)) {
				found = append(found, d)
			}
		}
	}
	if err := s.sortDeployments(ctx, found, in.SortBy.Or(""), in.SortOrder.Or("asc")); err != nil {
		return nil, err
	}
	rows := []Object{}
	for _, d := range found[min(p.offset(), len(found)):min(p.offset()+p.limit(), len(found))] {
		rows = append(rows, deploymentObject(d))
	}
	return Object{{"data", rows}, {"total_count", len(found)}, {"current_page", p.number}, {"total_pages", p.pages(len(found))}, {"size", p.size}}, nil
}

// sortDeployments puts deployments in order; "" leaves them as they are configured.
func (s *server) sortDeployments(ctx context.Context, list []*policy.Deployment, by, order string) error {
	if order != "asc" && order != "desc" {
		return badRequest("sortOrder", "sortOrder is asc or desc")
	}
	var compare func(a, b *policy.Deployment) int
	switch by {
	case "":
		return nil
	case "model_name":
		compare = func(a, b *policy.Deployment) int { return strings.Compare(a.Model, b.Model) }
	case "costs":
		compare = func(a, b *policy.Deployment) int {
			return cmp.Or(cmp.Compare(a.Price.Input, b.Price.Input), cmp.Compare(a.Price.Output, b.Price.Output))
		}
	case "status": // those of the file first, then those of the database
		compare = func(a, b *policy.Deployment) int { return cmp.Compare(boolInt(a.Stored), boolInt(b.Stored)) }
	case "created_at", "updated_at":
		stored, _, err := policy.List[*policy.StoredModel](ctx, s.Store, policy.Query{Kind: policy.EntityModel})
		if err != nil {
			return err
		}
		at := map[string]time.Time{} // those of the file have none: they come first
		for _, m := range stored {
			at[m.ID] = m.CreatedAt
			if by == "updated_at" {
				at[m.ID] = m.UpdatedAt
			}
		}
		compare = func(a, b *policy.Deployment) int { return at[a.ID].Compare(at[b.ID]) }
	default:
		return badRequest("sortBy", "sortBy is model_name, costs, created_at, updated_at or status")
	}
	slices.SortStableFunc(list, func(a, b *policy.Deployment) int {
		if order == "desc" {
			return compare(b, a)
		}
		return compare(a, b)
	})
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
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
	if d.Stored {
		info.Set("blocked", d.Blocked)
	}
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

// supported are what model_info may say that a model can do.
var supported = []string{
	"supports_parallel_function_calling", "supports_vision", "supports_web_search", "supports_url_context", "supports_reasoning", "supports_function_calling",
	"supports_fast_mode",
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
	row := Object{
		{"model_group", m.Name}, {"providers", providers}, {"max_input_tokens", positive(maxInput)}, {"max_output_tokens", positive(m.MaxOutput)},
		{"input_cost_per_token", rate(m.Worst.Input)}, {"output_cost_per_token", rate(m.Worst.Output)}, {"input_cost_per_pixel", rate(m.Worst.PerPixel)},
		{"mode", cmp.Or(mode, "chat")}, {"tpm", tpm}, {"rpm", rpm}, {"itpm", nil}, {"otpm", nil},
	}
	for _, name := range supported {
		row.Set(name, slices.ContainsFunc(m.Deployments, func(d *policy.Deployment) bool {
			v, ok := storedFields(d.Info).Get(name)
			return ok && v.Kind() == 't'
		}))
	}
	row.Set("supported_openai_params", []string{}) // whatever the provider takes: requests pass as they are
	row.Set("configurable_clientside_auth_params", nil)
	return row
}
