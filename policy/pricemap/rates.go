package pricemap

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
)

// Rates are the prices of one model by LiteLLM's field names, not yet put in
// order. The zero value has none and is ready for use.
type Rates struct {
	flat  map[figure]policy.Rate
	bands []band // tiered_pricing
}

// figure is what a field's name says: "input_cost_per_token_above_200k_tokens_priority".
type figure struct {
	base  string
	above int64 // 0: at any length
	tier  string
}

// band is a row of tiered_pricing.
type band struct {
	above int64
	flat  map[figure]policy.Rate
}

// The fields that take thresholds and service tiers.
const (
	fieldInput      = "input_cost_per_token"
	fieldOutput     = "output_cost_per_token"
	fieldCached     = "cache_read_input_token_cost"
	fieldWrite      = "cache_creation_input_token_cost"
	fieldWrite1h    = "cache_creation_input_token_cost_above_1hr"
	fieldAudioIn    = "input_cost_per_audio_token"
	fieldAudioOut   = "output_cost_per_audio_token"
	fieldImageIn    = "input_cost_per_image_token"
	fieldImageOut   = "output_cost_per_image_token"
	fieldReasoning  = "output_cost_per_reasoning_token"
	fieldCacheHit   = "input_cost_per_token_cache_hit" // an older name of fieldCached
	fieldPicture    = "output_cost_per_image"
	fieldPictureIn  = "input_cost_per_image"
	fieldPixel      = "input_cost_per_pixel"
	fieldPixelOut   = "output_cost_per_pixel"
	fieldCharacter  = "input_cost_per_character"
	fieldSecond     = "cost_per_second"
	fieldSecondIn   = "input_cost_per_second"
	fieldSecondOut  = "output_cost_per_second"
	fieldVideo      = "output_cost_per_video_per_second"
	fieldQuery      = "input_cost_per_query"
	fieldRequest    = "input_cost_per_request"
	fieldSearch     = "search_context_cost_per_query" // an object, or one figure
	fieldBands      = "tiered_pricing"                // a list of rows
	searchMedium    = "search_context_size_medium"
	resolutionInfix = fieldSecondOut + "_" // output_cost_per_second_1080p
	pictureInfix    = fieldPicture + "_"   // output_cost_per_image_2K
)

var fields = map[string]bool{ // name → takes a threshold
	fieldInput: true, fieldOutput: true, fieldCached: true, fieldWrite: true, fieldWrite1h: true,
	fieldAudioIn: false, fieldAudioOut: false, fieldImageIn: false, fieldImageOut: false, fieldReasoning: false,
	fieldCacheHit: false, fieldPicture: false, fieldPictureIn: false, fieldPixel: false, fieldPixelOut: false,
	fieldCharacter: false, fieldSecond: false, fieldSecondIn: false, fieldSecondOut: false, fieldVideo: false,
	fieldQuery: false, fieldRequest: false, fieldSearch: false,
}

// maxSteps bounds the thresholds of one model: real ones have two or three.
const maxSteps = 32

var serviceTiers = []string{"priority", "flex", "balanced", "ultrafast"}

// parseField reads a field's name. ok is false where it is no price we use.
func parseField(name string) (f figure, ok bool) {
	f.base = name
	for _, tier := range serviceTiers {
		if rest, found := strings.CutSuffix(name, "_"+tier); found {
			f.base, f.tier = rest, tier
			break
		}
	}
	if rest, found := strings.CutSuffix(f.base, "_tokens"); found {
		i := strings.LastIndex(rest, "_above_")
		if i < 0 {
			return f, false
		}
		digits, thousands := strings.CutSuffix(rest[i+len("_above_"):], "k")
		n, err := strconv.ParseInt(digits, 10, 40)
		if err != nil || n <= 0 {
			return f, false
		}
		if thousands {
			n *= 1000
		}
		f.base, f.above = rest[:i], n
	}
	threshold, known := fields[f.base]
	if _, sized := cutSize(f.base); sized && !known {
		return f, f.above == 0 && f.tier == ""
	}
	return f, known && (threshold || f.above == 0)
}

// IsPrice reports whether a field of this name is a price that we use: one for
// Set, or tiered_pricing, whose rows are for AddBand.
func IsPrice(name string) bool {
	_, ok := parseField(name)
	return ok || name == fieldBands
}

// Set notes a figure: dollars per unit as decimal text. It reports false for
// text that is no price; names that IsPrice does not know are ignored.
func (r *Rates) Set(name, dollars string) bool {
	f, ok := parseField(name)
	if !ok {
		return true
	}
	if len(dollars) > 64 {
		return false
	}
	rate, err := policy.ParseRate(dollars)
	if err != nil {
		return false
	}
	r.put(f, rate)
	return true
}

func (r *Rates) put(f figure, rate policy.Rate) {
	if r.flat == nil {
		r.flat = map[figure]policy.Rate{}
	}
	if base, ok := cutSize(f.base); ok {
		f.base = base
	}
	if f.base == fieldSecondOut || f.base == fieldPicture {
		rate = max(rate, r.get(f.base)) // one price per size: the dearest stands for all
	}
	r.flat[f] = rate
}

// cutSize is the field that a field with a size in its name stands in for.
func cutSize(name string) (string, bool) {
	switch {
	case strings.HasPrefix(name, resolutionInfix):
		return fieldSecondOut, true
	case strings.HasPrefix(name, pictureInfix) && !strings.HasPrefix(name, fieldImageOut):
		return fieldPicture, true
	}
	return "", false
}

// AddBand notes a row of tiered_pricing: rates for prompts longer than above.
func (r *Rates) AddBand(above int64, row Rates) {
	r.bands = append(r.bands, band{above: above, flat: row.flat})
}

// Empty reports whether no figure was noted.
func (r *Rates) Empty() bool { return len(r.flat) == 0 && len(r.bands) == 0 }

// Has reports whether the flat figure of that name was noted.
func (r *Rates) Has(name string) bool {
	f, ok := parseField(name)
	_, has := r.flat[f]
	return ok && has
}

// HasOutput reports whether anything says what an answer costs.
func (r *Rates) HasOutput() bool {
	if len(r.bands) > 0 {
		return r.bands[0].has(fieldOutput) || r.Has(fieldOutput)
	}
	return r.Has(fieldOutput) || r.Has(fieldImageOut)
}

func (b band) has(name string) bool {
	_, ok := b.flat[figure{base: name}]
	return ok
}

func (r *Rates) get(base string) policy.Rate { return lookup(r.flat, figure{base: base}) }

func lookup(flat map[figure]policy.Rate, f figure) policy.Rate {
	if rate, ok := flat[f]; ok {
		return rate
	}
	return policy.NoRate
}

// Price puts the rates in order for a provider and mode.
func (r *Rates) Price(provider, mode string) policy.Price {
	if r.Empty() || len(r.bands) > maxSteps {
		return policy.Unpriced()
	}
	if len(r.bands) > 0 {
		return r.banded(provider, mode)
	}
	thresholds, tiers := r.steps()
	if len(thresholds) > maxSteps {
		return policy.Unpriced()
	}
	price := r.at(0, "", thresholds, provider, mode)
	for _, tier := range tiers {
		for _, above := range append([]int64{0}, thresholds...) {
			if above == 0 && tier == "" {
				continue
			}
			at := r.at(above, tier, thresholds, provider, mode)
			if tier != "" && above > 0 && same(at, r.at(above, "", thresholds, provider, mode)) {
				continue // the threshold without a service tier says it already
			}
			if provider == "xai" && above > 0 {
				above-- // charged from the threshold on, not from beyond it
			}
			price.Tiers = append(price.Tiers, policy.Tier{Above: above, ServiceTier: tier, Price: at})
		}
	}
	return price
}

// same compares prices without tiers.
func same(a, b policy.Price) bool {
	for i, rate := range rates(&a) {
		if *rate != *rates(&b)[i] {
			return false
		}
	}
	return true
}

// rates is every rate of a price but those of its tiers.
func rates(p *policy.Price) [17]*policy.Rate {
	return [17]*policy.Rate{
		&p.Input, &p.Output, &p.Cached, &p.CacheWrite5m, &p.CacheWrite1h, &p.AudioInput, &p.AudioOutput, &p.ImageInput,
		&p.ImageOutput, &p.Reasoning, &p.PerImage, &p.PerPixel, &p.PerCharacter, &p.PerSecond, &p.PerQuery, &p.PerSearch, &p.PerRequest,
	}
}

// steps lists the thresholds and service tiers there are, each in order; the
// tier "" comes first, as at equal thresholds the later entry of Tiers wins.
func (r *Rates) steps() ([]int64, []string) {
	above, tiers := map[int64]bool{}, map[string]bool{"": true}
	for f := range r.flat {
		tiers[f.tier] = true
		if f.above > 0 {
			above[f.above] = true
		}
	}
	return slices.Sorted(maps.Keys(above)), slices.Sorted(maps.Keys(tiers))
}

// at resolves the price of prompts longer than above at a service tier.
func (r *Rates) at(above int64, tier string, thresholds []int64, provider, mode string) policy.Price {
	find := func(base string) policy.Rate {
		rate := policy.NoRate
		for _, t := range append([]int64{0}, thresholds...) {
			if t > above {
				break
			}
			step := lookup(r.flat, figure{base, t, tier})
			if step == policy.NoRate {
				step = lookup(r.flat, figure{base, t, ""})
			}
			if step != policy.NoRate {
				rate = step
			}
		}
		return rate
	}
	p := r.units(mode)
	p.Input, p.Output = find(fieldInput), find(fieldOutput)
	p.Cached, p.CacheWrite5m, p.CacheWrite1h = find(fieldCached), find(fieldWrite), find(fieldWrite1h)
	p.AudioInput, p.ImageInput = find(fieldAudioIn), find(fieldImageIn)
	p.Reasoning = r.reasoning(tier)
	if p.Cached == policy.NoRate {
		p.Cached = r.get(fieldCacheHit)
	}
	r.quirks(&p, provider)
	return p
}

// reasoning is the rate of hidden reasoning: a service tier that prices output
// prices reasoning alike.
func (r *Rates) reasoning(tier string) policy.Rate {
	own := lookup(r.flat, figure{fieldReasoning, 0, tier})
	if own != policy.NoRate || tier == "" {
		return own
	}
	if lookup(r.flat, figure{fieldOutput, 0, tier}) != policy.NoRate {
		return policy.NoRate
	}
	return r.get(fieldReasoning)
}

// units fills in what is not priced by the token of text.
func (r *Rates) units(mode string) policy.Price {
	p := policy.Unpriced()
	p.Known = true
	p.AudioOutput, p.ImageOutput = r.get(fieldAudioOut), r.get(fieldImageOut)
	p.PerQuery, p.PerRequest, p.PerSearch = r.get(fieldQuery), r.get(fieldRequest), r.get(fieldSearch)
	tokens := r.get(fieldInput) > 0 || r.get(fieldOutput) > 0 || p.ImageOutput > 0 || len(r.bands) > 0
	switch {
	case mode == "video_generation":
		p.PerSecond = r.first(fieldVideo, fieldSecondOut, fieldSecond)
	case !tokens || strings.HasPrefix(mode, "audio_"):
		// Audio models have both, as some replies report tokens and some only time.
		p.PerSecond = r.first(fieldSecond, fieldSecondIn, fieldSecondOut)
	}
	if tokens {
		return p // pictures and characters are counted as tokens too: once is enough
	}
	p.PerCharacter = r.get(fieldCharacter)
	p.PerImage = r.first(fieldPictureIn, fieldPicture)
	if p.PerImage == policy.NoRate {
		p.PerPixel = r.first(fieldPixel, fieldPixelOut)
	}
	return p
}

func (r *Rates) first(names ...string) policy.Rate {
	for _, name := range names {
		if rate := r.get(name); rate != policy.NoRate {
			return rate
		}
	}
	return policy.NoRate
}

// quirks are the rules of single providers.
func (r *Rates) quirks(p *policy.Price, provider string) {
	if p.Output <= 0 && p.ImageOutput != policy.NoRate {
		p.Output = p.ImageOutput // all it makes is pictures
	}
	switch provider {
	case "xai":
		p.Reasoning = policy.NoRate // billed as output, whatever is listed
	case "fireworks_ai":
		if base := r.get(fieldInput); p.Cached == policy.NoRate && base != policy.NoRate {
			p.Cached = (base + 1) / 2
		}
	}
}

// banded is the price of a tier table: each row stands for itself, but for the
// price of output where the row has none.
func (r *Rates) banded(provider, mode string) policy.Price {
	rows := slices.SortedStableFunc(slices.Values(r.bands), func(a, b band) int { return cmp.Compare(a.above, b.above) })
	row := func(b band) policy.Price {
		own := Rates{flat: b.flat}
		p := r.units(mode)
		p.Input, p.Output = own.get(fieldInput), own.get(fieldOutput)
		if p.Output == policy.NoRate {
			p.Output = r.get(fieldOutput)
		}
		p.Cached, p.CacheWrite5m, p.CacheWrite1h = own.get(fieldCached), own.get(fieldWrite), own.get(fieldWrite1h)
		p.AudioInput, p.ImageInput, p.Reasoning = r.get(fieldAudioIn), r.get(fieldImageIn), own.get(fieldReasoning)
		r.quirks(&p, provider)
		return p
	}
	price := row(rows[0])
	for _, b := range rows[1:] {
		price.Tiers = append(price.Tiers, policy.Tier{Above: b.above, Price: row(b)})
	}
	return price
}

// Scale multiplies every rate of a price, rounding halves away from zero. A
// negative factor counts as 0.
func Scale(p policy.Price, factor *big.Rat) policy.Price {
	for _, rate := range rates(&p) {
		*rate = scale(*rate, factor)
	}
	tiers := slices.Clone(p.Tiers)
	for i := range tiers {
		tiers[i].Price = Scale(tiers[i].Price, factor)
	}
	p.Tiers = tiers
	return p
}

func scale(r policy.Rate, factor *big.Rat) policy.Rate {
	if r <= 0 {
		return r
	}
	if factor.Sign() <= 0 {
		return 0
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt64(int64(r)), factor)
	num := new(big.Int).Lsh(exact.Num(), 1)
	num.Add(num, exact.Denom())
	num.Quo(num, new(big.Int).Lsh(exact.Denom(), 1))
	if !num.IsInt64() {
		return policy.Rate(1<<63 - 1)
	}
	return policy.Rate(num.Int64())
}
