package policy

import (
	"fmt"
	"math"
	"math/bits"
)

// Rate is a price in nano-USD per million units: tokens, seconds, pictures.
// LiteLLM's "input_cost_per_token": 1.5e-07 is 150_000_000.
type Rate int64

// NoRate says that a price is not given, unlike 0, which is free.
const NoRate Rate = -1

const million = 1_000_000

// Price is what one deployment charges. A rate of NoRate falls back as the
// comment says. The zero Price is free in every part: use Unpriced for "not known".
type Price struct {
	Input        Rate `json:"input"`          // per token
	Output       Rate `json:"output"`         // per token
	Cached       Rate `json:"cached"`         // per cached token; NoRate: Input
	CacheWrite5m Rate `json:"cache_write_5m"` // NoRate: Input
	CacheWrite1h Rate `json:"cache_write_1h"` // NoRate: CacheWrite5m
	AudioInput   Rate `json:"audio_input"`    // NoRate: Input
	AudioOutput  Rate `json:"audio_output"`   // NoRate: Output
	ImageInput   Rate `json:"image_input"`    // NoRate: Input
	ImageOutput  Rate `json:"image_output"`   // NoRate: Output
	Reasoning    Rate `json:"reasoning"`      // NoRate: Output
	PerImage     Rate `json:"per_image"`      // NoRate: nothing, as for all below
	PerPixel     Rate `json:"per_pixel"`
	PerCharacter Rate `json:"per_character"`
	PerSecond    Rate `json:"per_second"`
	PerQuery     Rate `json:"per_query"`
	PerSearch    Rate `json:"per_search"`
	PerRequest   Rate `json:"per_request"`

	Tiers []Tier `json:"tiers,omitempty"` // dearer or cheaper prices under a condition
	Known bool   `json:"known"`           // false: nobody told us what this costs
}

// Tier replaces a price under a condition: a prompt longer than Above tokens
// (the whole request is then charged at it), or a service tier.
type Tier struct {
	Above       int64  `json:"above,omitempty"`
	ServiceTier string `json:"service_tier,omitempty"`
	Price       Price  `json:"price"`
}

// Unpriced is the price of a model nobody told us the price of.
func Unpriced() Price {
	return Price{
		Input: NoRate, Output: NoRate, Cached: NoRate, CacheWrite5m: NoRate, CacheWrite1h: NoRate, AudioInput: NoRate,
		AudioOutput: NoRate, ImageInput: NoRate, ImageOutput: NoRate, Reasoning: NoRate, PerImage: NoRate, PerPixel: NoRate,
		PerCharacter: NoRate, PerSecond: NoRate, PerQuery: NoRate, PerSearch: NoRate, PerRequest: NoRate,
	}
}

// TokenPrice is a known price with the two rates most models have.
func TokenPrice(input, output Rate) Price {
	p := Unpriced()
	p.Input, p.Output, p.Known = input, output, true
	return p
}

// ParseRate reads dollars per unit ("1.5e-07") exactly, rounding beyond 1e-15
// dollars half away from zero. Negative prices are an error.
func ParseRate(text string) (Rate, error) {
	n, err := parseScaled(text, int64(Dollar)*million)
	if err == nil && n < 0 {
		return 0, fmt.Errorf("%w: the price %q is negative", ErrMoney, text)
	}
	return Rate(n), err
}

// Or is r, or fallback where r is not given.
func (r Rate) Or(fallback Rate) Rate {
	if r == NoRate {
		return fallback
	}
	return r
}

// at picks the tier that applies to the usage: of the longest prompt first, then
// the one made for its service tier.
func (p Price) at(u Usage) Price {
	best := p
	var above int64
	tiered := false
	for _, t := range p.Tiers {
		if t.ServiceTier != u.ServiceTier && t.ServiceTier != "" || t.Above > 0 && u.Input <= t.Above {
			continue
		}
		if t.Above > above || t.Above == above && t.ServiceTier != "" && !tiered {
			best, above, tiered = t.Price, t.Above, t.ServiceTier != ""
		}
	}
	best.Tiers, best.Known = nil, p.Known
	return best
}

// Cost is the price of a usage by part. The parts add up to Total exactly:
// only the running sum is rounded, half up, to whole nano-USD.
type Cost struct {
	Total      Money `json:"total"`
	Input      Money `json:"input"` // plain prompt tokens, and those of audio and pictures
	Output     Money `json:"output"`
	CacheRead  Money `json:"cache_read,omitempty"`
	CacheWrite Money `json:"cache_write,omitempty"`
	Reasoning  Money `json:"reasoning,omitempty"`
	Other      Money `json:"other,omitempty"` // pictures, seconds, characters, queries, searches, the flat part
}

// CostOf is what a usage costs at a price. Unknown prices cost nothing: who
// must not serve them refuses before. Amounts beyond an int64 saturate.
func CostOf(u Usage, p Price) Cost {
	p = p.at(u)
	free := func(r Rate) Rate { return max(r, 0) }
	in, out := free(p.Input), free(p.Output)
	write5 := p.CacheWrite5m.Or(in)
	plainIn := max(u.Input-u.Cached-u.CacheWrite5m-u.CacheWrite1h-u.AudioInput-u.ImageInput, 0)
	plainOut := max(u.Output-u.Reasoning-u.AudioOutput-u.ImageOutput, 0)

	var run accumulator
	var c Cost
	c.Input = run.add(plainIn, in) + run.add(u.AudioInput, p.AudioInput.Or(in)) + run.add(u.ImageInput, p.ImageInput.Or(in))
	c.CacheRead = run.add(u.Cached, p.Cached.Or(in))
	c.CacheWrite = run.add(u.CacheWrite5m, write5) + run.add(u.CacheWrite1h, p.CacheWrite1h.Or(write5))
	c.Output = run.add(plainOut, out) + run.add(u.AudioOutput, p.AudioOutput.Or(out)) + run.add(u.ImageOutput, p.ImageOutput.Or(out))
	c.Reasoning = run.add(u.Reasoning, p.Reasoning.Or(out))
	c.Other = run.add(u.Images, free(p.PerImage)) + run.add(u.Pixels, free(p.PerPixel)) + run.add(u.Characters, free(p.PerCharacter)) +
		run.addScaled(u.Millis, free(p.PerSecond), 1000) + run.add(u.Queries, free(p.PerQuery)) + run.add(u.Searches, free(p.PerSearch))
	if u.Source != UsageNone {
		c.Other += run.add(1, free(p.PerRequest))
	}
	c.Total = run.rounded
	return c
}

// accumulator sums units × rate as a 128-bit count of 1e-9 nano-USD (so that
// milliseconds stay exact) and hands out the growth of the rounded sum.
type accumulator struct {
	hi, lo  uint64
	rounded Money
}

func (a *accumulator) add(units int64, r Rate) Money { return a.addScaled(units, r, 1) }

func (a *accumulator) addScaled(units int64, r Rate, divisor uint64) Money {
	if units <= 0 || r <= 0 {
		return 0
	}
	const (
		scale = 1000 // the finest divisor
		unit  = million * scale
	)
	hi, lo := bits.Mul64(uint64(units), uint64(r))
	h2, l2 := bits.Mul64(lo, scale/divisor)
	hi = min(hi, unit)*(scale/divisor) + h2 // unit is beyond an int64 of nano-USD already
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, l2, 0)
	a.hi = min(a.hi+hi+carry, unit) // stays there: saturated
	half, c := bits.Add64(a.lo, unit/2, 0)
	top := a.hi + c
	next := Money(math.MaxInt64)
	if top < unit {
		if q, _ := bits.Div64(top, half, unit); q < math.MaxInt64 {
			next = Money(q)
		}
	}
	grown := next - a.rounded
	a.rounded = next
	return grown
}

// Dearest is a price no usage exceeds at any of ps: the highest rate of each
// part over all of them and their tiers. Known only if all are.
func Dearest(ps ...Price) Price {
	return dearest(ps, func(Tier) bool { return true })
}

// DearestFor is Dearest for a request whose prompt has at most input tokens and
// which asked for a service tier: tiers that cannot apply to it do not count.
func DearestFor(input int64, tier string, ps ...Price) Price {
	return dearest(ps, func(t Tier) bool {
		return (t.Above == 0 || input > t.Above) && (t.ServiceTier == "" || t.ServiceTier == tier)
	})
}

func dearest(ps []Price, applies func(Tier) bool) Price {
	d := Unpriced()
	d.Known = len(ps) > 0
	for _, p := range ps {
		d.raise(p)
		d.Known = d.Known && p.Known
		for _, t := range p.Tiers {
			if applies(t) {
				d.raise(t.Price)
			}
		}
	}
	return d
}

func (p *Price) raise(q Price) {
	write5 := q.CacheWrite5m.Or(q.Input)
	p.Input = max(p.Input, q.Input)
	p.Output = max(p.Output, q.Output)
	p.Cached = max(p.Cached, q.Cached.Or(q.Input))
	p.CacheWrite5m = max(p.CacheWrite5m, write5)
	p.CacheWrite1h = max(p.CacheWrite1h, q.CacheWrite1h.Or(write5))
	p.AudioInput = max(p.AudioInput, q.AudioInput.Or(q.Input))
	p.AudioOutput = max(p.AudioOutput, q.AudioOutput.Or(q.Output))
	p.ImageInput = max(p.ImageInput, q.ImageInput.Or(q.Input))
	p.ImageOutput = max(p.ImageOutput, q.ImageOutput.Or(q.Output))
	p.Reasoning = max(p.Reasoning, q.Reasoning.Or(q.Output))
	p.PerImage = max(p.PerImage, q.PerImage)
	p.PerPixel = max(p.PerPixel, q.PerPixel)
	p.PerCharacter = max(p.PerCharacter, q.PerCharacter)
	p.PerSecond = max(p.PerSecond, q.PerSecond)
	p.PerQuery = max(p.PerQuery, q.PerQuery)
	p.PerSearch = max(p.PerSearch, q.PerSearch)
	p.PerRequest = max(p.PerRequest, q.PerRequest)
}

// PromptRate is the dearest a prompt token can cost: plain, or from or to a cache.
func (p Price) PromptRate() Rate {
	return max(p.Input, p.Cached, p.CacheWrite5m, p.CacheWrite1h, p.AudioInput, p.ImageInput, 0)
}

// AnswerRate is the dearest a produced token can cost.
func (p Price) AnswerRate() Rate {
	return max(p.Output, p.Reasoning, p.AudioOutput, p.ImageOutput, 0)
}
