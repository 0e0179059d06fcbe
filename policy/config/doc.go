// Package config reads config.yaml in LiteLLM's format into policy's types.
//
// # What is done with a setting
//
// settings.go and models.go list everything LiteLLM knows there, with one of
// four fates; Reference writes the same as documentation.
//
//   - applies: it does what it does in LiteLLM.
//   - needless: what it is for holds without it. One warning.
//   - ignored: it has no effect. One warning, however many models have it.
//   - refused: it would limit or deny something, and nothing here enforces it.
//     An error, unless its value restricts nothing (false, null, what is empty).
//     Whoever wrote guardrails must not believe that there are any.
//
// A name in no table is a warning with the nearest one that is. In model_info
// any name may stand: it is kept for /model/info.
//
// # What is wrong with a file
//
// Everything, in one Errors: each with its path and line, and none with a value
// of the file, since a secret may stand in the wrong place. A Config comes back
// only where there is nothing wrong. Wrong is what cannot be served as well: a
// provider whose API is not spoken, an api_key whose variable is not set, a
// model without an address. An unset variable for PostgreSQL or Redis is not:
// it means our own.
//
// # Deployments
//
// A deployment's id is model_info.id, or the public name and a hash of where and
// what it is. The hash leaves out the credential, so that a new key does not
// make a new deployment (and a new Envoy cluster), but takes in the name of the
// variable that holds it, which tells two accounts of one provider apart.
//
// PathPrefix is what stands before the path of the deployment's format:
//
//	FormatOpenAI     before /chat/completions     /v1
//	FormatAzure      before /chat/completions     /openai/deployments/NAME, and Query is api-version=…
//	FormatAnthropic  before /v1/messages          (mostly nothing)
//	FormatGemini     before /v1beta/models/       (mostly nothing)
//	FormatCohere     before /v1/rerank            (mostly nothing)
//
// A * in Target and in Azure's PathPrefix stands for what the public name's *
// matched. Such a deployment has no price but its own: the price map's must be
// looked up for each name asked for.
//
// A deployment costs what its entry says, and then nothing else counts, as in
// LiteLLM: a missing price for cached tokens is the prompt's. Else it costs what
// the price map says of base_model; else of the provider's model. Discounts and
// margins come last. All prices stay decimal text until they are integers.
//
// A credential from the environment that no entry names (OPENAI_API_KEY) is sent
// to the provider's own address only, never to another api_base.
package config
