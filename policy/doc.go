// Package policy is what Purser is about: who may ask which model for what, what a
// request costs, and which limits it is held to. It imports the standard library
// alone. Its parts, in the order a request meets them:
//
//	Directory  who the callers are and which models there are, in memory
//	Grant      one caller fully resolved: key, project, team, member, user, organization
//	Decide     the rules that need no counter, and the holds of those that do
//	Ledger     the counters: Reserve takes all holds or none, Settle replaces them by what was used
//	Journal    one Entry per request, written in the same step that settles it
//
// Packages below this one are technologies (memory, redis, postgres, spool), each
// behind an interface declared here, and policytest is what all of them must pass.
//
// # What a request pays
//
// Each limit that binds a request is a Hold on one Counter: a scope, a kind of
// amount, perhaps a model, and a window. Kinds is the one table of what can be
// limited. A hold takes Fixed, and PerToken for each token the answer may have.
//
// How long the answer may be is decided once, over all holds: while the whole of
// what is asked fits into an eighth of what is left of every limit, it is granted
// as it is. Where it does not, an eighth is granted and the cap that goes to the
// provider lowered to it, but never below the usual answer while there is room for
// that. So the answer cannot cost more than is held, a small balance serves many
// callers at once, and nobody is refused while there is room for a usual answer.
// Grantable is this rule. Limits of tokens go by it as those of money do.
//
// When the request is over, Settle replaces what was held by what the provider
// reported. What nobody reports is counted from the bytes that passed; a request
// whose end nobody saw is charged at its hold and marked as an estimate, which a
// true count still corrects.
//
// # An example in numbers
//
// It is computed by Example, so the figures are those of the code. A model costs $2
// a million tokens of prompt and $10 of answer. A key has a budget of $1, of which
// $0.84 is spent; its team $50, of which $10 is spent. A request comes with a
// prompt of 1,000 tokens and no cap; the model's longest answer is 4,096 tokens.
//
//	asked:   1,000 × $2/M + 4,096 × $10/M         = $0.04296
//	team:    an eighth of the $40 left            = $5: all of it
//	key:     an eighth of the $0.16 left          = $0.02: less than asked
//	granted: ($0.02 − $0.002 of prompt) ÷ $10/M   = 1,800 tokens
//	held:    $0.02 by the key and by the team alike
//	sent on: the request, with a cap of 1,800 tokens
//
// The answer comes to 310 tokens, the prompt is counted at 980 by the provider, so
// both holds are replaced by $0.00506. Had only $0.004 been left to the key, an
// eighth would not have paid for the prompt; the usual answer of 256 tokens would
// not fit either; 200 tokens do, and are granted. With $0.002 left, the prompt
// takes all of it, no token of an answer fits, and the request is refused.
//
// # Invariants
//
//   - used + held ≤ limit for every counter at every admission; a refused request
//     changes nothing.
//   - held of a counter is the sum of its live reservations, used the sum of what
//     was settled in its window: the journal adds up to the counters.
//   - A limit of 0 admits nothing at any level; one that is not set binds nobody.
//   - Every level's list must allow a model. An alias set at a level cannot widen
//     what the levels above it allow.
//   - No rolling minute exceeds its limit, however requests are timed; a caller at
//     exactly the limit's rate gets at least 98 percent of it.
//   - A calendar window is derived from its length, anchor, zone and time of day
//     when it is needed: windows tile time without gap or overlap, over changes of
//     the clock too, and a reset is merely the next window's counter.
//   - Money is whole nano-USD; the parts of a Cost add up to its total.
//
// # Failure
//
// A refusal is a value, with what refused and why; an error means that nothing was
// decided, and what then happens is the caller's to say. A settlement that fails
// leaves the reservation as it was, to be tried again. Nothing here blocks but
// Ledger, Journal, Store and History, which take a context.
package policy
