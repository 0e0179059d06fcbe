import { count, every, money } from './format'

/** One limit in force, as GET /limits and POST /policy/simulate list them. */
export type Limit = {
  scope: string; scope_id?: string | null; team_id?: string | null; kind: string; model?: string | null; window: string; unit: string; hidden?: boolean; shadow?: boolean
  limit: number | null; used: number | null; reserved: number | null; remaining: number | null; reset_at?: string | null; retry_after?: number | null; asked?: number | null; refuses?: boolean
}

const scopes: Record<string, string> = { proxy: 'Whole gateway', organization: 'Organization', team: 'Team', team_member: 'Team member', project: 'Project', user: 'User', key: 'Key', customer: 'Customer', tag: 'Tag', deployment: 'Deployment' }
export const scopeName = (s: string | null | undefined) => scopes[s ?? ''] ?? s ?? ''
const kinds: Record<string, string> = { requests: 'Requests', tokens: 'Tokens', input_tokens: 'Input tokens', output_tokens: 'Output tokens', parallel_requests: 'Requests at once', spend: 'Budget' }
export const kindName = (k: string | null | undefined) => kinds[k ?? ''] ?? (k ?? '').replaceAll('_', ' ')
export const windowName = (w: string) => (w === 'minute' ? 'per minute' : w === 'live' ? 'at once' : w === 'life' ? 'ever' : every(w))
export const amount = (v: number | null | undefined, unit: string) => (unit === 'USD' ? money(v) : count(v))
