package adminsvc

import (
	"context"
	"net/http"

	"github.com/purser/purser/policy"
)

type connectionTest struct {
	Body
	Params Opt[Fields] `json:"litellm_params" required:"true" doc:"As in /model/new"`
	Info   Opt[Fields] `json:"model_info" doc:"As in /model/new"`
	Mode   Opt[string] `json:"mode" doc:"As model_info.mode: chat, embedding, …"`
}

type connectionTested struct {
	Status Opt[string] `json:"status" enum:"success,error"`
	Result Opt[Fields] `json:"result" doc:"What was asked, and what came back"`
}

// testConnection probes what a model would be served as. Only who may add models may:
// it makes this server call an address.
func (s *server) testConnection(ctx context.Context, c *Caller, in *connectionTest) (any, error) {
	if err := s.mayWriteModels(ctx, c); err != nil {
		return nil, err
	}
	if s.Prober == nil {
		return nil, &Error{Status: http.StatusNotImplemented, Type: "not_implemented_error", Message: "Deployments cannot be probed here"}
	}
	info := in.Info.Value
	if mode := in.Mode.Or(""); mode != "" {
		info = info.With("mode", quote(mode))
	}
	m := &policy.StoredModel{ID: s.NewID(), Name: "connection-test"}
	if err := s.fillModel(m, nil, nil, in.Params.Value, info); err != nil {
		return nil, err
	}
	d, err := s.Models.Compile(m)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	p := s.Prober.Probe(bounded, d)
	status := "success"
	if !p.Healthy {
		status = "error"
	}
	return Object{{"status", status}, {"result", probeObject(d, p)}}, nil
}
