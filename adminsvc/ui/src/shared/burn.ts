import { day } from './format'

type Row = { spend?: number | null; max_budget?: number | null; budget_duration?: string | null; budget_reset_at?: string | null }

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

/** The lines of the burn chart: spent by day, and the projection to the window's end. */
export function burnLines(byDay: Map<string, number>, burn: Burn, now = new Date()) {
  if (!burn.start || !burn.end) return []
  const rows: { date: string; spent: number | null; projected: number | null }[] = []
  const today = day(now)
  let sum = 0
  for (const d = new Date(burn.start); d < burn.end && rows.length < 400; d.setUTCDate(d.getUTCDate() + 1)) {
    const date = d.toISOString().slice(0, 10)
    sum += byDay.get(date) ?? 0
    const ahead = Math.round((new Date(date).getTime() - new Date(today).getTime()) / 864e5)
    rows.push({ date, spent: date <= today ? sum : null, projected: date >= today ? sum + ahead * burn.perDay : null })
  }
  return rows
}
