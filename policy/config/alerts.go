package config

import (
	"net/url"

	"github.com/purser/purser/policy"
)

// Alerts is the section alerts, Purser's own: who is told of budgets, and when.
type Alerts struct {
	Percent []int // of a budget, where its level has none of its own
	// At are those of levels that have their own; an empty list: none are told.
	At       map[policy.ScopeKind][]int
	Project  bool // tell of budgets that their pace would use up too early
	Webhooks []Webhook
}

// Webhook is who is told.
type Webhook struct {
	Name   string
	URL    policy.Secret
	Secret policy.Secret
	Slack  bool // Slack's format
}

func readAlerts(r *reader, c *Config, v value) {
	c.Alerts.Percent, c.Alerts.Project = []int{80, 100}, true
	fields, _ := r.object(v)
	names := map[string]bool{}
	for _, f := range fields {
		switch f.name {
		case "thresholds":
			r.thresholds(&c.Alerts, f.value)
		case "projected":
			c.Alerts.Project, _ = r.flag(f.value)
		case "webhooks":
			for _, item := range r.list(f.value) {
				w := r.webhook(item)
				if names[w.Name] {
					r.fail(item, "another webhook has this name")
				}
				names[w.Name] = true
				c.Alerts.Webhooks = append(c.Alerts.Webhooks, w)
			}
		default:
			r.fail(f.value, "unknown; alerts has thresholds, projected and webhooks")
		}
	}
}

// Of are the percentages told of budgets of a level.
func (a Alerts) Of(level policy.ScopeKind) []int {
	if own, ok := a.At[level]; ok {
		return own
	}
	return a.Percent
}

// thresholds are a list, or one for each level that has its own and a default for the others.
func (r *reader) thresholds(a *Alerts, v value) {
	if v.kind != object {
		a.Percent = r.percentages(v)
		return
	}
	fields, _ := r.object(v)
	a.At = map[policy.ScopeKind][]int{}
	for _, f := range fields {
		level, ok := policy.ParseScopeKind(f.name)
		switch {
		case f.name == "default":
			a.Percent = r.percentages(f.value)
		case !ok || level == policy.ScopeDeployment:
			r.fail(f.value, "no level has budgets by this name; there are default, proxy, organization, team, team_member, project, user, key, customer and tag")
		default:
			a.At[level] = r.percentages(f.value)
		}
	}
}

func (r *reader) percentages(v value) (out []int) {
	for _, item := range r.list(v) {
		n, ok := r.whole(item, 1)
		if ok && n > 100 {
			r.fail(item, "must be a percentage of the budget: 1 to 100")
		}
		out = append(out, int(n))
	}
	return out
}

func (r *reader) webhook(v value) (w Webhook) {
	fields, _ := r.object(v)
	for _, f := range fields {
		switch f.name {
		case "name":
			w.Name, _ = r.text(f.value)
		case "url":
			w.URL, _ = r.secret(f.value)
			u, err := url.Parse(w.URL.Reveal())
			if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				r.fail(f.value, "must be an address: https://…")
			}
		case "secret":
			w.Secret, _ = r.secret(f.value)
		case "format":
			format, _ := r.text(f.value)
			if w.Slack = format == "slack"; !w.Slack && format != "purser" {
				r.fail(f.value, "must be purser or slack")
			}
		default:
			r.fail(f.value, "unknown; a webhook has name, url, secret and format")
		}
	}
	if w.Name == "" || w.URL == policy.Secret("") {
		r.fail(v, "needs name and url")
	}
	return w
}
