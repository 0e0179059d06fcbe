package adminsvc

import (
	"context"
	"net/http"
	"strings"
)

// unsupportedRoutes are LiteLLM's paths beside governance, and why Purser has
// nothing behind them. They answer 501 to whoever has a valid credential, so that a
// client hears why instead of wondering whether it has the wrong address.
var unsupportedRoutes = []struct{ method, path, why string }{
	{http.MethodGet, "/spend/capture_rate", "what a provider has billed is not known here; compare its invoice with /global/spend/provider"},
	{http.MethodPost, "/team/{team_id}/callback", "teams have no logging callbacks"},
	{http.MethodDelete, "/team/{team_id}/callback", "teams have no logging callbacks"},
	{http.MethodGet, "/sso/key/generate", noSSO},
	{http.MethodGet, "/sso/callback", noSSO},
	{http.MethodGet, "/fallback/login", "sign in at /ui/, or with POST /login"},
	{http.MethodPost, "/v3/login", "there is no control plane apart from this; sign in with POST /v2/login"},
	{http.MethodGet, "/public/litellm_model_cost_map", "the prices in force are in /model/info, for who may call a model"},
	{http.MethodPost, "/add/allowed_ip", noIPs},
	{http.MethodPost, "/delete/allowed_ip", noIPs},
	{http.MethodGet, "/credentials", noCredentials},
	{http.MethodPost, "/credentials", noCredentials},
	{http.MethodGet, "/credentials/by_name/{credential_name}", noCredentials},
	{http.MethodPatch, "/credentials/{credential_name}", noCredentials},
	{http.MethodDelete, "/credentials/{credential_name}", noCredentials},
	{http.MethodGet, "/health/history", "past probes are not kept; see /health/latest"},
	{http.MethodGet, "/health/shared-status", "servers do not share their probes; see /health/latest"},
	{http.MethodGet, "/health/services", "there are no logging services"},
	{http.MethodGet, "/health/backlog", "requests do not queue in this process; see Envoy's metrics"},
	{http.MethodGet, "/health/drain", "a process drains when it is told to stop"},
	{http.MethodPost, "/model_group/make_public", "there is no hub that shows models to who has no key; /v1/models shows a caller what they may call"},
	{http.MethodPatch, "/update/sso_settings", noSSO},
	{http.MethodPatch, "/update/ui_theme_settings", "the UI's theme is its own"},
}

const (
	noSSO         = "single sign-on is not there yet"
	noIPs         = "the proxy's allowed_ips are in config.yaml, general_settings; a key has allowed_ips of its own"
	noCredentials = "a provider's key is a part of its model: write api_key into litellm_params, where it is sealed"
)

type anyCredential struct {
	Name Opt[string] `path:"credential_name"`
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

type teamCallbacks struct {
	Status  Opt[string] `json:"status"`
	Message Opt[string] `json:"message"`
	Data    Opt[Fields] `json:"data" doc:"team_id, success_callbacks, failure_callbacks, callback_vars"`
}

// teamCallbacks answers what is so: no team has any, so that there are none to read and none to take away.
func (s *server) teamCallbacks(a action) func(context.Context, *Caller, *anyTeam) (any, error) {
	return func(ctx context.Context, c *Caller, in *anyTeam) (any, error) {
		t, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, a)
		if err != nil {
			return nil, err
		}
		return Object{{"status", "success"}, {"message", "Teams have no logging callbacks here"},
			{"data", Object{{"team_id", t.ID}, {"success_callbacks", []string{}}, {"failure_callbacks", []string{}}, {"callback_vars", Object{}}}}}, nil
	}
}

func unsupported(s *server) {
	for _, r := range unsupportedRoutes {
		if s.paths[r.path][r.method] != nil {
			continue // it is supported by now
		}
		refuse := func() (any, error) { return nil, detailError(http.StatusNotImplemented, "Not supported: %s", r.why) }
		op := operation{Method: r.method, Path: r.path, Tag: "not supported", Summary: "Not supported: " + r.why, Status: http.StatusNotImplemented}
		if strings.Contains(r.path, "{credential_name}") {
			route(s, op, func(context.Context, *Caller, *anyCredential) (any, error) { return refuse() })
			continue
		}
		if r.path == "/team/{team_id}/callback" {
			route(s, op, func(context.Context, *Caller, *anyTeam) (any, error) { return refuse() })
			continue
		}
		route(s, op, func(context.Context, *Caller, *nothing) (any, error) { return refuse() })
	}
	route(s, operation{Method: http.MethodGet, Path: "/team/metadata_schema", Tag: "teams", Summary: "What a team's metadata must hold: anything", Reply: metadataSchema{}},
		func(context.Context, *Caller, *nothing) (any, error) { return Object{{"fields", []Object{}}}, nil })
	route(s, operation{Method: http.MethodGet, Path: "/team/{team_id}/callback", Tag: "teams", Summary: "A team's logging callbacks: there are none", Reply: teamCallbacks{}}, s.teamCallbacks(teamRead))
	route(s, operation{Method: http.MethodPost, Path: "/team/{team_id}/disable_logging", Tag: "teams", Summary: "Take a team's logging callbacks from it: there are none", Reply: teamCallbacks{}}, s.teamCallbacks(teamUpdateIt))
	route(s, operation{Method: http.MethodGet, Path: "/health/license", Tag: "health", Summary: "Nothing here needs a licence", Reply: license{}},
		func(context.Context, *Caller, *nothing) (any, error) {
			return Object{{"license_required", false}, {"status", "everything is included"}}, nil
		})
	route(s, operation{Method: http.MethodGet, Path: "/health/readiness/details", Tag: "health", Summary: "Whether requests can be served", Reply: readiness{}}, s.readiness)
}
