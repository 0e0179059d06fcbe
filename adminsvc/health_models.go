package adminsvc

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// Prober calls a deployment as a client would, in the smallest way there is.
type Prober interface {
	Probe(ctx context.Context, d *policy.Deployment) Probe
}

// Probe is what a deployment answered.
type Probe struct {
	Healthy bool
	Status  int    // of the reply; 0: there was none
	How     string // what was asked of it: "POST /v1/chat/completions"
	Problem string // "" where it is healthy; no secret is in it
	Took    time.Duration
}

const (
	probesAtOnce = 8
	probeTime    = 15 * time.Second // each; the rest of a request's time is for those that wait
)

// probed is the last probe of a deployment by this server.
type probed struct {
	mu   sync.Mutex
	last map[string]probedAt
}

type probedAt struct {
	Probe
	at time.Time
	by string
}

const modelHealthRead action = "probe deployments"

func init() { rules[modelHealthRead] = rule{allow: readers, reads: true} }

// modelHealth: whether deployments answer.
func modelHealth(s *server) {
	op := func(path, summary string, reply any, description string) operation {
		return operation{Method: http.MethodGet, Path: path, Tag: "health", Summary: summary, Reply: reply, Description: description}
	}
	route(s, op("/health", "Call each deployment now and say which answer", healthRow{},
		"Every deployment gets one real call, of a few tokens, or where its mode is dear (pictures, audio, video, realtime) a look at its list of models. "+
			"Providers charge for it; nobody's budget does. The calls come from this server, not from Envoy."), s.probeModels)
	try := op("/health/test_connection", "Call a deployment that is not there yet, and say what it answers", connectionTested{},
		"litellm_params is what /model/new would be sent; nothing is kept. As in /health, it is one real call of a few tokens.")
	try.Method = http.MethodPost
	route(s, try, s.testConnection)
	route(s, op("/health/latest", "What each deployment last said to /health at this server", latestRow{}, ""), s.latestProbes)
}

type healthRow struct {
	Healthy        Opt[rows]  `json:"healthy_endpoints"`
	Unhealthy      Opt[rows]  `json:"unhealthy_endpoints"`
	HealthyCount   Opt[int64] `json:"healthy_count"`
	UnhealthyCount Opt[int64] `json:"unhealthy_count"`
}

type latestRow struct {
	Latest Opt[Fields] `json:"latest_health_checks"`
	Total  Opt[int64]  `json:"total_models"`
}

type healthQuery struct {
	Model Opt[string] `query:"model" doc:"Only this public name, or the provider's name for it"`
	ID    Opt[string] `query:"model_id" doc:"Only this deployment"`
}

func (s *server) probeModels(ctx context.Context, c *Caller, in *healthQuery) (any, error) {
	if err := s.authorize(ctx, c, modelHealthRead, target{}); err != nil {
		return nil, err
	}
	if s.Prober == nil {
		return nil, &Error{Status: http.StatusNotImplemented, Type: "not_implemented_error", Message: "Deployments cannot be probed here"}
	}
	var list []*policy.Deployment
	catalog := s.Catalog()
	for _, name := range catalog.Names() {
		m, _ := catalog.Find(name)
		for _, d := range m.Deployments {
			model, id := in.Model.Or(""), in.ID.Or("")
			if (model == "" || model == name || model == d.Target || model == d.Provider+"/"+d.Target) && (id == "" || id == d.ID) {
				list = append(list, d)
			}
		}
	}
	if len(list) == 0 && (in.Model.Or("") != "" || in.ID.Or("") != "") {
		return nil, detail(http.StatusNotFound, "No deployment matches model="+clip(in.Model.Or(""))+" model_id="+clip(in.ID.Or("")))
	}
	results := s.probe(ctx, c, list)
	healthy, unhealthy := []Object{}, []Object{}
	for i, d := range list {
		if results[i].Healthy {
			healthy = append(healthy, probeObject(d, results[i]))
		} else {
			unhealthy = append(unhealthy, probeObject(d, results[i]))
		}
	}
	return Object{{"healthy_endpoints", healthy}, {"unhealthy_endpoints", unhealthy}, {"healthy_count", len(healthy)}, {"unhealthy_count", len(unhealthy)}}, nil
}

// probe calls deployments, a few at a time, and remembers what they said.
func (s *server) probe(ctx context.Context, c *Caller, list []*policy.Deployment) []Probe {
	results := make([]Probe, len(list))
	var running sync.WaitGroup
	places := make(chan struct{}, probesAtOnce)
	for i, d := range list {
		running.Go(func() {
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-ctx.Done():
				results[i] = Probe{Problem: "there was no time left to ask it: name fewer deployments"}
				return
			}
			bounded, cancel := context.WithTimeout(ctx, probeTime)
			defer cancel()
			results[i] = s.Prober.Probe(bounded, d)
		})
	}
	running.Wait()
	s.probed.mu.Lock()
	defer s.probed.mu.Unlock()
	if s.probed.last == nil {
		s.probed.last = map[string]probedAt{}
	}
	for i, d := range list {
		s.probed.last[d.ID] = probedAt{results[i], s.now(), c.UserID}
	}
	return results
}

// probeObject is a deployment's entry, secrets masked, and what it said.
func probeObject(d *policy.Deployment, p Probe) Object {
	row := Object{{"model", d.Provider + "/" + d.Target}, {"model_name", d.Model}, {"model_id", d.ID}, {"api_base", apiBaseOf(d)}, {"mode", orNull(d.Mode)},
		{"probe", p.How}, {"response_time_ms", p.Took.Milliseconds()}, {"status_code", positive(int64(p.Status))}}
	if !p.Healthy {
		row.Set("error", p.Problem)
	}
	if d.Blocked {
		row.Set("blocked", true)
	}
	return row
}

func apiBaseOf(d *policy.Deployment) string {
	port := ""
	if d.Port != 0 && !(d.Scheme == "https" && d.Port == 443) && !(d.Scheme == "http" && d.Port == 80) {
		port = ":" + itoa(int64(d.Port))
	}
	return d.Scheme + "://" + d.Host + port + d.PathPrefix
}

func (s *server) latestProbes(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, modelHealthRead, target{}); err != nil {
		return nil, err
	}
	latest := Object{}
	s.probed.mu.Lock()
	defer s.probed.mu.Unlock()
	catalog := s.Catalog()
	known := []string{}
	for _, name := range catalog.Names() {
		m, _ := catalog.Find(name)
		for _, d := range m.Deployments {
			known = append(known, d.ID)
			p, ok := s.probed.last[d.ID]
			if !ok {
				continue
			}
			status, healthy, problem := "healthy", 1, any(nil)
			if !p.Healthy {
				status, healthy, problem = "unhealthy", 0, p.Problem
			}
			latest.Set(d.ID, Object{{"model_name", d.Model}, {"model_id", d.ID}, {"status", status}, {"healthy_count", healthy}, {"unhealthy_count", 1 - healthy},
				{"error_message", problem}, {"response_time_ms", p.Took.Milliseconds()}, {"checked_by", orNull(p.by)}, {"checked_at", p.at.Format(time.RFC3339)}})
		}
	}
	for id := range s.probed.last { // of deployments that are gone
		if !slices.Contains(known, id) {
			delete(s.probed.last, id)
		}
	}
	return Object{{"latest_health_checks", latest}, {"total_models", len(latest)}}, nil
}
