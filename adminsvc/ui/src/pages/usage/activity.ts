import type { Day, Metrics } from '../../api/rows'

/** Whose usage: the API's family of it and the parameter that names one, the part of an answer that tells them apart, and where each has its page. */
export const scopes = [
  { id: 'project', label: 'Projects', one: 'project', path: 'project', param: 'project_ids', part: 'entities', page: '/projects/' },
  { id: 'team', label: 'Teams', one: 'team', path: 'team', param: 'team_ids', part: 'entities', page: '/teams/' },
  { id: 'organization', label: 'Organizations', one: 'organization', path: 'organization', param: 'organization_ids', part: 'entities', page: '/organizations/' },
  { id: 'user', label: 'Users', one: 'user', path: 'user', param: 'user_id', part: 'entities', page: '/users/' },
  { id: 'customer', label: 'Customers', one: 'customer', path: 'customer', param: 'end_user_ids', part: 'entities', page: '/usage?by=customer&id=' },
  { id: 'key', label: 'Keys', one: 'key', path: 'user', param: 'api_key', part: 'api_keys', page: '/keys/' },
  { id: 'model', label: 'Models', one: 'model', path: 'user', param: 'model', part: 'models', page: '/usage?by=model&id=' },
  { id: 'tag', label: 'Tags', one: 'tag', path: 'tag', param: 'tags', part: 'entities', page: '/usage?by=tag&id=' },
] as const
export type Scope = (typeof scopes)[number]['id']

export const metrics = [
  { id: 'spend', label: 'Spend' },
  { id: 'api_requests', label: 'Requests' },
  { id: 'total_tokens', label: 'Tokens' },
  { id: 'failed_requests', label: 'Errors' },
] as const
export type Metric = (typeof metrics)[number]['id']

/** The parts a day is broken into: whose usage it is comes first. */
export function parts(scope: Scope) {
  const about = scopes.find((s) => s.id === scope)!
  const rest = [{ id: 'models', label: 'Models' }, { id: 'api_keys', label: 'Keys' }, { id: 'providers', label: 'Providers' }]
  return [{ id: about.part as string, label: about.label as string }, ...rest.filter((p) => p.id !== about.part)]
}

/** The page of one thing of a part; none of what has none. */
export function pageOf(scope: Scope, part: string, id: string): string | null {
  if (!id) return null
  const about = scopes.find((s) => s.part === part && (part !== 'entities' || s.id === scope))
  return about ? about.page + encodeURIComponent(id) : null
}

/** Adds amounts of dollars as whole nano-dollars, so that no digit is lost on the way. */
export const add = (a: number, b: number) => (Math.round(a * 1e9) + Math.round(b * 1e9)) / 1e9

export type Total = { id: string; name: string; metrics: Metrics }

const zero = (): Metrics => ({ spend: 0, prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, api_requests: 0, successful_requests: 0, failed_requests: 0 })

function plus(to: Metrics, m: Metrics) {
  to.spend = add(to.spend, m.spend)
  for (const k of ['prompt_tokens', 'completion_tokens', 'total_tokens', 'api_requests', 'successful_requests', 'failed_requests'] as const) to[k] += m[k]
}

function nameOf(id: string, meta: Record<string, unknown> | undefined): string {
  for (const k of ['alias', 'key_alias', 'user_email', 'key_name']) if (typeof meta?.[k] === 'string' && meta[k]) return meta[k] as string
  return id || 'none'
}

/** Sums of a part over the days, the largest first. */
export function totals(days: Day[], part: string, by: Metric): Total[] {
  const out = new Map<string, Total>()
  for (const d of days) {
    for (const [id, s] of Object.entries(d.breakdown[part] ?? {})) {
      let t = out.get(id)
      if (!t) out.set(id, (t = { id, name: nameOf(id, s.metadata), metrics: zero() }))
      plus(t.metrics, s.metrics)
    }
  }
  return [...out.values()].sort((a, b) => b.metrics[by] - a.metrics[by] || b.metrics.spend - a.metrics.spend)
}

const most = 8

/** One row per day or week, one column per series: at most eight, and "other". Days without requests are there too. */
export function chart(days: Day[], part: string, by: Metric, from: string, to: string, weekly: boolean) {
  const top = totals(days, part, by).filter((t) => t.metrics[by] > 0)
  const shown = top.slice(0, most)
  const names = new Map(shown.map((t) => [t.id, t.name]))
  // Two things of one name are two series.
  for (const [id, name] of names) if ([...names.values()].filter((n) => n === name).length > 1) names.set(id, `${name} (${id.slice(0, 6)})`)
  const rest = top.length > most
  const rows = new Map<string, Record<string, number | string>>()
  const at = (date: string) => {
    const d = new Date(`${date}T00:00:00Z`)
    if (weekly) d.setUTCDate(d.getUTCDate() - ((d.getUTCDay() + 6) % 7))
    return d.toISOString().slice(0, 10)
  }
  for (const d = new Date(`${from}T00:00:00Z`); d <= new Date(`${to}T00:00:00Z`); d.setUTCDate(d.getUTCDate() + 1)) {
    const key = at(d.toISOString().slice(0, 10))
    if (!rows.has(key)) rows.set(key, { date: key, ...Object.fromEntries([...names.values()].map((n) => [n, 0])), ...(rest ? { other: 0 } : {}) })
  }
  for (const d of days) {
    const row = rows.get(at(d.date))
    if (!row) continue
    for (const [id, s] of Object.entries(d.breakdown[part] ?? {})) {
      const v = s.metrics[by]
      if (!v) continue
      const name = names.get(id) ?? 'other'
      row[name] = by === 'spend' ? add((row[name] as number) ?? 0, v) : ((row[name] as number) ?? 0) + v
    }
  }
  return { rows: [...rows.values()].sort((a, b) => String(a.date).localeCompare(String(b.date))), series: [...names.values(), ...(rest ? ['other'] : [])] }
}
