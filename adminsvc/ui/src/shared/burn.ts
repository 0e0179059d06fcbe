import { day } from './format'

export type Row = { spend?: number | null; max_budget?: number | null; budget_duration?: string | null; budget_reset_at?: string | null }

/** When the budget's window began; null for one that never resets or is shorter than a day. */
export function windowStart(row: Row): Date | null {
  if (!row.budget_reset_at || !row.budget_duration) return null
  const end = new Date(row.budget_reset_at)
  if (row.budget_duration === '30d' || row.budget_duration === '1mo') return new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() - 1, end.getUTCDate()))
  const m = /^(\d+)(d|w|mo)$/.exec(row.budget_duration)
  if (!m) return null
  const n = Number(m[1])
  if (m[2] === 'mo') return new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() - n, end.getUTCDate()))
  return new Date(end.getTime() - n * (m[2] === 'w' ? 7 : 1) * 864e5)
}

export type Burn = { part: number; runsOut: Date | null; start: Date | null; end: Date | null; perDay: number }

/** How far a budget is used, and when it runs out if spending goes on as it has in this window; null where it has no budget. */
export function burnOf(row: Row, now = new Date()): Burn | null {
  const limit = row.max_budget
  if (limit === null || limit === undefined || limit <= 0) return null
  const spend = row.spend ?? 0
  const start = windowStart(row)
  const end = row.budget_reset_at ? new Date(row.budget_reset_at) : null
  // A window that has just begun says little: it counts as a day.
  const days = start ? Math.max(1, (now.getTime() - start.getTime()) / 864e5) : 0
  const perDay = days ? spend / days : 0
  let runsOut: Date | null = null
  if (spend >= limit) runsOut = now
  else if (perDay > 0) {
    const at = new Date(now.getTime() + ((limit - spend) / perDay) * 864e5)
    if (!end || at < end) runsOut = at
  }
  return { part: spend / limit, runsOut, start, end, perDay }
}

/** A budget that never resets has no window whose pace tells: that of the days there are figures of, at most the last 30. */
export function lifetimeBurn(row: Row, from: Date, byDay: Map<string, number>, now = new Date()): Burn {
  const limit = row.max_budget ?? 0, spend = row.spend ?? 0
  let lately = 0
  for (const v of byDay.values()) lately += v
  const perDay = lately / Math.max(1, (now.getTime() - from.getTime()) / 864e5)
  const at = perDay > 0 ? now.getTime() + ((limit - spend) / perDay) * 864e5 : Infinity
  const runsOut = spend >= limit ? now : at < now.getTime() + 10 * 365 * 864e5 ? new Date(at) : null
  // As far again as is known, or to where it ends.
  const ahead = now.getTime() + Math.max(7 * 864e5, now.getTime() - from.getTime())
  return { part: spend / limit, runsOut, start: from, end: new Date(Math.min(ahead, Math.max(at + 2 * 864e5, now.getTime() + 2 * 864e5))), perDay }
}

/** The lines of the burn chart: spent by day, from what was spent before, and the projection to the end. */
export function burnLines(byDay: Map<string, number>, burn: Burn, before = 0, now = new Date()) {
  if (!burn.start || !burn.end) return []
  const rows: { date: string; spent: number | null; projected: number | null }[] = []
  const today = day(now)
  let sum = before
  for (const d = new Date(Date.UTC(burn.start.getUTCFullYear(), burn.start.getUTCMonth(), burn.start.getUTCDate())); d < burn.end && rows.length < 400; d.setUTCDate(d.getUTCDate() + 1)) {
    const date = d.toISOString().slice(0, 10)
    sum += byDay.get(date) ?? 0
    const ahead = Math.round((new Date(date).getTime() - new Date(today).getTime()) / 864e5)
    rows.push({ date, spent: date <= today ? sum : null, projected: date >= today ? sum + ahead * burn.perDay : null })
  }
  return rows
}
