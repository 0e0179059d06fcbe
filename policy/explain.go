package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Question asks what binds a caller, and what would become of one of its calls. The
// caller is a key, or one that a team, project or user would have; neither is the
// master key.
type Question struct {
	Key            string   `json:"key,omitempty"` // hex of its hash
	OrganizationID string   `json:"organization_id,omitempty"`
	TeamID         string   `json:"team_id,omitempty"`
	ProjectID      string   `json:"project_id,omitempty"`
	UserID         string   `json:"user_id,omitempty"`
	Customer       string   `json:"customer,omitempty"`
	Tags           []string `json:"tags,omitempty"`
	Call           *Asked   `json:"call,omitempty"` // nil: the limits alone
}

// Asked is a call that nobody makes.
type Asked struct {
	Path      string `json:"path"`
	Model     string `json:"model"`
	IP        string `json:"ip"`
	Input     int64  `json:"input"`
	MaxOutput int64  `json:"max_output"` // 0: none sent
	Choices   int64  `json:"choices"`
}

// Explanation is the answer to a Question.
type Explanation struct {
	Found   bool         `json:"found"` // false: the key is not there
	At      time.Time    `json:"at"`
	Limits  []LimitState `json:"limits"` // in the order they are checked
	Verdict *Verdict     `json:"verdict,omitempty"`
}

// LimitState is one limit as it stands. Amounts are in the kind's unit.
type LimitState struct {
	Scope   Scope         `json:"scope"`
	Kind    Kind          `json:"kind"`
	Model   string        `json:"model,omitempty"`
	Window  string        `json:"window"`
	Limit   int64         `json:"limit"`
	Used    int64         `json:"used"`
	Held    int64         `json:"held"`
	Start   time.Time     `json:"start,omitzero"`
	ResetAt time.Time     `json:"reset_at,omitzero"`
	RetryIn time.Duration `json:"retry_in,omitempty"`
	Asked   int64         `json:"asked"` // what the call would take
	Refuses bool          `json:"refuses"`
	Shadow  bool          `json:"shadow,omitempty"` // counted, never refused
}

// Verdict is what would become of a call.
type Verdict struct {
	Allowed    bool     `json:"allowed"`
	Status     int      `json:"status"`
	Refusal    *Refusal `json:"refusal,omitempty"`
	Type       string   `json:"type,omitempty"` // of the refusal, as the caller would read it
	Param      string   `json:"param,omitempty"`
	Model      string   `json:"model,omitempty"`      // aliases resolved
	Deployment string   `json:"deployment,omitempty"` // one that would serve it
	Output     int64    `json:"output"`               // the longest answer it would be granted, 0 where it has none
	Lowered    bool     `json:"lowered"`
	Cost       Money    `json:"cost"` // at most
	Trace      []Step   `json:"trace"`
}

// InternalToken is what adminsvc and extproc know each other by. Both know the
// master key, and nothing else does.
func InternalToken(master KeyHash) string {
	mac := hmac.New(sha256.New, master[:])
	mac.Write([]byte("purser: between its own processes"))
	return hex.EncodeToString(mac.Sum(nil))
}

// ResolveFor finds whom a question is about; false where the key is not there.
func (d *Directory) ResolveFor(q Question) (Grant, bool) {
	if q.Key != "" {
		h, ok := ParseKeyHash(q.Key)
		if !ok {
			return Grant{}, false
		}
		return d.Resolve(h)
	}
	if q.TeamID == "" && q.ProjectID == "" && q.UserID == "" && q.OrganizationID == "" {
		return Grant{Settings: d.Settings(), Master: true, directory: d}, true
	}
	return d.grantOf(&Key{TeamID: q.TeamID, ProjectID: q.ProjectID, UserID: q.UserID, OrganizationID: q.OrganizationID}), true
}

// InForce lists every limit that binds the caller's calls, whatever their model, in
// the order they are checked.
func (g *Grant) InForce(customer string, tags []string, now time.Time) []Hold {
	var out []Hold
	levels := g.levels(customer, g.tags(tags))
	g.shade(levels)
	for i := range levels {
		own, list := len(out), levels[i].limits(g.directory)
		for j := range list {
			limit := &list[j]
			h := Hold{Scope: levels[i].scope, Kind: limit.Kind, Model: limit.Model, Window: limit.Window, Limit: limit.AmountAt(now), Soft: levels[i].soft(limit)}
			h.Start, h.End = limit.Window.Bounds(now, g.Settings.Calendar)
			out = tighten(out, own, h)
		}
	}
	return out
}

// Foresee is what Reserve would answer to an ask where counters stand as they do.
func Foresee(ask Ask, standings []Balance, now time.Time) Outcome {
	out := Outcome{Granted: true, At: now, Output: ask.Want, Balances: standings}
	for i := range ask.Holds {
		if ask.Holds[i].Soft {
			continue
		}
		grant := Grantable(&ask.Holds[i], standings[i].Used+standings[i].Held, &ask)
		if grant < 0 {
			out.Granted = false
			out.Failed = append(out.Failed, i)
			continue
		}
		out.Output = min(out.Output, grant)
	}
	if !out.Granted {
		out.Output = 0
	}
	out.Lowered = out.Granted && out.Output < ask.Want
	return out
}

// StateOf is a hold beside its counter.
func StateOf(h Hold, b Balance) LimitState {
	return LimitState{Scope: h.Scope, Kind: h.Kind, Model: h.Model, Window: h.Window.Name(), Limit: h.Limit, Used: b.Used, Held: b.Held,
		Start: h.Start, ResetAt: h.End, RetryIn: b.RetryIn, Shadow: h.Soft}
}
