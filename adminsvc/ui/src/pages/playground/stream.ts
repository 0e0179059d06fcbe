import { errorOf } from '../../api/errors'

export type Said = { role: 'user' | 'assistant'; text: string }
export type Done = { callId: string | null; headers: [string, string][]; usage: { prompt_tokens?: number; completion_tokens?: number } | null; firstByte: number; took: number }

/** Sends a chat through Envoy with a key and hands out the answer as it comes. A refusal is an ApiError. */
export async function stream(key: string, model: string, messages: Said[], cap: number | null, onText: (more: string) => void, signal: AbortSignal): Promise<Done> {
  const began = performance.now()
  const reply = await fetch('/v1/chat/completions', {
    method: 'POST', signal, credentials: 'omit', // the key pays, not the session
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, stream: true, stream_options: { include_usage: true }, messages: messages.map((m) => ({ role: m.role, content: m.text })), ...(cap ? { max_tokens: cap } : {}) }),
  })
  if (!reply.ok || !reply.body) throw errorOf(reply.status, await reply.json().catch(() => ({})))
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let first = 0
  let usage: Done['usage'] = null
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    first ||= performance.now() - began
    const lines = (rest + value).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const data = line.startsWith('data:') ? line.slice(5).trim() : ''
      if (!data || data === '[DONE]') continue
      const event = JSON.parse(data) as { choices?: { delta?: { content?: string } }[]; usage?: Done['usage']; error?: unknown }
      if (event.error) throw errorOf(500, event)
      const more = event.choices?.[0]?.delta?.content
      if (more) onText(more)
      if (event.usage) usage = event.usage
    }
  }
  const headers = [...reply.headers].filter(([k]) => k.startsWith('x-ratelimit') || k.startsWith('x-litellm') || k.startsWith('x-purser'))
  return { callId: reply.headers.get('x-litellm-call-id'), headers, usage, firstByte: first, took: performance.now() - began }
}
