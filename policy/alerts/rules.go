package alerts

import (
	"fmt"
	"math/big"
	"time"

	"github.com/purser/purser/policy"
)

// Rules say what is told.
type Rules struct {
	Percent []int // of a budget that are told when reached: 80, 100
	// Project tells of a budget that its pace would use up before its window ends.
	Project bool
}

// Budget is one limit on spend, and what was spent of it.
type Budget struct {
	Scope policy.Scope
	Alias string
	Model string // "": all
	Limit *policy.Money
	Soft  *policy.Money
	// Window that the limit counts in, from Start to End; zero for one that never ends.
	Window     string
	Start, End time.Time
	Spent      policy.Money
}

// Alert is one thing to tell.
type Alert struct {
	ID         string       `json:"id"`
	Event      string       `json:"event"` // soft_budget, threshold, projected
	Percent    int          `json:"percent,omitempty"`
	Scope      string       `json:"scope"`
	ScopeID    string       `json:"scope_id"`
	Alias      string       `json:"alias,omitempty"`
	Model      string       `json:"model,omitempty"`
	Spent      policy.Money `json:"spent"`
	Budget     policy.Money `json:"budget"`
	Window     string       `json:"window"`
	ResetAt    time.Time    `json:"reset_at,omitzero"`
	ExhaustsAt time.Time    `json:"exhausts_at,omitzero"` // of projected
	At         time.Time    `json:"at"`
	Message    string       `json:"message"`
}

// Key names the alert within all time: two of one key are one.
func (a Alert) Key(start time.Time) string {
	return fmt.Sprintf("%s|%d|%s|%s|%s|%s|%d", a.Event, a.Percent, a.Scope, a.ScopeID, a.Model, a.Window, unix(start))
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// projectAfter is the part of a window that must have passed before its pace says
// anything: a tenth.
const projectAfter = 10

// Due lists what is to be told of a budget.
func (r Rules) Due(b Budget, now time.Time) (due []Alert) {
	base := Alert{Scope: b.Scope.Kind.String(), ScopeID: b.Scope.ID, Alias: b.Alias, Model: b.Model, Spent: b.Spent, Window: b.Window, ResetAt: b.End, At: now}
	if b.Soft != nil && b.Spent >= *b.Soft {
		a := base
		a.Event, a.Budget = "soft_budget", *b.Soft
		due = append(due, a.worded("has reached its soft budget"))
	}
	if b.Limit == nil || *b.Limit <= 0 {
		return due
	}
	base.Budget = *b.Limit
	for _, p := range r.Percent {
		if reached(b.Spent, *b.Limit, p) {
			a := base
			a.Event, a.Percent = "threshold", p
			due = append(due, a.worded(fmt.Sprintf("has used %d%% of its budget", p)))
		}
	}
	if at, ok := exhausts(b, now); ok && r.Project && b.Spent < *b.Limit {
		a := base
		a.Event, a.ExhaustsAt = "projected", at
		due = append(due, a.worded("will at this pace have used its budget by "+at.UTC().Format(time.RFC3339)))
	}
	return due
}

func (a Alert) worded(what string) Alert {
	who := a.Scope
	if name := a.Alias; name != "" {
		who += " " + name
	} else if a.ScopeID != "" {
		who += " " + a.ScopeID
	}
	if a.Model != "" {
		who += ", model " + a.Model + ","
	}
	a.Message = fmt.Sprintf("%s %s: %s of %s dollars spent", who, what, a.Spent, a.Budget)
	if !a.ResetAt.IsZero() {
		a.Message += ", until " + a.ResetAt.UTC().Format(time.RFC3339)
	}
	return a
}

// reached compares without rounding, and beyond 64 bits.
func reached(spent, limit policy.Money, percent int) bool {
	left := new(big.Int).Mul(big.NewInt(int64(spent)), big.NewInt(100))
	return left.Cmp(new(big.Int).Mul(big.NewInt(int64(limit)), big.NewInt(int64(percent)))) >= 0
}

// exhausts is when the pace of the window so far uses the budget up, where that is
// before the window ends.
func exhausts(b Budget, now time.Time) (time.Time, bool) {
	if b.Start.IsZero() || b.End.IsZero() || b.Spent <= 0 || !now.After(b.Start) {
		return time.Time{}, false
	}
	passed, whole := now.Sub(b.Start), b.End.Sub(b.Start)
	if passed < whole/projectAfter {
		return time.Time{}, false
	}
	n := new(big.Int).Mul(big.NewInt(int64(*b.Limit)), big.NewInt(int64(passed)))
	n.Div(n, big.NewInt(int64(b.Spent)))
	if !n.IsInt64() || time.Duration(n.Int64()) >= whole {
		return time.Time{}, false
	}
	return b.Start.Add(time.Duration(n.Int64())).Truncate(time.Second), true
}
