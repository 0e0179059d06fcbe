import { day } from '../shared/format'
import { type ModelLimit, fromModelLimits, toModelLimits } from './modelLimits'
import type { Field, Section, Values } from './spec'

const lists = new Set(['models', 'multi', 'tags', 'accessGroups'])

/** The viewer's wall clock, as an input of type datetime-local has it. */
const clock = (d: Date) => `${day(d)}T${String(d.getHours()).padStart(2, '0')}:${String(d.getMinutes()).padStart(2, '0')}`

/** What a field of the form holds for a row of the API. */
function read(f: Field, row: Record<string, unknown> | null): unknown {
  if (f.kind === 'modelLimits') return toModelLimits(row ?? {})
  const v = row?.[f.name]
  if (f.kind === 'switch') return v === true
  if (lists.has(f.kind) || f.kind === 'windows') return Array.isArray(v) ? v : []
  if (f.kind === 'metadata') return v && typeof v === 'object' ? v : {}
  if (f.kind === 'int' || f.kind === 'money') return v ?? ''
  if (f.kind === 'moment') return v ? clock(new Date(v as string)) : ''
  return v ?? ''
}

/** The fields of the body that a field of the form writes; null is "none". */
function write(f: Field, value: unknown): Record<string, unknown> {
  if (f.kind === 'modelLimits') return fromModelLimits(value as ModelLimit[])
  if (f.kind === 'text' || f.kind === 'area' || f.kind === 'duration') return { [f.name]: String(value ?? '').trim() || null }
  if (f.kind === 'moment') return { [f.name]: value ? new Date(value as string).toISOString() : null }
  if (f.kind === 'windows') {
    const rows = (value as { budget_duration?: string; max_budget?: number | '' }[]).filter((w) => w.budget_duration && w.max_budget !== '')
    return { [f.name]: rows.length ? rows : null }
  }
  if (f.kind === 'metadata') return { [f.name]: Object.keys(value as object).length ? value : null }
  if (lists.has(f.kind)) return { [f.name]: value }
  return { [f.name]: value === '' || value === undefined ? null : value }
}

export const fieldsOf = (sections: Section[], editing: boolean) => sections.flatMap((s) => s.fields).filter((f) => !f.on || (f.on === 'edit') === editing)

export function initialValues(sections: Section[], row: Record<string, unknown> | null, preset: Values = {}): Values {
  const out: Values = {}
  for (const f of sections.flatMap((s) => s.fields)) out[f.name] = f.name in preset ? preset[f.name] : read(f, row)
  return out
}

const empty = (v: unknown) => v === null || v === false || (Array.isArray(v) && v.length === 0)

/** The body to send: when making, what was filled in; when changing, what differs, where null clears. */
export function bodyOf(sections: Section[], values: Values, row: Record<string, unknown> | null): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const f of fieldsOf(sections, row !== null)) {
    if (row && f.locked) continue
    if (f.show && !f.show(values)) continue
    const now = write(f, values[f.name])
    const before = row ? write(f, read(f, row)) : {}
    for (const [name, v] of Object.entries(now)) {
      if (row ? JSON.stringify(v) !== JSON.stringify(before[name]) : !empty(v)) out[name] = v
    }
  }
  return out
}

/** What can be said before asking the API: the same rules, from its document where it has them. */
export function problems(sections: Section[], values: Values, editing: boolean): Record<string, string> {
  const out: Record<string, string> = {}
  for (const f of fieldsOf(sections, editing)) {
    if (f.show && !f.show(values)) continue
    const v = values[f.name]
    if (f.required && (v === '' || v === null || v === undefined || (Array.isArray(v) && !v.length))) out[f.name] = `${f.label} is required`
    if ((f.kind === 'int' || f.kind === 'money') && v !== '' && v !== null && v !== undefined) {
      if (typeof v !== 'number' || !Number.isFinite(v)) out[f.name] = 'Enter a number'
      else if (v < 0) out[f.name] = `${f.label} must not be negative`
      else if (f.kind === 'int' && !Number.isInteger(v)) out[f.name] = 'Enter a whole number'
    }
    if (f.kind === 'duration' && v && !/^\d+(s|m|h|d|w|mo)$/.test(String(v))) out[f.name] = 'A number and a unit: 30s, 15m, 24h, 7d, 1mo'
  }
  return out
}
