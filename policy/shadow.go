package policy

import (
	"slices"
	"strings"
	"time"
)

// Enforcement says whether what is decided is done. In shadow everything is decided,
// counted and recorded as ever, and nothing is refused.
//
// It is set for the whole proxy (Directory.SetEnforcement, else Settings), for an
// entity (Limits.Enforcement: a team's covers its members, projects and keys, a
// project's its keys), or for single limits of an entity (Limits.ShadowLimits). What
// is set for the whole proxy and is shadow covers everything; entities below a team
// in shadow need not say so.
type Enforcement string

// The ways.
const (
	Enforced Enforcement = "enforce"
	Shadow   Enforcement = "shadow"
)

// ParseEnforcement reads one; "" stands for nothing said.
func ParseEnforcement(text string) (Enforcement, error) {
	switch e := Enforcement(text); e {
	case "", Enforced, Shadow:
		return e, nil
	}
	return "", invalid("enforcement", "enforcement is enforce or shadow")
}

// SetEnforcement sets it for the whole proxy, before what the settings say; "" takes
// that back.
func (d *Directory) SetEnforcement(e Enforcement) { d.enforcement.Store(&e) }

// Enforcement in force for the whole proxy.
func (d *Directory) Enforcement() Enforcement {
	if e := d.enforcement.Load(); e != nil && *e != "" {
		return *e
	}
	if d.Settings().Enforcement == Shadow {
		return Shadow
	}
	return Enforced
}

// Shadow reports whether nothing at all is refused to this caller.
func (g *Grant) Shadow() bool { return g.directory != nil && g.directory.Enforcement() == Shadow }

// shade says which levels are in shadow.
func (g *Grant) shade(levels []level) {
	if g.Shadow() {
		for i := range levels {
			levels[i].shadow = true
		}
		return
	}
	team := g.Team != nil && g.Team.Limits.Enforcement == Shadow
	project := g.Project != nil && g.Project.Limits.Enforcement == Shadow
	for i := range levels {
		l := &levels[i]
		l.shadow = l.rules != nil && l.rules.Limits.Enforcement == Shadow
		switch l.scope.Kind {
		case ScopeTeam, ScopeMember:
			l.shadow = l.shadow || team
		case ScopeProject, ScopeKey:
			l.shadow = l.shadow || team || project
		}
	}
}

// soft reports whether a limit of the level only counts.
func (l *level) soft(limit *Limit) bool {
	return l.shadow || limit.Shadow
}

// WouldRefuse lists what a reservation that was granted would have been refused for
// if no limit were in shadow.
func (g *Grant) WouldRefuse(ask Ask, out Outcome) (all []*Refusal) {
	if !out.Granted {
		return nil
	}
	for i, h := range ask.Holds {
		if !h.Soft || i >= len(out.Balances) {
			continue
		}
		b := out.Balances[i] // this reservation included
		taken := b.Used + b.Held - h.Amount(out.Output)
		least := ask
		least.Least = min(least.Least, least.Want)
		if Grantable(&h, taken, &least) >= 0 {
			continue
		}
		of := out
		of.Granted, of.Failed = false, []int{i}
		of.Balances = slices.Clone(out.Balances)
		if h.Window.Kind == WindowMinute {
			of.Balances[i].Used = taken
		} else {
			of.Balances[i].Held = max(b.Held-h.Amount(out.Output), 0)
		}
		of.Balances[i].RetryIn = retryAtLeast(h, out.At)
		all = append(all, g.Explain(ask, of))
	}
	return all
}

// retryAtLeast is when a window ends; a rolling minute's end nobody was asked for.
func retryAtLeast(h Hold, now time.Time) time.Duration {
	if h.Window.Kind == WindowCalendar {
		return h.End.Sub(now)
	}
	return 0
}

// limitFieldNames are the fields whose limits may be in shadow one by one.
var limitFieldNames = []string{
	"max_budget", "budget_limits", "rpm_limit", "tpm_limit", "tpd_limit", "itpm_limit", "otpm_limit", "max_parallel_requests",
	"model_max_budget", "model_rpm_limit", "model_tpm_limit", "model_itpm_limit", "model_otpm_limit",
}

func (l *Limits) validateShadow() error {
	if _, err := ParseEnforcement(string(l.Enforcement)); err != nil {
		return err
	}
	for _, name := range l.ShadowLimits {
		if !slices.Contains(limitFieldNames, name) {
			return invalid("shadow_limits", "shadow_limits names limits of this entity: %s", strings.Join(limitFieldNames, ", "))
		}
	}
	return nil
}
