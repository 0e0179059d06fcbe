package extproc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/purser/purser/extproc/dialect"
	"github.com/purser/purser/policy"
)

// maxQuestion bounds a question's bytes.
const maxQuestion = 1 << 20

// Explain says what binds a caller, and what would become of a call: by the rules
// that serve calls, and the counters as they stand. It changes nothing.
func (s *Server) Explain(ctx context.Context, q policy.Question) (policy.Explanation, error) {
	now := s.cfg.Clock()
	out := policy.Explanation{At: now}
	g, ok := s.cfg.Directory.ResolveFor(q)
	if !ok {
		return out, nil
	}
	out.Found = true
	if q.Call == nil {
		holds := g.InForce(q.Customer, q.Tags, now)
		standings, err := s.standings(ctx, holds)
		if err != nil {
			return out, err
		}
		for i, h := range holds {
			out.Limits = append(out.Limits, policy.StateOf(h, standings[i]))
		}
		return out, nil
	}
	v, limits, err := s.foresee(ctx, g, q)
	out.Verdict, out.Limits = v, limits
	return out, err
}

func (s *Server) standings(ctx context.Context, holds []policy.Hold) ([]policy.Balance, error) {
	if len(holds) == 0 {
		return nil, nil
	}
	if s.cfg.Counters == nil {
		return nil, errors.New("there are no counters to read")
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Deadline)
	defer cancel()
	return s.cfg.Counters.Standings(ctx, holds)
}

// foresee goes the way of an exchange, up to where it would reserve, that of
// budget_fallbacks included.
func (s *Server) foresee(ctx context.Context, g policy.Grant, q policy.Question) (*policy.Verdict, []policy.LimitState, error) {
	v, limits, err := s.foreseeModel(ctx, g, q)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range g.Fallbacks(q.Call.Model, v.Model, v.Refusal) {
		call := *q.Call
		call.Model = name
		again := q
		again.Call = &call
		if other, its, err := s.foreseeModel(ctx, g, again); err != nil || other.Allowed {
			return other, its, err
		}
	}
	return v, limits, nil
}

func (s *Server) foreseeModel(ctx context.Context, g policy.Grant, q policy.Question) (*policy.Verdict, []policy.LimitState, error) {
	call := *q.Call
	x := &exchange{s: s, id: "simulated", grant: g, method: http.MethodPost, path: call.Path, ip: call.IP, started: s.cfg.Clock()}
	v := &policy.Verdict{Allowed: true, Status: http.StatusOK}
	no := func(r *policy.Refusal) *policy.Verdict {
		told := said(r, s.cfg.BudgetStatus)
		v.Allowed, v.Refusal, v.Status, v.Type, v.Param = false, r, told.Status, told.Type, told.Param
		return v
	}
	match, known := dialect.Find(http.MethodPost, call.Path)
	x.match, x.endpoint = match, match.Endpoint
	if !known {
		x.endpoint = dialect.Stranger(call.Path)
	}
	if r := g.Authenticate(x.started); r != nil {
		return no(r), nil, nil
	}
	if !known || match.Allow != "" {
		no(&policy.Refusal{Code: policy.CodeNotFound, Param: "endpoint", Message: "No LLM endpoint answers POST " + call.Path})
		v.Status, v.Type = http.StatusNotFound, "" // an answer of the endpoint's own shape, not of a rule
		return v, nil, nil
	}
	if call.IP == "" { // nobody in particular: the rules for addresses say nothing of it
		free := g
		settings := *g.Settings
		settings.AllowedIPs = nil
		free.Settings = &settings
		if g.Key != nil {
			k := *g.Key
			k.AllowedIPs, free.Key = nil, &k
		}
		if r := free.Admit(x.endpoint.Route, ""); r != nil {
			return no(r), nil, nil
		}
	} else if r := g.Admit(x.endpoint.Route, call.IP); r != nil {
		return no(r), nil, nil
	}
	x.call = &dialect.Call{Model: call.Model, Choices: max(call.Choices, 1)}
	x.request = policy.Request{
		Model: call.Model, Customer: q.Customer, Tags: q.Tags, Input: call.Input, MaxOutput: call.MaxOutput, Choices: max(call.Choices, 1),
		Unmetered: x.endpoint.Unmetered, NeedsModel: x.endpoint.Billable, Explain: true,
	}
	if !x.endpoint.Caps() {
		x.request.Floor, x.request.NoOutput = x.request.MaxOutput, call.MaxOutput == 0
	}
	if g.Key != nil {
		x.keyHash = g.Key.Hash
		x.request.Usual = s.habits.usual(x.keyHash, call.Model)
	}
	x.decide()
	v.Model, v.Trace = x.decision.Asked, x.decision.Trace
	if x.decision.Refusal != nil {
		return no(x.decision.Refusal), nil, nil
	}
	able, refusal := x.able()
	if refusal != nil {
		return no(refusal), nil, nil
	}
	slices.SortStableFunc(able, func(a, b *policy.Deployment) int { return a.Priority - b.Priority })
	var limits []policy.LimitState
	for i, d := range able {
		x.deployment = d
		x.decide()
		ask := x.decision.Ask
		standings, err := s.standings(ctx, ask.Holds)
		if err != nil {
			return nil, nil, err
		}
		outcome := policy.Foresee(ask, standings, x.started)
		if ask.FullAt(outcome) && i < len(able)-1 {
			continue // another one may have room
		}
		limits = statesOf(ask, outcome)
		v.Deployment, v.Output, v.Lowered = d.ID, outcome.Output, outcome.Lowered
		if x.request.NoOutput {
			v.Output = 0
		}
		v.Cost = worst(x.decision.Price, x.request, v.Output)
		if !outcome.Granted {
			v.Deployment = ""
			return no(x.grant.Explain(ask, outcome)), limits, nil
		}
		break
	}
	return v, limits, nil
}

// worst is what the call would cost at most.
func worst(p policy.Price, r policy.Request, output int64) policy.Money {
	if !p.Known {
		return 0
	}
	return policy.CostOf(policy.Usage{Input: r.Input, Output: output * max(r.Choices, 1), Source: policy.UsageEstimated}, p).Total + r.Flat
}

func statesOf(ask policy.Ask, out policy.Outcome) []policy.LimitState {
	states := make([]policy.LimitState, 0, len(ask.Holds))
	for i, h := range ask.Holds {
		st := policy.StateOf(h, out.Balances[i])
		st.Asked, st.Refuses = h.Amount(out.Output), slices.Contains(out.Failed, i)
		if !out.Granted {
			st.Asked = h.Amount(ask.Least)
		}
		states = append(states, st)
	}
	return states
}

// ServeExplain answers adminsvc's questions: POST with a policy.Question, by the
// internal token alone.
func (s *Server) ServeExplain(w http.ResponseWriter, r *http.Request) {
	settings := s.cfg.Directory.Settings()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !settings.HasMasterKey || subtle.ConstantTimeCompare([]byte(token), []byte(policy.InternalToken(settings.MasterKey))) != 1 {
		http.Error(w, "this is between Purser's own processes", http.StatusUnauthorized)
		return
	}
	var q policy.Question
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&q); err != nil {
		http.Error(w, "this is no question", http.StatusBadRequest)
		return
	}
	out, err := s.Explain(r.Context(), q)
	if err != nil {
		s.cfg.Log.Warn("a question about limits could not be answered", "err", err)
		http.Error(w, "the counters cannot be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		s.cfg.Log.Debug("an answer could not be sent", "err", err)
	}
}
