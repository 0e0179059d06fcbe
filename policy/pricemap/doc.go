// Package pricemap knows what models cost where nobody says otherwise: it reads
// the price map that LiteLLM publishes (model_prices_and_context_window.json)
// and carries a copy of its figures.
//
// The map is one JSON object: model or provider/model → what is known of it.
//
//	"gemini/gemini-2.5-pro": {
//	  "litellm_provider": "gemini", "mode": "chat",
//	  "max_input_tokens": 1048576, "max_output_tokens": 65536,
//	  "input_cost_per_token": 1.25e-06,
//	  "input_cost_per_token_above_200k_tokens": 2.5e-06,
//	  "input_cost_per_token_priority": 2.25e-06, …
//	}
//
// # What becomes of it
//
// Every figure goes from its decimal text straight to a policy.Rate; no float
// is ever made. The figures of one model become one policy.Price, whose tiers
// are filled in completely, so that choosing a tier is all that is left to do
// for a request. What a tier does not say it takes from the next of: the same
// threshold without the service tier, the next lower threshold, the base.
//
// Example: the entry above, asked for 250 000 prompt tokens at "priority" with
// no priority price above the threshold, costs 2.5e-06 each: the threshold's.
//
// Kept as LiteLLM has it:
//   - The whole request is charged at a threshold's rates once the prompt is
//     longer than the threshold; at xai once it is as long.
//   - No price for cached tokens means the input price; at fireworks_ai half of it.
//   - A tier table (tiered_pricing) beats flat rates; its highest row has no end.
//   - Web searches cost what a search of medium size does.
//
// Not kept: batch prices (batches are passed on unmetered), off-peak hours (the
// peak price is charged), prices that depend on a picture's size or a video's
// resolution (the dearest is charged), and factors for data residency other
// than OpenAI's (Entry.Uplift).
//
// # Failure
//
// Parse refuses text that is not one JSON object of objects, or that names
// anything twice. A figure that is no price (negative, not a number) leaves its
// model unpriced, which UNPRICED_MODELS decides about, rather than wrongly
// priced. Default never fails: a test sees to it that the embedded copy parses.
package pricemap
