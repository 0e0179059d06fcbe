package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/alerts"
	fileconfig "github.com/purser/purser/policy/config"
)

const (
	// alertsEvery is how often budgets are looked at; only those of scopes that spent.
	alertsEvery = 15 * time.Second
	// alertDeadline bounds one webhook's answer.
	alertDeadline = 10 * time.Second
)

// alertStore is what alerting needs of the tables.
type alertStore interface {
	policy.Reader
	policy.History
	SpentSince(ctx context.Context, from time.Time) ([]policy.Scope, error)
	AddAlert(ctx context.Context, key, webhook, id string, payload []byte) (bool, error)
	SendAlert(ctx context.Context, webhooks []string, again func(int) time.Duration, send func(ctx context.Context, webhook, id string, payload []byte) error) (bool, error)
}

// alerting looks for what is due and sends it.
type alerting struct {
	store    alertStore
	cfg      fileconfig.Alerts
	settings func() *policy.Settings
	client   *http.Client
	newID    func() string
	clock    func() time.Time
	log      *slog.Logger
	backoff  func(failures int) time.Duration // nil: alerts.Backoff
	looked   time.Time                        // until when spend was looked at
}

// run alerts until ctx ends.
func (a *alerting) run(ctx context.Context) {
	if len(a.cfg.Webhooks) == 0 {
		return
	}
	tick := time.NewTicker(alertsEvery)
	defer tick.Stop()
	for {
		if err := a.once(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("budgets could not be looked at for alerts; again soon", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// once keeps what is due and sends what was kept.
func (a *alerting) once(ctx context.Context) error {
	now := a.clock()
	from := a.looked.Add(-time.Minute)
	if a.looked.IsZero() {
		from = now.Add(-24 * time.Hour) // what was spent while nobody looked
	}
	scopes, err := a.store.SpentSince(ctx, from)
	if err != nil {
		return err
	}
	budgets, err := a.budgets(ctx, append(scopes, policy.Scope{Kind: policy.ScopeProxy}), now)
	if err != nil {
		return err
	}
	for _, b := range budgets {
		for _, alert := range (alerts.Rules{Percent: a.cfg.Of(b.Scope.Kind), Project: a.cfg.Project}).Due(b, now) {
			if err := a.keep(ctx, alert, b.Start); err != nil {
				return err
			}
		}
	}
	a.looked = now
	return a.send(ctx)
}

// keep stores an alert for each webhook, once.
func (a *alerting) keep(ctx context.Context, alert alerts.Alert, start time.Time) error {
	for _, w := range a.cfg.Webhooks {
		alert.ID = a.newID()
		payload, err := json.Marshal(alert)
		if err != nil {
			return err
		}
		added, err := a.store.AddAlert(ctx, alert.Key(start), w.Name, alert.ID, payload)
		if err != nil {
			return err
		}
		if added {
			a.log.Info("alert", "webhook", w.Name, "event", alert.Event, "scope", alert.Scope, "scope_id", alert.ScopeID, "message", alert.Message)
		}
	}
	return nil
}

// send sends what is due until nothing is.
func (a *alerting) send(ctx context.Context) error {
	byName := map[string]alerts.Webhook{}
	var names []string
	for _, w := range a.cfg.Webhooks {
		byName[w.Name] = alerts.Webhook(w)
		names = append(names, w.Name)
	}
	again := a.backoff
	if again == nil {
		again = alerts.Backoff
	}
	for ctx.Err() == nil {
		found, err := a.store.SendAlert(ctx, names, again, func(ctx context.Context, name, id string, payload []byte) error {
			bounded, cancel := context.WithTimeout(ctx, alertDeadline)
			defer cancel()
			err := byName[name].Send(bounded, a.client, id, payload, a.clock())
			if err != nil {
				a.log.Warn("an alert could not be delivered; it is sent again", "webhook", name, "id", id, "err", err)
			}
			return err
		})
		if err != nil || !found {
			return err
		}
	}
	return ctx.Err()
}

// entityOf finds where a scope's limits are.
var entityOf = map[policy.ScopeKind]policy.EntityKind{
	policy.ScopeOrganization: policy.EntityOrganization, policy.ScopeTeam: policy.EntityTeam, policy.ScopeProject: policy.EntityProject,
	policy.ScopeUser: policy.EntityUser, policy.ScopeKey: policy.EntityKey, policy.ScopeCustomer: policy.EntityCustomer,
}

// budgets lists the budgets of scopes, and what was spent of them.
func (a *alerting) budgets(ctx context.Context, scopes []policy.Scope, now time.Time) ([]alerts.Budget, error) {
	var out []alerts.Budget
	var queries []policy.SpendQuery
	settings := a.settings()
	add := func(scope policy.Scope, alias string, l *policy.Limits, anchor time.Time) {
		ask := func(b alerts.Budget, w policy.Window) {
			b.Scope, b.Alias, b.Window = scope, alias, w.Name()
			b.Start, b.End = w.Bounds(now, settings.Calendar)
			out = append(out, b)
			queries = append(queries, policy.SpendQuery{Scope: scope, Model: b.Model, From: b.Start})
		}
		if l.SoftBudget != nil {
			ask(alerts.Budget{Soft: l.SoftBudget}, l.BudgetWindow(anchor))
		}
		for _, limit := range l.Compile(anchor) {
			if limit.Kind == policy.KindSpend {
				amount := policy.Money(limit.AmountAt(now))
				ask(alerts.Budget{Model: limit.Model, Limit: &amount}, limit.Window)
			}
		}
	}
	for _, scope := range scopes {
		if scope.Kind == policy.ScopeProxy {
			add(scope, "", &settings.Limits, time.Time{})
			continue
		}
		kind, ok := entityOf[scope.Kind]
		if !ok {
			continue
		}
		e, err := a.store.Get(ctx, policy.Ref{Kind: kind, ID: scope.ID})
		if errors.Is(err, policy.ErrNotFound) {
			continue // deleted, or never made: it has no budget
		}
		if err != nil {
			return nil, err
		}
		alias, rules := named(e)
		created := policy.RecordOf(e).CreatedAt
		add(scope, alias, &rules.Limits, created)
		if rules.BudgetID == "" {
			continue
		}
		if b, err := policy.Get[*policy.Budget](ctx, a.store, policy.Ref{Kind: policy.EntityBudget, ID: rules.BudgetID}); err == nil {
			add(scope, alias, &b.Limits, b.CreatedAt)
		}
	}
	spent, err := a.store.Spent(ctx, queries)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Spent = spent[i]
	}
	return out, nil
}

func named(e policy.Entity) (alias string, rules *policy.Rules) {
	switch e := e.(type) {
	case *policy.Organization:
		return e.Alias, &e.Rules
	case *policy.Team:
		return e.Alias, &e.Rules
	case *policy.Project:
		return e.Alias, &e.Rules
	case *policy.User:
		return e.Alias, &e.Rules
	case *policy.Key:
		return e.Alias, &e.Rules
	case *policy.Customer:
		return e.Alias, &e.Rules
	}
	return "", &policy.Rules{}
}
