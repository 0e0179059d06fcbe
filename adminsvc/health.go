package adminsvc

import (
	"context"
	"net/http"
)

type nothing struct{}

type readiness struct {
	Status Opt[string] `json:"status"`
	DB     Opt[string] `json:"db"`
}

// health: whether this process lives, and whether it can serve.
func health(s *server) {
	alive := func(context.Context, *Caller, *nothing) (any, error) { return "I'm alive!", nil }
	route(s, operation{Method: http.MethodGet, Path: "/health/liveliness", Also: []string{"/health/liveness"}, Tag: "health", Public: true,
		Summary: "Whether the process lives"}, alive)
	route(s, operation{Method: http.MethodGet, Path: "/health/readiness", Tag: "health", Public: true, Reply: readiness{},
		Summary: "Whether requests can be served; 503 while the database cannot be reached"}, s.readiness)
}

func (s *server) readiness(ctx context.Context, _ *Caller, _ *nothing) (any, error) {
	if s.Ready != nil {
		if err := s.Ready(ctx); err != nil {
			return nil, &Error{Status: http.StatusServiceUnavailable, Type: "no_db_connection", Param: "None", Message: "The database cannot be reached", cause: err}
		}
	}
	return Object{{"status", "healthy"}, {"db", "connected"}, {"litellm_version", s.Version}}, nil
}
