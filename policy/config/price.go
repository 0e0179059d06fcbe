package config

import (
	"math/big"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/pricemap"
)

// isPrice reports whether a field of an entry is about prices, used or not.
func isPrice(name string) bool {
	return pricemap.IsPrice(name) || strings.Contains(name, "cost_per_") || strings.HasSuffix(name, "_token_cost") ||
		strings.Contains(name, "_token_cost_") || name == "off_peak_pricing" || name == "tiered_pricing"
}

// priceNames are some of the fields of prices, to find the one that was meant.
var priceNames = []string{
	"input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost",
	"cache_creation_input_token_cost_above_1hr", "input_cost_per_token_above_128k_tokens", "output_cost_per_token_above_128k_tokens",
	"input_cost_per_token_above_200k_tokens", "output_cost_per_token_above_200k_tokens", "input_cost_per_token_priority",
	"output_cost_per_token_priority", "input_cost_per_token_flex", "output_cost_per_token_flex", "input_cost_per_audio_token",
	"output_cost_per_audio_token", "input_cost_per_image_token", "output_cost_per_image_token", "output_cost_per_reasoning_token",
	"input_cost_per_image", "output_cost_per_image", "input_cost_per_pixel", "input_cost_per_character", "input_cost_per_second",
	"output_cost_per_second", "cost_per_second", "input_cost_per_query", "input_cost_per_request", "search_context_cost_per_query", "tiered_pricing",
}

// readPrice notes a price of an entry.
func (r *reader) readPrice(e *entry, f field) {
	v := f.value
	if v.null() {
		return
	}
	switch {
	case !pricemap.IsPrice(f.name) && nearest(f.name, priceNames) != "":
		r.warn(v, "unknown, and has no effect; did you mean %s?", nearest(f.name, priceNames))
	case !pricemap.IsPrice(f.name):
		r.warnOnce(v, f.name, "has no effect: no usage is counted by it")
	case f.name == "tiered_pricing":
		r.readBands(e, v)
	case f.name == "search_context_cost_per_query" && v.kind == object:
		if medium := v.get("search_context_size_medium"); !medium.null() {
			r.rate(&e.rates, f.name, medium)
		}
	default:
		r.rate(&e.rates, f.name, v)
	}
}

func (r *reader) rate(rates *pricemap.Rates, name string, v value) {
	text, ok := r.text(v)
	if !ok {
		return
	}
	switch digits := number(text); {
	case strings.HasPrefix(digits, "-"):
		r.fail(v, "must not be negative")
	case v.tag == "!!bool" || octal(text) || !plain(digits) || !rates.Set(name, digits):
		r.fail(v, "must be a price in dollars per unit: a finite number such as 2.5e-06")
	}
}

func (r *reader) readBands(e *entry, v value) {
	for _, item := range r.list(v) {
		fields, ok := r.object(item)
		if !ok {
			continue
		}
		ends := item.get("range")
		if ends.kind != list || len(ends.items) != 2 {
			r.fail(item, "needs a range: [from, to] in tokens")
			continue
		}
		from, ok := r.whole(ends.items[0], 0)
		if !ok {
			continue
		}
		var row pricemap.Rates
		for _, f := range fields {
			if f.name != "range" && !f.value.null() {
				r.rate(&row, f.name, f.value)
			}
		}
		if !row.Has("input_cost_per_token") {
			r.fail(item, "needs input_cost_per_token")
		}
		e.rates.AddBand(from, row)
	}
}

// known is what the price map says of the entry's model: of its base_model
// where it names one.
func (r *reader) known(e *entry, p provider, target string) (pricemap.Entry, bool) {
	if e.baseModel != "" {
		for _, of := range []string{p.name, ""} {
			if found, ok := r.prices.Lookup(of, e.baseModel); ok {
				return found, true
			}
		}
		r.warn(e.baseAt, "the price map has no such model")
	}
	if strings.Contains(target, "*") {
		return pricemap.Entry{}, false
	}
	return r.prices.Lookup(p.name, target)
}

// price is what a deployment charges: its own prices where it has any, and then
// only these, as LiteLLM does; but where they say nothing of the answer, or
// nothing of the prompt, the map still does, so that neither is free by oversight.
func (r *reader) price(e *entry, p provider, host, mode string, known pricemap.Entry, listed bool) policy.Price {
	if e.rates.Empty() {
		if !listed {
			return policy.Unpriced()
		}
		return uplifted(known, host)
	}
	price := e.rates.Price(p.name, mode)
	tokens := e.rates.Has("input_cost_per_token") || e.rates.Has("output_cost_per_token")
	switch {
	case tokens && !e.rates.HasOutput():
		fill(&price, known.Price, listed, func(p *policy.Price) *policy.Rate { return &p.Output })
		if price.Output == policy.NoRate && mode != "embedding" && mode != "rerank" && mode != "moderation" {
			r.warn(e.at, "has a price for the prompt and none for the answer, which costs nothing: add output_cost_per_token")
		}
	case tokens && !e.rates.Has("input_cost_per_token"):
		fill(&price, known.Price, listed, func(p *policy.Price) *policy.Rate { return &p.Input })
		if price.Input == policy.NoRate {
			r.warn(e.at, "has a price for the answer and none for the prompt, which costs nothing: add input_cost_per_token")
		}
	}
	return price
}

// fill takes one rate from another price, in the tiers as well.
func fill(price *policy.Price, from policy.Price, listed bool, rate func(*policy.Price) *policy.Rate) {
	if !listed || !from.Known {
		return
	}
	take := *rate(&from)
	price.Tiers = slices.Clone(price.Tiers)
	for i := range price.Tiers {
		if to := rate(&price.Tiers[i].Price); *to == policy.NoRate {
			*to = take
		}
	}
	*rate(price) = take
}

// uplifted is the price at an address of OpenAI's that keeps data in a region.
func uplifted(e pricemap.Entry, host string) policy.Price {
	region, ok := strings.CutSuffix(host, ".api.openai.com")
	if !ok {
		return e.Price
	}
	if factor, ok := new(big.Rat).SetString(e.Uplift[region]); ok && len(e.Uplift[region]) < 16 && factor.Sign() > 0 {
		return pricemap.Scale(e.Price, factor)
	}
	return e.Price
}

// adjustment is cost_discount_config and cost_margin_config.
type adjustment struct {
	off   map[string]*big.Rat // provider → share taken off
	on    map[string]*big.Rat // provider or "global" → share added
	fixed map[string]policy.Money
}

func (r *reader) readDiscounts(v value) {
	fields, _ := r.object(v)
	r.adjust.off = map[string]*big.Rat{}
	for _, f := range fields {
		if share, ok := r.share(f.value); ok {
			if share.Cmp(big.NewRat(1, 1)) > 0 {
				r.fail(f.value, "must be at most 1, which is all of it")
			}
			r.adjust.off[f.name] = share
		}
	}
}

func (r *reader) readMargins(v value) {
	fields, _ := r.object(v)
	r.adjust.on, r.adjust.fixed = map[string]*big.Rat{}, map[string]policy.Money{}
	for _, f := range fields {
		share := f.value
		if f.value.kind == object {
			share = f.value.get("percentage")
			if fixed := f.value.get("fixed_amount"); !fixed.null() {
				r.adjust.fixed[f.name], _ = r.money(fixed)
			}
		}
		if share.null() {
			continue
		}
		if s, ok := r.share(share); ok {
			r.adjust.on[f.name] = s
		}
	}
}

// share reads a part of one: 0.05 is five percent.
func (r *reader) share(v value) (*big.Rat, bool) {
	m, ok := r.money(v) // a decimal that is not negative, exact to nine places
	return big.NewRat(int64(m), int64(policy.Dollar)), ok
}

// adjustPrices applies discounts and margins to every deployment. It runs when
// all sections are read, whatever their order.
func (r *reader) adjustPrices() {
	one := big.NewRat(1, 1)
	for _, d := range r.cfg.Deployments {
		factor := new(big.Rat).Set(one)
		if off := r.adjust.off[d.Provider]; off != nil {
			factor.Sub(one, off)
		}
		from := d.Provider
		if _, own := r.adjust.on[from]; !own {
			if _, own := r.adjust.fixed[from]; !own {
				from = "global"
			}
		}
		if on := r.adjust.on[from]; on != nil {
			factor.Mul(factor, new(big.Rat).Add(one, on))
		}
		if factor.Cmp(one) != 0 {
			d.Price = pricemap.Scale(d.Price, factor)
		}
		if fixed := r.adjust.fixed[from]; fixed > 0 && d.Price.Known {
			perCall := policy.Rate(1<<63 - 1)
			if int64(fixed) <= (1<<63-1)/1_000_000 {
				perCall = policy.Rate(fixed) * 1_000_000
			}
			d.Price.Tiers = slices.Clone(d.Price.Tiers)
			add(&d.Price.PerRequest, perCall)
			for i := range d.Price.Tiers {
				add(&d.Price.Tiers[i].Price.PerRequest, perCall)
			}
		}
	}
}

func add(rate *policy.Rate, more policy.Rate) {
	*rate = max(*rate, 0)
	if *rate > 1<<63-1-more {
		*rate = 1<<63 - 1 - more
	}
	*rate += more
}
