package adminsvc

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// Explainer asks a data plane what binds a caller: it has the rules as they are
// enforced, and the counters.
type Explainer interface {
	Explain(ctx context.Context, q policy.Question) (policy.Explanation, error)
}

// subject is whom a question is about.
type subject struct {
	key, org, team, project, user string
}

type limitsQuery struct {
	Key          Opt[string]   `query:"key" doc:"A key or its hash. Without any parameter: the caller's own"`
	TeamID       Opt[string]   `query:"team_id" doc:"A key that this team would have; with user_id, of that member"`
	Team         Opt[string]   `query:"team" doc:"The same as team_id"`
	ProjectID    Opt[string]   `query:"project_id"`
	Project      Opt[string]   `query:"project"`
	UserID       Opt[string]   `query:"user_id"`
	User         Opt[string]   `query:"user"`
	Organization Opt[string]   `query:"organization_id"`
	Customer     Opt[string]   `query:"customer" doc:"An end user whose limits hold as well"`
	Tags         Opt[[]string] `query:"tags"`
}

type limitRow struct {
	Scope      Opt[string]       `json:"scope" doc:"proxy, organization, team, team_member, project, user, key, customer, tag or deployment"`
	ScopeID    Opt[string]       `json:"scope_id" doc:"Of a team_member the user's id; of a key its hash"`
	TeamID     Opt[string]       `json:"team_id" doc:"Of a team_member"`
	Kind       Opt[string]       `json:"kind" doc:"requests, tokens, input_tokens, output_tokens, parallel_requests or spend"`
	Model      Opt[string]       `json:"model" doc:"null: all models together"`
	Window     Opt[string]       `json:"window" doc:"minute (rolling), live, life, or a duration such as 1mo"`
	Unit       Opt[string]       `json:"unit" doc:"requests, tokens or USD"`
	Shadow     Opt[bool]         `json:"shadow" doc:"It counts, and refuses nothing"`
	Hidden     Opt[bool]         `json:"hidden" doc:"The figures are its owner's to see: null here"`
	Limit      Opt[policy.Money] `json:"limit"`
	Used       Opt[policy.Money] `json:"used" doc:"Settled; of a rolling minute also what is under way"`
	Reserved   Opt[policy.Money] `json:"reserved" doc:"Held by requests under way"`
	Remaining  Opt[policy.Money] `json:"remaining"`
	Start      Opt[time.Time]    `json:"start" doc:"Of the calendar window"`
	ResetAt    Opt[time.Time]    `json:"reset_at"`
	RetryAfter Opt[int64]        `json:"retry_after" doc:"Seconds until there is room again, where there is none"`
	Asked      Opt[policy.Money] `json:"asked" optional:"true" doc:"What the call would take"`
	Refuses    Opt[bool]         `json:"refuses" optional:"true"`
}

type limitsReply struct {
	At     Opt[time.Time] `json:"at"`
	Limits Opt[rows]      `json:"limits" doc:"In the order they are checked: scope, scope_id, kind, model, window, unit, hidden, limit, used, reserved, remaining, start, reset_at, retry_after"`
}

// explanations: what binds a caller, and why a call would be refused.
func explanations(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "limits", Summary: summary, Reply: reply}
	}
	s.component(planOf(typeOf[limitRow]()), zeroOf[limitRow]())
	route(s, op(http.MethodGet, "/limits", "Every limit in force for a caller, in the order it is checked", limitsReply{}), s.limitsInForce)
	route(s, op(http.MethodPost, "/policy/simulate", "What would become of a call, and why; nothing changes", simulated{}), s.simulate)
}

func (s *server) limitsInForce(ctx context.Context, c *Caller, in *limitsQuery) (any, error) {
	who := subject{key: in.Key.Or(""), org: in.Organization.Or(""), team: in.TeamID.Or(in.Team.Or("")), project: in.ProjectID.Or(in.Project.Or("")), user: in.UserID.Or(in.User.Or(""))}
	q, err := s.questionAbout(ctx, c, who)
	if err != nil {
		return nil, err
	}
	q.Customer, q.Tags = in.Customer.Or(""), in.Tags.Or(nil)
	e, err := s.explain(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.limitRows(ctx, c, e.Limits, false)
	if err != nil {
		return nil, err
	}
	return Object{{"at", when(e.At)}, {"limits", rows}}, nil
}

func (s *server) explain(ctx context.Context, q policy.Question) (policy.Explanation, error) {
	if s.Explainer == nil {
		return policy.Explanation{}, &Error{Status: http.StatusServiceUnavailable, Type: "not_configured", Message: "Nobody here can read the counters: set EXTPROC_URL to the HTTP address of extproc"}
	}
	e, err := s.Explainer.Explain(ctx, q)
	if err != nil {
		return e, &Error{Status: http.StatusServiceUnavailable, Type: "counters_unavailable", Message: "The counters cannot be read now. Try again later", cause: err}
	}
	if !e.Found {
		return e, notFound("key", "The data plane does not know this key yet")
	}
	return e, nil
}

// questionAbout finds whom a question is about, and refuses those that are none of
// the caller's business.
func (s *server) questionAbout(ctx context.Context, c *Caller, who subject) (q policy.Question, err error) {
	for field, id := range map[string]string{"team_id": who.team, "project_id": who.project, "user_id": who.user, "organization_id": who.org} {
		if err := validID(field, id); err != nil {
			return q, err
		}
	}
	if who == (subject{}) {
		switch {
		case c.Key != nil:
			q.Key = c.Key.Hash.String()
		case !c.Master:
			q.UserID = c.UserID
		}
		return q, nil
	}
	if who.key != "" {
		if who != (subject{key: who.key}) {
			return q, badRequest("key", "A key has its own team, project and user: send key alone")
		}
		k, err := loadKey(ctx, s.Store, "key", who.key)
		if err != nil {
			return q, s.unknownKey(c, err)
		}
		on, err := keyTarget(ctx, s.Store, k)
		if err != nil {
			return q, err
		}
		q.Key = k.Hash.String()
		return q, s.authorize(ctx, c, keyRead, on)
	}
	if who.project != "" {
		p, _, err := s.projectFor(ctx, s.Store, c, who.project, projectRead)
		if err != nil {
			return q, err
		}
		if who.team != "" && who.team != p.TeamID {
			return q, badRequest("team_id", "Project %s is of another team", p.ID)
		}
		q.ProjectID, q.TeamID = p.ID, p.TeamID
	} else if who.team != "" {
		if _, err := s.teamFor(ctx, s.Store, c, who.team, teamRead); err != nil {
			return q, err
		}
		q.TeamID = who.team
	}
	if who.org != "" {
		if _, err := s.organizationFor(ctx, s.Store, c, who.org, organizationRead); err != nil {
			return q, err
		}
		q.OrganizationID = who.org
	}
	if who.user != "" {
		u, err := s.userFor(ctx, s.Store, c, who.user, "", userRead)
		if err != nil {
			return q, err
		}
		q.UserID = u.ID
	}
	return q, nil
}

// limitRows renders limits, those figures hidden that are not the caller's to see.
func (s *server) limitRows(ctx context.Context, c *Caller, limits []policy.LimitState, asked bool) ([]Object, error) {
	sees := s.eyes(c)
	out := make([]Object, 0, len(limits))
	for _, l := range limits {
		visible, err := sees(ctx, l.Scope)
		if err != nil {
			return nil, err
		}
		row, amount := limitHead(l.Scope, l.Kind, l.Model, l.Window, l.Shadow, visible)
		row.Set("start", when(l.Start))
		row.Set("reset_at", when(l.ResetAt))
		if visible {
			row.Set("limit", amount(l.Limit))
			row.Set("used", amount(l.Used))
			row.Set("reserved", amount(l.Held))
			row.Set("remaining", amount(max(l.Limit-l.Used-l.Held, 0)))
		}
		if l.RetryIn > 0 {
			row.Set("retry_after", int64((l.RetryIn+time.Second-1)/time.Second))
		}
		if asked {
			row.Set("refuses", l.Refuses)
			if visible {
				row.Set("asked", amount(l.Asked))
			}
		}
		out = append(out, render[limitRow](nil, row))
	}
	return out, nil
}

// limitHead begins a limit's row, and says how its amounts are written.
func limitHead(scope policy.Scope, kind policy.Kind, model, window string, shadow, visible bool) (Object, func(int64) any) {
	unit, amount := kind.Info().Unit, func(n int64) any { return n }
	if kind == policy.KindSpend {
		unit, amount = "USD", func(n int64) any { return dollars(policy.Money(n)) }
	}
	id, team := scope.ID, ""
	if scope.Kind == policy.ScopeMember {
		team, id, _ = strings.Cut(id, "\x1f")
	}
	return Object{{"scope", scope.Kind.String()}, {"scope_id", orNull(id)}, {"team_id", orNull(team)}, {"kind", kind.String()}, {"model", orNull(model)},
		{"window", window}, {"unit", unit}, {"shadow", shadow}, {"hidden", !visible}}, amount
}

// markRows renders limits as a decision met them, those figures hidden that are not the
// caller's to see.
func markRows(ctx context.Context, sees func(context.Context, policy.Scope) (bool, error), marks []policy.Mark) ([]Object, error) {
	out := make([]Object, 0, len(marks))
	for _, m := range marks {
		visible, err := sees(ctx, m.Scope)
		if err != nil {
			return nil, err
		}
		row, amount := limitHead(m.Scope, m.Kind, m.Model, m.Window, m.Shadow, visible)
		row.Set("refuses", m.Refused)
		if visible {
			row.Set("limit", amount(m.Limit))
			row.Set("used", amount(m.Used))
			row.Set("asked", amount(m.Took))
			row.Set("remaining", amount(m.Left()))
		}
		out = append(out, render[limitRow](nil, row))
	}
	return out, nil
}

// eyes says which scopes' figures a caller may see: those of what they may read.
func (s *server) eyes(c *Caller) func(context.Context, policy.Scope) (bool, error) {
	known := map[policy.Scope]bool{}
	return func(ctx context.Context, scope policy.Scope) (bool, error) {
		if s.readsAllSpend(c) {
			return true, nil
		}
		if v, ok := known[scope]; ok {
			return v, nil
		}
		v, err := s.seesScope(ctx, c, scope)
		if err != nil && asError(err).Status < http.StatusInternalServerError {
			v, err = false, nil
		}
		known[scope] = v
		return v, err
	}
}

func (s *server) seesScope(ctx context.Context, c *Caller, scope policy.Scope) (bool, error) {
	switch scope.Kind {
	case policy.ScopeKey:
		k, err := loadKey(ctx, s.Store, "key", scope.ID)
		if err != nil {
			return false, err
		}
		on, err := keyTarget(ctx, s.Store, k)
		if err == nil {
			err = s.authorize(ctx, c, keyRead, on)
		}
		return err == nil, err
	case policy.ScopeUser:
		_, err := s.userFor(ctx, s.Store, c, scope.ID, "", userRead)
		if err != nil && c.Key != nil && c.Key.UserID == scope.ID { // a key meets its user's limits, and is told of them
			return true, nil
		}
		return err == nil, err
	case policy.ScopeTeam:
		_, err := s.teamFor(ctx, s.Store, c, scope.ID, teamRead)
		return err == nil, err
	case policy.ScopeMember:
		team, user, _ := strings.Cut(scope.ID, "\x1f")
		if user == c.UserID && c.UserID != "" && s.actsIn(c, team) {
			return true, nil
		}
		_, err := s.teamFor(ctx, s.Store, c, team, teamSetMembers)
		return err == nil, err
	case policy.ScopeProject:
		_, _, err := s.projectFor(ctx, s.Store, c, scope.ID, projectRead)
		return err == nil, err
	case policy.ScopeOrganization:
		err := s.authorize(ctx, c, organizationRead, target{OrganizationID: scope.ID})
		return err == nil, err
	}
	return false, nil // the proxy's, customers', tags', deployments': their owner is the platform
}
