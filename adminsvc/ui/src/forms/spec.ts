import type { ReactNode } from 'react'

export type Values = Record<string, unknown>
export type Kind =
  | 'text' | 'area' | 'int' | 'money' | 'duration' | 'models' | 'select' | 'multi' | 'metadata' | 'switch' | 'moment' | 'tags' | 'modelLimits' | 'windows' | 'password'
  | 'team' | 'project' | 'user' | 'organization' | 'budget' | 'accessGroups'

export type Field = {
  /** The API's name; what an error's param points at. */
  name: string
  label: string
  kind: Kind
  help?: ReactNode
  placeholder?: string
  required?: boolean
  full?: boolean // both columns
  options?: { value: string; label: string }[]
  /** Only when making, or only when changing. */
  on?: 'create' | 'edit'
  locked?: boolean // cannot be changed once made
  show?: (v: Values) => boolean
  /** The team whose models a models field offers; disabled until it is known, where `needs` says so. */
  modelsOf?: (v: Values) => { team?: string | null; project?: string | null }
  needs?: (v: Values) => string | null
  /** Other fields of the body this one writes. */
  names?: string[]
}

export type Section = { title: string; fields: Field[]; folded?: boolean; about?: string }

const durations = [
  { value: '1d', label: 'Each day' },
  { value: '7d', label: 'Each week' },
  { value: '30d', label: 'Each month' },
]
export const durationOptions = durations

/** The limits every scope can have. */
export const limitSection = (more: Field[] = [], folded = true): Section => ({
  title: 'Rate limits', folded, about: 'Empty is no limit; 0 admits nothing.',
  fields: [
    { name: 'rpm_limit', label: 'Requests per minute', kind: 'int' },
    { name: 'tpm_limit', label: 'Tokens per minute', kind: 'int' },
    { name: 'max_parallel_requests', label: 'Requests at once', kind: 'int' },
    { name: 'tpd_limit', label: 'Tokens per day', kind: 'int' },
    ...more,
  ],
})

export const budgetFields = (help?: string): Field[] => [
  { name: 'max_budget', label: 'Max budget', kind: 'money', help: help ?? 'Empty is no limit; 0 blocks all spending.' },
  { name: 'budget_duration', label: 'Budget resets', kind: 'duration' },
]
export const windows: Field = { name: 'budget_limits', label: 'More budget windows', kind: 'windows', full: true, help: 'All of them hold at once: for example $5 a day and $50 a month.' }
export const modelLimits: Field = { name: 'model_max_budget', names: ['model_max_budget', 'model_rpm_limit', 'model_tpm_limit'], label: 'Limits by model', kind: 'modelLimits', full: true }
export const metadata: Field = { name: 'metadata', label: 'Metadata', kind: 'metadata', full: true, help: 'Goes into each request’s log row.' }
