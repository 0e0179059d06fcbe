import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { Facts } from './Facts'
import { count, every, money } from './format'

type Row = {
  max_budget?: number | null; budget_duration?: string | null; soft_budget?: number | null; rpm_limit?: number | null; tpm_limit?: number | null; tpd_limit?: number | null; max_parallel_requests?: number | null
  model_max_budget?: unknown; [more: string]: unknown
}

const of = (m: unknown, unit: string) => Object.entries((m ?? {}) as Record<string, unknown>).map(([k, v]) => `${k}: ${count(v as number)} ${unit}`)

/** The limits that are set, in words. */
export function Limits({ row, none = 'None of its own.' }: { row: Row; none?: string }) {
  const budgets = Object.entries((row.model_max_budget ?? {}) as Record<string, unknown>).map(([k, v]) => {
    const b = (v && typeof v === 'object' ? v : { budget_limit: v }) as Record<string, unknown>
    return `${k}: ${money((b.budget_limit ?? b.max_budget) as number)} ${every((b.time_period ?? b.budget_duration) as string)}`
  })
  const windows = ((row.budget_limits ?? []) as { max_budget: number; budget_duration: string }[]).map((w) => `${money(w.max_budget)} ${every(w.budget_duration)}`)
  const lines = (xs: string[]): ReactNode => (xs.length ? xs.map((x) => <div key={x}>{x}</div>) : null)
  const has = (v: unknown) => v !== null && v !== undefined
  const rows: [string, ReactNode][] = [
    ['Max budget', has(row.max_budget) ? `${money(row.max_budget)} ${every(row.budget_duration)}` : null],
    ['Budget windows', lines(windows)],
    ['Soft budget', has(row.soft_budget) ? money(row.soft_budget) : null],
    ['Requests per minute', has(row.rpm_limit) ? count(row.rpm_limit) : null],
    ['Tokens per minute', has(row.tpm_limit) ? count(row.tpm_limit) : null],
    ['Tokens per day', has(row.tpd_limit) ? count(row.tpd_limit) : null],
    ['Requests at once', has(row.max_parallel_requests) ? count(row.max_parallel_requests) : null],
    ['Budget by model', lines(budgets)],
    ['By model', lines([...of(row.model_rpm_limit, 'requests/min'), ...of(row.model_tpm_limit, 'tokens/min')])],
  ]
  if (rows.every(([, v]) => !v)) return <Text size="sm" c="dimmed">{none}</Text>
  return <Facts rows={rows} />
}
