package policy

import (
	"context"
	"math"
	"math/bits"
	"time"
)

// Hold is what one request would take from one limit: Fixed, and PerToken for
// each token its answer may have.
type Hold struct {
	Scope    Scope
	Kind     Kind
	Model    string
	Window   Window
	Start    time.Time // of the calendar window the request falls into; zero for other windows
	End      time.Time // when that window ends
	Limit    int64
	Fixed    int64
	PerToken int64
	Soft     bool // counted, never refused: a limit in shadow
}

// Amount is what the hold takes for an answer of at most tokens. Beyond what any
// limit admits it saturates.
func (h Hold) Amount(tokens int64) int64 {
	hi, lo := bits.Mul64(uint64(max(h.PerToken, 0)), uint64(max(tokens, 0)))
	if hi > 0 || lo > math.MaxInt64/4 {
		lo = math.MaxInt64 / 4
	}
	return min(h.Fixed, math.MaxInt64/4) + int64(lo)
}

// Counter names the counter a hold is counted in.
type Counter struct {
	Scope  Scope
	Kind   Kind
	Model  string
	Window string // Window.Name
	Start  int64  // Unix seconds of the calendar window; 0 for other windows
}

// Counter of the hold.
func (h Hold) Counter() Counter {
	c := Counter{Scope: h.Scope, Kind: h.Kind, Model: h.Model, Window: h.Window.Name()}
	if !h.Start.IsZero() {
		c.Start = h.Start.Unix()
	}
	return c
}

// Ask is one request to reserve: all holds or none.
type Ask struct {
	ID    string // our call id
	Holds []Hold // each in a counter of its own

	// The answer's length per choice, in tokens. Want is the request's own cap or
	// the model's maximum. While every hold for Want is at most an eighth of what
	// is left of its limit, Want is granted. Else an eighth is granted, raised to
	// Usual or Least where that is more, but never more than is left; a grant below
	// Least is refused. With Want = Least nothing is ever lowered.
	Want, Usual, Least int64

	// Draft is the row written where the request's end is never learned.
	Draft Draft

	TTL time.Duration // how long the reservation lives without renewal
	At  time.Time     // for tests; zero is the ledger's own clock
}

// Draft is what is known of a request when it is admitted: enough to write its
// row if whoever serves it dies.
type Draft struct {
	Entry   Entry
	Price   Price
	Input   int64 // tokens of the prompt, as estimated
	Choices int64
	Flat    Money // what it costs whatever its tokens, as estimated
}

// Estimated is the row of a request whose end nobody saw, charged as if the
// answer had used all of output, the length granted.
func (d Draft) Estimated(reservedAt time.Time, output int64, endedAt time.Time) Entry {
	e := d.Entry
	e.ReservedAt, e.EndedAt = reservedAt, endedAt
	e.Status = StatusFailure
	e.Error = "the end of this request was never seen: charged at its hold"
	e.Usage = Usage{Input: d.Input, Output: output * max(d.Choices, 1), Source: UsageEstimated}
	e.Cost = CostOf(e.Usage, d.Price)
	e.Cost.Other += d.Flat
	e.Cost.Total += d.Flat
	return e
}

// Balance is one hold's limit as the ledger saw it, this reservation included
// if it was granted.
type Balance struct {
	Used    int64 // settled, or counted into the rolling minute
	Held    int64 // reserved by requests under way
	RetryIn time.Duration
}

// Outcome is the ledger's answer to an Ask.
type Outcome struct {
	Granted  bool
	At       time.Time // the ledger's clock
	Output   int64     // the answer's length granted
	Lowered  bool      // Output is below Want
	Balances []Balance // one per hold, in order
	Failed   []int     // the holds that refused
}

// Settlement replaces what a reservation held by what the request took.
type Settlement struct {
	ID    string
	Entry Entry // journalled in the same atomic step
}

// Ledger counts. Every method is safe for concurrent use.
//
// Reserve admits only if for every hold used + reserved + amount ≤ limit, else it
// changes nothing. Settle is idempotent by id, also after the reservation
// expired: it then corrects what expiry charged. Renew prolongs live reservations.
// An error means that nothing was decided.
type Ledger interface {
	Reserve(ctx context.Context, ask Ask) (Outcome, error)
	Settle(ctx context.Context, s Settlement) error
	Renew(ctx context.Context, ttl time.Duration, ids ...string) error
}

// Releaser takes back reservations whose requests never came to be: those that a
// Reserve made, or may yet make, whose answer was lost. What it takes back leaves no
// row, and a Reserve that arrives after it fails with ErrConflict. Should the request
// have run all the same, its Settle is journalled.
type Releaser interface {
	Release(ctx context.Context, ids ...string) error
}

// Standing is one counter as it stands.
type Standing struct {
	Counter Counter
	Used    int64
	Held    int64
}

// Inspector reads counters without changing them: for explanations, /limits and verify.
type Inspector interface {
	// Standings answers in the order of the holds.
	Standings(ctx context.Context, holds []Hold) ([]Balance, error)
	// Each calls f for every counter there is until f returns false.
	Each(ctx context.Context, f func(Standing) bool) error
}

// Seeder completes counters that began within their window: a limit that is new,
// or a ledger that lost its memory. Begin makes the counter if there is none and
// tells from when it has counted by itself, and whether it is complete. Seed adds,
// once, what the tables say was used before that.
type Seeder interface {
	Begin(ctx context.Context, c Counter) (since time.Time, seeded bool, err error)
	Seed(ctx context.Context, c Counter, used int64) error
}

// ActualOf is what a kind counts for a finished request.
func ActualOf(k Kind, u Usage, c Cost) int64 { return Kinds[k].actual(u, c) }

// Grantable is the longest answer one hold pays for when taken is already used or
// held of its limit; -1 refuses. It is the rule of Ask in one place: the Redis
// script repeats it line by line.
func Grantable(h *Hold, taken int64, ask *Ask) int64 {
	left := h.Limit - taken
	if h.Limit <= 0 || h.Fixed > left {
		return -1
	}
	if h.PerToken <= 0 {
		return ask.Want
	}
	eighth := max(left/8-h.Fixed, 0) / h.PerToken
	if ask.Least > ask.Want { // whole, and out of an eighth, or not at all
		if eighth < ask.Want {
			return -1
		}
		return ask.Want
	}
	grant := min(max(eighth, ask.Usual, ask.Least), (left-h.Fixed)/h.PerToken, ask.Want)
	if grant < ask.Least {
		return -1
	}
	return grant
}
