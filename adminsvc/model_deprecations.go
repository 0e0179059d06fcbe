package adminsvc

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

type deprecationsQuery struct {
	WarnWithin Opt[int64] `query:"warn_within_days" doc:"From how many days on a date is imminent; default 90"`
}

type deprecations struct {
	Deprecated Opt[rows]   `json:"deprecated" doc:"Their date has passed"`
	Imminent   Opt[rows]   `json:"imminent" doc:"Their date is within warn_within_days"`
	Upcoming   Opt[rows]   `json:"upcoming" doc:"Their date is further away"`
	WarnWithin Opt[int64]  `json:"warn_within_days"`
	CheckedAt  Opt[string] `json:"checked_at"`
}

// modelDeprecations: which models a provider switches off, and when.
func modelDeprecations(s *server) {
	route(s, operation{Method: http.MethodGet, Path: "/model/deprecations", Also: []string{"/v1/model/deprecations"}, Tag: "models",
		Summary:     "Models that a provider switches off, and when",
		Description: "The dates are those of model_info.deprecation_date, which a model has from the configuration or from /model/new. A model without a date is in no list.",
		Reply:       deprecations{}}, s.modelDeprecations)
}

func (s *server) modelDeprecations(ctx context.Context, c *Caller, in *deprecationsQuery) (any, error) {
	warn := in.WarnWithin.Or(90)
	if warn < 0 || warn > 3660 {
		return nil, badRequest("warn_within_days", "warn_within_days is a number from 0 to 3660")
	}
	a, err := s.accessOf(ctx, c, "")
	if err != nil {
		return nil, err
	}
	now := s.now()
	today := now.Truncate(24 * time.Hour)
	lists := map[string][]Object{"deprecated": {}, "imminent": {}, "upcoming": {}}
	for _, name := range a.catalog.Names() {
		if !a.allows(name) {
			continue
		}
		m, _ := a.catalog.Find(name)
		for _, d := range m.Deployments {
			ends, ok := deprecationOf(d)
			if !ok {
				continue
			}
			days := int64(ends.Sub(today) / (24 * time.Hour))
			status := "upcoming"
			if days < 0 {
				status = "deprecated"
			} else if days <= warn {
				status = "imminent"
			}
			lists[status] = append(lists[status], Object{{"model_name", name}, {"litellm_model", d.Provider + "/" + d.Target}, {"deprecation_date", ends.Format(time.DateOnly)},
				{"days_until_deprecation", days}, {"status", status}, {"litellm_provider", orNull(d.Provider)}})
		}
	}
	for _, list := range lists {
		slices.SortStableFunc(list, func(a, b Object) int {
			return strings.Compare(a.Get("deprecation_date").(string), b.Get("deprecation_date").(string))
		})
	}
	return Object{{"deprecated", lists["deprecated"]}, {"imminent", lists["imminent"]}, {"upcoming", lists["upcoming"]},
		{"warn_within_days", warn}, {"checked_at", now.Format(time.RFC3339)}}, nil
}

// deprecationOf is the day a deployment's model ends, where its information has one.
func deprecationOf(d *policy.Deployment) (time.Time, bool) {
	v, ok := storedFields(d.Info).Get("deprecation_date")
	if !ok || v.Kind() != '"' {
		return time.Time{}, false
	}
	day, err := time.Parse(time.DateOnly, unquote(v))
	return day, err == nil
}
