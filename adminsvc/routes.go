package adminsvc

import (
	"context"
	"net/http"
)

type routeList struct {
	Routes Opt[rows] `json:"routes" doc:"path, methods, name: every address that is answered here; calls of models are Envoy's"`
}

// routeLists: what there is to call.
func routeLists(s *server) {
	op := operation{Method: http.MethodGet, Path: "/routes", Tag: "settings", Summary: "Every management path and its methods", Reply: routeList{}, Public: true}
	route(s, op, func(context.Context, *Caller, *nothing) (any, error) {
		out := []Object{}
		for _, path := range sortedNames(s.paths) {
			out = append(out, Object{{"path", path}, {"methods", sortedNames(s.paths[path])}, {"name", path}, {"endpoint", nil}})
		}
		return Object{{"routes", out}}, nil
	})
}
