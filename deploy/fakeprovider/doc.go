// Package fakeprovider is a model provider that never calls a model: the upstream
// of the demo and of every end-to-end test. It speaks the wire formats of OpenAI
// (chat, completions, responses, embeddings, moderations, images, audio, models),
// Anthropic (messages, count_tokens), Gemini (generateContent,
// streamGenerateContent, embedContent, batchEmbedContents, countTokens) and Cohere
// (rerank) well enough for the official SDKs.
//
// # Tokens are true
//
// Every answer is made of pieces that are one o200k_base token each, so that the
// reported usage is what a tokenizer counts in the text, a cut answer has exactly
// as many tokens as its cap allows, and each streamed delta is a whole number of
// tokens. Prompts count as OpenAI counts them: 3 per message, the tokens of its role
// and text, 1 more for a name (and its tokens), 3 for the reply.
//
// # Steering
//
// A request says how it wants to be answered, by a JSON object after "fake:" in the
// text of its last user message (or prompt, or input),
//
//	Tell me a story. fake:{"output_tokens":30,"chunks":10,"delay_ms":5}
//
// or by headers: x-fake-instructions with the same object, or one header per
// field (x-fake-output-tokens: 30). Headers win. An unknown field is answered with
// 400, so that a typing error is not taken for a result. The fields are those of
// [Instructions].
//
// # Records
//
// Each request is remembered: credential, headers, body, what was reported, and what
// was really written before the client left.
//
//	GET  /_fake/requests?since=N   the records with seq > N, oldest first
//	GET  /_fake/stats              totals since the start or the last reset
//	POST /_fake/reset              forget everything
//
// These paths need no credential; the server is meant to listen on 127.0.0.1.
package fakeprovider
