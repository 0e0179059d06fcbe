package policy

import (
	"math"
	"math/bits"
)

// Kind is what a limit counts.
type Kind uint8

// The kinds of limit.
const (
	KindRequests Kind = iota
	KindTokens
	KindInputTokens
	KindOutputTokens
	KindParallel
	KindSpend
	kinds // how many there are
)

// KindInfo is everything the product knows of a kind. The table below is the
// one place a new kind is added to: validation, storage, refusals, metric
// labels, the OpenAPI enum and the UI form follow from it.
type KindInfo struct {
	Kind   Kind
	Name   string // in the API, metrics and the ledger
	Unit   string // of its amounts
	Letter byte   // as the marks of a decision write it (marks.go); the journal keeps them: never change one
	Header string // in x-ratelimit-* names and in "Limit type:" of LiteLLM's refusals
	Window WindowKind
	Field  string // the documented field that sets it
	Models string // the documented field that sets it per model; "" where there is none
	Help   string

	// estimate tells what a request may take: fixed, and per token of its answer.
	estimate func(Estimate) (fixed, perToken int64)
	// actual tells what it took.
	actual func(Usage, Cost) int64
}

// Estimate is what is known of a request before it runs.
type Estimate struct {
	Input   int64 // tokens of the prompt, never below the true count
	Choices int64 // answers asked for, at least 1
	Price   Price // the dearest it can be charged at
	Flat    Money // what it costs whatever its tokens: pictures, seconds, characters
}

// Kinds is the table of limit kinds, in the order they are checked and shown.
var Kinds = [kinds]KindInfo{
	KindRequests: {
		Name: "requests", Unit: "requests", Letter: 'r', Header: "requests", Window: WindowMinute, Field: "rpm_limit", Models: "model_rpm_limit",
		Help:     "requests in any rolling minute; a refused request does not count",
		estimate: func(Estimate) (int64, int64) { return 1, 0 },
		actual:   func(Usage, Cost) int64 { return 1 },
	},
	KindTokens: {
		Name: "tokens", Unit: "tokens", Letter: 't', Header: "tokens", Window: WindowMinute, Field: "tpm_limit", Models: "model_tpm_limit",
		Help:     "tokens of prompts and answers in any rolling minute",
		estimate: func(e Estimate) (int64, int64) { return e.Input, e.Choices },
		actual:   func(u Usage, _ Cost) int64 { return u.Total() },
	},
	KindInputTokens: {
		Name: "input_tokens", Unit: "tokens", Letter: 'i', Header: "input-tokens", Window: WindowMinute, Field: "itpm_limit", Models: "model_itpm_limit",
		Help:     "tokens of prompts in any rolling minute",
		estimate: func(e Estimate) (int64, int64) { return e.Input, 0 },
		actual:   func(u Usage, _ Cost) int64 { return u.Input },
	},
	KindOutputTokens: {
		Name: "output_tokens", Unit: "tokens", Letter: 'o', Header: "output-tokens", Window: WindowMinute, Field: "otpm_limit", Models: "model_otpm_limit",
		Help:     "tokens of answers in any rolling minute",
		estimate: func(e Estimate) (int64, int64) { return 0, e.Choices },
		actual:   func(u Usage, _ Cost) int64 { return u.Output },
	},
	KindParallel: {
		Name: "parallel_requests", Unit: "requests", Letter: 'p', Header: "max_parallel_requests", Window: WindowLive, Field: "max_parallel_requests",
		Help:     "requests under way at once",
		estimate: func(Estimate) (int64, int64) { return 1, 0 },
		actual:   func(Usage, Cost) int64 { return 0 },
	},
	KindSpend: {
		Name: "spend", Unit: "nano-USD", Letter: 's', Header: "budget", Window: WindowLifetime, Field: "max_budget", Models: "model_max_budget",
		Help: "dollars spent in the budget's window",
		estimate: func(e Estimate) (int64, int64) {
			flat := min(e.Flat, math.MaxInt64/4) + ceilCost(1, e.Price.PerRequest)
			return int64(ceilCost(e.Input, e.Price.PromptRate()) + flat), int64(ceilCost(e.Choices, e.Price.AnswerRate()))
		},
		actual: func(_ Usage, c Cost) int64 { return int64(c.Total) },
	},
}

func init() {
	for k := range Kinds {
		Kinds[k].Kind = Kind(k)
	}
}

// ceilCost is units at a rate, rounded up: a hold never falls short of its cost.
func ceilCost(units int64, r Rate) Money {
	if units <= 0 || r <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(units), uint64(r))
	lo, carry := bits.Add64(lo, million-1, 0)
	if hi += carry; hi >= million {
		return math.MaxInt64 / 4
	}
	q, _ := bits.Div64(hi, lo, million)
	return Money(min(q, math.MaxInt64/4)) // a quarter: sums of a few cannot overflow
}

// Info is the kind's row of the table.
func (k Kind) Info() *KindInfo { return &Kinds[k] }

func (k Kind) String() string { return Kinds[k].Name }

// ParseKind is the inverse of String.
func ParseKind(name string) (Kind, bool) {
	for k := range Kinds {
		if Kinds[k].Name == name {
			return Kind(k), true
		}
	}
	return 0, false
}
