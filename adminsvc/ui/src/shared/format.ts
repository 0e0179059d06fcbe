/** $1,204.50; under a dollar as many digits as it needs; never a bare 0.00 for something spent. */
export function money(v: number | null | undefined): string {
  if (v === null || v === undefined || Number.isNaN(v)) return '–'
  const a = Math.abs(v)
  if (a === 0) return '$0.00'
  const sign = v < 0 ? '−' : ''
  if (a >= 1) return sign + '$' + a.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  // Three significant digits, at least cents, at most nano-dollars: what the ledger keeps.
  const digits = Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(a))))
  return sign + '$' + a.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, '$1')
}

/** All digits the ledger has. */
export const exactMoney = (v: number) => '$' + v.toFixed(9).replace(/(\.\d\d\d*?)0+$/, '$1')

export const count = (v: number | null | undefined) => (v === null || v === undefined ? '–' : v.toLocaleString('en-US'))

/** 12,345 → 12.3K, for axes and cards. */
export const short = (v: number) => Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 }).format(v)
export const shortMoney = (v: number) => (Math.abs(v) >= 1000 ? '$' + short(v) : money(v))

export const milliseconds = (v: number | null | undefined) => (v === null || v === undefined ? '–' : v < 1000 ? `${Math.round(v)} ms` : `${(v / 1000).toFixed(v < 10_000 ? 2 : 1)} s`)

const units: [Intl.RelativeTimeFormatUnit, number][] = [['year', 31536e6], ['month', 2592e6], ['day', 864e5], ['hour', 36e5], ['minute', 6e4], ['second', 1e3]]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** "3 hours ago", "in 9 days". */
export function ago(at: string | number | Date, now = Date.now()): string {
  const d = new Date(at).getTime() - now
  const [unit, size] = units.find(([, s]) => Math.abs(d) >= s) ?? ['second', 1e3]
  return relative.format(Math.round(d / size), unit)
}

export const local = (at: string | number | Date) => new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
/** The time of day to the second, with the day where it is not today: for rows that are told apart by seconds. */
export function clock(at: string | number | Date, now = new Date()): string {
  const d = new Date(at)
  const time = d.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
  if (day(d) === day(now)) return time
  return `${d.toLocaleDateString(undefined, { month: 'short', day: 'numeric', ...(d.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' }) })}, ${time}`
}
export const utc = (at: string | number | Date) => new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC')

const lengths: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month' }
/** 30d → each month, 7d → every 7 days. */
export function every(duration: string | null | undefined): string {
  if (!duration) return ''
  if (duration === '30d' || duration === '1mo') return 'each month'
  if (duration === '1d' || duration === '24h') return 'each day'
  if (duration === '7d' || duration === '1w') return 'each week'
  const m = /^(\d+)(s|m|h|d|w|mo)$/.exec(duration)
  return m ? `every ${m[1] === '1' ? '' : m[1] + ' '}${lengths[m[2]!]}${m[1] === '1' ? '' : 's'}` : `every ${duration}`
}

/** The day of the viewer, YYYY-MM-DD. */
export function day(d: Date): string {
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`
}
/** The days from and to of an address, both or none: whoever wrote it may have written anything. */
export function daysOf(get: (name: string) => string): [string, string] {
  const days = [get('from'), get('to')] as [string, string]
  return days.every((d) => /^\d{4}-\d\d-\d\d$/.test(d) && !Number.isNaN(Date.parse(d))) ? days : ['', '']
}
export const daysAgo = (n: number, from = new Date()) => new Date(from.getFullYear(), from.getMonth(), from.getDate() - n)
