package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Request is what a decision needs to know of one call.
type Request struct {
	Model       string   // as asked for
	Customer    string   // end user id, "" for none
	Tags        []string // of the call; the key's, team's and project's are added
	Input       int64    // tokens of the prompt that came with the call, never below the true count
	Unseen      int64    // tokens of the prompt that lie at the provider, never below the true count; UnseenAny: nobody knows
	MaxOutput   int64    // the caller's own cap per choice; 0: none
	Choices     int64    // answers asked for; 0 is 1
	Floor       int64    // the shortest cap the provider accepts with this request; 0: any
	NoOutput    bool     // the endpoint produces no tokens: embeddings, rerank
	ServiceTier string   // asked for
	Flat        Money    // costs whatever the tokens: pictures, seconds, characters
	Usual       int64    // the usual answer of this key and model; 0: nothing learned yet
	Unmetered   bool     // counted as a request only: realtime, files, batches
	NeedsModel  bool     // false for calls that name none: files
	Explain     bool     // wants Decision.Trace
}

// UnseenAny is a part of the prompt that may be as long as the model takes.
const UnseenAny = -1

// unknownWindow bounds the prompt of a model whose longest nobody told us.
const unknownWindow = 1 << 20

// Step is one check of a decision, for explanations.
type Step struct {
	Scope  Scope
	Check  string // "model", "blocked", or the kind of limit
	Model  string
	Limit  int64
	Window string
	Passed bool
	Note   string
}

// Decision is what the rules say before the ledger is asked.
type Decision struct {
	Refusal *Refusal // nil: go on
	Model   *Model   // that serves the call; nil where it names none
	Asked   string   // the public name, aliases resolved
	Names   []string // every name the call's model has gone by
	Tags    []string
	Input   int64  // tokens of the whole prompt, never below the true count
	Price   Price  // the dearest the call can be charged at
	Ask     Ask    // for Ledger.Reserve; ID, TTL and At are the caller's to set
	Trace   []Step // where Request.Explain asks for it
	// Shadowed are the refusals that shadow mode kept from happening.
	Shadowed []*Refusal
}

// usualAnswer is the answer's length that a caller of whom nothing is known may
// expect even near a limit, and leastAnswer the shortest worth giving.
const (
	usualAnswer = 256
	leastAnswer = 1
)

// Decide applies every rule that needs no counter and lists the holds of those
// that do. It does no I/O and changes nothing.
func Decide(g *Grant, r Request, now time.Time) Decision {
	d := Decision{}
	d.Tags = g.tags(r.Tags)
	levels := g.levels(r.Customer, d.Tags)
	g.shade(levels)
	shadow := g.Shadow()
	if d.Refusal = g.checkCustomer(r); d.Refusal != nil && !d.spared(shadow) {
		return d
	}
	var above []string
	if r.Model != "" || r.NeedsModel {
		d.Asked, d.Names, above = g.ResolveModel(r.Model)
		if d.Refusal = g.checkModel(&d, levels, above, r.Explain); d.Refusal != nil {
			return d
		}
		levels = g.groupLevels(&d, levels)
	}
	d.Input = d.prompt(r)
	price, refusal := g.price(&d, r)
	if refusal != nil && !r.Unmetered {
		if d.Refusal = refusal; !d.spared(shadow) {
			return d
		}
	}
	d.Price = price
	g.hold(&d, r, levels, price, now)
	return d
}

// spared turns the refusal into one that shadow mode keeps from happening.
func (d *Decision) spared(shadow bool) bool {
	if !shadow || d.Refusal == nil {
		return false
	}
	d.Shadowed = append(d.Shadowed, d.Refusal)
	d.Refusal = nil
	return true
}

// prompt is how long the prompt is at most. Of what lies at the provider, a conversation
// or a cache, it is the model's window: no prompt is longer than that.
func (d *Decision) prompt(r Request) int64 {
	switch {
	case r.Unseen > 0:
		return r.Input + r.Unseen
	case r.Unseen == 0 || d.Model == nil:
		return r.Input
	}
	window := int64(0)
	for _, by := range d.Model.Deployments {
		window = max(window, cmp.Or(by.MaxInput, unknownWindow))
	}
	return max(window, r.Input)
}

// checkCustomer refuses blocked customers and calls that must name one and do not.
func (g *Grant) checkCustomer(r Request) *Refusal {
	if r.Customer == "" {
		if g.Settings.RequireUser {
			return &Refusal{Code: CodeMissingUser, Param: "user", Message: "Authentication Error, BadRequest please pass param=user: 'user' param not passed in."}
		}
		return nil
	}
	if c, ok := g.directory.customers.get(r.Customer); ok && c.Blocked {
		return &Refusal{Code: CodeCustomerBlocked, Scope: Scope{ScopeCustomer, c.ID}, Message: "Authentication Error, Customer=" + c.ID + " is blocked"}
	}
	return nil
}

// checkModel finds the model and asks every level whether it may be used.
func (g *Grant) checkModel(d *Decision, levels []level, above []string, explain bool) *Refusal {
	catalog := g.directory.Catalog()
	for i := range levels {
		l := &levels[i]
		list := g.modelsOf(l)
		if len(list) == 0 || l.scope.Kind == ScopeTag {
			continue
		}
		names := above
		if l.scope.Kind == ScopeKey {
			names = d.Names
		}
		passed := false
		for _, n := range names {
			passed = passed || g.allows(l, list, n, catalog)
		}
		if explain {
			d.Trace = append(d.Trace, Step{Scope: l.scope, Check: "model", Model: d.Asked, Passed: passed})
		}
		if !passed {
			asked := d.Names[0]
			// LiteLLM's clients match how it begins.
			d.Refusal = &Refusal{Code: CodeModelDenied, Scope: l.scope, Param: "model", Model: asked, Message: fmt.Sprintf(
				"The requested model '%s' is not available for this API key: the models of its %s do not include it", asked, strings.ReplaceAll(l.scope.Kind.String(), "_", " "))}
			if !d.spared(l.shadow) {
				return d.Refusal
			}
		}
	}
	m, ok := catalog.Find(d.Asked)
	if !ok {
		return &Refusal{Code: CodeUnknownModel, Param: "model", Model: d.Asked,
			Message: fmt.Sprintf("Invalid model name passed in model=%s. Call /v1/models to see the models of your key", clip(d.Names[0], 200))}
	}
	d.Model = m
	return nil
}

// allows asks a list, the managed access groups it names included.
func (g *Grant) allows(l *level, list []string, name string, c *Catalog) bool {
	personal := l.scope.Kind == ScopeUser
	for _, entry := range list {
		if entry == NoDefaultModels && personal {
			return g.Team != nil // a user with no models of its own may still work in a team
		}
		if group, ok := g.directory.groupByName(entry); ok && c.Allows(group.Models, name) && len(group.Models) > 0 {
			return true
		}
	}
	return c.Allows(list, name)
}

// price is what the call can be charged at most, per unit.
func (g *Grant) price(d *Decision, r Request) (Price, *Refusal) {
	if d.Model == nil {
		return TokenPrice(0, 0), nil
	}
	worst := DearestFor(d.Input, r.ServiceTier, d.Model.Prices(d.Asked)...)
	switch p := g.Settings.DefaultPrice; {
	case worst.Known:
	case p != nil:
		return Dearest(worst, *p), nil
	case g.Settings.Unpriced == UnpricedDeny:
		return Price{}, &Refusal{Code: CodeUnpricedModel, Param: "model", Model: d.Asked,
			Message: "Model '" + d.Asked + "' has no price configured, and unpriced models are not served here"}
	}
	return worst, nil
}

// hold lists the holds of every limit that binds the call.
func (g *Grant) hold(d *Decision, r Request, levels []level, price Price, now time.Time) {
	e := Estimate{Input: d.Input, Choices: max(r.Choices, 1), Price: price, Flat: r.Flat}
	lists, n := make([][]Limit, len(levels)), 0
	for i := range levels {
		lists[i] = levels[i].limits(g.directory)
		n += len(lists[i])
	}
	d.Ask.Holds = make([]Hold, 0, n)
	for i := range levels {
		l := &levels[i]
		own := len(d.Ask.Holds) // the level's holds start here
		for j := range lists[i] {
			limit := &lists[i][j]
			if !limit.For(d.Names) {
				continue
			}
			if r.Unmetered && limit.Kind != KindRequests && limit.Kind != KindParallel && limit.AmountAt(now) > 0 {
				continue // what cannot be metered takes nothing, but a limit of 0 still refuses
			}
			h := Hold{Scope: l.scope, Kind: limit.Kind, Model: limit.Model, Window: limit.Window, Limit: limit.AmountAt(now), Soft: l.soft(limit)}
			h.Start, h.End = limit.Window.Bounds(now, g.Settings.Calendar)
			h.Fixed, h.PerToken = Kinds[limit.Kind].estimate(e)
			if r.NoOutput {
				h.PerToken = 0
			}
			d.Ask.Holds = tighten(d.Ask.Holds, own, h)
			if r.Explain {
				d.Trace = append(d.Trace, Step{Scope: l.scope, Check: limit.Kind.String(), Model: limit.Model, Limit: h.Limit, Window: limit.Window.Name(), Passed: true})
			}
		}
	}
	if r.NoOutput {
		return
	}
	ask := &d.Ask
	ask.Want = g.Settings.DefaultOutput
	if d.Model != nil && d.Model.MaxOutput > 0 {
		ask.Want = d.Model.MaxOutput
	}
	if r.MaxOutput > 0 {
		ask.Want = min(ask.Want, r.MaxOutput)
		if d.Model == nil || d.Model.MaxOutput == 0 {
			ask.Want = r.MaxOutput
		}
	}
	ask.Usual, ask.Least = usualAnswer, leastAnswer
	if r.Usual > 0 {
		ask.Usual, ask.Least = r.Usual, r.Usual
	}
	ask.Usual, ask.Least = min(ask.Usual, ask.Want), min(ask.Least, ask.Want)
	if g.Settings.RefuseAtEdge {
		ask.Usual, ask.Least = ask.Want, ask.Want
		return
	}
	for _, h := range ask.Holds {
		// A limit too small for the usual answer even when nothing is taken accepts a
		// shorter one, or it would admit nothing ever.
		if h.PerToken > 0 && h.Limit > 0 && !h.Soft {
			ask.Least = min(ask.Least, max((h.Limit-h.Fixed)/h.PerToken, leastAnswer))
		}
	}
	// A cap below the provider's own floor would be an error there: rather refuse.
	ask.Least = max(ask.Least, min(r.Floor, ask.Want))
	ask.Usual = max(ask.Usual, ask.Least)
}

// tighten adds a hold to those of its level, holds[from:]. Two limits that count
// in one counter (a key's budget and its shared budget, both monthly) are one
// hold for the lower: what is taken is counted once.
func tighten(holds []Hold, from int, h Hold) []Hold {
	for i := from; i < len(holds); i++ {
		o := &holds[i]
		if o.Kind == h.Kind && o.Model == h.Model && o.Window.Kind == h.Window.Kind && o.Window.Every == h.Window.Every && o.Start.Equal(h.Start) {
			// One that is enforced goes before one in shadow, which is then not told of.
			if o.Soft && !h.Soft || o.Soft == h.Soft && h.Limit < o.Limit {
				*o = h
			}
			return holds
		}
	}
	return append(holds, h)
}

// groupTagPrefix begins the names of tags that stand for access groups.
const groupTagPrefix = "access_group:"

// GroupTag is the tag that calls for an access group's models carry where the group
// has a budget: it counts what everybody spends on them.
func GroupTag(group string) string { return groupTagPrefix + group }

// groupLevels adds the budgets of the access groups that the call's model is in.
func (g *Grant) groupLevels(d *Decision, levels []level) []level {
	if d.Model == nil {
		return levels
	}
	for _, group := range d.Model.Groups {
		if t, ok := g.directory.tags.get(GroupTag(group)); ok {
			d.Tags = append(d.Tags, t.Name)
			levels = append(levels, level{scope: Scope{ScopeTag, t.Name}, rules: &t.Rules})
		}
	}
	return levels
}

// tags of the call and of everything above it, each once. Those of access groups come
// from the model alone.
func (g *Grant) tags(of []string) []string {
	out := slices.DeleteFunc(dedupe(nil, of), func(t string) bool { return strings.HasPrefix(t, groupTagPrefix) })
	if g.Key != nil {
		out = dedupe(out, g.Key.Tags)
	}
	if g.Team != nil {
		out = dedupe(out, g.Team.Tags)
	}
	if g.Project != nil {
		out = dedupe(out, g.Project.Tags)
	}
	return out
}

func dedupe(out, more []string) []string {
next:
	for _, t := range more {
		if t == "" {
			continue
		}
		for _, have := range out {
			if have == t {
				continue next
			}
		}
		out = append(out, t)
	}
	return out
}
