import type { Section } from '../../forms/spec'

const perMillion = 1e6
const modes = ['chat', 'completion', 'responses', 'embedding', 'rerank', 'image_generation', 'audio_transcription', 'audio_speech', 'moderation'].map((m) => ({ value: m, label: m.replaceAll('_', ' ') }))

export const modelForm: Section[] = [
  { title: 'Basic information', fields: [
    { name: 'model_name', label: 'Public name', kind: 'text', required: true, placeholder: 'gpt-4o', help: 'What callers ask for. Several deployments may share it.' },
    { name: 'model', label: 'Provider’s model', kind: 'text', required: true, placeholder: 'openai/gpt-4o', help: 'provider/model' },
    { name: 'api_base', label: 'API base', kind: 'text', placeholder: 'The provider’s own' },
    { name: 'api_key', label: 'API key', kind: 'password', placeholder: 'os.environ/OPENAI_API_KEY', help: 'Kept sealed, never shown again.' },
    { name: 'mode', label: 'Mode', kind: 'select', options: modes, placeholder: 'chat' },
    { name: 'access_groups', label: 'Access groups', kind: 'tags' },
  ] },
  { title: 'Prices', about: 'Dollars per million tokens; empty: from the built-in price map.', fields: [
    { name: 'input_cost', label: 'Input', kind: 'money', placeholder: 'Price map' }, { name: 'output_cost', label: 'Output', kind: 'money', placeholder: 'Price map' },
  ] },
  { title: 'Limits of the deployment', folded: true, fields: [
    { name: 'rpm', label: 'Requests per minute', kind: 'int' }, { name: 'tpm', label: 'Tokens per minute', kind: 'int' },
    { name: 'max_input_tokens', label: 'Most input tokens', kind: 'int', placeholder: 'Price map' }, { name: 'max_output_tokens', label: 'Most output tokens', kind: 'int', placeholder: 'Price map' },
  ] },
]

type Body = Record<string, unknown>
const params = ['model', 'api_base', 'api_key', 'rpm', 'tpm']
const info = ['mode', 'access_groups', 'max_input_tokens', 'max_output_tokens']

/** $2.5 per million is 0.0000025 per token: shifted as text, so that no digit is made up. */
export const perToken = (v: unknown) => (typeof v === 'number' ? Number(`${v}e-6`) : null)
export const toMillion = (v: unknown) => (typeof v === 'number' ? Number((v * perMillion).toPrecision(12)) : '')

/** The form's flat fields as the API nests them. */
export function nest(b: Body): Body {
  const pick = (names: string[]) => Object.fromEntries(names.filter((n) => n in b).map((n) => [n, b[n]]))
  const price: Body = {}
  if ('input_cost' in b) price.input_cost_per_token = perToken(b.input_cost)
  if ('output_cost' in b) price.output_cost_per_token = perToken(b.output_cost)
  const i = { ...pick(info), ...price }
  const p = pick(params)
  return { ...('model_name' in b ? { model_name: b.model_name } : {}), ...(Object.keys(p).length ? { litellm_params: p } : {}), ...(Object.keys(i).length ? { model_info: i } : {}) }
}
