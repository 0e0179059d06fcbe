package dialect

import (
	"strings"

	"github.com/purser/purser/policy"
)

// Probe is a call that shows whether a deployment answers.
type Probe struct {
	Method  string
	Path    string // with its query
	Headers map[string]string
	Body    []byte // nil for GET
}

// ProbeOf is the least that shows that a deployment answers, written and placed as a client's call would be, with at most
// outputCap tokens of an answer. Where a deployment's operation would be dear, or is not known, the provider's list of
// models is asked for. The error says why the deployment cannot be asked at all.
func ProbeOf(d *policy.Deployment, outputCap int64) (Probe, error) {
	mode := d.Mode
	if mode == "" {
		mode = "chat"
	}
	p := Probe{Method: "GET", Path: d.PathPrefix + "/models"}
	for _, e := range registry {
		if e.main && e.Serves(d) {
			p.Headers = e.headers
			if e.lists != nil {
				p.Path = e.lists(d)
			}
		}
	}
	if strings.Contains(d.Target, "*") { // no one model's
		return p, nil
	}
	for _, e := range registry {
		if e.probe == "" || !e.Serves(d) || e.mode != mode && e.mode != "*" {
			continue
		}
		in := Inbound{Method: e.Method, Path: e.Paths[0], ContentType: "application/json", Body: []byte(e.probe)}
		if strings.Contains(e.Paths[0], "{model}") {
			in.Model = d.Target
		}
		call, err := e.Read(in)
		if err != nil {
			return p, err
		}
		if p.Path, err = e.Path(call, d, d.Target); err != nil {
			return p, err
		}
		p.Method = e.Method
		p.Body, _ = e.Rewrite(call, Change{Model: d.Target, OutputCap: outputCap, Provider: d.Provider})
		return p, nil
	}
	return p, nil
}
