package policy_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// Two limits that count in one counter are one hold, for the lower.
func TestLimitsOfOneCounter(t *testing.T) {
	c := newCompany()
	c.key.Limits = policy.Limits{
		MaxBudget: new(10 * policy.Dollar), BudgetDuration: "30d", BudgetLimits: []policy.BudgetLimit{{"1mo", 8 * policy.Dollar}, {"1d", policy.Dollar}},
		ModelRPM: map[string]int64{"gpt-4": 9}, ModelMaxBudget: map[string]policy.ModelLimits{"gpt-4": {RPM: new(int64(4))}},
	}
	c.budget.Limits = policy.Limits{MaxBudget: new(9 * policy.Dollar), BudgetDuration: "1mo", RPM: new(int64(7))}
	c.key.BudgetID = "b"
	c.team.Limits = c.key.Limits
	d := c.decide(t)
	want := []string{"spend/1mo =8000000000 200000+10000", "spend/1d =1000000000 200000+10000", "requests/minute gpt-4=4 1+0"}
	want = slices.Concat(want, want, []string{"requests/minute =7 1+0"})
	if got := held(d); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	seen := map[policy.Counter]bool{}
	for _, h := range d.Ask.Holds {
		if seen[h.Counter()] {
			t.Errorf("%+v is held twice", h.Counter())
		}
		seen[h.Counter()] = true
	}
}

// The same length from other days is another counter.
func TestWindowsOfTwoAnchors(t *testing.T) {
	c := newCompany()
	c.key.Limits = policy.Limits{MaxBudget: new(policy.Dollar), BudgetDuration: "3d"}
	c.budget.Limits, c.key.BudgetID = policy.Limits{MaxBudget: new(9 * policy.Dollar), BudgetDuration: "3d"}, "b"
	c.key.CreatedAt, c.budget.CreatedAt = now.AddDate(0, 0, -30), now.AddDate(0, 0, -31)
	d := c.decide(t)
	if got := held(d); len(got) != 2 || d.Ask.Holds[0].Counter() == d.Ask.Holds[1].Counter() {
		t.Errorf("%q, want both", got)
	}
	c.budget.CreatedAt = c.key.CreatedAt
	if got := held(c.decide(t)); len(got) != 1 {
		t.Errorf("%q, want one: the lower", got)
	}
}

func TestRaisedBudget(t *testing.T) {
	c := newCompany()
	c.key.Limits = policy.Limits{MaxBudget: new(policy.Dollar), TempBudgetIncrease: new(2 * policy.Dollar), TempBudgetExpiry: new(now.Add(time.Second))}
	g := c.grant(t, "sk-test")
	for at, want := range map[time.Time]int64{now: int64(3 * policy.Dollar), now.Add(time.Second): int64(policy.Dollar)} {
		if got := policy.Decide(g, call(), at).Ask.Holds[0].Limit; got != want {
			t.Errorf("at %v: %d, want %d", at, got, want)
		}
	}
}

func TestAnswerLength(t *testing.T) {
	type result struct{ want, usual, least int64 }
	for _, c := range []struct {
		name    string
		change  func(*company)
		request func(*policy.Request)
		result
	}{
		{"the caller's cap", nil, nil, result{50, 50, 1}},
		{"no cap: the model's maximum", nil, func(r *policy.Request) { r.MaxOutput = 0 }, result{4096, 256, 1}},
		{"a cap beyond the model's maximum", nil, func(r *policy.Request) { r.MaxOutput = 99999 }, result{4096, 256, 1}},
		{"a model without a maximum", func(c *company) { c.models[0].MaxOutput = 0 }, func(r *policy.Request) { r.MaxOutput = 0 }, result{16384, 256, 1}},
		{"a model without a maximum, a setting", func(c *company) { c.models[0].MaxOutput, c.settings.DefaultOutput = 0, 777 }, func(r *policy.Request) { r.MaxOutput = 0 }, result{777, 256, 1}},
		{"a model without a maximum, the caller's cap", func(c *company) { c.models[0].MaxOutput = 0 }, func(r *policy.Request) { r.MaxOutput = 99999 }, result{99999, 256, 1}},
		{"what is usual was learned", nil, func(r *policy.Request) { r.MaxOutput, r.Usual = 0, 700 }, result{4096, 700, 700}},
		{"what is usual is more than is asked", nil, func(r *policy.Request) { r.Usual = 700 }, result{50, 50, 50}},
		{"refuse rather than lower", func(c *company) { c.settings.RefuseAtEdge = true }, nil, result{50, 50, 50}},
		{"refuse rather than lower, without a cap", func(c *company) { c.settings.RefuseAtEdge = true }, func(r *policy.Request) { r.MaxOutput = 0 }, result{4096, 4096, 4096}},
		{"no tokens of answer", nil, func(r *policy.Request) { r.NoOutput, r.Usual = true, 700 }, result{}},
		{"a limit below what is usual", func(c *company) { c.key.Limits.OTPM = new(int64(30)) }, func(r *policy.Request) { r.MaxOutput, r.Usual = 0, 700 }, result{4096, 700, 30}},
		{"a limit below one token", func(c *company) { c.key.Limits.TPM = new(int64(100)) }, func(r *policy.Request) { r.MaxOutput, r.Usual = 0, 700 }, result{4096, 700, 1}},
		{"a limit of zero", func(c *company) { c.key.Limits.TPM = new(int64(0)) }, func(r *policy.Request) { r.MaxOutput, r.Usual = 0, 700 }, result{4096, 700, 700}},
		{"refuse rather than lower, whatever the limit", func(c *company) { c.settings.RefuseAtEdge, c.key.Limits.OTPM = true, new(int64(30)) }, nil, result{50, 50, 50}},
	} {
		company := newCompany()
		if c.change != nil {
			c.change(company)
		}
		if c.request == nil {
			c.request = func(*policy.Request) {}
		}
		ask := company.decide(t, c.request).Ask
		if got := (result{ask.Want, ask.Usual, ask.Least}); got != c.result {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.result)
		}
	}
}

func TestNoOutput(t *testing.T) {
	limits, _ := everyLimit()
	c := newCompany()
	c.key.Limits = limits
	for _, h := range c.decide(t, func(r *policy.Request) { r.NoOutput = true }).Ask.Holds {
		if h.PerToken != 0 {
			t.Errorf("%s holds %d for each token of an answer there is not", h.Kind, h.PerToken)
		}
	}
}

// Several answers to one prompt are held for all of them, pictures at their price.
func TestHoldsOfChoicesAndFlat(t *testing.T) {
	c := newCompany()
	c.key.Limits = policy.Limits{TPM: new(int64(5000)), OTPM: new(int64(5000)), MaxBudget: new(policy.Dollar)}
	d := c.decide(t, func(r *policy.Request) { r.Choices, r.Flat = 3, 777 })
	if got, want := held(d), []string{"tokens/minute =5000 100+3", "output_tokens/minute =5000 0+3", "spend/life =1000000000 200777+30000"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// A price for the request itself is part of what it costs whatever its tokens.
	c.models[0].Price.PerRequest = 5_000_000
	if got := c.decide(t).Ask.Holds[2].Fixed; got != 200_005 {
		t.Errorf("with 5 nano-USD a request: %d, want 200005", got)
	}
	// Nothing a caller can ask for turns a hold round.
	for _, r := range []policy.Request{
		{Input: math.MaxInt64, Choices: math.MaxInt64, Flat: math.MaxInt64, MaxOutput: math.MaxInt64},
		{Input: 1, Choices: math.MaxInt64, Flat: math.MaxInt64}, {Input: math.MaxInt64, Choices: 1}, {Choices: math.MaxInt64, MaxOutput: math.MaxInt64},
	} {
		r.Model, r.NeedsModel = "gpt-4", true
		for _, h := range policy.Decide(c.grant(t, "sk-test"), r, now).Ask.Holds {
			if h.Fixed < 0 || h.PerToken < 0 || h.Amount(math.MaxInt64) < 0 || policy.Grantable(&h, 0, &policy.Ask{Want: r.MaxOutput, Least: 1}) > 5000 {
				t.Errorf("%+v for %+v", h, r)
			}
		}
	}
}

// What a hold takes is never less than what the request then costs, whatever
// prices, tiers and parts: overshoot is zero by construction.
func TestHoldsCoverCosts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for range 3000 {
		c := newCompany()
		c.models = nil
		for i := range 1 + rnd.IntN(3) {
			d := deployment(itoa(i), "gpt-4")
			d.Price = randomPrice(rnd, true)
			c.models = append(c.models, d)
		}
		c.key.Limits.MaxBudget = new(policy.Money(1 + rnd.Int64N(1<<40)))
		u := randomUsage(rnd)
		u.Images, u.Pixels, u.Characters, u.Millis, u.Queries, u.Searches = 0, 0, 0, 0, 0, 0
		u.Input = max(u.Input, u.Cached+u.CacheWrite5m+u.CacheWrite1h+u.AudioInput+u.ImageInput)
		u.Output = max(u.Output, u.Reasoning+u.AudioOutput+u.ImageOutput)
		choices := 1 + rnd.Int64N(3)
		d := c.decide(t, func(r *policy.Request) {
			r.Input, r.Choices, r.MaxOutput, r.ServiceTier = u.Input+rnd.Int64N(9), choices, 1+rnd.Int64N(4000), u.ServiceTier
		})
		granted := policy.Grantable(&d.Ask.Holds[0], 0, &d.Ask)
		if granted < 0 {
			continue
		}
		if u.Output > granted*choices {
			u.Output, u.Reasoning, u.AudioOutput, u.ImageOutput = granted*choices, 0, 0, 0 // the cap that is sent on
		}
		amount := d.Ask.Holds[0].Amount(granted)
		if amount > d.Ask.Holds[0].Limit {
			t.Fatalf("%d is held of %d", amount, d.Ask.Holds[0].Limit)
		}
		for _, m := range c.models {
			if cost := policy.CostOf(u, m.Price).Total; int64(cost) > amount {
				t.Fatalf("%d was held, and %+v cost %d at %+v", amount, u, cost, m.Price)
			}
		}
	}
}

func TestUnmetered(t *testing.T) {
	limits, _ := everyLimit()
	c := newCompany()
	c.key.Limits = limits
	unmetered := func(r *policy.Request) { r.Unmetered, r.Model, r.NeedsModel = true, "", false }
	d := c.decide(t, unmetered)
	if got, want := held(d), []string{"requests/minute =11 1+0", "parallel_requests/live =16 1+0"}; d.Refusal != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %q; want %q", d.Refusal, got, want)
	}
	c.key.Limits.MaxBudget = new(policy.Money(0)) // what admits nothing admits no unmetered call either
	if got := held(c.decide(t, unmetered)); !slices.Contains(got, "spend/1mo =0 0+0") {
		t.Errorf("%q, want the budget of zero held", got)
	}
}

func BenchmarkDecide(b *testing.B) {
	c := newCompany()
	limits := policy.Limits{RPM: new(int64(1000)), TPM: new(int64(100_000)), MaxBudget: new(policy.Dollar), BudgetDuration: "30d"}
	c.team.Limits, c.project.Limits, c.key.Limits = limits, limits, limits
	g := c.grant(b, "sk-test")
	r := call()
	b.ReportAllocs()
	for b.Loop() {
		if d := policy.Decide(g, r, now); d.Refusal != nil || len(d.Ask.Holds) != 9 {
			b.Fatal(d.Refusal, len(d.Ask.Holds))
		}
	}
}
