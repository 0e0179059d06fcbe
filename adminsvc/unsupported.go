package adminsvc

import (
	"context"
	"net/http"
)

// unsupportedRoutes are LiteLLM's paths beside governance, and why Purser has
// nothing behind them. They answer 501 to whoever has a valid credential, so that a
// client hears why instead of wondering whether it has the wrong address.
var unsupportedRoutes = []struct{ method, path, why string }{
	{http.MethodGet, "/spend/capture_rate", "what a provider has billed is not known here; compare its invoice with /global/spend/provider"},
	{http.MethodPost, "/team/{team_id}/disable_logging", "teams have no logging callbacks"},
	{http.MethodGet, "/team/{team_id}/callback", "teams have no logging callbacks"},
	{http.MethodPost, "/team/{team_id}/callback", "teams have no logging callbacks"},
	{http.MethodDelete, "/team/{team_id}/callback", "teams have no logging callbacks"},
	{http.MethodGet, "/health/history", "past probes are not kept; see /health/latest"},
	{http.MethodGet, "/health/shared-status", "servers do not share their probes; see /health/latest"},
	{http.MethodGet, "/health/services", "there are no logging services"},
	{http.MethodGet, "/health/backlog", "requests do not queue in this process; see Envoy's metrics"},
	{http.MethodGet, "/health/drain", "a process drains when it is told to stop"},
	{http.MethodPost, "/health/test_connection", "only models that are there are probed, by /health"},
}

type anyTeam struct {
	TeamID Opt[string] `path:"team_id"`
}

type metadataSchema struct {
	Fields Opt[rows] `json:"fields"`
}

type license struct {
	Required Opt[bool]   `json:"license_required"`
	Status   Opt[string] `json:"status"`
}

func unsupported(s *server) {
	for _, r := range unsupportedRoutes {
		if s.paths[r.path][r.method] != nil {
			continue // it is supported by now
		}
		refuse := func() (any, error) { return nil, detailError(http.StatusNotImplemented, "Not supported: %s", r.why) }
		op := operation{Method: r.method, Path: r.path, Tag: "not supported", Summary: "Not supported: " + r.why, Status: http.StatusNotImplemented}
		if r.path == "/team/{team_id}/disable_logging" || r.path == "/team/{team_id}/callback" {
			route(s, op, func(context.Context, *Caller, *anyTeam) (any, error) { return refuse() })
			continue
		}
		route(s, op, func(context.Context, *Caller, *nothing) (any, error) { return refuse() })
	}
	route(s, operation{Method: http.MethodGet, Path: "/team/metadata_schema", Tag: "teams", Summary: "What a team's metadata must hold: anything", Reply: metadataSchema{}},
		func(context.Context, *Caller, *nothing) (any, error) { return Object{{"fields", []Object{}}}, nil })
	route(s, operation{Method: http.MethodGet, Path: "/health/license", Tag: "health", Summary: "Nothing here needs a licence", Reply: license{}},
		func(context.Context, *Caller, *nothing) (any, error) {
			return Object{{"license_required", false}, {"status", "everything is included"}}, nil
		})
	route(s, operation{Method: http.MethodGet, Path: "/health/readiness/details", Tag: "health", Summary: "Whether requests can be served", Reply: readiness{}}, s.readiness)
}
