package config

import (
	"net/url"

	"github.com/purser/purser/policy"
)

// Alerts is the section alerts, Purser's own: who is told of budgets, and when.
type Alerts struct {
	Percent  []int // of a budget
	Project  bool  // tell of budgets that their pace would use up too early
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
			c.Alerts.Percent = nil
			for _, item := range r.list(f.value) {
				n, ok := r.whole(item, 1)
				if ok && n > 100 {
					r.fail(item, "must be a percentage of the budget: 1 to 100")
				}
				c.Alerts.Percent = append(c.Alerts.Percent, int(n))
			}
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
