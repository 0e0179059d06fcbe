/** What the API answered instead of a success, in words for a person. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly type: string,
    /** The field at fault, as the API names it. */
    readonly param: string | null,
    /** Messages by field, where the API lists several. */
    readonly fields: Record<string, string> = {},
    /** The rest of the envelope: scope, limit, used, reset_at of a refusal. */
    readonly more: Record<string, unknown> = {},
  ) {
    super(message)
  }

  /** What to do about it. */
  get advice(): string {
    switch (this.status) {
      case 0:
        return 'Check the connection, then try again.'
      case 401:
        if (this.param === 'invalid_credentials') return 'Check both, or ask an admin for an invitation.'
        if (this.type === 'team_member_permission_error') return 'Ask an admin of the team, who sets what its members may do.'
        return 'Sign in again, with a key or password that is still valid.'
      case 403:
        return 'Your role does not allow this. Ask a proxy admin, or an admin of the team.'
      case 404:
        return 'It may have been deleted. Go back to the list and refresh.'
      case 429:
        return 'Wait a moment, then try again.'
      case 400:
      case 422:
        return this.param ? `Change “${fieldName(this.param)}” and send it again.` : 'Change what you sent and try again.'
      case 503:
        return 'Calls through Envoy go on meanwhile. Try again in a moment.'
      default:
        return this.status >= 500 ? 'This is a fault of Purser. Its log has the details under the call id.' : ''
    }
  }
}

/** max_budget → Max budget */
export function fieldName(param: string): string {
  const words = param.replaceAll('_', ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

type Problem = { loc?: (string | number)[]; msg?: string }

/** Reads the API's three error bodies: {error:{…}}, {detail: text or object}, {detail: [problem]}. */
export function errorOf(status: number, body: unknown): ApiError {
  const b = (body ?? {}) as Record<string, unknown>
  const envelope = b.error
  if (envelope && typeof envelope === 'object') {
    const { message, type, param, code: _, ...more } = envelope as Record<string, unknown>
    const field = typeof param === 'string' && param !== 'None' ? param : null
    const text = String(message ?? 'The request was refused.')
    return new ApiError(status, text, String(type ?? ''), field, field ? { [field]: text } : {}, more)
  }
  if (Array.isArray(b.detail)) {
    const fields: Record<string, string> = {}
    for (const p of b.detail as Problem[]) fields[String(p.loc?.[1] ?? p.loc?.[0] ?? '')] = p.msg ?? 'Not valid'
    const list = Object.entries(fields)
    return new ApiError(status, list.map(([f, m]) => (f ? `${fieldName(f)}: ${m}` : m)).join('. '), 'invalid', list[0]?.[0] ?? null, fields)
  }
  const detail = b.detail && typeof b.detail === 'object' ? ((b.detail as Record<string, unknown>).error ?? JSON.stringify(b.detail)) : b.detail
  return new ApiError(status, String(detail ?? (typeof envelope === 'string' ? envelope : `The server answered ${status}.`)), '', null)
}
