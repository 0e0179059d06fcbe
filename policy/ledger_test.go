package policy_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

func TestHoldAmount(t *testing.T) {
	for _, c := range []struct{ fixed, per, tokens, want int64 }{
		{0, 0, 0, 0}, {5, 0, 100, 5}, {5, 3, 0, 5}, {5, 3, 100, 305},
		{0, math.MaxInt64, 1, math.MaxInt64 / 4}, {0, math.MaxInt64, math.MaxInt64, math.MaxInt64 / 4}, {0, 1 << 40, 1 << 40, math.MaxInt64 / 4},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64 / 4 * 2}, {5, 3, -100, 5},
	} {
		if got := (policy.Hold{Fixed: c.fixed, PerToken: c.per}).Amount(c.tokens); got != c.want {
			t.Errorf("%d + %d × %d = %d, want %d", c.fixed, c.per, c.tokens, got, c.want)
		}
	}
}

// The rule, for anything: what is granted fits, is no less than the least and no
// more than is wanted, and is an eighth, the usual or the least unless all is given.
// The table is in policytest.
func TestGrantable(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	granted := 0
	for range 200_000 {
		h := policytest.Hold(policy.KindSpend, rnd.Int64N(1<<rnd.IntN(40)+1)-1, rnd.Int64N(1<<rnd.IntN(20)), rnd.Int64N(1<<rnd.IntN(10)))
		ask := policy.Ask{Want: rnd.Int64N(5000)}
		ask.Usual = rnd.Int64N(ask.Want + 1)
		ask.Least = rnd.Int64N(ask.Usual + 1)
		taken := rnd.Int64N(h.Limit + 10)
		left := h.Limit - taken
		got := policy.Grantable(&h, taken, &ask)
		switch {
		case got < 0:
			if h.Limit > 0 && h.Amount(ask.Least) <= left {
				t.Fatalf("%+v with %d taken refuses %+v, though the least fits", h, taken, ask)
			}
			continue
		case got < ask.Least || got > ask.Want || h.Amount(got) > left || h.Limit <= 0:
			t.Fatalf("%+v with %d taken grants %d to %+v", h, taken, got, ask)
		case h.Amount(ask.Want) <= left/8 && got != ask.Want:
			t.Fatalf("%+v with %d taken grants %d to %+v, though all is within an eighth", h, taken, got, ask)
		case got < ask.Usual && h.Amount(got+1) <= left:
			t.Fatalf("%+v with %d taken grants %d to %+v, below the usual, though more fits", h, taken, got, ask)
		case got > ask.Usual && h.PerToken > 0 && h.Amount(got) > left/8:
			t.Fatalf("%+v with %d taken grants %d to %+v: beyond the usual and beyond an eighth", h, taken, got, ask)
		}
		granted++
	}
	if granted < 50_000 {
		t.Errorf("only %d granted: the test tests little", granted)
	}
}

func TestCounters(t *testing.T) {
	h := policytest.Hold(policy.KindSpend, 1, 1, 0)
	if c := h.Counter(); c.Start != 0 || c.Window != "life" {
		t.Errorf("%+v", c)
	}
	a, b := policytest.In("1d", now, h), policytest.In("1d", now.Add(time.Hour), h)
	if a.Counter() != b.Counter() || a.Counter().Start != at("2026-03-10T00:00:00Z").Unix() {
		t.Errorf("%+v and %+v, want one day's", a.Counter(), b.Counter())
	}
	if c := policytest.In("1d", now.AddDate(0, 0, 1), h); a.Counter() == c.Counter() {
		t.Errorf("%+v for two days", c.Counter())
	}
}

func TestDraftEstimated(t *testing.T) {
	start, end := now, now.Add(time.Minute)
	d := policy.Draft{Entry: policy.Entry{CallID: "a", ModelAsked: "gpt-4", Tags: []string{"x"}}, Price: policytest.PerMillion(2, 10), Input: 100, Choices: 3}
	e := d.Estimated(start, 50, end)
	if e.CallID != "a" || e.ModelAsked != "gpt-4" || e.Usage.Input != 100 || e.Usage.Output != 150 || e.Usage.Source != policy.UsageEstimated ||
		e.Cost.Total != 200_000+1_500_000 || parts(e.Cost) != e.Cost.Total || e.ReservedAt != start || e.EndedAt != end || e.Status != policy.StatusFailure || e.Error == "" {
		t.Errorf("%+v", e)
	}
	d.Choices, d.Flat = 0, 77
	if e := d.Estimated(start, 50, end); e.Usage.Output != 50 || e.Cost.Total != 200_000+500_000+77 || parts(e.Cost) != e.Cost.Total {
		t.Errorf("one choice and a flat part: %+v", e.Cost)
	}
}
