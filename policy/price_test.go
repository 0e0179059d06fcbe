package policy_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/purser/purser/policy"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]policy.Rate{
		"0": 0, "1.5e-07": 150_000_000, "0.00000015": 150_000_000, "2.5e-6": 2_500_000_000, "1": 1e15, "0.04": 40e12,
		"1e-15": 1, "4e-16": 0, "5e-16": 1, "9223.372036854775807": math.MaxInt64,
	} {
		if got, err := policy.ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1e-7", "-1", "NaN", "0x1p-10", "1/3", "1e999999999", "1e-999999999", "9223.372036854775808", "1_0", "free"} {
		if got, err := policy.ParseRate(text); !errors.Is(err, policy.ErrMoney) {
			t.Errorf("ParseRate(%q) = %d, %v; want ErrMoney", text, got, err)
		}
	}
}

// perToken is a known price with rates of whole nano-USD per unit; what is left
// out is not given.
func perToken(set func(*policy.Price)) policy.Price {
	p := policy.Unpriced()
	p.Known = true
	set(&p)
	for _, r := range rates(&p) {
		if *r != policy.NoRate {
			*r *= 1_000_000
		}
	}
	return p
}

// rates are all the rates of a price.
func rates(p *policy.Price) []*policy.Rate {
	return []*policy.Rate{
		&p.Input, &p.Output, &p.Cached, &p.CacheWrite5m, &p.CacheWrite1h, &p.AudioInput, &p.AudioOutput, &p.ImageInput, &p.ImageOutput,
		&p.Reasoning, &p.PerImage, &p.PerPixel, &p.PerCharacter, &p.PerSecond, &p.PerQuery, &p.PerSearch, &p.PerRequest,
	}
}

func TestCostOf(t *testing.T) {
	two := func(p *policy.Price) { p.Input, p.Output = 10, 100 }
	full := func(p *policy.Price) {
		*p = policy.Price{Input: 10, Output: 100, Cached: 1, CacheWrite5m: 12, CacheWrite1h: 20, AudioInput: 30, AudioOutput: 300, ImageInput: 40,
			ImageOutput: 400, Reasoning: 50, PerImage: 1000, PerPixel: 2, PerCharacter: 3, PerSecond: 6000, PerQuery: 7000, PerSearch: 8000, PerRequest: 9000, Known: true}
	}
	for _, c := range []struct {
		name  string
		price func(*policy.Price)
		usage policy.Usage
		want  policy.Cost
	}{
		{"input and output", two, policy.Usage{Input: 7, Output: 3}, policy.Cost{Total: 370, Input: 70, Output: 300}},
		{"cached tokens without a price of their own cost what input costs", two, policy.Usage{Input: 7, Cached: 5}, policy.Cost{Total: 70, Input: 20, CacheRead: 50}},
		{"cache writes without a price of their own cost what input costs", two, policy.Usage{Input: 7, CacheWrite5m: 2, CacheWrite1h: 1}, policy.Cost{Total: 70, Input: 40, CacheWrite: 30}},
		{"an hour's write without a price costs what five minutes cost", func(p *policy.Price) { p.Input, p.CacheWrite5m = 10, 12 },
			policy.Usage{Input: 7, CacheWrite1h: 7}, policy.Cost{Total: 84, CacheWrite: 84}},
		{"reasoning without a price of its own costs what output costs", two, policy.Usage{Output: 9, Reasoning: 4}, policy.Cost{Total: 900, Output: 500, Reasoning: 400}},
		{"every part once", full, policy.Usage{Input: 100, Cached: 10, CacheWrite5m: 20, CacheWrite1h: 5, AudioInput: 7, ImageInput: 8, Output: 50, Reasoning: 5, AudioOutput: 6, ImageOutput: 9},
			policy.Cost{Total: 500 + 210 + 320 + 10 + 240 + 100 + 3000 + 1800 + 3600 + 250, Input: 500 + 210 + 320, CacheRead: 10, CacheWrite: 240 + 100, Output: 3000 + 1800 + 3600, Reasoning: 250}},
		{"what is not tokens", full, policy.Usage{Images: 2, Pixels: 10, Characters: 5, Millis: 1500, Queries: 1, Searches: 2, Source: policy.UsageReported},
			policy.Cost{Total: 2000 + 20 + 15 + 9000 + 7000 + 16000 + 9000, Other: 2000 + 20 + 15 + 9000 + 7000 + 16000 + 9000}},
		{"a request that used nothing is not charged for being one", full, policy.Usage{}, policy.Cost{}},
		{"more parts than whole: the parts are charged", two, policy.Usage{Input: 5, Cached: 9}, policy.Cost{Total: 90, CacheRead: 90}},
		{"a free price", func(p *policy.Price) { *p = policy.Price{Known: true} }, policy.Usage{Input: 9, Output: 9, Images: 9, Source: policy.UsageReported}, policy.Cost{}},
		{"an unknown price", func(p *policy.Price) {}, policy.Usage{Input: 9, Output: 9, Images: 9, Source: policy.UsageReported}, policy.Cost{}},
		{"negative counts cost nothing", two, policy.Usage{Input: -5, Output: -5}, policy.Cost{}},
	} {
		if got := policy.CostOf(c.usage, perToken(c.price)); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// A tenth of a nano-USD a token: only the sum is rounded, half up.
func TestCostOfRounds(t *testing.T) {
	p := policy.TokenPrice(100_000, 100_000)
	p.PerSecond = 1 // a millisecond costs 1e-9 nano-USD
	for _, c := range []struct {
		usage policy.Usage
		want  policy.Cost
	}{
		{policy.Usage{Input: 4}, policy.Cost{}},
		{policy.Usage{Input: 5}, policy.Cost{Total: 1, Input: 1}},
		{policy.Usage{Input: 4, Output: 4}, policy.Cost{Total: 1, Output: 1}},
		{policy.Usage{Input: 3, Cached: 1, Output: 10}, policy.Cost{Total: 1, Output: 1}},
		{policy.Usage{Input: 14, Output: 1}, policy.Cost{Total: 2, Input: 1, Output: 1}},
		{policy.Usage{Millis: 499_999_999}, policy.Cost{}},
		{policy.Usage{Millis: 500_000_000}, policy.Cost{Total: 1, Other: 1}},
	} {
		if got := policy.CostOf(c.usage, p); got != c.want {
			t.Errorf("CostOf(%+v) = %+v, want %+v", c.usage, got, c.want)
		}
	}
}

func TestTiers(t *testing.T) {
	at := func(rate policy.Rate) policy.Price { return policy.TokenPrice(rate*1_000_000, 0) }
	p := at(1)
	p.Tiers = []policy.Tier{
		{Above: 200, Price: at(2)}, {Above: 1000, Price: at(3)}, {ServiceTier: "priority", Price: at(5)}, {ServiceTier: "flex", Price: at(0)},
		{ServiceTier: "priority", Above: 200, Price: at(7)}, {Price: at(99)},
	}
	reversed := p
	reversed.Tiers = make([]policy.Tier, len(p.Tiers))
	for i, tier := range p.Tiers {
		reversed.Tiers[len(p.Tiers)-1-i] = tier
	}
	for _, c := range []struct {
		name  string
		usage policy.Usage
		want  policy.Money
	}{
		{"at the threshold: the base", policy.Usage{Input: 200}, 200},
		{"above it: all of it at the tier", policy.Usage{Input: 201}, 402},
		{"above two: the higher", policy.Usage{Input: 1001}, 3003},
		{"a service tier", policy.Usage{Input: 100, ServiceTier: "priority"}, 500},
		{"a cheaper service tier", policy.Usage{Input: 100, ServiceTier: "flex"}, 0},
		{"a service tier and a long prompt", policy.Usage{Input: 201, ServiceTier: "priority"}, 201 * 7},
		{"a long prompt, in a service tier that says nothing of it", policy.Usage{Input: 201, ServiceTier: "flex"}, 402},
		{"a service tier nobody priced: the base", policy.Usage{Input: 100, ServiceTier: "scale"}, 100},
	} {
		for name, p := range map[string]policy.Price{"": p, ", tiers the other way round": reversed} {
			if got := policy.CostOf(c.usage, p).Total; got != c.want {
				t.Errorf("%s%s: %d, want %d", c.name, name, got, c.want)
			}
		}
	}
}

func TestCostSaturates(t *testing.T) {
	all := policy.Price{Known: true}
	for _, r := range rates(&all) {
		*r = math.MaxInt64
	}
	for name, u := range map[string]policy.Usage{
		"one part": {Input: math.MaxInt64}, "two parts": {Input: math.MaxInt64, Output: math.MaxInt64},
		"every part": {Input: math.MaxInt64, Output: math.MaxInt64, Images: math.MaxInt64, Pixels: math.MaxInt64, Characters: math.MaxInt64,
			Millis: math.MaxInt64, Queries: math.MaxInt64, Searches: math.MaxInt64, Source: policy.UsageReported},
		"milliseconds": {Millis: math.MaxInt64}, "just over": {Input: 1_000_001},
	} {
		c := policy.CostOf(u, all)
		if c.Total != math.MaxInt64 || parts(c) != c.Total {
			t.Errorf("%s: %+v, want the largest amount, in parts that add up", name, c)
		}
	}
	if c := policy.CostOf(policy.Usage{Input: 1_000_000}, all); c.Total != math.MaxInt64 {
		t.Errorf("exactly the largest amount: %d", c.Total)
	}
	if c := policy.CostOf(policy.Usage{Input: 999_999}, all); c.Total != math.MaxInt64-9_223_372_036_855 {
		t.Errorf("just under: %d", c.Total)
	}
}

func parts(c policy.Cost) policy.Money {
	return c.Input + c.Output + c.CacheRead + c.CacheWrite + c.Reasoning + c.Other
}

// randomPrice has some rates, some free, some not given, and tiers.
func randomPrice(rnd *rand.Rand, tiers bool) policy.Price {
	p := policy.Price{Known: true}
	for _, r := range rates(&p) {
		switch rnd.IntN(4) {
		case 0:
			*r = policy.NoRate
		case 1:
			*r = policy.Rate(rnd.Int64N(1 << 20))
		default:
			*r = policy.Rate(rnd.Int64N(1 << rnd.IntN(44)))
		}
	}
	for tiers && rnd.IntN(2) == 0 {
		p.Tiers = append(p.Tiers, policy.Tier{Above: rnd.Int64N(2) * rnd.Int64N(1000), ServiceTier: []string{"", "priority", "flex"}[rnd.IntN(3)], Price: randomPrice(rnd, false)})
	}
	return p
}

func randomUsage(rnd *rand.Rand) policy.Usage {
	part := func(of int64) int64 {
		if rnd.IntN(3) > 0 {
			return 0
		}
		return rnd.Int64N(of/4 + 1)
	}
	in, out := rnd.Int64N(3000), rnd.Int64N(3000)
	return policy.Usage{
		Input: in, Cached: part(in), CacheWrite5m: part(in), CacheWrite1h: part(in), AudioInput: part(in), ImageInput: part(in),
		Output: out, Reasoning: part(out), AudioOutput: part(out), ImageOutput: part(out),
		Images: part(20), Pixels: part(1e6), Characters: part(1e4), Millis: part(1e6), Queries: part(20), Searches: part(20),
		ServiceTier: []string{"", "priority", "flex", "other"}[rnd.IntN(4)], Source: policy.UsageSource(rnd.IntN(4)),
	}
}

// The parts add up to the total, and the total is the exact sum, rounded half up.
func TestCostIsExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		p, u := randomPrice(rnd, false), randomUsage(rnd)
		c := policy.CostOf(u, p)
		if parts(c) != c.Total {
			t.Fatalf("%+v of %+v at %+v: the parts add up to %d", c, u, p, parts(c))
		}
		for _, part := range []policy.Money{c.Input, c.Output, c.CacheRead, c.CacheWrite, c.Reasoning, c.Other} {
			if part < 0 {
				t.Fatalf("%+v of %+v at %+v: a negative part", c, u, p)
			}
		}
		if want := exactCost(u, p); c.Total != want {
			t.Fatalf("%+v of %+v at %+v: want %d", c, u, p, want)
		}
	}
}

// exactCost is CostOf the long way, in fractions.
func exactCost(u policy.Usage, p policy.Price) policy.Money {
	sum := new(big.Rat)
	add := func(units int64, r policy.Rate, per int64) {
		if r > 0 {
			term := new(big.Rat).SetFrac(big.NewInt(units), big.NewInt(per*1_000_000))
			sum.Add(sum, term.Mul(term, new(big.Rat).SetInt64(int64(r))))
		}
	}
	or := func(rates ...policy.Rate) policy.Rate {
		for _, r := range rates {
			if r != policy.NoRate {
				return r
			}
		}
		return 0
	}
	in, out, w5 := or(p.Input), or(p.Output), or(p.CacheWrite5m, p.Input)
	add(max(u.Input-u.Cached-u.CacheWrite5m-u.CacheWrite1h-u.AudioInput-u.ImageInput, 0), in, 1)
	add(u.Cached, or(p.Cached, in), 1)
	add(u.CacheWrite5m, w5, 1)
	add(u.CacheWrite1h, or(p.CacheWrite1h, w5), 1)
	add(u.AudioInput, or(p.AudioInput, in), 1)
	add(u.ImageInput, or(p.ImageInput, in), 1)
	add(max(u.Output-u.Reasoning-u.AudioOutput-u.ImageOutput, 0), out, 1)
	add(u.Reasoning, or(p.Reasoning, out), 1)
	add(u.AudioOutput, or(p.AudioOutput, out), 1)
	add(u.ImageOutput, or(p.ImageOutput, out), 1)
	add(u.Images, or(p.PerImage), 1)
	add(u.Pixels, or(p.PerPixel), 1)
	add(u.Characters, or(p.PerCharacter), 1)
	add(u.Millis, or(p.PerSecond), 1000)
	add(u.Queries, or(p.PerQuery), 1)
	add(u.Searches, or(p.PerSearch), 1)
	if u.Source != policy.UsageNone {
		add(1, or(p.PerRequest), 1)
	}
	sum.Add(sum, big.NewRat(1, 2))
	return policy.Money(new(big.Int).Div(sum.Num(), sum.Denom()).Int64())
}

// No usage costs more at any of the prices than at the dearest of them, and no
// token more than the rates a hold is made of.
func TestDearest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		ps := make([]policy.Price, 1+rnd.IntN(3))
		for i := range ps {
			ps[i] = randomPrice(rnd, true)
		}
		d := policy.Dearest(ps...)
		if !d.Known || len(d.Tiers) > 0 {
			t.Fatalf("Dearest is known %v, with %d tiers", d.Known, len(d.Tiers))
		}
		for range 5 {
			u := randomUsage(rnd)
			most := policy.CostOf(u, d).Total
			for _, p := range ps {
				if got := policy.CostOf(u, p).Total; got > most {
					t.Fatalf("%+v costs %d at %+v, and %d at the dearest of all", u, got, p, most)
				}
			}
			tokens := u
			tokens.Images, tokens.Pixels, tokens.Characters, tokens.Millis, tokens.Queries, tokens.Searches, tokens.Source = 0, 0, 0, 0, 0, 0, 0
			tokens.Input = max(tokens.Input, tokens.Cached+tokens.CacheWrite5m+tokens.CacheWrite1h+tokens.AudioInput+tokens.ImageInput)
			tokens.Output = max(tokens.Output, tokens.Reasoning+tokens.AudioOutput+tokens.ImageOutput)
			bound := policy.CostOf(policy.Usage{Input: tokens.Input, Output: tokens.Output}, policy.TokenPrice(d.PromptRate(), d.AnswerRate())).Total
			for _, p := range ps {
				if got := policy.CostOf(tokens, p).Total; got > bound {
					t.Fatalf("%+v costs %d, and %d at PromptRate and AnswerRate", tokens, got, bound)
				}
			}
		}
	}
	known := policy.TokenPrice(1, 1)
	for name, d := range map[string]policy.Price{"nothing": policy.Dearest(), "one unknown": policy.Dearest(known, policy.Unpriced())} {
		if d.Known {
			t.Errorf("the dearest of %s is known", name)
		}
	}
	if d := policy.Dearest(known, policy.Unpriced()); d.Input != 1 {
		t.Errorf("the dearest of one known and one not: input %d, want 1: the least it may cost", d.Input)
	}
}
